"""The words by which a person stops, restarts or asks about texts: a whole text, or none.

Sources: Microsoft docs, "SMS FAQ" and "Opt-out management" (US short codes, US toll-free numbers
and Messaging Connect); FCC, 47 CFR 64.1200(a)(10) (the words that revoke consent by themselves);
CTIA, "Messaging Principles and Best Practices", and Twilio docs, "Opt-out keywords" (STOPALL, INFO,
YES). In Canada and the UK nobody acts on them but us. What says the same in other words is for
`common.optout.wording`.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Final

from heliograph.models import Keyword

__all__ = ["BY_LANGUAGE", "KEYWORDS", "OPT_IN_WHERE_OPTED_OUT", "Keyword", "classify", "keyword_of"]

BY_LANGUAGE: Final[Mapping[str, Mapping[Keyword, tuple[str, ...]]]] = {
    "English": {
        Keyword.OPT_OUT: (
            *("STOP", "ARRET", "QUIT", "END", "REVOKE", "OPT OUT", "CANCEL", "UNSUBSCRIBE"),
            *("OPTOUT", "STOPALL", "STOP ALL"),
        ),
        Keyword.OPT_IN: ("START", "UNSTOP"),
        Keyword.HELP: ("HELP", "INFO"),
    },
    "Spanish": {
        Keyword.OPT_OUT: (
            *("ALTO", "BAJA", "CANCELAR", "DETENER", "DETENGA", "PARAR", "PARE", "SALIR"),
            *("TERMINAR", "REVOCAR", "DESUSCRIBIR", "DESUSCRIBIRME", "DAR DE BAJA"),
            *("DARME DE BAJA", "CANCELAR SUSCRIPCION"),
        ),
        Keyword.OPT_IN: ("INICIAR", "INICIO", "COMENZAR", "EMPEZAR", "REANUDAR", "ALTA"),
        Keyword.HELP: ("AYUDA", "INFO"),
    },
    "French": {
        Keyword.OPT_OUT: (
            *("ARRET", "ARRETE", "ARRETER", "ARRETEZ", "STOPPER", "ANNULER", "FIN", "QUITTER"),
            *("REVOQUER", "DESABONNER", "DESABONNEMENT", "ME DESABONNER", "SE DESABONNER"),
            *("DESINSCRIRE", "DESINSCRIPTION", "ME DESINSCRIRE", "SE DESINSCRIRE"),
        ),
        Keyword.OPT_IN: ("REPRENDRE", "COMMENCER", "DEMARRER", "REABONNER", "ME REABONNER"),
        Keyword.HELP: ("AIDE", "INFO"),
    },
}
"""Every word as `_fold` leaves it: capitals without accents, one space between words. ARRET stands
among the English ones because carriers and providers list it with them."""

OPT_IN_WHERE_OPTED_OUT: Final = ("YES", "SI", "OUI")
"""Words of everyday talk, which mean an opt-in only where the remote is opted out: nobody has asked
them anything else then."""


def _listed() -> Iterator[tuple[str, Keyword]]:
    for language in BY_LANGUAGE.values():
        for keyword, words in language.items():
            yield from ((word, keyword) for word in words)


KEYWORDS: Final[Mapping[str, Keyword]] = dict(_listed())
"""The listed words of all languages. A word listed in two means the same in both."""

_LONGEST: Final = 64
"""Characters of the longest text that could be a keyword, its inner blanks included. It spares the
folding of a long text, which is none."""

_SURROUNDING: Final = frozenset("PZC")
"""First letters of the Unicode categories of punctuation, of separators and of control and format
characters (such as the invisible marks of right-to-left text)."""

_BETWEEN_WORDS: Final = re.compile(r"[\s_\-\u2010-\u2015]+")


def classify(text: str, *, opted_out: bool = False) -> Keyword | None:
    """The keyword that the whole text is, or `None`.

    Case, accents (ARRÊT), surrounding space and punctuation, and the number and kind of blanks,
    hyphens and underscores between two words do not matter. A keyword among other words is no
    keyword: "stop by the shop" is for the agent to read. `opted_out` says whether the remote is,
    which makes an opt-in of a plain YES.
    """
    heard = keyword_of(text, opted_out=opted_out)
    return None if heard is None else heard[0]


def keyword_of(text: str, *, opted_out: bool = False) -> tuple[Keyword, str] | None:
    """The keyword that the whole text is, with the listed word: the evidence in the ledger."""
    word = _fold(text)
    keyword = KEYWORDS.get(word)
    if keyword is None and opted_out and word in OPT_IN_WHERE_OPTED_OUT:
        keyword = Keyword.OPT_IN
    return None if keyword is None else (keyword, word)


def _fold(text: str) -> str:
    bare = _without_surroundings(text)
    if len(bare) > _LONGEST:
        return ""
    # Taking characters apart can set free what surrounds a word: "´" is a blank with an accent.
    plain = bare if bare.isascii() else _without_surroundings(_without_accents(bare))
    return _BETWEEN_WORDS.sub(" ", plain.upper())


def _without_surroundings(text: str) -> str:
    start, end = 0, len(text)
    while start < end and _is_surrounding(text[start]):
        start += 1
    while end > start and _is_surrounding(text[end - 1]):
        end -= 1
    return text[start:end]


def _without_accents(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(c for c in decomposed if unicodedata.category(c) != "Mn")


def _is_surrounding(character: str) -> bool:
    return unicodedata.category(character)[0] in _SURROUNDING or character in string.punctuation
