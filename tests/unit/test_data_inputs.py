"""Files, data sets, frames and arrays among the inputs: their address and shape are logged, nothing is downloaded."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from typing import Any

import pytest
from flytekit import StructuredDataset
from flytekit.types.directory import FlyteDirectory
from flytekit.types.file import FlyteFile

from tests.support.inputs import data, report


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (FlyteFile("s3://bucket/a.csv"), {"address": "s3://bucket/a.csv", "type": "FlyteFile"}),
        (FlyteFile["csv"]("s3://bucket/a.csv"), {"address": "s3://bucket/a.csv", "type": "FlyteFile"}),
        (FlyteFile("/data/a.csv"), {"address": "/data/a.csv", "type": "FlyteFile"}),
        (FlyteFile("/tmp/flyte-xyz/raw/a.csv"), {"type": "FlyteFile"}),
        (FlyteDirectory("gs://bucket/a"), {"address": "gs://bucket/a", "type": "FlyteDirectory"}),
        (StructuredDataset(uri="s3://bucket/a"), {"address": "s3://bucket/a", "type": "StructuredDataset"}),
        (
            FlyteFile("https://me:pass@host/a.csv?X-Amz-Signature=abc#x"),
            {"address": "https://host/a.csv", "type": "FlyteFile"},
        ),
        *(
            (FlyteFile(address), {"address": shown, "type": "FlyteFile"})
            for address, shown in [
                ("abfs://box@account.dfs.core.windows.net/a", "abfs://box@account.dfs.core.windows.net/a"),
                ("abfss://box@account.dfs.core.windows.net/a?sig=x", "abfss://box@account.dfs.core.windows.net/a"),
                ("wasbs://box@account.blob.core.windows.net/a", "wasbs://box@account.blob.core.windows.net/a"),
                ("abfs://me:pass@account.dfs.core.windows.net/a", "abfs://account.dfs.core.windows.net/a"),
                ("s3://AKIA:pass@bucket/a", "s3://bucket/a"),
                ("hdfs://me@name-node/a", "hdfs://name-node/a"),
                ("https://host:8443/a;jsessionid=abc/b", "https://host:8443/a/b"),
                ("https://me:pa/ss@host/a", "***"),
                ("https://hooks.slack.com/services/T0/B0/abc", "***"),
                ("https://host/hf_AbCdEfGhIjKlMnOpQrSt1234/a", "***"),
            ]
        ),
    ],
    ids=str,
)
def test_of_files_and_data_sets_the_address_is_logged(value: Any, shown: Any) -> None:
    found = report(a=value)
    assert json.loads(found.data or "") == {"a": shown}
    assert (found.parameters, found.left_out) == ({}, [])


def test_no_address_is_a_temporary_path(tmp_path: pathlib.Path) -> None:
    files = [FlyteFile(str(tmp_path / "a.csv")), StructuredDataset(uri=f"file://{tmp_path}/a")]
    assert str(tmp_path) not in str(report(a=files, b=tmp_path / "c"))


def test_files_in_lists_and_configs_are_data_under_their_names() -> None:
    @dataclasses.dataclass
    class Sources:
        train: FlyteFile
        fraction: float = 0.5

    found = report(sources=Sources(FlyteFile("s3://b/a")), more=[FlyteFile("s3://b/c")])
    assert found.parameters == {"sources.fraction": 0.5}
    assert {name: said["address"] for name, said in json.loads(found.data or "").items()} == {
        "sources.train": "s3://b/a",
        "more.0": "s3://b/c",
    }


def test_nothing_is_downloaded_for_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("downloaded")

    file = FlyteFile("s3://bucket/a.csv")
    monkeypatch.setattr(file, "_downloader", refuse)
    assert data(a=file)["a"]["address"] == "s3://bucket/a.csv"


def test_a_frame_of_pandas_is_data_with_shape_and_columns() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"x": [1, 2], "column_names": [3, 4]})
    assert data(a=frame) == {"a": {"type": "DataFrame", "shape": [2, 2], "columns": ["x", "column_names"]}}
    assert data(a=StructuredDataset(dataframe=frame))["a"]["shape"] == [2, 2]
    assert data(a=frame["x"])["a"]["shape"] == [2]
    wide = pandas.DataFrame([range(300)])
    assert data(a=wide)["a"]["columns"][-2:] == ["49", "..."]


def test_a_frame_of_polars_or_arrow_is_data_with_shape_and_columns() -> None:
    polars, arrow = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    assert data(a=polars.DataFrame({"x": [1]})) == {"a": {"type": "DataFrame", "shape": [1, 1], "columns": ["x"]}}
    assert data(a=arrow.table({"x": [1]})) == {"a": {"type": "Table", "shape": [1, 1], "columns": ["x"]}}


def test_an_array_is_data_with_shape_and_type() -> None:
    np = pytest.importorskip("numpy")
    assert data(a=np.zeros((8, 8))) == {"a": {"type": "ndarray", "shape": [8, 8], "dtype": "float64"}}


def test_much_data_is_short_and_whole_in_the_asset() -> None:
    np = pytest.importorskip("numpy")
    found = report(arrays=[np.zeros((8, 8)) for _ in range(200)])
    assert len(json.loads(found.data or "")) > 10
    assert len(found.data or "") <= 1000
    assert len(json.loads(found.asset or "")["arrays"]) == 200


def test_one_long_address_does_not_keep_the_others_out() -> None:
    files = [FlyteFile("s3://b/" + "x" * 2000), FlyteFile("s3://b/a")]
    assert data(a=files) == {"a.1": {"address": "s3://b/a", "type": "FlyteFile"}}
