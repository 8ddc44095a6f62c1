"""Sending an offline archive to Comet, once: to its own experiment, what is missing there, and how the run ended."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import APIKeyError, APIKeyRejectedError, ArchiveError, UploadError
from ..names import FLYTE_ARCHIVE_PREFIX, FLYTE_STATUS, CometState, mark_of, marked
from ..sdk import refusals
from ..sdk import upload as sdk_offline
from ..sdk.comet_sdk import CometSDK
from ..sdk.redaction import masked, spellings
from .already_sent import Delivered, names_on_server, points_of, undelivered
from .archive import Archive, ResumeStrategy, write_copy
from .run_order import (
    Standing,
    names_that_stay,
    of_one_node,
    others_failed,
    standing,
    state_after,
)

# The first request only asks whether the server is there and takes the key.
_LITTLE_PATIENCE = {
    "COMET_TIMEOUT_HTTP": "3",
    "COMET_TIMEOUT_API": "3",
    "COMET_HTTP_SESSION_RETRY_TOTAL": "1",
    "COMET_HTTP_SESSION_RETRY_BACKOFF_FACTOR": "1",
}

_REASON_LENGTH = 300


@dataclass(frozen=True)
class Sent:
    """What became of an archive.

    Attributes:
        url: Address of the experiment.
        state: The experiment's state; None if the archive had been sent before.
        messages: How many messages were sent.
        delivered: How many were there already.
    """

    url: str
    state: CometState | None
    messages: int = 0
    delivered: int = 0


@dataclass(frozen=True)
class _Before:
    """What the server knows of an experiment before the upload; all of it is empty where there is no such experiment.

    Attributes:
        stored: The experiment, as a `comet_ml.APIExperiment`.
        state: Its state.
        others: Its Others.
    """

    stored: Any = None
    state: CometState | None = None
    others: Mapping[str, Any] | None = None


class Uploader:
    """Sends archives to the server that the SDK's settings name.

    Args:
        sdk: The `comet_ml` module.
        directory: A directory for temporary files, which somebody else removes.

    Raises:
        APIKeyError: If the SDK finds no API key, or the server does not accept it.
        UploadError: If the server cannot be reached.
    """

    def __init__(self, sdk: Any, directory: Path) -> None:
        self._sdk = sdk
        self._settings = CometSDK.of(sdk)
        self._directory = directory
        api_key = self._settings.setting("comet.api_key")
        if not isinstance(api_key, str) or not api_key:
            raise APIKeyError(
                "there is no Comet API key: set COMET_API_KEY, or run `comet login`, which saves it in ~/.comet.config."
            )
        self._api_key = api_key
        self._secrets = spellings(api_key)
        with sdk_offline.hearing_of_losses(self._secrets), self._understood():
            with settings_in_force({n: value for n, value in _LITTLE_PATIENCE.items() if n not in os.environ}):
                sdk.API(api_key=api_key, cache=False).get_account_details()
            self._api = sdk.API(api_key=api_key, cache=False)

    def send(self, archive: Archive) -> Sent:
        """Send an archive, unless it was sent before; what the server has of it is not sent again.

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
                f"holds what comet-ml {self._sdk.__version__} cannot send ({unknown}): run `pip install --upgrade "
                "comet-ml` and send it again."
            )
        mark = f"{FLYTE_ARCHIVE_PREFIX}{archive.digest[:16]}"
        with sdk_offline.hearing_of_losses(self._secrets) as losses, self._understood(archive):
            before = self._before(archive.key)
            if before.others is not None and mark in before.others:
                return Sent(before.stored.url, None)
            node, others = mark_of(archive.others), before.others
            known_of_it = None if others is None else of_one_node(others, node)
            where = standing(of_one_node(archive.others, node), known_of_it)
            count = self._upload(archive, before, where, losses)
            stored = self._before(archive.key).stored
            if stored is None:
                raise UploadError("was sent, but Comet does not know the experiment. Send it again later.")
            state = self._finish(archive, before, where, stored)
            if losses:
                raise UploadError(
                    f"was not taken whole: {self._reason(losses[0])}. Send it again: what has arrived is not sent "
                    "twice."
                )
            stored.log_other(mark, archive.path.name)
            return Sent(stored.url, state, count, sum(1 for _ in archive.messages()) - count)

    def _before(self, key: str) -> _Before:
        try:
            stored = self._sdk.APIExperiment(previous_experiment=key, api=self._api)
        except Exception as error:
            status = getattr(getattr(error, "response", None), "status_code", None)
            # Older servers answer 400.
            if status == 404 or (status == 400 and not isinstance(self._refusal(error), APIKeyRejectedError)):
                return _Before()
            raise
        others = {str(other["name"]): other.get("valueCurrent") for other in stored.get_others_summary() or ()}
        return _Before(stored, stored.get_state(), others)

    def _upload(self, archive: Archive, before: _Before, where: Standing, losses: list[str]) -> int:
        """Send what the server does not have, and return how many messages that were."""
        delivered, stop_time = Delivered(), None
        strategy: ResumeStrategy = "create"
        if before.stored is not None:
            strategy = "get"
            delivered = _delivered(before, archive, where)
            if where in ("earlier", "beside"):
                stop_time = max(_number(archive.metadata.get("stop_time")), _number(before.stored.end_server_timestamp))
        handle, name = tempfile.mkstemp(prefix=f"{archive.key}-", suffix=".zip", dir=self._directory)
        os.close(handle)
        copy = Path(name)
        try:
            messages = undelivered(archive.messages(), delivered)
            count = write_copy(archive, copy, messages=messages, resume_strategy=strategy, stop_time=stop_time)
            with settings_in_force(self._all_metrics(archive)):
                done = sdk_offline.send(
                    copy, api_key=self._api_key, workspace=archive.workspace, project_name=archive.project_name
                )
        finally:
            copy.unlink()
        if not done:
            raise UploadError(f"was refused: {self._reason(losses[0] if losses else 'the SDK does not say why')}.")
        return count

    def _all_metrics(self, archive: Archive) -> dict[str, str]:
        """The setting by which the SDK sends every value of a metric, as an online run does, and not a sample."""
        name, values = "COMET_OFFLINE_SAMPLING_SIZE", Counter[str]()
        for (metric, _), count in archive.metrics.items():
            values[metric] += count
        most = max(values.values(), default=0)
        if name in os.environ or most <= _number(self._settings.setting("comet.offline_sampling_size")):
            return {}
        return {name: str(most)}

    def _finish(self, archive: Archive, before: _Before, where: Standing, stored: Any) -> CometState:
        """Show how the run ended, and when it began."""
        start, stop = _number(archive.metadata.get("start_time")), _number(archive.metadata.get("stop_time"))
        if before.stored is not None and start and _number(before.stored.start_server_timestamp) > stop:
            # An upload made the experiment, and was cut off: it began when that did.
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

    # What goes wrong

    @property
    def _server(self) -> str:
        override = self._settings.setting("comet.url_override")
        server = override or self._settings.embedded_server(self._api_key) or "https://www.comet.com"
        return str(server).removesuffix("/").removesuffix("/clientlib")

    def _refusal(self, error: BaseException, archive: Archive | None = None) -> Exception | None:
        workspace, project_name = (archive.workspace, archive.project_name) if archive else ("", "")
        return refusals.refusal(
            error, server=self._server, workspace=str(workspace or ""), project_name=str(project_name or "")
        )

    @contextmanager
    def _understood(self, archive: Archive | None = None) -> Iterator[None]:
        """Turn exceptions of the SDK into errors that name the server and the remedy, and never the API key."""
        try:
            yield
            return
        except (ArchiveError, UploadError):
            raise
        except Exception as error:
            problem = self._problem(error, archive)
        # Outside of the handler: the SDK's exception can carry the API key, and must not become the context of ours.
        raise problem

    def _problem(self, error: Exception, archive: Archive | None) -> Exception:
        refusal = self._refusal(error, archive)
        if isinstance(refusal, APIKeyRejectedError):
            return APIKeyRejectedError(
                f"Comet at {self._server} rejected the API key: set COMET_API_KEY to a current key of that server "
                "(Comet: Account Settings > API Keys), or name the key's server with --host."
            )
        if refusal is not None and archive is not None:
            return type(refusal)(masked(str(refusal), self._secrets))
        reason = self._reason(refusals.described(error))
        if refusals.is_unreachable(error):
            return UploadError(
                f"Comet at {self._server} cannot be reached ({reason}). Check the address (--host) and the network, "
                "and send it again."
            )
        return UploadError(
            f"Comet at {self._server} did not take it ({reason}). Send it again: what has arrived is not sent twice."
        )

    def _reason(self, text: str) -> str:
        """The first line of a text, without the API key and not too long."""
        line = masked(text.strip().partition("\n")[0], self._secrets).rstrip(".")
        return line if len(line) <= _REASON_LENGTH else f"{line[:_REASON_LENGTH]}..."


@contextmanager
def settings_in_force(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables while the block runs: the SDK reads its settings from them."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


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


def _number(value: Any) -> int:
    return int(value or 0)
