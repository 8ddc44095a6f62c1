"""Flyte 2: train a classifier on scikit-learn's handwritten digits, tracked in Comet.

    flyte run --local examples/flyte2_digits.py train --epochs 8

Without a Comet API key the experiment is written to an archive in `.cometml-runs`; with `COMET_API_KEY` set it goes
to your account. In a cluster, with `my-registry` replaced by yours: `flyte run examples/flyte2_digits.py train`.
"""

import comet_ml
import flyte
import numpy as np
from flytekitplugins.comet_ml import comet_ml_login
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import train_test_split

env = flyte.TaskEnvironment(
    "digits",
    image=flyte.Image.from_debian_base(registry="my-registry").with_pip_packages(
        "flytekitplugins-comet-ml[flyte2]>=2", "scikit-learn"
    ),
)


@comet_ml_login(
    project_name="digits",
    workspace="my-team",
    secret=flyte.Secret("comet-api-key", as_env_var="COMET_API_KEY"),
)
@env.task(report=True, retries=2)
async def train(epochs: int = 8, learning_rate: float = 0.01) -> float:
    """Train, with the accuracy of every epoch as a metric, and return the last one."""
    experiment = comet_ml.get_running_experiment()
    images, labels = load_digits(return_X_y=True)
    train_x, test_x, train_y, test_y = train_test_split(images / 16, labels, test_size=0.25, random_state=0)
    model = SGDClassifier(learning_rate="constant", eta0=learning_rate, random_state=0)
    order = np.random.default_rng(0)
    accuracy = 0.0
    for epoch in range(1, epochs + 1):
        for batch in np.array_split(order.permutation(len(train_x)), 20):
            model.partial_fit(train_x[batch], train_y[batch], classes=range(10))
        accuracy = float(model.score(test_x, test_y))
        experiment.log_metric("accuracy", accuracy, step=epoch)
    return accuracy
