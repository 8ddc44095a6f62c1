"""Print what the Comet SDK recorded in an offline archive.

python examples/read_archive.py .cometml-runs        # the newest archive in a directory
python examples/read_archive.py ARCHIVE.zip
"""

import json
import sys
import zipfile
from pathlib import Path
from typing import Any


def read(archive: Path) -> dict[str, dict[str, Any]]:
    """Others and parameters (the last value of each) and metrics (all values) by name."""
    found: dict[str, dict[str, Any]] = {"others": {}, "parameters": {}, "metrics": {}}
    with zipfile.ZipFile(archive) as content:
        messages = [json.loads(line) for line in content.read("messages.json").splitlines()]
    for message in messages:
        payload = message["payload"]
        if message["type"] == "log_other":
            found["others"][payload["key"]] = payload["value"]
        elif message["type"] == "parameter_msg":
            found["parameters"][payload["param"]["paramName"]] = payload["param"]["paramValue"]
        elif message["type"] == "metric_msg":
            metric = payload["metric"]
            found["metrics"].setdefault(metric["metricName"], []).append((metric["step"], metric["metricValue"]))
    return found


def main(path: Path) -> None:
    """Print the archive, or the newest one in a directory."""
    if path.is_dir():
        archives = sorted(path.glob("*.zip"), key=lambda archive: archive.stat().st_mtime)
        if not archives:
            sys.exit(f"No archive in {path}.")
        path = archives[-1]
    print(f"Recorded in {path}:")
    for kind, values in read(path).items():
        print(f"  {kind}")
        for name, value in sorted(values.items()):
            if kind == "metrics":
                # System metrics are sampled by the SDK.
                if name.startswith("sys."):
                    continue
                value = ", ".join(f"{number:.4g} @ step {step}" for step, number in value)
            print(f"    {name}: {value}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
