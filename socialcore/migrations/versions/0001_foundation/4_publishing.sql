-- From a draft to what became public. docs/architecture.md tells the life of a delivery.

create table composer.drafts (
    account_id uuid not null references composer.accounts,
    id uuid not null default gen_random_uuid(),
    operator_id uuid not null references composer.operators,
    name text,                    -- null: the one that saves itself
    content jsonb not null,
    connection_ids uuid[] not null default '{}',
    submit_token uuid not null default gen_random_uuid(),  -- becomes the post's, so that a double click is one post
    revision integer not null default 1,
    updated_at timestamptz not null default now(),
    primary key (account_id, id),
    unique nulls not distinct (account_id, operator_id, name)
);

create table composer.posts (
    account_id uuid not null references composer.accounts,
    id uuid not null default gen_random_uuid(),
    number bigint not null generated always as identity,
    submit_token uuid not null,
    author_id uuid not null references composer.operators,
    content jsonb not null,
    content_hash bytea not null check (length(content_hash) = 32),
    submitted_at timestamptz not null default now(),
    primary key (account_id, id),
    unique (number),
    unique (account_id, submit_token)
);
create index posts_submitted on composer.posts (account_id, submitted_at desc);

create table composer.deliveries (
    account_id uuid not null references composer.accounts,
    id uuid not null default gen_random_uuid(),
    post_id uuid not null,
    connection_id uuid not null,
    part integer not null default 1 check (part > 0),
    follows uuid,                 -- the part that must be public first
    state text not null default 'queued' check (state in ('queued', 'sending', 'ambiguous', 'needs_review', 'accepted',
        'confirmed', 'failed', 'missed', 'cancelled')),
    priority smallint not null,   -- 0 now, 1 scheduled, 2 a further try
    due_at timestamptz not null,
    expires_at timestamptz not null,
    next_at timestamptz not null, -- when it next needs a worker
    attempt integer not null default 0,
    rendered jsonb not null,      -- frozen at submit: what this platform will be given
    text_hash bytea not null check (length(text_hash) = 32),
    record_key text,              -- frozen, with the next two, before the first attempt
    wire_at timestamptz,
    wire jsonb,
    misses integer not null default 0,
    looks integer not null default 0,
    remote_id text,
    url text,
    read_back text check (read_back in ('match', 'mismatch', 'unavailable')),
    read_back_at timestamptz,
    cancel_at timestamptz,        -- an operator asked to stop it
    held_because text,
    withdrawn_at timestamptz,
    failure_kind text,            -- of the last attempt, in the words of socialcore.failures; GivenUp: by a person
    failure text,
    changed_at timestamptz not null default now(),  -- when the state last changed
    primary key (account_id, id),
    foreign key (account_id, post_id) references composer.posts (account_id, id),
    foreign key (account_id, connection_id) references composer.connections (account_id, id),
    foreign key (account_id, follows) references composer.deliveries (account_id, id),
    unique (account_id, post_id, connection_id, part),
    unique (account_id, connection_id, remote_id),
    constraint accepted_has_remote_id check (state not in ('accepted', 'confirmed') or remote_id is not null),
    constraint sent_has_wire check (state not in ('sending', 'ambiguous') or (wire is not null and wire_at is not null)),
    constraint confirmed_was_read_back check (state <> 'confirmed' or read_back is not null),
    check (expires_at >= due_at)
) with (fillfactor = 85);
-- At most one delivery of the same words is in flight on a connection: two could not be told apart afterwards.
create unique index deliveries_in_flight on composer.deliveries (account_id, connection_id, text_hash)
    where state in ('sending', 'ambiguous', 'needs_review');
create index deliveries_waiting on composer.deliveries (account_id, connection_id, next_at)
    where state in ('queued', 'ambiguous', 'accepted');
create index deliveries_open on composer.deliveries (account_id, state)
    where state not in ('confirmed', 'cancelled');
create index deliveries_follows on composer.deliveries (account_id, follows) where follows is not null;

create table composer.attempts (
    account_id uuid not null references composer.accounts,
    delivery_id uuid not null,
    n integer not null check (n > 0),
    worker integer not null references composer.workers,
    claim_no bigint not null,
    grant_version integer not null,
    flags_version bigint not null,
    started_at timestamptz not null default now(),
    deadline_at timestamptz not null,   -- no byte leaves after this
    outcome text check (outcome in ('accepted', 'queued', 'failed', 'ambiguous')),
    failure_kind text,
    failure text,
    remote_id text,
    ended_at timestamptz,
    primary key (account_id, delivery_id, n),
    foreign key (account_id, delivery_id) references composer.deliveries (account_id, id),
    check ((outcome is null) = (ended_at is null))
);
create index attempts_worker on composer.attempts (worker) where outcome is null;

