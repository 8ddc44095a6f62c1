"""Flyte 2: search for hyperparameters. Every trial is an action, and an experiment, of its own.

    flyte run --local examples/flyte2_search.py search --costs '[0.1, 1.0, 10.0]'

The trials of a run share the Other `flyte_run`.
"""

import asyncio

import comet_ml
import flyte
from flytekitplugins.comet_ml import comet_ml_login
from sklearn.datasets import load_digits
from sklearn.model_selection import cross_val_score
from sklearn.svm import SVC

env = flyte.TaskEnvironment(
    "search",
    image=flyte.Image.from_debian_base(registry="my-registry").with_pip_packages(
        "flytekitplugins-comet-ml[flyte2]>=2", "scikit-learn"
    ),
)


@comet_ml_login(
    project_name="search",
    workspace="my-team",
    secret=flyte.Secret("comet-api-key", as_env_var="COMET_API_KEY"),
    auto_param_logging=False,  # the inputs say it all
)
@env.task
async def trial(cost: float, gamma: float) -> float:
    """Score one pair of hyperparameters, which are logged as they are inputs."""
    images, labels = load_digits(return_X_y=True)
    score = float(cross_val_score(SVC(C=cost, gamma=gamma), images[:500], labels[:500], cv=3).mean())
    comet_ml.get_running_experiment().log_metric("accuracy", score)
    return score


@env.task
async def search(costs: list[float], gamma: float = 0.001) -> float:
    """Start a trial for each cost, beside each other, and return the best score. It needs no experiment."""
    return max(await asyncio.gather(*(trial(cost, gamma) for cost in costs)))
