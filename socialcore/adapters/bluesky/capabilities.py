"""What Bluesky allows and how it behaves, as data."""

from datetime import date, timedelta

from socialcore.adapters.bluesky.refusals import NAME
from socialcore.adapters.contract import (
    Budget,
    Capabilities,
    Option,
    PictureLimits,
    Rule,
    Source,
    TextLimit,
    TextUnit,
    VideoLimits,
)

LEXICONS = date(2026, 8, 20)  # bluesky-social/atproto d6296a1c
OBSERVED = date(2026, 11, 23)  # npm @atproto/pds 0.5.35, run on this machine
POST = Source("lexicons/app/bsky/feed/post.json in bluesky-social/atproto", LEXICONS)
IMAGES = Source("lexicons/app/bsky/embed/images.json in bluesky-social/atproto", LEXICONS)
VIDEO = Source("lexicons/app/bsky/embed/video.json and app/bsky/video in bluesky-social/atproto", LEXICONS)
GATES = Source("lexicons/app/bsky/feed/{threadgate,postgate}.json in bluesky-social/atproto", LEXICONS)
WRITES = Source("packages/pds/src/api/com/atproto/repo/applyWrites.ts in bluesky-social/atproto", LEXICONS)
RATE_LIMITS = Source("https://docs.bsky.app/docs/advanced-guides/rate-limits", date(2026, 11, 20))
OAUTH = Source("https://atproto.com/specs/oauth", date(2026, 11, 20))
PDS = Source("the answers of npm @atproto/pds 0.5.35 and 0.4.217", OBSERVED)

MOST_PARTS = 100  # posts of a thread: a page of listRecords, and half of what applyWrites takes
MOST_LANGS = 3
MOST_LABELS = 10
MOST_THUMB_BYTES = 1_000_000  # lexicons/app/bsky/embed/external.json
# com.atproto.label.defs, which also says who may set them: these are for an author to put on a post.
LABELS = ("porn", "sexual", "nudity", "graphic-media", "bot", "!no-unauthenticated", "!hide", "!warn")
WHO_IN_WORDS = {"mentioned": "who is mentioned", "followers": "followers", "following": "accounts it follows"}
# The languages most posts are in, as their speakers call them; any other can be given through the API.
LANGUAGES = {
    "en": "English", "de": "Deutsch", "es": "Español", "fr": "Français", "it": "Italiano", "ja": "日本語",
    "ko": "한국어", "nl": "Nederlands", "pl": "Polski", "pt": "Português", "sv": "Svenska", "tr": "Türkçe",
    "uk": "Українська", "zh": "中文",
}  # fmt: skip
OPTIONS = (
    Option(
        name="langs", label="Languages of the text", kind="choices", choices=tuple(LANGUAGES.items()), most=MOST_LANGS
    ),
    Option(
        name="who_can_reply",
        label="Who can reply",
        kind="choice",
        choices=(
            ("everybody", "Everybody"),
            ("nobody", "Nobody"),
            (["mentioned"], "Who is mentioned"),
            (["following"], "Accounts it follows"),
            (["followers"], "Followers"),
            (["mentioned", "following"], "Who is mentioned, and accounts it follows"),
        ),
        default="everybody",
    ),
    Option(name="no_quotes", label="Nobody can quote it", kind="switch", default=False),
    Option(
        name="card",
        label="Show a link as a card",
        kind="link_in_text",
        default="",
        says="A card stands below the text, with the page's title and picture. Pictures of the post go first.",
    ),
    Option(
        name="labels",
        label="Warn readers of",
        kind="choices",
        choices=(
            ("sexual", "Suggestive content"),
            ("nudity", "Nudity"),
            ("porn", "Adult content"),
            ("graphic-media", "Graphic media"),
            ("bot", "An automated post"),
        ),
        most=MOST_LABELS,
    ),
    Option(name="quote", label="Quote a post", kind="link", default="", says="The link of the post at Bluesky."),
    Option(name="reply_to", label="Reply to a post", kind="link", default="", says="The link of the post at Bluesky."),
)

