"""Train with torch Elastic in two processes; the first of them, rank 0, tracks.

    pyflyte run examples/elastic.py digits --epochs 10

In a cluster, with `my-registry` in `image` replaced by yours:

    pyflyte run --remote examples/elastic.py digits --epochs 10
"""

import comet_ml
import torch
from flytekit import ImageSpec, Secret, task, workflow
from flytekitplugins.comet_ml import comet_ml_login
from flytekitplugins.kfpytorch import Elastic
from sklearn.datasets import load_digits
from torch import distributed, nn
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

image = ImageSpec(
    name="elastic-digits",
    registry="my-registry",
    packages=["flytekitplugins-comet-ml>=2", "flytekitplugins-kfpytorch", "scikit-learn", "torch"],
)


# Forked processes start sooner than spawned ones; on GPUs, take "spawn".
@task(container_image=image, task_config=Elastic(nproc_per_node=2, start_method="fork", monitor_interval=1))
@comet_ml_login(
    project_name="elastic-digits",
    workspace="my-team",
    secret=Secret(group="comet-ml", key="comet-ml-api-key"),
)
def train(epochs: int, learning_rate: float = 0.01) -> float:
    """Train, and return the last loss over all ranks."""
    distributed.init_process_group("gloo")
    # In ranks other than 0 this is a disabled experiment: it takes every call and sends nothing.
    experiment = comet_ml.get_running_experiment()
    torch.manual_seed(0)
    images, labels = load_digits(return_X_y=True)
    data = TensorDataset(torch.tensor(images / 16, dtype=torch.float32), torch.tensor(labels))
    sampler: DistributedSampler[tuple[torch.Tensor, ...]] = DistributedSampler(data)
    network = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    model = nn.parallel.DistributedDataParallel(network)
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    mean = torch.zeros(1)
    for epoch in range(1, epochs + 1):
        sampler.set_epoch(epoch)
        mean = torch.zeros(1)
        for image_batch, label_batch in DataLoader(data, batch_size=64, sampler=sampler):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(image_batch), label_batch)
            loss.backward()
            optimizer.step()
            mean += loss.detach() * len(image_batch) / len(data)
        distributed.all_reduce(mean)
        experiment.log_metric("mean_loss", mean.item(), epoch=epoch)
    distributed.destroy_process_group()
    return mean.item()


@workflow
def digits(epochs: int = 10) -> float:
    """The workflow: one task, two processes, one experiment."""
    return train(epochs=epochs)
