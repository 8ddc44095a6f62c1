"""MLflow beside Comet: what a tracked body logs to MLflow is logged to the task's experiment.

The SDK forwards what is logged to MLflow. For that it opens an experiment for each run of MLflow, in a project with the
name of MLflow's experiment, and it ends the running experiment when the run ends. In a tracked call the run of MLflow
logs to the task's experiment instead, which goes on after it.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from .call import direct, nearest
from .constructors import in_no_file, take_over


@in_no_file
def create_experiment(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The experiment for a run of MLflow: the task's, with the name of the run if nobody else gave it one."""
    if _is_untracked():
        return wrapped(*args, **kwargs)
    import comet_ml

    # Older SDKs have no start().
    experiment = getattr(comet_ml, "start", comet_ml.Experiment)()
    take_over(experiment, SimpleNamespace(name=args[0] if args else kwargs.get("experiment_name"), tags=None))
    return experiment


def running_experiment(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The experiment that the end of MLflow's run ends: none. Where there is none, the bridge asks for a new one."""
    return wrapped(*args, **kwargs) if _is_untracked() else None


def forget_experiment(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Leave the task's experiment the running one after the end of MLflow's run."""
    return wrapped(*args, **kwargs) if _is_untracked() else None


def _is_untracked() -> bool:
    return nearest() is None or direct.get()
