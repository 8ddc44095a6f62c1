"""The options of the decorator that have a name of their own."""

from __future__ import annotations

import inspect

from flytekitplugins.comet_ml import comet_ml_login

OPTIONS = {
    parameter.name: parameter
    for parameter in list(inspect.signature(comet_ml_login.__init__).parameters.values())[1:]
    if parameter.kind is not parameter.VAR_KEYWORD
}
