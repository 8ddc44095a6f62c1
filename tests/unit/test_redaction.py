"""The one point of masking: no handler, filter or logger shows the key, whatever its make."""

from __future__ import annotations

import base64
import copy
import json
import logging
import logging.config
import logging.handlers
import queue
import re
import threading
import traceback
import warnings
from collections import UserDict, deque, namedtuple
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from urllib.parse import quote

import pytest
from flytekitplugins.comet_ml.sdk import redaction
from flytekitplugins.comet_ml.sdk.redaction import SDKLogFilter, masked, spellings

from tests.support.canary import CANARY

FULL = f"{CANARY}*eyJiYXNlVXJsIjoiaHR0cHM6Ly9jb21ldC5leGFtcGxlLmNvbSJ9=="


@pytest.fixture(autouse=True)
def log_filter() -> Iterator[SDKLogFilter]:
    log_filter = SDKLogFilter()
    log_filter.secrets = spellings(FULL)
    log_filter.install()
    yield log_filter
    log_filter.remove()


class Shown(logging.Handler):
    """A handler that shows everything of a record: its text, and all that is in it."""

    def __init__(self, level: int = logging.NOTSET) -> None:
        super().__init__(level)
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.text += self.format(record) + repr(vars(record))
        if record.exc_info:
            error = traceback.TracebackException.from_exception(record.exc_info[1], capture_locals=True)
            self.text += "".join(error.format())


@pytest.fixture
def shown() -> Iterator[Shown]:
    """A handler on a logger, as a body adds one."""
    handler, owner = Shown(), logging.getLogger("comet_ml.connection")
    owner.addHandler(handler)
    before = owner.level
    owner.setLevel(logging.DEBUG)
    yield handler
    owner.removeHandler(handler)
    owner.setLevel(before)


sdk_logger = logging.getLogger("comet_ml.connection")


# How a key can be spelled


@pytest.mark.parametrize(
    "spell",
    [
        str,
        repr,
        json.dumps,
        lambda key: json.dumps({"k": [key]}).replace("/", "\\/"),
        lambda key: quote(key, safe=""),
        lambda key: re.sub("%..", lambda escape: escape[0].lower(), quote(key, safe="")),
        lambda key: repr(key.encode()),
        lambda key: base64.b64encode(key.encode()).decode(),
        lambda key: base64.b64encode(f"user:{key}".encode()).decode(),
        lambda key: base64.urlsafe_b64encode(f"{{'apiKey': '{key}'}}".encode()).decode(),
    ],
)
@pytest.mark.parametrize("key", [CANARY, FULL, "key-with/odd+characters=1", "a'quote\"d\\key", "schlüssel-für-alles"])
def test_a_key_is_masked_however_it_is_spelled(spell: Callable[[str], str], key: str) -> None:
    text = spell(key)
    told = masked(f"before {text} after", spellings(key))
    assert told.startswith("before ")
    assert told.endswith(" after")
    assert "***" in told
    assert key.partition("*")[0] not in told


@pytest.mark.parametrize("key", ["x", "abc", "x*eyJiYXNlVXJsIjogImh0dHA6Ly9oIn0="])
def test_what_is_too_short_for_a_key_is_in_too_many_words_to_be_masked(key: str) -> None:
    assert masked("the experiment of abc began", spellings(key)) == "the experiment of abc began"


# Handlers and loggers


def test_a_handler_that_is_added_later_shows_no_key(shown: Shown) -> None:
    sdk_logger.debug("GET %r with %r", f"https://x/?apiKey={CANARY}", {"apiKey": [CANARY.encode()]})
    assert "GET" in shown.text
    assert CANARY not in shown.text


def test_a_handler_by_dict_config_shows_no_key() -> None:
    name = f"{__name__}.Shown"
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "handlers": {"all": {"()": name}},
            "loggers": {"comet_ml.new": {"handlers": ["all"], "level": "DEBUG", "propagate": False}},
        }
    )
    (handler,) = logging.getLogger("comet_ml.new").handlers
    logging.getLogger("comet_ml.new").debug("key %s", CANARY)
    assert "key ***" in handler.text  # type: ignore[attr-defined]
    assert CANARY not in handler.text  # type: ignore[attr-defined]


def test_a_queue_between_logger_and_handler_has_no_key_in_it() -> None:
    records: queue.Queue[logging.LogRecord] = queue.Queue()
    logger = logging.getLogger("behind a queue")
    logger.addHandler(logging.handlers.QueueHandler(records))
    logger.error("key %s", CANARY)
    assert "key ***" in records.get().getMessage()


def test_a_logger_of_another_class_shows_no_key() -> None:
    class Own(logging.Logger):
        def handle(self, record: logging.LogRecord) -> None:
            self.callHandlers(record)

    logger, handler = Own("own"), Shown()
    logger.addHandler(handler)
    logger.error("key %s", CANARY)
    assert "key ***" in handler.text
    assert CANARY not in handler.text


