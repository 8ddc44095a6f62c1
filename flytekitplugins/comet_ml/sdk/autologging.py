"""Loading the Comet SDK: not before it is needed, and in time for its automatic logging.

The SDK takes about half as long to load as flytekit, which a process that only registers tasks need not spend. But it
can log a framework (scikit-learn, torch, XGBoost...) automatically only if it has put its hooks on it, which it does
while the framework is imported. So a finder at the front of `sys.meta_path` loads the SDK when such a framework is
about to be imported; and one that had been imported before this plugin gets its hooks as soon as the SDK is there.

The second cannot reach everything: a function of a framework (`xgboost.train`, `mlflow.log_metric`) that somebody has
kept elsewhere than under a module's name (in a class, a closure, a default argument, a list), and what was called
before. Methods (`fit`, `backward`) are always reached.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
from collections.abc import Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from .. import sdk as comet
from ..log import logger

FRAMEWORKS = frozenset(
    {
        "accelerate",
        "apex",
        "fastai",
        "fbprophet",
        "fprophet",
        "keras",
        "lightgbm",
        "mlflow",
        "prophet",
        "shap",
        "sklearn",
        "tensorboard",
        "tensorflow",
        "tensorflow_estimator",
        "tensorflow_model_analysis",
        "torch",
        "xgboost",
    }
)
"""The packages that the SDK has hooks for, the same from 3.43.2 to 3.58.8."""

_lock = threading.Lock()
_settled = False


def load_sdk() -> ModuleType:
    """The `comet_ml` module, loaded now if it was not; frameworks that were imported before it have its hooks then."""
    global _settled
    sdk = importlib.import_module("comet_ml")
    if not _settled:
        _finder.remove()
        with _lock:
            _settled = _settled or _hook_imported(sdk)
    return sdk


def _hook_imported(sdk: ModuleType) -> bool:
    """Put the SDK's hooks on the frameworks that were imported before it, as if it had come first.

    Methods are replaced in their class, and functions under every name that a module has for them.

    Returns:
        Whether that is settled; False where the SDK has no hooks (yet).
    """
    hooks = comet.hooks(sdk)
    if hooks is None:
        return False
    replaced: dict[int, tuple[Any, Any]] = {}
    try:
        for name, hooked in hooks.items():
            module = sys.modules.get(name)
            # Another type is that of a module which is loaded when it is looked at.
            if type(module) is ModuleType:
                found = {path: _at(module, path) for path in hooked}
                bare = {path: item for path, item in found.items() if not comet.is_hooked(item)}
                comet.put_hooks(sdk, module, {path: hooked[path] for path in bare})
                replaced |= {id(item): (item, _at(module, path)) for path, item in bare.items() if "." not in path}
        if replaced:
            _rename(replaced)
        comet.forget_late_imports(sdk)
    except Exception as error:
        logger.warning(
            "Frameworks that were imported before comet_ml are not logged automatically (%s: %s).",
            type(error).__name__,
            error,
        )
    return True


def _at(module: ModuleType, path: str) -> Any:
    item: Any = module
    for name in path.split("."):
        item = getattr(item, name, None)
    return item


def _rename(replaced: Mapping[int, tuple[Any, Any]]) -> None:
    """Put functions in the place of others, by the ids of those, under the names that modules have imported them by."""
    for module in list(sys.modules.values()):
        if type(module) is not ModuleType or module.__name__.split(".")[0] == "comet_ml":
            continue
        names = vars(module)
        for name, value in list(names.items()):
            before, after = replaced.get(id(value), (None, None))
            if before is value and value is not None:
                names[name] = after


def watch_imports() -> None:
    """Have the SDK loaded before the first framework that it has hooks for; at once if there is one already."""
    if not _is_wanted():
        return
    imported = sorted(FRAMEWORKS.intersection(sys.modules))
    if imported:
        _load_or_say_why_not(*imported)
    elif "comet_ml" not in sys.modules:
        _finder.install()


def _is_wanted() -> bool:
    # As the SDK reads it: a number. What is in a configuration file only the SDK knows.
    return os.environ.get("COMET_DISABLE_AUTO_LOGGING", "").strip() in ("", "0")


def _load_or_say_why_not(*frameworks: str) -> None:
    """Load the SDK; no import of something else fails because of it."""
    try:
        load_sdk()
    except Exception as error:
        _finder.remove()
        logger.warning(
            "Comet cannot log automatically what %s does: comet_ml could not be loaded (%s: %s).",
            ", ".join(frameworks),
            type(error).__name__,
            error,
        )


class _Finder(MetaPathFinder):
    """Finds a framework as Python does, with a loader that loads the SDK first. Looking for it alone loads nothing."""

    def install(self) -> None:
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def remove(self) -> None:
        if self in sys.meta_path:
            # Another list: an import in another thread goes through the one that there is, and would miss a finder.
            sys.meta_path = [finder for finder in sys.meta_path if finder is not self]

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in FRAMEWORKS or not _is_wanted():
            return None
        # The SDK's own finder knows these only, too.
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or not hasattr(spec.loader, "exec_module"):
            return None
        spec.loader = _SDKFirstLoader(spec.loader)
        return spec


class _SDKFirstLoader(Loader):
    """Loads the SDK, and then the module by the loader that the SDK has for it; it leaves the module no trace of it."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        _load_or_say_why_not(module.__name__)
        loader = _loader_now(module.__name__) or self._loader
        module.__loader__ = loader
        if module.__spec__ is not None:
            module.__spec__.loader = loader
        loader.exec_module(module)

    def __getattr__(self, name: str) -> Any:
        # For those who look at a loader without importing: its source, its resources.
        return getattr(self._loader, name)


def _loader_now(name: str) -> Any:
    """The loader for a module that Python would find if it looked again."""
    for finder in sys.meta_path:
        # Finders of the old kind have no find_spec.
        spec = finder.find_spec(name, None) if hasattr(finder, "find_spec") else None
        if spec is not None and not isinstance(spec.loader, _SDKFirstLoader):
            return spec.loader
    return None


_finder = _Finder()
