drop trigger told on composer.deliveries;
drop trigger withdrawn_once_public on composer.deliveries;
drop function composer.tell();
drop function composer.withdraw_what_is_public();
drop table composer.tellings;
drop table composer.edits;
delete from composer.duties where kind in ('withdraw', 'edit');
alter table composer.duties
    drop constraint duties_kind_check,
    add constraint duties_kind_check check (kind in ('check', 'revoke', 'look')),
    drop constraint duties_has_delivery,
    add constraint duties_look_has_delivery check ((kind = 'look') = (delivery_id is not null));
revoke update (withdraw_at, withdraw_by, withdraw_reason) on composer.deliveries from composer_app;
drop index composer.deliveries_mismatch, composer.deliveries_withdrawn;
alter table composer.deliveries
    drop constraint withdrawn_was_asked_for,
    drop column withdraw_reason,
    drop column withdraw_by,
    drop column withdraw_at;
