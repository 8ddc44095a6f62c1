"""What the documentation shows, works, and what it says of the code is so: README.md and all pages of docs/."""

from __future__ import annotations

import ast
import functools
import importlib.util
import inspect
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import click
import comet_ml
import pytest
import yaml
from flytekit.core.workflow import WorkflowBase
from flytekit.image_spec.image_spec import ImageBuildEngine
from flytekitplugins.comet_ml import comet_ml_login, errors
from flytekitplugins.comet_ml.cli import COMMANDS, main
from flytekitplugins.comet_ml.cli.charts import CHARTS
from flytekitplugins.comet_ml.cli.config import platform_config
from flytekitplugins.comet_ml.testing.fixture import comet_in_memory

from tests.support import ROOT
from tests.support.canary import CANARY
from tests.support.comet_server import CometServer
from tests.support.documents import (
    PAGES,
    Block,
    anchors,
    blocks,
    headings,
    is_excerpt,
    is_line_of_a_body,
    links,
    prose,
)
from tests.support.pod import template_of

DOCS = ROOT / "docs"
PACKAGE = ROOT / "flytekitplugins" / "comet_ml"
OPTIONS = {
    parameter.name: parameter
    for parameter in list(inspect.signature(comet_ml_login.__init__).parameters.values())[1:]
    if parameter.kind is not parameter.VAR_KEYWORD
}


# tests/flyte2/test_docs.py runs what is about Flyte 2: it is not installed here.
FLYTE_1 = [block for block in blocks("python") if "import flyte\n" not in block.text]
PYTHON = [block for block in FLYTE_1 if not is_excerpt(block) and not is_line_of_a_body(block)]


def page(name: str) -> str:
    return (DOCS / f"{name}.md").read_text(encoding="utf-8")


def of_page(name: str, language: str) -> list[str]:
    return [block.text for block in blocks(language) if block.page == f"docs/{name}.md"]


# Code


def test_every_block_is_of_a_language_that_is_checked_here() -> None:
    strange = [str(block) for block in blocks() if block.language not in ("python", "bash", "yaml", "text")]
    assert strange == []


@pytest.mark.parametrize("block", PYTHON, ids=str)
def test_a_block_of_python_runs(
    block: Block, laptop: CometServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Serializing would look for the image in its registry, and build it.
    monkeypatch.setattr(ImageBuildEngine, "build", lambda spec: None)
    # The loopback server has no queries.
    monkeypatch.setattr(comet_ml.API, "query", lambda *args, **kwargs: [])
    modules = re.findall(r"^(?:import|from) (\w+(?:\.\w+)*)", block.text, re.MULTILINE)
    for name in modules:
        if importlib.util.find_spec(name.split(".")[0]) is None or importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed")
    module = loaded(block, tmp_path)
    for entity in list(vars(module).values()):
        if hasattr(entity, "task_function") and hasattr(entity, "get_extra_config"):
            assert entity.get_extra_config().items() <= template_of(entity).config.items()
        if isinstance(entity, WorkflowBase):
            # All inputs of the workflows that are shown have defaults.
            entity()
            assert laptop.experiments
    for name, function in list(vars(module).items()):
        if name.startswith("test_"):
            with monkeypatch.context() as patch:
                if "comet" not in inspect.signature(function).parameters:
                    function()
                    continue
                with comet_in_memory(patch.setenv, patch.delenv, tmp_path / "comet") as comet:
                    function(comet)


def loaded(block: Block, directory: Path) -> Any:
    name = re.sub(r"\W", "_", str(block))
    file = directory / f"{name}.py"
    file.write_text(block.text)
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _is_of_a_module_that_is_not_installed(message: str) -> bool:
    module = re.match(r'Import "(\w+)', message)
    return module is not None and importlib.util.find_spec(module[1]) is None


@pytest.mark.newest
def test_a_type_checker_has_nothing_to_say_about_the_python(tmp_path: Path) -> None:
    pytest.importorskip("pyright")
    lines = [block for block in FLYTE_1 if is_line_of_a_body(block)]
    for block in [*PYTHON, *lines]:
        experiment = "import comet_ml\nexperiment = comet_ml.start()\n" if block in lines else ""
        (tmp_path / (re.sub(r"\W", "_", str(block)) + ".py")).write_text(experiment + block.text)
    # get_running_experiment() is None only where no experiment runs, which the body of a tracked task is not.
    # In a workflow, a task's result is a promise to flytekit, and what the task returns to everybody else.
    lenient = (
        "reportOptionalMemberAccess",
        "reportOptionalIterable",
        "reportReturnType",
        "reportArgumentType",
        "reportGeneralTypeIssues",
    )
    settings = {"typeCheckingMode": "standard", "extraPaths": [str(ROOT)], **dict.fromkeys(lenient, False)}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    command = ["-m", "pyright", "--outputjson", "--pythonpath", sys.executable, "-p", str(tmp_path)]
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)
    report = json.loads(done.stdout)
    assert report["summary"]["filesAnalyzed"] == len(PYTHON) + len(lines)
    found = [
        entry
        for entry in report["generalDiagnostics"]
        if entry["severity"] == "error" and not _is_of_a_module_that_is_not_installed(entry["message"])
    ]
    assert [(Path(entry["file"]).name, entry["message"]) for entry in found] == []


