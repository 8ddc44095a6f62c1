"""Secrets beside their names: in records, columns, pairs and commands; and records of something else."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from flytekitplugins.comet_ml.inputs.report import input_report


def shown(**arguments: Any) -> Any:
    return input_report(arguments, True, ()).parameters


PAIRS = [
    {"name": "DB_PASSWORD", "value": "hunter2"},
    {"key": "api_key", "val": "x"},
    {"field": "password", "value": "correct"},
    {"Name": "db-password", "Value": "correct"},
    [{"name": "DB_PASSWORD", "value": 1234}],
    [["api_key", "correct"], ["lr", "0.1"]],
    [("Authorization", "Bearer abc")],
    ("api_key", "hunter2"),
    ["--lr", "0.1", "--password", "correct"],
    ["train", "--hub-token", "x", "-v"],
    ["curl", "-u", "me:hunter2", "https://host"],
    ["mysql", "-u", "root", "-phunter2"],
    ["docker", "login", "-u", "me", "-p", "hunter2"],
]


@pytest.mark.parametrize("value", PAIRS, ids=str)
def test_a_value_beside_the_name_of_a_secret_is_not_shown(value: Any) -> None:
    found = str(input_report({"a": value}, True, ()).parameters)
    assert not [text for text in ("hunter2", "correct", "Bearer", "1234", "'x'", '"x"') if text in found]


def test_a_value_beside_another_name_is_shown() -> None:
    values = {"a": {"name": "lr", "value": 0.1}, "b": [["label", "x"]], "c": ["--lr", "0.1"], "d": ["token", "label"]}
    assert shown(**values) == {
        "a.name": "lr",
        "a.value": 0.1,
        "b": '[["label", "x"]]',
        "c": '["--lr", "0.1"]',
        "d": '["token", "label"]',
    }


@dataclasses.dataclass
class Variable:
    label: str
    data: str


RECORDS = [
    {"ParameterKey": "DB_PASSWORD", "ParameterValue": "hunter2x"},
    {"parameter_key": "DB_PASSWORD", "parameter_value": "correct"},
    {"env_name": "DB_PASSWORD", "env_value": "correct", "a": 1, "b": 2, "c": 3},
    {"name": "DB_PASSWORD", "string_value": "hunter2x"},
    {"k": "API_TOKEN", "v": "hunter2x"},
    {"k": "DB_PASSWORD_PROD", "v": "hunter2x"},
    {"k": "aws_secret_access_key", "v": ["hunter2x"]},
    {"field": "password", "text": "hunter2x", "required": True},
    {"text": "hunter2x", "label": "пароль"},
    {"k": "token", "v": "9f86d081884c7d659a2feaa0c55ad015"},
    {"name": ["DB_PASSWORD"], "value": ["hunter2x"]},
    {"k": ["lr", "DB_PASSWORD"], "v": ["0.1", "hunter2x"]},
    {"id": "AKIAIOSFODNN7EXAMPLE", "sk": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"},
    Variable("DB_PASSWORD", "hunter2x"),
]


@pytest.mark.parametrize("record", RECORDS, ids=str)
def test_a_value_in_a_record_with_the_name_of_a_secret_is_not_shown_whatever_its_key(record: Any) -> None:
    found = str(input_report({"a": record, "b": [record]}, True, ()))
    assert not [text for text in ("hunter2x", "correct", "9f86d081", "wJalr") if text in found]


def test_the_name_and_words_and_numbers_beside_it_are_shown() -> None:
    record = {"k": "DB_PASSWORD", "type": "text", "size": 3, "v": "hunter2x"}
    assert shown(a=record) == {"a.k": "DB_PASSWORD", "a.type": "text", "a.size": 3}


def test_what_is_beside_the_id_of_an_account_is_shown_unless_it_is_opaque() -> None:
    record = {"id": "AKIAIOSFODNN7EXAMPLE", "region": "us-east-1", "bucket": "data2"}
    assert shown(a=record) == {"a.region": "us-east-1", "a.bucket": "data2"}


HARMLESS = [
    {"name": "tokenizer", "path": "gpt2"},
    {"label": "key_dim", "value": 64},
    {"name": "bos_token", "content": "<s>"},
    {"dataset": "credit_card_fraud", "model": "gpt2"},
    {"task": "secret_detection", "model": "gpt2"},
    {"target": "password_strength", "model": "gpt2"},
    {"class": "cookie", "id": "class_3"},
    {"column": "token", "label": "ner_tags", "model": "gpt2"},
    {"status": "pass", "run": "a1"},
    {"auth": 1, "key": "user_id", "path": "s3://bucket/x1.csv"},
    {"stop": "password", "model": "gpt2", "size": 3, "path": "data/x1.csv", "lr": 0.1},
    {"stop": "password", "model": {"name": "gpt2", "path": "data/x1.csv"}},
    {"dataset_name": "token_bench", "train": "x1.csv", "val": "x2.csv", "lr": 0.1, "size": 3},
]


@pytest.mark.parametrize("config", HARMLESS, ids=str)
def test_a_config_in_which_a_text_only_sounds_like_a_secret_is_shown_whole(config: Any) -> None:
    found = input_report({"a": config}, True, ())
    assert (found.left_out, len(found.parameters) >= len(config)) == ([], True)


def test_a_list_of_labels_hides_no_other_list() -> None:
    config = {"features": ["user", "password"], "models": ["gpt2", "gpt2", "gpt2"], "path": "x1.csv"}
    assert len(shown(a=config)) == 3
    assert "***" not in str(shown(a=config))
