"""Sending an offline archive to its experiment in Comet, once: what is missing there, and how the run ended."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from ..deadline import within
from ..errors import APIKeyError, APIKeyRejectedError, ArchiveError, UploadError
from ..names import FLYTE_ARCHIVE_PREFIX, FLYTE_STATUS, CometState, mark_of, marked
from ..sdk import upload as sdk_offline
from ..sdk.comet_sdk import CometSDK
from ..sdk.patience import SHORT_TIMEOUTS
from .already_sent import Delivered, names_on_server, points_of, undelivered
from .archive import Archive, Message, ResumeStrategy, name_of_metric
from .copies import SAMPLE_SIZE, Copies, settings_in_force
from .run_order import Standing, names_that_stay, of_one_node, others_failed, standing, state_after
from .sent_artifacts import SentArtifacts
from .server_errors import ServerErrors

_FIRST_ANSWER_SECONDS, _ANSWER_SECONDS = 10.0, 60.0
"""By the clock, because timeouts are counted for each read, and a server can say when to ask again."""


@dataclass(frozen=True)
class Sent:
    """What became of an archive.

    Attributes:
        url: Address of the experiment.
        state: The experiment's state; None if the archive had been sent before.
        messages: How many messages were sent.
        delivered: How many were there already.
        left_out: What of the archive was not sent, and why; empty if everything is there.
    """

    url: str
    state: CometState | None
    messages: int = 0
    delivered: int = 0
    left_out: str = ""


class _Upload(NamedTuple):
    """What was handed to the SDK.

    Attributes:
        messages: How many messages.
        delivered: How many were there already.
        sampled_out: How many values of metrics among them the SDK's setting made it leave out.
        stop_time: When the run ended, if it is not what the archive says.
    """

    messages: int
    delivered: int
    sampled_out: int
    stop_time: int | None = None


@dataclass(frozen=True)
class _Before:
    """What the server knows of an experiment before the upload. All is empty if there is no such experiment.

    Attributes:
        stored: The experiment.
        state: Its state.
        others: Its Others.
    """

    stored: Any = None
    state: CometState | None = None
    others: Mapping[str, object] | None = None


class Uploader:
    """Sends archives to the server that the SDK's settings name.

    Args:
        sdk: The SDK.
        directory: A directory for temporary files, which somebody else removes.

    Raises:
        APIKeyError: If the SDK finds no API key, or the server does not accept it.
        UploadError: If the server cannot be reached.
    """

    def __init__(self, sdk: CometSDK, directory: Path) -> None:
        self._sdk = sdk
        api_key = sdk.setting("comet.api_key")
        if not isinstance(api_key, str) or not api_key:
            raise APIKeyError(
                "there is no Comet API key: set COMET_API_KEY, or run `comet login`, which saves it in ~/.comet.config."
            )
        self._errors = ServerErrors(sdk, api_key)
        self._copies = Copies(sdk, api_key, self._errors, directory)
        with sdk_offline.hearing_of_losses(self._errors.secrets), self._errors.understood():
            # The first request only asks whether the server is there and takes the key. To make a client is one, too.
            with settings_in_force({n: value for n, value in SHORT_TIMEOUTS.items() if n not in os.environ}):
                within(_FIRST_ANSWER_SECONDS, lambda: sdk.client(api_key).get_account_details())
            self._api = within(_ANSWER_SECONDS, lambda: sdk.client(api_key))
            sdk.bind(self._api)

    def send(self, archive: Archive) -> Sent:
        """Send an archive, unless it was sent before. What the server has of it is not sent again.

        The mark of having been sent is an Other of the experiment, so that it holds for every machine.

        Raises:
            ArchiveError: If the archive is damaged, or was written by a newer SDK than this one.
            UploadError: If the server cannot be reached, or did not take everything.
            CometTrackingError: A subclass, if the server refuses key, workspace or project.
        """
        known = sdk_offline.message_types()
        unknown = ", ".join(sorted(archive.types - known)) if known else ""
        if unknown:
            raise ArchiveError(
                f"holds what comet-ml {self._sdk.version} cannot send ({unknown}): run `pip install --upgrade "
                "comet-ml` and send it again."
            )
        mark = f"{FLYTE_ARCHIVE_PREFIX}{archive.digest[:16]}"
        with sdk_offline.hearing_of_losses(self._errors.secrets) as losses, self._errors.understood(archive):
            before = self._before(archive.key)
            if before.others is not None and mark in before.others:
                return Sent(before.stored.url, None)
            node, others = mark_of(archive.others), before.others
            known_of_it = None if others is None else of_one_node(others, node)
            where = standing(of_one_node(archive.others, node), known_of_it)
            artifacts = SentArtifacts(archive, self._api, self._copies, self._errors)
            upload = self._upload(archive, before, where, losses, artifacts)
            stored = self._before(archive.key).stored
            if stored is None:
                raise UploadError("was sent, but Comet does not know the experiment. Send it again later.")
            for artifact in artifacts.to_make:
                artifacts.make(artifact, stored, losses, upload.stop_time)
            if not losses and not archive.damaged:
                artifacts.finish()
            state = self._finish(archive, before, where, stored)
            if losses:
                raise UploadError(
                    f"was not taken whole: {self._errors.reason(losses[0])}. Keep the archive, and send it again: what "
                    "has arrived is not sent twice."
                )
            left_out = _left_out(archive, upload, artifacts.left_out)
            if not left_out:
                stored.log_other(mark, archive.path.name)
            sent = upload.messages - upload.sampled_out + artifacts.sent
            return Sent(stored.url, state, sent, upload.delivered + artifacts.delivered, left_out)

    def _before(self, key: str) -> _Before:
        return within(_ANSWER_SECONDS, lambda: self._known(key))

    def _known(self, key: str) -> _Before:
        try:
            stored = self._sdk.stored(key)
        except Exception as error:
            status = getattr(getattr(error, "response", None), "status_code", None)
            # Older servers answer 400.
            if status == 404 or (status == 400 and not isinstance(self._errors.refusal(error), APIKeyRejectedError)):
                return _Before()
            raise
        others = {str(other["name"]): other.get("valueCurrent") for other in stored.get_others_summary() or ()}
        return _Before(stored, stored.get_state(), others)

    def _upload(
        self, archive: Archive, before: _Before, where: Standing, losses: list[str], artifacts: SentArtifacts
    ) -> _Upload:
        """Send what the server does not have, but for artifacts, which need the experiment first."""
        delivered, stop_time = Delivered(), None
        strategy: ResumeStrategy = "create"
        if before.stored is not None:
            strategy = "get"
            delivered = _delivered(before, archive, where)
            delivered = replace(delivered, assets=delivered.assets | artifacts.files_there())
            if where in ("earlier", "beside"):
                stop_time = max(_number(archive.metadata.get("stop_time")), _number(before.stored.end_server_timestamp))
        values = Counter[str]()
        total = 0

        def others() -> Iterator[Message]:
            nonlocal total
            for message in archive.messages():
                if not any(artifact.has(message) for artifact in artifacts.to_make):
                    total += 1
                    yield message

        def messages() -> Iterator[Message]:
            for message in undelivered(others(), delivered):
                if message.type == "metric_msg":
                    values[name_of_metric(message)[0]] += 1
                yield message

        count, size = self._copies.send(
            archive, messages(), losses, strategy=strategy, stop_time=stop_time, values=values
        )
        sampled_out = sum(max(0, number - size) for number in values.values())
        return _Upload(count, total - count, sampled_out, stop_time)

    def _finish(self, archive: Archive, before: _Before, where: Standing, stored: Any) -> CometState:
        """Show how the run ended, and when it began."""
        start, stop = _number(archive.metadata.get("start_time")), _number(archive.metadata.get("stop_time"))
        if before.stored is not None and start and _number(before.stored.start_server_timestamp) > stop:
            # An upload made the experiment and was cut off, so Comet shows when the upload began.
            stored.set_start_time(start)
        node, others = mark_of(archive.others), before.others or {}
        stored_status = of_one_node(others, node).get(FLYTE_STATUS)
        if where == "later" and archive.status is None and stored_status is not None:
            stored.log_other(marked(node, FLYTE_STATUS), "finished")
        state = state_after(where, archive.status, stored_status, before.state)
        if others_failed(others, node):
            state = "crashed"
        stored.set_state(state)
        return state


def _delivered(before: _Before, archive: Archive, where: Standing) -> Delivered:
    """What the server has of the archive's experiment."""
    stored, others = before.stored, before.others or {}
    on_server = {str(metric["name"]) for metric in stored.get_metrics_summary() or ()}
    wanted = {name for metric in archive.metrics for name in names_on_server(*metric)} & on_server
    assets = stored.get_asset_list() if {"file_upload", "remote_file"} & archive.types else ()
    output = stored.get_output() if "standard_output" in archive.types else ""
    html = stored.get_html() if "html" in archive.types else ""
    parameters = stored.get_parameters_summary() if where in ("earlier", "beside") else ()
    return Delivered(
        points=points_of(point for name in sorted(wanted) for point in stored.get_metrics(name) or ()),
        assets=frozenset(asset["assetId"] for asset in assets or ()),
        lines=Counter(str(output or "").splitlines()),
        html=str(html or ""),
        others=names_that_stay(where, others, archive.status),
        parameters=frozenset(str(parameter["name"]) for parameter in parameters or ()),
    )


def _left_out(archive: Archive, upload: _Upload, of_artifacts: Sequence[str]) -> str:
    """What of an archive has not arrived, in words."""
    found = []
    if archive.damaged:
        found.append(f"{archive.damaged} of its messages are cut off or without their file")
    if upload.sampled_out:
        found.append(f"{SAMPLE_SIZE} keeps {upload.sampled_out} values of its metrics from being sent")
    return ", and ".join([*found, *of_artifacts])


def _number(value: Any) -> int:
    return int(value or 0)
