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

LAUGH: Final = ("haha",)
"""Stands for emoji that laugh. No rule can read it: who writes "stop" and laughs wants more."""

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

_TYPOGRAPHY: Final = str.maketrans(dict.fromkeys("`´‘’ʼ′＇", "'") | dict.fromkeys("“”„«»", '"'))
_BEYOND_ASCII: Final = re.compile(r"[^\x00-\x7f]")
_BETWEEN_LETTERS: Final = re.compile(r"(?<=\w)'(?=\w)")
_DRAWN_OUT: Final = re.compile(r"([^\W\d_])\1{2,}")
_MY_NUMBER: Final = re.compile(r"\bmy\s+#(?!\w)")
_QUOTE: Final = re.compile('"')
_DOUBLE_QUOTED: Final = re.compile(r'"[^"]*(?:"|$)')
_SINGLE_QUOTED: Final = re.compile(r"(?<!\w)'(?=\w)[^']*(?:(?<=\w)'(?=\w)[^']*)*'(?!\w)")

_TOKEN: Final = re.compile(r"[^\W_]+")
_TOKENS: Final = re.compile(
    r"(?P<word>[^\W_]+|“)"
    r"|(?P<laugh>[😂🤣😆😹]+)"
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
    return segments_in(plain(text))


def segments_in(plain: str) -> tuple[Segment, ...]:
    """The segments of a text that `plain` has read; none where it has too many words."""
    segments = tuple(_segments(plain))
    return segments if sum(len(it.words) for it in segments) <= MAX_WORDS else ()


def tokens_in(plain: str) -> list[str]:
    """What stands in a text that `plain` has read, shorthand as it is."""
    return _TOKEN.findall(plain)


def plain(text: str) -> str:
    """A text in small letters without accents, quotations and letters drawn out; nothing where it
    is too long to be read. Looking for a mark is much cheaper than replacing it, so most texts,
    which have none of them, pass quickly."""
    text = text.strip()
    if len(text) > MAX_CHARACTERS:
        return ""
    small = text.lower().replace("`", "'") if text.isascii() else _without_accents(text)
    if '"' in small or "'" in small:
        small = _BETWEEN_LETTERS.sub("", _quotations_marked(small))
    if "#" in small:
        small = _MY_NUMBER.sub("my number", small)
    return _DRAWN_OUT.sub(r"\1", small.replace("&", " and "))


def _without_accents(text: str) -> str:
    small = text.translate(_TYPOGRAPHY).casefold()
    if small.isascii():
        return small
    return _BEYOND_ASCII.sub(_letter, unicodedata.normalize("NFKD", small))


def _letter(found: re.Match[str]) -> str:
    """Nothing, in place of an accent or an invisible mark."""
    return "" if unicodedata.category(found[0]) in {"Mn", "Cf"} else found[0]


def _quotations_marked(text: str) -> str:
    """Quotation marks around a whole text quote nobody; those within it do."""
    if '"' in text:
        letters = [place for place, c in enumerate(text) if c.isalnum()]
        within = text[letters[0] : letters[-1]] if letters else ""
        quoting, mark = (_DOUBLE_QUOTED, f" {QUOTED} ") if '"' in within else (_QUOTE, " ")
        text = quoting.sub(mark, text)
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
            if kind == "laugh":
                yield Segment(LAUGH, sentence, asks=False)
            sentence += kind == "end"
    if words:
        yield Segment(tuple(words), sentence, asks=False)
