"""What shows by itself that it is a secret: keys with a known beginning, passwords in addresses and commands."""

from __future__ import annotations

import re

# Services begin their keys so, for scanners to find them.
_BEGINNINGS = (
    "hf_ api_org_ gh[pousr]_ github_pat_ gl(?:pat|ptt|dt|rt|cbt|oas|ft|imt|agent|soat)- npm_ xox[a-z]- xapp-"
    " dckr_[po]at_ nvapi- r8_ gsk_ pypi- dapi [srp]k_(?:live|test)_ sk[-_] csk- hv[sbr]\\. glsa_ glc_"
    " lsv2_(?:pt|sk)_ ls__ pcsk_ shp(?:at|ss|ca|pa)_ do[opr]_v1_ AT[AC]TT3 ATBB xai- pplx- tvly- whsec_ tgp_v1_ fw_"
    " jina_ e2b_ figd_ lin_api_ ntn_ pul- rubygems_ sbp_ sb_secret_ sgp_ PMAK- NRAK- CCIPAT_ dp\\.(?:pt|st|ct)\\."
    " GOCSPX- SWMTKN-1- sq0(?:atp|csp)- pscale_(?:tkn|pw|oauth)_ vercel_ nfp_ wandb_v1_ rnd_ fo1_ ops_"
)
# Somewhere behind it, numbers among letters, or capitals: `sk-learn-based-classifier` is a name.
_KEY = "(?=[\\w-]{16})[\\w-]{0,60}?(?=[A-Za-z]{0,40}[0-9]|[a-z]{1,20}[A-Z])[A-Za-z0-9]{10}"

# What a command has a password behind, and where it is one.
_OPTIONS = {
    r"(?:mysql\w*|mariadb|redis-cli|sshpass)": r"-[ap]\s?",
    # Of docker, podman, helm, az, ...
    r"login": r"-p\s+(?!\d{1,5}\b)",
    r"ldap\w+": r"-w\s?",
    r"(?:un)?zip": r"-P\s?",
    r"openssl": r"(?:-[kK]|-pass(?:in|out)?\s+pass:)\s?",
}
_IN_COMMANDS = "|".join(
    rf"\b{command}\s(?:[^\n]{{0,300}}\s)?{option}['\"]?[^\s'\"$<{{-][^\s'\"]{{2}}"
    for command, option in _OPTIONS.items()
)

KNOWN_SECRET = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY|PuTTY-User-Key-File|AGE-SECRET-KEY-1"
    rf"|(?<![\w-])(?:{'|'.join(_BEGINNINGS.split())}){_KEY}"
    r"|\b(?:AKIA|ASIA|ABIA)[A-Z0-9]{16}\b|\bAIza[\w-]{30,}|\bya29\.[\w-]{16,}|\beyJ[\w-]{8,}\.[\w-]{8,}\.|\bSG\.[\w-]{16,}\."
    r"|\b(?:hf_[A-Za-z]{30,}|secret_[A-Za-z0-9]{40,}|EAA[A-Za-z0-9]{30,}|SK[0-9a-f]{32}|key-[0-9a-f]{32})\b"
    r"|\b(?:[0-9a-f]{32}-us\d{1,2}|s\.[A-Za-z0-9]{24}|1//0[\w-]{20,}|oauth:[a-z0-9]{30,}|pat[\w-]{14}\.[0-9a-f]{40,})\b"
    r"|\.atlasv1\.[\w-]{20,}|\b[\w.-]{3}8Q~[\w.~-]{31,}|\b[MNO][\w-]{23,25}\.[\w-]{6}\.[\w-]{27,}"
    # The bot of a chat; webhooks.
    r"|\b\d{8,10}:[A-Za-z][\w-]{31,}"
    r"|https?://(?:[^\s'\"]{0,200}(?:webhook[^\s'\"/]{0,40}/|/hooks?/)|hooks?\.)[^\s'\"]{0,200}[\w-]{3}"
    r"|(?i:\bauthorization['\"]?\s*[:=]\s*['\"]?(?:bearer|basic|digest|token|apikey|negotiate)\s+[^\s'\"]{3,})"
    r"|\b(?i:bearer|basic)\s+(?=[A-Za-z._~+/-]*[0-9])[A-Za-z0-9._~+/-]{16,}(?![\w=]*=\w)"
    r"|[?&#](?i:token)=[^&\s<{$]"
    # A password in an address, but no port; a token; and the same without a scheme.
    r"|://[^\s/@:'\"]*:(?!\d{1,5}(?:[/?#\s]|$))[^\s@'\"]{1,300}@"
    r"|(?<!abfs)(?<!abfss)(?<!wasb)(?<!wasbs)://(?=[^\s/@:]*[0-9A-Z])[^\s/@:'\"]{16,}@"
    r"|\A(?!(?i:mailto|e-?mail|xmpp|sips?|acct):)[\w.+-]+:(?!//)[^\s@]+@"
    r"(?:tcp\(|localhost\b|[\w.-]+:\d{1,5}(?:/|\Z)|[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}(?:/|\Z)|[\w.-]+/\w)"
    r"|\A\w+/[^\s/@]+@[\w.-]+:\d{1,5}(?:/|\Z)"
    # In SQL.
    r"|(?i:\b(?:alter|create|grant)\s[^;]{0,300}\sidentified\s+(?:with\s+\S{1,60}\s+)?by\s+(?:password\s+)?['\"]?[^\s'\"$<{%?:])"
    # In a command.
    r"|\bmachine\s+\S+\s+login\s+\S+\s+password\s+\S"
    rf"|{_IN_COMMANDS}"
    r"|\bcurl\s(?:[^\n]{0,300}\s)?(?:-u|--user)\s*['\"]?[^\s:'\"]+:[^\s'\"]{3,}"
)
