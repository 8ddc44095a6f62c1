"""Train a small language model with the Hugging Face Trainer, whose Comet callback joins the task's experiment.

    pyflyte run examples/transformers_trainer.py counting --steps 40

In a cluster, with `my-registry` in `image` replaced by yours:

    pyflyte run --remote examples/transformers_trainer.py counting --steps 40
"""

from flytekit import ImageSpec, Secret, task, workflow
from flytekitplugins.comet_ml import comet_ml_login
from torch import Tensor, arange
from torch.utils.data import Dataset
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments

image = ImageSpec(
    name="counting",
    registry="my-registry",
    packages=["flytekitplugins-comet-ml>=2", "transformers[torch]"],
)


class Counting(Dataset[dict[str, Tensor]]):
    """Sequences of 16 tokens that count from somewhere, modulo 32."""

    def __len__(self) -> int:
        return 32

    def __getitem__(self, start: int) -> dict[str, Tensor]:
        tokens = (arange(16) + start) % 32
        return {"input_ids": tokens, "labels": tokens}


@task(container_image=image)
@comet_ml_login(
    project_name="counting",
    workspace="my-team",
    secret=Secret(group="comet-ml", key="comet-ml-api-key"),
)
def train(steps: int, learning_rate: float = 1e-3) -> float:
    """Train, and return the loss on all sequences."""
    model = GPT2LMHeadModel(GPT2Config(vocab_size=32, n_positions=16, n_embd=32, n_layer=1, n_head=2))
    trainer = Trainer(
        model=model,
        args=TrainingArguments(
            output_dir="checkpoints",
            report_to="comet_ml",  # by name: "all" leaves Comet out where no API key is set on import, as in a pod
            max_steps=steps,
            learning_rate=learning_rate,
            logging_steps=5,
            save_strategy="no",
            use_cpu=True,
            disable_tqdm=True,
        ),
        train_dataset=Counting(),
        eval_dataset=Counting(),
    )
    trainer.train()
    return float(trainer.evaluate()["eval_loss"])


@workflow
def counting(steps: int = 40) -> float:
    """The workflow: one tracked task."""
    return train(steps=steps)
