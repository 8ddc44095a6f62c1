"""Loading the Comet SDK when it is needed, with its automatic logging whatever was imported before.

The SDK takes about half as long to load as flytekit, and a process that only registers tasks does not need it. The SDK
logs a framework (scikit-learn, torch, XGBoost...) automatically if it has put its hooks on it, and it does that while
the framework is imported. A framework that was imported before the SDK gets its hooks as soon as the SDK is loaded.

That reaches every method (`fit`, `backward`). It does not reach a function (`xgboost.train`, `mlflow.log_metric`) that
somebody has kept elsewhere than under a module's name: in a class, a closure, a default argument, a list. Whoever needs
such a function logged imports `comet_ml` first.
"""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from ..log import logger

_lock = threading.Lock()
_settled = False


def load_sdk() -> ModuleType:
    """The `comet_ml` module, loaded now if it was not; frameworks that were imported before it have its hooks then."""
    global _settled
    sdk = importlib.import_module("comet_ml")
    if not _settled:
        with _lock:
            _settled = _settled or _hook_imported(sdk)
    return sdk


def _hook_imported(sdk: ModuleType) -> bool:
    """Put the SDK's hooks on the frameworks that were imported before it, as if it had come first.

    Methods are replaced in their class, and functions under every name that a module has for them.

    Returns:
        Whether that is settled; False where the SDK has no hooks (yet).
    """
    found_hooks = hooks(sdk)
    if found_hooks is None:
        return False
    replaced: dict[int, tuple[object, object]] = {}
    try:
        for name, hooked in found_hooks.items():
            module = sys.modules.get(name)
            # Another type is that of a module which is loaded when it is looked at.
            if type(module) is ModuleType:
                found = {path: _at(module, path) for path in hooked}
                bare = {path: item for path, item in found.items() if not is_hooked(item)}
                put_hooks(sdk, module, {path: hooked[path] for path in bare})
                replaced |= {id(item): (item, _at(module, path)) for path, item in bare.items() if "." not in path}
        if replaced:
            _rename(replaced)
        forget_late_imports(sdk)
    except Exception as error:
        logger.warning(
            "Frameworks that were imported before comet_ml are not logged automatically (%s: %s).",
            type(error).__name__,
            error,
        )
    return True


def _at(module: ModuleType, path: str) -> object:
    item: object = module
    for name in path.split("."):
        item = getattr(item, name, None)
    return item


def _rename(replaced: Mapping[int, tuple[object, object]]) -> None:
    """Put functions in the place of others, by the ids of those, under the names that modules have imported them by."""
    for module in list(sys.modules.values()):
        if type(module) is not ModuleType or module.__name__.split(".")[0] == "comet_ml":
            continue
        names = vars(module)
        for name, value in list(names.items()):
            before, after = replaced.get(id(value), (None, None))
            if before is value and value is not None:
                names[name] = after


# The SDK's hooks


def hooks(sdk: object) -> dict[str, dict[str, object]] | None:
    """The SDK's hooks on frameworks: by module, and by the path of a function or method in it. None without any."""
    finder = getattr(sdk, "MODULE_FINDER", None)
    return None if finder is None else dict(getattr(finder, "patcher_functions", {}))


def is_hooked(function: object) -> bool:
    """Whether a function of a framework has its hook."""
    return hasattr(function, "__comet__")


def put_hooks(sdk: Any, module: ModuleType, hooks: Mapping[str, object]) -> None:
    """Put hooks on functions and methods of a module that has been imported, as the SDK's finder does at its import."""
    finder = type(sdk.MODULE_FINDER)()
    finder.patcher_functions = {module.__name__: hooks}
    finder._patch(module, module.__name__)


def forget_late_imports(sdk: Any) -> None:
    """Keep the SDK from warning that frameworks were imported before it."""
    sdk.monkey_patching.ALREADY_IMPORTED_MODULES.clear()
