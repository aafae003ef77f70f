"""Links that lead where they must not, and pages that never end. The judge is Python's own audit of its sockets."""

import gzip
import ipaddress
import socket
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import closing

import pytest

from socialcore import fetcher, public_network
from socialcore.fetcher import Unfetched
from tests.web import Web, serving

# Those that reliability.md says were tried, by what an attacker wants of them.
HOSTILE = {
    "this machine": (
        *("http://127.0.0.1/", "http://localhost/", "http://localhost./", "http://[::1]/", "http://0.0.0.0/"),
        *("http://[::]/", "http://0/", "http://127.1/"),
    ),
    "this machine, in disguise": (
        *("http://2130706433/", "http://0x7f000001/", "http://0177.0.0.1/", "http://①②⑦.⓪.⓪.①/"),
        *("http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/", "http://[::127.0.0.1]/"),
        *("http://[64:ff9b::7f00:1]/", "http://[2002:7f00:1::]/", "http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/"),
    ),
    "the cloud's secrets": (
        *("http://169.254.169.254/latest/meta-data", "http://[fd00:ec2::254]/", "http://[64:ff9b::a9fe:a9fe]/"),
        "http://192.0.0.192/",
    ),
    "our own network": (
        *("http://10.0.0.1/", "http://172.16.0.1/", "http://192.168.1.1/", "http://100.64.0.1/", "http://198.18.0.1/"),
        *("http://[fe80::1]/", "http://[fec0::1]/"),
    ),
    "everybody at once, or nobody": (
        *("http://224.0.0.1/", "http://255.255.255.255/", "http://240.0.0.1/", "http://[ff02::1]/"),
    ),
    "another program than a web server": (
        *("http://example.com:22/", "http://example.com:5432/", "file:///etc/passwd", "gopher://127.0.0.1/"),
        "ftp://x/",
    ),
    "a reader's mistake": ("http://user:pw@127.0.0.1/", "http://", "//127.0.0.1/"),
}
FORTY_ONE = [url for urls in HOSTILE.values() for url in urls]
# And further ones, that the prototype had not thought of.
FURTHER = [
    *("http://127.0.0.1./", "http://0x7f.0.0.1/", "http://0x7f.1/", "http://017700000001/", "http://127.0.1/"),
    *(
        "http://127。0。0。1/",
        "http://127.0.0.1%00.example.com/",
        "http://example.com\\@127.0.0.1/",
        "http://ⅼocalhost/",
    ),
    *("http://example.com@127.0.0.1/", "http://127.0.0.1#@example.com/", "http://127.0.0.1?@example.com/"),
    *(
        "http://[fe80::1%25eth0]/",
        "http://[fe80::1%eth0]/",
        "http://[::ffff:0:127.0.0.1]/",
        "http://[0:0:0:0:0:0:0:1]/",
    ),
    *(
        "http://[64:ff9b:1::1]/",
        "http://[100::1]/",
        "http://[2001:db8::1]/",
        "http://192.0.2.1/",
        "http://203.0.113.9/",
    ),
    *("http://example.com:0/", "http://example.com:65536/", "http://example.com:80:80/", "https://example.com:80443/"),
    *("javascript:alert(1)", "data:text/html,hello", "HTTP:127.0.0.1", "http:///127.0.0.1/", "https:127.0.0.1", ""),
    *(" http://127.0.0.1/", "http://127.0.0.1/\r\nHost: x", "http://example.com\n.127.0.0.1/", "http://exa mple.com/"),
    *("ws://127.0.0.1/", "unix:///var/run/docker.sock", "http+unix://%2Fvar%2Frun/x", "http://" + "a" * 3_000),
    *("http://xn--/", "http://-/", "http://.../", "http://a..b/", "http://[::1/", "http://[]/", "http://[1.2.3.4]/"),
    *("http://0000000000000000000000000000000000000000000000127.0.0.1/", "http://4294967297/", "http://00/"),
]
LEAVE = ("socket.connect", "socket.sendto", "socket.sendmsg")


class Watched:
    """Every address that this process connects to while it is watched."""

    def __init__(self) -> None:
        self.addresses: list[tuple] = []
        self.on = False
        sys.addaudithook(self.hear)

    def hear(self, event: str, details: tuple) -> None:
        if self.on and event in LEAVE:
            self.addresses.append(details[1])


