"""The last line of defence for logs: secrets and phone numbers are masked in any text.

Whoever logs an address uses `addresses.mask`; this is for texts that others wrote: error messages,
URLs, representations of objects. Where a text is ambiguous it is masked, so a bare count of seven
digits or more loses digits too. Sources: Microsoft docs, "Authenticate to Communication Services"
(connection string, HMAC header); RFC 6750 (Bearer); RFC 3986, section 3.2.1 (passwords in URLs);
ITU-T E.164 (at most 15 digits; 17 with the prefix 00).
"""

from __future__ import annotations

import re
from typing import Final

MASK: Final = "•••••"
"""What stands where something was."""
_FEWEST_DIGITS: Final = 7
_QUOTED: Final = 12
_FEWEST_QUOTED: Final = 3
_LAST_DIGITS: Final = 2

_GAP: Final = "\0"
_GAPS: Final = re.compile(f"{_GAP}+")

_NAMES: Final = (
    r"(?:access|account|shared_?access|api|master|partner)[_-]?key"
    r"|(?:access|auth|refresh|id)[_-]?token"
    r"|client[_-]?secret|password|passwd|signature|(?<![a-z])(?:sig|secret|token|pwd)"
)

_SECRETS: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    # scheme://user:password@host, but not scheme://host:port
    (
        re.compile(r"(://[^\s/:@\[]{0,256}:)(?!\d{1,5}(?:[/?#,\s\"']|$))[^\s@]{1,512}@"),
        rf"\1{MASK}@",
    ),
    # "accesskey": "..." and its Python spelling; then accesskey=...
    (re.compile(rf"(?i)((?:{_NAMES})[\"']\s*:\s*[\"'])[^\"']+"), rf"\1{MASK}"),
    (re.compile(rf"(?i)((?:{_NAMES})\s*=\s*[\"']?)[^\s;&\"'<>]+"), rf"\1{MASK}"),
    (re.compile(r"((?i:\bBearer)\s+)[^\s,;\"'<>]+"), rf"\1{MASK}"),
    # "Basic authentication required" is no credential
    (re.compile(r"((?i:\bBasic)\s+)(?![a-z]+\b(?!=))[A-Za-z0-9+/=_-]{4,}"), rf"\1{MASK}"),
    # A JSON Web Token without its scheme
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?"), MASK),
    # Our own callback URLs end in a token
    (re.compile(r"(/api/webhooks/[\w-]+/[\w-]+/)[^\s/?#\"']+"), rf"\1{MASK}"),
)

_OCTET: Final = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_DATE: Final = r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
_TIME: Final = r"\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?"
_ALONE: Final = r"(?<![0-9A-Za-z])"
_END: Final = r"(?![0-9A-Za-z])"

_KEPT: Final = "|".join(
    (
        # UUID
        rf"{_ALONE}[0-9A-Fa-f]{{8}}-(?:[0-9A-Fa-f]{{4}}-){{3}}[0-9A-Fa-f]{{12}}{_END}",
        # Hex ids: spans, MongoDB, ours and traces, digests; Twilio's with its two capitals
        rf"{_ALONE}(?:[A-Z]{{2}})?(?:[0-9a-f]{{64}}|[0-9a-f]{{40}}|[0-9a-f]{{32}}){_END}",
        rf"{_ALONE}(?=[0-9]*[a-f])(?:[0-9a-f]{{24}}|[0-9a-f]{{16}}){_END}",
        # ACS message ids, which begin with an instant
        r"(?:Incoming|Outgoing)_[0-9A-Za-z_-]+",
        # RFC 3339 instants and dates; ISO 8601 in its basic form
        rf"(?<!\d){_DATE}(?!\d)(?:[T ]{_TIME})?",
        r"(?<!\d)\d{8}T\d{6}(?:\.\d+)?(?:Z|[+-]\d{4})?(?!\d)",
        # IPv4 addresses with a port
        rf"(?<![\d.+]){_OCTET}(?:\.{_OCTET}){{3}}(?::\d{{1,5}})?(?![\d.])",
        # Durations with a unit; decimal fractions
        r"(?<![\d+])\d{1,9}(?:\.\d+)?ms\b",
        r"(?<![\d+])\d{1,15}(?:\.\d+)?(?:ns|us|µs|μs)\b",
        r"(?<![\d.+])(?:0|[1-9]\d{0,5})\.\d+(?![\d.-])",
        rf"(?<=\d:[0-5]\d:[0-5]\d[.,])\d+{_END}",
    )
)

_PHONE: Final = "|".join(
    (
        # +15551230142; then with blanks and brackets, but not on into a date
        r"\+\d{10,15}(?!\d)",
        rf"\+\d(?:[ ().\-/]{{0,3}}(?!{_DATE})\d){{6,14}}",
        # (555) 123-0142, 1-555-123-0142, 555.123.0142
        r"(?<!\d)(?:1[ .-]?)?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]?\d{4}(?!\d)",
        # 020 7946 0958, 0033 1 23 45 67 89
        rf"(?<!\d)00?[1-9]\d{{0,4}}(?:[ -](?!{_DATE})\d{{1,9}}){{1,5}}(?!\d)",
        # 15551230142, also within %2B15551230142 or \n15551230142
        r"(?<!\d)\d{7,17}(?!\d)",
    )
)

_TOKENS: Final = re.compile(f"(?P<kept>{_KEPT})|(?P<phone>{_PHONE})")


def scrub(text: str) -> str:
    """The text with its secrets and all but the last two digits of its phone numbers masked.

    Masked: values after `accesskey=`, `Signature=` and their like, in JSON too; what follows
    `Bearer` and `Basic`; passwords in URLs; JSON Web Tokens; tokens in our callback URLs; E.164
    numbers, national numbers in their usual groups, and runs of 7 to 17 digits. Kept: RFC 3339
    instants, UUIDs, hex ids of 16, 24, 32, 40 and 64 digits, ACS message ids, IPv4 addresses,
    ports, durations with a unit, decimal fractions.
    """
    return _TOKENS.sub(_mask_number, scrub_secrets(text))


def scrub_secrets(text: str) -> str:
    """The text with its secrets masked as `scrub` does, and its numbers left: for who may read
    what a person wrote, and still no key."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


def unquote(said: str, words: str) -> str:
    """What somebody said of a text, without what they quote of it: runs of a dozen of its
    characters, and the whole of a shorter one."""
    run = min(_QUOTED, len(words))
    if run < _FEWEST_QUOTED:
        return said
    starts = (at for at in range(len(said) - run + 1) if said[at : at + run] in words)
    quoted = {at + step for at in starts for step in range(run)}
    kept = (_GAP if at in quoted else sign for at, sign in enumerate(said))
    return _GAPS.sub(MASK, "".join(kept))


def _mask_number(match: re.Match[str]) -> str:
    found = match[0]
    digits = [character for character in found if character.isdecimal()]
    if match["phone"] is None or len(digits) < _FEWEST_DIGITS:
        return found
    return MASK + "".join(digits[-_LAST_DIGITS:])
