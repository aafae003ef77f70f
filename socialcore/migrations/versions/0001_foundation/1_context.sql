-- The signed context: who is asking, and for which account. Policies verify it, so that SQL which somebody
-- smuggled into a query cannot widen what it sees: it would need the key, and no role but the owner reads that.

create schema composer authorization composer_owner;
create schema if not exists composer_private authorization composer_owner;
grant usage on schema composer to composer_app, composer_worker, composer_admin, composer_report, composer_oncall;
grant usage on schema composer_private to composer_admin;

-- An HMAC key, kept as the two pads of RFC 2104 so that verifying is two calls of sha256().
create table composer_private.context_keys (
    kid integer primary key,
    inner_pad bytea not null check (length(inner_pad) = 64),
    outer_pad bytea not null check (length(outer_pad) = 64),
    retired boolean not null default false
);

create type composer.context as (kind text, operator_id uuid, account_id uuid);

-- composer.context is 'kind|operator|account|expires|kid|mac': kind is account, portfolio or worker; expires is in
-- seconds since 1970; mac is hexadecimal. Anything else than a good, unexpired signature is no context at all.
create function composer_private.verified_context() returns composer.context
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
    field text[] := string_to_array(nullif(current_setting('composer.context', true), ''), '|');
    pad composer_private.context_keys;
begin
    if cardinality(field) is distinct from 6 then return null; end if;
    select * into pad from composer_private.context_keys where kid = field[5]::integer and not retired;
    if not found then return null; end if;
    if encode(sha256(pad.outer_pad || sha256(pad.inner_pad || convert_to(array_to_string(field[1:5], '|'), 'UTF8'))), 'hex')
        <> field[6] then return null; end if;
    if field[4]::bigint < extract(epoch from clock_timestamp()) then return null; end if;
    if field[1] = 'worker' and session_user <> 'composer_worker' then return null; end if;
    return row(field[1], nullif(field[2], '')::uuid, nullif(field[3], '')::uuid)::composer.context;
end
$$;
revoke all on function composer_private.verified_context() from public;
grant execute on function composer_private.verified_context() to composer_admin;