@pytest.fixture(scope="module")
def hook() -> Watched:
    return Watched()


@pytest.fixture
def watched(hook: Watched) -> Iterator[Watched]:
    hook.addresses.clear()
    hook.on = True
    yield hook
    hook.on = False


@pytest.fixture
def web() -> Iterator[Web]:
    with serving() as made:
        yield made


def refused(url: str, **how) -> str:
    began = time.monotonic()
    with pytest.raises(Unfetched) as caught:
        fetcher.fetch(url, **({"most_bytes": 100_000, "within": 2.0} | how))
    assert caught.value.problem.next_step
    assert time.monotonic() - began < 8
    return str(caught.value)


class TestHostileLinks:
    def test_are_as_many_as_we_say(self, record_property):
        assert len(FORTY_ONE) == len({*FORTY_ONE}) == 41
        assert len(FURTHER) == len({*FURTHER} - {*FORTY_ONE})
        record_property("shows", f"hostile links: 41 and {len(FURTHER)} more, all refused in words, no connection made")

    @pytest.mark.parametrize("url", FORTY_ONE + FURTHER)
    def test_connect_to_nothing(self, watched, url):
        words = refused(url)

        assert watched.addresses == []
        assert "127.0.0.1" not in words

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "[::ffff:127.0.0.1]", "2130706433"])
    def test_reach_no_program_of_this_machine_even_at_a_port_that_is_allowed(self, watched, host):
        """Ports are refused first; so that this is about addresses, the port is one of a test server elsewhere."""
        with closing(socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)) as listener:
            listener.setblocking(False)
            port = listener.getsockname()[1]

            refused(f"http://{host}:{port}/", test_server=("192.0.2.1", port))

            with pytest.raises(BlockingIOError):
                listener.accept()
        assert watched.addresses == []


