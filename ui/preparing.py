"""What somebody needs at hand before connecting a platform, who has to sign in there, and what that allows us.

Sources: docs/platforms.md, and the permissions that each adapter asks for.
"""

from collections.abc import Mapping, Sequence

from ui.view import Element, h

STEPS: Mapping[str, Sequence[tuple[str, str]]] = {
    "bluesky": (
        (
            "Make an app password.",
            (
                "In Bluesky: Settings, Privacy and security, App passwords. One for us alone, so that"
                " it can be taken back alone."
            ),
        ),
        (
            "Never type the main password here.",
            ("An app password cannot change the account, and two-factor sign-in does not get in its way."),
        ),
        (
            "Have the handle ready.",
            ("As in harborbakery.bsky.social; for an account on a server of its own also that server's address."),
        ),
    ),
    "google_business": (
        (
            "Sign in as an owner or manager of the location.",
            ("Whoever manages the business's profile at Google can allow us to post for it."),
        ),
        (
            "Make sure that the location is verified.",
            ("Google shows posts of verified locations. Chains and some categories take none through other programs."),
        ),
        (
            "Allow everything that Google asks for.",
            ("It is one permission: to manage the business's profile. We only post, and read our posts back."),
        ),
        ("Pick the locations by name and address.", "After the sign-in, here. Nothing is chosen for you."),
    ),
    "twitter": (
        (
            "Sign in at X as the account to publish as.",
            ("X takes whoever is signed in there in this browser: sign out there first if that is somebody else."),
        ),
        (
            "Allow what X asks for.",
            (
                "Posting, pictures, reading our posts back, and staying signed in. We follow"
                " nobody and read no messages."
            ),
        ),
        (
            "Expect a price per post.",
            ("X charges for each post, and more for one with a link: Compose shows it before you publish."),
        ),
    ),
    "slack": (
        (
            "Have somebody sign in who may install apps.",
            ("Some workspaces want an admin's approval first: then Slack asks for it, and you begin again afterwards."),
        ),
        (
            "Invite the app to each channel.",
            (
                "In the channel: /invite @Social Composer. An app posts and reads only"
                " where it is a member; private channels are not even listed before."
            ),
        ),
        (
            "Allow what Slack asks for.",
            (
                "Posting, pictures, listing channels, and looking whether a post went out."
                " A post never notifies a whole channel."
            ),
        ),
        ("Pick the channels.", "After the sign-in, here. Nothing is chosen for you."),
    ),
}


def steps(platform: str) -> Element:
    """Draw what to prepare, in order."""
    return h("ol.todo", *[h("li", h("b", what), " ", h("span.muted", why)) for what, why in STEPS[platform]])
