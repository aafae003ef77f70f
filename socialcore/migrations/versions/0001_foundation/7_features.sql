-- The launch's flags, all off. What somebody has set since stays as it is.
set local role composer_admin;
insert into composer.features (name, gates, salt, requires, notes) values
    ('feature_social_composer', 'access to the multi-platform composer', 'feature_social_composer', null, 'Phase 1'),
    ('feature_bluesky_posting', 'the Bluesky adapter', 'feature_bluesky_posting', 'feature_social_composer', 'Phase 1'),
    ('feature_twitter_posting', 'the X adapter', 'feature_twitter_posting', 'feature_social_composer', 'Phase 2'),
    ('feature_slack_posting', 'the Slack adapter', 'feature_slack_posting', 'feature_social_composer', 'Phase 2')
on conflict do nothing;
insert into composer.account_features (feature_name, account_id, enabled)
select name, null, false from composer.features
on conflict do nothing;
set local role composer_owner;
