"""A sign-in as the platform keeps it: access that expires, and refresh tokens that are good once."""

from dataclasses import dataclass

from socialcore import failures


@dataclass(frozen=True)
class Secret:
    """What we hold of a sign-in, which production seals."""

    family: int
    number: int
    expires_at: float


@dataclass
class SignIn:
    """One person's sign-in. Where tokens are good once, using one again revokes everything that came of it."""

    single_use: bool
    lasts: float
    family: int = 0
    number: int = 0
    revoked: bool = False

    def begin(self, now: float) -> Secret:
        """Somebody signs in, for the first time or again."""
        self.family, self.number, self.revoked = self.family + 1, 0, False
        return self._issue(now)

    def refresh(self, secret: Secret, now: float) -> Secret:
        if secret.family != self.family or self.revoked:
            raise failures.ReconnectNeeded("revoked")
        if self.single_use and secret.number != self.number:
            self.revoked = True
            raise failures.ReconnectNeeded("this token was used before: everything is revoked")
        self.number += 1
        return self._issue(now)

    def check(self, secret: Secret, now: float) -> None:
        """Does this open anything?"""
        if secret.family != self.family or self.revoked:
            raise failures.ReconnectNeeded("revoked")
        if secret.expires_at < now:
            raise failures.CredentialExpired("expired")

    def _issue(self, now: float) -> Secret:
        return Secret(self.family, self.number, now + self.lasts)
