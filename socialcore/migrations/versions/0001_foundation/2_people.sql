-- Accounts, and the operators who act for them.

create table composer.accounts (
    id uuid primary key default gen_random_uuid(),
    name text not null unique check (name = btrim(name) and name <> ''),
    colour text not null check (colour ~ '^#[0-9a-f]{6}$'),
    time_zone text not null,
    plan text not null default 'basic',
    created_at timestamptz not null default now()
);

create table composer.operators (
    id uuid primary key default gen_random_uuid(),
    name text not null check (btrim(name) <> ''),
    email text not null unique check (email = lower(email) and email like '%_@_%'),
    issuer text,     -- of the identity provider; null until the first sign-in
    subject text,
    roles text[] not null check (roles <@ array['publisher', 'product_owner', 'qa', 'admin'] and cardinality(roles) > 0),
    every_account boolean not null default false,  -- also the accounts that are yet to come
    active boolean not null default true,
    created_at timestamptz not null default now(),
    unique (issuer, subject),
    check ((issuer is null) = (subject is null))
);

create table composer.memberships (
    operator_id uuid not null references composer.operators,
    account_id uuid not null references composer.accounts,
    created_at timestamptz not null default now(),
    primary key (operator_id, account_id)
);
create index memberships_account_id on composer.memberships (account_id);

-- Our own record of who is signed in, so that a sign-in can end before its cookie does.
create table composer.sign_ins (
    token_hash bytea primary key,
    operator_id uuid not null references composer.operators,
    started_at timestamptz not null default now(),
    seen_at timestamptz not null default now(),
    ended_at timestamptz
);
create index sign_ins_operator_id on composer.sign_ins (operator_id);

-- The accounts a statement may read: one in an account's scope, all of the operator's in a portfolio scope.
create function composer.visible_accounts() returns uuid[]
language plpgsql stable security definer set search_path = composer, pg_temp as $$
declare
    asking composer.context := composer_private.verified_context();
    asks_for_all boolean;
begin
    if asking.kind = 'worker' then return array[asking.account_id]; end if;
    if asking.kind is null then return '{}'; end if;
    select every_account into asks_for_all from operators where id = asking.operator_id and active;
    if not found then return '{}'; end if;
    if asking.kind = 'account' then
        if asks_for_all or exists (select from memberships
                                   where operator_id = asking.operator_id and account_id = asking.account_id) then
            return array[asking.account_id];
        end if;
        return '{}';
    end if;
    if asks_for_all then return coalesce((select array_agg(id) from accounts), '{}'); end if;
    return coalesce((select array_agg(account_id) from memberships where operator_id = asking.operator_id), '{}');
end
$$;

-- The one account a statement may change; none in a portfolio scope.
create function composer.writable_account() returns uuid
language plpgsql stable security definer set search_path = composer, pg_temp as $$
declare
    asking composer.context := composer_private.verified_context();
begin
    if asking.kind in ('worker', 'account') then return (visible_accounts())[1]; end if;
    return null;
end
$$;

create function composer.acting_operator() returns uuid
language sql stable security definer set search_path = composer, pg_temp as $$
    select (composer_private.verified_context()).operator_id
$$;

-- May whoever asks change feature flags and holds?
create function composer.may_release() returns boolean
language sql stable security definer set search_path = composer, pg_temp as $$
    select exists (select from operators where id = (composer_private.verified_context()).operator_id
                   and active and roles && array['product_owner', 'admin'])
$$;

-- Start a sign-in. An operator is known by issuer and subject; the first sign-in binds an invited operator by a
-- verified e-mail address, once. Null: nobody we know, or no longer active.
create function composer.start_sign_in(token_hash bytea, from_issuer text, from_subject text, verified_email text)
returns uuid language plpgsql security definer set search_path = composer, pg_temp as $$
declare
    found_id uuid;
begin
    select id into found_id from operators where issuer = from_issuer and subject = from_subject and active;
    if found_id is null and verified_email is not null then
        update operators set issuer = from_issuer, subject = from_subject
        where email = lower(verified_email) and issuer is null and active
          and not exists (select from operators where issuer = from_issuer and subject = from_subject)
        returning id into found_id;
    end if;
    if found_id is not null then
        insert into sign_ins (token_hash, operator_id) values (start_sign_in.token_hash, found_id);
    end if;
    return found_id;
