"""Where the offline archives of an action go: its raw data path, through Flyte 2's storage."""

from __future__ import annotations

import asyncio
import os

import flyte.storage
from flyte.models import TaskContext

from ..archives.store import FileSystem, Store, address_in


def file_system(uri: str) -> FileSystem:
    """The file system of an address, with the credentials that Flyte 2 finds for it.

    Args:
        uri: An address in a blob store.
    """
    system: FileSystem = flyte.storage.get_underlying_filesystem(path=uri)
    return system


def archive_store(context: TaskContext) -> Store | None:
    """What puts a file to the raw data path of the running action.

    Args:
        context: Flyte 2's task context.

    Returns:
        A function from a path to the address of the copy; None where the action has no such place.
    """
    prefix = getattr(context.raw_data_path, "path", None)
    if not prefix:
        return None

    def store(path: str) -> str:
        address = address_in(prefix, path)
        if not flyte.storage.is_remote(address):
            # The local file system alone wants its directories made.
            os.makedirs(os.path.dirname(address.removeprefix("file://")), exist_ok=True)
        # Called in a thread without an event loop.
        stored: str = asyncio.run(flyte.storage.put(path, address))
        return stored or address

    return store
