"""Names and values that speak of a secret, and those that only sound like it."""

from __future__ import annotations

from typing import Any

import pytest
from flytekitplugins.comet_ml.inputs.report import input_report
from flytekitplugins.comet_ml.inputs.secret_names import looks_secret, speaks_of_a_secret

SECRET = """
api_key apiKey APIKEY x-api-key openai_api_key OPENAI_KEY comet_api_key wandb_key ssh_key private_key private_keys
signing_key encryption_key access_key aws_secret_access_key aws_access_key_id azure_account_key storage_key
hub_token hf_token hfToken HF_TOKEN accessToken access_token refresh_token id_token github_token slack_bot_token
bot_token user_token session_token aws_session_token push_to_hub_token hubtoken authToken apitokenv2 token token1
token_file token_value csrf_token bearer jwt hf_tkn accessTkn hftkn hf_tok api_tok apitok github_pat gh_pat azure_pat
password db_password dbpassword PGPASSWORD passwordhash passwd passphrase pwd mysql_pwd db_pass smtp_pass pw db_pw dbpw
root_pw MyPw passhash pwdhash passw0rd p4ssword pswd pswrd
secret secrets client_secret SECRET_NAME secretvalue clientSecret credential credentials gcp_creds s3cret
authorization Authorization cookie keyfile oauth id_rsa
pin user_pin pin_code pincode otp totp mfa_code 2fa_code access_code security_code recovery_codes cvv ssn iban
security_answer credit_card mnemonic seed_phrase recovery_phrase wallet_words
passwort kennwort senha contraseña mot_de_passe motDePasse wachtwoord lösenord hasło heslo salasana şifre jelszó
parol lozinka activation_code sekret mật_khẩu slaptažodis رمز_عبور
пароль 密码 パスワード 비밀번호 סיסמה κωδικός
""".split()

DOUBTFUL = "auth auth_header authn pass my_pass salt nonce sas sas_url pem private_pem session_id sessionId sid".split()
DOUBTFUL += "connection_string conn_str kubeconfig netrc webhook webhook_url slack_webhook clave hmac p12 pfx".split()
DOUBTFUL += "requirepass storepass keystorepass mypass masterauth psk wpa_psk client_sec api_k gpio_pin".split()

UNKNOWN = (
    "key keys key_path tokens acme_key acme_token max_tokens_text public_key tok pat merge_token chave ключ".split()
)

TECHNICAL = """
eos_token bos_token pad_token unk_token mask_token sep_token cls_token stop_token image_token special_tokens
additional_special_tokens label_key target_key feature_keys sort_key metric_key group_key batch_key key_column
key_prefix token_type pass_name forward_pass token_pattern token_strategy merge_key dedup_key y_key yes_token
key_signature music_key key_cols entity_key speaker_token language_token auth_method glob_pat
""".split()

NUMBERS = """
key_dim num_keys n_keys key_size key_dropout max_tokens max_new_tokens context_tokens tokens_per_batch pad_token_id
eos_token_id max_token_length token_dropout pass_threshold n_passes pass_rate tokens token_budget num_key_value_heads
seed pin_memory n_pins pins salt session_id n_tok
""".split()

PLAIN = """
lr epochs tokenizer tokenizer_name tokenization detokenizer keyboard keypoints keyword keyframes monkey turkeys
secretary hockey_team author compass bypass lowpass passenger keynote batch_size license seed phrase spinning
timeout_sec top_k stopwords pinned patience patch_size pattern model_path conn_strength session opinion country_code
""".split()


def shown(**arguments: Any) -> Any:
    return input_report(arguments, True, ()).parameters


@pytest.mark.parametrize("name", SECRET)
def test_a_name_of_a_secret_keeps_texts_numbers_and_what_has_them_out(name: str) -> None:
    for value in ("x", "hf_abc", 512, 0.5, ["x"], {"a": "x"}, {"a": 1}):
        assert shown(**{name: value}) == {}
        assert shown(config={name: value}) == {}


@pytest.mark.parametrize("name", SECRET)
def test_nothing_and_a_bool_are_no_secret_whatever_their_name(name: str) -> None:
    assert shown(**{name: None}) == {name: None}
    assert shown(config={name: False}) == {f"config.{name}": False}


@pytest.mark.parametrize("name", DOUBTFUL)
def test_what_may_be_a_secret_is_shown_as_a_number_and_not_as_a_text(name: str) -> None:
    assert shown(**{name: "x"}) == {}
    assert shown(**{name: ["x", "y"]}) == {}
    assert shown(**{name: 3}) == {name: 3}


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_key_or_token_of_unknown_kind_is_shown_as_a_number_and_as_words(name: str) -> None:
    for value in (3, "label", "user_id", "val/loss", "C minor", "X", "", "<pad>"):
        assert shown(**{name: value}) == {name: value}
    assert shown(**{name: ["loss", "acc"]}) == {name: '["loss", "acc"]'}
    for value in ("hunter2", "hunter2Zx9", "AbCdEfGh", "9f86d081884c7d659a2feaa0c55ad015", "abcdefghijklmnopqrst"):
        assert shown(**{name: value}) == {}


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
    values |= {"password_strength": 3, "credential_score": 0.3, "session_tokens": 9, "psw_dim": 1}
    assert shown(**values) == values