end
$$;

-- Who is signed in under this token, if the sign-in is neither ended, idle for too long nor too old.
create function composer.signed_in(token_hash bytea, idle interval, longest interval)
returns table (id uuid, name text, email text, roles text[], every_account boolean)
language plpgsql security definer set search_path = composer, pg_temp as $$
begin
    -- Written at most once a minute: a page polls several times a second.
    update sign_ins s set seen_at = now()
    where s.token_hash = signed_in.token_hash and s.ended_at is null and s.seen_at > now() - idle
      and s.seen_at < now() - interval '1 minute';
    return query
        select o.id, o.name, o.email, o.roles, o.every_account
        from sign_ins s join operators o on o.id = s.operator_id
        where s.token_hash = signed_in.token_hash and o.active and s.ended_at is null
          and s.seen_at > now() - idle and s.started_at > now() - longest;
end
$$;

create function composer.end_sign_in(token_hash bytea) returns void
language sql security definer set search_path = composer, pg_temp as $$
    update sign_ins s set ended_at = now() where s.token_hash = end_sign_in.token_hash and s.ended_at is null
$$;

-- Was there ever a sign-in under this token? An ended one must not start again.
create function composer.known_sign_in(token_hash bytea) returns boolean
language sql stable security definer set search_path = composer, pg_temp as $$
    select exists (select from sign_ins s where s.token_hash = known_sign_in.token_hash)
$$;

alter table composer.accounts enable row level security;
alter table composer.accounts force row level security;
alter table composer.operators enable row level security;
alter table composer.operators force row level security;
alter table composer.memberships enable row level security;
alter table composer.memberships force row level security;
alter table composer.sign_ins enable row level security;
alter table composer.sign_ins force row level security;

create policy seen on composer.accounts for select to composer_app, composer_worker
    using (id = any ((select composer.visible_accounts())::uuid[]));
create policy counted on composer.accounts for select to composer_report using (true);
create policy managed on composer.accounts to composer_admin using (true) with check (true);
-- Names of colleagues stand beside what they did; any verified context may read them.
create policy seen on composer.operators for select to composer_app using ((select composer.acting_operator()) is not null);
create policy managed on composer.operators to composer_admin using (true) with check (true);
create policy seen on composer.memberships for select to composer_app
    using (account_id = any ((select composer.visible_accounts())::uuid[]));
create policy managed on composer.memberships to composer_admin using (true) with check (true);
create policy managed on composer.sign_ins to composer_admin using (true) with check (true);

grant select on composer.accounts to composer_app, composer_worker, composer_report;
grant select, insert, update on composer.accounts, composer.operators to composer_admin;
grant select on composer.operators, composer.memberships to composer_app;
grant select, insert, delete on composer.memberships to composer_admin;
grant select, insert, update on composer.sign_ins to composer_admin;

grant create on schema composer to composer_admin;
alter function composer.visible_accounts() owner to composer_admin;
alter function composer.writable_account() owner to composer_admin;
alter function composer.acting_operator() owner to composer_admin;
alter function composer.may_release() owner to composer_admin;
alter function composer.start_sign_in(bytea, text, text, text) owner to composer_admin;
alter function composer.signed_in(bytea, interval, interval) owner to composer_admin;
alter function composer.end_sign_in(bytea) owner to composer_admin;
alter function composer.known_sign_in(bytea) owner to composer_admin;
revoke create on schema composer from composer_admin;
set local role composer_admin;
revoke all on function composer.visible_accounts(), composer.writable_account(), composer.acting_operator(),
    composer.may_release(), composer.start_sign_in(bytea, text, text, text),
    composer.signed_in(bytea, interval, interval), composer.end_sign_in(bytea), composer.known_sign_in(bytea) from public;
grant execute on function composer.visible_accounts(), composer.writable_account(), composer.acting_operator(),
    composer.may_release() to composer_app, composer_worker, composer_owner, composer_oncall, composer_report;
grant execute on function composer.start_sign_in(bytea, text, text, text), composer.signed_in(bytea, interval, interval),
    composer.end_sign_in(bytea), composer.known_sign_in(bytea) to composer_app;
set local role composer_owner;
