drop table composer.hashtag_groups, composer.draft_versions;
drop index composer.deliveries_of_connection;
alter policy seen on composer.drafts using (account_id = any ((select composer.visible_accounts())::uuid[]));
alter policy added on composer.drafts with check (account_id = (select composer.writable_account()));
alter policy changed on composer.drafts using (account_id = (select composer.writable_account()));
alter policy removed on composer.drafts using (account_id = (select composer.writable_account()));
alter table composer.drafts drop constraint drafts_name_check, drop column opened_at, drop column saves,
    drop column removed;
