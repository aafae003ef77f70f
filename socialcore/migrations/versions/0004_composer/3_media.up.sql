-- What an operator has cut out of a picture for a platform's shape: made once, and what it was cut from is known.

create table composer.media_crops (
    account_id uuid not null references composer.accounts,
    original_id text not null,
    x integer not null check (x >= 0),            -- of the left upper corner, in pixels of the original
    y integer not null check (y >= 0),
    width integer not null check (width > 0),
    height integer not null check (height > 0),
    cropped_id text not null,
    primary key (account_id, original_id, x, y, width, height),
    foreign key (account_id, original_id) references composer.media (account_id, id),
    foreign key (account_id, cropped_id) references composer.media (account_id, id)
);
create index media_crops_cropped_id on composer.media_crops (account_id, cropped_id);

alter table composer.media_crops enable row level security;
alter table composer.media_crops force row level security;
create policy seen on composer.media_crops for select to composer_app
    using (account_id = any ((select composer.visible_accounts())::uuid[]));
create policy added on composer.media_crops for insert to composer_app
    with check (account_id = (select composer.writable_account()));

grant select, insert on composer.media_crops to composer_app;
