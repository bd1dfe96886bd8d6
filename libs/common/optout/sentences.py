"""A text as the matcher of free wording reads it: plain words, in segments between punctuation.

What people do to words in texts (capitals, accents, shorthand, letters drawn out, typographic
apostrophes, emoji) is undone here, so that a rule is written once, in plain words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

MAX_CHARACTERS: Final = 600
MAX_WORDS: Final = 60
"""Longer texts are not read. Who wants no more texts says so briefly; in a long text such a
sentence is as likely a quotation, a story or a pasted page, and only a person or a model can tell.
Two segments' worth of words covers what people write in anger, and bounds the time."""

QUOTED: Final = "\N{LEFT DOUBLE QUOTATION MARK}"
"""Stands for whatever was quoted: somebody else's words. No rule can read it."""

_SPELLINGS: Final[Mapping[str, str]] = {
    "you": "u",
    "your": "ur",
    "you all": "yall",
    "are": "r",
    "and": "n",
    "please": "pls plz plse pleas plese pleez",
    "thanks": "thx tx tks ty tnx thanx",
    "do not": "dont donot dnt",
    "does not": "doesnt",
    "did not": "didnt",
    "is not": "isnt",
    "are not": "arent",
    "was not": "wasnt",
    "will not": "wont",
    "can not": "cant cannot",
    "have not": "havent",
    "i am": "im",
    "i have": "ive",
    "i would": "id",
    "i will": "ill",
    "you are": "youre",
    "you have": "youve",
    "that is": "thats",
    "who is": "whos",
    "he is": "hes",
    "she is": "shes",
    "want to": "wanna",
    "going to": "gonna",
    "got to": "gotta",
    "now": "asap",
    "right now": "rn",
    "any more": "anymore",
    "no more": "nomore",
    "text": "txt",
    "texts": "txts",
    "texting": "txting texing",
    "message": "msg",
    "messages": "msgs mssgs mesages messeges",
    "messaging": "msging",
    "unsubscribe": "unsub unsuscribe unsubcribe unsubscibe unscribe",
    "opt out": "optout",
    "stop": "stopp sotp",
    "remove": "remov",
    "por favor": "porfa porfavor xfa xfavor",
    "mensajes": "msj msjs mensages mensaje mjs",
    "sil vous plait": "svp stp",
}
SHORTHAND: Final = {
    written: meant for meant, spellings in _SPELLINGS.items() for written in spellings.split()
}
"""What people write for what they mean: abbreviations, contractions, usual slips."""

_APOSTROPHES: Final = str.maketrans(dict.fromkeys("`´‘’ʼ′＇", "'"))
_BETWEEN_LETTERS: Final = re.compile(r"(?<=\w)'(?=\w)")
_DRAWN_OUT: Final = re.compile(r"([^\W\d_])\1{2,}")
_MY_NUMBER: Final = re.compile(r"\bmy\s+#(?!\w)")
_DOUBLE_QUOTED: Final = re.compile(r'["“”„«»][^"“”„«»]*(?:["“”„«»]|$)')
_SINGLE_QUOTED: Final = re.compile(r"(?<!\w)'(?=\w)[^']*(?:(?<=\w)'(?=\w)[^']*)*'(?!\w)")
_QUOTE: Final = re.compile(r'["“”„«»]')
_QUOTES: Final = frozenset('"“”„«»')

_TOKENS: Final = re.compile(
    r"(?P<word>[^\W_]+|“)"
    r"|(?P<blank>(?:[^\S\n]|[*_~#'])+|(?<=\w)-(?=\w)|(?<=\d)[.,:](?=\d))"
    r"|(?P<pause>\.{2,}(?![.!?])|[¡¿]+)"
    r"|(?P<end>[.!?;\n]+)"
    r"|(?P<other>.)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Segment:
    """Words between two marks, with the sentence that they belong to."""

    words: tuple[str, ...]
    sentence: int
    asks: bool
    """A question mark follows."""


def segments_of(text: str) -> tuple[Segment, ...]:
    """The segments of a text; none where it is too long to be read."""
    text = text.strip()
    if len(text) > MAX_CHARACTERS:
        return ()
    segments = tuple(_segments(_plain(text)))
    return segments if sum(len(it.words) for it in segments) <= MAX_WORDS else ()


def _plain(text: str) -> str:
    plain = text.translate(_APOSTROPHES).casefold()
    if not plain.isascii():
        decomposed = unicodedata.normalize("NFKD", plain)
        plain = "".join(c for c in decomposed if unicodedata.category(c) not in {"Mn", "Cf"})
    plain = _BETWEEN_LETTERS.sub("", _quotations_marked(plain))
    plain = _MY_NUMBER.sub("my number", plain).replace("&", " and ")
    return _DRAWN_OUT.sub(r"\1", plain)


def _quotations_marked(text: str) -> str:
    """Quotation marks around a whole text quote nobody; those within it do."""
    if not _QUOTES.isdisjoint(text):
        letters = [place for place, c in enumerate(text) if c.isalnum()]
        within = text[letters[0] : letters[-1]] if letters else ""
        mark = " " if _QUOTES.isdisjoint(within) else f" {QUOTED} "
        text = (_QUOTE if mark == " " else _DOUBLE_QUOTED).sub(mark, text)
    if "'" not in text:
        return text
    whole = _SINGLE_QUOTED.fullmatch(text.strip(" .!?,;"))
    return text if whole else _SINGLE_QUOTED.sub(f" {QUOTED} ", text)


def _segments(plain: str) -> Iterator[Segment]:
    words: list[str] = []
    sentence = 0
    for token in _TOKENS.finditer(plain):
        kind = token.lastgroup
        if kind == "word":
            words += SHORTHAND.get(token[0], token[0]).split()
        elif kind != "blank":
            if words:
                yield Segment(tuple(words), sentence, asks="?" in token[0])
                words = []
            sentence += kind == "end"
    if words:
        yield Segment(tuple(words), sentence, asks=False)
