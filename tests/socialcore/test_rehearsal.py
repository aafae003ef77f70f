"""Faults as QA switches them on: by the sandbox's own words, over its real controls."""

import pytest

from socialcore import rehearsal
from socialcore.posts import PLATFORMS
from socialcore.sandbox.faults import Kind
from tests.sandbox import Sandbox


def test_every_fault_there_is_can_be_switched_on_somewhere(sandbox: Sandbox):
    doubles = rehearsal.doubles(sandbox.url)

    assert {each.name for each in doubles} == set(PLATFORMS)
    assert {fault.kind for each in doubles for fault in each.faults} == {kind.value for kind in Kind}
    assert all(fault.says for each in doubles for fault in each.faults)


def test_a_fault_is_in_force_until_it_is_switched_off(sandbox: Sandbox):
    rehearsal.switch_on(sandbox.url, "slack", "slack_error", error="is_archived", times=2, seconds=None)
    rehearsal.switch_on(sandbox.url, "bluesky", "delay", seconds=0.5)

    slack, bluesky = rehearsal.in_force(sandbox.url)
    assert (slack.platform, slack.kind, slack.error, slack.times, slack.fired) == (
        "slack",
        "slack_error",
        "is_archived",
        2,
        0,
    )
    rehearsal.switch_off(sandbox.url, slack.id)

    assert [each.id for each in rehearsal.in_force(sandbox.url)] == [bluesky.id]
    rehearsal.switch_off(sandbox.url)
    assert rehearsal.in_force(sandbox.url) == []


def test_what_a_platform_does_not_know_is_refused_in_words(sandbox: Sandbox):
    with pytest.raises(rehearsal.Refused, match="Slack knows no credits_spent"):
        rehearsal.switch_on(sandbox.url, "slack", "credits_spent")


def test_a_sandbox_that_is_away_is_said_in_words():
    with pytest.raises(rehearsal.SandboxAway, match="does not answer"):
        rehearsal.in_force("http://127.0.0.1:9")
