-- What happened: events for measuring, and the audit log for answering.

create table composer.events (
    id bigint primary key generated always as identity,
    at timestamptz not null default now(),
    name text not null,
    account_id uuid references composer.accounts,
    operator_id uuid references composer.operators,
    detail jsonb not null default '{}'
);
create index events_name on composer.events (name, at);
create index events_account_id on composer.events (account_id, at);

-- Append-only and chained: each row carries the hash of the one before, so that an edit, a removal or a swap shows.
create table composer.audit_log (
    seq bigint primary key,
    at timestamptz not null,
    actor text not null,          -- an operator's id, or the database role that acted by itself
    account_id uuid references composer.accounts,
    action text not null,
    detail jsonb not null,
    previous bytea not null,
    hash bytea not null
);
create index audit_log_account_id on composer.audit_log (account_id, seq);
create table composer_private.audit_head (
    only_row boolean primary key default true check (only_row),
    seq bigint not null,
    hash bytea not null
);
insert into composer_private.audit_head (seq, hash) values (0, '\x00');

create function composer.audit_text(entry composer.audit_log) returns bytea language sql immutable as $$
    select convert_to(concat_ws(E'\x1f', entry.seq, extract(epoch from entry.at)::numeric(20, 6), entry.actor,
        coalesce(entry.account_id::text, ''), entry.action, entry.detail::text, encode(entry.previous, 'hex')), 'UTF8')
$$;

create function composer.chain_audit() returns trigger
language plpgsql security definer set search_path = composer, composer_private, pg_temp as $$
declare head audit_head;
begin
    select * into head from audit_head for update;
    new.seq := head.seq + 1;
    new.at := clock_timestamp();
    new.previous := head.hash;
    new.hash := sha256(audit_text(new));
    update audit_head set seq = new.seq, hash = new.hash;
    return new;
end
$$;
revoke all on function composer.chain_audit() from public;
create trigger chained before insert on composer.audit_log for each row execute function composer.chain_audit();
create trigger append_only before update or delete on composer.audit_log
    for each row execute function composer.refuse_change();
create trigger append_only_all before truncate on composer.audit_log
    for each statement execute function composer.refuse_change();

-- The rows that do not fit the chain; none is well.
create function composer.audit_breaks() returns table (seq bigint, why text)
language plpgsql stable security definer set search_path = composer, composer_private, pg_temp as $$
declare
    entry audit_log;
    expected bigint := 0;
    before bytea := '\x00';
begin
    for entry in select * from audit_log l order by l.seq loop
        expected := expected + 1;
        if entry.seq <> expected then
            return query select expected, 'missing'; expected := entry.seq;
        elsif entry.previous <> before then
            return query select entry.seq, 'out of place';
        end if;
        if entry.hash <> sha256(audit_text(entry)) then return query select entry.seq, 'changed'; end if;
        before := entry.hash;
    end loop;
    if not exists (select from audit_head h where h.seq = expected and h.hash = before) then
        return query select expected + 1, 'missing at the end';
    end if;
end
$$;

-- Flags and holds are audited by the database itself, so that a statement typed by hand is, too.
create function composer.audit_change() returns trigger
language plpgsql security definer set search_path = composer, pg_temp as $$
declare
    was jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) end;
    becomes jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) end;
begin
    insert into audit_log (actor, account_id, action, detail)
    values (coalesce((composer_private.verified_context()).operator_id::text, session_user),
            nullif(coalesce(becomes, was) ->> 'account_id', '')::uuid,
            tg_table_name || '.' || lower(tg_op),
            jsonb_strip_nulls(jsonb_build_object('before', was, 'after', becomes,
                                                 'reason', nullif(current_setting('composer.reason', true), ''))));
    return null;
end
$$;
revoke all on function composer.audit_change() from public;
create trigger audited after insert or update or delete on composer.features
    for each row execute function composer.audit_change();
create trigger audited after insert or update or delete on composer.account_features
    for each row execute function composer.audit_change();
create trigger audited after insert or update or delete on composer.holds
    for each row execute function composer.audit_change();

alter table composer.events enable row level security;
alter table composer.events force row level security;
alter table composer.audit_log enable row level security;
alter table composer.audit_log force row level security;
create policy seen on composer.events for select to composer_app
    using (account_id = any ((select composer.visible_accounts())::uuid[]));
create policy added on composer.events for insert to composer_app, composer_worker
    with check (account_id is null or account_id = (select composer.writable_account()));
create policy counted on composer.events for select to composer_report using (true);
create policy seen on composer.audit_log for select to composer_app
    using ((select composer.acting_operator()) is not null
           and (account_id is null or account_id = any ((select composer.visible_accounts())::uuid[])));
create policy added on composer.audit_log for insert to composer_app, composer_worker
    with check (account_id is null or account_id = (select composer.writable_account()));
create policy managed on composer.audit_log for insert to composer_admin with check (true);
create policy chained on composer.audit_log for select to composer_owner using (true);
create policy triggered on composer.audit_log for insert to composer_owner with check (true);

grant select, insert on composer.events to composer_app;
grant insert on composer.events to composer_worker;
grant select on composer.events to composer_report;
grant select, insert (actor, account_id, action, detail) on composer.audit_log to composer_app;
grant insert (actor, account_id, action, detail) on composer.audit_log to composer_worker, composer_admin;
revoke all on function composer.audit_breaks() from public;
grant execute on function composer.audit_breaks() to composer_app;
