-- An account's authorised ways to platforms, the sign-ins that open them, and the workers that use them.

create table composer.workers (
    no integer primary key generated always as identity,
    name text not null,
    version text not null,
    concurrency integer not null check (concurrency > 0),
    pulse_pid integer not null,   -- the server process of the session that holds the worker's lock
    started_at timestamptz not null default now(),
    beat_at timestamptz not null default now(),
    stopped_at timestamptz
);

create table composer.grants (
    account_id uuid not null references composer.accounts,
    id uuid not null default gen_random_uuid(),
    platform text not null check (platform in ('bluesky', 'google_business', 'twitter', 'slack')),
    service text not null,        -- the server that knows this sign-in, as a URL
    subject text not null,        -- who signed in there, by an id that does not change (Bluesky: the DID)
    sealed bytea not null,        -- readable by the worker alone, and only with the master key
    version integer not null default 1 check (version > 0),
    refreshing_until timestamptz,
    expires_at timestamptz,       -- of what can be refreshed; null if nobody said
    reconnect_since timestamptz,  -- set when only signing in again can help
    reconnect_because text,
    created_at timestamptz not null default now(),
    primary key (account_id, id),
    unique (account_id, platform, service, subject)
);

create table composer.connections (
    account_id uuid not null references composer.accounts,
    id uuid not null default gen_random_uuid(),
    grant_id uuid not null,
    platform text not null check (platform in ('bluesky', 'google_business', 'twitter', 'slack')),
    target_id text not null,
    name text not null check (btrim(name) <> ''),
    connected_by uuid references composer.operators,
    connected_at timestamptz not null default now(),
    checked_at timestamptz,
    check_failure text,           -- what the last check found wrong; null when it was fine
    disconnected_at timestamptz,
    primary key (account_id, id),
    unique (account_id, platform, target_id),
    foreign key (account_id, grant_id) references composer.grants (account_id, id)
);
create index connections_grant_id on composer.connections (account_id, grant_id);

-- The queue of one connection, without content: all that a worker sees before it opens the account's scope.
create table composer.lanes (
    connection_id uuid primary key,
    account_id uuid not null,
    grant_id uuid not null,
    platform text not null,
    due_at timestamptz not null default 'infinity',       -- of the earliest delivery that waits
    not_before timestamptz not null default '-infinity',  -- the platform asked us to wait until then
    ready_at timestamptz not null generated always as (greatest(due_at, not_before)) stored,
    owner integer references composer.workers,
    claim_no bigint not null default 0,
    unique (account_id, connection_id),
    foreign key (account_id, connection_id) references composer.connections (account_id, id) on delete cascade,
    foreign key (account_id, grant_id) references composer.grants (account_id, id)
) with (fillfactor = 70);
create index lanes_ready on composer.lanes (ready_at) where owner is null and ready_at < 'infinity';
create index lanes_owner on composer.lanes (owner) where owner is not null;
create index lanes_grant on composer.lanes (account_id, grant_id);

-- What a worker does with a stored secret besides publishing: asked for on a page or by the calendar.
create table composer.duties (
    account_id uuid not null references composer.accounts,
    id uuid not null default gen_random_uuid(),
    kind text not null check (kind in ('check', 'revoke')),
    connection_id uuid not null,
    asked_by uuid references composer.operators,
    asked_at timestamptz not null default now(),
    due_at timestamptz not null default now(),
    done_at timestamptz,
    outcome text,                 -- in words; null while it waits
    primary key (account_id, id),
    foreign key (account_id, connection_id) references composer.connections (account_id, id)
);
create index duties_due on composer.duties (due_at) where done_at is null;
create index duties_connection on composer.duties (account_id, connection_id);

do $$
declare t text;
begin
    foreach t in array array['grants', 'connections', 'lanes', 'duties'] loop
        execute format('alter table composer.%I enable row level security', t);
        execute format('alter table composer.%I force row level security', t);
        execute format('create policy seen on composer.%I for select to composer_app, composer_worker
                        using (account_id = any ((select composer.visible_accounts())::uuid[]))', t);
        execute format('create policy added on composer.%I for insert to composer_app, composer_worker
                        with check (account_id = (select composer.writable_account()))', t);
        execute format('create policy changed on composer.%I for update to composer_app, composer_worker
                        using (account_id = (select composer.writable_account()))', t);
        execute format('create policy removed on composer.%I for delete to composer_app
                        using (account_id = (select composer.writable_account()))', t);
        execute format('create policy counted on composer.%I for select to composer_report using (true)', t);
    end loop;
end
$$;
-- A worker looks for work across accounts; neither table holds content.
create policy claimed on composer.lanes to composer_worker using (true) with check (true);
create policy claimed on composer.duties for select to composer_worker using (true);
create policy taken on composer.duties for update to composer_worker using (true);

grant select, insert, update on composer.workers to composer_worker;
grant select on composer.workers to composer_app, composer_report;
-- Everything of a grant but its secret.
grant select (account_id, id, platform, service, subject, version, refreshing_until, expires_at, reconnect_since,
    reconnect_because, created_at), insert,
    update (sealed, version, expires_at, refreshing_until, reconnect_since, reconnect_because)
    on composer.grants to composer_app;
grant select, update on composer.grants to composer_worker;
grant select (account_id, id, platform, expires_at, reconnect_since, created_at) on composer.grants to composer_report;
grant select, insert, update on composer.connections to composer_app;
grant select, update (checked_at, check_failure, name) on composer.connections to composer_worker;
grant select on composer.connections to composer_report;
grant select, insert, update (due_at, grant_id) on composer.lanes to composer_app;
grant select, update (due_at, not_before, owner, claim_no) on composer.lanes to composer_worker;
grant select on composer.lanes, composer.duties to composer_report;
grant select, insert on composer.duties to composer_app;
grant select, insert, update (due_at, done_at, outcome) on composer.duties to composer_worker;
