drop index composer.duties_grant;
drop index composer.deliveries_ended;
alter table composer.duties no force row level security; -- the owner, too, would delete none of them
delete from composer.duties where connection_id is null;
alter table composer.duties force row level security;
alter table composer.duties
    drop constraint duties_of_what,
    drop column grant_id,
    drop column platform,
    alter column connection_id set not null;

drop trigger audited on composer.accounts;
drop trigger audited on composer.operators;
drop trigger audited on composer.memberships;
drop trigger ended on composer.operators;
drop trigger kept on composer.operators;
revoke insert (name, colour, time_zone, plan, website, brand_names),
    update (name, colour, time_zone, plan, website, brand_names) on composer.accounts from composer_app;
revoke insert (name, email, roles, every_account), update (name, roles, every_account, active)
    on composer.operators from composer_app;
revoke insert (operator_id, account_id), delete on composer.memberships from composer_app;
drop policy managed_here on composer.accounts;
drop policy managed_here on composer.operators;
drop policy managed_here on composer.memberships;
drop policy managed_seen on composer.audit_log;
drop index composer.audit_log_action;
create or replace function composer.audit_change() returns trigger
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
set local role composer_report;
drop function composer.accounts_in_use();
drop function composer.planned(uuid, uuid);
set local role composer_admin;
drop function composer.sign_ins_open(interval, interval);
drop function composer.end_sign_ins(uuid);
drop function composer.end_what_they_opened();
drop function composer.keep_an_admin();
drop function composer.managing();
set local role composer_owner;
alter table composer.accounts drop column website, drop column brand_names;
