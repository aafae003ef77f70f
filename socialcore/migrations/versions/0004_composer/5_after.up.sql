-- After publishing: what is taken down, what is edited, and who is told that something needs a person.

-- Taking down. From then on a delivery is not to stay public, whatever becomes of it.
alter table composer.deliveries
    add column withdraw_at timestamptz,   -- an operator asked to take it down
    add column withdraw_by uuid references composer.operators,
    add column withdraw_reason text,
    add constraint withdrawn_was_asked_for check (withdrawn_at is null or withdraw_at is not null);
-- The few among many: what people look for.
create index deliveries_withdrawn on composer.deliveries (account_id) where withdrawn_at is not null;
create index deliveries_mismatch on composer.deliveries (account_id) where read_back = 'mismatch';
grant update (withdraw_at, withdraw_by, withdraw_reason) on composer.deliveries to composer_app;

alter table composer.duties
    drop constraint duties_kind_check,
    add constraint duties_kind_check check (kind in ('check', 'revoke', 'look', 'withdraw', 'edit')),
    drop constraint duties_look_has_delivery,
    add constraint duties_has_delivery check ((kind in ('look', 'withdraw', 'edit')) = (delivery_id is not null));

-- Whoever learns that such a delivery is public gives the workers the duty to take it down, in the same transaction.
create function composer.withdraw_what_is_public() returns trigger language plpgsql as $$
begin
    insert into composer.duties (account_id, kind, connection_id, delivery_id, asked_by)
    select new.account_id, 'withdraw', new.connection_id, new.id, new.withdraw_by
    where not exists (select from composer.duties d where d.account_id = new.account_id and d.delivery_id = new.id
                      and d.kind = 'withdraw' and d.done_at is null);
    perform pg_notify('composer_work', '');
    return null;
end
$$;
create trigger withdrawn_once_public after update on composer.deliveries for each row
    when (new.withdraw_at is not null and new.withdrawn_at is null and new.remote_id is not null
          and (old.withdraw_at is distinct from new.withdraw_at or old.remote_id is distinct from new.remote_id))
    execute function composer.withdraw_what_is_public();

-- Other words for what is public already. The post itself stays as it was submitted.
create table composer.edits (
    account_id uuid not null references composer.accounts,
    delivery_id uuid not null,
    n integer not null check (n > 0),
    rendered jsonb not null,      -- as of a delivery
    wire jsonb not null,          -- what would have been sent with these words
    asked_by uuid references composer.operators,
    asked_at timestamptz not null default now(),
    done_at timestamptz,
    outcome text check (outcome in ('edited', 'refused')),
    says text,                    -- why it is not edited, in words
    primary key (account_id, delivery_id, n),
    foreign key (account_id, delivery_id) references composer.deliveries (account_id, id),
    check ((outcome is null) = (done_at is null))
);
-- One at a time: the later of two under way would not surely be the one that stays.
create unique index edits_open on composer.edits (account_id, delivery_id) where done_at is null;

-- Who is told of a delivery that needs a person: its author, and the team's channel. One row per time it came to that.
create table composer.tellings (
    account_id uuid not null references composer.accounts,
    id uuid not null default gen_random_uuid(),
    delivery_id uuid not null,
    episode integer not null check (episode > 0),
    kind text not null check (kind in ('failed', 'missed', 'needs_review')),
    operator_id uuid not null references composer.operators,
    told_at timestamptz not null default now(),
    read_at timestamptz,
    team_due_at timestamptz not null default now() + interval '5 seconds',  -- so that what happens together is told together
    team_claimed_at timestamptz,  -- a worker is about to tell the channel, or did
    team_tries integer not null default 0,
    team_done_at timestamptz,
    team_outcome text check (team_outcome in ('told', 'unknown', 'given up')),
    primary key (account_id, id),
    unique (account_id, delivery_id, episode),
    foreign key (account_id, delivery_id) references composer.deliveries (account_id, id),
    check ((team_outcome is null) = (team_done_at is null))
);
create index tellings_operator_id on composer.tellings (operator_id, told_at desc);
create index tellings_team on composer.tellings (team_due_at) where team_done_at is null;
create index tellings_claimed on composer.tellings (team_claimed_at) where team_claimed_at is not null;

create function composer.tell() returns trigger language plpgsql as $$
begin
    if current_user = 'composer_app' then return null; end if;  -- a person gave it up, and knows
    -- A thread stops with the part that did; what follows it is not told of again.
    if new.follows is not null and exists (select from composer.deliveries p where p.account_id = new.account_id
            and p.id = new.follows and p.state in ('failed', 'missed', 'cancelled', 'needs_review')) then
        return null;
    end if;
    insert into composer.tellings (account_id, delivery_id, episode, kind, operator_id)
    select new.account_id, new.id, 1 + (select count(*) from composer.tellings t
               where t.account_id = new.account_id and t.delivery_id = new.id), new.state, p.author_id
    from composer.posts p where p.account_id = new.account_id and p.id = new.post_id;
    return null;
end
$$;
create trigger told after update on composer.deliveries for each row
    when (new.state in ('failed', 'missed', 'needs_review') and new.state <> old.state)
    execute function composer.tell();

do $$
declare t text;
begin
    foreach t in array array['edits', 'tellings'] loop
        execute format('alter table composer.%I enable row level security', t);
        execute format('alter table composer.%I force row level security', t);
    end loop;
end
$$;
create policy seen on composer.edits for select to composer_app, composer_worker
    using (account_id = any ((select composer.visible_accounts())::uuid[]));
create policy added on composer.edits for insert to composer_app
    with check (account_id = (select composer.writable_account()));
create policy changed on composer.edits for update to composer_worker
    using (account_id = (select composer.writable_account()));
-- An operator sees and ticks off what they are told themselves.
create policy seen on composer.tellings for select to composer_app
    using (operator_id = (select composer.acting_operator())
           and account_id = any ((select composer.visible_accounts())::uuid[]));
create policy read on composer.tellings for update to composer_app
    using (operator_id = (select composer.acting_operator()) and account_id = (select composer.writable_account()));
create policy added on composer.tellings for insert to composer_worker
    with check (account_id = (select composer.writable_account()));
-- Like lanes and duties: workers find across accounts what is to be told, and no content in it.
create policy claimed on composer.tellings for select to composer_worker using (true);
create policy told on composer.tellings for update to composer_worker using (true);

grant select, insert on composer.edits to composer_app;
grant select, update (done_at, outcome, says) on composer.edits to composer_worker;
grant select, update (read_at) on composer.tellings to composer_app;
grant select, insert, update (team_due_at, team_claimed_at, team_tries, team_done_at, team_outcome)
    on composer.tellings to composer_worker;
