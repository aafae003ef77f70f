-- name: composer_time_to_submit
-- grain: one row for the span and the accounts that the scope sees
-- units: posts; seconds, median and average; null where no post was submitted
-- reads: events
-- meaning: from the last opening of the compose page on a draft to submitting it; posts through the API were never
--   opened there and do not count. Target of launch.yaml: below 30 on average
with submitted as (
    select account_id, at, detail ->> 'composition' as composition
    from composer.events
    where name = 'post.submitted' and at >= :since and at < :until
),
timed as (
    select extract(epoch from s.at - o.at) as seconds
    from submitted s
    cross join lateral (
        select at from composer.events o
        where o.account_id = s.account_id and o.name = 'composition.opened' and o.at <= s.at
          and o.detail ->> 'composition' = s.composition
        order by o.at desc limit 1
    ) o
)
select count(*) as submitted, percentile_cont(0.5) within group (order by seconds) as seconds,
    avg(seconds) as average_seconds
from timed
