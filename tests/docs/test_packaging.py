"""The distribution: what is in it, whom it gets along with, and that the Dockerfile's install step works."""

from __future__ import annotations

import email
import itertools
import os
import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from tests.support import ROOT

HOME = Path.home()
"""The real one, with the cache of uv; a test has another."""

OURS = "flytekitplugins-comet-ml"
LEGACY = ("flytekitplugins-kfpytorch", "flytekitplugins-memray", "flytekitplugins-wandb")
"""Plugins of flytekit's own: each declares the namespace with a .pth file."""

NEIGHBOUR = "flytekitplugins-neighbour"
"""A plugin made here, that leaves the namespace to the interpreter (PEP 420), as ours does."""

MODULES = {
    OURS: {"comet_ml"},
    "legacy": {name.removeprefix("flytekitplugins-") for name in LEGACY},
    NEIGHBOUR: {"neighbour"},
}
by_order = pytest.mark.parametrize(
    "order",
    [
        pytest.param(order, marks=[pytest.mark.slow] * (number > 0), id=" ".join(order))
        for number, order in enumerate(itertools.permutations(MODULES))
    ],
)


def uv(*arguments: str | Path) -> None:
    """Run uv, which is beside this interpreter, with the cache that it always has."""
    command = [Path(sys.executable).with_name("uv"), *arguments]
    environment = {**os.environ, "HOME": str(HOME), "UV_PYTHON_DOWNLOADS": "never"}
    environment.pop("VIRTUAL_ENV", None)
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr


@dataclass(frozen=True)
class Distribution:
    """What would be published.

    Attributes:
        wheel: The built wheel.
        sdist: The source distribution that it was built from.
    """

    wheel: Path
    sdist: Path

    def in_wheel(self) -> set[str]:
        """Names of the wheel's files, without those of its `.dist-info`."""
        with zipfile.ZipFile(self.wheel) as wheel:
            return {name for name in wheel.namelist() if ".dist-info/" not in name}

    def in_sdist(self) -> set[str]:
        """Names of the sdist's files, from its root."""
        with tarfile.open(self.sdist) as sdist:
            return {member.name.partition("/")[2] for member in sdist if member.isfile()}

    def metadata(self) -> email.message.Message:
        """The wheel's METADATA."""
        with zipfile.ZipFile(self.wheel) as wheel:
            name = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
            return email.message_from_bytes(wheel.read(name))


@pytest.fixture(scope="module")
def distribution(tmp_path_factory: pytest.TempPathFactory) -> Distribution:
    """Wheel and sdist, built of a copy of the checkout as `make wheel` does."""
    directory = tmp_path_factory.mktemp("distribution")
    unwanted = shutil.ignore_patterns(".[!g]*", ".git", "build", "dist", "*.egg-info", "__pycache__")
    shutil.copytree(ROOT, directory / "checkout", ignore=unwanted)
    uv("build", "--quiet", "--out-dir", directory / "dist", directory / "checkout")
    (wheel,), (sdist,) = (directory / "dist").glob("*.whl"), (directory / "dist").glob("*.tar.gz")
    return Distribution(wheel, sdist)


def source_files() -> set[str]:
    """Every file of the package that is not compiled."""
    files = (file for file in (ROOT / "flytekitplugins").rglob("*") if file.is_file() and file.suffix != ".pyc")
    return {str(file.relative_to(ROOT)) for file in files}


@pytest.mark.newest
def test_the_wheel_has_every_file_of_the_package_and_no_other(distribution: Distribution) -> None:
    wheel = distribution.in_wheel()
    assert wheel == source_files()
    assert {f"flytekitplugins/comet_ml/{name}" for name in ("py.typed", "deck/deck.css", "cli/resolver.html")} < wheel


@pytest.mark.newest
def test_the_sdist_has_what_the_wheel_is_built_of_and_no_tests(distribution: Distribution) -> None:
    sdist = {name for name in distribution.in_sdist() if ".egg-info/" not in name}
    named = {
        "CHANGELOG.md",
        "LICENSE",
        "MANIFEST.in",
        "PKG-INFO",
        "README.md",
        "pyproject.toml",
        "setup.cfg",
        "setup.py",
    }
    assert sdist == source_files() | named


