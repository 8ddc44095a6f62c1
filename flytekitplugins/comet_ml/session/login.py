"""Login: the key is checked, and written nowhere."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ..sdk.arguments import settings_of
from ..sdk.settings import SettingsLayer
from .shared import Shared


def log_in(shared: Shared, arguments: Mapping[str, object]) -> list[BaseException]:
    """Call `comet_ml.login`, or `comet_ml.init` on an SDK without it, and leave the API key nowhere.

    Args:
        shared: What the parts of the session share. Its settings are put right again after `login` has written its own
            to the environment.
        arguments: What to call it with.

    Returns:
        The exceptions that `login` logged: it raises none. An empty list where the key was accepted, or there is none.
    """
    arguments = dict(arguments)
    with ExitStack() as stack:
        # `login` warns about every argument that is no setting. Those are used when the experiment starts.
        meaningless = set(arguments) - set(settings_of(arguments))
        # A key that somebody types at the SDK's prompt is theirs to save: only one that we pass is kept from disk.
        if arguments.get("api_key") is not None:
            meaningless.add(stack.enter_context(_unsaved(shared.layer)))
            if shared.sdk.is_real:
                # It says where to save the API key, and nothing else.
                arguments.pop("directory", None)
        heard = stack.enter_context(shared.log_filter.listening(meaningless))
        try:
            shared.sdk.login(**arguments)
        finally:
            shared.layer.apply()
    return heard


@contextmanager
def _unsaved(layer: SettingsLayer) -> Iterator[str]:
    """Give `login` a place to save the key that is no file: a copy of the user's configuration file in memory.

    `login` saves a key that it is given to `COMET_CONFIG`, or to the home directory. It also reads `COMET_CONFIG`,
    and a server address may stand only there: hence the copy.

    Yields:
        The path of the place.
    """
    configured = Path(layer.environ.get("COMET_CONFIG") or "").expanduser()
    if configured.is_dir():
        configured /= ".comet.config"
    with ExitStack() as stack:
        if hasattr(os, "memfd_create"):
            copy = stack.enter_context(open(os.memfd_create("comet.config"), "wb"))
            path = f"/proc/self/fd/{copy.fileno()}"
        else:
            # Not Linux, so no pod: a file that only this user can read, for the length of the call.
            path = os.path.join(stack.enter_context(tempfile.TemporaryDirectory()), ".comet.config")
            copy = stack.enter_context(open(path, "wb"))
        if configured.is_file():
            copy.write(configured.read_bytes())
            copy.flush()
        layer.set({"COMET_CONFIG": path})
        stack.callback(layer.forget, "COMET_CONFIG")
        yield path
