-- What was stopped while in doubt, at a platform that nobody can read, becomes a person's decision, too.
create or replace function composer.check_transition() returns trigger language plpgsql as $$
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
                    'queued>needs_review',
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

-- Looking for a delivery at its platform, for the person who decides about it.
alter table composer.duties
    add column delivery_id uuid,
    add column remote_id text,    -- the post that a person says it is, with its link; null: look for it
    add column url text,
    add column found jsonb,       -- posts that may be it: remote_id, url, text, at
    drop constraint duties_kind_check,
    add constraint duties_kind_check check (kind in ('check', 'revoke', 'look')),
    add constraint duties_look_has_delivery check ((kind = 'look') = (delivery_id is not null)),
    add constraint duties_post_has_link check ((remote_id is null) = (url is null)),
    add foreign key (account_id, delivery_id) references composer.deliveries (account_id, id);
create index duties_delivery on composer.duties (account_id, delivery_id) where delivery_id is not null;
grant update (found) on composer.duties to composer_worker;
