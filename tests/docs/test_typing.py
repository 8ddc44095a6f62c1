"""Type checkers see a decorated function with its own parameters and result, and refuse wrong calls."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT

CONSUMER = Path(__file__).parent / "typing" / "consumer.py"
REFUSED = {
    number for number, line in enumerate(CONSUMER.read_text().splitlines(), 1) if re.search(r"\S.*# refused", line)
}


@pytest.mark.by_default("mypy")
@pytest.mark.newest
@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_a_consumer_s_checker_refuses_the_wrong_lines_and_no_others(checker: str, tmp_path: Path) -> None:
    pytest.importorskip(checker)
    shutil.copy(CONSUMER, tmp_path)
    # A type checker does not look through the hooks of an editable install.
    if checker == "mypy":
        options = ["--strict", "--config-file=", "--namespace-packages", "--explicit-package-bases"]
        command = ["-m", "mypy", *options, "--cache-dir", str(tmp_path), "consumer.py"]
        environment = {**os.environ, "MYPYPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, *command], capture_output=True, text=True, check=False, cwd=tmp_path, env=environment
        )
        # flytekit ships no py.typed, and mypy says so in strict mode.
        errors = [line for line in done.stdout.splitlines() if ": error: " in line and "[import-untyped]" not in line]
        wrong = {int(number) for number in re.findall(r"^consumer\.py:(\d+)", "\n".join(errors), re.MULTILINE)}
    else:
        settings = {"include": ["consumer.py"], "typeCheckingMode": "standard", "extraPaths": [str(ROOT)]}
        (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
        command = ["-m", "pyright", "--outputjson", "--pythonpath", sys.executable, "-p", str(tmp_path)]
        done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)
        found = json.loads(done.stdout)["generalDiagnostics"]
        wrong = {entry["range"]["start"]["line"] + 1 for entry in found if entry["severity"] == "error"}
    assert wrong == REFUSED, done.stdout + done.stderr
