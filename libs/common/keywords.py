"""The words by which a person stops, restarts or asks about texts.

Source: Microsoft docs, "SMS FAQ" and "Opt-out management": the keywords of US short codes, US
toll-free numbers and Messaging Connect. In Canada and the UK nobody acts on them but us.
"""

from __future__ import annotations

import re
import string
import unicodedata
from typing import Final

from heliograph.models import Keyword

__all__ = ["KEYWORDS", "Keyword", "classify"]

KEYWORDS: Final[dict[str, Keyword]] = {
    "STOP": Keyword.OPT_OUT,
    "ARRET": Keyword.OPT_OUT,
    "QUIT": Keyword.OPT_OUT,
    "END": Keyword.OPT_OUT,
    "REVOKE": Keyword.OPT_OUT,
    "OPT OUT": Keyword.OPT_OUT,
    "OPTOUT": Keyword.OPT_OUT,
    "CANCEL": Keyword.OPT_OUT,
    "UNSUBSCRIBE": Keyword.OPT_OUT,
    "START": Keyword.OPT_IN,
    "UNSTOP": Keyword.OPT_IN,
    "HELP": Keyword.HELP,
}
"""Keywords as `_fold` leaves them: capitals without accents, one space between words."""

_SURROUNDING: Final = frozenset("PZC")
"""First letters of the Unicode categories of punctuation, of separators and of control and format
characters (such as the invisible marks of right-to-left text)."""

_BETWEEN_WORDS: Final = re.compile(r"[\s_\-\u2010-\u2015]+")


def classify(text: str) -> Keyword | None:
    """The keyword that the whole text is, or `None`.

    Case, accents (ARRÊT), surrounding space and punctuation, and the number and kind of blanks,
    hyphens and underscores between two words do not matter. A keyword among other words is no
    keyword: "stop by the shop" is for the agent to read.
    """
    return KEYWORDS.get(_fold(text))


def _fold(text: str) -> str:
    plain = (text if text.isascii() else _without_accents(text)).upper()
    start, end = 0, len(plain)
    while start < end and _is_surrounding(plain[start]):
        start += 1
    while end > start and _is_surrounding(plain[end - 1]):
        end -= 1
    return _BETWEEN_WORDS.sub(" ", plain[start:end])


def _without_accents(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(c for c in decomposed if unicodedata.category(c) != "Mn")


def _is_surrounding(character: str) -> bool:
    return unicodedata.category(character)[0] in _SURROUNDING or character in string.punctuation
