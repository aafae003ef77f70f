"""Addresses as the URL Standard reads them; the values are what Node 20.20.2 makes of each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socialcore.text import urls

SIGNS = ["http://", "https:", "/", "\\", "?", "#", "@", ":", ".", "..", "[", "]", "%2e", "%41", "0x7f", "256", "xn--"]
SIGNS += ["日本", "ß", "א", "\u0301", "\u200d", "\ud800", "a.com", "1", "::", "\t", " "]


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("https://a.com", ("a.com", "/", "", "")),
        ("HTTPS://User:pw@A.com:443/é?q='ü'#x y`", ("a.com", "/%C3%A9", "?q=%27%C3%BC%27", "#x%20y%60")),
        ("http:\\\\a.com\\b", ("a.com", "/b", "", "")),
        ("http://a.com:0080/", ("a.com", "/", "", "")),
        ("https://a.com:80?#", ("a.com:80", "/", "", "")),
        ("http://a.com/x/./y/../%2E%2e/z/..", ("a.com", "/", "", "")),
        ("http://a.com//./y{}|^", ("a.com", "//y%7B%7D|^", "", "")),
        ("http://日本.jp/", ("xn--wgv71a.jp", "/", "", "")),
        ("http://faß.de", ("xn--fa-hia.de", "/", "", "")),
        ("http://1️⃣.com", ("xn--1-2sn.com", "/", "", "")),
        ("http://%41。com", ("a.com", "/", "", "")),
        ("http://XN--80AK6AA92E.com", ("xn--80ak6aa92e.com", "/", "", "")),
        ("http://a..b._c-/", ("a..b._c-", "/", "", "")),
        ("http://1.2.3", ("1.2.0.3", "/", "", "")),
        ("http://0x7f.1", ("127.0.0.1", "/", "", "")),
        ("http://010.255.", ("8.0.0.255", "/", "", "")),
        ("http://4294967295", ("255.255.255.255", "/", "", "")),
        ("http://[::ffff:1.2.3.4]:81", ("[::ffff:102:304]:81", "/", "", "")),
        ("http://[1::0:0:2]", ("[1::2]", "/", "", "")),
        ("http://[::]", ("[::]", "/", "", "")),
        ("http://[1:2:3:4:5:6:7:0]", ("[1:2:3:4:5:6:7:0]", "/", "", "")),
        ("http://[1:0:0:4:0:0:0:8]", ("[1:0:0:4::8]", "/", "", "")),
    ],
)
def test_an_address_is_read_as_a_browser_does(url, parts):
    address = urls.parse(url)
    assert (address.host, address.path, address.query, address.fragment) == parts


@pytest.mark.parametrize(
    "url",
    [
        *(
            "a.com",
            "ftp://a.com",
            "mailto:a@b.com",
            "http://",
            "http://?",
            "http://a b",
            "http://a:b",
            "http://a:65536",
        ),
        *("http://a.com:80:80", "http://[::1", "http://[1::2::3]", "http://[fe80::1%25eth0]", "http://09.1"),
        *("http://a.256", "http://1.2.3.4.5", "http://a.0x", "http://xn--a", "http://xn--", "http://אa"),
        *("http://\u0301a", "http://a\u200db", "http://a<b", "http://a%00b", "http://a^b", "http://%zz"),
    ],
)
def test_what_a_browser_would_not_open_is_no_address(url):
    with pytest.raises(urls.NotAnAddress):
        urls.parse(url)


@given(st.lists(st.sampled_from(SIGNS) | st.characters(exclude_categories=())).map("".join))
def test_any_text_is_an_address_or_not(text):
    try:
        address = urls.parse(f"http://{text}")
    except urls.NotAnAddress:
        return
    assert address.host.isascii()
    assert address.path.startswith("/")
    again = urls.parse(f"http://{address.host}{address.path}{address.query}{address.fragment}")
    assert again == address
