"""What a send asks of LINK Mobility's Common platform, and what is wrong with it.

Source: LINK Mobility docs, "Common SMS REST API" (MT and delivery reports 1.18).
"""

import re
from collections.abc import Container, Mapping
from typing import Any, Final

import orjson

from local.simulator import segments
from local.simulators.link_gate import INVALID_SOURCE, INVALID_USER_DATA, NUMBER_ERROR
from local.simulators.messages import Order, Refusal

MAX_SEGMENTS: Final = 254

_FIELDS: Final[Mapping[str, tuple[type, Any]]] = {
    "source": (str, None),
    "sourceTON": (str, "ALPHANUMERIC"),
    "destination": (str, None),
    "destinationTON": (str, "MSISDN"),
    "userData": (str, None),
    "dcs": (str, "TEXT"),
    "useDeliveryReport": (bool, True),
    "deliveryReportGates": (list, []),
    "relativeValidityTime": (int, 172_800_000),
    "refId": (str, ""),
    "ignoreResponse": (bool, True),
    "customParameters": (dict, {}),
}
"""Type and default of each field that is read here; one without a default is required."""
_SOURCES: Final[Mapping[str, re.Pattern[str]]] = {
    "ALPHANUMERIC": re.compile(r"[A-Za-z][A-Za-z0-9 ]{0,10}"),
    "SHORTNUMBER": re.compile(r"\d{1,14}"),
    "MSISDN": re.compile(r"\+[1-9]\d{6,14}"),
}
_CHOICES: Final[Mapping[str, Container[str]]] = {
    "sourceTON": _SOURCES,
    "destinationTON": {"MSISDN"},
    "dcs": {"TEXT", "GSM", "UCS2"},
}
_PHONE: Final = re.compile(r"\+1\d{10}|\+[2-9]\d{6,14}")


def read(body: bytes, place: Mapping[str, str], gate_id: str) -> Order | Refusal:
    """Read one message: `place` (platform and partner) is judged before the rest, gates after."""
    try:
        raw = orjson.loads(body)
    except orjson.JSONDecodeError:
        raw = None
    if not isinstance(raw, dict):
        return Refusal(400, "106000", "The body is no JSON object")
    for field, code in (("platformId", "106200"), ("platformPartnerId", "106201")):
        if raw.get(field) != place[field]:
            return Refusal(400, code)
    asked = {name: raw.get(name, default) for name, (_, default) in _FIELDS.items()}
    if wrong := _wrong_in(asked):
        return Refusal(400, "106000", f"Invalid or missing {', '.join(wrong)}")
    gates = asked["deliveryReportGates"]
    if asked["useDeliveryReport"] and not gates:
        return Refusal(400, "106300")
    if asked["useDeliveryReport"] and any(gate != gate_id for gate in gates):
        return Refusal(400, "106301")
    return _order(asked)


def failure_of(order: Order, owned: Container[str]) -> str | None:
    """The result code of an order that can be taken but not carried out; `owned` are the numbers
    that it may come from, as phones show them."""
    ton = order.more["ton"]
    proper = _SOURCES[ton].fullmatch(order.sender) is not None
    checks = (
        (proper and (ton == "ALPHANUMERIC" or order.sender in owned), INVALID_SOURCE),
        (_PHONE.fullmatch(order.to) is not None, NUMBER_ERROR),
        (segments.count(order.body) <= MAX_SEGMENTS, INVALID_USER_DATA),
    )
    return next((code for good, code in checks if not good), None)


def _wrong_in(asked: Mapping[str, Any]) -> list[str]:
    """Name the fields that are missing, or not what they should be."""
    wrong = [
        name
        for name, (kind, default) in _FIELDS.items()
        if type(asked[name]) is not kind or (default is None and not asked[name])
    ]
    return wrong or [name for name, words in _CHOICES.items() if asked[name] not in words]


def _order(asked: Mapping[str, Any]) -> Order:
    return Order(
        sender=asked["source"],
        to=asked["destination"],
        body=_as_it_arrives(asked["userData"]),
        reference=asked["refId"] or None,
        more={
            "ton": asked["sourceTON"],
            "silent": asked["ignoreResponse"],
            "reports": asked["useDeliveryReport"],
            "counts": asked["customParameters"].get("replySmsCount") == "true",
        },
    )


def _as_it_arrives(text: str) -> str:
    """What is beyond the Basic Multilingual Plane is not supported, and arrives garbled."""
    return "".join("\N{REPLACEMENT CHARACTER}" if c > "\uffff" else c for c in text)
