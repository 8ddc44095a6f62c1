"""Names and values that speak of a secret, which nobody may see in Comet.

A name alone says too little. `pad_token_id` and `key_dim` are no secrets, and `hub_token` is one. So a name has one of
four senses. In the two in the middle, the value decides: a number or a bool is no secret, and neither is a short text
that looks like a word. The lists hold what machine learning calls a token or a key, and what services call so. Any
other token or key is taken for a secret if it is a text.
"""

from __future__ import annotations

import re
import unicodedata
from enum import IntEnum


class Sense(IntEnum):
    """What a name speaks of. Of the names on the way to a value, the worst one counts."""

    PLAIN = 0
    """Nothing secret: `epochs`."""
    TECHNICAL = 1
    """A token or key of machine learning: `eos_token`, `label_key`. A text must look like a word."""
    DOUBTFUL = 2
    """A token or key of unknown kind: `acme_key`. No text is shown."""
    SECRET = 3
    """A secret: `hub_token`. Nothing is shown, whatever it is."""


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Anywhere in a word: `dbpassword`, `apikeyvalue`.
_SECRET_STEM = re.compile(
    "passw(?:or)?d|passphrase|passcode|passwort|(?<!non)secret(?!ar)|credential"
    "|(?:api|auth|access|private|ssh|signing|encryption|account|master)_?keys?(?!(?:board|frame|point|word))"
    "|(?:api|auth|oauth|access|bearer|refresh|session|hub|hf|github|csrf|xsrf)_?token(?!i[zs])"
)
_SECRET_WORDS = _set(
    "pwd psw creds cred authorization bearer cookie cookies jwt otp csrf xsrf dsn oauth keyfile keytab"
)
# Before "key" or "keys".
_SERVICES = _set(
    "account admin aes anthropic api app auth aws azure bot client cloud cohere comet consumer databricks datadog"
    " deepseek deploy dsa ecdsa encrypt encryption decryption gcp gemini gh git github gitlab google gpg groq hf hmac"
    " host hub huggingface kaggle license login master mistral mlflow neptune npm openai openrouter personal pgp"
    " private pypi replicate root rsa sas secret security sendgrid sentry server service session shared sign signing"
    " slack ssh ssl storage stripe subscription telegram tls together twilio vault wandb webhook"
)
# Before "token"; and before "pass".
_TOKEN_SERVICES = _SERVICES | _set(
    "access bearer dbt discord id influx pipeline read refresh registry upload user write"
)
_PASS_SERVICES = _SERVICES | _set("db database ftp mail mysql pg postgres proxy redis smtp sudo user")
_AFTER_A_SECRET = _set("file path pem value values val str string secret env var header url uri text material")

# What machine learning calls a token or a key.
_TECHNICAL_BEFORE_TOKEN = _set(
    "action added additional assistant audio begin blank bos boundary class cls completion concept context control"
    " decoder delimiter encoder end eos eot extra final first forced generated image img input instance last latent"
    " learned mask masked newline next output pad padding patch placeholder prefix previous prompt query reasoning"
    " register reserved sep separator source space special speech src start stop sub suffix suppress system target text"
    " tgt thinking tool trigger unk unknown video vision visual word"
)
_TECHNICAL_BEFORE_KEY = _set(
    "action agent answer audio batch cache category cfg class col column config context data dataset date dict eval"
    " feature foreign group grouping id image img index input instance join json label loss lookup mask message"
    " metric model monitor observation order output param partition primary prompt query question response"
    " reward row sample score sequence sort source state target test text time train val value video weight weights"
)
_TECHNICAL_AFTER = _set(
    "axis batch batches bias bits budget bucket buckets cache channel channels classification col column count counts"
    " depth dim dims dimension dimensions drop dropout embed embedding embeddings expiry field fields fn frame frames"
    " func function head heads hidden id ids idx index indices layer layers len length lengths level levels limit list"
    " loss map mapping mask masking max mean merge merging min mixer mixing mode name names norm num order overlap pad"
    " padding per point points pooling position positions prefix prob proj projection pruning range rate ratio sampling"
    " selection seq shape shift size sizes states stride suffix threshold through tol tolerance ttl type types value"
    " values vocab weight weights width window wise"
)
_TECHNICAL_BEFORE_PASS = _set("backward band first forward high low multi second single third two")
# Numbers of things, whatever the things are.
_MEASURES = _set("attempts count len length limit max min num ratio retries size threshold timeout total ttl")
_COUNTING = _set("avg count max mean min n num per total")
_FLAGS = _set("allow enable has is need needs no require requires show skip use with without")

_INNOCENT_STEMS = ("tokeniz", "tokenis", "detokeniz", "detokenis", "keyboard", "keyword", "keypoint", "keyframe")
_INNOCENT_WORDS = _set("donkey hockey jockey keynote keynotes monkey turkey whiskey author authors authority")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


def sense_of(name: str) -> Sense:
    """What the name of an input, a field or a key of a dict speaks of."""
    words = [w.lower() for w in _WORD.findall(unicodedata.normalize("NFKC", name)) if not w.isdigit()]
    words = [w for w in words if not (w.startswith(_INNOCENT_STEMS) or w.removesuffix("s") in _INNOCENT_WORDS)]
    if _SECRET_STEM.search("_".join(words)) or not _SECRET_WORDS.isdisjoint(words):
        return Sense.SECRET
    return max((_sense_at(words, i) for i in range(len(words))), default=Sense.PLAIN)


