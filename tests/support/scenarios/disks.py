"""Scenarios of the fault matrix: the pod's disks and the blob store."""

from __future__ import annotations

from tests.support.faults import read_only, small
from tests.support.scenario import Scenario
from tests.support.scenarios.situations import HALF, HALVES, archived, never
from tests.support.stage import gone

POD = "The pod's disks and the blob store"

FULL = """
import tempfile

def full(function):
    @functools.wraps(function)
    def filled():
        # Once Python knows where temporary files go, it looks for no disk with room.
        tempfile.gettempdir()
        files = [Path("filler"), *(Path(os.environ[name]) / "filler" for name in ("TMPDIR", "HOME"))]
        for file in files:
            try:
                with file.open("wb", buffering=0) as content:
                    while content.write(b"x" * 512):
                        pass
            except OSError as error:
                print("FULL:", error)
        try:
            return function()
        finally:
            for file in files:
                file.unlink(missing_ok=True)
    return filled
"""

CLEAN_UP = """
import shutil

def clean_up():
    for path in Path(os.environ["TMPDIR"]).iterdir():
        # Its own are Flyte's, which needs them.
        if not path.name.startswith("flyte"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
"""

THE_POD_S = [
    Scenario(
        name="refused, and the blob store fails",
        group=POD,
        prepare=never,
        blob_store="{room}/out/inputs.pb/raw",
        state="none",
        local=True,
        warns=2,
    ),
    Scenario(
        name="refused, and the blob store hangs, `end_timeout=10`",
        group=POD,
        prepare=never,
        blob_store="stuck://raw/x",
        options={"end_timeout": 10},
        state="none",
        local=True,
        warns=2,
        end_limit=15,
        slow=True,
    ),
    Scenario(name="disk full", group=POD, disk=small, module=FULL, above="@full", proof="FULL: [Errno 28]"),
    Scenario(
        name="disk full, and the server refused",
        archive=None,
        group=POD,
        disk=small,
        module=FULL,
        above="@full",
        proof="FULL: [Errno 28]",
        prepare=never,
        state="none",
        lost="everything: there is no place for an archive",
        warns=3,
        slow=True,
    ),
    Scenario(
        name="disk full, and the server gone in the middle",
        archive=None,
        group=POD,
        disk=small,
        module=FULL,
        above="@full",
        proof="FULL: [Errno 28]",
        body=HALVES,
        steps=((HALF, gone),),
        state="running",
        lost="what had not arrived",
        warns=None,
        slow=True,
    ),
    Scenario(
        name="small disks, the server refused, and 8,000 metrics",
        group=POD,
        disk=small,
        body="log(8000)",
        prepare=never,
        lost="what there is no room for",
        slow=True,
        **archived(warns=3),
    ),
    Scenario(
        name="small disks, the server refused, and an asset of 3 MB",
        group=POD,
        disk=small,
        body='log(200)\ncomet_ml.get_running_experiment().log_asset_data("x" * 3_000_000, name="large")',
        prepare=never,
        slow=True,
        **archived(warns=3),
    ),
    Scenario(
        name="the server refused, and the body removes what is in `TMPDIR`",
        group=POD,
        module=CLEAN_UP,
        body="log(100)\nclean_up()\nlog(100)",
        prepare=never,
        **archived(),
    ),
    Scenario(
        name="the server gone in the middle, and the body removes what is in `TMPDIR`",
        group=POD,
        module=CLEAN_UP,
        body=HALVES + "\nclean_up()",
        steps=((HALF, gone),),
        state="running",
        archive=True,
        slow=True,
    ),
    Scenario(name="working directory and home are read-only", group=POD, disk=read_only, slow=True),
    Scenario(
        name="working directory and home are read-only, and the server refused",
        group=POD,
        disk=read_only,
        prepare=never,
        **archived(),
    ),
    Scenario(
        name="working directory and home are read-only, and the server gone in the middle",
        group=POD,
        disk=read_only,
        body=HALVES,
        steps=((HALF, gone),),
        state="running",
        archive=True,
        slow=True,
    ),
]
