"""What a user's type checker sees; checked by `tests/docs/test_typing.py`, never run.

A line that must be refused ends with a comment that says so.
"""

from types import ModuleType
from typing import assert_type

from flytekit import Secret
from flytekitplugins.comet_ml import CometLink, comet_ml_login, tracking

secret = Secret(group="comet-ml", key="comet-ml-api-key")


@comet_ml_login(project_name="p", workspace="w", secret=secret, log_code=False, log_inputs=["epochs"])
def train(epochs: int, name: str = "") -> float:
    return epochs / 2


@comet_ml_login("p", "w", lambda: "key", experiment_config={"tags": ["a"]})
async def train_async(epochs: int) -> list[str]:
    return [str(epochs)]


assert_type(train(1), float)
assert_type(train(epochs=1, name="x"), float)
assert_type(train.get_extra_config(), dict[str, str])
assert_type(train.LINK_TYPE_KEY, str)
assert_type(train.COMET_ML_HOST_KEY, str)
train.secret  # noqa: B018
assert_type(train.__name__, str)
assert_type(train.__wrapped__(1), float)
tracking.comet_ml.start  # noqa: B018
assert_type(CometLink("p", "w").url("k"), str)
sdk: ModuleType = tracking.comet_ml


async def call() -> None:
    assert_type(await train_async(1), list[str])
    await train_async("1")  # refused


train("1")  # refused
train()  # refused
train(1, epochs=2)  # refused
train.__wrapped__("1")  # refused
not_the_sdk: int = tracking.comet_ml  # refused
train.no_such_attribute  # refused  # noqa: B018
comet_ml_login(project_name="p", workspace="w")  # refused
comet_ml_login(project_name="p", workspace="w", secret=secret, start="yes")  # refused
comet_ml_login(project_name="p", workspace="w", secret=secret, scope="run")  # refused
comet_ml_login(project_name=3, workspace="w", secret=secret)  # refused
