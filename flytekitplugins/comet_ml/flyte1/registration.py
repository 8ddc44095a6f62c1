"""A function's tracked form for flytekit: a real function, and the hooks by which flytekit sees it.

flytekit has a `ClassDecorator`, whose instances say a task's link. It asks the outermost one alone, and an instance
breaks async tasks, tasks in `__main__` and notebooks. A real function has none of these troubles. Its link reaches the
task template through `get_config`. flytekit copies a function's attributes onto the task
(`functools.update_wrapper`), and the translator calls the task's `get_config` before it reads the task's secrets.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator, KeysView, Mapping
from typing import Any

from flytekit import Secret
from flytekit.configuration import SerializationSettings
from flytekit.core import python_function_task
from flytekit.core.utils import ClassDecorator

from ..decorated import ActionTask, Function
from ..errors import UnsupportedFunctionError
from ..link import CometLink
from ..log import logger
from ..names import LINK_TYPE_KEY
from ..options import Options
from ..pickled_secret import warn_of_a_key
from ..tracked_function import Tracking, layers
from ..tracked_function import tracked_function as tracked
from .secret import flyte_secret
from .tasks import Task, introduce_tasks, maps_over, request_secret


def tracked_function(function: Function, tracking: Tracking) -> Function:
    """A function that does what `function` does, within `tracking`; async if it is.

    Args:
        function: The task's function.
        tracking: Called once a call.
    """
    wrapper = tracked(function, tracking)
    # Attributes of flytekit's decorators would make the next one skip this function.
    foreign = {name for decorator in class_decorators(function) for name in vars(decorator)}
    kept = {name: value for name, value in vars(function).items() if name not in foreign}
    wrapper.__dict__ = _Attributes({**kept, **vars(wrapper)})
    return wrapper


class _Attributes(dict[str, object]):
    """The attributes of a tracked function, of which `functools.wraps` passes on all but the secret.

    flytekit's `ClassDecorator` takes over the attributes of what it decorates, after it has set its own: a
    `@wandb_init` above would read the Comet key as its own.
    """

    def keys(self) -> KeysView[str]:  # type: ignore[override]
        return {name: None for name in dict.keys(self) if name != "secret"}.keys()

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __reduce__(self) -> tuple[type, tuple[dict[str, object]]]:
        return dict, (dict(self.items()),)


def class_decorators(function: object) -> list[ClassDecorator]:
    """Flytekit's own kind of decorators on a function, from the outermost in."""
    return [each for each in layers(function) if isinstance(each, ClassDecorator)]


