"""Pages as the web has them, and as somebody would build them to do harm."""

import io
import random
import time
from collections.abc import Iterator
from functools import partial

import pytest
from PIL import Image

from socialcore import fetcher, link_cards
from socialcore.fetcher import Unfetched
from socialcore.link_cards import LinkCard
from tests.web import Web, serving

PNG = {"Content_Type": "image/png"}


@pytest.fixture
def web() -> Iterator[Web]:
    with serving() as made:
        yield made


def picture(width: int = 600, height: int = 400) -> bytes:
    buffer = io.BytesIO()
    Image.frombytes("RGB", (width, height), random.Random(1).randbytes(width * height * 3)).save(buffer, "PNG")
    return buffer.getvalue()


def made(web: Web, path: str = "/", **how) -> LinkCard:
    return link_cards.card(f"{web.url}{path}", fetch=partial(fetcher.fetch, test_server=web.test_server), **how)


def of(web: Web, html: str | bytes, **headers: str) -> LinkCard:
    web.put("/", html.encode() if isinstance(html, str) else html, **headers)
    return made(web)


class TestTheWords:
    def test_are_those_of_open_graph(self, web):
        card = of(
            web,
            """<html><head><title>No</title><meta name=description content=no>
            <meta property="og:title" content="Fresh bread &amp; rolls"><meta name="twitter:title" content="no">
            <meta property="OG:Description" content=" Every morning,
               from six. "></head>""",
        )

        assert card == LinkCard(f"{web.url}/", "Fresh bread & rolls", "Every morning, from six.")

    @pytest.mark.parametrize(
        ("head", "title", "description"),
        [
            ("<meta name=twitter:title content=T><meta name=twitter:description content=D><title>x</title>", "T", "D"),
            ("<title>T &mdash; “x”</title><meta name=description content=D>", "T — “x”", "D"),
            ("<meta property=og:title content=''><title>T</title>", "T", ""),
            ("<meta property=og:title content=One><meta property=og:title content=Two>", "One", ""),
            ("<title></title>", "127.0.0.1", ""),
            ("", "127.0.0.1", ""),
            ("<meta name=og:title content='&lt;script&gt;alert(1)&lt;/script&gt;'>", "<script>alert(1)</script>", ""),
            ("<title>a\u202ebdc\u2069\x07</title>", "abdc", ""),
            ("<meta property=og:title content='a &#0; &#xD800; &#x202e;b'>", "a � � b", ""),
            (
                "<!-- <meta property=og:title content=no> --><script>'<title>no</title>'</script><title>T</title>",
                "T",
                "",
            ),
        ],
    )
    def test_are_the_best_that_the_page_has(self, web, head, title, description):
        card = of(web, f"<!doctype html><head>{head}</head><body><p>text")

        assert (card.title, card.description) == (title, description)

    def test_are_cut_between_characters_as_readers_see_them(self, web):
        family = "👩‍👩‍👧"
        card = of(web, f"<title>{family * 400}</title><meta name=description content='{'wörd ' * 500}'>")

        assert card.title == family * 299 + "…"
        assert card.description == ("wörd " * 500)[:999].rstrip() + "…"

    def test_of_one_endless_character_are_cut_as_well(self, web):
        card = of(web, "<title>e" + "\u0301" * 100_000 + "</title>")

        assert len(card.title) < 7_000

    @pytest.mark.parametrize(
        ("html", "headers"),
        [
            ("<title>Bäckerei</title>".encode(), {"Content_Type": "text/html"}),
            ("<title>Bäckerei</title>".encode("latin-1"), {"Content_Type": "text/html; charset=iso-8859-1"}),
            ("<meta charset=windows-1252><title>Bäckerei</title>".encode("cp1252"), {"Content_Type": "text/html"}),
            (
                "<meta http-equiv=Content-Type content='text/html; charset=ISO-8859-15'><title>Bäckerei".encode(
                    "iso-8859-15"
                ),
                {"Content_Type": "text/html"},
            ),
            ("\ufeff<title>Bäckerei</title>".encode("utf-16-le"), {"Content_Type": "text/html"}),
            ("\ufeff<title>Bäckerei</title>".encode(), {"Content_Type": "text/html; charset=latin-1"}),
            ("<title>Bäckerei</title>".encode(), {"Content_Type": "text/html; charset=no-such-thing"}),
            ("<meta charset=hex><title>Bäckerei</title>".encode(), {"Content_Type": "text/html; charset=rot13"}),
        ],
    )
    def test_are_read_in_the_pages_own_encoding(self, web, html, headers):
        assert of(web, html, **headers).title == "Bäckerei"

    def test_in_japanese_encodings_too(self, web):
        assert (
            of(web, "<title>パン</title>".encode("shift_jis"), Content_Type="text/html; charset=Shift_JIS").title
            == "パン"
        )

    def test_fall_back_to_the_host_without_its_www(self, web):
        web.put("/", b"<p>no title")
        fetch = partial(fetcher.fetch, test_server=web.test_server, resolve=lambda host, port: ["127.0.0.1"])

        card = link_cards.card(f"http://www.harbor-bakery.example:{web.port}/", fetch=fetch)

        assert card.title == "harbor-bakery.example"

    def test_stand_under_the_link_that_was_typed(self, web):
        web.put("/there", b"<title>T</title><meta property=og:url content=https://elsewhere.example/>")
        web.redirect("/", "/there")

        assert made(web).url == f"{web.url}/"