@pytest.mark.newest
def test_the_package_index_would_take_both(distribution: Distribution) -> None:
    command = [sys.executable, "-m", "twine", "check", "--strict", str(distribution.wheel), str(distribution.sdist)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("PASSED") == 2


@pytest.mark.newest
def test_it_brings_flytekit_and_the_sdk_and_nothing_else(distribution: Distribution) -> None:
    needed = list(map(Requirement, distribution.metadata().get_all("Requires-Dist", [])))
    always = {each.name for each in needed if each.marker is None or each.marker.evaluate({"python_version": "3.12"})}
    later = {each.name for each in needed if each.marker is None or each.marker.evaluate({"python_version": "3.13"})}
    extra = {each.name for each in needed if each.marker and each.marker.evaluate({"extra": "flyte2"})} - always
    # flytekit has no release for Python 3.13 and later.
    assert (always, later, extra) == ({"flytekit", "comet-ml"}, {"comet-ml"}, {"flyte"})


@pytest.mark.newest
def test_the_metadata_names_the_pythons_that_make_versions_runs(distribution: Distribution) -> None:
    metadata = distribution.metadata()
    prefix = "Programming Language :: Python :: "
    classified = [line.removeprefix(prefix) for line in metadata.get_all("Classifier", []) if line.startswith(prefix)]
    (versions,) = re.findall(r"^VERSIONS \?= (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert classified == versions.split()
    allowed = SpecifierSet(metadata["Requires-Python"])
    assert [version for version in map("3.{}".format, range(6, 20)) if version in allowed] == classified


@pytest.mark.newest
def test_the_version_is_the_newest_of_the_changelog(distribution: Distribution) -> None:
    newest = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[0]
    assert distribution.metadata()["Version"] == newest
    assert f"VERSION={newest} " in (ROOT / "Dockerfile").read_text()


@dataclass(frozen=True)
class Environment:
    """An environment with flytekit and the SDK, and at first without a plugin.

    Attributes:
        directory: Where it is.
        sources: For each step of `ORDERS`, what to install.
    """

    directory: Path
    sources: dict[str, list[str]]

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.directory / "bin" / "python"

    def run(self, source: str) -> str:
        """Run a program in it, away from the checkout, and return what it prints."""
        done = subprocess.run([self.python, "-c", source], capture_output=True, text=True, check=False, cwd="/")
        assert done.returncode == 0, done.stderr
        return done.stdout

    def install(self, step: str) -> None:
        """Install what a step names, without what it needs."""
        uv("pip", "install", "--quiet", "--no-deps", "--python", self.python, *self.sources[step])

    def remove(self, step: str) -> None:
        """Remove it."""
        names = LEGACY if step == "legacy" else (step,)
        uv("pip", "uninstall", "--quiet", "--python", self.python, *names)

    def found(self) -> set[str]:
        """Which of the plugins an import would find."""
        names = sorted(set().union(*MODULES.values()))
        program = (
            "from importlib.util import find_spec\n"
            f"names = {names} if find_spec('flytekitplugins') else []\n"
            "print(*[name for name in names if find_spec(f'flytekitplugins.{name}')])"
        )
        return set(self.run(program).split())

    def left(self) -> list[Path]:
        """Files in the namespace's directory, but for those that the interpreter wrote."""
        (directory,) = self.directory.glob("lib/python3.*/site-packages")
        files = (directory / "flytekitplugins").rglob("*")
        return [file for file in files if file.is_file() and file.suffix != ".pyc"]


def neighbour(directory: Path) -> Path:
    """A wheel with one module and no .pth file."""
    wheel = directory / "flytekitplugins_neighbour-1.0-py3-none-any.whl"
    info = "flytekitplugins_neighbour-1.0.dist-info"
    files = {
        "flytekitplugins/neighbour/__init__.py": "",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {NEIGHBOUR}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(name, text)
    return wheel


@pytest.fixture(scope="module")
def bare(distribution: Distribution, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment for the plugins, made once."""
    directory = tmp_path_factory.mktemp("environment")
    uv("venv", "--quiet", "--python", sys.executable, directory / "env")
    sources = {
        OURS: [str(distribution.wheel)],
        "legacy": list(LEGACY),
        NEIGHBOUR: [str(neighbour(directory))],
    }
    environment = Environment(directory / "env", sources)
    uv("pip", "install", "--quiet", "--python", environment.python, "flytekit", "comet-ml", "pip")
    return environment


@pytest.fixture
def environment(bare: Environment) -> Iterator[Environment]:
    """The same, without a plugin again after each test."""
    yield bare
    for step in MODULES:
        bare.remove(step)


@pytest.mark.newest
@by_order
def test_plugins_installed_and_removed_in_any_order_leave_each_other_alone(
    environment: Environment, order: tuple[str, ...]
) -> None:
    expected: set[str] = set()
    for step in order:
        environment.install(step)
        expected |= MODULES[step]
        assert environment.found() == expected
    for step in order:
        environment.remove(step)
        expected -= MODULES[step]
        assert environment.found() == expected
    assert environment.left() == []


@pytest.mark.newest
@pytest.mark.slow
def test_the_earlier_plugin_is_replaced_beside_others(environment: Environment) -> None:
    environment.install("legacy")
    pip = [environment.python, "-m", "pip", "install", "--quiet", "--no-deps"]
    subprocess.run([*pip, f"{OURS}<2"], check=True, capture_output=True)
    subprocess.run([*pip, *environment.sources[OURS]], check=True, capture_output=True)
    source = (
        "import importlib.util, flytekitplugins.comet_ml as plugin\n"
        "print(plugin.comet_ml_login.__module__, importlib.util.find_spec('flytekitplugins.wandb') is not None)"
    )
    assert environment.run(source).split() == ["flytekitplugins.comet_ml.tracking", "True"]
    ours = {file.name for file in environment.left() if "comet_ml" in file.parts}
    assert ours == {Path(name).name for name in source_files()}


@pytest.mark.slow
@pytest.mark.newest
@by_order
def test_a_namespace_that_is_emptied_after_flytekit_s_import_has_ours(
    environment: Environment, order: tuple[str, ...]
) -> None:
    # flyte-migrate puts an empty package there, unless one is there: flytekit has loaded ours, and nothing with it.
    for step in order:
        environment.install(step)
    source = (
        "import flytekit, sys, types\n"
        "print('comet_ml' in sys.modules, 'flytekitplugins.comet_ml.tracking' in sys.modules)\n"
        "if 'flytekitplugins' not in sys.modules:\n"
        "    sys.modules['flytekitplugins'] = types.ModuleType('flytekitplugins')\n"
        "    sys.modules['flytekitplugins'].__path__ = []\n"
        "import flytekitplugins.comet_ml\n"
        "print(all(importlib.util.find_spec(f'flytekitplugins.{name}') for name in ('wandb', 'neighbour')))"
    ).replace("import flytekit,", "import importlib.util, flytekit,")
    assert environment.run(source).split() == ["False", "False", "True"]


@pytest.mark.newest
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_dockerfile_s_install_step_gives_an_environment_that_works(tmp_path: Path) -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    for names, target in re.findall(r"^COPY (.+) (\S+)$", dockerfile, re.MULTILINE):
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
    # Of what is installed here, the plugin may use only what comes with flytekit and the SDK; Flyte 2 is an extra.
    script = (
        "import importlib, pkgutil, flytekitplugins.comet_ml as plugin, importlib.resources as resources\n"
        "files = ('py.typed', 'deck/deck.css', 'cli/resolver.html')\n"
        "assert all(resources.files(plugin).joinpath(name).is_file() for name in files)\n"
        "for module in pkgutil.walk_packages(plugin.__path__, 'flytekitplugins.comet_ml.'):\n"
        "    of_flyte_2 = '.flyte2' in module.name or module.name.endswith('cli.actions')\n"
        "    of_flyte_2 or module.name.endswith('__main__') or importlib.import_module(module.name)\n"
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


def test_the_build_s_context_has_what_the_image_copies_and_nothing_else() -> None:
    copied = re.findall(r"^COPY (.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in lines
    assert {line[1:] for line in lines if line.startswith("!")} == {name for names in copied for name in names.split()}


def test_the_namespace_package_has_no_init() -> None:
    assert not (ROOT / "flytekitplugins" / "__init__.py").exists()
