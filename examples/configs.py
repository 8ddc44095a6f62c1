"""Train one model for each of several configs: a Pydantic model, and a map task.

    pyflyte run examples/configs.py compare --hidden '[8, 32]'

Each element of the list is an experiment. The fields of its config are parameters: `config.hidden`,
`config.optimizer.learning_rate`. What the task returns is the metric `o0`. In a cluster, where the experiments have the
names of the nodes (`train[0]`, `train[1]`), with `my-registry` in `image` replaced by yours:

    pyflyte run --remote examples/configs.py compare --hidden '[8, 32, 128]'
"""

import comet_ml
from flytekit import ImageSpec, Secret, map_task, task, workflow
from flytekitplugins.comet_ml import comet_ml_login
from pydantic import BaseModel, Field
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

image = ImageSpec(
    name="configs", registry="my-registry", packages=["flytekitplugins-comet-ml>=2", "pydantic", "scikit-learn"]
)


class Optimizer(BaseModel):
    """How to train."""

    learning_rate: float = 0.01
    epochs: int = Field(default=10, gt=0)


class Config(BaseModel):
    """What to train, and how."""

    hidden: int
    optimizer: Optimizer = Optimizer()


@task(container_image=image)
def configs_of(hidden: list[int]) -> list[Config]:
    """A config for each size. It needs no experiment."""
    return [Config(hidden=size) for size in hidden]


@task(container_image=image)
@comet_ml_login(
    project_name="configs",
    workspace="my-team",
    secret=Secret(group="comet-ml", key="comet-ml-api-key"),
    log_outputs=True,
    auto_param_logging=False,  # the inputs say it all
)
def train(config: Config) -> float:
    """Train one model, with the loss of every epoch as a metric."""
    images, labels = load_digits(return_X_y=True)
    train_x, test_x, train_y, test_y = train_test_split(images / 16, labels, test_size=0.25, random_state=0)
    model = MLPClassifier(config.hidden, learning_rate_init=config.optimizer.learning_rate, random_state=0)
    experiment = comet_ml.get_running_experiment()
    for epoch in range(config.optimizer.epochs):
        model.partial_fit(train_x, train_y, classes=range(10))
        experiment.log_metric("loss", model.loss_, step=epoch)
    return float(model.score(test_x, test_y))


@task(container_image=image)
def best(scores: list[float]) -> float:
    """The highest score."""
    return max(scores)


@workflow
def compare(hidden: list[int]) -> float:
    """All configs, beside each other as the cluster allows."""
    return best(scores=map_task(train)(config=configs_of(hidden=hidden)))
