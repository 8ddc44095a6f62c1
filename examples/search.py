"""Search for hyperparameters: every trial is a node, and an experiment, of its own.

    pyflyte run examples/search.py grid --costs '[0.1, 1.0, 10.0]'
    pyflyte run examples/search.py random_search --trials 4

`grid` maps a task over values that are known beforehand; in `random_search` a dynamic task draws them. In a cluster,
where the trials of a search share the Other `flyte_execution`, with `my-registry` in `image` replaced by yours:

    pyflyte run --remote examples/search.py random_search --trials 20
"""

import functools
import random

import comet_ml
from flytekit import ImageSpec, Secret, dynamic, map_task, task, workflow
from flytekitplugins.comet_ml import comet_ml_login
from sklearn.datasets import load_digits
from sklearn.model_selection import cross_val_score
from sklearn.svm import SVC

image = ImageSpec(name="search", registry="my-registry", packages=["flytekitplugins-comet-ml>=2", "scikit-learn"])


@task(container_image=image)
@comet_ml_login(
    project_name="search",
    workspace="my-team",
    secret=Secret(group="comet-ml", key="comet-ml-api-key"),
    auto_param_logging=False,  # the inputs say it all
)
def trial(cost: float, gamma: float) -> float:
    """Score one pair of hyperparameters, which are logged as they are inputs."""
    images, labels = load_digits(return_X_y=True)
    score = float(cross_val_score(SVC(C=cost, gamma=gamma), images[:500], labels[:500], cv=3).mean())
    comet_ml.get_running_experiment().log_metric("accuracy", score)
    return score


@task(container_image=image)
def best(scores: list[float]) -> float:
    """The highest score. It needs no experiment."""
    return max(scores)


@workflow
def grid(costs: list[float], gamma: float = 0.001) -> float:
    """All values of a list, one after the other or beside each other, as the cluster allows."""
    return best(scores=map_task(functools.partial(trial, gamma=gamma))(cost=costs))


@dynamic(container_image=image)
def sample(trials: int, seed: int) -> list[float]:
    """Draw hyperparameters, and start a trial for each pair."""
    draw = random.Random(seed)
    return [trial(cost=10 ** draw.uniform(-1, 2), gamma=10 ** draw.uniform(-4, -2)) for _ in range(trials)]


@workflow
def random_search(trials: int = 4, seed: int = 0) -> float:
    """As many values as asked for."""
    return best(scores=sample(trials=trials, seed=seed))
