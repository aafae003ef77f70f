"""What is chosen for one platform besides the text, asked for as its adapter describes it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import streamlit as st

from socialcore import posts, publishing
from socialcore.adapters.contract import Option
from socialcore.posts import Content, Platform
from ui import session
from ui.platforms import PLATFORMS

Save = Callable[[], None]


def draw(content: Content, platforms: Sequence[Platform], links: Sequence[str], rev: str, save: Save) -> None:
    """Draw what can be chosen for each of the platforms."""
    if not any(publishing.options(each) for each in platforms):
        return
    with st.expander("More for each platform", icon=":material/tune:", key="more"):
        for platform in platforms:
            answers, options = _answers(content, platform, rev), publishing.options(platform)
            st.subheader(PLATFORMS[platform].name, anchor=False)
            grid = st.grid(2, min_column_width=190, gap="small")
            for option in options:
                if _is_asked(option, options, answers):
                    with grid.cell():
                        _ask(option, answers.get(option.name, option.default), _key(rev, platform, option), links, save)


def chosen_now(content: Content, rev: str) -> Content:
    """The content with what is chosen on the screen; what is not asked for any more is left out."""
    for platform in posts.PLATFORMS:
        options = publishing.options(platform)
        if not any(session.has_widget(_key(rev, platform, option)) for option in options):
            continue
        answers = _answers(content, platform, rev)
        kept = {
            option.name: answers[option.name]
            for option in options
            if option.name in answers
            and _is_asked(option, options, answers)
            and answers[option.name] not in (option.default, None, "", [])
        }
        variant = content.variants.get(platform)
        before = variant.options if variant else {}
        unknown = {name: each for name, each in before.items() if not _knows(options, name)}
        if (fresh := unknown | _nested(kept)) != before:
            content = posts.with_options(content, platform, fresh)
    return content


def _ask(option: Option, answer: Any, key: str, links: Sequence[str], save: Save) -> None:
    label, help_ = option.label, option.says or None
    match option.kind:
        case "choice":
            words = [words for _, words in option.choices]
            known = [each for each, _ in option.choices]
            index = known.index(answer) if answer in known else 0
            st.selectbox(
                label, range(len(words)), index, format_func=words.__getitem__, key=key, on_change=save, help=help_
            )
        case "choices":
            words = dict(option.choices)
            now = [each for each in answer or () if each in words]
            st.multiselect(
                label, list(words), now, format_func=words.__getitem__, max_selections=option.most, key=key,
                on_change=save, help=help_,
            )  # fmt: skip
        case "switch":
            st.toggle(label, bool(answer), key=key, on_change=save, help=help_)
        case "words":
            st.text_input(label, answer or "", key=key, on_change=save, help=help_)
        case "link":
            st.text_input(label, answer or "", placeholder="https://…", key=key, on_change=save, help=help_)
        case "link_in_text":
            offered = ["", *dict.fromkeys([*links, *([answer] if answer else [])])]
            st.selectbox(
                label, offered, offered.index(answer or ""), format_func=lambda each: each or "No card", key=key,
                on_change=save, help=help_,
            )  # fmt: skip
        case "moment":
            st.datetime_input(
                label, _moment(answer), step=timedelta(minutes=15), key=key, on_change=save, help=help_
            )  # fmt: skip


def _answers(content: Content, platform: Platform, rev: str) -> Mapping[str, Any]:
    """What was chosen before, with what is chosen on the screen now."""
    saved = _flat(content.options_for(platform))
    for option in publishing.options(platform):
        key = _key(rev, platform, option)
        if session.has_widget(key):
            saved[option.name] = _read(option, session.widget(key))
    return saved


def _read(option: Option, value: Any) -> Any:
    match option.kind:
        case "choice":
            return option.choices[value or 0][0]
        case "words" | "link":
            return (value or "").strip()
        case "moment":
            return value.strftime("%Y-%m-%dT%H:%M") if isinstance(value, datetime) else None
        case "choices":
            return list(value or ())
        case _:
            return value


def _moment(answer: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(answer) if answer else None
    except (TypeError, ValueError):
        return None


def _is_asked(option: Option, options: Sequence[Option], answers: Mapping[str, Any]) -> bool:
    """Does it make sense beside what else was answered?"""
    if option.when is None:
        return True
    other = next(each for each in options if each.name == option.when[0])
    return _is_asked(other, options, answers) and answers.get(other.name, other.default) in option.when[1]


def _knows(options: Sequence[Option], name: str) -> bool:
    return any(option.name.partition(".")[0] == name for option in options)


def _flat(chosen: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in chosen.items():
        flat |= {f"{name}.{inner}": each for inner, each in value.items()} if isinstance(value, dict) else {name: value}
    return flat


def _nested(chosen: Mapping[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for name, value in chosen.items():
        outer, _, inner = name.partition(".")
        nested[outer] = {**nested.get(outer, {}), inner: value} if inner else value
    return nested


def _key(rev: str, platform: Platform, option: Option) -> str:
    return f"option-{rev}-{platform}-{option.name}"
