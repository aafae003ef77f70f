-- name: composer_page_views
-- grain: one row for the span and the accounts that the scope sees
-- units: views (openings of the compose page; drawing it again is none)
-- reads: events
-- meaning: how often staff open the composer; behaviour of launch.yaml
select count(*) as views
from composer.events
where name = 'page.viewed' and detail ->> 'page' = 'compose' and at >= :since and at < :until
