"""A tracked function and its secret, as most tests want them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flytekit import Secret
from flytekitplugins.comet_ml import comet_ml_login

from tests.support.comet_server import CometServer

SECRET = Secret(group="comet-ml", key="comet-ml-api-key")
"""The secret that pods have (`pod_environment.SECRET_VARIABLE`); a local run must not read it."""


def track(**options: Any) -> comet_ml_login:
    """The decorator, with the tests' project, workspace and secret where `options` have no others."""
    return comet_ml_login(**{"project_name": "digits", "workspace": "my-team", "secret": SECRET, **options})


def tracked(comet: CometServer, body: Callable[..., Any] = lambda: None, **options: Any) -> Any:
    """A function that is tracked by the loopback server."""
    return track(**{"host": comet.url, **options})(body)