class TemplateConfig:
    """What a tracked task adds to its template: the link, beside those of other decorators; and the secret request.

    Attributes:
        link: The link.
        task: The task, once it is known.
        options: The decorator's options.
        from_another_process: Whether this is a copy in a process that was given the function, and not the task.
        action_task: What is known of the task of Flyte 2 that flyte-migrate made of the function.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self.link = options.link
        self.task: Task | None = None
        self.from_another_process = False
        self.action_task = ActionTask(options)
        self._decks: bool | None = None

    def __call__(self, settings: SerializationSettings) -> dict[str, str]:
        """The config for the task template: the `get_config` of a tracked task (`flytekit.tools.translator`).

        Raises:
            UnsupportedFunctionError: For a lambda, which a pod could not find by its name.
            InvalidOptionError: If Flyte 1 has no such secret.
        """
        task = self.find_task()
        if task is None:
            return self.config()
        own: Mapping[str, str] = type(task).get_config(task, settings) or {}
        return {**own, **self.on_template(task)}

    def on_template(self, task: Task) -> dict[str, str]:
        """Request the secret, warn of what will not do what one might think, and return the config of the links."""
        self.task = task
        introduce_tasks(TemplateConfig)
        function = inspect.unwrap(task.task_function)
        if function.__name__ == "<lambda>":
            raise UnsupportedFunctionError(
                f"@comet_ml_login is on a lambda in {function.__module__!r}, which a pod could not find by its name: "
                "write it as a function."
            )
        mapped = maps_over(task)
        for entity in (task, *mapped):
            request_secret(entity, self.secret)
        if mapped and self.link.experiment_key is not None:
            logger.warning(
                "All nodes of the map task over %r, and all their attempts, log to the one experiment %r, since the "
                "decorator has an experiment_key. Without it, each has its own.",
                task.name,
                self.link.experiment_key,
            )
        for decorator, key, value in self.conflicts():
            logger.warning(
                "Task %r: %s and comet_ml_login both set %r in the task template. It is comet_ml_login's, so the link "
                "of %s in the Flyte console, which needs %r there, will be wrong.",
                task.name,
                type(decorator).__name__,
                key,
                type(decorator).__name__,
                value,
            )
        return self.config()

    @property
    def secret(self) -> Secret | None:
        """The secret to request; None where a callable gives the key.

        Raises:
            InvalidOptionError: If Flyte 1 has no such secret. A function is not refused for it when it is decorated: it
                can become a task of Flyte 2, which has it.
        """
        return flyte_secret(self.options.secret)

    def config(self) -> dict[str, str]:
        """The config of the link, beside what other decorators of the task put into the template.

        flytekit reads only the outermost decorator. So this one speaks for all of them, and lists all link types.
        """
        own, link_types, merged = _config_of(self.link), [self.link.link_type], dict[str, str]()
        for _, config in self._others():
            link_types += [text for text in config.pop(LINK_TYPE_KEY, "").split(",") if text not in ("", *link_types)]
            merged = {**config, **merged}
        return {**merged, **own, LINK_TYPE_KEY: ",".join(link_types)}

    def conflicts(self) -> list[tuple[ClassDecorator, str, str]]:
        """What other decorators of the task want in its template, in places that are this one's."""
        own = _config_of(self.link)
        return [
            (decorator, key, value)
            for decorator, config in self._others()
            for key, value in config.items()
            if key != LINK_TYPE_KEY and own.get(key, value) != value
        ]

    def _others(self) -> list[tuple[ClassDecorator, dict[str, str]]]:
        """The other decorators of the task, and what each puts into the template."""
        task = self.find_task()
        decorators = class_decorators(task.task_function) if task is not None else []
        # By type: a decorator above this one has this one's method as an attribute of its own.
        return [(decorator, dict(type(decorator).get_extra_config(decorator) or {})) for decorator in decorators]

    @property
    def decks(self) -> bool | None:
        """Whether the task has decks; None where that is not known."""
        task = self.find_task()
        if task is None:
            return self._decks
        # flytekit 1.12 has only the opposite, which later ones deprecate.
        enabled = getattr(task, "enable_deck", None)
        return bool(enabled) if enabled is not None else not getattr(task, "disable_deck", True)

    def find_task(self) -> Task | None:
        """The task, if it is one of this process."""
        # flytekit copies this object onto the task, and says nothing of the task to it.
        if self.task is None:
            introduce_tasks(TemplateConfig)
        return self.task

    def __getstate__(self) -> dict[str, object]:
        warn_of_a_key(self.options, "flytekit.Secret")
        # Elastic pickles the function for its workers, which need no task.
        return {**vars(self), "task": None, "from_another_process": True, "_decks": self.decks}


# Many tasks have the same link.
@functools.lru_cache(maxsize=128)
def _config_of(link: CometLink) -> dict[str, str]:
    return link.config()


def _watch_eager_tasks() -> None:
    """Let `@eager` above the decorator have its link: alone of flytekit's tasks, it takes over no attributes."""
    eager: Any = getattr(python_function_task, "EagerAsyncPythonFunctionTask", None)
    # It is there from flytekit 1.14 on. Its get_config is that of its base class.
    if eager is None or "get_config" in vars(eager):
        return

    def get_config(task: Task, settings: SerializationSettings) -> Mapping[str, str]:
        own = super(eager, task).get_config(settings) or {}
        template = getattr(task.task_function, "get_config", None)
        return {**own, **template.on_template(task)} if isinstance(template, TemplateConfig) else own

    eager.get_config = get_config


_watch_eager_tasks()
