"""Archives of a session, kept by several threads: a signal can come while the end is storing them."""

from __future__ import annotations

import threading
from pathlib import Path

from flytekitplugins.comet_ml.archives.store import OfflineArchives

from tests.support.written_archives import metric, write


def archives_in(directory: Path, *names: str) -> list[str]:
    return [str(write(directory / f"{name}.zip", [metric("loss", 1)])) for name in names]


def test_what_one_thread_is_storing_is_neither_stored_twice_nor_dropped(tmp_path: Path) -> None:
    stored: list[str] = []
    first_is_under_way, may_go_on = threading.Event(), threading.Event()

    def store(path: str) -> str:
        stored.append(Path(path).stem)
        if Path(path).stem == "a":
            first_is_under_way.set()
            may_go_on.wait(30)
        return f"s3://{Path(path).name}"

    archives = OfflineArchives(store)
    archives.add(archives_in(tmp_path, "a", "b", "c"))
    ending = threading.Thread(target=archives.keep, args=([],))
    ending.start()
    assert first_is_under_way.wait(30)
    archives.keep([])
    assert stored == ["a", "b", "c"]
    assert archives.pending == [str(tmp_path / "a.zip")]
    may_go_on.set()
    ending.join(30)
    assert sorted(archives.kept) == ["s3://a.zip", "s3://b.zip", "s3://c.zip"]
    assert stored == ["a", "b", "c"]
    assert archives.pending == []


def test_an_archive_that_was_written_anew_is_stored_again_and_named_once(tmp_path: Path) -> None:
    stored: list[str] = []

    def store(path: str) -> str:
        stored.append(path)
        return "s3://a.zip"

    archives = OfflineArchives(store)
    for _ in range(2):
        archives.add(archives_in(tmp_path, "a"))
        archives.keep([])
    assert len(stored) == 2
    assert archives.kept == ["s3://a.zip"]
