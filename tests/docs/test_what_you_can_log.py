"""docs/what-you-can-log.md: what each of its lines logs is in Comet, after an online run and after an upload.

All blocks of the page are in the body of one task, which runs twice in a process of its own.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import ROOT
from tests.support.canary import CANARY
from tests.support.comet_server import CometServer
from tests.support.documents import Block, blocks, is_line_of_a_body

pytestmark = pytest.mark.newest

PAGE = ROOT / "docs" / "what-you-can-log.md"

ARRIVES: dict[str, set[str]] = {
    "Metrics": {"metric loss", "metric test_precision", "metric test_recall"},
    "Parameters": {"parameter learning_rate", "parameter optimizer|name", "parameter optimizer|momentum"},
    "Others, tags and the name": {"other dataset", "tag nightly", "name baseline"},
    "Text": {"text-sample"},
    "HTML": {"html <h1>Evaluation</h1><p>All thresholds were met.</p>"},
    "Files": {"asset predictions.csv", "asset reports/errors.csv", "asset decision.json"},
    "Files that stay where they are": {"remote s3://my-bucket/digits/train.parquet"},
    "Models": {"model-element model.pkl", "registered digits"},
    "Images": {"image digit.png"},
    "Figures": {"image losses"},
    "Confusion matrix": {"confusion-matrix confusion-matrix.json"},
    "Curves": {"curve roc"},
    "Histograms": {"histogram3d weights"},
    "Tables": {"dataframe scores.csv", "asset plain.csv"},
    "Audio": {"audio tone.wav"},
    "Video": {"video episode.gif"},
    "Artifacts": {"artifact digits-data staging labels.csv train.parquet"},
    "Data sets": {"other dataset_info", "parameter dataset_hash"},
    "Code": {"source_code augment.py"},
}
"""By the page's headings, what is in Comet afterwards."""

BLOCKS = [block for block in blocks("python") if is_line_of_a_body(block)]

BODY = """
import pathlib, traceback
import comet_ml
from flytekit import Secret, task
from flytekitplugins.comet_ml import comet_ml_login

@task
@comet_ml_login(
    project_name="digits", workspace="my-team", secret=Secret(group="comet-ml", key="comet-ml-api-key"), log_code=False
)
def everything() -> None:
    experiment = comet_ml.get_running_experiment()
    for name, block in list(globals().items()):
        if name.startswith("block_"):
            try:
                block(experiment)
            except Exception:
                pathlib.Path(name).write_text(traceback.format_exc())

everything()
"""


@dataclass
class Logged:
    """What is in Comet after a run of all blocks.

    Attributes:
        names: Kind and name of each thing.
        errors: The traceback of each block that raised, by the block's heading.
    """

    names: set[str]
    errors: dict[str, str]


def heading_of(block: Block) -> str:
    above = PAGE.read_text(encoding="utf-8").splitlines()[: block.line]
    return next(line for line in reversed(above) if line.startswith("## ")).removeprefix("## ")


@pytest.fixture(scope="module", params=["online", pytest.param("offline", marks=pytest.mark.slow)])
def logged(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Logged:
    directory = tmp_path_factory.mktemp(request.param)
    bodies = [textwrap.indent(block.text, "    ") for block in BLOCKS]
    functions = [f"def block_{number}(experiment):\n{body}" for number, body in enumerate(bodies)]
    (directory / "all_blocks.py").write_text("\n".join([*functions, BODY]))
    with CometServer(accepted_keys={CANARY}) as server:
        account = {"COMET_API_KEY": CANARY, "COMET_URL_OVERRIDE": f"{server.url}/clientlib/"}
        if request.param == "online":
            run(directory, "all_blocks.py", **account)
        else:
            run(directory, "all_blocks.py")
            assert server.experiments == {}
            run(directory, "-m", "flytekitplugins.comet_ml", "upload", ".cometml-runs", **account)
        return Logged(
            names_of(server),
            {
                heading_of(block): (directory / f"block_{number}").read_text()
                for number, block in enumerate(BLOCKS)
                if (directory / f"block_{number}").exists()
            },
        )


def run(directory: Path, *words: str, **environment: str) -> None:
    """Run Python in a home of its own."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("COMET_", "FLYTE_"))}
    home = {"HOME": str(directory), "TMPDIR": str(directory), "COMET_ERROR_TRACKING_ENABLE": "0"}
    done = subprocess.run(
        [sys.executable, *words],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
        env={**inherited, **home, **environment},
    )
    print(done.stdout, done.stderr)
    assert done.returncode == 0, done.stderr


def names_of(server: CometServer) -> set[str]:
    """Kind and name of all that the server has."""
    experiment = server.only_experiment
    found = {f"metric {name}" for name in experiment.metrics}
    found |= {f"parameter {name}" for name in experiment.parameters}
    found |= {f"other {name}" for name in experiment.others}
    found |= {f"tag {tag}" for tag in experiment.tags}
    found |= {f"name {experiment.name}", f"html {experiment.html}"}
    for asset in experiment.assets.values():
        found |= {f"{asset.get('type', 'asset')} {asset['fileName']}", str(asset.get("type"))}
    for version in server.artifacts:
        found.add(" ".join(["artifact", version.name, *version.aliases, *sorted(version.files)]))
    for request in server.requests:
        text = json.dumps(request.body, default=str)
        found |= {f"remote {address}" for address in re.findall(r"s3://[\w/.-]+", text)}
        if request.path.endswith("/visualizations/upload"):
            found.add(f"image {request.query['figName']}")
        if "registry" in request.path:
            found.add(f"registered {request.body.get('registryModelName')}")
    return found


def test_what_arrives_is_known_of_every_block() -> None:
    assert [heading_of(block) for block in BLOCKS] == list(ARRIVES)


@pytest.mark.parametrize("heading", ARRIVES)
def test_what_is_logged_is_in_comet_afterwards(logged: Logged, heading: str) -> None:
    imported = re.findall(r"^(?:import|from) (\w+)", next(b.text for b in BLOCKS if heading_of(b) == heading), re.M)
    # The SDK makes pictures of arrays with it.
    for module in [*imported, *(["matplotlib"] if heading == "Images" else [])]:
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    assert heading not in logged.errors, logged.errors[heading]
    assert ARRIVES[heading] <= logged.names
    if heading == "Metrics":
        # What the page says of system metrics.
        assert any(name.startswith("metric sys.") for name in logged.names)
