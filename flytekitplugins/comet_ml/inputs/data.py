"""Inputs that are data: where files, directories, data sets, frames and arrays come from, and their shape.

They are no parameters. A file's path is different in each run, and a frame has no value to compare. Nothing is
downloaded or computed here.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Collection
from pathlib import PurePath
from typing import Any
from urllib.parse import urlsplit, urlunsplit

MAX_COLUMNS = 50

# Flyte's own, of both generations: told by their names, so that neither is imported.
_FLYTE_TYPES = {
    "flytekit": {"FlyteFile", "FlyteDirectory", "StructuredDataset", "FlyteSchema"},
    "flyte": {"File", "Dir", "DataFrame"},
}
# Where they say that they come from, the most trustworthy first. `path` is a local copy unless it is all there is.
_ADDRESSES = ("remote_source", "uri", "remote_path", "remote_directory", "path")
# Before the @ stands no user there, but a container: `abfs://container@account.dfs.core.windows.net/path`.
_CONTAINER_FIRST = ("abfs", "abfss", "wasb", "wasbs")
_PATH_PARAMETER = re.compile(";[^/=]*=[^/]*")
_TEMPORARY = ("/tmp", "/var/tmp", "/private/tmp", "/private/var/folders", "/dev/shm")


class Data(dict[str, object]):
    """What is said of data: ``address``, ``type``, ``shape``, ``columns`` or ``dtype``, as far as they are known."""


def is_temporary(path: str) -> bool:
    """Whether a local path is in a temporary directory, which another run does not have."""
    places = {*_TEMPORARY, tempfile.gettempdir(), os.path.realpath(tempfile.gettempdir())}
    return any(path == place or path.startswith(f"{place}{os.sep}") for place in places)


def is_of_flyte(kind: type) -> bool:
    """Whether a class is one of Flyte's files, directories and data sets."""
    return any(each.__name__ in _FLYTE_TYPES.get(each.__module__.partition(".")[0], ()) for each in kind.__mro__)


def is_frame_or_array(kind: type) -> bool:
    """Whether a class is one of frames or arrays."""
    return hasattr(kind, "shape") and any(hasattr(kind, name) for name in ("dtype", "dtypes", "column_names"))


def flyte_data(value: object) -> Data | None:
    """What to say of a file, directory or data set of Flyte's, or of a path to something far away; None for others."""
    if is_of_flyte(type(value)):
        said = Data(type=_type_name(value))
        # A data set that was made in this process has its frame with it.
        frame = array_or_frame(getattr(value, "dataframe", None))
        address = next((a for a in (_address_of(getattr(value, name, None)) for name in _ADDRESSES) if a), None)
        if address is None:
            address = _address_of(getattr(getattr(value, "literal", None), "uri", None))
        return Data({**({"address": address} if address else {}), **said, **(frame or {})})
    if isinstance(value, PurePath):
        return Data() if is_temporary(str(value)) else None
    if isinstance(value, os.PathLike):
        # Such as a path in a bucket. `os.fspath` may download what it leads to.
        address = _address_of(str(value))
        return Data(address=address, type=_type_name(value)) if address else Data()
    return None


def array_or_frame(value: Any) -> Data | None:
    """Type, shape, columns or data type of a frame or an array that is in memory; None for what is neither."""
    kind = type(value)
    if not is_frame_or_array(kind):
        return None
    said = Data(type=_type_name(value), shape=[n if isinstance(n, int) else "?" for n in value.shape])
    # Asked of the class: a column of a frame can have such a name.
    columns: object = next((getattr(value, name) for name in ("column_names", "columns") if hasattr(kind, name)), None)
    if isinstance(columns, Collection):
        names = [str(name) for name in list(columns)[:MAX_COLUMNS]]
        said["columns"] = names + (["..."] if len(columns) > MAX_COLUMNS else [])
    elif hasattr(kind, "dtype"):
        said["dtype"] = str(value.dtype)
    return said


def _type_name(value: object) -> str:
    # A file with a format has a subclass of its own.
    names = (kind.__name__ for kind in type(value).__mro__ if not kind.__name__.startswith("_"))
    return next(names, type(value).__name__)


def _address_of(value: object) -> str | None:
    """An address without user, password, query and fragment, in which secrets stand; or a path that another run has."""
    if not isinstance(value, (str, PurePath)) or not str(value):
        return None
    text = str(value).removeprefix("file://")
    if "://" not in text:
        return None if is_temporary(text) else text
    parts = urlsplit(text)
    user, _, server = parts.netloc.rpartition("@")
    if user and parts.scheme in _CONTAINER_FIRST and ":" not in user:
        server = parts.netloc
    path = _PATH_PARAMETER.sub("", parts.path) if parts.scheme in ("http", "https") else parts.path
    return urlunsplit((parts.scheme, server, path, "", ""))
