"""Train on after a preemption, from Flyte's checkpoint and in the same experiment.

    pyflyte run examples/resume.py digits --epochs 100

With `scope="node"` all attempts of a node log to one experiment. Locally there is one attempt. In a cluster, with
`my-registry` in `image` replaced by yours:

    pyflyte run --remote examples/resume.py digits --epochs 100
"""

import pickle

import comet_ml
import numpy as np
from flytekit import ImageSpec, Secret, current_context, task, workflow
from flytekitplugins.comet_ml import comet_ml_login
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import train_test_split

image = ImageSpec(name="resume", registry="my-registry", packages=["flytekitplugins-comet-ml>=2", "scikit-learn"])


@task(container_image=image, retries=3, interruptible=True)
@comet_ml_login(
    project_name="resume",
    workspace="my-team",
    secret=Secret(group="comet-ml", key="comet-ml-api-key"),
    scope="node",
)
def train(epochs: int) -> float:
    """Train from the last checkpoint on, if an earlier attempt left one, and return the last accuracy."""
    experiment, checkpoint = comet_ml.get_running_experiment(), current_context().checkpoint
    images, labels = load_digits(return_X_y=True)
    train_x, test_x, train_y, test_y = train_test_split(images / 16, labels, test_size=0.25, random_state=0)
    first, model = 1, SGDClassifier(learning_rate="constant", eta0=0.001, random_state=0)
    if saved := checkpoint.read():
        first, model = pickle.loads(saved)
    accuracy = 0.0
    for epoch in range(first, epochs + 1):
        model.partial_fit(train_x, train_y, classes=np.arange(10))
        accuracy = float(model.score(test_x, test_y))
        experiment.log_metric("accuracy", accuracy, step=epoch)
        if epoch % 10 == 0:
            # The next attempt starts here, and logs nothing before: what is behind it must have been sent.
            experiment.flush()
            checkpoint.write(pickle.dumps((epoch + 1, model)))
    return accuracy


@workflow
def digits(epochs: int = 100) -> float:
    """The workflow: one tracked task, of up to four attempts."""
    return train(epochs=epochs)
