"""The client by which the end asks the server about its experiments, made beside the start."""

from __future__ import annotations

from concurrent.futures import Future

from ..sdk.threads import answer_within
from .shared import Part


class EndClient(Part):
    """Stays with the server and the key that the start used, whatever the body leaves in the environment."""

    _made: Future[object] | None = None

    def begin(self, api_key: object) -> None:
        """Begin to make it, in a thread: the SDK asks the server for its version.

        Args:
            api_key: The API key, if there is one.
        """
        if not self._sdk.is_real or not isinstance(api_key, str):
            return

        def made() -> object:
            # If the server is away, the start says so.
            with self._log_filter.asking(lambda record: False):
                return self._sdk.client(api_key)

        self._made = answer_within(0, made, "comet-ml-client")

    def take(self, seconds: float) -> object | None:
        """The client; None if none was begun.

        Args:
            seconds: How long to wait for it.

        Raises:
            TimeoutError: If the server has not answered by then.
            BaseException: What the SDK raised.
        """
        return self._made.result(seconds) if self._made is not None else None