def _sense_at(words: list[str], index: int) -> Sense:
    word = words[index]
    before = words[index - 1] if index else ""
    after = words[index + 1] if index + 1 < len(words) else ""
    singular = word.removesuffix("s")
    if singular.endswith("token") or singular.startswith("token"):
        if singular != "token":
            return _sense_of_compound(singular, "token", _TOKEN_SERVICES, _TECHNICAL_BEFORE_TOKEN)
        if word == "token" and (len(words) == 1 or before in _TOKEN_SERVICES or (after in _AFTER_A_SECRET)):
            return Sense.SECRET
        technical = before in _TECHNICAL_BEFORE_TOKEN or after in _TECHNICAL_AFTER
        return Sense.TECHNICAL if technical else Sense.DOUBTFUL
    if singular.endswith("key") or singular.startswith("key"):
        if singular != "key":
            return _sense_of_compound(singular, "key", _SERVICES, _TECHNICAL_BEFORE_KEY)
        if before in _SERVICES:
            return Sense.SECRET
        technical = before in _TECHNICAL_BEFORE_KEY or after in _TECHNICAL_AFTER
        return Sense.TECHNICAL if technical else Sense.DOUBTFUL
    if word == "pass":
        if before in _PASS_SERVICES and not after:
            return Sense.SECRET
        return Sense.TECHNICAL if before in _TECHNICAL_BEFORE_PASS or after in _TECHNICAL_AFTER else Sense.DOUBTFUL
    if word in ("auth", "authentication") or (word.endswith("pass") and word.removesuffix("pass") in _PASS_SERVICES):
        return Sense.DOUBTFUL
    return Sense.PLAIN


def _sense_of_compound(word: str, part: str, services: frozenset[str], technical: frozenset[str]) -> Sense:
    """What one word with "token" or "key" at its begin or end speaks of: `hubtoken`, `eostoken`, `tokentype`."""
    before, after = word.removesuffix(part), word.removeprefix(part)
    if before in services or after in _AFTER_A_SECRET:
        return Sense.SECRET
    return Sense.TECHNICAL if before in technical or after in _TECHNICAL_AFTER else Sense.DOUBTFUL


def speaks_of_a_secret(name: str) -> bool:
    """Whether a text of this name is kept out of Comet, whatever it says: `api_key`, `hfToken`, `dbpassword`."""
    return sense_of(name) >= Sense.DOUBTFUL


def may_show(name: str, sense: Sense, value: object) -> bool:
    """Whether a value of its kind is shown: a number, a bool, None or a text.

    Args:
        name: The last of the names that lead to it.
        sense: The worst sense of all of them.
        value: The value.
    """
    if isinstance(value, str):
        if sense >= Sense.DOUBTFUL:
            return sense is Sense.DOUBTFUL and _SPECIAL_TOKEN.fullmatch(value) is not None
        if sense is Sense.TECHNICAL:
            return len(value) <= _WORD_LENGTH and not _OPAQUE.search(value) and not looks_secret(value)
        return not looks_secret(value)
    if sense is not Sense.SECRET:
        return True
    words = [word.lower() for word in _WORD.findall(name)] or [""]
    if isinstance(value, bool):
        return words[0] in _FLAGS
    counts = words[-1] in _MEASURES or (words[0] in _COUNTING and words[-1].endswith("s"))
    return counts and isinstance(value, (int, float))


_WORD_LENGTH = 64
# `<|endoftext|>`, `[PAD]`, `</s>`.
_SPECIAL_TOKEN = re.compile(r"<\|?/?[\w ./-]{1,32}\|?>|\[[\w ./-]{1,32}\]|[^\w\s]{1,4}|")
_OPAQUE = re.compile(r"(?=[A-Za-z]*[0-9])[A-Za-z0-9+=]{16,}|[A-Za-z0-9]{24,}")

_NAMED_SECRET = r"(?:password|passwd|pwd|passphrase|secret|(?:api|access|account|private)[_-]?key|(?<![A-Za-z])token)"
_NO_SECRET = r"(?!(?:none|null|true|false|[0-9.]+)\b)"
_LOOKS_SECRET = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY"
    # Prefixes by which services let scanners find their keys.
    r"|\b(?:hf_|gh[pousr]_|github_pat_|glpat-|npm_|xox[a-z]-|xapp-|dckr_pat_|nvapi-|r8_|gsk_|pypi-|dapi|[srp]k_live_"
    r"|[srp]k_test_|sk-(?:[a-z]+-)*)(?=[\w-]*[0-9A-Z])[A-Za-z0-9_-]{16,}"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bAIza[\w-]{30,}|\bya29\.[\w-]{16,}|\beyJ[\w-]{8,}\.[\w-]{8,}\.|\bSG\.[\w-]{16,}\."
    r"|hooks\.slack\.com/services/"
    r"|\b(?i:bearer|basic)\s+(?=\S*[0-9=+/])[A-Za-z0-9._~+/=-]{16,}"
    # A password in an address, and a signature.
    r"|://[^\s/@:]*:[^\s/@]+@"
    r"|[?&](?i:sig|signature|x-amz-signature|x-goog-signature|token|access_token|api_?key)=[^&\s]+"
    # In a command, a connection string or a document: `--hub-token x`, `Password=x;`, `"api_key": "x"`.
    rf"|(?i:{_NAMED_SECRET}['\"]?\s*[=:]\s*['\"]?{_NO_SECRET}[^\s'\",;&]{{4,}})"
    rf"|(?i:--?[\w-]*{_NAMED_SECRET}\s+{_NO_SECRET}[^\s'\",;&-]\S{{3,}})"
)


def looks_secret(text: str) -> bool:
    """Whether a text is or holds a secret by its looks, whatever its name: `hf_...`, `postgresql://user:pass@host`."""
    return _LOOKS_SECRET.search(text) is not None
