-- Feature flags and holds: reasons not to send, which take effect at once and for certain.

create table composer.flags_version (
    only_row boolean primary key default true check (only_row),
    version bigint not null
);
insert into composer.flags_version (version) values (1);

create table composer.features (
    name text primary key,
    gates text not null,
    percentage integer not null default 0 check (percentage between 0 and 100),
    salt text not null,           -- frozen: a renamed flag keeps its accounts
    requires text references composer.features,
    owner text not null default '',
    notes text not null default '',
    version bigint not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    check (requires <> name)
);

-- The row whose account_id is null is the switch. Without it on, nothing of the feature is on for anybody.
create table composer.account_features (
    id bigint primary key generated always as identity,
    feature_name text not null references composer.features,
    account_id uuid references composer.accounts,
    enabled boolean not null,
    updated_at timestamptz not null default now(),
    unique nulls not distinct (feature_name, account_id)
);
create index account_features_account_id on composer.account_features (account_id);

create table composer.holds (
    id uuid primary key default gen_random_uuid(),
    kind text not null check (kind in ('everything', 'platform', 'account', 'connection')),
    platform text check (platform in ('bluesky', 'google_business', 'twitter', 'slack')),
    account_id uuid references composer.accounts,
    connection_id uuid,
    reason text not null check (btrim(reason) <> ''),
    placed_by uuid references composer.operators,
    placed_at timestamptz not null default now(),
    lifted_at timestamptz,
    lifted_by uuid references composer.operators,
    foreign key (account_id, connection_id) references composer.connections (account_id, id),
    check (case kind when 'everything' then num_nonnulls(platform, account_id, connection_id) = 0
                     when 'platform' then platform is not null and num_nonnulls(account_id, connection_id) = 0
                     when 'account' then account_id is not null and num_nonnulls(platform, connection_id) = 0
                     else account_id is not null and connection_id is not null and platform is null end)
);
create index holds_placed on composer.holds (kind) where lifted_at is null;
create index holds_account on composer.holds (account_id, connection_id);

-- Every intent holds the gate shared, first and alone; a flip takes it exclusively. So once a flip has returned,
-- no intent that read the flags before it can still commit.
create function composer.pass_gate() returns trigger
language plpgsql security definer set search_path = composer, pg_temp as $$
begin
    perform pg_advisory_xact_lock(9, 1);
    update flags_version set version = version + 1;
    return null;
end
$$;
revoke all on function composer.pass_gate() from public;
create trigger gate before insert or update or delete on composer.features
    for each statement execute function composer.pass_gate();
create trigger gate before insert or update or delete on composer.account_features
    for each statement execute function composer.pass_gate();
create trigger gate before insert or update or delete on composer.holds
    for each statement execute function composer.pass_gate();

create function composer.touch() returns trigger language plpgsql as $$
begin
    new.updated_at := now();
    return new;
end
$$;
create trigger touched before update on composer.features for each row execute function composer.touch();
create trigger touched before update on composer.account_features for each row execute function composer.touch();

do $$
declare t text;
begin
    foreach t in array array['account_features', 'holds'] loop
        execute format('alter table composer.%I enable row level security', t);
        execute format('alter table composer.%I force row level security', t);
        execute format('create policy seen on composer.%I for select to composer_app, composer_worker
            using (account_id is null or account_id = any ((select composer.visible_accounts())::uuid[]))', t);
        execute format('create policy added on composer.%I for insert to composer_app with check
            ((select composer.may_release()) and (account_id is null or account_id = (select composer.writable_account())))', t);
        execute format('create policy changed on composer.%I for update to composer_app using
            ((select composer.may_release()) and (account_id is null or account_id = (select composer.writable_account())))', t);
        execute format('create policy counted on composer.%I for select to composer_report using (true)', t);
        execute format('create policy managed on composer.%I to composer_admin using (true) with check (true)', t);
    end loop;
end
$$;
create policy removed on composer.account_features for delete to composer_app using
    ((select composer.may_release()) and account_id = (select composer.writable_account()));
-- The customer's statement names no account: it must reach every row, and reaches no other table.
create policy rollback_reads on composer.account_features for select to composer_oncall using (true);
create policy rollback_turns_off on composer.account_features for update to composer_oncall
    using (true) with check (not enabled);

alter table composer.features enable row level security;
alter table composer.features force row level security;
create policy seen on composer.features for select to composer_app, composer_worker, composer_report using (true);
create policy added on composer.features for insert to composer_app with check ((select composer.may_release()));
create policy changed on composer.features for update to composer_app using ((select composer.may_release()));
create policy managed on composer.features to composer_admin using (true) with check (true);

grant select on composer.flags_version to composer_app, composer_worker, composer_report;
grant select, insert, update (gates, percentage, requires, owner, notes, version, updated_at) on composer.features to composer_app;
grant select, insert, update (enabled, updated_at), delete on composer.account_features to composer_app;
grant select, insert, update (lifted_at, lifted_by) on composer.holds to composer_app;
grant select on composer.features, composer.account_features, composer.holds to composer_worker, composer_report;
grant select, insert, update on composer.features, composer.account_features, composer.holds to composer_admin;
grant select, update (enabled) on composer.account_features to composer_oncall;
