"""Errors while an archive is sent. They name the server and the remedy, and never the API key."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import APIKeyRejectedError, ArchiveError, UploadError
from ..foreign_text import printable
from ..names import COMET_SERVICE
from ..sdk import refusals
from ..sdk.comet_sdk import CometSDK
from ..sdk.redaction import masked, spellings
from ..sdk.server_address import server_address
from .archive import Archive

_REASON_LENGTH = 300


def server_in_force(sdk: CometSDK, api_key: object = None) -> str:
    """The server that the SDK's settings name, or else the API key, or else Comet's own.

    Args:
        sdk: The SDK.
        api_key: The API key; None for the one in the SDK's settings.
    """
    key = sdk.setting("comet.api_key") if api_key is None else api_key
    server = sdk.setting("comet.url_override") or sdk.embedded_server(key) or COMET_SERVICE
    return server_address(server)


class ServerErrors:
    """Errors of one server and one API key.

    Attributes:
        secrets: Texts that must not be in any message.

    Args:
        sdk: The SDK.
        api_key: The API key.
    """

    def __init__(self, sdk: CometSDK, api_key: str) -> None:
        self.secrets = spellings(api_key)
        self._sdk = sdk
        self._api_key = api_key

    @property
    def server(self) -> str:
        """The server that is asked."""
        return server_in_force(self._sdk, self._api_key)

    def refusal(self, error: BaseException, archive: Archive | None = None) -> Exception | None:
        """The error for an exception by which the server refuses key, workspace or experiment; None for others."""
        workspace, project_name = (archive.workspace, archive.project_name) if archive else ("", "")
        return refusals.refusal(
            error, server=self.server, workspace=str(workspace or ""), project_name=str(project_name or "")
        )

    @contextmanager
    def understood(self, archive: Archive | None = None) -> Iterator[None]:
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
        refusal = self.refusal(error, archive)
        if isinstance(refusal, APIKeyRejectedError):
            return APIKeyRejectedError(
                f"Comet at {self.server} rejected the API key: set COMET_API_KEY to a current key of that server "
                "(Comet: Account Settings > API Keys), or name the key's server with --host."
            )
        if refusal is not None and archive is not None:
            return type(refusal)(masked(str(refusal), self.secrets))
        reason = self.reason(refusals.described(error))
        if isinstance(error, TimeoutError):
            reason = str(error)
        if isinstance(error, TimeoutError) or refusals.is_unreachable(error):
            return UploadError(
                f"Comet at {self.server} cannot be reached ({reason}). Check the address (--host) and the network, "
                "and send it again."
            )
        return UploadError(
            f"Comet at {self.server} did not take it ({reason}). Send it again: what has arrived is not sent twice."
        )

    def reason(self, text: str) -> str:
        """The first line of a text, without the API key and not too long."""
        line = printable(masked(text.strip().partition("\n")[0], self.secrets)).rstrip(".")
        return line if len(line) <= _REASON_LENGTH else f"{line[:_REASON_LENGTH]}..."
