-- Drafts that have names, what was written in them before, and groups of hashtags.

alter table composer.drafts
    add column opened_at timestamptz not null default now(),  -- the latest is the one on Compose
    add column saves bigint not null default 0,               -- tells a window that another one has written since
    add column removed integer not null default 0,            -- characters, since a version was kept
    add constraint drafts_name_check check (name = btrim(name) and length(name) between 1 and 80);

-- A draft is its operator's, also before colleagues who act for the same account.
alter policy seen on composer.drafts
    using (account_id = any ((select composer.visible_accounts())::uuid[])
           and operator_id = (select composer.acting_operator()));
alter policy added on composer.drafts
    with check (account_id = (select composer.writable_account()) and operator_id = (select composer.acting_operator()));
alter policy changed on composer.drafts
    using (account_id = (select composer.writable_account()) and operator_id = (select composer.acting_operator()));
alter policy removed on composer.drafts
    using (account_id = (select composer.writable_account()) and operator_id = (select composer.acting_operator()));

create table composer.draft_versions (
    account_id uuid not null references composer.accounts,
    n bigint not null generated always as identity,
    draft_id uuid not null,
    operator_id uuid not null references composer.operators,
    content jsonb not null,
    connection_ids uuid[] not null default '{}',
    why text not null check (why in ('writing', 'cut', 'replaced', 'elsewhere', 'discarded', 'deleted')),
    saved_at timestamptz not null default now(),
    primary key (account_id, n),
    foreign key (account_id, draft_id) references composer.drafts (account_id, id) on delete cascade
);
create index draft_versions_of_draft on composer.draft_versions (account_id, draft_id, n desc);

-- An account's, for all who act for it.
create table composer.hashtag_groups (
    account_id uuid not null references composer.accounts,
    id uuid not null default gen_random_uuid(),
    name text not null check (name = btrim(name) and length(name) between 1 and 60),
    tags text[] not null check (cardinality(tags) between 1 and 30),  -- without their sign
    changed_at timestamptz not null default now(),
    primary key (account_id, id),
    unique (account_id, name)
);

-- What went or goes out on a connection around a moment: to tell that the same was said there before.
create index deliveries_of_connection on composer.deliveries (account_id, connection_id, due_at);

alter table composer.draft_versions enable row level security;
alter table composer.draft_versions force row level security;
create policy seen on composer.draft_versions for select to composer_app
    using (account_id = any ((select composer.visible_accounts())::uuid[])
           and operator_id = (select composer.acting_operator()));
create policy added on composer.draft_versions for insert to composer_app
    with check (account_id = (select composer.writable_account()) and operator_id = (select composer.acting_operator()));
create policy changed on composer.draft_versions for update to composer_app
    using (account_id = (select composer.writable_account()) and operator_id = (select composer.acting_operator()));
create policy removed on composer.draft_versions for delete to composer_app
    using (account_id = (select composer.writable_account()) and operator_id = (select composer.acting_operator()));
grant select, insert, update (draft_id), delete on composer.draft_versions to composer_app;

alter table composer.hashtag_groups enable row level security;
alter table composer.hashtag_groups force row level security;
create policy seen on composer.hashtag_groups for select to composer_app
    using (account_id = any ((select composer.visible_accounts())::uuid[]));
create policy added on composer.hashtag_groups for insert to composer_app
    with check (account_id = (select composer.writable_account()));
create policy changed on composer.hashtag_groups for update to composer_app
    using (account_id = (select composer.writable_account()));
create policy removed on composer.hashtag_groups for delete to composer_app
    using (account_id = (select composer.writable_account()));
grant select, insert, update (name, tags, changed_at), delete on composer.hashtag_groups to composer_app;
