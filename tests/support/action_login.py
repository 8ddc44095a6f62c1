"""The decorator on a task of Flyte 2, with the tests' project, workspace and secret."""

from __future__ import annotations

from typing import Any

import flyte
from flytekitplugins.comet_ml import comet_ml_login

COMET = {"project_name": "digits", "workspace": "my-team"}
SECRET = flyte.Secret("comet-api-key", as_env_var="COMET_API_KEY_SECRET")


def login(**options: Any) -> comet_ml_login:
    return comet_ml_login(**{**COMET, "secret": SECRET, **options})
