"""Data with versions: one task logs it as an artifact of Comet, and the next says which version it was trained with.

    pyflyte run examples/artifact.py versioned --noise 0.1

Flyte moves the file from task to task, as always. Comet's page of the artifact shows its versions, the experiment that
made each, and those that used it. Offline, the upload of the archive makes the artifact. In a cluster, with
`my-registry` in `image` replaced by yours:

    pyflyte run --remote examples/artifact.py versioned --noise 0.1
"""

import tempfile
from pathlib import Path
from typing import NamedTuple

import comet_ml
import numpy as np
from flytekit import ImageSpec, Secret, task, workflow
from flytekit.types.file import FlyteFile
from flytekitplugins.comet_ml import comet_ml_login
from flytekitplugins.comet_ml.errors import OfflineCallError
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

image = ImageSpec(name="artifact", registry="my-registry", packages=["flytekitplugins-comet-ml>=2", "scikit-learn"])

tracked = comet_ml_login(
    project_name="artifact",
    workspace="my-team",
    secret=Secret(group="comet-ml", key="comet-ml-api-key"),
)


class Data(NamedTuple):
    """Images with labels, and the version that Comet gave them; empty if it has none yet."""

    file: FlyteFile
    version: str


@task(container_image=image)
@tracked
def prepare(noise: float) -> Data:
    """Make the data and log it as an artifact. Each run of this is a version."""
    images, labels = load_digits(return_X_y=True)
    file = Path(tempfile.mkdtemp(), "digits.npz")
    np.savez(file, images=images + np.random.default_rng(0).normal(0, noise, images.shape), labels=labels)
    artifact = comet_ml.Artifact("noisy-digits", "dataset", aliases=["latest"], metadata={"noise": noise})
    artifact.add(str(file))
    logged = comet_ml.get_running_experiment().log_artifact(artifact)
    return Data(FlyteFile(str(file)), str(logged.version or ""))


@task(container_image=image)
@tracked
def train(file: FlyteFile, version: str) -> float:
    """Train. The version is an input, and so a parameter in Comet."""
    experiment = comet_ml.get_running_experiment()
    if version:
        try:
            # Comet shows then that this experiment has used the artifact.
            experiment.get_artifact("noisy-digits", version_or_alias=version)
        except OfflineCallError:
            print("This run is offline: Comet does not know which artifact it uses.")
    data = np.load(file.download())
    train_x, test_x, train_y, test_y = train_test_split(data["images"], data["labels"], test_size=0.25, random_state=0)
    accuracy = float(LogisticRegression(max_iter=300).fit(train_x / 16, train_y).score(test_x / 16, test_y))
    experiment.log_metric("accuracy", accuracy)
    return accuracy


@workflow
def versioned(noise: float = 0.1) -> float:
    """Make data, and train with it."""
    data = prepare(noise=noise)
    return train(file=data.file, version=data.version)
