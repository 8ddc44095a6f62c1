"""Boost trees with XGBoost; Comet's automatic logging sees the parameters and every round's evaluation.

    pyflyte run examples/xgboost_trees.py boosting --rounds 50

In a cluster, with `my-registry` in `image` replaced by yours:

    pyflyte run --remote examples/xgboost_trees.py boosting --rounds 50
"""

import comet_ml
import xgboost
from flytekit import ImageSpec, Secret, task, workflow
from flytekitplugins.comet_ml import comet_ml_login
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

image = ImageSpec(
    name="boosting",
    registry="my-registry",
    packages=["flytekitplugins-comet-ml>=2", "graphviz", "scikit-learn", "xgboost"],
)


@task(container_image=image)
@comet_ml_login(
    project_name="boosting",
    workspace="my-team",
    secret=Secret(group="comet-ml", key="comet-ml-api-key"),
)
def train(rounds: int, learning_rate: float = 0.1) -> float:
    """Boost, and return the accuracy on the patients that were held out."""
    features, labels = load_breast_cancer(return_X_y=True)
    train_x, test_x, train_y, test_y = train_test_split(features, labels, random_state=0)
    test = xgboost.DMatrix(test_x, test_y)
    booster = xgboost.train(
        {"objective": "binary:logistic", "eval_metric": "logloss", "max_depth": 3, "eta": learning_rate},
        xgboost.DMatrix(train_x, train_y),
        num_boost_round=rounds,
        evals=[(test, "test")],
        verbose_eval=False,
    )
    accuracy = float(((booster.predict(test) > 0.5) == test_y).mean())
    comet_ml.get_running_experiment().log_metric("accuracy", accuracy)
    return accuracy


@workflow
def boosting(rounds: int = 50) -> float:
    """The workflow: one tracked task."""
    return train(rounds=rounds)
