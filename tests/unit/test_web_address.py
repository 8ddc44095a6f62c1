"""`host` is the address of a server: readable, without a path, without a password, without letters that deceive."""

from __future__ import annotations

import pytest
from flytekitplugins.comet_ml import InvalidOptionError

from tests.support.tracked import track


@pytest.mark.parametrize(
    "host",
    [
        "https://www.comet.com",
        "https://www.comet.com/",
        " https://www.comet.com\n",
        "http://127.0.0.1:8080",
        "http://[::1]:8080",
        "http://comet_backend.default.svc.cluster.local:8080",
        "https://xn--mller-kva.example",
        "HTTPS://Comet.Example.COM",
    ],
)
def test_the_address_of_a_server_passes(host: str) -> None:
    assert track(host=host).host == host.strip().rstrip("/")


@pytest.mark.parametrize(
    "path",
    [
        "/my-team/digits",
        "/my-team",
        "/my-team/digits/view/new/panels",
        "/my-team/digits/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa?experiment-tab=chart#top",
        "/clientlib/",
        "/api",
        "/login",
    ],
)
def test_what_people_copy_from_the_browser_is_refused_with_what_is_meant(path: str) -> None:
    with pytest.raises(InvalidOptionError, match=r"browser shows, 'https://comet.example.com', not"):
        track(host=f"https://comet.example.com{path}")


@pytest.mark.parametrize(
    "host",
    [
        "https://user:hunter2@comet.example.com",
        "https://hunter2@comet.example.com",
        "user:hunter2@comet.example.com",
        "ftp://user:hunter2@comet.example.com",
        "https://user:hunter2@comet.example.com:99999",
        "https://user:hunter2@[::1",
        "https://user:hunter2@comet.example.com/my-team",
        "https://user:hunter2\uff20comet.example.com",
        "https://user:hunter2\ufe6bcomet.example.com",
        "https://comet.example.com\\@hunter2.example.com",
        "https://www.comet.com@hunter2.example.com",
    ],
)
def test_a_user_and_a_password_are_refused_and_not_repeated(host: str, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(InvalidOptionError, match="`host` must be an address without a user name") as refused:
        track(host=host)
    assert "hunter2" not in str(refused.value) + caplog.text


@pytest.mark.parametrize(
    ("host", "named"),
    [
        ("https://www\uff0ecomet.com", "U+FF0E FULLWIDTH FULL STOP"),
        ("https://www\u3002comet.com", "U+3002 IDEOGRAPHIC FULL STOP"),
        ("https://www\uff61comet.com", "U+FF61 HALFWIDTH IDEOGRAPHIC FULL STOP"),
        ("https://www.\u0441omet.com", "U+0441 CYRILLIC SMALL LETTER ES"),
        ("https://www.c\u03bfmet.com", "U+03BF GREEK SMALL LETTER OMICRON"),
        ("https://www.comet.c\u043em", "U+043E CYRILLIC SMALL LETTER O"),
        ("https://www.\uff43omet.com", "U+FF43 FULLWIDTH LATIN SMALL LETTER C"),
        ("https://www.comet\u200b.com", "U+200B ZERO WIDTH SPACE"),
        ("https://www.comet.com\ufeff", "U+FEFF ZERO WIDTH NO-BREAK SPACE"),
        ("https://www.com\u00adet.com", "U+00AD SOFT HYPHEN"),
        ("https://www.comet.com\u2044evil.example", "U+2044 FRACTION SLASH"),
        ("www.\u0441omet.com", "U+0441 CYRILLIC SMALL LETTER ES"),
    ],
)
def test_a_character_that_cannot_be_told_from_another_is_named(host: str, named: str) -> None:
    with pytest.raises(InvalidOptionError) as refused:
        track(host=host)
    assert "`host` must be an address of ASCII characters" in str(refused.value)
    assert named in str(refused.value)
    assert str(refused.value).isascii()


@pytest.mark.parametrize(
    "host",
    [
        "https://www.com\u202eet.com",
        "https://www.com\u2067et.com",
        "https://www.com\net.com",
        "https://www.com\x1b[31met.com",
        "https://www.comet.com\x00",
        "https://www.com\x9bet.com",
    ],
)
def test_a_character_that_moves_what_is_printed_is_escaped(host: str) -> None:
    with pytest.raises(InvalidOptionError, match="`host` must be") as refused:
        track(host=host)
    assert str(refused.value).isprintable()


@pytest.mark.parametrize(
    "host",
    [
        "https:/www.comet.com",
        "https:\\\\www.comet.com",
        "https://www%2Ecomet.com",
        "https://www..comet.com",
        "https://.comet.com",
        "https://-comet-.com",
        "https://www.comet.com:",
        "https://www.comet.com:0",
        "https://[www.comet.com]",
        "//www.comet.com",
        "javascript:alert(1)",
        "https://www.comet.com\\evil.example",
        "file:///etc/passwd",
        f"https://{'a' * 300}.com",
    ],
)
def test_what_is_no_address_of_a_server_is_refused(host: str) -> None:
    with pytest.raises(InvalidOptionError, match="`host` must be the address of a"):
        track(host=host)
