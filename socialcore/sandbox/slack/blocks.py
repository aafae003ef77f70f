"""Checks the blocks of a message as Slack does, as far as anybody here sends them.

Source: https://docs.slack.dev/reference/block-kit/blocks
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from socialcore.sandbox.slack.refusals import Refusal, explained
from socialcore.sandbox.slack.shapes import is_list, is_object
from socialcore.sandbox.slack.state import File

MOST = 50  # of one message
MOST_RENDERED = 13_200  # characters over all of them: slackapi/bolt-js issue 2509
SECTION, ALT, TITLE, BLOCK_ID = 3_000, 2_000, 2_000, 255
FILE_ID = re.compile(r"F[A-Z0-9]{8,}")
PICTURES = ("image/png", "image/jpeg", "image/gif")
# Known to Slack; their insides are not checked here, because nobody here sends them.
OTHERS = ("divider", "header", "context", "actions", "input", "rich_text", "video", "markdown", "table")


def insist(blocks: object, files: Mapping[str, File]) -> Sequence[Mapping[str, Any]]:
    """Check blocks.

    Args:
        files: those that the caller may show, and that Slack has looked at.

    Raises:
        Refusal: if one is not as it has to be.
    """
    if not is_list(blocks):
        raise Refusal("invalid_blocks_format")
    if len(blocks) > MOST:
        raise explained("invalid_blocks", f"no more than {MOST} items allowed [json-pointer:/blocks]")
    problems = [problem for number, block in enumerate(blocks) if (problem := _problem(number, block, files))]
    if problems:
        raise explained("invalid_blocks", *problems)
    if sum(_length(block) for block in blocks) > MOST_RENDERED:
        raise Refusal("msg_blocks_too_long")
    return blocks


def _problem(number: int, block: object, files: Mapping[str, File]) -> str | None:
    at = f"[json-pointer:/blocks/{number}"
    if not is_object(block):
        return f"must provide an object {at}]"
    if len(str(block.get("block_id", ""))) > BLOCK_ID:
        return f"must be less than {BLOCK_ID + 1} characters {at}/block_id]"
    match block.get("type"):
        case "section":
            return _section_problem(block, at)
        case "image":
            return _image_problem(block, at, files)
        case kind if kind in OTHERS:
            return None
        case kind:
            return f"unsupported type: {kind} {at}/type]"


def _section_problem(block: Mapping[str, Any], at: str) -> str | None:
    match block.get("text"):
        case {"type": "mrkdwn" | "plain_text", "text": str(text)}:
            if not 0 < len(text) <= SECTION:
                return f"must be between 1 and {SECTION} characters {at}/text/text]"
            return None
        case None if block.get("fields"):
            return None
        case _:
            return f"missing required field: text {at}]"


def _image_problem(block: Mapping[str, Any], at: str, files: Mapping[str, File]) -> str | None:
    alt = block.get("alt_text")
    if not isinstance(alt, str) or not alt:
        return f"missing required field: alt_text {at}]"
    if len(alt) > ALT:
        return f"must be less than {ALT + 1} characters {at}/alt_text]"
    match block:
        case {"image_url": str(), "slack_file": _}:
            return f"only one of image_url and slack_file {at}]"
        case {"image_url": str(url)}:
            return None if 0 < len(url) <= SECTION else f"must be less than {SECTION + 1} characters {at}/image_url]"
        case {"slack_file": {"id": str(name)}}:
            if not FILE_ID.fullmatch(name):
                return f"input must match regex pattern: ^[F][A-Z0-9]{{8,}}$ {at}/slack_file/id]"
            file = files.get(name)
            return None if file and file.media_type in PICTURES else f"invalid slack file {at}/slack_file]"
        case _:
            return f"missing required field: slack_file {at}]"


def _length(block: Mapping[str, Any]) -> int:
    match block:
        case {"text": {"text": str(text)}} | {"text": str(text)}:
            return len(text)
        case _:
            return 0
