-- When the database's own clock was last seen to jump forwards: an absence seen soon after proves nothing.
create table composer.clock (
    only_row boolean primary key default true check (only_row),
    jumped_at timestamptz not null default '-infinity'
);
insert into composer.clock default values;
alter table composer.clock enable row level security;
alter table composer.clock force row level security;
create policy watched on composer.clock to composer_worker using (true) with check (true);
grant select, update (jumped_at) on composer.clock to composer_worker;
