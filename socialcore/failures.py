"""What can go wrong at a platform, named by what we do next.

PlatformFailure
├── ContentRejected     the operator edits the post
├── CredentialExpired   we refresh the credential, then try again
├── ReconnectNeeded     the operator signs in at the platform again
├── RateLimited         we wait as long as the platform asks; the wait is not an attempt
├── Unavailable         we try again later; the platform certainly published nothing
└── OutcomeUnknown      we look before we try again; the platform may have published
"""

from datetime import timedelta
from typing import Literal


class PlatformFailure(Exception):
    """A platform did not do what we asked.

    `str(failure)` is safe to show an operator: it never holds a secret or a raw reply.
    """

    @property
    def kind(self) -> str:
        """The name that attempts, metrics and alerts know this failure by."""
        return type(self).__name__


class ContentRejected(PlatformFailure):
    """The platform will never take this content as it stands."""


class CredentialExpired(PlatformFailure):
    """The access token is too old, and a refresh may renew it."""


class ReconnectNeeded(PlatformFailure):
    """Nothing we hold opens this connection any more."""


class RateLimited(PlatformFailure):
    """The platform asks us to wait."""

    def __init__(
        self, message: str, *, wait: timedelta, whose: Literal["connection", "grant", "platform"] = "grant"
    ) -> None:
        """Say how long to wait, and who: one connection, all of a sign-in, or everybody on the platform."""
        super().__init__(message)
        self.wait = wait
        self.whose = whose


class Unavailable(PlatformFailure):
    """The request never reached the platform, or was turned away at the door."""


class OutcomeUnknown(PlatformFailure):
    """The request left, and no answer we can read came back."""
