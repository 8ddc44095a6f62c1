"""Train a classifier on scikit-learn's handwritten digits, tracked in Comet.

    pyflyte run examples/digits.py digits --epochs 8

Without a Comet API key the experiment is written to an archive in `.cometml-runs`; with `COMET_API_KEY` set it goes
to your account.
"""

from dataclasses import dataclass

import comet_ml
import numpy as np
from flytekit import Secret, task, workflow
from flytekit.deck import DeckField
from flytekitplugins.comet_ml import comet_ml_login
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import hinge_loss
from sklearn.model_selection import train_test_split


@dataclass
class Optimizer:
    """How to train."""

    learning_rate: float = 0.01
    batch_size: int = 64


@task(enable_deck=True, deck_fields=(DeckField.SOURCE_CODE, DeckField.INPUT, DeckField.OUTPUT))
@comet_ml_login(
    project_name="digits",
    workspace="my-team",
    secret=Secret(group="comet-ml", key="comet-ml-api-key"),
)
def train(epochs: int, optimizer: Optimizer) -> float:
    """Train, with accuracy and loss of every epoch as metrics, and return the last accuracy."""
    experiment = comet_ml.get_running_experiment()
    images, labels = load_digits(return_X_y=True)
    train_x, test_x, train_y, test_y = train_test_split(images / 16, labels, test_size=0.25, random_state=0)
    model = SGDClassifier(learning_rate="constant", eta0=optimizer.learning_rate, random_state=0)
    order = np.random.default_rng(0)
    accuracy = 0.0
    for epoch in range(1, epochs + 1):
        for batch in np.array_split(order.permutation(len(train_x)), len(train_x) // optimizer.batch_size):
            model.partial_fit(train_x[batch], train_y[batch], classes=range(10))
        accuracy = float(model.score(test_x, test_y))
        metrics = {
            "accuracy": accuracy,
            "training_accuracy": float(model.score(train_x, train_y)),
            "hinge_loss": float(hinge_loss(test_y, model.decision_function(test_x))),
        }
        experiment.log_metrics(metrics, step=epoch)
    return accuracy


@workflow
def digits(epochs: int = 8) -> float:
    """The workflow: one tracked task."""
    return train(epochs=epochs, optimizer=Optimizer())
