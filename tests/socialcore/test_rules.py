"""docs/platforms.md says what the adapters say of themselves."""

import re
from pathlib import Path

import pytest

from socialcore.adapters import ADAPTERS, rules
from socialcore.posts import PLATFORMS

CLAIMS = [(name, can) for name, can in ((name, adapter.capabilities) for name, adapter in ADAPTERS.items())]


def test_the_document_is_written_from_the_capabilities():
    assert rules.PLACE.read_text("utf-8") == rules.document(), "make docs"


def test_every_platform_has_its_adapter():
    assert set(ADAPTERS) == set(PLATFORMS)


@pytest.mark.parametrize(("name", "can"), CLAIMS, ids=[name for name, _ in CLAIMS])
def test_every_limit_says_where_it_is_written_and_when_we_read_it(name, can):
    limits = [*can.text_limits, *can.budgets, *can.rules, *filter(None, (can.pictures, can.video))]

    without = [limit for limit in limits if limit.source is None or not limit.source.document]

    assert limits
    assert not without


@pytest.mark.parametrize(("name", "can"), CLAIMS, ids=[name for name, _ in CLAIMS])
def test_a_limit_changed_in_an_adapter_changes_the_document(name, can):
    section = rules.document().partition(f"## {can.name}\n")[2].partition("\n## ")[0]

    numbers = {int(each.replace(",", "")) for each in re.findall(r"\d[\d,]*", section)}

    assert {limit.most for limit in can.text_limits} <= numbers
    assert {budget.most for budget in can.budgets} <= numbers


ADAPTERS_FOLDER = Path(rules.__file__).parent
GUIDE = rules.PLACE.with_name("adding_a_platform.md")
OF = {"X": "twitter*.py", "Google Business": "google*.py", "Slack": "slack*.py", "Bluesky": "bluesky/*.py"}


@pytest.mark.parametrize(("platform", "pattern"), OF.items(), ids=list(OF))
def test_the_guide_says_what_a_platform_costs(platform, pattern):
    """To the nearest tenth: enough to be true, and no change of a line changes the document."""
    files = list(ADAPTERS_FOLDER.glob(pattern))
    code = [line for file in files for line in file.read_text("utf-8").splitlines() if line.strip()]
    written = sum(not line.lstrip().startswith("#") for line in code)

    row = re.search(rf"^\| {platform}[^|]*\| (\d+) \| (\d+) \|$", GUIDE.read_text("utf-8"), re.MULTILINE)

    assert row
    assert abs(int(row[1]) - written) <= written / 10
    assert int(row[2]) == len(files)
