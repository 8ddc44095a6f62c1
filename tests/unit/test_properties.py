"""Properties that hold for whatever keys, names and messages there are."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import comet_ml
import pytest
from flytekitplugins.comet_ml.keys.experiment_key import derive_experiment_key, generated_name, is_legal_key
from flytekitplugins.comet_ml.link import CometLink
from flytekitplugins.comet_ml.sdk import redaction
from flytekitplugins.comet_ml.sdk.redaction import SDKLogFilter, masked, spellings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.canary import CANARY
from tests.support.comet_server import CometServer
from tests.support.pod_environment import InPod
from tests.support.tracked import track

# What an API key looks like: letters and digits, and a server in it or not.
bare_keys = st.text("abcXYZ019-_", min_size=8, max_size=40)
api_keys = bare_keys | st.builds("{}*{}".format, bare_keys, st.text("abcXYZ019+/=", min_size=4, max_size=40))
texts = st.text(max_size=60)
quiet = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def core(api_key: str) -> str:
    """The part of a key that gives access."""
    return api_key.partition("*")[0]


@quiet
@given(api_key=api_keys, pieces=st.lists(texts, min_size=1, max_size=4))
def test_no_key_survives_masking_whatever_surrounds_it(api_key: str, pieces: list[str]) -> None:
    shown = masked(api_key.join(pieces), spellings(api_key))
    assert core(api_key) not in shown


@quiet
@given(first=api_keys, tail=bare_keys, before=texts, after=texts)
def test_a_key_that_contains_another_does_not_shield_it(first: str, tail: str, before: str, after: str) -> None:
    secrets = spellings(first) | spellings(core(first) + tail)
    shown = masked(f"{before}{core(first)}{tail}{after}{first}", secrets)
    assert not any(core(secret) in shown for secret in secrets)


@quiet
@given(api_key=api_keys, before=texts, after=texts)
def test_a_key_in_a_url_is_masked_as_well(api_key: str, before: str, after: str) -> None:
    shown = masked(f"{before}?apiKey={quote(api_key, safe='')}&{after}", spellings(api_key))
    assert core(api_key) not in shown


@quiet
@given(text=texts, api_key=api_keys)
def test_masking_changes_nothing_else(text: str, api_key: str) -> None:
    if core(api_key) not in text:
        assert masked(text, spellings(api_key)) == text


class Lines(logging.Handler):
    """What a logger's records look like once they are written."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.text += self.format(record) + "\n"


@contextmanager
def listened(log_filter: SDKLogFilter, *names: str) -> Iterator[Lines]:
    """The filter installed, and what loggers write meanwhile."""
    lines = Lines()
    log_filter.install()
    try:
        for name in names:
            logging.getLogger(name).addHandler(lines)
        yield lines
    finally:
        for name in names:
            logging.getLogger(name).removeHandler(lines)
        log_filter.remove()
        # Keys made of one letter would be looked for in all that is logged after this.
        redaction._forgettable.clear()
        redaction._remembered[0] = frozenset()


def written(api_key: str, message: Any, *arguments: Any, error: BaseException | None = None) -> str:
    """What a record of the SDK's log looks like once it is written."""
    log_filter = SDKLogFilter()
    log_filter.secrets = spellings(api_key)
    with listened(log_filter, "comet_ml.x") as lines:
        logging.getLogger("comet_ml.x").error(message, *arguments, exc_info=error)
    return lines.text


@quiet
@given(api_key=api_keys, before=texts, after=texts)
def test_no_key_survives_in_a_log_record(api_key: str, before: str, after: str) -> None:
    told = before + api_key + after
    cause = ValueError({"apiKey": told}, [told])
    error = RuntimeError(told)
    error.__cause__ = cause
    lines = [
        written(api_key, told.replace("%", "%%")),
        written(api_key, "%s and %r", told, told.encode("utf-8", "replace")),
        written(api_key, "%(a)s", {"a": [told]}),
        written(api_key, ValueError(told)),
        written(api_key, "failed", error=error),
    ]
    assert not any(core(api_key) in line for line in lines)


@quiet
@given(message=texts, arguments=st.lists(st.none() | st.integers() | texts | st.binary(max_size=9), max_size=3))
def test_a_record_that_cannot_be_formatted_does_no_harm(message: str, arguments: list[Any]) -> None:
    assert CANARY not in written(CANARY, message, *arguments, CANARY)


