"""Make the README's picture of a deck: the example in a pod, with its deck as Chromium shows it.

python -m tests.support.deck_picture docs/images/deck.png     # needs Debian's `chromium`
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support import ROOT
from tests.support.canary import CANARY
from tests.support.comet_server import CometServer
from tests.support.pod import Pod

EXAMPLES = ROOT / "examples"
SIZE = "1180,730"


def main(picture: Path) -> None:
    """Run the example against the loopback server, and photograph the deck."""
    sys.path.insert(0, str(EXAMPLES))
    from digits import Optimizer

    with tempfile.TemporaryDirectory() as directory, CometServer(accepted_keys={CANARY}) as server:
        run = Pod(Path(directory), {"COMET_URL_OVERRIDE": f"{server.url}/clientlib/"}).run(
            (EXAMPLES / "digits.py").read_text(),
            "train",
            generated_name="ahq8bl2jkbsf7wxd4mzn-n0-1",
            inputs={"epochs": 60, "optimizer": Optimizer()},
            environment={"FLYTE_ATTEMPT_NUMBER": "1"},
        )
        deck = run.directory / "out" / "deck.html"
        chromium = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        shot = [f"--screenshot={picture.absolute()}", f"--window-size={SIZE}", "--force-device-scale-factor=1.5"]
        subprocess.run([*chromium, *shot, deck.as_uri()], check=True, capture_output=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
