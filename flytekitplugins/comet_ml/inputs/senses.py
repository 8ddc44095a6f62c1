"""What the name of an input, a field or a key of a dict speaks of: nothing secret, or a secret.

The lists hold what machine learning calls a token or a key, and what services call so. Other languages have their own
words for a password.
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
    UNKNOWN = 2
    """A token or key of unknown kind: `acme_key`. A text must be of words alone."""
    DOUBTFUL = 3
    """Perhaps a secret, perhaps not: `salt`. No text is shown."""
    SECRET = 4
    """A secret: `hub_token`. No text and no number is shown."""


_LETTERS = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "\u0131": "i", "ß": "ss"})


def set_of(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


# Anywhere in a name, with underscores between its words: `dbpassword`, `apikeyvalue`.
_SECRET_STEM = re.compile(
    "p[a4]?ss?w(?:[o0]?r)?d|passphrase|passcode|(?<![a-z])pin_?code|p(?:ass|wd?)_?hash|2fa"
    "|(?<!non)s[3e]cr[3e]t(?!ar)|credential"
    "|(?:api|auth|access|private|ssh|signing|encryption|account|master)_?keys?(?!(?:board|frame|point|word))"
    "|(?:api|auth|oauth|access|bearer|refresh|session|hub|hf|github|csrf|xsrf)_?token(?!i[zs])"
    "|(?:api|auth|access|hub|hf|gh|github)tok(?:_|$)"
    "|(?:seed|recovery|backup|wallet|mnemonic)_?(?:phrase|words)|credit_?card|card_?num"
    "|(?:access|activation|auth|backup|invite|login|mfa|recovery|reset|security|unlock|verification)_?codes?(?![a-z])"
    "|security_?answers?|(?:^|_)id_(?:rsa|dsa|ecdsa|ed)(?:_|$)"
    # The password in other languages.
    "|passwort|kennwort|geheim|zugangsdaten|wachtwoord|passord|kodeord|adgangskode|losenord|salasana|parool|senha"
    "|contrasen|mot_?de?_?passe?(?![a-z])|haslo(?:_|$)|(?:^|_)parol(?:_|$)|salasona|slaptazod|sekret(?!ar)|lykilord|pasahitz|nenosiri|heslo|geslo|lozink|jelszo|sifre|mat_?khau|kata_?(?:sandi|laluan)"
    "|парол|رمز.?عبور|گذرواژه|секрет|токен|κωδικ|סיסמ|كلمة.?(?:ال)?(?:مرور|سر)|पासवर्ड|รหัสผ่าน|密[码碼钥鑰]|口令|令牌|暗証|パスワード|トークン|비밀번호|암호|토큰"
)
_SECRET_WORDS = set_of(
    "authorization authstr bearer cookie cookies cred creds csrf cvc cvv dsn hotp iban jwt keyfile keytab mfa"
    " mnemonic oauth otp parola passw psw pwd pword pwrd ssn totp xsrf"
)
# A number with one of these names is no secret.
_DOUBTFUL_WORDS = set_of(
    "auth authn authz authentication clave fernet hmac jks keystore kubeconfig netrc nonce ntlm pem pepper pfx pgpass"
    " pins pkcs psk salt sas sid"
)
# The key in other languages; and a password in French, which is a decision process as well.
_UNKNOWN_WORDS = set_of("chave chiave cle cles llave mdp nyckel sleutel")
_DOUBTFUL_STEM = re.compile(
    r"sess(?:ion)?_?id(?![a-z])|conn(?:ection)?_?str(?:ing)?s?(?:_|\b)|access_id|(?:rsa|ssh|ssl|tls)_?priv|(?:_|\b)p12(?:_|\b)|webhook"
)
_KEY_ELSEWHERE = re.compile("schlussel|schluessel|ключ|κλειδι|مفتاح|מפתח|キー|鍵|키(?:_|$)")
# Before "key" or "keys".
_SERVICES = set_of(
    "account admin aes anthropic api app auth aws azure bot client cloud cohere comet consumer databricks datadog"
    " deepseek deploy dsa ecdsa encrypt encryption decryption gcp gemini gh git github gitlab google gpg groq hf hmac"
    " host hub huggingface kaggle licence license login master mistral mlflow neptune npm openai openrouter personal"
    " pgp private priv pypi replicate root rsa sas secret security sendgrid sentry server service session shared sign"
    " signing slack ssh ssl storage stripe subscription telegram tls together twilio vault wandb webhook"
)
# Before "token"; and before "pass" and "pw".
_TOKEN_SERVICES = _SERVICES | set_of(
    "access bearer dbt discord id influx pipeline read refresh registry upload user write"
)
_PASS_SERVICES = _SERVICES | set_of("db database ftp mail mysql pg postgres proxy redis smtp sql sudo user")
_AFTER_A_SECRET = set_of("file path pem value values val str string secret env var header url uri text material")

# What machine learning calls a token or a key.
_TECHNICAL_BEFORE_TOKEN = set_of(
    "action added additional assistant audio begin blank bos boundary class cls completion concept context control"
    " decoder delimiter encoder end eos eot extra final first forced generated glob image img initializer input"
    " instance lang language last latent learnable learned mask masked negative newline next no output pad padding"
    " patch placeholder positive prefix previous prompt query reasoning register reserved role sep separator source"
    " space speaker special speech src start stop sub subword suffix suppress system target task text tgt thinking tool"
    " trigger unk unknown video vision visual vocab word yes"
)
_TECHNICAL_BEFORE_KEY = set_of(
    "action agent answer audio batch cache category cfg class col column config context data dataset date dedup dict"
    " entity eval event feature foreign fold group grouping id image img index input instance item join json label"
    " layer loss lookup mask merge message metric model monitor music obs observation on order output param partition"
    " primary prompt query question response reward row sample score sequence sort source split src state target test"
    " text time train val value video weight weights x y"
)
_TECHNICAL_AFTER = set_of(
    "aggregation axis batch batches bias bits budget bucket buckets cache channel channels classification col cols"
    " column columns count counts depth dim dims dimension dimensions drop dropout embed embedding embeddings expiry"
    " field fields fn format frame frames func function head heads hidden id ids idx index indices kind layer layers"
    " len length lengths level levels limit list loss map mapping mask masking max mean memory merge merging method min"
    " mixer mixing mode name names norm num order overlap pad padding pattern patterns per point points policy pooling"
    " position positions prefix prob proj projection pruning range rate ratio regex sampling selection seq shape"
    " signature shift size sizes split states strategy stride suffix threshold through tol tolerance ttl type types"
    " value values vocab weight weights width window wise"
)
_TECHNICAL_BEFORE_PASS = set_of("all backward band first forward high low multi one second single third two")
# Of words in which "pass" is to pass.
_PASSING = set_of("by com encom gyrocom im over sur tres under")
# The pins of a board have numbers.
_BEFORE_A_PIN_OF_A_BOARD = set_of("board button gpio io led motor sensor servo")

_INNOCENT_STEMS = ("tokeniz", "tokenis", "detokeniz", "detokenis", "keyboard", "keyword", "keypoint", "keyframe")
_INNOCENT_WORDS = set_of("donkey hockey jockey keynote keynotes monkey turkey whiskey author authors authority")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


def words_of(name: str) -> list[str]:
    """The words of a name in small letters, without numbers and accents: `hf` and `token` of `hfToken2`, `hf_tkn`."""
    words = [word.lower() for word in _WORD.findall(_plain_letters(name)) if not word.isdigit()]
    return [word.replace("tkn", "token") for word in words]


def sense_of(name: str) -> Sense:
    """What the name of an input, a field or a key of a dict speaks of."""
    words = [w for w in words_of(name) if not (w.startswith(_INNOCENT_STEMS) or w.removesuffix("s") in _INNOCENT_WORDS)]
    # Beside the words themselves: `s3cret` has a number in it, and other scripts have no such words.
    whole = f"{'_'.join(words)} {_plain_letters(name).lower()}"
    if _SECRET_STEM.search("_".join(words)) or _SECRET_STEM.search(_odd(name)) or not _SECRET_WORDS.isdisjoint(words):
        return Sense.SECRET
    worst = max((_sense_at(words, i) for i in range(len(words))), default=Sense.PLAIN)
    if _DOUBTFUL_STEM.search(whole) and (not words or words[-1] not in _TECHNICAL_AFTER - {"id", "value"}):
        return max(worst, Sense.DOUBTFUL)
    return max(worst, Sense.UNKNOWN) if _KEY_ELSEWHERE.search(whole) else worst


def _plain_letters(name: str) -> str:
    decomposed = unicodedata.normalize("NFKD", name)
    without = "".join(c for c in decomposed if not "\u0300" <= c <= "\u036f")
    return unicodedata.normalize("NFKC", without).translate(_LETTERS)


def _odd(name: str) -> str:
    """A name that `words_of` cannot read whole: with numbers in its words, or in another script; else nothing."""
    plain = _plain_letters(name).lower()
    return plain if not plain.isascii() or re.search("[0-9][a-z]", plain) else ""


def _sense_at(words: list[str], index: int) -> Sense:
    word = words[index]
    before = words[index - 1] if index else ""
    after = words[index + 1] if index + 1 < len(words) else ""
    singular = word.removesuffix("s")
    if singular in ("tok", "pat"):
        # A tokenizer, or a pattern; but not of a service.
        technical = before in _TECHNICAL_BEFORE_TOKEN or after in _TECHNICAL_AFTER
        return Sense.SECRET if before in _TOKEN_SERVICES else Sense.TECHNICAL if technical else Sense.UNKNOWN
    if singular.endswith("token") or singular.startswith("token"):
        if singular != "token":
            return _sense_of_compound(singular, "token", _TOKEN_SERVICES, _TECHNICAL_BEFORE_TOKEN)
        if word == "token" and (len(words) == 1 or before in _TOKEN_SERVICES or (after in _AFTER_A_SECRET)):
            return Sense.SECRET
        technical = before in _TECHNICAL_BEFORE_TOKEN or after in _TECHNICAL_AFTER
        return Sense.TECHNICAL if technical else Sense.UNKNOWN
    if singular.endswith("key") or singular.startswith("key"):
        if singular != "key":
            compound = _sense_of_compound(singular, "key", _SERVICES, _TECHNICAL_BEFORE_KEY)
            return max(compound, _sense_of_other(word, before, after))
        if before in _SERVICES:
            return Sense.SECRET
        technical = before in _TECHNICAL_BEFORE_KEY or after in _TECHNICAL_AFTER
        return Sense.TECHNICAL if technical else Sense.UNKNOWN
    return _sense_of_other(word, before, after)


def _sense_of_other(word: str, before: str, after: str) -> Sense:
    if word == "pass":
        if before in _PASS_SERVICES and not after:
            return Sense.SECRET
        return Sense.TECHNICAL if before in _TECHNICAL_BEFORE_PASS or after in _TECHNICAL_AFTER else Sense.DOUBTFUL
    if word == "pin" and after in ("", "code", "hash", "number", "value"):
        # Not `pin_memory`. It is a number where it is a secret.
        return Sense.DOUBTFUL if before in _BEFORE_A_PIN_OF_A_BOARD else Sense.SECRET
    if word == "pw" and (not after or after in _AFTER_A_SECRET):
        return Sense.SECRET
    if word.endswith("pwd") or (
        word != "pw" and word.endswith("pw") and word.removesuffix("pw") in {*_PASS_SERVICES, "my"}
    ):
        return Sense.SECRET
    if word in _DOUBTFUL_WORDS:
        # `value` and `id` are of the secret, and `mode` of something else.
        return Sense.TECHNICAL if after in _TECHNICAL_AFTER - _AFTER_A_SECRET - {"id"} else Sense.DOUBTFUL
    if word.endswith(("pass", "auth")) and word.removesuffix("pass") not in _TECHNICAL_BEFORE_PASS | _PASSING:
        # `requirepass`, `masterauth`.
        return Sense.DOUBTFUL
    if word in ("k", "sec") and before in _SERVICES:
        # A client's secret, or its seconds.
        return Sense.DOUBTFUL
    return Sense.UNKNOWN if word in _UNKNOWN_WORDS else Sense.PLAIN


def _sense_of_compound(word: str, part: str, services: frozenset[str], technical: frozenset[str]) -> Sense:
    """What one word with "token" or "key" at its begin or end speaks of: `hubtoken`, `eostoken`, `tokentype`."""
    before, after = word.removesuffix(part), word.removeprefix(part)
    if before in services or after in _AFTER_A_SECRET:
        return Sense.SECRET
    return Sense.TECHNICAL if before in technical or after in _TECHNICAL_AFTER else Sense.UNKNOWN
