-- Rows as revision 0001 holds them: one of each table that a later revision touches, and what they need.
set search_path = composer;
insert into accounts (id, name, time_zone, colour, plan)
values ('00000000-0000-0000-0000-00000000000a', 'Harbor Bakery', 'UTC', '#9a4a12', 'basic');
insert into operators (id, name, email, roles)
values ('00000000-0000-0000-0000-00000000000b', 'Publisher on duty', 'duty@composer.example', '{publisher}');
insert into workers (name, version, concurrency, pulse_pid) values ('older:1', '0.0.1', 1, 1);
insert into grants (account_id, id, platform, service, subject, sealed)
values ('00000000-0000-0000-0000-00000000000a', '00000000-0000-0000-0000-00000000000c', 'bluesky', 'https://pds.test', 'did:plc:x', '\x00');
insert into connections (account_id, id, grant_id, platform, target_id, name)
values ('00000000-0000-0000-0000-00000000000a', '00000000-0000-0000-0000-00000000000d', '00000000-0000-0000-0000-00000000000c',
        'bluesky', 'did:plc:x', 'bakery.test');
insert into lanes (connection_id, account_id, grant_id, platform, due_at)
values ('00000000-0000-0000-0000-00000000000d', '00000000-0000-0000-0000-00000000000a', '00000000-0000-0000-0000-00000000000c',
        'bluesky', now());
insert into duties (account_id, kind, connection_id)
values ('00000000-0000-0000-0000-00000000000a', 'check', '00000000-0000-0000-0000-00000000000d');
insert into posts (account_id, id, submit_token, author_id, content, content_hash)
values ('00000000-0000-0000-0000-00000000000a', '00000000-0000-0000-0000-00000000000e', gen_random_uuid(),
        '00000000-0000-0000-0000-00000000000b', '{"text": "Fresh bread"}', sha256(''));
insert into deliveries (account_id, post_id, connection_id, part, state, priority, due_at, expires_at, next_at, rendered, text_hash,
    wire, wire_at, attempt)
select '00000000-0000-0000-0000-00000000000a', '00000000-0000-0000-0000-00000000000e', '00000000-0000-0000-0000-00000000000d',
    part, state, 0, now(), now() + interval '2 h', now(), '{"text": "Fresh bread"}', sha256(part::text::bytea), '{}', now(), 1
from (values (1, 'sending'), (2, 'needs_review')) as part(part, state);
insert into attempts (account_id, delivery_id, n, worker, claim_no, grant_version, flags_version, deadline_at)
select account_id, id, 1, 1, 1, 1, 1, now() from deliveries;
