"""Which faults each platform can suffer, in words for whoever rehearses them."""

from collections.abc import Mapping

from socialcore.sandbox.faults import Kind

ANYWHERE: Mapping[Kind, str] = {
    Kind.DELAY: "Every answer takes so many seconds",
    Kind.LATE: "The answer is lost at once, and the work is done some seconds later",
    Kind.LOSE_REPLY: "The work is done, and the answer is lost",
    Kind.DROP: "The connection is cut before anything is done",
    Kind.ERROR_BEFORE: "An error of the server's own, and nothing was done",
    Kind.ERROR_AFTER: "An error of the server's own, although the work was done",
    Kind.HTML: "A gateway's HTML page instead of an answer",
    Kind.GARBAGE: "The work is done, and the answer is unreadable",
    Kind.HUGE: "The work is done, and the answer does not end",
    Kind.RATE_LIMIT: "Too many calls: wait so many seconds",
    Kind.EXPIRED_TOKEN: "The sign-in has expired and can be renewed",
    Kind.DEACTIVATED: "The account, or our app, was switched off by its owner",
}
OWN: Mapping[str, Mapping[Kind, str]] = {
    "bluesky": {
        Kind.REVOKED_PASSWORD: "The app password was taken back",
        Kind.TAKEDOWN: "Bluesky has taken the account down",
        Kind.MEDIA_FAILED: "The video service cannot use the video",
    },
    "google_business": {
        Kind.REVOKED: "The sign-in was taken back: invalid_grant",
        Kind.REAUTHENTICATION: "The owner's company wants its people to sign in again: invalid_rapt",
        Kind.API_DISABLED: "Google has not approved our app for this API",
        Kind.ACCESS_LOST: "Somebody else manages the location now",
        Kind.LOCATION_GONE: "The location is gone",
        Kind.LOCATION_DISABLED: "The location takes no posts from programs",
        Kind.REJECTED: "Accepted, and turned down by the review",
        Kind.PROCESSING_FOREVER: "Accepted, and the review does not end",
        Kind.SLOW_REVIEW: "The review takes so many seconds",
        Kind.MEDIA_FAILED: "Google cannot fetch the photo",
    },
    "twitter": {
        Kind.REVOKED: "The sign-in was taken back",
        Kind.REFRESH_REPLAYED: "The token for renewing the sign-in was used before",
        Kind.TAKEDOWN: "X has suspended the account",
        Kind.CREDITS_SPENT: "Our credit at X is spent: 402",
        Kind.DUPLICATE: "X says that it has this post already",
        Kind.REPLY_NOT_ALLOWED: "X refuses a part of a thread after the first",
        Kind.MEDIA_FAILED: "X cannot use the picture",
    },
    "slack": {
        Kind.REVOKED: "The sign-in was taken back",
        Kind.REFRESH_REPLAYED: "The token for renewing the sign-in was used before",
        Kind.SLACK_ERROR: "HTTP 200 with ok: false and this error",
    },
}


def faults_of(platform: str) -> Mapping[Kind, str]:
    """What can go wrong there, by kind, in words."""
    return {**ANYWHERE, **OWN[platform]}
