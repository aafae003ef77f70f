-- Pictures and videos of an account, by the hash of their bytes: what has a hash never changes, so nothing here does.

create table composer.media (
    account_id uuid not null references composer.accounts,
    id text not null check (id ~ '^[0-9a-f]{64}$'),   -- SHA-256 of the bytes
    media_type text not null check (media_type ~ '^(image|video)/[a-z0-9]+$'),
    size bigint not null check (size > 0),
    width integer not null check (width > 0),
    height integer not null check (height > 0),
    seconds double precision check (seconds > 0),     -- of a video
    stored_by uuid references composer.operators,
    stored_at timestamptz not null default now(),
    primary key (account_id, id)
);

-- The bytes, where no S3-compatible store is configured.
create table composer.media_chunks (
    account_id uuid not null references composer.accounts,
    id text not null,
    n integer not null check (n >= 0),
    data bytea not null check (length(data) > 0),
    primary key (account_id, id, n),
    foreign key (account_id, id) references composer.media (account_id, id)
);
alter table composer.media_chunks alter column data set storage external;  -- compressed already

-- What has been made of a picture for a platform's limits, so that it is made once.
create table composer.media_fits (
    account_id uuid not null references composer.accounts,
    original_id text not null,
    limits text not null,         -- a hash of the limits it was fitted to
    fitted_id text not null,
    primary key (account_id, original_id, limits),
    foreign key (account_id, original_id) references composer.media (account_id, id),
    foreign key (account_id, fitted_id) references composer.media (account_id, id)
);
create index media_fits_fitted_id on composer.media_fits (account_id, fitted_id);

-- The one picture that a context 'media:<id>||<account>' opens, as 'account/id': what a platform fetches by a signed
-- address has no operator to ask for it, and such a context shows nothing else of the account.
create function composer.public_media() returns text
language plpgsql stable security definer set search_path = composer, pg_temp as $$
declare
    asking composer.context := composer_private.verified_context();
begin
    if asking.kind like 'media:%' and asking.operator_id is null then
        return asking.account_id::text || '/' || substr(asking.kind, 7);
    end if;
    return null;
end
$$;
revoke all on function composer.public_media() from public;
grant execute on function composer.public_media() to composer_app;

do $$
declare t text;
begin
    foreach t in array array['media', 'media_chunks', 'media_fits'] loop
        execute format('alter table composer.%I enable row level security', t);
        execute format('alter table composer.%I force row level security', t);
        execute format('create policy seen on composer.%I for select to composer_app, composer_worker
                        using (account_id = any ((select composer.visible_accounts())::uuid[]))', t);
        execute format('create policy added on composer.%I for insert to composer_app
                        with check (account_id = (select composer.writable_account()))', t);
    end loop;
    foreach t in array array['media', 'media_chunks'] loop
        execute format('create policy fetched on composer.%I for select to composer_app
                        using (account_id::text || ''/'' || id = (select composer.public_media()))', t);
    end loop;
end
$$;

grant select, insert on composer.media, composer.media_chunks, composer.media_fits to composer_app;
grant select on composer.media, composer.media_chunks to composer_worker;
