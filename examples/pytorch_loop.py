"""Train a network on handwritten digits with a PyTorch loop of your own.

    pyflyte run examples/pytorch_loop.py digits --epochs 20

In a cluster, with `my-registry` in `image` replaced by yours:

    pyflyte run --remote examples/pytorch_loop.py digits --epochs 20
"""

import comet_ml
import torch
from flytekit import ImageSpec, Secret, current_context, task, workflow
from flytekitplugins.comet_ml import comet_ml_login
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

image = ImageSpec(
    name="torch-digits", registry="my-registry", packages=["flytekitplugins-comet-ml>=2", "scikit-learn", "torch"]
)


@task(container_image=image)
@comet_ml_login(
    project_name="torch-digits",
    workspace="my-team",
    secret=Secret(group="comet-ml", key="comet-ml-api-key"),
)
def train(epochs: int, learning_rate: float = 0.01, batch_size: int = 64) -> float:
    """Train, and return the last accuracy on the images that were held out."""
    experiment = comet_ml.get_running_experiment()
    torch.manual_seed(0)
    images, labels = load_digits(return_X_y=True)
    data = TensorDataset(torch.tensor(images / 16, dtype=torch.float32), torch.tensor(labels))
    train_set, test_set = random_split(data, [0.8, 0.2])
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    accuracy = 0.0
    for epoch in range(1, epochs + 1):
        for image_batch, label_batch in DataLoader(train_set, batch_size, shuffle=True):
            optimizer.zero_grad()
            # Comet logs the loss of every tenth backward().
            nn.functional.cross_entropy(model(image_batch), label_batch).backward()
            optimizer.step()
        with torch.no_grad():
            test_images, test_labels = test_set[:]
            accuracy = (model(test_images).argmax(dim=1) == test_labels).float().mean().item()
        experiment.log_metric("accuracy", accuracy, epoch=epoch)
    file = f"{current_context().working_directory}/model.pt"
    torch.save(model.state_dict(), file)
    experiment.log_model("digits", file)
    return accuracy


@workflow
def digits(epochs: int = 20) -> float:
    """The workflow: one tracked task."""
    return train(epochs=epochs)
