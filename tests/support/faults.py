"""What can go wrong around a pod: with the server, with the network between, and with the pod's own disks."""

from __future__ import annotations

import ctypes
import datetime
import ipaddress
import os
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.comet_http import RESET, Answer, Fault, Request
from tests.support.comet_server import CometServer

# The server's. Each is a fault for `CometServer.faults`.


def on(part: str, fault: Fault) -> Fault:
    """A fault only of requests with this in their path."""
    return lambda request: fault(request) if part in request.path else None


def status(code: int) -> Fault:
    """Every request is answered with an error, as a proxy would: without Comet's own body."""
    return lambda request: (code, {"msg": f"status {code}"})


def first(count: int, fault: Fault) -> Fault:
    """A fault of the first requests only."""
    left = [count]

    def some(request: Request) -> Answer | None:
        left[0] -= 1
        return fault(request) if left[0] >= 0 else None

    return some


def reset(request: Request) -> Answer | None:
    """The connection breaks in the middle of the answer."""
    return RESET


def slow(seconds: float) -> Fault:
    """Every answer is right, and late."""

    def late(request: Request) -> Answer | None:
        time.sleep(seconds)
        return None

    return late


# The network's


@contextmanager
def swallowing() -> Iterator[str]:
    """An address whose packets vanish: a connection to it is neither made nor refused. Linux drops what a full queue
    of connections cannot take.

    Yields:
        The address, as `host=` takes it.
    """
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            for client in waiting:
                client.close()


def certificate(directory: Path, name: str) -> Path:
    """A certificate that nobody has signed but itself, with its key in the same file.

    Args:
        directory: Where the file goes.
        name: Host or address that it is for.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    try:
        host: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        host = x509.DNSName(name)
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([host]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = directory / f"{name}.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return file


def tls(file: Path) -> ssl.SSLContext:
    """What a server needs to speak TLS with a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@contextmanager
def standing_for_comet(directory: Path) -> Iterator[CometServer]:
    """A server that pods take for www.comet.com and every other host that is not on the loopback interface.

    A pod needs `resolver` as its `sitecustomize`, and the variables of `strangers`.
    """
    with CometServer(tls=tls(certificate(directory, "www.comet.com"))) as server:
        yield server


def strangers(server: CometServer, directory: Path) -> dict[str, str]:
    """The variables by which a pod finds the server that stands for Comet's own, and trusts it."""
    return {"STRANGERS_PORT": str(server.port), "REQUESTS_CA_BUNDLE": str(directory / "www.comet.com.pem")}


RESOLVER = """
import os
import socket

_resolve, _port = socket.getaddrinfo, int(os.environ.get("STRANGERS_PORT", "0"))

def getaddrinfo(host, port, *args, **kwargs):
    name = host.decode() if isinstance(host, bytes) else host
    known = name in (None, "", "localhost") or name.startswith("127.") or name.endswith(".invalid")
    if known or not _port:
        return _resolve(host, port, *args, **kwargs)
    return _resolve("127.0.0.1", _port, *args, **kwargs)

socket.getaddrinfo = getaddrinfo
"""

# A blob store whose uploads never come back, as fsspec sees it.
STUCK_STORE = """
import fsspec
from fsspec.spec import AbstractFileSystem

class Stuck(AbstractFileSystem):
    protocol = "stuck"

    def put_file(self, *args, **kwargs):
        import time
        time.sleep(600)

    put = pipe_file = open = _open = put_file

fsspec.register_implementation("stuck", Stuck)
"""

# The pod's disks. Each is a context manager around the pod, called with its directory.

Disk = Callable[[Path], Iterator[None]]


_READ_ONLY = 1
_libc = ctypes.CDLL(None, use_errno=True)


def _mount(directory: Path, size: str, flags: int = 0) -> None:
    """Mount a small disk. By the system call: `mount` cannot be started from several threads everywhere."""
    if os.geteuid() != 0 or _libc.mount(b"tmpfs", bytes(directory), b"tmpfs", flags, f"size={size}".encode()) != 0:
        pytest.skip(f"mounting a small disk needs root, and the right to mount ({os.strerror(ctypes.get_errno())})")


def _unmount(directories: list[Path]) -> None:
    for directory in directories:
        if _libc.umount(bytes(directory)) != 0:
            raise OSError(ctypes.get_errno(), f"umount {directory}")


@contextmanager
def read_only(room: Path) -> Iterator[None]:
    """Neither the working directory nor the home can be written to."""
    if os.geteuid() != 0:
        for name in ("work", "home"):
            (room / name).chmod(0o555)
        yield
        return
    mounted: list[Path] = []
    try:
        for name in ("work", "home"):
            _mount(room / name, "64k", _READ_ONLY)
            mounted.append(room / name)
        yield
    finally:
        _unmount(mounted)


@contextmanager
def small(room: Path) -> Iterator[None]:
    """Temporary directory, working directory and home are small disks; what fills them is the task's business."""
    mounted: list[Path] = []
    try:
        for name in ("tmp", "work", "home"):
            _mount(room / name, "1m")
            mounted.append(room / name)
        yield
    finally:
        _unmount(mounted)
