-- name: composer_abandonment
-- grain: one row for the span and the accounts that the scope sees
-- units: texts
-- reads: events, drafts
-- meaning: of the texts begun in the span and at least a day before its end: how many were neither submitted nor
--   written to for a day. A text that was discarded is abandoned at once
with begun as (
    select account_id, detail ->> 'composition' as composition, min(at) as at
    from composer.events
    where name = 'composition.begun' and at >= :since and at < :until - interval '1 day'
    group by account_id, detail ->> 'composition'
)
select count(*) as begun, count(*) filter (where not exists (
        select from composer.events s
        where s.account_id = b.account_id and s.name = 'post.submitted' and s.at >= b.at
          and s.detail ->> 'composition' = b.composition
    ) and not exists (
        select from composer.drafts d
        where d.account_id = b.account_id and d.submit_token::text = b.composition
          and d.updated_at > :until - interval '1 day'
    )) as abandoned
from begun b
