"""Texts for LINK Mobility, which carries no character beyond the Basic Multilingual Plane.

Emoji are the usual ones. What has a well-known plain form gets it; an emoji or another ornament
without one is left out, with a blank beside it; a letter without one becomes `?`, so that a
reader sees that something is missing. Characters are replaced as a reader sees them: a flag, or a
family of four, is one. No form is longer than the UTF-16 units that it stands for, so that a text
never takes more segments than it was measured for.

Sources: LINK Mobility, "SMS REST API", Capabilities of "Common" platform ("Unicode 4-byte
characters are not supported"); Unicode UAX #15, "Unicode Normalization Forms" (NFKC, for the fancy
letters that are ornaments of plain ones).
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from common.graphemes import clusters

_FOREIGN: Final = re.compile("[\ud800-\udfff\U00010000-\U0010ffff]")
"""What LINK does not carry. Half a surrogate pair is no character at all."""

FORMS: Final[dict[str, str]] = {
    **dict.fromkeys("🙂😊😌😇🤗", ":)"),
    **dict.fromkeys("😀😃😄😁😆😅😂🤣", ":D"),
    **dict.fromkeys("😉", ";)"),
    **dict.fromkeys("😋😛😝😜🤪", ":P"),
    **dict.fromkeys("😘😗😙😚", ":*"),
    **dict.fromkeys("🙁😞😟😔😢😭", ":("),
    **dict.fromkeys("😮😯😲😱", ":O"),
    **dict.fromkeys("😐😑😶", ":|"),
    **dict.fromkeys("😕🫤", ":/"),
    **dict.fromkeys("😎", "B)"),
    **dict.fromkeys("💙💚💛💜💖💗💓💕💞💘💝🧡🖤🤍🤎🩷🩵🩶😍🥰😻", "<3"),
    **dict.fromkeys("👌🆗", "OK"),
    "🅰": "A",
    "🅱": "B",
    "🅾": "O",
    "🅿": "P",
    **{chr(0x1F1E6 + index): chr(ord("A") + index) for index in range(26)},
}
"""The first character of a cluster, and what anybody reads it as. Regional indicators are the
letters of a flag."""

_LEFT_OUT: Final = "\U0010ffff"
_LOST: Final = "\U0010fffe"
"""Marks for the time of the work: not characters, and beyond what stays in the text."""

_AROUND: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    # At the start of a line, with the blanks after it.
    (re.compile(rf"(?m)^{_LEFT_OUT}(?: *{_LEFT_OUT})* *"), ""),
    # Before a blank or a mark, with the blanks in front of it.
    (re.compile(rf"(?m) *{_LEFT_OUT}(?: *{_LEFT_OUT})*(?=[\s.,;:!?)]|$)"), ""),
    # Between two words, which stay two.
    (re.compile(rf"(?<=\w){_LEFT_OUT}+(?=\w)"), " "),
    (re.compile(_LEFT_OUT), ""),
)
"""What stands where something was left out, so that no blank is one too many or missing."""


def carried(text: str) -> str | None:
    """The text in characters that LINK carries; None where nothing would be left of it."""
    if not _FOREIGN.search(text):
        return text
    marked = "".join(_form(cluster) for cluster in clusters(text))
    for gap, instead in _AROUND:
        marked = gap.sub(instead, marked)
    if not marked.replace(_LOST, "").strip():
        return None
    return marked.replace(_LOST, "?")


def _form(cluster: str) -> str:
    """What stands in a cluster's place."""
    if not _FOREIGN.search(cluster):
        return cluster
    if not _FOREIGN.match(cluster):
        return _plain_part(cluster)
    plain = unicodedata.normalize("NFKC", cluster)
    if not _FOREIGN.search(plain) and len(plain) <= _units(cluster):
        return plain
    known = [FORMS[character] for character in cluster if character in FORMS]
    if cluster[0] in FORMS:
        return "".join(known)
    # Letters, digits and marks of a script mean something; an emoji here only accompanies.
    return _LOST if unicodedata.category(cluster[0])[0] in "LNM" else _LEFT_OUT


def _plain_part(cluster: str) -> str:
    """A plain character without the tones, and without what was joined to it."""
    return _FOREIGN.split(cluster, maxsplit=1)[0].rstrip("\u200d")


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
