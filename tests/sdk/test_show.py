"""The command `show`: what is in offline archives, without an account and without a request."""

from __future__ import annotations

import math
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flytekitplugins.comet_ml.cli import main

from tests.support.comet_server import CometServer
from tests.support.offline_runs import KEY, archived, losses, points_of
from tests.support.written_archives import asset, metric, other, parameter, write


def show(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["show", *map(str, arguments)])


def row_of(output: str, name: str) -> list[str]:
    """The cells of the row that begins with a name."""
    (line,) = (line for line in output.splitlines() if line.strip().startswith(f"{name} "))
    return re.split(r"  +", line.strip())


def log_everything(experiment: Any) -> None:
    experiment.set_name("a try")
    losses(range(100))(experiment)
    with experiment.train():
        experiment.log_metric("accuracy", 0.5, step=1)
    experiment.log_metric("diverged", float("nan"))
    experiment.log_parameter("rate", 0.1)
    experiment.log_other("flyte_status", "failed")
    experiment.log_other("flyte_error_type", "ValueError")
    experiment.log_other("flyte_error_message", "no data")
    experiment.log_asset_data("content", name="notes.txt")
    experiment.log_asset_data("Traceback <of> train", name="traceback.txt")
    experiment.add_tag("nightly")


# In the terminal


def test_an_archive_of_the_sdk_is_shown_with_everything_that_people_look_for(tmp_path: Path) -> None:
    result = show(archived(tmp_path / "raw", log_everything))
    assert result.exit_code == 0, result.output
    assert row_of(result.output, "experiment key") == ["experiment key", KEY]
    assert row_of(result.output, "workspace") == ["workspace", "my-team"]
    assert row_of(result.output, "project") == ["project", "digits"]
    assert row_of(result.output, "status") == ["status", "failed: ValueError: no data"]
    assert row_of(result.output, "tags") == ["tags", "nightly"]
    assert re.search(r"^ +duration +\d+\.\d s$", result.output, re.MULTILINE)
    assert row_of(result.output, "rate") == ["rate", "0.1"]
    assert row_of(result.output, "loss")[2:] == ["0.33333", "0.0098039", "0.0098039", "0.33333", "100"]
    assert row_of(result.output, "train_accuracy")[1:] == ["0.5", "0.5", "0.5", "0.5", "1"]
    assert row_of(result.output, "diverged")[-1] == "1, 1 not finite"
    assert row_of(result.output, "notes.txt") == ["notes.txt", "asset", "7 bytes"]
    assert "sys." not in result.output
    assert "curr_step" not in result.output


