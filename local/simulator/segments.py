"""How many segments a text takes: GSM-7 160/153 septets, UCS-2 70/67 units.

Sources: 3GPP TS 23.038, section 6.2.1 (alphabet and extension table); 3GPP TS 23.040, section
9.2.3.24.1 (concatenation).
"""

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("\f^{}\\[~]|€")


def count(text: str) -> int:
    """Count segments; a character never straddles two of them. An empty text is one segment."""
    if _BASIC.issuperset(text) or (_BASIC | _EXTENDED).issuperset(text):
        return _fill([2 if character in _EXTENDED else 1 for character in text], 160, 153)
    return _fill([2 if ord(character) > 0xFFFF else 1 for character in text], 70, 67)


def _fill(widths: list[int], single: int, part: int) -> int:
    """Pack widths greedily into parts; a wide one that does not fit opens the next part early."""
    if sum(widths) <= single:
        return 1
    parts, used = 1, 0
    for width in widths:
        if used + width > part:
            parts, used = parts + 1, 0
        used += width
    return parts
