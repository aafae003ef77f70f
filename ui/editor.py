"""The text fields of a draft: one that all platforms share, one for each that has its own; one per post of a thread.

What is written is always read back through `content_now`: the draft as it was saved last, with what the fields on
the screen have sent since.
"""

import difflib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import streamlit as st

from socialcore import posts, threads
from socialcore.connections import Connection
from socialcore.posts import Content, Platform
from ui import completing, measuring, notices, session, writing
from ui.composer import Suggestions, composer, written
from ui.parts import quiet
from ui.platforms import PLATFORMS
from ui.view import Element, h, show

SHARED = "shared"
LONGEST_TOLD = 6000  # characters up to which a button says how many posts a thread would have


@dataclass(frozen=True, slots=True)
class Editor:
    """What the fields need to know: whose they are, what was saved, and how to save what changes.

    `rev` names what the server wants in the fields; `replace` saves and has them show it; `saved` says that nothing
    waits for the database.
    """

    key: str
    rev: str
    draft: Content
    seen: Sequence[writing.Seen]
    chosen: Sequence[Connection]
    save: Callable[..., None]
    replace: Callable[[Content], None]
    suggestions: Suggestions
    saved: bool

    @property
    def platforms(self) -> list[Platform]:
        return list(dict.fromkeys(connection.platform for connection in self.chosen))

    def whose(self, platform: Platform | None) -> list[Connection]:
        """The chosen connections that a field is for: of one platform, or all that share the text."""
        if platform is not None:
            return [each for each in self.chosen if each.platform == platform]
        return [each for each in self.chosen if not posts.has_own_text(self.draft, each.platform)]

    def field(self, platform: Platform | None, number: int) -> str:
        return f"{self.key}-{platform or SHARED}-{number}"

    @property
    def tab(self) -> str:
        return f"{self.key}-for"


def content_now(editor: Editor) -> Content:
    """What stands in the fields, also in a callback that comes before what was typed last has been drawn."""
    content = editor.draft
    whose: list[Platform | None] = [None, *(each for each in posts.PLATFORMS if posts.has_own_text(content, each))]
    for platform in whose:
        texts = posts.texts_of(content, platform)
        now = [written(text, key=editor.field(platform, n), rev=editor.rev) for n, text in enumerate(texts)]
        if list(texts) != now:
            content = posts.with_texts(content, platform, now)
    return content


def draw(editor: Editor, content: Content) -> None:
    """Draw the choice of whose text is written, and its fields."""
    platform = _tab(editor, content)
    if platform is not None and not posts.has_own_text(content, platform):
        name = PLATFORMS[platform].name
        show(h("p.muted", f"{name} gets the shared text."), key="gets_shared")
        st.button(f"Write another text for {name}", key="own_text", icon=":material/edit:",
                  on_click=_give_own_text, args=(editor, platform))  # fmt: skip
        return
    _fields(editor, content, platform)
    if platform is not None:
        _own(editor, content, platform)


def _tab(editor: Editor, content: Content) -> Platform | None:
    """Which text is shown; there is nothing to choose while all share one and one platform is all there is."""
    own: list[Platform] = [each for each in editor.platforms if posts.has_own_text(content, each)]
    if len(editor.platforms) + len(own) < 2:
        return None
    options = [SHARED, *editor.platforms]
    if session.widget(editor.tab) not in options:
        session.set_widget(editor.tab, SHARED)

    def label(each: str) -> str:
        if each == SHARED:
            return quiet("Shared text")
        return f"{PLATFORMS[each].label} :gray[· own text]" if each in own else PLATFORMS[each].label

    chosen = st.segmented_control("Text for", options, required=True, key=editor.tab, format_func=label, wrap=True)
    return None if chosen == SHARED else next(each for each in editor.platforms if each == chosen)


def _fields(editor: Editor, content: Content, platform: Platform | None) -> None:
    texts = posts.texts_of(content, platform)
    whose = editor.whose(platform)
    for number, text in enumerate(texts):
        place = f" · {number + 1} of {len(texts)}" if len(texts) > 1 else ""
        found, reader = measuring.counts(text, whose), measuring.reader(whose)
        composer(
            text, key=editor.field(platform, number), label=f"{_label(editor, platform)}{place}", rev=editor.rev,
            on_change=editor.save, counts=found, reader=reader, saved=editor.saved, compact=len(texts) > 1,
            marks=measuring.marks(text, reader, partial(writing.who, editor.seen), found),
            suggestions=editor.suggestions, look_up=completing.look_up(whose),
            placeholder="What is new?" if number == 0 else "And then?",
        )  # fmt: skip
    if any(threads.are_taken(each.platform) for each in whose):
        _thread_buttons(editor, platform, texts, [each.platform for each in whose if threads.are_taken(each.platform)])


def _label(editor: Editor, platform: Platform | None) -> str:
    if platform is not None:
        return f"Text for {PLATFORMS[platform].name}"
    names = list(dict.fromkeys(PLATFORMS[each.platform].name for each in editor.whose(None)))
    alone = len(names) == len(editor.platforms)
    return "Text" if alone or not names else f"Text for {_listed(names)}"