COMMAND_LINES = [
    (block, line)
    for block in blocks("bash")
    for line in block.text.replace("\\\n", " ").splitlines()
    if line.strip() and not line.startswith("#")
]


@pytest.mark.parametrize(("block", "line"), COMMAND_LINES, ids=[f"{block} {line}" for block, line in COMMAND_LINES])
def test_a_command_is_one_with_the_options_that_it_has(block: Block, line: str) -> None:
    words = shlex.split(line, comments=True)
    if words[:3] == ["python", "-m", "flytekitplugins.comet_ml"]:
        parse(words[3:])
    elif words[0] == "make":
        targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert set(words[1:]) <= set(targets)
    elif words[:2] == ["pip", "install"]:
        check_pip(words[2:])
    elif words[:2] == ["pyflyte", "run"]:
        check_run(block, words[2:])
    elif words[0] == "flyte":
        pytest.skip("tests/flyte2/test_docs.py knows it")
    elif words[0] == "pytest":
        check_options([sys.executable, "-m", "pytest"], words[1:])
    elif words[0] == "export":
        assert re.fullmatch(r"COMET_[A-Z_]+=\S+", words[1])
    elif words[0] == "comet":
        if words[1] == "login" and not hasattr(comet_ml, "login"):
            pytest.skip("the oldest SDK has it as `comet init`")
        check_options([str(Path(sys.executable).with_name("comet")), words[1]], words[2:])
    elif words[0] in ("docker", "kubectl"):
        if shutil.which(words[0]) is None:
            pytest.skip(f"{words[0]} is not installed")
        subcommand = [word for word in words[1:4] if re.fullmatch(r"build|create|secret|secrets|generic|get", word)]
        check_options([words[0], *subcommand], words[1 + len(subcommand) :])
    else:
        pytest.fail(f"{words[0]} is no command that is known here")


def test_contributing_names_targets_of_the_makefile() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"^\| `make ([\w-]+)` \|", page("contributing"), re.MULTILINE))
    assert {"demo", "test", "docs"} <= named <= targets


def parse(words: list[str]) -> None:
    """Have click read a command line of ours, without running it."""
    if words == ["--help"]:
        return
    name, *rest = words
    command = main.get_command(click.Context(main), name)
    assert command is not None, name
    if rest != ["--help"]:
        command.make_context(name, rest).close()


def check_pip(words: list[str]) -> None:
    from packaging.requirements import Requirement

    check_options([sys.executable, "-m", "pip", "install"], words)
    names = {"flytekitplugins-comet-ml", "comet-ml"}
    for before, word in zip(["", *words], words, strict=False):
        if before == "-r":
            assert (ROOT / word).is_file()
        elif before == "-e" or word == ".":
            assert (ROOT / word / "setup.py").is_file()
        elif not word.startswith("-"):
            assert Requirement(word).name in names


def check_run(block: Block, words: list[str]) -> None:
    options = [word for word in words if word.startswith("-")]
    positional = [word for word in words if word.endswith(".py")]
    own = options if not positional else [word for word in words[: words.index(positional[0])] if word.startswith("-")]
    check_options([str(Path(sys.executable).with_name("pyflyte")), "run"], own)
    file, workflow = words[words.index(positional[0]) : words.index(positional[0]) + 2]
    sources = [other.text for other in blocks("python")] if not (ROOT / file).is_file() else [(ROOT / file).read_text()]
    inputs = [option.removeprefix("--") for option in options if option not in own]
    assert any(re.search(rf"def {workflow}\(.*{'.*'.join(inputs)}", source) for source in sources)


def check_options(command: list[str], words: list[str]) -> None:
    said = help_of((*command, "--help"))
    if command[0] == "kubectl":
        said += help_of(("kubectl", "options"))
    for word in words:
        if word.startswith("-"):
            option = re.escape(word.partition("=")[0])
            assert re.search(rf"(?<![\w-]){option}(?![\w-])", said), f"{command} has no {word}"


