"""The addresses of Comet services that a decorator or a command is given."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from typing import Any
from urllib.parse import SplitResult, urlsplit

from .errors import InvalidOptionError
from .log import logger
from .option_kinds import DECORATOR, TEXT, Kind
from .shown import shown, without_api_keys

_NAME = re.compile(r"(?=.{1,253}$)\w([\w-]*\w)?(\.\w([\w-]*\w)?)*", re.ASCII)


def web_address(host: str) -> str:
    """The address of a Comet host, with its scheme and without a slash at its end.

    Args:
        host: The address that a browser shows, up to the name and port. The scheme may be missing.

    Raises:
        InvalidOptionError: For what is no address of a web server.
    """
    address, parts = _split("host", host)
    if parts.path.strip("/"):
        raise InvalidOptionError(
            f"comet_ml_login: `host` must be the address of the server that your browser shows, "
            f"{shown(f'{parts.scheme}://{parts.netloc}')}, not {shown(host)}: leave out what stands behind the name "
            "and port. Workspace and project have options of their own, and the SDK's own paths are added."
        )
    if parts.query or parts.fragment:
        raise InvalidOptionError(
            f"comet_ml_login: `host` must be an address without a query and a fragment, not {shown(host)}."
        )
    if "://" not in host:
        logger.warning("comet_ml_login: host=%s has no scheme; taking %s.", shown(host), without_api_keys(address))
    return address


class ServerKind(Kind):
    """An address that the SDK takes as that of its server: with a path, such as ``https://host/clientlib/``."""

    def check(self, option: str, value: Any, owner: str = DECORATOR) -> object:
        """Refuse what is no such address."""
        if super().check(option, value, owner) is not None:
            _split(option, value)
            if "://" not in value:
                raise InvalidOptionError(
                    f"{owner}: `{option}` must begin with https:// or http://, not {shown(value)}. Or give only "
                    "`host`: the rest is added."
                )
        return value


SERVER_SETTING = ServerKind("a string", lambda value: isinstance(value, str), optional=True)


def _split(option: str, value: str) -> tuple[str, SplitResult]:
    """An address with its scheme and without a slash at its end, and its parts."""
    TEXT.check(option, value.strip() if isinstance(value, str) and value.strip() else value)
    address = value.strip().rstrip("/")
    # Some characters become an @ or a dot when the name is looked up.
    if "@" in unicodedata.normalize("NFKC", address):
        raise InvalidOptionError(
            f"comet_ml_login: `{option}` must be an address without a user name and password: it stands in the link "
            "that the Flyte console shows."
        )
    strange = [character for character in address if not character.isascii()]
    if strange:
        raise InvalidOptionError(
            f"comet_ml_login: `{option}` must be an address of ASCII characters; this one has "
            f"U+{ord(strange[0]):04X} {unicodedata.name(strange[0], '')}. It may look like another, or cannot be seen: "
            "copy the address from your browser. A name with other letters has an ASCII form, which begins with xn--."
        )
    if "://" not in value:
        address = f"https://{address}"
    try:
        parts = urlsplit(address)
        valid = parts.scheme in ("http", "https") and _is_server(parts) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise InvalidOptionError(
            f"comet_ml_login: `{option}` must be the address of a Comet service, such as https://www.comet.com, not "
            f"{shown(value)}."
        )
    return address, parts


def _is_server(parts: SplitResult) -> bool:
    name = parts.hostname or ""
    if parts.netloc.endswith(":"):
        return False
    if "[" in parts.netloc:
        return ipaddress.ip_address(name).version == 6
    return _NAME.fullmatch(name) is not None


def is_loopback(address: str) -> bool:
    """Whether an address is one of this machine."""
    name = urlsplit(address).hostname or ""
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
