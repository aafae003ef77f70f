-- Tokens for the API: each acts as an operator, for some accounts, and with some of the operator's capabilities.

create table composer.api_tokens (
    id uuid primary key default gen_random_uuid(),
    token_hash bytea not null unique check (length(token_hash) = 32),  -- the token itself is shown once, kept nowhere
    name text not null check (name = btrim(name) and length(name) between 1 and 80),
    operator_id uuid not null references composer.operators,
    account_ids uuid[] not null check (cardinality(account_ids) > 0),
    capabilities text[] not null check (cardinality(capabilities) > 0
        and capabilities <@ array['see', 'publish', 'connect', 'release', 'test', 'manage']),
    created_by uuid references composer.operators,  -- null: the command line
    created_at timestamptz not null default now(),
    expires_at timestamptz not null check (expires_at > created_at),
    last_used_at timestamptz,
    minute timestamptz,           -- the one in which `calls` are counted
    calls integer not null default 0,
    revoked_at timestamptz
);
create index api_tokens_operator_id on composer.api_tokens (operator_id);

-- Whose token is this, what may it do, and how often was it used in this minute? No row: it is unknown, revoked or
-- expired, or its operator is gone; which of these is nobody's business who does not hold a good one.
create function composer.use_api_token(token_hash bytea)
returns table (id uuid, name text, account_ids uuid[], capabilities text[], expires_at timestamptz, operator_id uuid,
    operator_name text, email text, roles text[], every_account boolean, calls integer, next_minute interval)
language plpgsql security definer set search_path = composer, pg_temp as $$
declare
    this_minute timestamptz := date_trunc('minute', clock_timestamp());
begin
    return query
        update api_tokens t
        set last_used_at = clock_timestamp(), minute = this_minute,
            calls = case when t.minute = this_minute then t.calls + 1 else 1 end
        from operators o
        where t.token_hash = use_api_token.token_hash and t.revoked_at is null and t.expires_at > clock_timestamp()
          and o.id = t.operator_id and o.active
        returning t.id, t.name, t.account_ids, t.capabilities, t.expires_at, o.id, o.name, o.email, o.roles,
            o.every_account, t.calls, this_minute + interval '1 minute' - clock_timestamp();
end
$$;

-- May whoever asks manage accounts, people and their tokens?
create function composer.may_manage() returns boolean
language sql stable security definer set search_path = composer, pg_temp as $$
    select exists (select from operators where id = (composer_private.verified_context()).operator_id
                   and active and roles && array['admin'])
$$;

alter table composer.api_tokens enable row level security;
alter table composer.api_tokens force row level security;
create policy seen on composer.api_tokens for select to composer_app
    using (operator_id = (select composer.acting_operator()) or (select composer.may_manage()));
-- A token reaches no further than whoever makes it.
create policy added on composer.api_tokens for insert to composer_app
    with check (created_by = (select composer.acting_operator())
                and (operator_id = created_by or (select composer.may_manage()))
                and account_ids <@ (select composer.visible_accounts()));
-- What is revoked stays so.
create policy revoked on composer.api_tokens for update to composer_app
    using (revoked_at is null and (operator_id = (select composer.acting_operator()) or (select composer.may_manage())))
    with check (true);
create policy managed on composer.api_tokens to composer_admin using (true) with check (true);

grant select (id, name, operator_id, account_ids, capabilities, created_by, created_at, expires_at, last_used_at,
    revoked_at),
    insert (token_hash, name, operator_id, account_ids, capabilities, created_by, expires_at),
    update (revoked_at) on composer.api_tokens to composer_app;
grant select, insert, update on composer.api_tokens to composer_admin;

grant create on schema composer to composer_admin;
alter function composer.use_api_token(bytea) owner to composer_admin;
alter function composer.may_manage() owner to composer_admin;
revoke create on schema composer from composer_admin;
set local role composer_admin;
revoke all on function composer.use_api_token(bytea), composer.may_manage() from public;
grant execute on function composer.use_api_token(bytea), composer.may_manage() to composer_app;
set local role composer_owner;

-- What the API was asked, to tell a repeat under the same key from something else; null for a post from a page.
alter table composer.posts add column request_hash bytea check (length(request_hash) = 32);
-- What has changed since, for whoever polls.
create index deliveries_changed on composer.deliveries (account_id, changed_at desc, id desc);
