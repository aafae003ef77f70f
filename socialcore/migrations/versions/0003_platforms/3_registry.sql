-- Sign-ins by browser, what a sign-in allows and when it ends, and checks that the workers make by themselves.

-- An operator on the way to a platform and back. The state that the platform hands back is kept as a hash only.
create table composer.departures (
    account_id uuid not null references composer.accounts,
    id uuid not null default gen_random_uuid(),
    operator_id uuid not null references composer.operators,
    platform text not null check (platform in ('bluesky', 'google_business', 'twitter', 'slack')),
    connection_id uuid,           -- the one to renew; null: a new sign-in
    state_hash bytea not null,
    sealed bytea,                 -- what `depart` wants back in `connect`; gone once it was used
    started_at timestamptz not null default now(),
    expires_at timestamptz not null,
    returned_at timestamptz,      -- a state is good once
    grant_id uuid,                -- what it came to: a sign-in,
    outcome text,                 -- or why there is none, in words
    primary key (account_id, id),
    unique (account_id, state_hash),
    foreign key (account_id, connection_id) references composer.connections (account_id, id),
    foreign key (account_id, grant_id) references composer.grants (account_id, id),
    check (returned_at is null or sealed is null)
);
create index departures_operator_id on composer.departures (account_id, operator_id);

alter table composer.departures enable row level security;
alter table composer.departures force row level security;
create policy seen on composer.departures for select to composer_app
    using (account_id = any ((select composer.visible_accounts())::uuid[]));
create policy added on composer.departures for insert to composer_app
    with check (account_id = (select composer.writable_account()));
create policy changed on composer.departures for update to composer_app
    using (account_id = (select composer.writable_account()));
create policy removed on composer.departures for delete to composer_app
    using (account_id = (select composer.writable_account()));
grant select, insert, update (sealed, returned_at, grant_id, outcome), delete on composer.departures to composer_app;

alter table composer.grants
    add column ends_at timestamptz,          -- from then on only signing in again helps; null if nobody said
    add column permissions text[],           -- what was allowed; null if the platform does not say
    add column targets jsonb not null default '[]',  -- what it opens: id, name, detail
    add column warned_days integer,          -- of its end: 7, then 1
    add column reconnected_from timestamptz; -- it works again, and did not from then on
grant select (ends_at, permissions, targets, warned_days, reconnected_from),
    update (ends_at, permissions, targets, warned_days, reconnected_from) on composer.grants to composer_app;

alter table composer.connections
    add column detail text not null default '',          -- tells it from another of the same name
    add column named_by_us boolean not null default false,
    add column health text check (health in ('fine', 'degraded', 'reconnect', 'down')),  -- what the last check showed
    add column check_ms integer;                         -- how long the platform took to answer it
grant update (health, check_ms) on composer.connections to composer_worker;

-- Every connection there is gets checked soon; what is connected from now on says when.
alter table composer.lanes add column check_at timestamptz not null default now();
alter table composer.lanes alter column check_at set default 'infinity';
create index lanes_check on composer.lanes (check_at) where check_at < 'infinity';
grant update (check_at) on composer.lanes to composer_app, composer_worker;

-- Is this sign-in in use elsewhere, also by another account? Giving it back would end that, too: some platforms know
-- one sign-in per person.
create function composer.grant_is_used(of_account uuid, of_grant uuid) returns boolean
language sql stable security definer set search_path = composer, pg_temp as $$
    select exists (
        select from grants g
        join grants same on same.platform = g.platform and same.service = g.service and same.subject = g.subject
        join connections c on c.account_id = same.account_id and c.grant_id = same.id
        where g.account_id = of_account and g.id = of_grant and c.disconnected_at is null)
$$;
grant usage, create on schema composer to composer_keys;
alter function composer.grant_is_used(uuid, uuid) owner to composer_keys;
revoke create on schema composer from composer_keys;
set local role composer_keys;
revoke all on function composer.grant_is_used(uuid, uuid) from public;
grant execute on function composer.grant_is_used(uuid, uuid) to composer_worker;
set local role composer_owner;

-- composer_keys sees sign-ins across all accounts, sealed: python -m socialcore keys puts them under a new master key,
-- without opening them.
create policy rewrapped on composer.grants to composer_keys using (true);
create policy rewrapped on composer.departures to composer_keys using (true);
create policy used on composer.connections for select to composer_keys using (true);
grant select (account_id, id, platform, service, subject, version, sealed), update (sealed)
    on composer.grants to composer_keys;
grant select (account_id, id, sealed), update (sealed) on composer.departures to composer_keys;
grant select (account_id, grant_id, disconnected_at) on composer.connections to composer_keys;
