"""The page that shows people what was posted."""

from collections.abc import Mapping, Sequence
from html import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from socialcore.sandbox.platforms import Piece, Platform, Posted

MOST = 100  # posts on a page

_GUARDS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2024; --soft: #5b6470; --paper: #f6f7f9; --card: #fff;
  --line: #dde1e6; --link: #0b5cad; --note: #fff4d6; --note-ink: #5c4300; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaed; --soft: #a3acb8; --paper: #14171a; --card: #1d2126;
  --line: #343a42; --link: #7ab8ff; --note: #3a2f10; --note-ink: #ffe4a0; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 40rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.4rem; margin: .5rem 0 1rem; } h2 { font-size: 1.1rem; margin: 1.5rem 0 .5rem; }
a { color: var(--link); }
a:focus-visible, summary:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
.note { background: var(--note); color: var(--note-ink); padding: .6rem 1rem; text-align: center; }
article { background: var(--card); border: 1px solid var(--line); border-radius: .75rem; padding: 1rem;
  margin: 0 0 1rem; overflow-wrap: anywhere; }
article p { margin: .5rem 0; white-space: pre-wrap; } .soft { color: var(--soft); font-size: .875rem; }
.author { font-weight: 600; color: inherit; text-decoration: none; } .author:hover { text-decoration: underline; }
mark { background: none; color: var(--link); font-weight: 600; }
img { max-width: 100%; height: auto; border-radius: .5rem; } figure { margin: .5rem 0; }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .25rem 1rem; }
dd { margin: 0; overflow-wrap: anywhere; }
dt { color: var(--soft); } pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: .8125rem; }
summary { cursor: pointer; }
"""


class Page:
    def __init__(self, platforms: Mapping[str, Platform]) -> None:
        self._platforms = platforms

    def routes(self) -> list[Route]:
        return [
            Route("/", self._everything),
            Route("/favicon.ico", _no_icon),
            Route("/profile/{author}", self._of_author),
            Route("/profile/{author}/post/{key}", self._one),
        ]

    async def _everything(self, _request: Request) -> Response:
        sections = [_section(each.title, each.posted()) for each in self._platforms.values()]
        return document("What was posted", "".join(sections))

    async def _of_author(self, request: Request) -> Response:
        author = request.path_params["author"]
        found = {each.title: _by(author, each.posted()) for each in self._platforms.values()}
        body = "".join(_section(title, posts) for title, posts in found.items() if posts)
        if not body:
            return document("Nobody here", f"<p>{escape(author)} has posted nothing in this sandbox.</p>", 404)
        return document(f"Posts by {author}", body)

    async def _one(self, request: Request) -> Response:
        author, key = request.path_params["author"], request.path_params["key"]
        for platform in self._platforms.values():
            if post := next((each for each in _by(author, platform.posted()) if each.key == key), None):
                return document(f"A post on {platform.title}", _article(post) + _details(post))
        return document("No such post", "<p>It was deleted, or never was here.</p>", 404)


def _by(author: str, posts: Sequence[Posted]) -> list[Posted]:
    name = author.lower()
    return [each for each in posts if name in {each.author, each.author_id}]


def document(title: str, body: str, status: int = 200) -> Response:
    """Make a whole page of a heading and what is below it."""
    return HTMLResponse(
        f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)} - Sandbox</title>
<style>{_STYLE}</style>
</head>
<body>
<div class="note" role="note"><strong>This is a sandbox.</strong> It runs on this computer only. Nothing here is
public, and nobody but you can see it.</div>
<main>
<nav><a href="/">All posts</a></nav>
<h1>{escape(title)}</h1>
{body}
</main>
</body>
</html>
""",
        status,
        _GUARDS,
    )


def _section(title: str, posts: Sequence[Posted]) -> str:
    shown = "".join(_article(each) for each in posts[:MOST]) or "<p>Nothing was posted yet.</p>"
    older = len(posts) - MOST
    more = f'<p class="soft">and {older:,} older</p>' if older > 0 else ""
    return f"<section>\n<h2>{escape(title)} ({len(posts):,})</h2>\n{shown}{more}</section>\n"


def _article(post: Posted) -> str:
    moment = post.at.isoformat(timespec="seconds")
    reply = f'<div class="soft">in reply to <a href="{escape(post.answers)}">a post</a></div>' if post.answers else ""
    pictures = "".join(
        f'<figure><img src="{escape(each.address)}" alt="{escape(each.alt)}" loading="lazy"></figure>'
        for each in post.pictures
    )
    return f"""<article>
<div><a class="author" href="/profile/{escape(post.author_id)}">@{escape(post.author)}</a></div>
{reply}<p>{"".join(_piece(each) for each in post.pieces)}</p>
{pictures}<div class="soft"><a href="{escape(post.address)}"><time datetime="{moment}">{_shown(post)}</time></a></div>
</article>
"""


def _shown(post: Posted) -> str:
    return f"{post.at.day} {post.at:%B %Y, %H:%M:%S} UTC"


def _piece(piece: Piece) -> str:
    text = escape(piece.text)
    if piece.link is not None:
        return f'<a href="{escape(piece.link)}" rel="noopener noreferrer nofollow">{text}</a>'
    return f"<mark>{text}</mark>" if piece.is_marked else text


def _details(post: Posted) -> str:
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in post.details.items())
    return (
        f'<dl class="soft">{rows}</dl>\n'
        f"<details><summary>The record as it was sent</summary><pre>{escape(post.source)}</pre></details>\n"
    )


async def _no_icon(_request: Request) -> Response:
    """Every browser asks for one."""
    return Response(status_code=204)
