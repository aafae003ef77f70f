-- Who may touch what. Run once per database by its administrator, before the first migration; running it again
-- changes nothing. Passwords are the administrator's to set: alter role composer_app password '…'.
--
--   composer_owner   runs migrations; owns the tables, and is bound by row-level security like everyone else
--   composer_app     the dashboard and the API
--   composer_worker  publishes: lanes of every account, content one account at a time
--   composer_admin   nobody signs in as it: owns the functions that know operators, and their explicit policies
--   composer_report  nobody signs in as it: owns the functions that count across accounts; reads only
--   composer_keys    nobody signs in as it: sees all sign-ins, sealed, to put them under a new master key
--   composer_oncall  the customer's rollback statement
do $$
declare role text;
begin
    foreach role in array array['composer_owner', 'composer_app', 'composer_worker', 'composer_oncall'] loop
        if not exists (select from pg_roles where rolname = role) then
            execute format('create role %I login noinherit nobypassrls', role);
        end if;
    end loop;
    foreach role in array array['composer_admin', 'composer_report', 'composer_keys'] loop
        if not exists (select from pg_roles where rolname = role) then
            execute format('create role %I nologin noinherit nobypassrls', role);
        end if;
    end loop;
    -- The owner hands functions to these, and the command line acts as composer_admin and composer_keys.
    execute 'grant composer_admin, composer_report, composer_keys to composer_owner';

    execute format('revoke all on database %I from public', current_database());
    execute format('grant create, connect, temporary on database %I to composer_owner', current_database());
    execute format('grant connect on database %I to composer_app, composer_worker, composer_oncall', current_database());
    foreach role in array array['composer_owner', 'composer_app', 'composer_worker', 'composer_oncall'] loop
        execute format('alter role %I in database %I set search_path = composer', role, current_database());
        execute format('alter role %I in database %I set lock_timeout = ''2s''', role, current_database());
        execute format('alter role %I in database %I set timezone = ''UTC''', role, current_database());
        execute format('alter role %I in database %I set idle_in_transaction_session_timeout = ''10s''',
                       role, current_database());
    end loop;
    execute format('alter role composer_app in database %I set statement_timeout = ''5s''', current_database());
    execute format('alter role composer_oncall in database %I set statement_timeout = ''5s''', current_database());
    execute format('alter role composer_worker in database %I set statement_timeout = ''30s''', current_database());
    -- A flip waits for the intents under way, each a few milliseconds, behind the gate.
    execute format('alter role composer_oncall in database %I set lock_timeout = ''5s''', current_database());
end
$$;
