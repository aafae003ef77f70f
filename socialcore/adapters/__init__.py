"""Every platform we publish to, by name. Adding one is a module, a line here, and a contract test."""

from collections.abc import Mapping

from socialcore.adapters.apps import app_of
from socialcore.adapters.bluesky import Bluesky
from socialcore.adapters.bluesky.registration import registration_of
from socialcore.adapters.contract import Adapter
from socialcore.adapters.google_business import GoogleBusiness
from socialcore.adapters.slack import Slack
from socialcore.adapters.twitter import Twitter
from socialcore.posts import Platform

ADAPTERS: Mapping[Platform, Adapter] = {
    "bluesky": Bluesky(registration=registration_of()),
    "google_business": GoogleBusiness(app_of("google_business")),
    "twitter": Twitter(app_of("twitter")),
    "slack": Slack(app_of("slack")),
}
