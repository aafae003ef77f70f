"""What the database says against what the sandbox shows: lost, duplicated, bound to the wrong id."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Row = Mapping[str, Any]
ENDS = ("confirmed", "cancelled", "failed", "missed", "needs_review")


@dataclass
class Verdict:
    """Each finding is a sentence about one delivery, so that a failed run says where to look."""

    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    misbound: list[str] = field(default_factory=list)
    states: Counter[str] = field(default_factory=Counter)

    @property
    def findings(self) -> list[str]:
        return self.lost + self.duplicated + self.misbound

    def __str__(self) -> str:
        bad = f"{len(self.lost)} lost, {len(self.duplicated)} duplicated, {len(self.misbound)} bound to the wrong id"
        ends = ", ".join(f"{number:,} {state.replace('_', ' ')}" for state, number in self.states.most_common())
        return f"{bad}; {ends}"


def judge(deliveries: Sequence[Row], public: Sequence[Row]) -> Verdict:
    """Hold every delivery against the posts of the same identity with the same words.

    Args:
        deliveries: id, did, text, state, remote_id, and the record_key if it was ours to choose.
        public: the sandbox's posts. Twins share identity and words, so those are counted, not told apart.
    """
    verdict = Verdict(states=Counter(each["state"] for each in deliveries))
    posts: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for post in public:
        posts[post["did"], post["record"]["text"]].append(post)
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for delivery in deliveries:
        groups[delivery["did"], delivery["text"]].append(delivery)
    for place, group in groups.items():
        _judge_group(verdict, group, {uri(post): post for post in posts.pop(place, [])})
    verdict.misbound += [f"{place}: {len(found)} public, of no delivery" for place, found in posts.items()]
    return verdict


def uri(post: Row) -> str:
    return f"at://{post['did']}/app.bsky.feed.post/{post['rkey']}"


def _judge_group(verdict: Verdict, group: Sequence[Row], public: Mapping[str, Row]) -> None:
    """Judge the deliveries of the same words to the same place: one, or twins."""
    story = f"{[(str(each['id']), each['state'], each['remote_id']) for each in group]}, public: {sorted(public)}"
    confirmed = [each for each in group if each["state"] == "confirmed"]
    undecided = [each for each in group if each["state"] == "needs_review"]
    missing = [each for each in confirmed if each["remote_id"] not in public]
    # A post that is there under another id than the one we hold is bound wrongly; one that is nowhere is lost.
    elsewhere = len(public) - (len(confirmed) - len(missing))
    verdict.misbound += [f"misbound: {story}"] * min(len(missing), elsewhere)
    verdict.lost += [f"lost: {story}"] * max(0, len(missing) - elsewhere)
    verdict.misbound += [f"misbound: {story}" for each in confirmed if not _is_own(each, public)]
    verdict.duplicated += [f"duplicated: {story}"] * (len(public) > len(group))
    # Said to have ended unpublished, and public all the same.
    denied = min(len(public), len(group)) - len(confirmed) - len(undecided)
    verdict.lost += [f"public, but not confirmed: {story}"] * max(0, denied)


def _is_own(delivery: Row, public: Mapping[str, Row]) -> bool:
    """False if the post a delivery is bound to says itself that it is another's."""
    post = public.get(delivery["remote_id"])
    if post is None:
        return True  # counted above
    if delivery["record_key"] is not None:
        return post["rkey"] == delivery["record_key"]
    return post["record"].get("tags") in (None, [delivery["id"].hex])
