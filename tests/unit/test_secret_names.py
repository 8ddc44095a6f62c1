"""Names and values that speak of a secret, and those that only sound like it."""

from __future__ import annotations

from typing import Any

import pytest
from flytekitplugins.comet_ml import InvalidOptionError
from flytekitplugins.comet_ml.inputs.arguments import check_no_secrets
from flytekitplugins.comet_ml.inputs.report import input_report
from flytekitplugins.comet_ml.inputs.secret_names import looks_secret, speaks_of_a_secret

SECRET = """
api_key apiKey APIKEY x-api-key openai_api_key OPENAI_KEY comet_api_key wandb_key ssh_key private_key private_keys
signing_key encryption_key access_key aws_secret_access_key aws_access_key_id azure_account_key storage_key
hub_token hf_token hfToken HF_TOKEN accessToken access_token refresh_token id_token github_token slack_bot_token
bot_token user_token session_token aws_session_token push_to_hub_token hubtoken authToken apitokenv2 token token1
token_file token_value csrf_token bearer jwt
password db_password dbpassword PGPASSWORD passwordhash passwd passphrase pwd mysql_pwd db_pass smtp_pass
secret secrets client_secret SECRET_NAME secretvalue clientSecret credential credentials gcp_creds
authorization Authorization cookie keyfile oauth
""".split()

DOUBTFUL = (
    "key keys key_path tokens acme_key acme_token max_tokens_text auth auth_header pass my_pass public_key".split()
)

TECHNICAL = """
eos_token bos_token pad_token unk_token mask_token sep_token cls_token stop_token image_token special_tokens
additional_special_tokens label_key target_key feature_keys sort_key metric_key group_key batch_key key_column
key_prefix token_type pass_name forward_pass
""".split()

NUMBERS = """
key_dim num_keys n_keys key_size key_dropout max_tokens max_new_tokens context_tokens tokens_per_batch pad_token_id
eos_token_id max_token_length token_dropout pass_threshold n_passes pass_rate tokens token_budget num_key_value_heads
""".split()

PLAIN = """
lr epochs tokenizer tokenizer_name tokenization detokenizer keyboard keypoints keyword keyframes monkey turkeys
secretary hockey_team author compass bypass passenger keynote batch_size
""".split()


def shown(**arguments: Any) -> Any:
    return input_report(arguments, True, ()).parameters


@pytest.mark.parametrize("name", SECRET)
def test_a_name_of_a_secret_keeps_everything_out(name: str) -> None:
    for value in ("x", "hf_abc", 512, 0.5, True, None, ["x"], {"a": "x"}, {"a": 1}):
        assert shown(**{name: value}) == {}
        assert shown(config={name: value}) == {}


@pytest.mark.parametrize("name", DOUBTFUL)
def test_a_key_or_token_of_unknown_kind_is_shown_as_a_number_and_not_as_a_text(name: str) -> None:
    assert shown(**{name: "x"}) == {}
    assert shown(**{name: ["x", "y"]}) == {}
    assert shown(**{name: 3}) == {name: 3}


@pytest.mark.parametrize("name", TECHNICAL)
def test_a_token_or_key_of_machine_learning_is_shown(name: str) -> None:
    for value in ("</s>", "label", "<|endoftext|>", "[PAD]", "", "###"):
        assert shown(**{name: value}) == {name: value}


@pytest.mark.parametrize("name", TECHNICAL)
def test_a_text_that_is_no_word_is_not_shown_under_such_a_name(name: str) -> None:
    for value in ("9f86d081884c7d659a2feaa0c55ad015", "wJalrXUtnFEMI7K7MDENG0bPxRfiCYEXAMPLEKEY", "x" * 65):
        assert shown(**{name: value}) == {}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_or_a_bool_is_no_secret(name: str) -> None:
    for value in (512, 0.5, False, None):
        assert shown(**{name: value}) == {name: value}


@pytest.mark.parametrize("name", PLAIN)
def test_a_name_that_only_sounds_like_it_is_shown(name: str) -> None:
    assert not speaks_of_a_secret(name)
    assert shown(**{name: "x"}) == {name: "x"}


def test_a_number_of_secrets_and_a_switch_are_shown() -> None:
    values = {"max_api_keys": 3, "password_length": 12, "use_auth_token": True, "n_secrets": 2, "token_timeout": 5}
    assert shown(**values) == values


def test_the_worst_name_on_the_way_counts() -> None:
    assert shown(tokens={"mine": "x", "number": 3}) == {"tokens.number": 3}
    assert shown(secrets={"lr": 0.1}) == {}


def test_a_special_token_is_shown_whatever_its_name() -> None:
    assert shown(acme_token="<|im_start|>") == {"acme_token": "<|im_start|>"}


LOOKS = [
    "hf_AbCdEfGhIjKlMnOpQrSt1234",
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "github_pat_11ABCDEFG0abcdefghijkl_mnopq",
    "glpat-ABCdef1234567890xyzz",
    "sk-proj-abcDEF1234567890abcdef",
    "sk_live_abcDEF1234567890abcdef",
    "xoxb-123456789012-abcdefABCDEF",
    "AKIAIOSFODNN7EXAMPLE",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.abc",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIE",
    "-----BEGIN PRIVATE KEY-----",
    "Authorization: Bearer abcdef1234567890",
    "postgresql://me:hunter2@host/db",
    "redis://:hunter2@host",
    "https://bucket/x?X-Amz-Signature=abc",
    "AccountName=a;AccountKey=abcd1234==",
    "Server=x;Password=hunter2;",
    "--hub-token hunter2 --lr 0.1",
    "--password=hunter2",
    '{"api_key": "hunter2"}',
    "password: hunter2",
]


@pytest.mark.parametrize("text", LOOKS)
def test_a_text_that_looks_secret_is_not_shown_whatever_its_name(text: str) -> None:
    assert shown(note=text) == {}
    assert shown(notes=[text, "a"]) == {"notes": '["***", "a"]'}
    assert shown(config={"note": text}) == {}
    assert text not in str(input_report({"note": f"{text} " * 100}, True, ()))


@pytest.mark.parametrize(
    "text",
    [
        "bert-base-uncased",
        "hf-internal-testing/tiny-random-gpt2",
        "s3://bucket/a/b",
        "https://example.com/a?b=c",
        "max_tokens=512",
        "--lr 0.1 --max-tokens 512",
        "2026-01-02T00:00:00+00:00",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
        "Summarise the text. Use at most 100 tokens: no more.",
        "user@example.com",
        "sk-learn-based-classifier",
        "a basic internationalization",
        "token: null",
    ],
)
def test_an_ordinary_text_does_not_look_secret(text: str) -> None:
    assert not looks_secret(text)


def test_a_secret_that_is_named_is_refused_with_the_reason() -> None:
    def train(api_key: str, epochs: int) -> None: ...

    with pytest.raises(InvalidOptionError, match="`log_inputs` names 'api_key', which speaks of a secret"):
        check_no_secrets("log_inputs", ["epochs", "api_key"], train)


def test_what_only_may_be_a_secret_can_be_named_as_a_number() -> None:
    def train(tokens: int, acme_key: str, eos_token: str) -> None: ...

    check_no_secrets("log_inputs", ["tokens", "eos_token"], train)
    with pytest.raises(InvalidOptionError, match="'acme_key'"):
        check_no_secrets("log_inputs", ["acme_key"], train)