class TestThePicture:
    @pytest.mark.parametrize(
        "head",
        [
            "<meta property=og:image content='{url}/img/a.png'>",
            "<meta property=og:image content='/img/a.png'>",
            "<meta property=og:image content='a.png'>",
            "<base href='/img/'><meta property=og:image content='../img/./a.png'>",
            "<meta name=twitter:image content=' /img/a.png '><meta property=og:image content=''>",
            "<meta property=og:image content='/no'><meta property=og:image:secure_url content='//{host}/img/a.png'>",
        ],
    )
    def test_is_found_wherever_it_is(self, web, head):
        web.put("/img/a.png", picture(), **PNG)
        web.put("/img/page", head.format(url=web.url, host=f"127.0.0.1:{web.port}").encode())

        card = made(web, "/img/page")

        assert card.thumb is not None
        assert (card.thumb.width, card.thumb.height) == (600, 400)
        assert card.without_thumb is None

    def test_is_fitted(self, web):
        web.put("/a.png", picture(2_400, 900), **PNG)

        card = of(web, "<meta property=og:image content=/a.png>")

        assert card.thumb is not None
        assert len(card.thumb.data) <= 1_000_000
        assert card.thumb.width <= 2_000

    def test_is_the_link_itself_where_that_is_a_picture(self, web):
        web.put("/bread.png", picture(), **PNG)

        card = made(web, "/bread.png")

        assert (card.title, card.thumb and card.thumb.width) == ("127.0.0.1", 600)

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            ("/gone.png", "answers with an error (404)"),
            ("http://169.254.169.254/a.png", "private address"),
            ("http://127.0.0.1:5432/a.png", "a port that web pages do not use"),
            ("file:///etc/passwd", "no link to a web page"),
            ("data:image/png;base64,AAAA", "no link to a web page"),
            ("http://[::1", "no link to a web page"),
            ("/drawing.svg", "SVG"),
            ("/page", "no picture that we know"),
            ("/half.png", "damaged or incomplete"),
            ("/endless.png", "damaged or incomplete"),
        ],
    )
    def test_that_cannot_be_had_leaves_a_card_without_one(self, web, content, says):
        web.put("/drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", Content_Type="image/svg+xml")
        web.put("/page", b"<html>")
        web.put("/half.png", picture()[:5_000], **PNG)
        whole = picture()

        def endless(write) -> None:
            write(whole[:-100])
            while True:
                write(bytes(100_000))

        web.put("/endless.png", endless, **PNG)

        card = of(web, f"<title>T</title><meta property=og:image content='{content}'>")

        assert (card.title, card.thumb) == ("T", None)
        assert card.without_thumb is not None
        assert says in card.without_thumb.title
        assert card.without_thumb.severity == "warning"


class TestAPage:
    @pytest.mark.parametrize(
        ("body", "headers", "status", "says"),
        [
            (b"%PDF", {"Content_Type": "application/pdf"}, 200, "a file, not to a page"),
            (b"{}", {"Content_Type": "application/json"}, 200, "a file, not to a page"),
            (b"gone", {}, 410, "(410)"),
            (b"", {"Location": "http://10.0.0.1/"}, 302, "private address"),
        ],
    )
    def test_that_makes_no_card_says_why(self, web, body, headers, status, says):
        web.put("/", body, status=status, **headers)

        with pytest.raises(Unfetched) as caught:
            made(web)
        assert says in str(caught.value)
        assert caught.value.problem.next_step

    def test_without_an_end_makes_one_of_its_beginning(self, web):
        def endless(write) -> None:
            write(b"<title>T</title>")
            while True:
                write(b"<p>more and more</p>" * 1_000)

        web.put("/", endless)

        assert made(web).title == "T"

    @pytest.mark.parametrize(
        "piece",
        [
            *("<div>", "<div><p>", "<x>", "<a><b></a>", "<b><div></b>", "<table><b>", "<nobr><i></nobr>", "<svg><g>"),
            *(
                "<meta property=og:image content=x>",
                "<",
                "<!--",
                "<title>",
                "<a b=",
                "&#x",
                "<template>",
                "<base href=/>",
            ),
        ],
    )
    @pytest.mark.parametrize("below", ["", "<div>" * 990])
    def test_that_was_built_to_take_long_does_not(self, web, piece, below):
        web.put("/", f"<title>T</title>{below}{piece * (500_000 // len(piece))}".encode())
        began = time.thread_time()

        assert made(web).title == "T"
        assert time.thread_time() - began < 4

    def test_of_random_bytes_makes_a_card_or_says_why(self, web):
        chance = random.Random(20_261_201)
        pieces = [
            b"<meta ",
            b"property=og:title ",
            b"content=",
            b"'",
            b'"',
            b">",
            b"<title>",
            b"</",
            b"&#",
            b"charset=",
            b"\0",
        ]
        for _ in range(300):
            web.put("/", b"".join(chance.choice([*pieces, chance.randbytes(5)]) for _ in range(100)))

            assert made(web).title
