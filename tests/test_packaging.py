"""The distribution: what is in it, and that the Dockerfile's install step gives an environment that works."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.newest
@pytest.mark.timeout(600)
def test_the_dockerfile_s_install_step_gives_an_environment_that_works(tmp_path: Path) -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    for source in re.findall(r"^COPY (.+) (\S+)$", dockerfile, re.MULTILINE):
        names, target = source
        into = tmp_path / target.removeprefix("/tmp/")
        for name in names.split():
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, into)
            else:
                into.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, into)
    step = dockerfile.split("# install-step\nRUN ")[1].split("\n\n")[0].replace("/tmp/source", str(tmp_path / "source"))
    venv.create(tmp_path / "env", with_pip=True)
    binaries = tmp_path / "env" / "bin"
    environment = {**os.environ, "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}", "VERSION": ""}
    environment.pop("PYTHONPATH", None)
    subprocess.run(["bash", "-ec", step], check=True, env=environment)
    script = (
        "import flytekitplugins.comet_ml as plugin, importlib.resources as resources\n"
        "files = ('py.typed', 'deck/deck.css', 'cli/resolver.html')\n"
        "assert all(resources.files(plugin).joinpath(name).is_file() for name in files)\n"
        "print(plugin.comet_ml_login.__name__, plugin.__file__)"
    )
    done = subprocess.run([binaries / "python", "-c", script], capture_output=True, text=True, check=False, cwd="/")
    assert done.stdout.startswith("comet_ml_login"), done.stderr
    assert str(tmp_path) in done.stdout
    assert subprocess.run([binaries / "pyflyte-execute", "--help"], capture_output=True, check=False).returncode == 0


def test_the_image_runs_as_somebody_else_than_root() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert dockerfile.startswith("# ")
    assert re.search(r"^FROM python:3\.1[0-2]-slim$", dockerfile, re.MULTILINE)
    assert dockerfile.rindex("\nUSER 1000") > dockerfile.rindex("\nRUN ")


def test_the_namespace_package_has_no_init() -> None:
    assert not (ROOT / "flytekitplugins" / "__init__.py").exists()