@functools.cache
def help_of(command: tuple[str, ...]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return click.unstyle(done.stdout + done.stderr)


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_yaml_is_what_the_command_prints(block: Block) -> None:
    assert block.text in (platform_config(), platform_config(helm=True, within=CHARTS["flyte-binary"].path))


def test_the_secret_that_is_made_is_the_one_that_the_tasks_ask_for() -> None:
    made = [line for _, line in COMMAND_LINES if line.startswith("kubectl create secret")]
    assert made
    for line in made:
        group, key = re.search(r"generic (\S+) .*--from-literal=([^=]+)=", line).groups()  # type: ignore[union-attr]
        for block in FLYTE_1:
            for secret in re.findall(r"Secret\(([^)]*)\)", block.text):
                assert secret == f'group="{group}", key="{key}"', str(block)


# What a newcomer sees


def pattern(text: str) -> str:
    """A regular expression for what is printed: <...> stands for anything in a line."""
    return re.sub(r"<[^>\n]*>", ".+", re.escape(text.rstrip("\n")).replace(r"\ ", " "))


@pytest.mark.slow
@pytest.mark.newest
def test_getting_started_prints_what_the_page_says(tmp_path: Path, comet: CometServer) -> None:
    (tmp_path / "work" / "train.py").write_text(of_page("getting-started", "python")[0])
    result, offline, online, doctor = of_page("getting-started", "text")
    run = next(text for text in of_page("getting-started", "bash") if text.startswith("pyflyte run"))
    upload, check = (text for text in of_page("getting-started", "bash") if text.startswith("python -m"))

    def execute(command: str, **environment: str) -> str:
        words = shlex.split(command)
        words[0] = str(Path(sys.executable).with_name(words[0]))
        done = subprocess.run(
            words, capture_output=True, text=True, check=False, env={**os.environ, "COLUMNS": "200", **environment}
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return click.unstyle(done.stdout + done.stderr)

    account = {"COMET_API_KEY": CANARY, "COMET_URL_OVERRIDE": f"{comet.url}/clientlib/"}
    said = execute(run)
    assert re.search(pattern(result), said), said
    assert re.search(pattern(offline), said), said
    said = execute(run, **account)
    assert re.search(pattern(online).replace(re.escape("https://www.comet.com"), ".+"), said), said
    assert len(comet.experiments) == 1
    said = execute(upload, **account)
    assert len(comet.experiments) == 2, said
    said = execute(check)
    assert re.search(pattern(doctor), said), said


def test_the_inputs_that_the_page_says_are_logged_and_no_others(laptop: CometServer, tmp_path: Path) -> None:
    (block,) = (block for block in blocks("python") if block.page == "docs/experiment.md")
    module = loaded(block, tmp_path)
    module.train(optimizer=module.Optimizer(), max_tokens=512, hub_token="hf_0123456789")
    said = re.search(r"logs (.*?), and not (.*?)\.\n", prose(DOCS / "experiment.md"))
    assert said is not None
    logged, left_out = (set(re.findall(r"`(\S+)`", part)) for part in said.groups())
    assert logged <= set(laptop.only_experiment.parameters)
    assert left_out
    assert left_out.isdisjoint(laptop.only_experiment.parameters)


@pytest.mark.parametrize("number", [0, 1])
def test_code_for_the_earlier_plugin_gives_what_the_shorter_one_gives(
    number: int, laptop: CometServer, tmp_path: Path
) -> None:
    block = [block for block in blocks("python") if block.page == "docs/migrating.md"][number]
    assert loaded(block, tmp_path).train(epochs=4) == 4
    experiment = laptop.only_experiment
    assert [value for _, value in experiment.metrics["loss"]] == [0.25]
    assert str(experiment.parameters["epochs"]) == "4"
    assert not experiment.alive


# Options, errors and commands


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_has_a_section_with_its_default(option: str) -> None:
    sections = dict(re.findall(r"^### `(\w+)`\n\n(.*?)(?=^##|\Z)", page("options"), re.DOTALL | re.MULTILINE))
    default = OPTIONS[option].default
    if default is inspect.Parameter.empty:
        assert sections[option].startswith("Required.")
    else:
        shown = re.match(r"Default: `(.*?)`\.", sections[option])
        assert shown is not None
        assert ast.literal_eval(shown[1]) == default


def test_no_section_is_about_an_option_that_there_is_not() -> None:
    assert set(re.findall(r"^### `(\w+)`$", page("options"), re.MULTILINE)) == set(OPTIONS)


@pytest.mark.parametrize("name", [name for name, value in vars(errors).items() if inspect.isclass(value)])
def test_every_error_is_in_the_reference_and_in_troubleshooting(name: str) -> None:
    assert re.search(rf"^\| `{name}` \|", page("reference"), re.MULTILINE)
    assert f"`{name}`" in page("troubleshooting")


def test_every_command_is_in_the_reference_with_its_options() -> None:
    for name in COMMANDS:
        command = main.get_command(click.Context(main), name)
        assert command is not None
        row = re.search(rf"^\| `{name}` \|(.*)\|$", page("reference"), re.MULTILINE)
        assert row is not None
        options = {max(parameter.opts, key=len) for parameter in command.params if isinstance(parameter, click.Option)}
        assert set(re.findall(r"`(--[\w-]+)`", row[1])) == options


# Troubleshooting


def text_of(node: ast.expr) -> str | None:
    """A text of the source, with {} where a name or value is put in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.sub(r"%[.\d]*[srdfi]", "{}", node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return None


def nodes(kind: type) -> list[Any]:
    trees = [ast.parse(file.read_text()) for file in sorted(PACKAGE.rglob("*.py"))]
    return [node for tree in trees for node in ast.walk(tree) if isinstance(node, kind)]


@functools.cache
def texts() -> list[str]:
    """All texts of the source."""
    return [text_of(node) or "" for node in [*nodes(ast.Constant), *nodes(ast.JoinedStr)]]


def matcher(heading: str) -> re.Pattern[str]:
    """What finds a heading in a text: <...> in it stands for anything."""
    return re.compile(r"[\s\S]+?".join(re.escape(part) for part in re.split(r"<[^>]*>", heading)))


HEADINGS = [heading.strip("` ") for heading in headings(DOCS / "troubleshooting.md") if heading.startswith("``")]


@pytest.mark.parametrize("heading", HEADINGS)
def test_a_heading_of_troubleshooting_is_a_text_of_the_source(heading: str) -> None:
    assert any(matcher(heading).search(text) for text in texts())


def test_every_error_and_warning_of_the_source_has_a_heading_in_troubleshooting() -> None:
    ours = {name for name, value in vars(errors).items() if inspect.isclass(value)}
    said = [
        text
        for node in nodes(ast.Call)
        if ast.unparse(node.func) in {*ours, "logger.warning", "logger.error"} and node.args
        for text in [text_of(node.args[0])]
        # What the guard logs is told by who calls it.
        if text is not None and re.search("[a-z]", text)
    ]
    assert len(said) > 50
    assert [text for text in said if not any(matcher(heading).search(text) for heading in HEADINGS)] == []


# The drawing


def modules_of_package() -> set[str]:
    """Paths of the modules from the package's directory."""
    paths = (path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))
    return {path.as_posix() for path in paths if not path.name.startswith("__")}


def test_the_drawing_has_only_modules_that_there_are() -> None:
    drawing = ElementTree.parse(DOCS / "images" / "call.svg")
    texts = [element.text or "" for element in drawing.iter("{http://www.w3.org/2000/svg}text")]
    drawn = {name for text in texts for name in re.findall(r"[\w/]+\.py", text)}
    assert drawn <= modules_of_package()
    assert len(drawn) > 20


def test_the_tables_of_modules_have_each_of_them() -> None:
    tables = page("how-it-works").split("## The modules")[1]
    first_cells = [row.split("|")[1] for row in tables.splitlines() if row.startswith("| `")]
    named = set(re.findall(r"`([^`]+)`", " ".join(first_cells)))
    # One row is for all commands.
    assert named == {name for name in modules_of_package() if not name.startswith("cli/")} | {"cli/"}


# The site


@pytest.mark.parametrize("document", PAGES, ids=lambda path: path.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    for link in links(document):
        target, _, anchor = link.partition("#")
        if target.startswith(("https:", "http:")):
            continue
        file = document if not target else document.parent / target
        assert file.exists(), link
        if anchor:
            assert anchor in anchors(file), link


def test_every_page_is_in_the_navigation() -> None:
    text = (ROOT / "mkdocs.yml").read_text()
    named = set(re.findall(r": ([\w-]+\.md)$", text, re.MULTILINE))
    assert named == {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")}
    assert yaml.safe_load(text)["strict"] is True


@pytest.mark.newest
def test_the_site_builds_and_asks_nobody_else_for_anything(tmp_path: Path) -> None:
    pytest.importorskip("material")
    pytest.importorskip("mkdocstrings")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    sites = list((tmp_path / "site").rglob("*.html"))
    assert len(sites) > len(list(DOCS.rglob("*.md")))
    for site in sites:
        html = site.read_text(encoding="utf-8")
        fetched = re.findall(r"<(?:script|img|iframe|source)[^>]+src=\"?([^\" >]+)", html)
        fetched += re.findall(r"<link[^>]+rel=\"?(?:stylesheet|preconnect|icon)\"?[^>]*href=\"?([^\" >]+)", html)
        assert [address for address in fetched if "//" in address] == [], site
    reference = (tmp_path / "site" / "reference" / "index.html").read_text(encoding="utf-8")
    for option in OPTIONS:
        assert f">{option}</" in reference


@pytest.mark.parametrize("document", PAGES, ids=lambda path: path.name)
def test_a_page_has_one_title_and_ends_its_blocks(document: Path) -> None:
    text = prose(document)
    assert len(re.findall(r"^# ", text, re.MULTILINE)) == 1
    assert "```" not in text
