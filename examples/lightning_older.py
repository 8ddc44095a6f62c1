"""Train with an older Lightning (2.4 and before), whose CometLogger opens the experiment itself.

    pyflyte run examples/lightning_older.py digits --epochs 5

With `start=False` nothing is started before the body, and the logger's own experiment is the task's: it gets the key,
the `flyte_*` Others and the truthful end all the same. (Without `start=False`, the logger joins the one that was
started.) In a cluster, with `my-registry` in `image` replaced by yours:

    pyflyte run --remote examples/lightning_older.py digits --epochs 5
"""

from flytekit import ImageSpec, Secret, task, workflow
from flytekitplugins.comet_ml import comet_ml_login
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.loggers import CometLogger
from sklearn.datasets import load_digits
from torch import Tensor, float32, nn, tensor
from torch.optim import Adam, Optimizer
from torch.utils.data import DataLoader, TensorDataset

image = ImageSpec(
    name="lightning-older",
    registry="my-registry",
    packages=["flytekitplugins-comet-ml>=2", "pytorch-lightning==2.4.0", "scikit-learn"],
)


class Classifier(LightningModule):
    """A network with one hidden layer."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.network = nn.Sequential(nn.Linear(64, hidden), nn.ReLU(), nn.Linear(hidden, 10))

    def training_step(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """The loss of a batch, logged by Lightning."""
        images, labels = batch
        loss = nn.functional.cross_entropy(self.network(images), labels)
        self.log("train_loss", loss)
        return loss

    def configure_optimizers(self) -> Optimizer:
        """How to train."""
        return Adam(self.parameters(), lr=0.01)


@task(container_image=image)
@comet_ml_login(
    project_name="lightning-older",
    workspace="my-team",
    secret=Secret(group="comet-ml", key="comet-ml-api-key"),
    start=False,
)
def train(epochs: int, hidden: int = 32) -> float:
    """Train, and return the last loss."""
    images, labels = load_digits(return_X_y=True)
    data = TensorDataset(tensor(images / 16, dtype=float32), tensor(labels))
    trainer = Trainer(
        max_epochs=epochs,
        logger=CometLogger(workspace="my-team", project_name="lightning-older"),
        accelerator="cpu",
        log_every_n_steps=5,
        enable_checkpointing=False,
        enable_progress_bar=False,
    )
    trainer.fit(Classifier(hidden), DataLoader(data, batch_size=64, shuffle=True))
    return float(trainer.callback_metrics["train_loss"])


@workflow
def digits(epochs: int = 5) -> float:
    """The workflow: one tracked task."""
    return train(epochs=epochs)