def test_a_filter_of_a_logger_sees_no_key(shown: Shown) -> None:
    seen: list[str] = []
    logger = logging.getLogger("filtered")
    logger.addFilter(lambda record: bool(seen.append(record.getMessage())))
    logger.error("key %s", CANARY)
    assert seen == ["key ***"]


def test_a_record_that_was_made_elsewhere_shows_no_key(shown: Shown) -> None:
    sdk_logger.handle(logging.makeLogRecord({"name": "far.away", "levelno": 40, "msg": "key %s", "args": (CANARY,)}))
    assert "key ***" in shown.text
    assert CANARY not in shown.text


def test_the_last_resort_shows_no_key(capfd: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("without handlers")
    logger.propagate = False
    logger.warning("key %s", CANARY)
    error = capfd.readouterr().err
    assert "key ***" in error
    assert CANARY not in error


def test_a_warning_shows_no_key() -> None:
    # pytest keeps warnings from standard error: this is what would be written there.
    text = warnings.formatwarning(f"key {CANARY}", UserWarning, "file.py", 1, f"warn({CANARY!r})")
    assert "key ***" in text
    assert CANARY not in text


def test_a_warning_that_goes_to_a_logger_shows_no_key(shown: Shown) -> None:
    logging.getLogger("py.warnings").addHandler(shown)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        try:
            warnings.warn(f"key {CANARY}", stacklevel=1)
        finally:
            logging.captureWarnings(False)
            logging.getLogger("py.warnings").removeHandler(shown)
    assert "key ***" in shown.text
    assert CANARY not in shown.text


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_exception_that_ends_a_thread_shows_no_key() -> None:
    seen: list[str] = []
    hook = threading.excepthook
    try:
        threading.excepthook = lambda arguments: seen.append(str(arguments.exc_value))
        # As in the first session of a process.
        threading.excepthook = redaction._masked_first(threading.excepthook, lambda arguments: arguments.exc_value)

        def fail() -> None:
            raise ValueError(f"key {CANARY}")

        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
    finally:
        threading.excepthook = hook
    assert seen == ["key ***"]


def test_what_is_added_to_a_record_shows_no_key(shown: Shown) -> None:
    Config = namedtuple("Config", "url key")

    @dataclass
    class Settings:
        key: str

    extra = {
        "text": CANARY,
        "config": Config("x", CANARY),
        "settings": Settings(CANARY),
        "namespace": SimpleNamespace(key=CANARY),
        "error": ValueError(CANARY),
        "nested": {"a": [({CANARY: deque([CANARY])},)], "b": UserDict(key=CANARY)},
    }
    kept = copy.deepcopy(extra["nested"])
    sdk_logger.error("failed", extra=extra, stack_info=True)
    assert CANARY not in shown.text
    assert "settings" in shown.text
    assert extra["nested"] == kept


def test_a_record_without_a_key_is_left_as_it_is(shown: Shown) -> None:
    seen: list[logging.LogRecord] = []
    shown.emit = seen.append  # type: ignore[method-assign]
    argument = {"a": [1, 2]}
    try:
        raise ValueError("no luck")
    except ValueError as raised:
        error = raised
    logger = logging.getLogger("of the user")
    logger.addHandler(shown)
    logger.error("%s and %s", argument, 1, extra={"more": argument}, exc_info=error)
    (record,) = seen
    assert record.args == (argument, 1)
    assert vars(record)["more"] is argument
    assert record.exc_info is not None
    assert record.exc_info[1] is error


def test_an_exception_in_a_record_shows_no_key_in_text_or_variables(shown: Shown) -> None:
    def connect(api_key: str) -> None:
        raise ConnectionError("refused")

    connect.__globals__["__name__"], name = "comet_ml.connection", connect.__globals__["__name__"]
    try:
        for logger in (sdk_logger, logging.getLogger("of the user")):
            logger.addHandler(shown)
            for argument in (CANARY, "other"):
                try:
                    connect(argument)
                except ConnectionError as error:
                    error.args = (argument,)
                    logger.exception("no connection")
    finally:
        connect.__globals__["__name__"] = name
        logging.getLogger("of the user").removeHandler(shown)
    assert "no connection" in shown.text
    assert "ConnectionError: ***" in shown.text
    assert CANARY not in shown.text


def test_what_was_secret_stays_masked_after_the_session(log_filter: SDKLogFilter, shown: Shown) -> None:
    log_filter.remove()
    sdk_logger.error("late: %s", CANARY)
    assert "late: ***" in shown.text


def test_a_server_cannot_write_to_the_terminal(shown: Shown) -> None:
    sdk_logger.info("Experiment is live on %s", "https://x/\x1b]0;title\x07\u202egpj\n[flyte] all is well")
    line = shown.text.partition("{'name'")[0]
    assert line.isprintable()
    assert "\\x1b]0;title\\x07\\u202egpj\\n[flyte]" in line


def test_a_line_of_the_user_s_own_keeps_its_characters(shown: Shown) -> None:
    logger = logging.getLogger("of the user")
    logger.addHandler(shown)
    logger.error("\x1b[31mred\x1b[0m")
    logger.removeHandler(shown)
    assert shown.text.startswith("\x1b[31mred\x1b[0m")
