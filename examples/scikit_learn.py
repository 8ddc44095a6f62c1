"""Train a random forest; Comet's automatic logging sees what scikit-learn fits.

    pyflyte run examples/scikit_learn.py forest --trees 100

In a cluster, with `my-registry` in `image` replaced by yours:

    pyflyte run --remote examples/scikit_learn.py forest --trees 100
"""

import comet_ml
from flytekit import ImageSpec, Secret, task, workflow
from flytekitplugins.comet_ml import comet_ml_login
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split

image = ImageSpec(name="forest", registry="my-registry", packages=["flytekitplugins-comet-ml>=2", "scikit-learn"])


@task(container_image=image)
@comet_ml_login(
    project_name="breast-cancer",
    workspace="my-team",
    secret=Secret(group="comet-ml", key="comet-ml-api-key"),
)
def train(trees: int) -> float:
    """Fit a forest and return its F1 score; its hyperparameters are logged by `fit` itself."""
    features, labels = load_breast_cancer(return_X_y=True)
    train_x, test_x, train_y, test_y = train_test_split(features, labels, random_state=0)
    model = RandomForestClassifier(n_estimators=trees, max_depth=4, random_state=0).fit(train_x, train_y)
    predicted = model.predict(test_x)
    score = float(f1_score(test_y, predicted))
    experiment = comet_ml.get_running_experiment()
    experiment.log_metric("f1", score)
    experiment.log_confusion_matrix(test_y.tolist(), predicted.tolist(), labels=["malignant", "benign"])
    return score


@workflow
def forest(trees: int = 100) -> float:
    """The workflow: one tracked task."""
    return train(trees=trees)
