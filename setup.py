"""Packaging of flytekitplugins-comet-ml."""

import re
from pathlib import Path

from setuptools import find_namespace_packages, setup


def description() -> str:
    """The README, without links and pictures that lead into the repository: on PyPI they would lead nowhere."""
    text = Path(__file__).with_name("README.md").read_text(encoding="utf-8")
    return re.sub(r"(!?)\[([^\]]+)\]\((?!https?:)[^)]+\)", lambda link: "" if link[1] else link[2], text)


setup(
    name="flytekitplugins-comet-ml",
    version="2.0.0",
    description="Track Flyte tasks in Comet: one decorator, one experiment, from its start to its truthful end",
    long_description=description(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    packages=find_namespace_packages(include=["flytekitplugins.comet_ml", "flytekitplugins.comet_ml.*"]),
    package_data={"flytekitplugins.comet_ml": ["py.typed", "deck/deck.css", "cli/resolver.html"]},
    python_requires=">=3.10,<3.15",
    # flytekit has no release for later Pythons yet: there, the extra brings the only front end.
    install_requires=['flytekit>=1.12.3; python_version < "3.13"', "comet-ml>=3.43.2"],
    extras_require={"flyte2": ["flyte>=2.12"]},
    # flytekit loads what is named here when it is imported, and so before flyte-migrate, which otherwise puts an empty
    # `flytekitplugins` in the place of ours.
    entry_points={
        "flytekit.plugins": ["comet_ml=flytekitplugins.comet_ml"],
        "pytest11": ["comet_ml_flyte=flytekitplugins.comet_ml.testing"],
        "console_scripts": ["comet-flyte=flytekitplugins.comet_ml.cli:main"],
    },
    classifiers=[
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Programming Language :: Python :: 3.14",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Typing :: Typed",
    ],
)