def test_the_worst_name_on_the_way_counts() -> None:
    assert shown(tokens={"mine": "hunter2", "number": 3}) == {"tokens.number": 3}
    assert shown(secrets={"lr": 0.1}) == {}


def test_a_special_token_is_shown_whatever_its_name() -> None:
    assert shown(acme_token="<|im_start|>") == {"acme_token": "<|im_start|>"}
    assert shown(user_token="<|user|>", password="<|user|>") == {"user_token": "<|user|>"}


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
    "lr: 0.1\npassword: correct",
    "The password: hunter2 is mine",
    "postgresql://user:pa/ss@host/db",
    "root:hunter2@tcp(localhost:3306)/db",
    "me:hunter2@host:5432/db",
    "https://0123456789abcdef0123456789abcdef@sentry.io/1",
    "https://ATBBxyz1234567890abcdef@bitbucket.org/x.git",
    "host=x user=y password=abc",
    "Uid=sa;Pwd=hunter2;",
    "export DB_PASSWORD=hunter2",
    "https://host/x?api_key=abcd",
    "https://host/x#access_token=abcd",
    "https://host/x?token=abc",
    "sv=2022-11-02&sr=b&sig=abcd%3D",
    "curl -H 'Authorization: Bearer abcdefghijklmnop' x",
    "curl -H 'X-Api-Key: abc' x",
    "curl -u me:hunter2 x",
    "mysql -u root -phunter2secret",
    "machine x login y password hunter2abc",
    '{"name": "DB_PASSWORD", "value": "hunter2"}',
    '["--password", "hunter2"]',
    "scott/tiger@host:1521/service",
    "abc8Q~abcdefghijklmnopqrstuvwxyz1234567",
    "key-0123456789abcdef0123456789abcdef",
    "hvs.CAESIJabcdefghijklmnop1234567890",
    "glsa_abcdefghijklmnopqrst1234567890_12345678",
    "lsv2_pt_abcdefabcdef1234567890abcdef1234_abcdef1234",
    "pcsk_abcdEFGH1234567890abcdefghij",
    "dop_v1_0123456789abcdef0123456789abcdef",
    "xai-abcdefgh1234567890ABCDEFGHIJ",
    "whsec_abcdefghijklmnop1234567890",
    "hf_abcdefghijklmnopqrstuvwxyzabcdefgh",
    "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw",
    "https://discord.com/api/webhooks/123456789/abcdef",
    "https://hooks.slack.com/services/T0/B0/abcdef",
    "https://x.webhook.office.com/webhookb2/abc",
    "-----BEGIN PGP PRIVATE KEY BLOCK-----",
    "AGE-SECRET-KEY-1QQQQQQQQQ",
    '<db><user>me</user><password type="x">hunter2</password></db>',
    "<name>DB_PASSWORD</name><value>hunter2</value>",
    "ALTER USER me WITH PASSWORD 'correct'",
    "create user me identified by hunter2",
    "CREATE USER me IDENTIFIED WITH mysql_native_password BY 'hunter2'",
    "docker login -u me -p hunter2",
    "az login --service-principal -u me -p hunter2",
    "ldapsearch -D me -w hunter2",
    "unzip -P hunter2 a.zip",
    "openssl enc -aes-256-cbc -k hunter2",
    "openssl rsa -passin pass:hunter2",
    "Basic dXNlcjpwYXNz",
    "password%3Dhunter2",
    "https://host/?next=a%3Fapi_key%3Dhunter2",
    '{"ParameterKey": "DB_PASSWORD", "ParameterValue": "hunter2"}',
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
        "Answer the question. Token: hello world",
        "Password: what makes a good one?",
        "secret: sauce recipe",
        "<|im_start|>token: abc",
        "translate English to German: token: abcd",
        "{{ bos_token }}user: {{ content }}",
        "basic configuration=default123456",
        "bearer plate=abcdefgh1234567890",
        "key=label value=3",
        "auth=basic",
        'Tag each word: {"token": "dog", "tag": "NN"}',
        "generate --token special",
        "token = tokenizer.decode(ids)",
        "api_key = os.environ['API_KEY']",
        "export HF_TOKEN=$HF_TOKEN",
        "def check(password: str) -> bool:",
        "abfs://container20260101abc@account.dfs.core.windows.net/a",
        "https://host:8443/a@b",
        "ssh://git@github.com/a/b",
        "mailto:me@example.com",
        "nginx:1.25@sha256:0123456789abcdef",
        "https://github.com/flyteorg/webhooks",
        "hf_classification_dataset_v2",
        "<token>cat</token><tag>NN</tag>",
        "Put it in <password>your password here</password>.",
        "<password>$PASSWORD</password>",
        "<td>token</td><td>count</td>",
        "Clusters that are identified by 'kmeans2' are shown.",
        "SELECT password FROM users WHERE password IS NOT NULL",
        "ALTER TABLE users ADD password varchar(20)",
        "docker login -u me --password-stdin",
        'docker login -u me -p "$PASSWORD"',
        "docker run -p 8080:80 -w /work image",
        "openssl req -key file.pem -x509",
        "mysql -u root -p",
        "basic training",
        "epoch%3D3",
    ],
)
def test_an_ordinary_text_does_not_look_secret(text: str) -> None:
    assert not looks_secret(text)
