drop index composer.deliveries_due;
drop table composer.slots;