def _thread_buttons(
    editor: Editor, platform: Platform | None, texts: Sequence[str], takers: Sequence[Platform]
) -> None:
    whom = (editor, platform)
    with st.container(horizontal=True, key=f"thread-{platform or SHARED}"):
        st.button("Add a post to the thread" if len(texts) > 1 else "Go on in a thread", key="add_part",
                  icon=":material/add:", type="tertiary", on_click=_add_part, args=whom)  # fmt: skip
        if len(texts) > 1:
            st.button("Remove the last post", key="remove_part", type="tertiary", on_click=_remove_part, args=whom)
            st.button("Join into one text", key="join_parts", type="tertiary", on_click=_join, args=whom)
        elif not threads.fits(takers, texts[0]):
            st.button("Split at sentence ends", key="split", type="tertiary", on_click=_split, args=(*whom, takers),
                      help="Cuts the text where a reader would pause, and numbers the posts.")  # fmt: skip


def _own(editor: Editor, content: Content, platform: Platform) -> None:
    """What is special about a platform's own text, and the way back."""
    changes = difference(_joined(posts.texts_of(content, None)), _joined(posts.texts_of(content, platform)))
    show(h("p.muted.small", "What differs from the shared text: ", *changes), key="differs")
    st.button("Use the shared text again", key="use_shared", type="tertiary",
              on_click=_use_shared, args=(editor, platform))  # fmt: skip


def difference(shared: str, own: str) -> list[Element | str]:
    """Name the words that were taken out and put in, each stretch with a word before it."""
    before, after = re.findall(r"\S+", shared), re.findall(r"\S+", own)
    shown: list[Element | str] = []
    for what, a, b, c, d in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if what == "equal":
            continue
        shown += ["… " if shown or a else "", *([before[a - 1], " "] if a else [])]
        shown += [h("del", " ".join(before[a:b])), " "] if b > a else []
        shown += [h("ins", " ".join(after[c:d])), " "] if d > c else []
    return shown or ["nothing."]


def fixes(editor: Editor, content: Content) -> None:
    """Offer what helps where a text is too long for a platform: another text, or a thread."""
    long: list[Platform] = [
        each
        for each in editor.platforms
        if any(not threads.fits([each], text) for text in posts.texts_of(content, each))
    ]
    if not long:
        return
    with st.container(horizontal=True, key="fixes"):
        for platform in long:
            name, texts = PLATFORMS[platform].name, posts.texts_of(content, platform)
            if len(editor.platforms) > 1 and not posts.has_own_text(content, platform):
                st.button(f"Shorten for {name}", key=f"shorten-{platform}", icon=":material/edit:",
                          on_click=_give_own_text, args=(editor, platform))  # fmt: skip
            if threads.are_taken(platform) and len(texts) == 1:
                brief = len(texts[0]) <= LONGEST_TOLD
                many = f" of {len(threads.split(texts[0], [platform]))}" if brief else ""
                st.button(f"Send on {name} as a thread{many}", key=f"split-{platform}",
                          icon=":material/format_list_numbered:",
                          on_click=_split_for, args=(editor, platform))  # fmt: skip


@notices.action
def _give_own_text(editor: Editor, platform: Platform) -> None:
    content = content_now(editor)
    texts = posts.texts_of(content, platform)
    editor.replace(posts.with_texts(content, platform, texts if threads.are_taken(platform) else [_joined(texts)]))
    session.set_widget(editor.tab, platform)


@notices.action
def _use_shared(editor: Editor, platform: Platform) -> None:
    editor.replace(posts.with_shared_text(content_now(editor), platform))


@notices.action
def _add_part(editor: Editor, platform: Platform | None) -> None:
    content = content_now(editor)
    editor.replace(posts.with_texts(content, platform, [*posts.texts_of(content, platform), ""]))


@notices.action
def _remove_part(editor: Editor, platform: Platform | None) -> None:
    content = content_now(editor)
    editor.replace(posts.with_texts(content, platform, posts.texts_of(content, platform)[:-1]))


@notices.action
def _join(editor: Editor, platform: Platform | None) -> None:
    content = content_now(editor)
    editor.replace(posts.with_texts(content, platform, [_joined(posts.texts_of(content, platform))]))


@notices.action
def _split(editor: Editor, platform: Platform | None, takers: Sequence[Platform]) -> None:
    content = content_now(editor)
    editor.replace(posts.with_texts(content, platform, threads.split(posts.texts_of(content, platform)[0], takers)))


@notices.action
def _split_for(editor: Editor, platform: Platform) -> None:
    content = content_now(editor)
    parts = threads.split(posts.texts_of(content, platform)[0], [platform])
    editor.replace(posts.with_texts(content, None if editor.platforms == [platform] else platform, parts))
    if editor.platforms != [platform]:
        session.set_widget(editor.tab, platform)


def _joined(texts: Sequence[str]) -> str:
    return "\n\n".join(text for text in texts if text.strip())


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
