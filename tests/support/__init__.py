"""What the tests share: a Comet server, pods, a browser, and where things are."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
"""The checkout, or the directory that the tests were copied to."""

DATA = ROOT / "tests" / "data"