names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)


@given(workspace=names, project=names, key=names)
def test_a_link_has_three_segments_whatever_the_names(workspace: str, project: str, key: str) -> None:
    url = CometLink(project, workspace, "https://comet.example.com").url(key)
    segments = url.removeprefix("https://comet.example.com/").split("/")
    assert [unquote(segment) for segment in segments] == [workspace, project, key]
    assert url.isascii()


@given(workspace=names, project=names, key=st.none() | names)
def test_the_template_s_config_can_stand_in_a_url_whatever_the_names(workspace: str, project: str, key: str) -> None:
    config = CometLink(project, workspace, "https://comet.example.com", key).config()
    assert all(isinstance(value, str) and value.isascii() for value in config.values())
    assert not any(character in value for value in config.values() for character in "{} ,?#\"'<>")


flyte_names = st.from_regex(r"[a-z][a-z0-9-]{0,62}", fullmatch=True)


@given(
    execution=flyte_names,
    prefix=st.none() | texts | st.builds("s3://b/x/{}".format, flyte_names),
    hostname=st.none() | flyte_names,
    workspace=names,
    project=names,
)
def test_whatever_the_pod_is_called_its_key_is_legal(
    execution: str, prefix: str | None, hostname: str | None, workspace: str, project: str
) -> None:
    key = derive_experiment_key(
        flyte_project="p",
        flyte_domain="d",
        execution=execution,
        generated_name=generated_name(execution, prefix, hostname),
        workspace=workspace,
        project_name=project,
    )
    assert is_legal_key(key)
    assert comet_ml.is_valid_experiment_key(key)


# Whatever a task raises


class UnspeakableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")

    __repr__ = __str__


def with_cause() -> Exception:
    error = RuntimeError("outside")
    error.__cause__ = ValueError({"apiKey": CANARY}, f"inside {CANARY}")
    return error


NASTY = {
    "a huge message": (lambda: ValueError("x" * 5_000_000), "x" * 1000),
    "a lone surrogate": (lambda: ValueError("a\ud800b"), None),
    "all kinds of characters": (lambda: ValueError("ä\0\x1b[31m\u202e🚀\n\r'\"{{%s"), None),
    "the API key": (lambda: ValueError(f"key {CANARY}!"), "key ***!"),
    "the API key in its cause": (with_cause, "outside"),
    "no message that could be read": (UnspeakableError, None),
    "no message": (lambda: ValueError(), ""),
}


@pytest.mark.parametrize(("make", "message"), NASTY.values(), ids=NASTY.keys())
def test_an_exception_is_reported_whatever_is_in_it(
    comet: CometServer, in_pod: InPod, make: Any, message: str | None
) -> None:
    error = make()

    @track(host=comet.url)
    def train() -> None:
        comet_ml.get_running_experiment().log_metric("loss", 0.5)
        raise error

    with in_pod(), pytest.raises(type(error)) as raised:
        train()
    assert raised.value is error
    experiment = comet.only_experiment
    assert experiment.metrics["loss"] == [(None, 0.5)]
    assert experiment.others["flyte_status"] == "failed"
    assert experiment.others["flyte_error_type"] == type(error).__name__
    assert experiment.states[-1] == "crashed"
    if message is not None:
        assert experiment.others["flyte_error_message"] == message
    assert CANARY not in json.dumps(experiment.others)


def test_the_modules_under_test_are_the_real_ones() -> None:
    assert Path(sys.modules[SDKLogFilter.__module__].__file__ or "").name == "redaction.py"
    assert "COMET_API_KEY" not in os.environ


def test_a_warning_that_the_sdk_repeats_is_shown_five_times() -> None:
    with listened(SDKLogFilter(), "comet_ml.x", "mine") as lines:
        for _ in range(100):
            logging.getLogger("comet_ml.x").warning("full: %s", "disk")
            logging.getLogger("mine").warning("full: %s", "disk")
    assert lines.text.count("full: disk") == 105


def test_what_was_repeated_is_not_counted_for_ever() -> None:
    log_filter = SDKLogFilter()
    with listened(log_filter, "comet_ml.x"):
        for number in range(500):
            logging.getLogger("comet_ml.x").warning("full: %s", number)
        assert len(log_filter._said) < 300
