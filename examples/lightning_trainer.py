"""Train with Lightning and its CometLogger, which joins the task's experiment.

    pyflyte run examples/lightning_trainer.py digits --epochs 5

In a cluster, with `my-registry` in `image` replaced by yours:

    pyflyte run --remote examples/lightning_trainer.py digits --epochs 5
"""

from flytekit import ImageSpec, Secret, task, workflow
from flytekitplugins.comet_ml import comet_ml_login
from lightning import LightningModule, Trainer
from lightning.pytorch.loggers import CometLogger
from sklearn.datasets import load_digits
from torch import Generator, Tensor, float32, nn, tensor
from torch.optim import Adam, Optimizer
from torch.utils.data import DataLoader, TensorDataset, random_split

image = ImageSpec(
    name="lightning-digits",
    registry="my-registry",
    packages=["flytekitplugins-comet-ml>=2", "lightning>=2.5", "scikit-learn"],
)


class Classifier(LightningModule):
    """A network with one hidden layer."""

    def __init__(self, hidden: int, learning_rate: float) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.learning_rate = learning_rate
        self.network = nn.Sequential(nn.Linear(64, hidden), nn.ReLU(), nn.Linear(hidden, 10))

    def training_step(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """The loss of a batch, logged by Lightning."""
        images, labels = batch
        loss = nn.functional.cross_entropy(self.network(images), labels)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor]) -> None:
        """The accuracy, logged by Lightning once an epoch."""
        images, labels = batch
        self.log("accuracy", (self.network(images).argmax(dim=1) == labels).float().mean())

    def configure_optimizers(self) -> Optimizer:
        """How to train."""
        return Adam(self.parameters(), lr=self.learning_rate)


@task(container_image=image)
@comet_ml_login(
    project_name="lightning-digits",
    workspace="my-team",
    secret=Secret(group="comet-ml", key="comet-ml-api-key"),
)
def train(epochs: int, hidden: int = 32) -> float:
    """Train, and return the last accuracy."""
    images, labels = load_digits(return_X_y=True)
    data = TensorDataset(tensor(images / 16, dtype=float32), tensor(labels))
    train_set, test_set = random_split(data, [0.8, 0.2], generator=Generator().manual_seed(0))
    trainer = Trainer(
        max_epochs=epochs,
        logger=CometLogger(),  # no arguments: workspace, project and key are the task's
        accelerator="cpu",
        log_every_n_steps=5,
        enable_checkpointing=False,
        enable_progress_bar=False,
    )
    trainer.fit(
        Classifier(hidden, learning_rate=0.01),
        DataLoader(train_set, batch_size=64, shuffle=True),
        DataLoader(test_set, batch_size=360),
    )
    return float(trainer.callback_metrics["accuracy"])


@workflow
def digits(epochs: int = 5) -> float:
    """The workflow: one tracked task."""
    return train(epochs=epochs)
