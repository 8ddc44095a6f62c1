"""What an archive says, which of its messages are sent, and what an experiment looks like afterwards."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from flytekitplugins.comet_ml.archives.already_sent import Delivered, points_of, undelivered
from flytekitplugins.comet_ml.archives.archive import Message, read_archive, write_copy
from flytekitplugins.comet_ml.archives.run_order import names_that_stay, standing, state_after
from flytekitplugins.comet_ml.errors import ArchiveError
from hypothesis import given
from hypothesis import strategies as st

from tests.support.written_archives import KEY, asset, message, metric, output, write

# Reading


def test_an_archive_says_whose_it_is_and_how_the_run_ended(tmp_path: Path) -> None:
    archive = read_archive(
        write(
            tmp_path / "a.zip",
            [
                message("log_other", key="flyte_status", value="failed"),
                metric("loss", 1),
                metric("loss", 2, context="train"),
                message("log_other", key="flyte_status", value="finished"),
            ],
        )
    )
    assert (archive.key, archive.workspace, archive.project_name) == (KEY, "my-team", "digits")
    assert archive.status == "finished"
    assert archive.metrics == {("loss", None): 1, ("loss", "train"): 1}
    assert archive.types == {"log_other", "metric_msg"}
    assert archive.damaged == 0


def test_a_run_without_a_status_has_none(tmp_path: Path) -> None:
    assert read_archive(write(tmp_path / "a.zip", [metric("loss", 1)])).status is None


def test_an_archive_is_the_same_wherever_it_is_and_another_than_every_other(tmp_path: Path) -> None:
    one = read_archive(write(tmp_path / "a.zip", [metric("loss", 1)]))
    same = read_archive(write(tmp_path / "b.zip", [metric("loss", 1)], {"unused": "file"}))
    other = read_archive(write(tmp_path / "c.zip", [metric("loss", 1, time=2)]))
    assert one.digest == same.digest
    assert one.digest != other.digest


@pytest.mark.parametrize("name", ["/etc/passwd", "../secret", "missing"])
def test_a_file_that_is_not_in_the_archive_is_not_sent_wherever_a_path_leads(tmp_path: Path, name: str) -> None:
    stray = message("file_upload", file_path=name, additional_params={})
    path = write(tmp_path / "a.zip", [stray, metric("loss", 1)], {} if name == "missing" else {name: "x"})
    archive = read_archive(path)
    assert archive.damaged == 1
    assert [m.type for m in archive.messages()] == ["metric_msg"]


@pytest.mark.parametrize(
    "line", ["{", "[]", '{"type": "x"}', '{"type": "x", "payload": 1}', '{"type": "metric_msg", "payload": {}}']
)
def test_a_line_that_is_no_message_is_left_out_and_counted(tmp_path: Path, line: str) -> None:
    archive = read_archive(write(tmp_path / "a.zip", [metric("loss", 1), line]))
    assert archive.damaged == 1
    assert len(list(archive.messages())) == 1


def test_an_archive_of_which_no_line_can_be_read_is_damaged_and_not_empty(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match=r"is damaged \(none of its 2 messages can be read\)"):
        read_archive(write(tmp_path / "a.zip", ["{", "["]))


def test_an_archive_in_which_nothing_was_logged_is_empty(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="empty"):
        read_archive(write(tmp_path / "a.zip", []))


def test_bytes_that_have_changed_on_the_way_are_found(tmp_path: Path) -> None:
    path = write(tmp_path / "a.zip", [metric("loss", 1)])
    content = bytearray(path.read_bytes())
    content[content.index(b"metric_msg")] ^= 1
    path.write_bytes(content)
    with pytest.raises(ArchiveError, match="damaged"):
        read_archive(path)


# Copying


def test_a_copy_has_the_messages_that_are_to_be_sent_and_their_files_only(tmp_path: Path) -> None:
    messages = [asset("1"), asset("2"), metric("loss", 1)]
    archive = read_archive(write(tmp_path / "a.zip", messages, {"tmp1": "one", "tmp2": "two"}))
    before = (tmp_path / "a.zip").read_bytes()
    count = write_copy(archive, tmp_path / "b.zip", messages=[messages[1], messages[2]], resume_strategy="get")
    copy = read_archive(tmp_path / "b.zip")
    assert count == 2
    assert list(copy.messages()) == [messages[1], messages[2]]
    assert zipfile.ZipFile(tmp_path / "b.zip").namelist() == ["experiment.json", "messages.json", "tmp2"]
    assert copy.metadata["resume_strategy"] == "get"
    assert copy.key == KEY
    assert (tmp_path / "a.zip").read_bytes() == before


# What the server has


def test_what_the_server_has_is_not_sent_again() -> None:
    messages = [
        metric("loss", 0.5, step=1, time=10),
        metric("loss", 0.25, step=2, time=11),
        asset("1"),
        asset("2"),
        message("html", html="<b>x</b>"),
        message("log_other", key="a", value=1),
    ]
    delivered = Delivered(
        points=points_of([{"metricName": "loss", "metricValue": "0.5", "step": 1, "timestamp": 10}]),
        assets=frozenset({"1"}),
        html="<b>x</b><b>y</b>",
    )
    assert list(undelivered(messages, delivered)) == [messages[1], messages[3], messages[5]]


def test_output_is_compared_by_whole_lines_of_each_stream() -> None:
    messages = [
        output("epoch"),
        output("warning\n", stderr=True),
        output(" "),
        output("1\n"),
        output("epoch 2\nepoch 3\n"),
        output("cut off"),
    ]
    delivered = Delivered(lines=Counter(["epoch 1", "epoch 2", "cut"]))
    assert list(undelivered(messages, delivered)) == [messages[1], messages[4], messages[5]]


def test_others_and_parameters_are_kept_where_the_server_s_value_stays() -> None:
    messages = [
        message("log_other", key="flyte_attempt", value="0"),
        message("log_other", key="mine", value="1"),
        message("parameter_msg", param={"paramName": "rate", "paramValue": 1}),
        message("parameter_msg", param={"paramName": "rate", "paramValue": 1}, context="train"),
        message("parameter_msg", params={"paramName": "sizes", "paramValue": [1]}),
    ]
    delivered = Delivered(others=frozenset({"flyte_attempt"}), parameters=frozenset({"train_rate", "sizes"}))
    assert list(undelivered(messages, delivered)) == [messages[1], messages[2]]


values = st.one_of(
    st.floats(width=64), st.integers(-(2**70), 2**70), st.sampled_from(["NaN", "Infinity", "-Infinity", "True", ""])
)
metrics = st.lists(
    st.builds(
        metric,
        st.sampled_from(["loss", "train_loss", "a"]),
        values | st.sampled_from([0, 0.1, 1e-7]),
        st.none() | st.integers(0, 2),
        st.integers(1, 3),
        st.none() | st.just("train"),
    ),
    max_size=30,
)


def in_java(value: Any) -> str:
    if isinstance(value, float):
        return str(value).replace("e", "E").replace("inf", "Infinity").replace("nan", "NaN")
    return str(value)


def as_the_server_says(sent: Message) -> dict[str, Any]:
    """A metric as the REST API gives it back: its value as Java writes it, its context in front of the name."""
    payload, context = sent.payload["metric"], sent.payload["context"]
    return {
        "metricName": f"{context}_{payload['metricName']}" if context else payload["metricName"],
        "metricValue": in_java(payload["metricValue"]),
        "step": payload["step"],
        "timestamp": sent.payload["local_timestamp"],
        "runContext": context,
    }


def identities(messages: Iterable[Message]) -> Counter[tuple[Any, ...]]:
    return Counter(
        tuple(as_the_server_says(sent)[name] for name in ("metricName", "step", "timestamp")) for sent in messages
    )


@given(metrics, st.data())
def test_what_had_arrived_and_what_is_sent_then_is_everything_once(
    messages: list[Message], data: st.DataObject
) -> None:
    arrived = [sent for sent in messages if data.draw(st.booleans())]
    points = points_of(map(as_the_server_says, data.draw(st.permutations(arrived))))
    missing = list(undelivered(messages, Delivered(points=points)))
    everything = points_of(map(as_the_server_says, messages))
    assert points + points_of(map(as_the_server_says, missing)) == everything
    assert identities(arrived) + identities(missing) == identities(messages)
    # In their order, and nothing a second time.
    remaining = iter(messages)
    assert all(any(sent is candidate for candidate in remaining) for sent in missing)
    assert list(undelivered(messages, Delivered(points=everything))) == []


# How the experiment looks afterwards


def pod(node: str, attempt: int, task: str = "train") -> dict[str, str]:
    return {
        "flyte_execution": "e",
        "flyte_task": task,
        "flyte_node": f"e-{node}-{attempt}",
        "flyte_attempt": str(attempt),
    }


@pytest.mark.parametrize(
    "archived,stored,where",
    [
        (pod("n0", 0), None, "new"),
        (pod("n0", 0), pod("n0", 0), "same"),
        (pod("n0", 0), {}, "same"),
        ({}, pod("n0", 0), "same"),
        (pod("n0", 1), pod("n0", 0), "later"),
        (pod("n0", 10), pod("n0", 9), "later"),
        (pod("n0", 0), pod("n0", 1), "earlier"),
        (pod("n1", 0), pod("n0", 0), "beside"),
        (pod("n1", 1, "evaluate"), pod("n0", 0), "beside"),
        ({**pod("n1", 1), "flyte_attempt": "?"}, pod("n0", 0), "beside"),
    ],
)
def test_where_a_run_stands(archived: dict[str, str], stored: dict[str, str] | None, where: str) -> None:
    assert standing(archived, stored) == where


@pytest.mark.parametrize(
    "where,status,stored_status,stored_state,state",
    [
        ("new", None, None, None, "finished"),
        ("new", "failed", None, None, "crashed"),
        ("new", "terminated", None, None, "crashed"),
        ("new", "finished", None, None, "finished"),
        ("same", None, None, "running", "finished"),
        ("same", None, "failed", "crashed", "crashed"),
        ("same", "finished", "failed", "crashed", "finished"),
        ("later", None, "failed", "crashed", "finished"),
        ("later", "failed", None, "finished", "crashed"),
        ("earlier", "failed", None, "finished", "finished"),
        ("earlier", "failed", None, "running", "running"),
        ("beside", None, None, "running", "running"),
        ("beside", None, "failed", "crashed", "crashed"),
        ("beside", "failed", None, "finished", "crashed"),
    ],
)
def test_the_state_afterwards(where: Any, status: Any, stored_status: Any, stored_state: Any, state: str) -> None:
    assert state_after(where, status, stored_status, stored_state) == state


def test_a_run_only_replaces_what_it_is_the_successor_of() -> None:
    stored = {"mine": "1", "flyte_status": "finished", "flyte_error_type": "E"}
    assert names_that_stay("same", stored, None) == frozenset()
    assert names_that_stay("later", stored, "failed") == frozenset()
    assert names_that_stay("earlier", stored, "failed") == set(stored)
    assert names_that_stay("beside", stored, None) == set(stored)
    assert names_that_stay("beside", stored, "failed") == {"mine"}
