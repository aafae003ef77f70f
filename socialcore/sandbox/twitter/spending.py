"""What calls cost our app, and whether it can still pay.

Source: docs.x.com x-api/getting-started/pricing, 2026-08.
"""

from decimal import Decimal

from socialcore.sandbox.twitter.refusals import out_of_credit
from socialcore.sandbox.twitter.state import State

POST = Decimal("0.015")
POST_WITH_LINK = Decimal("0.200")
DELETE = Decimal("0.010")
METADATA = Decimal("0.005")
READ = Decimal("0.005")  # of each post


def insist_on_credit(state: State, cost: Decimal) -> None:
    if state.left is not None and state.left < cost:
        raise out_of_credit()


def charge(state: State, cost: Decimal) -> None:
    if cost:
        state.happen({"type": "charged", "cost": str(cost)})
