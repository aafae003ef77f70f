-- Admins manage accounts and people from the dashboard, in a scope of its own kind; what they change is audited by the
-- database itself. A sign-in that nothing was picked from can be given back.

alter table composer.accounts
    add column website text check (website ~ '^https?://' and length(website) <= 300),
    add column brand_names text[] not null default '{}'
        check (cardinality(brand_names) <= 30 and array_position(brand_names, '') is null);

-- Is an admin managing? Only `operator_scope` signs this kind of context: what somebody smuggles into a statement
-- anywhere else changes no account and nobody's roles, not even in an admin's own transaction.
create function composer.managing() returns boolean
language sql stable security definer set search_path = composer, pg_temp as $$
    select coalesce((composer_private.verified_context()).kind = 'operator', false) and may_manage()
$$;

-- Who is signed in: counted, never the tokens.
create function composer.sign_ins_open(idle interval, longest interval)
returns table (operator_id uuid, open bigint, seen_at timestamptz)
language sql stable security definer set search_path = composer, pg_temp as $$
    select s.operator_id, count(*) filter (where s.ended_at is null and s.seen_at > now() - idle
                                           and s.started_at > now() - longest), max(s.seen_at)
    from sign_ins s where managing() group by s.operator_id
$$;

create function composer.end_sign_ins(of_operator uuid) returns bigint
language sql security definer set search_path = composer, pg_temp as $$
    with ended as (update sign_ins set ended_at = now()
                   where operator_id = of_operator and ended_at is null and managing() returning 1)
    select count(*) from ended
$$;

-- Whoever is deactivated is out at once, and what they opened stays ended when they come back.
create function composer.end_what_they_opened() returns trigger
language plpgsql security definer set search_path = composer, pg_temp as $$
begin
    update sign_ins set ended_at = now() where operator_id = new.id and ended_at is null;
    update api_tokens set revoked_at = now() where operator_id = new.id and revoked_at is null;
    return null;
end
$$;

-- Nobody locks everybody out: an admin who can sign in remains, for whoever asks and by whatever way. The lock has two
-- admins who take each other's role away at the same moment follow one another.
create function composer.keep_an_admin() returns trigger
language plpgsql security definer set search_path = composer, pg_temp as $$
declare
    lost_one_bound boolean;
begin
    select bool_or(b.issuer is not null) into lost_one_bound
    from before b join after a on a.id = b.id
    where b.active and b.roles && array['admin'] and not (a.active and a.roles && array['admin']);
    if lost_one_bound is null then return null; end if;
    perform pg_advisory_xact_lock(9, 2);
    if not exists (select from operators
                   where active and roles && array['admin'] and (issuer is not null or not lost_one_bound)) then
        raise exception 'this is the last admin who can sign in'
            using errcode = 'restrict_violation', constraint = 'keep_an_admin';
    end if;
    return null;
end
$$;

-- What is in use where, in numbers alone: an admin may manage an account without seeing what it writes.
create function composer.accounts_in_use()
returns table (account_id uuid, platform text, connections bigint)
language sql stable security definer set search_path = composer, pg_temp as $$
    select c.account_id, c.platform, count(*) from connections c
    where c.disconnected_at is null and managing() group by c.account_id, c.platform
$$;

create function composer.planned(of_account uuid, by_operator uuid)
returns table (posts bigint, first_due timestamptz)
language sql stable security definer set search_path = composer, pg_temp as $$
    select count(distinct d.post_id), min(d.due_at)
    from deliveries d join posts p on p.account_id = d.account_id and p.id = d.post_id
    where d.state = 'queued' and d.due_at > now() and managing()
      and (of_account is null or d.account_id = of_account) and (by_operator is null or p.author_id = by_operator)
$$;

create or replace function composer.audit_change() returns trigger
language plpgsql security definer set search_path = composer, pg_temp as $$
declare
    was jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) end;
    becomes jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) end;
    key text := case tg_table_name when 'accounts' then 'id' else 'account_id' end;
