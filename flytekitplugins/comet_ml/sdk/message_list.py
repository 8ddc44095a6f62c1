"""The SDK's list of the messages that Comet does not have yet.

It is a data base on the disk. The SDK takes a message off it when Comet has taken the message. Where the SDK keeps the
list is not public: each function says what happens if it is somewhere else.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from ..foreign_text import described, printable
from ..log import logger
from .call import calls
from .disk_room import has_room, size_of, size_of_file
from .protocols import Arguments, Keywords, Wrapped

if TYPE_CHECKING:
    from comet_ml.messages import BaseMessage
    from comet_ml.replay_manager import ReplayManager
    from comet_ml.streamer.fallback import FallbackStreamer
    from comet_ml.streamer.online import OnlineStreamer

_FAILED = 3
"""How the SDK writes in the list that it has given a message up (`comet_ml.replay_manager.MessageStatus.failed`)."""

_NAMES = ("metricName", "paramName", "fileName", "name", "key")

_NO_NAME = "auto-generated-in-the-backend"
"""The name that the SDK gives to an asset that has none."""

_KINDS = {
    "metric_msg": "the metric",
    "parameter_msg": "the parameter",
    "log_other": "the Other",
    "file_upload": "the asset",
    "standard_output": "the output of the task",
}
"""What people call what the SDK calls so."""

_unlisted: WeakKeyDictionary[ReplayManager, set[str]] = WeakKeyDictionary()
"""For each list: whether it lacks messages that are ``sent`` all the same, or ``not sent``."""

_newest: WeakKeyDictionary[ReplayManager, dict[tuple[object, ...], int | None]] = WeakKeyDictionary()
"""For each list: the number of the last message about each parameter."""


def register(wrapped: Wrapped, instance: ReplayManager, args: Arguments, kwargs: Keywords) -> object:
    """Enter messages in the list, if there is room for them on the disk: a copy of each asset from memory is there."""
    messages: Sequence[BaseMessage] = list(args[0]) if args else []
    newest = _newest.setdefault(instance, {})
    for message in messages:
        if message.type == "parameter_msg":
            newest[_parameter(message.to_db_message_dict())] = message.message_id  # type: ignore[no-untyped-call]
    if not calls or not messages or not hasattr(instance, "tmp_dir"):
        return wrapped(*args, **kwargs)
    unlisted = _unlisted.setdefault(instance, set())
    directory, taken = str(instance.tmp_dir), size_of(instance.db_file)
    away = getattr(kwargs.get("status"), "name", "") == "failed"
    if away and not has_room(directory, 0, taken=taken):
        unlisted.add("not sent")
        return None
    fitting = []
    for message in messages:
        size = 0 if hasattr(message, "file_path") else size_of_file(message)
        if size and not has_room(directory, size, taken=taken):
            unlisted.add("sent")
        else:
            fitting.append(message)
    try:
        return wrapped(fitting, *args[1:], **kwargs)
    except Exception:
        # It would end the SDK's thread, and with it all that is logged.
        for message in fitting:
            _register_one(functools.partial(wrapped, [message], *args[1:], **kwargs), instance, message, args[0])
    return None


def _register_one(register: Callable[[], object], records: ReplayManager, message: BaseMessage, all_: object) -> None:
    """Enter one message. The SDK does not get to see one that it cannot write: its other threads would end by it."""
    try:
        register()
    except OSError as error:
        # It is the machine's fault, and not the message's.
        logger.debug("A message is not on the SDK's list: %s", error)
        _unlisted.setdefault(records, set()).add("not sent")
    except Exception as error:
        logger.warning("The Comet SDK cannot write %s, and it is lost: %s", _in_words(message), described(error))
        if isinstance(all_, list):
            all_[:] = [each for each in all_ if each is not message]


def _in_words(message: BaseMessage) -> str:
    """What a message is about: ``the metric loss``."""
    kind = _KINDS.get(message.type, f"what was logged as {message.type}")
    parts = [part for part in vars(message).values() if isinstance(part, Mapping)]
    names = [part.get(name) for part in (*parts, vars(message)) for name in _NAMES]
    named = [name for name in names if isinstance(name, str) and name != _NO_NAME]
    return printable(" ".join([kind, *named[:1]]))


def keep_archive(wrapped: Wrapped, instance: object, args: Arguments, kwargs: Keywords) -> object:
    """Keep a copy for the archive, whatever version Comet has: if it does not tell, the SDK would keep none."""
    support = wrapped(*args, **kwargs)
    return support._replace(feature_supported=True) if calls else support


def has_arrived(online: OnlineStreamer) -> bool:
    """Whether Comet has said of everything that was logged that it has it.

    Args:
        online: The streamer of an experiment that has ended, or is about to.
    """
    fallback = _fallback_of(online)
    if fallback is not None:
        # What was logged last is handed over in a thread.
        fallback.join(fallback.terminate_timeout)
    return not not_arrived(online)


def number_to_send(records: ReplayManager) -> int:
    """How many messages on a list are still to be sent; 0 where it cannot be read."""
    rows = _read(records, "SELECT COUNT(*) FROM messages WHERE status != ?", _FAILED)
    return int(rows[0][0]) if rows else 0


def _read(records: ReplayManager, question: str, *values: object) -> list[tuple[Any, ...]] | None:
    try:
        with records.__lock__:
            return list(records.conn.execute(question, values))
    except Exception as error:
        # The experiment may have ended meanwhile, and has closed its list.
        logger.debug("The list of messages cannot be read: %s", error)
        return None


def not_arrived(online: OnlineStreamer | None) -> set[int]:
    """The numbers of the messages of which Comet has not said that it has them; -1 is in it if that cannot be known.

    A parameter that was logged again replaces the one before, which then stays on the list.
    """
    fallback = _fallback_of(online)
    if online is None or fallback is None:
        logger.debug("This comet-ml keeps its list of messages elsewhere.")
        return set()
    records = fallback.replay_manager
    left = _read(records, "SELECT message_id, message_type, message_json FROM messages")
    if left is None or records.failed:
        # It cannot be read; or could not be written at some time, and says nothing of what came then.
        return {-1}
    unlisted, newest = _unlisted.get(records, set()), _newest.get(records, {})
    all_listed = "not sent" not in unlisted and not ("sent" in unlisted and online.has_upload_failed())
    return (set() if all_listed else {-1}) | {
        number
        for number, kind, text in left
        if kind != "parameter_msg" or newest.get(_parameter(json.loads(text)), number) == number
    }


def _fallback_of(online: OnlineStreamer | None) -> FallbackStreamer | None:
    """The streamer that keeps the list; None where this SDK has it elsewhere."""
    # Older SDKs have no handler of its own.
    handler = getattr(online, "message_handler", online)
    fallback: FallbackStreamer | None = getattr(getattr(handler, "on_message_sent_callback", None), "__self__", None)
    return fallback if hasattr(fallback, "replay_manager") else None


def _parameter(message: Mapping[str, Any]) -> tuple[object, ...]:
    """What tells a parameter from every other."""
    parameter = message.get("param") or message.get("params") or {}
    return message.get("context"), parameter.get("paramName"), parameter.get("source")
