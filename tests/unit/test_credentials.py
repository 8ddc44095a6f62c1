"""What can be no API key is refused before any request, with its source and what is wrong, and is never shown."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from flytekitplugins.comet_ml import APIKeyError, InvalidOptionError
from flytekitplugins.comet_ml.credentials import checked_api_key
from hypothesis import given
from hypothesis import strategies as st

from tests.support.canary import CANARY
from tests.support.tracked import track

SERVER = base64.b64encode(json.dumps({"baseUrl": "https://comet.example.com"}).encode()).decode()


@pytest.mark.parametrize(
    "key",
    [CANARY, "my-comet-ml-api-key", "this_is_the_secret", "key", f"{CANARY}*{SERVER}", f"{CANARY}*{SERVER.strip('=')}"],
)
@pytest.mark.parametrize("around", ["{}", " {}\n", "\t{}\r\n"])
def test_a_key_passes_without_the_blanks_around_it(key: str, around: str) -> None:
    assert checked_api_key(around.format(key), "the secret") == key


NO_KEYS = {
    f"{CANARY}\n# the key of the team": "it has 2 lines",
    f"# the key of the team\n{CANARY}": "it has 2 lines",
    f"{CANARY}\r\n{CANARY}": "it has 2 lines",
    f"[comet]\napi_key={CANARY}\nworkspace=my-team\n": "it is a whole configuration file",
    f"\n[comet]\r\napi_key = {CANARY}\r\n": "it is a whole configuration file",
    f"COMET_API_KEY={CANARY}": "it is an assignment",
    f"export COMET_API_KEY={CANARY}": "it is an assignment",
    f"COMET_API_KEY: {CANARY}": "it is an assignment",
    f"api_key={CANARY}": "it is an assignment",
    f"apiKey={CANARY}": "it is an assignment",
    f"KEY={CANARY}": "it has = in it",
    f'"{CANARY}"': "it has quotes around it",
    f"'{CANARY}'": "it has quotes around it",
    f"'{CANARY}": "it has ' in it",
    f'{{"api_key": "{CANARY}"}}': "it looks like JSON",
    f'["{CANARY}"]': "it looks like JSON",
    f"Bearer {CANARY}": "it has blanks in it",
    f"{CANARY} # the key of the team": "it has blanks in it",
    f"{CANARY}\x00": "it has U+0000 a control character in it",
    f"{CANARY}\x1b[0m": "it has U+001B a control character in it",
    f"\ufeff{CANARY}": "it has U+FEFF ZERO WIDTH NO-BREAK SPACE in it",
    f"{CANARY[:9]}\u200b{CANARY[9:]}": "it has U+200B ZERO WIDTH SPACE in it",
    f"{CANARY[:9]}\u00e4{CANARY[9:]}": "it has U+00E4 LATIN SMALL LETTER A WITH DIAERESIS in it",
    f"{CANARY[:9]}\ud800{CANARY[9:]}": "it has U+D800 a control character in it",
    f"https://www.comet.com/{CANARY}": "it is an address",
    CANARY * 50: "it has 1,250 characters",
    f"<{CANARY}>": "it has < > in it",
    "${COMET_API_KEY}": "it has $ { } in it",
    f"{CANARY},{CANARY}": "it has , in it",
    f"*{SERVER}": "there is nothing before its *",
    f"{CANARY}*": "the address of a server behind its * cannot be read",
    f"{CANARY}*{SERVER[:-9]}": "the address of a server behind its * cannot be read",
    f"{CANARY}*{SERVER}*{SERVER}": "the address of a server behind its * cannot be read",
}


@pytest.mark.parametrize(("value", "wrong"), NO_KEYS.items(), ids=NO_KEYS.values())
def test_what_is_no_key_is_refused_with_what_is_wrong(value: str, wrong: str) -> None:
    with pytest.raises(APIKeyError) as refused:
        checked_api_key(value, "Secret(key='k')")
    message = str(refused.value)
    assert message.startswith(f"comet_ml_login: Secret(key='k') holds no Comet API key: {wrong}")
    assert CANARY not in message
    assert CANARY[9:] not in message


@pytest.mark.parametrize("value", [None, 3, CANARY.encode(), [CANARY], bytearray(b"x")])
def test_what_is_no_text_is_named_by_its_type(value: Any) -> None:
    with pytest.raises(APIKeyError, match=f"the secret gave a {type(value).__name__} where") as refused:
        checked_api_key(value, "the secret")
    assert CANARY not in str(refused.value)


@pytest.mark.parametrize("value", ["", " ", "\n\n", "\u00a0"])
def test_nothing_is_no_key(value: str) -> None:
    with pytest.raises(APIKeyError, match="the secret is empty"):
        checked_api_key(value, "the secret")


@given(st.text(max_size=600))
def test_whatever_passes_can_stand_in_a_header(value: str) -> None:
    try:
        key = checked_api_key(value, "the secret")
    except APIKeyError:
        return
    assert key.isascii()
    assert key.isprintable()
    assert " " not in key


@pytest.mark.parametrize(("value", "wrong"), NO_KEYS.items(), ids=NO_KEYS.values())
def test_the_keyword_is_refused_when_the_task_is_decorated(value: str, wrong: str) -> None:
    with pytest.raises(InvalidOptionError) as refused:
        track(api_key=value)
    assert f"`api_key` holds no Comet API key: {wrong}" in str(refused.value)
    assert CANARY not in str(refused.value)


def test_the_keyword_loses_the_blanks_around_it() -> None:
    assert track(api_key=f"{CANARY}\n").options.login_kwargs == {"api_key": CANARY}