create function composer.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% is never changed or removed', tg_table_name using errcode = 'restrict_violation';
end
$$;
create trigger immutable before update or delete on composer.posts for each row execute function composer.refuse_change();
create trigger immutable_all before truncate on composer.posts for each statement execute function composer.refuse_change();

-- The only ways from state to state, and who may take them: the dashboard decides what a person decides.
create function composer.check_transition() returns trigger language plpgsql as $$
declare
    step text := old.state || '>' || new.state;
begin
    if new.attempt < old.attempt then
        raise exception 'attempt % after %', new.attempt, old.attempt using errcode = 'restrict_violation';
    end if;
    if old.wire is not null and (new.wire is distinct from old.wire or new.record_key is distinct from old.record_key
                                 or new.wire_at is distinct from old.wire_at) then
        raise exception 'what was sent is frozen' using errcode = 'restrict_violation';
    end if;
    if new.rendered is distinct from old.rendered or new.post_id <> old.post_id
        or new.connection_id <> old.connection_id or new.text_hash <> old.text_hash then
        raise exception 'a delivery keeps its content and its connection' using errcode = 'restrict_violation';
    end if;
    if new.state = old.state then return new; end if;
    if step not in ('queued>sending', 'queued>accepted', 'queued>failed', 'queued>cancelled', 'queued>missed',
                    'sending>accepted', 'sending>queued', 'sending>failed', 'sending>ambiguous',
                    'ambiguous>accepted', 'ambiguous>queued', 'ambiguous>needs_review',
                    'needs_review>accepted', 'needs_review>queued', 'needs_review>failed',
                    'accepted>confirmed', 'accepted>failed',
                    'missed>queued', 'missed>cancelled', 'failed>queued') then
        raise exception 'no delivery goes from % to %', old.state, new.state using errcode = 'restrict_violation';
    end if;
    if current_user = 'composer_app' and step not in ('queued>cancelled', 'needs_review>accepted', 'needs_review>queued',
                    'needs_review>failed', 'missed>queued', 'missed>cancelled', 'failed>queued') then
        raise exception 'only a worker takes a delivery from % to %', old.state, new.state
            using errcode = 'insufficient_privilege';
    end if;
    new.changed_at := clock_timestamp();
    return new;
end
$$;
create trigger legal_transition before update on composer.deliveries
    for each row execute function composer.check_transition();

do $$
declare t text;
begin
    foreach t in array array['drafts', 'posts', 'deliveries', 'attempts'] loop
        execute format('alter table composer.%I enable row level security', t);
        execute format('alter table composer.%I force row level security', t);
        execute format('create policy seen on composer.%I for select to composer_app, composer_worker
                        using (account_id = any ((select composer.visible_accounts())::uuid[]))', t);
        execute format('create policy added on composer.%I for insert to composer_app, composer_worker
                        with check (account_id = (select composer.writable_account()))', t);
        execute format('create policy changed on composer.%I for update to composer_app, composer_worker
                        using (account_id = (select composer.writable_account()))', t);
        execute format('create policy removed on composer.%I for delete to composer_app, composer_worker
                        using (account_id = (select composer.writable_account()))', t);
    end loop;
    -- Counting across accounts needs states and times, never what somebody wrote.
    foreach t in array array['posts', 'deliveries', 'attempts'] loop
        execute format('create policy counted on composer.%I for select to composer_report using (true)', t);
    end loop;
end
$$;

grant select, insert, update, delete on composer.drafts to composer_app;
grant select, insert on composer.posts to composer_app;
grant select on composer.posts to composer_worker;
grant select (account_id, id, number, author_id, submitted_at) on composer.posts to composer_report;
grant select, insert, update (state, priority, due_at, expires_at, next_at, cancel_at, held_because, remote_id, url,
    misses, looks, failure_kind, failure, changed_at) on composer.deliveries to composer_app;
grant select, update on composer.deliveries to composer_worker;
grant select (account_id, id, post_id, connection_id, part, state, priority, due_at, expires_at, next_at, attempt,
    remote_id, read_back, read_back_at, cancel_at, held_because, withdrawn_at, failure_kind, changed_at)
    on composer.deliveries to composer_report;
grant select on composer.attempts to composer_app, composer_report;
grant select, insert, update on composer.attempts to composer_worker;
