-- The parts of a chain are looked up by post and connection when one of them is about to go out.
create index deliveries_chain on composer.deliveries (account_id, post_id, connection_id, part) where part > 1;
