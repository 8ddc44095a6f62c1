"""Settings come and go in layers."""

from __future__ import annotations

from typing import Any

import comet_ml
import pytest
from flytekitplugins.comet_ml.sdk.settings import SettingsLayer, rendered


def test_a_layer_leaves_the_environment_as_it_was() -> None:
    environ = {"COMET_WORKSPACE": "mine", "COMET_OFFLINE": "1", "HOME": "/home/me"}
    before = dict(environ)
    layer = SettingsLayer(environ)
    layer.set({"COMET_WORKSPACE": "theirs", "COMET_OFFLINE": None, "COMET_PROJECT_NAME": "p"})
    assert environ == {"COMET_WORKSPACE": "theirs", "COMET_PROJECT_NAME": "p", "HOME": "/home/me"}
    environ["COMET_LEFT_BEHIND"] = "by login"
    environ["OTHER"] = "kept"
    layer.remove()
    assert environ == {**before, "OTHER": "kept"}


def test_the_newest_layer_is_in_force_without_what_the_others_say() -> None:
    environ: dict[str, str] = {}
    outer = SettingsLayer(environ)
    outer.set({"COMET_EXPERIMENT_KEY": "outer"})
    inner = SettingsLayer(environ)
    assert environ == {}
    inner.remove()
    assert environ == {"COMET_EXPERIMENT_KEY": "outer"}
    outer.remove()


def test_what_code_under_a_layer_has_set_is_there_in_and_after_a_nested_one() -> None:
    environ = {"COMET_WORKSPACE": "mine"}
    outer = SettingsLayer(environ)
    outer.set({"COMET_EXPERIMENT_KEY": "outer", "COMET_WORKSPACE": "outer"})
    environ["COMET_DISABLE_AUTO_LOGGING"] = "1"
    inner = SettingsLayer(environ)
    inner.set({"COMET_PROJECT_NAME": "inner"})
    assert environ == {
        "COMET_WORKSPACE": "mine",
        "COMET_DISABLE_AUTO_LOGGING": "1",
        "COMET_PROJECT_NAME": "inner",
    }
    inner.remove()
    assert environ == {
        "COMET_WORKSPACE": "outer",
        "COMET_EXPERIMENT_KEY": "outer",
        "COMET_DISABLE_AUTO_LOGGING": "1",
    }
    outer.remove()
    assert environ == {"COMET_WORKSPACE": "mine"}


def test_layers_come_off_in_any_order() -> None:
    environ = {"COMET_WORKSPACE": "mine"}
    first = SettingsLayer(environ)
    first.set({"COMET_WORKSPACE": "first", "COMET_API_KEY": "k1"})
    second = SettingsLayer(environ)
    second.set({"COMET_WORKSPACE": "second"})
    assert environ == {"COMET_WORKSPACE": "second"}
    first.remove()
    assert environ == {"COMET_WORKSPACE": "second"}
    second.remove()
    second.remove()
    assert environ == {"COMET_WORKSPACE": "mine"}


def test_a_forgotten_setting_is_what_it_was_without_the_layer() -> None:
    environ = {"COMET_CONFIG": "/mine"}
    layer = SettingsLayer(environ)
    layer.set({"COMET_CONFIG": "/theirs"})
    layer.forget("COMET_CONFIG")
    assert environ == {"COMET_CONFIG": "/mine"}
    layer.remove()


@pytest.mark.parametrize(
    ("name", "value", "read_back"),
    [
        ("disable_auto_logging", True, 1),
        ("auto_log_code", False, False),
        ("timeout_cleaning", 12, 12),
        ("logging_metrics_ignore", ["a", "b"], ["a", "b"]),
        ("workspace", "team", "team"),
    ],
)
def test_the_sdk_reads_back_what_was_rendered(
    name: str, value: Any, read_back: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = rendered(value)
    assert text is not None
    monkeypatch.setenv(f"COMET_{name.upper()}", text)
    key = next(key for key in comet_ml.get_config().keys() if key[6:].replace(".", "_") == name)  # noqa: SIM118
    assert comet_ml.get_config(key) == read_back
