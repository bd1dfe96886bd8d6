"""The words that carriers and ACS act on, by type of sender, and what carriers answer.

Source: Microsoft docs, "SMS FAQ", on opt-outs by sender type, and "Messaging Connect".
"""

import re
from dataclasses import dataclass

_OPT_IN = frozenset({"START", "UNSTOP"})
_ONE_WORD = frozenset({"STOP"})
_MANY_WORDS = frozenset({"STOP", "QUIT", "END", "REVOKE", "OPT OUT", "CANCEL", "UNSUBSCRIBE"})

_TOLL_FREE = re.compile(r"\+18(00|33|44|55|66|77|88)\d{7}")
_SHORT_CODE = re.compile(r"\d{5,6}")

# What US carriers answer for every toll-free number; nobody can change or stop it.
_CARRIER_STOP = (
    'NETWORK MSG: You replied with the word "stop" which blocks all texts sent from this number. '
    'Text back "unstop" to receive messages again.'
)
_CARRIER_START = (
    'NETWORK MSG: You have replied "unstop" and will begin receiving messages again from this '
    "number."
)


@dataclass(frozen=True, slots=True)
class Keyword:
    """What a text does to the list of its sender, and what the carrier answers, if it does."""

    stops: bool
    answer: str | None = None


def keyword(number: str, body: str, *, leased: bool = False) -> Keyword | None:
    """Read a text to a number as carrier and ACS do; `leased` says that it is a partner's."""
    word = " ".join(body.split()).upper()
    stopping, carrier_answers = _words_of(number, leased)
    if word in stopping:
        return Keyword(True, _CARRIER_STOP if carrier_answers else None)
    if word in _OPT_IN:
        return Keyword(False, _CARRIER_START if carrier_answers else None)
    return None


def _words_of(number: str, leased: bool) -> tuple[frozenset[str], bool]:
    if leased:
        return _MANY_WORDS | {"ARRET"}, False
    if _SHORT_CODE.fullmatch(number):
        return _MANY_WORDS, False
    return _ONE_WORD, _TOLL_FREE.fullmatch(number) is not None
