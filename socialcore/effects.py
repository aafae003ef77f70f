"""What a change of accounts or people affects, in words, told before it is made."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from socialcore import plans
from socialcore.accounts import Account
from socialcore.adapters import ADAPTERS
from socialcore.database import OperatorScope
from socialcore.managing import Customer, Person, Wanted
from socialcore.operators import MAY, Capability, Role
from socialcore.posts import Platform
from socialcore.times import city

NAMED_AT_MOST = 4
DOES: Mapping[Capability, str] = {
    Capability.SEE: "see posts and connections",
    Capability.PUBLISH: "publish",
    Capability.CONNECT: "connect accounts to platforms",
    Capability.RELEASE: "switch flags and holds",
    Capability.TEST: "run tests",
    Capability.MANAGE: "manage accounts and people",
}


@dataclass(frozen=True, slots=True)
class Planned:
    """What waits for its time."""

    posts: int
    first_due: datetime | None


def planned(scope: OperatorScope, *, account_id: UUID | None = None, by: UUID | None = None) -> Planned:
    """Count the scheduled posts of an account, or those that an operator has submitted."""
    found = scope.first(
        Planned,
        "select posts, first_due from planned(cast(:account_id as uuid), cast(:by as uuid))",
        {"account_id": account_id, "by": by},
    )
    return found or Planned(0, None)


def of_account(was: Customer, values: Mapping[str, Any], waiting: Planned) -> list[str]:
    """Say what changing an account affects; nothing if nothing changes.

    Args:
        values: what `accounts.checked` has made of what was entered.
        waiting: the account's scheduled posts.
    """
    account = was.account
    said: list[str] = []
    if values["name"] != account.name:
        said.append(f"It is called {values['name']} from now on, everywhere and also beside posts of the past.")
    if values["colour"] != account.colour:
        said.append("The banner takes the new colour on every page: people know an account by it, so tell them.")
    if values["time_zone"] != account.time_zone:
        said.append(_moved(waiting, account.zone, ZoneInfo(values["time_zone"])))
    if values["plan"] != account.plan:
        said += _of_plan(account, str(values["plan"]), was.connections)
    if (values["website"], list(values["brand_names"])) != (account.website, list(account.brand_names)):
        said.append("The warning against the wrong account looks for these names in texts from now on.")
    return said


def of_new_account(values: Mapping[str, Any], everybody: Sequence[Person]) -> list[str]:
    """Say what comes with an account that is added."""
    act = [each.name for each in everybody if each.active and each.every_account]
    name = values["name"]
    return [
        f"{_named(act)} {'acts' if len(act) == 1 else 'act'} for it at once, like for every account."
        if act
        else "Nobody acts for it until you say who: under People.",
        f"Plan {values['plan']}: {_platforms(plans.held(str(values['plan'])))} can be connected.",
        f"Nothing but Google Business goes out for {name} until its flags are on.",
    ]


def of_person(was: Person, wanted: Wanted, known: Mapping[UUID, Account]) -> list[str]:
    """Say what changing an operator affects; nothing if nothing changes."""
    said: list[str] = []
    if wanted.name.strip() != was.name:
        said.append(f"They are called {wanted.name.strip()} from now on, also beside what they did before.")
    before, after = may(was.roles), may(wanted.roles)
    if lost := [DOES[each] for each in Capability if each in before - after]:
        said.append(f"May no longer {', '.join(lost)}.")
    if gained := [DOES[each] for each in Capability if each in after - before]:
        said.append(f"May now {', '.join(gained)}.")
    if not lost and not gained and set(wanted.roles) != set(was.roles):
        said.append("May do what they might before: the roles overlap.")
    reach = _of_reach(was, wanted, known)
    if was.tokens and (lost or any(each.startswith("Loses") for each in reach)):
        said.append(f"{_counted(was.tokens, 'API token')} of theirs can do no more than what is left.")
    return [*said, *reach]


def of_invitation(wanted: Wanted, email: str, known: Mapping[UUID, Account]) -> list[str]:
    """Say what inviting an operator comes to."""
    acts = "every account, also those to come" if wanted.every_account else _accounts(wanted.account_ids, known)
    return [
        f"Whoever first signs in with {email.strip().lower()}, vouched for by the identity provider, is this operator.",
        f"May {', '.join(DOES[each] for each in Capability if each in may(wanted.roles)) or 'do nothing'}.",
        f"Acts for {acts}.",
    ]


def of_deactivation(was: Person, waiting: Planned) -> list[str]:
    """Say what ends with an operator; what they have scheduled does not."""
    ends = f": {_ended(was.sign_ins, 'sign-in')}" if was.sign_ins else ""
    said = [f"They are out at once{ends}, and cannot sign in any more."]
    said.append("Loses every account." if was.every_account else f"Loses {_counted(len(was.account_ids), 'account')}.")
    if was.tokens:
        said.append(f"{_ended(was.tokens, 'API token')} for good, also if they come back.")
    if waiting.posts:
        goes = "goes" if waiting.posts == 1 else "go"
        said.append(f"{_counted(waiting.posts, 'scheduled post')} of theirs {goes} out all the same.")
    return said


def of_reactivation(was: Person) -> list[str]:
    acts = "every account" if was.every_account else _counted(len(was.account_ids), "account")
    return [f"Can sign in again, as {', '.join(was.roles).replace('_', ' ')}, for {acts}. API tokens stay ended."]


def may(roles: Collection[Role]) -> frozenset[Capability]:
    return frozenset[Capability]().union(*(MAY[role] for role in roles))


def _moved(waiting: Planned, before: ZoneInfo, after: ZoneInfo) -> str:
    if waiting.first_due is None:
        return f"No post is scheduled. Times are shown and chosen as in {city(after)}."
    keeps = "keeps its moment" if waiting.posts == 1 else "keep their moment"
    posts = _counted(waiting.posts, "scheduled post")
    was, becomes = waiting.first_due.astimezone(before), waiting.first_due.astimezone(after)
    if was.utcoffset() == becomes.utcoffset():
        return f"{posts} {keeps}; on the clock nothing changes at the next one, {_clock(was)}."
    whose = "its" if waiting.posts == 1 else "the next one's"
    return f"{posts} {keeps}; {whose} local time changes from {_clock(was)} to {_clock(becomes)}."


def _clock(there: datetime) -> str:
    return f"{there:%a} {there.day} {there:%b %H:%M}"


def _of_plan(account: Account, wanted: str, connections: Mapping[Platform, int]) -> list[str]:
    said: list[str] = []
    before, after = plans.held(account.plan), plans.held(wanted)
    for platform in before:
        if platform in after:
            continue
        name, count = ADAPTERS[platform].capabilities.name, connections.get(platform, 0)
        stay = "1 connection stays, but takes" if count == 1 else f"{count} connections stay, but take"
        kept = f" {stay} no new posts; what is scheduled goes out." if count else ""
        said.append(f"Plan {wanted}: {name} cannot be connected any more.{kept}")
    joins: list[Platform] = [each for each in after if each not in before]
    if joins:
        said.append(f"Plan {wanted}: {_platforms(joins)} can be connected from now on.")
    return said or [f"Plan {wanted} holds the same platforms: {_platforms(after)}."]


def _of_reach(was: Person, wanted: Wanted, known: Mapping[UUID, Account]) -> list[str]:
    if was.every_account and wanted.every_account:
        return []
    mine, wished = set(was.account_ids), set(wanted.account_ids)
    if wanted.every_account:
        return ["Acts for every account from now on, also those to come."]
    if was.every_account:
        return [f"Loses every account but {_accounts(wished, known)}." if wished else "Loses every account."]
    said: list[str] = []
    if lost := mine - wished:
        said.append(f"Loses {_accounts(lost, known)}.")
    if gained := wished - mine:
        said.append(f"Acts for {_accounts(gained, known)} from now on.")
    return said


def _accounts(ids: Collection[UUID], known: Mapping[UUID, Account]) -> str:
    if not ids:
        return "no account"
    return f"{_counted(len(ids), 'account')}: {_named(sorted(known[each].name for each in ids if each in known))}"


def _named(names: Sequence[str]) -> str:
    if len(names) > NAMED_AT_MOST:
        names = [*names[: NAMED_AT_MOST - 1], f"{len(names) - NAMED_AT_MOST + 1} more"]
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]])) if names else ""


def _platforms(held: Sequence[Platform]) -> str:
    return _named([ADAPTERS[each].capabilities.name for each in held])


def _ended(number: int, noun: str) -> str:
    return f"{_counted(number, noun)} {'ends' if number == 1 else 'end'}"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
