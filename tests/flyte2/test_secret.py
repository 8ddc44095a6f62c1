"""A secret of Flyte 2 that can be no API key is refused, and not shown."""

from __future__ import annotations

from pathlib import Path

import flyte
import pytest
from flytekitplugins.comet_ml import APIKeyError
from flytekitplugins.comet_ml.flyte2.secret import read_api_key

from tests.support.canary import CANARY

SECRET = flyte.Secret("comet-api-key", as_env_var="COMET_API_KEY")


def test_a_secret_is_read_without_the_blanks_around_it() -> None:
    assert read_api_key(SECRET, {"COMET_API_KEY": f"{CANARY}\n"}) == CANARY
    assert read_api_key(lambda: f" {CANARY}", {}) == CANARY


def test_a_secret_that_is_no_key_is_named() -> None:
    with pytest.raises(
        APIKeyError, match=r"flyte.Secret\(key='comet-api-key'.* holds no Comet API key: it has 2 lines"
    ) as no:
        read_api_key(SECRET, {"COMET_API_KEY": f"{CANARY}\n# the key of the team"})
    assert CANARY not in str(no.value)


def test_a_file_that_is_no_text_is_no_key(tmp_path: Path) -> None:
    (tmp_path / "comet-api-key").write_bytes(CANARY.encode() + b"\xff")
    secret = flyte.Secret("comet-api-key", mount=Path("/etc/flyte/secrets"))
    with pytest.raises(APIKeyError, match=r"holds no Comet API key: it has U\+FFFD") as no:
        read_api_key(secret, {"FLYTE_SECRETS_DEFAULT_DIR": str(tmp_path)})
    assert CANARY not in str(no.value)


def test_a_callable_that_raises_is_named() -> None:
    def from_vault() -> str:
        raise ValueError(f"no luck with {CANARY}")

    with pytest.raises(APIKeyError, match=r"from_vault' raised ValueError .*: no luck with \*\*\*") as no:
        read_api_key(from_vault, {})
    assert no.value.__context__ is None
