"""Segments against an independent codec: texts are encoded, packed into octets, and the packets of
140 octets counted that a network would carry."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from functools import cache

import gsm0338
import pytest

from common.segments import GSM_BASIC, GSM_EXTENSION, Encoding, measure

pytestmark = pytest.mark.unit

TEXTS = 100_000
PACKET = 140
HEADER = 6
"""Octets that each packet of a longer text begins with (3GPP TS 23.040, section 9.2.3.24.1)."""

CODEC = gsm0338.Codec()


@cache
def septets_of(character: str) -> bytes | None:
    """What the codec makes of a character."""
    try:
        encoded: bytes = CODEC.encode(character)[0]
    except UnicodeError:
        return None
    return encoded


@cache
def units_of(character: str) -> bytes:
    return character.encode("utf-16-be")


def octets(septets: int, header: int) -> int:
    """Octets of so many septets, which begin on a septet's border after the header."""
    fill = -header * 8 % 7
    return header + (fill + septets * 7 + 7) // 8


def packets(encoded: Sequence[bytes], size: Callable[[int, int], int]) -> int:
    """Packets that the encoded characters travel in, none of them torn."""
    if size(sum(map(len, encoded)), 0) <= PACKET:
        return 1
    count, filled = 1, 0
    for character in encoded:
        filled += len(character)
        if size(filled, HEADER) > PACKET:
            count, filled = count + 1, len(character)
    return count


def by_the_codec(text: str) -> tuple[str, int, int]:
    septets = [septets_of(character) for character in text]
    known = [encoded for encoded in septets if encoded is not None]
    if len(known) == len(septets):
        return Encoding.GSM_7, sum(map(len, known)), packets(known, octets)
    units = [units_of(character) for character in text]
    count = packets(units, lambda filled, header: header + filled)
    return Encoding.UCS_2, sum(map(len, units)) // 2, count


ALPHABETS = (
    "abcdefghij klmnopq",
    "ab€[]{}|~^\\",
    "aé€ñü\n\r\f",
    "abcя",
    "я中😀",
    "abcdefghijklmnopqr😀",
    "".join(chr(code) for code in range(0x20, 0x250)),
    "".join({*GSM_BASIC, *GSM_EXTENSION} - {"\x1b"}),
)
BORDERS = (70, 134, 201, 160, 306, 459)


def random_texts(source: random.Random) -> Iterable[str]:
    """Runs of one character with others among them, of any length and of those at the borders."""
    for _ in range(TEXTS):
        alphabet = source.choice(ALPHABETS)
        length = source.choice((source.randrange(80), source.choice(BORDERS) - 2))
        odd = "".join(source.choices(alphabet, k=source.randrange(1, 12)))
        place = source.randrange(length + 1)
        yield source.choice(alphabet) * place + odd + source.choice(alphabet) * (length - place)


def test_the_codec_and_the_tables_have_the_same_alphabet() -> None:
    ours = {*GSM_BASIC, *GSM_EXTENSION} - {"\x1b"}
    # The codec takes the escape septet for a character of its own.
    theirs = {chr(code) for code in range(0x1_0000) if septets_of(chr(code))} - {"\x1b"}
    assert theirs == ours
    for character in ours:
        assert (septets_of(character) or b"")[-1] == (
            GSM_EXTENSION[character] if character in GSM_EXTENSION else GSM_BASIC.index(character)
        )


@pytest.mark.parametrize(("septets", "header", "count"), [(160, 0, 140), (153, 6, 140)])
def test_a_packet_holds_160_septets_and_153_behind_a_header(
    septets: int, header: int, count: int
) -> None:
    assert octets(septets, header) == count
    assert octets(septets + 1, header) > PACKET


def test_a_hundred_thousand_texts_take_the_packets_that_the_codec_fills() -> None:
    source = random.Random(random.getrandbits(64))  # noqa: S311 - seeded with the order of tests
    seen: set[tuple[str, int]] = set()
    for text in random_texts(source):
        measured = measure(text)
        found = (measured.encoding, measured.units, measured.segments)
        assert found == by_the_codec(text), ascii(text)
        seen.add((measured.encoding, measured.segments))
    assert {(encoding, count) for encoding in Encoding for count in (1, 2, 3, 4)} <= seen