begin
    insert into audit_log (actor, account_id, action, detail)
    values (coalesce((composer_private.verified_context()).operator_id::text, session_user),
            nullif(coalesce(becomes, was) ->> key, '')::uuid,
            tg_table_name || '.' || lower(tg_op),
            jsonb_strip_nulls(jsonb_build_object('before', was, 'after', becomes,
                                                 'reason', nullif(current_setting('composer.reason', true), ''))));
    return null;
end
$$;
create index audit_log_action on composer.audit_log (action, seq);

create policy managed_here on composer.accounts to composer_app
    using ((select composer.managing())) with check ((select composer.managing()));
create policy managed_here on composer.operators to composer_app
    using ((select composer.managing())) with check ((select composer.managing()));
create policy managed_here on composer.memberships to composer_app
    using ((select composer.managing())) with check ((select composer.managing()));
create policy managed_seen on composer.audit_log for select to composer_app
    using ((select composer.managing()) and action ~ '^(accounts|operators|memberships|token)[.]');

-- Neither an address nor an identity can be changed: either would make one operator out of another.
grant insert (name, colour, time_zone, plan, website, brand_names),
    update (name, colour, time_zone, plan, website, brand_names) on composer.accounts to composer_app;
grant insert (name, email, roles, every_account), update (name, roles, every_account, active)
    on composer.operators to composer_app;
grant insert (operator_id, account_id), delete on composer.memberships to composer_app;

grant create on schema composer to composer_admin, composer_report;
alter function composer.managing() owner to composer_admin;
alter function composer.sign_ins_open(interval, interval) owner to composer_admin;
alter function composer.end_sign_ins(uuid) owner to composer_admin;
alter function composer.end_what_they_opened() owner to composer_admin;
alter function composer.keep_an_admin() owner to composer_admin;
alter function composer.accounts_in_use() owner to composer_report;
alter function composer.planned(uuid, uuid) owner to composer_report;
revoke create on schema composer from composer_admin, composer_report;
set local role composer_admin;
revoke all on function composer.managing(), composer.sign_ins_open(interval, interval), composer.end_sign_ins(uuid),
    composer.end_what_they_opened(), composer.keep_an_admin() from public;
grant execute on function composer.managing() to composer_app, composer_report;
grant execute on function composer.sign_ins_open(interval, interval), composer.end_sign_ins(uuid) to composer_app;
grant execute on function composer.end_what_they_opened(), composer.keep_an_admin() to composer_owner;
set local role composer_report;
revoke all on function composer.accounts_in_use(), composer.planned(uuid, uuid) from public;
grant execute on function composer.accounts_in_use(), composer.planned(uuid, uuid) to composer_app;
set local role composer_owner;

create trigger audited after insert or update on composer.accounts
    for each row execute function composer.audit_change();
create trigger audited after insert or update on composer.operators
    for each row execute function composer.audit_change();
create trigger audited after insert or delete on composer.memberships
    for each row execute function composer.audit_change();
create trigger ended after update on composer.operators
    for each row when (old.active and not new.active) execute function composer.end_what_they_opened();
create trigger kept after update on composer.operators referencing old table as before new table as after
    for each statement execute function composer.keep_an_admin();

-- How the last posts through a connection went.
create index deliveries_ended on composer.deliveries (account_id, connection_id, changed_at desc, id desc)
    where state in ('confirmed', 'failed', 'missed', 'needs_review');

-- A duty for a sign-in that has no connection, and so no lane that would say which platform it is of.
alter table composer.duties
    alter column connection_id drop not null,
    add column grant_id uuid,
    add column platform text check (platform in ('bluesky', 'google_business', 'twitter', 'slack')),
    add foreign key (account_id, grant_id) references composer.grants (account_id, id),
    add constraint duties_of_what check (connection_id is not null
        or (kind = 'revoke' and grant_id is not null and platform is not null));
create index duties_grant on composer.duties (account_id, grant_id) where grant_id is not null;
