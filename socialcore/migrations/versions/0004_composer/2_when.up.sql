-- The queue of an account: at which times of its week goes out what is to have the next free slot.
create table composer.slots (
    account_id uuid not null references composer.accounts,
    weekday smallint not null check (weekday between 1 and 7),  -- 1 is Monday
    at time not null check (extract(second from at) = 0),       -- where the account is
    primary key (account_id, weekday, at)
);
alter table composer.slots enable row level security;
alter table composer.slots force row level security;
create policy seen on composer.slots for select to composer_app
    using (account_id = any ((select composer.visible_accounts())::uuid[]));
create policy added on composer.slots for insert to composer_app
    with check (account_id = (select composer.writable_account()));
create policy removed on composer.slots for delete to composer_app
    using (account_id = (select composer.writable_account()));
grant select, insert, delete on composer.slots to composer_app;

-- What is due in a month, for the calendar, and at which slots.
create index deliveries_due on composer.deliveries (account_id, due_at);
