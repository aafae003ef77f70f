-- What has gone out of each rate budget, in slots of a sixtieth of its window. Holds no content.
create table composer.spendings (
    payer text not null,          -- whom the platform counts: 'connection …', 'grant …' or 'platform …'
    window_seconds integer not null check (window_seconds > 0),
    slot bigint not null,         -- which sixtieth, counted since 1970
    spent integer not null check (spent >= 0),
    primary key (payer, window_seconds, slot)
) with (fillfactor = 70);
alter table composer.spendings enable row level security;
alter table composer.spendings force row level security;
-- Like lanes: who sends how often, across accounts, is the workers' business and nobody else's.
create policy counted on composer.spendings to composer_worker using (true) with check (true);
grant select, insert, update, delete on composer.spendings to composer_worker;

-- Each platform has slots of its own in a worker, so that a slow one keeps no other waiting.
drop index composer.lanes_ready;
create index lanes_ready_of_platform on composer.lanes (platform, ready_at) where owner is null and ready_at < 'infinity';
