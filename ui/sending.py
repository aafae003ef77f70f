"""The moment of publishing, and what is shown of it until it has ended."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import streamlit as st

from socialcore import deliveries, drafts, history, publishing
from socialcore.accounts import Account
from socialcore.connections import Connection
from socialcore.gathering import Gathered
from socialcore.history import SubmittedPost
from socialcore.operators import Capability, Operator
from socialcore.posts import Content
from ui import delivered, finding, notices, session, shell, words
from ui.parts import undo_bar
from ui.session import Notice
from ui.view import Element, h, show

TAKEN_BACK = Notice("green", "Taken back", "Nothing was sent. Your text is here again.")
BESIDE = Notice(
    "green", "Taken back", "Nothing was sent. You have begun another text, so the old one is among your drafts."
)
TOO_LATE = Notice("orange", "Too late to take all of it back", "What had not left was stopped; see what became of it.")
ENDED = ("confirmed", "failed", "missed", "cancelled")


def publish(
    operator: Operator,
    account: Account,
    draft: drafts.Draft,
    content: Content,
    chosen: Sequence[Connection],
    due_at: datetime | None,
    *,
    takes_slot: bool = False,
) -> None:
    """Freeze what will be sent and queue it. One action; doing it twice is doing it once.

    Raises:
        NotReady: if it does not fit, or a picture, a video or a quoted post cannot go where it should.
        Unavailable: if a platform does not say who is mentioned. The text is kept.
    """
    operator.require(Capability.PUBLISH)
    if found := publishing.problems(content, chosen):
        raise publishing.NotReady(found)
    library = session.library(operator, account)
    gathered = {each.id: finding.insist(content, each, library) for each in chosen}
    if _holds_back(gathered):
        return
    chosen_settings = session.settings()
    with session.scope(operator, account) as scope:
        submitted = publishing.submit(
            scope,
            content,
            {each.id: publishing.render(content, each, gathered[each.id].lookups) for each in chosen},
            chosen,
            submit_token=draft.submit_token,
            due_at=due_at,
            undo=chosen_settings.undo,
            late_window=chosen_settings.late_window,
            now=session.now(),
            takes_slot=takes_slot,
        )
        drafts.finish(scope, draft.submit_token)
    session.keep(f"watched:{account.id}", submitted.post_id)


def _holds_back(gathered: Mapping[UUID, Gathered]) -> bool:
    """Hold back once when it turns out only now that a mention names nobody: it is not what was seen.

    Raises:
        NotReady: if a picture, a video or a quoted post cannot go where it should.
    """
    wrong = {
        connection_id: [problem for problem in found.problems if problem.severity == "error"]
        for connection_id, found in gathered.items()
    }
    if any(wrong.values()):
        raise publishing.NotReady(wrong)
    nobody = {handle for found in gathered.values() for handle in found.nobody}
    if unseen := nobody - _seen():
        saw(nobody)
        title = f"Nobody is called @{min(unseen)}"
        session.leave_notice(Notice("orange", title, "Publish again to send it as plain words. Your text is kept."))
    return bool(unseen)


def saw(nobody: Collection[str]) -> None:
    """Remember which mentions were shown to name nobody, so that publishing need not ask."""
    session.keep("seen_nobody", _seen() | set(nobody))


def _seen() -> set[str]:
    return session.kept("seen_nobody") or set()


def watch(operator: Operator, account: Account) -> None:
    """Show what becomes of the post just published; offer to take it back while that works."""
    post_id: UUID | None = session.kept(f"watched:{account.id}")
    if post_id is not None:
        _watch(operator, account, post_id)


@st.fragment(run_every="1s")
def _watch(operator: Operator, account: Account, post_id: UUID) -> None:
    with notices.explained():
        with session.scope(operator, account) as scope:
            post = history.post(scope, post_id)
        if post is None:
            return
        now = session.now()
        _note_state(account, post)
        with st.container(border=True, key="watch"):
            show(_headline(post, account), *_undo(post, account, now), _rows(post, account, now), key="watched",
                 on_pick=lambda _: take_back(operator, account, post))  # fmt: skip
            st.button("Hide this", key="watch_done", type="tertiary", on_click=_stop_watching, args=(account,))
        shell.follow()


@notices.action
def take_back(operator: Operator, account: Account, post: SubmittedPost) -> None:
    """Undo: stop what has not been sent, and put the text back into the draft."""
    with session.scope(operator, account) as scope:
        stopped = deliveries.cancel(scope, [each.id for each in post.deliveries])
        if stopped == len(post.deliveries):
            drafts.restore(scope, post.content, [each.connection_id for each in post.deliveries])
        is_back = drafts.current(scope).content == post.content
    if stopped < len(post.deliveries):
        session.leave_notice(TOO_LATE)
        return
    session.keep(f"watched:{account.id}", None)
    session.keep(f"watched_state:{account.id}", None)
    session.leave_notice(TAKEN_BACK if is_back else BESIDE)


def _note_state(account: Account, post: SubmittedPost) -> None:
    """Remember how far it is, for the tour, which is drawn anew when that changes."""
    ended = all(each.state == "confirmed" for each in post.deliveries)
    state = "confirmed" if ended else "on its way"
    if session.kept(f"watched_state:{account.id}") != state:
        session.keep(f"watched_state:{account.id}", state)
        session.redraw()


def _headline(post: SubmittedPost, account: Account) -> Element:
    ended = all(each.state in ENDED for each in post.deliveries)
    published = sum(each.state == "confirmed" for each in post.deliveries)
    if ended:
        says = f"{published} of {len(post.deliveries)} published"
    elif any(each.state == "needs_review" for each in post.deliveries):
        says = "needs a person"
    else:
        says = "not sent yet" if all(each.state == "queued" for each in post.deliveries) else "on its way"
    return h("div.row.apart", h("h2", f"{post.title} for {account.name}"), h("span.muted.small", says))


def _undo(post: SubmittedPost, account: Account, now: datetime) -> list[Element]:
    """The bar to take it back, while nothing has been sent."""
    waiting = [each for each in post.deliveries if each.state == "queued" and each.cancel_at is None]
    if len(waiting) < len(post.deliveries) or not waiting or any(each.attempt for each in waiting):
        return []
    due_at = min(each.due_at for each in waiting)
    left = (due_at - now).total_seconds()
    total = int(session.settings().undo.total_seconds())
    if left <= 0:
        return []
    go_out = f"{words.counted(len(waiting), 'post')} for {account.name} {'goes' if len(waiting) == 1 else 'go'} out"
    if left > total:
        when = words.clock(due_at, account.zone, now)
        return [undo_bar(f"{go_out} at {when}", "Nothing has been sent. You can take it back.", None, total, "undo")]
    seconds = f"Nothing has been sent. You can take it back for {words.counted(int(left) + 1, 'second')}."
    return [undo_bar(f"{go_out} in a moment", seconds, int(left) + 1, total, "undo")]


def _rows(post: SubmittedPost, account: Account, now: datetime) -> Element:
    rows = [h("li", delivered.row(each, account.zone, now)) for each in post.deliveries]
    return h("ul.list", *rows)


def _stop_watching(account: Account) -> None:
    session.keep(f"watched:{account.id}", None)
    session.keep(f"watched_state:{account.id}", None)
    session.redraw()  # without the fragment, which would go on asking