class TestNames:
    @pytest.mark.parametrize(
        "addresses",
        [
            ["127.0.0.1"],
            ["169.254.169.254"],
            ["93.184.216.34", "127.0.0.1"],  # one bad address spoils the name
            ["::1", "93.184.216.34"],
            ["::ffff:10.0.0.1"],
            ["fe80::1%eth0"],
            ["no address at all"],
            [],
        ],
    )
    def test_that_lead_to_private_addresses_are_refused(self, watched, addresses):
        words = refused("http://pictures.example/", resolve=lambda host, port: addresses)

        assert "private address" in words
        assert watched.addresses == []

    def test_are_looked_up_once_so_that_no_second_answer_counts(self, web):
        """DNS rebinding: public at the first look, and this machine's at the second."""
        looks = iter([["93.184.216.34"], ["127.0.0.1"], ["127.0.0.1"]])
        asked: list[str] = []

        class NoInternet(public_network.PublicNetwork):
            def _connected(self, address, port, *options):
                asked.append(address)
                raise public_network.httpcore.ConnectError("there is no internet here")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(fetcher, "PublicNetwork", NoInternet)
            refused("http://rebound.example/", resolve=lambda host, port: next(looks))

        assert asked == ["93.184.216.34"]
        assert next(looks) == ["127.0.0.1"]  # nobody had asked for it
        assert web.asked == []

    def test_connect_to_the_address_that_was_checked_under_the_name_that_was_typed(self, watched, web):
        web.put("/", b"hello")

        found = fetcher.fetch(
            f"http://harbor-bakery.example:{web.port}/",
            most_bytes=100,
            resolve=lambda host, port: ["127.0.0.1"],
            test_server=web.test_server,
        )

        assert found.body == b"hello"
        assert watched.addresses == [("127.0.0.1", web.port)]
        assert web.asked[0][1]["host"] == f"harbor-bakery.example:{web.port}"

    def test_may_have_an_address_that_does_not_answer(self, web):
        web.put("/", b"hello")
        tried: list[str] = []

        class Halved(public_network.PublicNetwork):
            def _connected(self, address, port, *options):
                tried.append(address)
                if len(tried) == 1:
                    raise public_network.httpcore.ConnectError("away")
                return super()._connected(address, port, *options)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(fetcher, "PublicNetwork", Halved)
            found = fetcher.fetch(
                f"http://two.example:{web.port}/",
                most_bytes=100,
                resolve=lambda host, port: ["127.0.0.1", "127.0.0.1"],
                test_server=web.test_server,
            )

        assert (found.body, len(tried)) == (b"hello", 2)

    def test_that_nobody_knows_are_said_to_be_out_of_reach(self):
        def nowhere(host: str, port: int):
            raise socket.gaierror(socket.EAI_NONAME, "unknown")

        assert "cannot be reached" in refused("http://nobody.example/", resolve=nowhere)

    def test_whose_server_dawdles_take_no_longer_than_a_page_may(self):
        done = threading.Event()

        def dawdling(host: str, port: int):
            done.wait(5)
            return ["93.184.216.34"]

        assert "too long" in refused("http://slow.example/", within=0.3, resolve=dawdling)
        done.set()

    @pytest.mark.parametrize(
        ("address", "public"),
        [
            ("93.184.216.34", True),
            ("2606:4700:4700::1111", True),
            ("64:ff9b::5db8:d822", True),  # a public IPv4 address, as networks without IPv4 see it
            ("::ffff:93.184.216.34", True),
            ("64:ff9b::a00:1", False),
            ("2002:5db8:d822::1", False),
            ("0.0.0.0", False),
            ("192.88.99.1", False),
        ],
    )
    def test_are_judged_by_address(self, address, public):
        assert public_network.is_public(address) is public

    def test_of_no_network_that_iana_set_aside_are_public(self):
        """The registries of RFC 6890, as of 2026."""
        set_aside = (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
            *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "255.255.255.255/32"),
            *("::/128", "::1/128", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16"),
            *("3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"),
        )
        for each in map(ipaddress.ip_network, set_aside):
            for address in (each[0], each[each.num_addresses // 2], each[-1]):
                assert not public_network.is_public(str(address)), address


class TestRedirects:
    @pytest.mark.parametrize(
        "to",
        [
            *(
                "http://169.254.169.254/latest/meta-data",
                "http://127.0.0.1/",
                "http://[::1]/",
                "//10.0.0.1/",
                "http://0/",
            ),
            *(
                "file:///etc/passwd",
                "gopher://127.0.0.1/",
                "http://user:pw@93.184.216.34/",
                "http://[::1",
                "\\\\host\\x",
            ),
            *("http://127.0.0.1:5432/", "https://2130706433/", "javascript:alert(1)"),
        ],
    )
    @pytest.mark.parametrize("status", [301, 307])
    def test_are_links_of_their_own(self, watched, web, to, status):
        refused(web.redirect("/", to, status=status), test_server=web.test_server)

        assert {*watched.addresses} == {("127.0.0.1", web.port)}
        assert len(web.asked) == 1

    def test_to_a_private_name_are_refused(self, watched, web):
        def resolve(host: str, port: int):
            return ["127.0.0.1"] if host == "127.0.0.1" else ["10.1.2.3"]

        words = refused(web.redirect("/", "http://intern.example/"), resolve=resolve, test_server=web.test_server)

        assert "private address" in words
        assert "10.1.2.3" not in words
        assert {*watched.addresses} == {("127.0.0.1", web.port)}

    def test_are_followed_five_times(self, web):
        for number in range(5):
            web.redirect(f"/{number}", f"/{number + 1}")
        web.put("/5", b"there")

        found = fetcher.fetch(f"{web.url}/0", most_bytes=100, test_server=web.test_server)

        assert (found.body, found.url) == (b"there", f"{web.url}/5")

    def test_in_a_circle_end(self, web):
        assert "again and again" in refused(web.redirect("/", "/"), test_server=web.test_server)
        assert len(web.asked) == 6

    def test_carry_nothing_of_us(self, web, monkeypatch, tmp_path):
        (tmp_path / "netrc").write_text("machine 127.0.0.1 login us password sekret\n")
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        web.redirect("/", "/next", Set_Cookie="spy=1; Path=/")
        web.put("/next", b"there", Set_Cookie="spy=2")

        fetcher.fetch(f"{web.url}/", most_bytes=100, test_server=web.test_server)
        fetcher.fetch(f"{web.url}/next", most_bytes=100, test_server=web.test_server)

        assert len(web.asked) == 3
        for _, headers in web.asked:
            assert {*headers} == {"host", "user-agent", "accept", "accept-encoding", "connection"}
            assert headers["user-agent"] == fetcher.USER_AGENT


def endless(write) -> None:
    while True:
        write(b"10000\r\n" + b"a" * 65_536 + b"\r\n")


def dripping(write) -> None:
    for _ in range(200):
        write(b"a")
        time.sleep(0.1)


class TestPages:
    def test_without_an_end_are_read_to_the_limit(self, web):
        web.put("/", endless, Transfer_Encoding="chunked")

        found = fetcher.fetch(f"{web.url}/", most_bytes=100_000, test_server=web.test_server)

        assert (len(found.body), found.whole) == (100_000, False)

    @pytest.mark.parametrize("coding", ["gzip", "deflate", "gzip, many members"])
    def test_that_are_bombs_are_unpacked_to_the_limit(self, web, coding):
        packed = gzip.compress(bytes(200_000_000)) if "gzip" in coding else zlib.compress(bytes(200_000_000))
        web.put("/", packed, Content_Encoding=coding.partition(",")[0])
        began = time.monotonic()

        found = fetcher.fetch(f"{web.url}/", most_bytes=100_000, test_server=web.test_server)

        assert (len(found.body), found.whole) == (100_000, False)
        assert time.monotonic() - began < 5

    def test_that_are_packed_unasked_are_read(self, web):
        web.put("/", gzip.compress(b"hello" * 1_000), Content_Encoding="gzip")

        found = fetcher.fetch(f"{web.url}/", most_bytes=100_000, test_server=web.test_server)

        assert (found.body, found.whole) == (b"hello" * 1_000, True)

    @pytest.mark.parametrize("coding", ["br", "zstd", "gzip, br", "nonsense"])
    def test_in_a_form_that_nobody_asked_for_are_refused(self, web, coding):
        web.put("/", b"x", Content_Encoding=coding)

        assert "cannot be read" in refused(f"{web.url}/", test_server=web.test_server)

    def test_that_only_claim_to_be_packed_are_refused(self, web):
        web.put("/", b"no such thing", Content_Encoding="gzip")

        assert "could not be read" in refused(f"{web.url}/", test_server=web.test_server)

    def test_that_come_a_byte_at_a_time_end_with_the_time(self, web):
        web.put("/", dripping, Content_Length="100000")

        assert "too long" in refused(f"{web.url}/", within=0.5, test_server=web.test_server)

    def test_that_redirect_slowly_share_the_time(self, web):
        for number in range(5):
            web.redirect(f"/{number}", f"/{number + 1}")
            web.pages[f"/{number}"].after = 0.3
        began = time.monotonic()

        assert "too long" in refused(f"{web.url}/0", within=0.7, test_server=web.test_server)
        assert time.monotonic() - began < 4

    def test_of_a_server_that_says_nothing_end_with_the_time(self):
        with closing(socket.create_server(("127.0.0.1", 0))) as silent:
            address = silent.getsockname()[:2]
            words = refused(f"http://127.0.0.1:{address[1]}/", within=0.5, test_server=address)
        assert "too long" in words

    @pytest.mark.parametrize(
        "answer", [b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", b"\0" * 99]
    )
    def test_of_a_server_that_speaks_no_http_are_refused(self, answer):
        with closing(socket.create_server(("127.0.0.1", 0))) as odd:
            address = odd.getsockname()[:2]

            def answering() -> None:
                taken, _ = odd.accept()
                with taken:
                    taken.recv(10_000)
                    taken.sendall(answer)

            threading.Thread(target=answering, daemon=True).start()
            assert "could not be read" in refused(f"http://127.0.0.1:{address[1]}/", test_server=address)

    @pytest.mark.parametrize("status", [204, 400, 401, 403, 404, 410, 418, 500, 503])
    def test_that_are_not_there_are_said_to_be_so(self, web, status):
        words = refused(web.put("/", b"", status=status), test_server=web.test_server)

        assert f"({status})" in words

    def test_say_what_they_are(self, web):
        web.put("/", b"abc", Content_Type="Text/HTML; charset=ISO-8859-1")

        found = fetcher.fetch(f"{web.url}/", most_bytes=100, test_server=web.test_server)

        assert (found.media_type, found.charset, found.body, found.whole) == ("text/html", "iso-8859-1", b"abc", True)
