"""Where a pod's offline archives go: the task's raw output location, through flytekit's file access."""

from __future__ import annotations

from flytekit import FlyteContext, FlyteContextManager

from ..archives.store import FileSystem, Store, address_in


def file_system(uri: str) -> FileSystem:
    """The file system of an address, with the credentials that flytekit finds for it.

    Its `get_data` would leave the connection of a blob store open, and complain of that when the process ends.

    Args:
        uri: An address in a blob store.
    """
    system: FileSystem = FlyteContextManager.current_context().file_access.get_filesystem_for_path(uri)
    return system


def archive_store(context: FlyteContext) -> Store | None:
    """What puts a file to the raw output location of the running task.

    Args:
        context: flytekit's current context.

    Returns:
        A function from a path to the address of the copy; None where the context has no such location (people's mocks).
    """
    prefix = context.user_space_params.raw_output_prefix
    if not isinstance(prefix, str) or not prefix:
        return None
    file_access = context.file_access

    def store(path: str) -> str:
        address = address_in(prefix, path)
        file_access.put_data(path, address, is_multipart=False)
        return address

    return store