PERMISSIONS = (
    "atproto",
    "repo:app.bsky.feed.post",
    "repo:app.bsky.feed.threadgate",
    "repo:app.bsky.feed.postgate",
    "blob:image/*",
    "blob:video/mp4",
    "rpc:app.bsky.video.getUploadLimits?aud=*",
    "rpc:com.atproto.repo.uploadBlob?aud=*",
)

NOT_EDITED = f"{NAME} shows a post as it was first written: likes and replies hold on to those very words."

CAPABILITIES = Capabilities(
    name=NAME,
    text_limits=(TextLimit(300, TextUnit.GRAPHEMES, POST), TextLimit(3000, TextUnit.BYTES, POST)),
    can_delete=True,
    why_not_edited=NOT_EDITED,
    options=OPTIONS,
    settle=timedelta(0),  # the key is ours: writing again cannot make a second post
    misses=1,
    read_lag=timedelta(0),  # getRecord asks the server that holds the record
    # 5,000 points an hour and 35,000 a day for each account, of which a record written costs 3.
    budgets=(
        Budget("grant", 1_666, timedelta(hours=1), RATE_LIMITS),
        Budget("grant", 11_666, timedelta(days=1), RATE_LIMITS),
    ),
    pictures=PictureLimits(
        most=4,
        # The lexicon allows 2,000,000 by now; servers that are not that new refuse more than this.
        most_bytes=1_000_000,
        longest_side=4_000,  # as the official client makes them
        most_alt=2_000,  # of the official client; the lexicon has no limit
        source=IMAGES,
    ),
    video=VideoLimits(most_bytes=300_000_000, longest=timedelta(minutes=10), source=VIDEO),
    threads="together",
    suggests=True,
    rules=(
        Rule(
            "A thread is as many records as it has posts, each naming the first and the one before by its hash.",
            f"One atomic applyWrites with hashes computed beforehand; {MOST_PARTS} posts at most, of 200 writes.",
            WRITES,
        ),
        Rule(
            "Every record of a write costs 3 points of 5,000 an hour and 35,000 a day.",
            "We count deliveries, as if each were one post. A thread or a gate that the server finds too much"
            " is refused as a whole, and waits as long as the server says.",
            RATE_LIMITS,
        ),
        Rule(
            "Facets that lie outside of the text are accepted and shown to nobody.",
            "Facets are made from the very text that is sent.",
            PDS,
        ),
        Rule(
            "Embeds of an unknown type are accepted and shown to nobody.",
            "Only embeds of the lexicons are made; the sandbox complains of any other.",
            PDS,
        ),
        Rule(
            "Uploaded files that no record mentions are deleted after a while.",
            "Pictures are uploaded anew before each attempt; the same bytes have the same address.",
            PDS,
        ),
        Rule(
            "Who can reply is a record beside the first post of a thread; beside a reply it has no effect.",
            "It is written together with the post, and refused for a reply.",
            GATES,
        ),
        Rule(
            "Links are shown without scheme and long ends, and counted as shown.",
            "Shortened as the official client does, before counting; the link leads to all of it.",
            Source("toShortUrl and shortenLinks in bluesky-social/social-app", date(2026, 11, 20)),
        ),
        Rule(
            "A video is sent to a service of Bluesky's, which transcodes it and has limits for each day.",
            "Asked for what is left before a video is sent; what comes of it is frozen with the post.",
            VIDEO,
        ),
        Rule(
            "A refresh token of a sign-in by browser is good for one use: a second ends the sign-in.",
            "Used once, by one process at a time, and never again when no answer came.",
            OAUTH,
        ),
    ),
    source="app.bsky.feed.post in bluesky-social/atproto d6296a1c, 2026-08-20",
)