def test_the_command_that_it_names_sends_the_archive_from_any_directory(laptop: CometServer, tmp_path: Path) -> None:
    place = tmp_path / "it's here"
    place.mkdir()
    write(place / "a.zip", [metric("loss", 1)])
    os.chdir(place)
    command = show("a.zip").output.splitlines()[-1].strip()
    done = subprocess.run(command, shell=True, cwd="/", capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert points_of(laptop.only_experiment) == {(0, 1): 1}
    assert shlex.split(command)[0] == sys.executable


def test_it_needs_neither_flytekit_nor_the_sdk_nor_the_network(tmp_path: Path) -> None:
    write(tmp_path / "a.zip", [metric("loss", 1)])
    script = (
        "import sys, socket\n"
        "sys.modules.update(flytekit=None, comet_ml=None)\n"
        "socket.socket.connect = socket.getaddrinfo = None\n"
        "from flytekitplugins.comet_ml.cli import main\n"
        f"main(['show', {str(tmp_path / 'a.zip')!r}])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert KEY in done.stdout


@pytest.mark.parametrize("variable", [None, "elsewhere"])
def test_without_a_path_the_archives_that_runs_have_left_are_shown(
    variable: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if variable:
        monkeypatch.setenv("COMET_OFFLINE_DIRECTORY", variable)
    directory = Path(variable or ".cometml-runs")
    directory.mkdir()
    write(directory / "a.zip", [metric("loss", 1)])
    assert KEY in show().output


def test_where_no_run_was_offline_it_says_so() -> None:
    result = show()
    assert result.exit_code == 1
    assert "There is no directory .cometml-runs here, so no run has left an archive." in result.output


def test_of_many_archives_each_has_a_line_the_newest_last(tmp_path: Path) -> None:
    for number in range(5):
        messages = [metric("loss", 1), other("Name", f"try {number}")]
        started = 1_800_000_000_000 - number * 60_000
        write(tmp_path / f"{number}.zip", messages, start_time=started, stop_time=started + 125_000)
    result = show(tmp_path)
    rows = [line for line in result.output.splitlines() if ".zip" in line]
    assert [re.search(r"try \d", row)[0] for row in rows] == [f"try {n}" for n in (4, 3, 2, 1, 0)]  # type: ignore[index]
    assert all("my-team/digits" in row and "2 min 5 s" in row and row.endswith("finished") for row in rows)
    assert result.exit_code == 0


def test_a_run_that_does_not_say_how_it_ended_went_well(tmp_path: Path) -> None:
    assert row_of(show(write(tmp_path / "a.zip", [metric("loss", 1)])).output, "status") == ["status", "finished"]


def test_a_node_that_shares_its_experiment_is_shown_with_its_own_status(tmp_path: Path) -> None:
    others = {"n0/flyte_node": "e-n0-0", "n0/flyte_status": "failed", "n0/flyte_error_type": "KeyError"}
    path = write(tmp_path / "a.zip", [other(name, value) for name, value in others.items()])
    assert row_of(show(path).output, "status") == ["status", "failed: KeyError"]


def test_metrics_are_drawn_as_they_went(tmp_path: Path) -> None:
    courses = {
        "up": ([1, 2, 3, 4, 5, 6, 7, 8], "▁▂▃▄▅▆▇█"),
        "level": ([3, 3, 3], "▅▅▅"),
        "huge": ([-1.7e308, 1.7e308], "▁█"),
        "tiny": ([0, 5e-324], "▁█"),
        "holes": ([1, float("nan"), float("inf"), 2], "▁█"),
    }
    messages = [metric(name, v, step=i) for name, (values, _) in courses.items() for i, v in enumerate(values)]
    output = show(write(tmp_path / "a.zip", messages)).output
    assert {name: row_of(output, name)[1] for name in courses} == {name: line for name, (_, line) in courses.items()}


def test_texts_as_metrics_are_shown_by_their_last_value(tmp_path: Path) -> None:
    path = write(tmp_path / "a.zip", [metric("verdict", "bad"), metric("verdict", "good")])
    assert row_of(show(path).output, "verdict") == ["verdict", "good", "2"]


def test_long_lists_are_cut_and_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "a.zip", [parameter(f"p{number}", "x" * 1000) for number in range(1000)])
    output = show(path).output
    assert "Parameters (1,000)" in output
    assert "and 960 more" in output
    assert max(map(len, output.splitlines())) < 200


def test_nothing_in_an_archive_reaches_the_terminal_as_a_command(tmp_path: Path) -> None:
    evil = "a\x1b[2J\x9b1A\u202eb\nc"
    messages = [metric(evil, 1), parameter(evil, evil), other(evil, evil), other("Name", evil), asset("1")]
    path = write(tmp_path / "a.zip", messages, {"tmp1": ""}, tags=[evil], workspace=evil, project_name=evil)
    output = show(path).output
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", output)


@pytest.mark.parametrize("time", [None, "soon", -1, math.inf, math.nan, 1e300, [1]])
def test_times_that_are_none_are_left_out(tmp_path: Path, time: Any) -> None:
    result = show(write(tmp_path / "a.zip", [metric("loss", 1)], start_time=time, stop_time=time))
    assert result.exit_code == 0
    assert "started" not in result.output
    assert "duration" not in result.output


# What cannot be shown


def damaged_file(path: Path) -> None:
    write(path, [metric("loss", 1)])
    path.write_bytes(path.read_bytes()[:-60])


def no_zip(path: Path) -> None:
    path.write_text("something else")


def empty(path: Path) -> None:
    write(path, [])


def strange(path: Path) -> None:
    write(path, ['{"type": "parameter_msg", "payload": {"param": [1]}}'])


def missing(path: Path) -> None:
    pass


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (damaged_file, "is damaged"),
        (no_zip, "is no offline archive"),
        (empty, "is an empty archive"),
        (strange, "is damaged"),
        (missing, "there is no such file"),
    ],
)
@pytest.mark.parametrize("page", [False, True])
def test_what_cannot_be_shown_is_one_line_and_a_failure(make: Any, said: str, page: bool, tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    make(path)
    result = show(path, *(["--html", "page.html"] if page else []))
    assert result.exit_code == 1
    (line,) = result.output.splitlines()
    assert line.startswith(f"{path}: {said}")


def test_a_bad_archive_beside_good_ones_does_not_hide_them(tmp_path: Path) -> None:
    no_zip(tmp_path / "a.zip")
    write(tmp_path / "b.zip", [metric("loss", 1)])
    result = show(tmp_path)
    assert result.exit_code == 1
    assert KEY in result.stdout
    assert "a.zip: is no offline archive" in result.stderr


def test_an_archive_with_damaged_messages_is_shown_and_a_failure(tmp_path: Path) -> None:
    result = show(write(tmp_path / "a.zip", [metric("loss", 1), "{"]))
    assert result.exit_code == 1
    assert row_of(result.stdout, "loss")[-1] == "1"
    assert "is damaged: 1 of its messages cannot be read." in result.stderr


# As a page


def test_the_page_has_what_the_deck_has_and_asks_nobody_for_anything(tmp_path: Path) -> None:
    result = show("--html", tmp_path / "run.html", archived(tmp_path / "raw", log_everything))
    assert result.exit_code == 0, result.output
    assert result.output == f"Written to {tmp_path}/run.html: open it in a browser.\n"
    page = (tmp_path / "run.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert "<title>a try</title>" in page
    for text in ("ValueError: no data", "Traceback &lt;of&gt; train", "nightly", "<dt>Started", "<dt>Duration", "<svg"):
        assert text in page
    assert f"https://www.comet.com/my-team/digits/{KEY}" in page
    assert f"upload {tmp_path}/raw/{KEY}" in page
    assert not re.search(r"<(?:script|img|link|iframe)|url\(|@import", page)


def test_the_page_names_the_server_to_which_upload_sends(laptop: CometServer, tmp_path: Path) -> None:
    show("--html", tmp_path / "run.html", write(tmp_path / "a.zip", [metric("loss", 1)]))
    assert f"{laptop.url}/my-team/digits/{KEY}" in (tmp_path / "run.html").read_text(encoding="utf-8")


def test_a_page_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    result = show("--html", tmp_path / "nowhere" / "run.html", write(tmp_path / "a.zip", [metric("loss", 1)]))
    assert result.exit_code == 1
    assert "cannot be written" in result.output


# The command line


def test_the_version_is_that_of_everything_that_matters() -> None:
    result = CliRunner().invoke(main, ["--version"])
    assert result.exit_code == 0
    assert re.search(r"^flytekitplugins-comet-ml \d", result.output)
    assert re.search(r"^comet-ml \d", result.output, re.MULTILINE)
    assert re.search(r"^flyte(?:kit)? \d", result.output, re.MULTILINE)


def test_the_console_script_is_the_command() -> None:
    script = Path(sys.executable).with_name("comet-flyte")
    done = subprocess.run([script, "--help"], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Usage: comet-flyte ")


def test_a_terminal_that_has_not_every_character_is_no_error(tmp_path: Path) -> None:
    path = write(tmp_path / "a.zip", [metric("größe", value) for value in (1, 2)])
    command = [sys.executable, "-m", "flytekitplugins.comet_ml", "show", str(path)]
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    done = subprocess.run(command, capture_output=True, check=False, timeout=120, env=environment)
    assert done.returncode == 0, done.stderr
    assert "größe  ??" in done.stdout.decode("latin-1")
