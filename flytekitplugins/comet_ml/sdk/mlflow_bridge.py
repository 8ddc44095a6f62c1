"""MLflow beside Comet: what a tracked body logs to MLflow is logged to the task's experiment.

The SDK forwards what is logged to MLflow. For that it opens an experiment for each run of MLflow, in a project with the
name of MLflow's experiment, and it ends the running experiment when the run ends. In a tracked call the run of MLflow
logs to the task's experiment instead, which goes on after it.
"""

from __future__ import annotations

import importlib

from .call import Call, in_body, in_no_file
from .constructors import take_over
from .protocols import Arguments, Experiment, Keywords, Wrapped


@in_body
@in_no_file
def create_experiment(call: Call, wrapped: Wrapped, instance: None, args: Arguments, kwargs: Keywords) -> Experiment:
    """The experiment for a run of MLflow: the task's, with the name of the run if nobody else gave it one."""
    experiment: Experiment = importlib.import_module("comet_ml").start()
    take_over(experiment, args[0] if args else kwargs.get("experiment_name"))
    return experiment


@in_body
def nothing(call: Call, wrapped: Wrapped, instance: None, args: Arguments, kwargs: Keywords) -> None:
    """There is no experiment that the end of MLflow's run could end, and the running one stays: the task's."""
