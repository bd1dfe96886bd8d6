"""Whether a number is written as its type requires. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import phonenumbers

from common.addresses import AddressKind, kind_of, normalise_address
from common.phone import InvalidRecipient, normalise_recipient
from common.providers.spec import PARTNER_TYPES, ProviderSpec
from common.reach import NO_ALPHANUMERIC
from common.reach import region_of as plan_of
from common.store.control import NewNumber, NumberType
from health.desk.wording import MAX_NAME, require_line
from health.web.problems import Problem, ProblemCode

MAX_OWNERS: Final = 50
MAX_NUMBERS: Final = 100
"""How many can be connected together with their connection."""
_OWN_REGION: Final = "US"
"""In which the recipients' national numbers are read where neither number nor person says it."""

_KINDS: Final[Mapping[NumberType, tuple[AddressKind, str]]] = {
    NumberType.TOLL_FREE: (AddressKind.E164, "a number in international form, +18005550100"),
    NumberType.LOCAL: (AddressKind.E164, "a number in international form, +12065550100"),
    NumberType.PARTNER: (AddressKind.E164, "a number in international form, +447700900123"),
    NumberType.SHORT_CODE: (
        AddressKind.SHORT_CODE,
        "five or six digits, or with its country in front, NO-2333",
    ),
    NumberType.ALPHANUMERIC: (
        AddressKind.ALPHANUMERIC,
        "1 to 11 letters, digits and blanks with at least one letter",
    ),
}

_TOLL_FREE: Final[Mapping[NumberType, bool]] = {
    NumberType.TOLL_FREE: True,
    NumberType.LOCAL: False,
    NumberType.PARTNER: False,
}
"""Which types must be toll-free, and which must not."""
_TOLL_FREE_SAID: Final[Mapping[NumberType, tuple[str, str]]] = {
    NumberType.TOLL_FREE: (
        "This is no toll-free number.",
        "a toll-free number, such as +18005550100",
    ),
    NumberType.LOCAL: ("This is a toll-free number.", "a local number, such as +12065550100"),
    NumberType.PARTNER: ("This is a toll-free number.", "a long code, such as +447700900123"),
}


def valid_number(
    number: NewNumber, spec: ProviderSpec, *, partner: str | None = None, field: str = ""
) -> NewNumber:
    """The number in normal form, with the region that its country code says where none is given.

    Args:
        partner: the connection's Messaging Connect partner, if it has one.
        field: what stands before the fields' names in a problem, such as `numbers.0.`.

    Raises:
        Problem: INVALID_NUMBER or INVALID.
    """
    address = normalise_address(number.address)
    require_type(address, number.type, spec, partner=partner, field=field)
    name = number.name.strip()
    if name:
        require_line(name, f"{field}name", limit=MAX_NAME)
    region = number.region.strip().upper() or region_of(address)
    require_region(region, field=field)
    require_reach(number.type, region, field=field)
    owners = valid_owners(number.owners, field=field)
    return replace(number, address=address, name=name, region=region, owners=owners)


def valid_numbers(
    numbers: Sequence[NewNumber], spec: ProviderSpec, *, partner: str | None = None
) -> tuple[NewNumber, ...]:
    """The numbers of a new connection in normal form, each once.

    Raises:
        Problem: INVALID_NUMBER or INVALID.
    """
    if len(numbers) > MAX_NUMBERS:
        what = f"At most {MAX_NUMBERS} numbers can be connected at once."
        raise Problem(ProblemCode.INVALID, what, fields={"numbers": "too many"})
    valid = tuple(
        valid_number(number, spec, partner=partner, field=f"numbers.{place}.")
        for place, number in enumerate(numbers)
    )
    seen: set[str] = set()
    for place, number in enumerate(valid):
        if number.address in seen:
            what = "A number is given twice."
            fields = {f"numbers.{place}.address": "twice"}
            raise Problem(ProblemCode.INVALID_NUMBER, what, fields=fields)
        seen.add(number.address)
    return valid


def require_type(
    address: str,
    kind: NumberType,
    spec: ProviderSpec,
    *,
    partner: str | None = None,
    field: str = "",
) -> None:
    """Raises Problem: the provider has no such numbers, or only through a partner that is not
    there, or the address is not of this type."""
    if kind not in spec.number_types:
        what = f"{spec.title} has no numbers of this type."
        said = f"one of {', '.join(spec.number_types)}"
        raise Problem(ProblemCode.INVALID_NUMBER, what, fields={f"{field}type": said})
    if kind in PARTNER_TYPES and partner is None:
        what = "Such a number is leased from a partner, and the connection names none."
        said = "only with a Messaging Connect partner"
        raise Problem(ProblemCode.INVALID_NUMBER, what, fields={f"{field}type": said})
    wanted, said = _KINDS[kind]
    if kind_of(address) is not wanted or (wanted is AddressKind.E164 and not _possible(address)):
        what = f"For this type, the number must be {said}."
        raise Problem(ProblemCode.INVALID_NUMBER, what, fields={f"{field}address": said})
    if kind in _TOLL_FREE and is_toll_free(address) is not _TOLL_FREE[kind]:
        what, said = _TOLL_FREE_SAID[kind]
        raise Problem(ProblemCode.INVALID_NUMBER, what, fields={f"{field}address": said})


def require_reach(kind: NumberType, region: str, *, field: str = "") -> None:
    """Raises Problem: such a sender reaches nobody in the region."""
    if kind is NumberType.ALPHANUMERIC and region in NO_ALPHANUMERIC:
        what = "Carriers there take no texts from alphanumeric senders."
        said = f"name one other than {', '.join(sorted(NO_ALPHANUMERIC))}"
        raise Problem(ProblemCode.INVALID_NUMBER, what, fields={f"{field}region": said})


def is_toll_free(address: str) -> bool:
    """Whether its numbering plan says that calling the number is free; in North America the codes
    800, 833, 844, 855, 866, 877 and 888 (NANPA, "Toll-Free")."""
    try:
        parsed = phonenumbers.parse(address)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.number_type(parsed) == phonenumbers.PhoneNumberType.TOLL_FREE


def require_region(region: str, *, field: str = "") -> None:
    """Raises Problem: there is no such region."""
    if region not in phonenumbers.SUPPORTED_REGIONS:
        what = "The region is not one that has a numbering plan."
        said = "two letters of ISO 3166, such as US"
        raise Problem(ProblemCode.INVALID, what, fields={f"{field}region": said})


def valid_owners(owners: tuple[str, ...], *, field: str = "") -> tuple[str, ...]:
    """Owners without blanks around them, each once.

    Raises:
        Problem: too many, or one that is no line of text.
    """
    if len(owners) > MAX_OWNERS:
        what = f"A number has at most {MAX_OWNERS} owners."
        raise Problem(ProblemCode.INVALID, what, fields={f"{field}owners": "too many"})
    stripped = tuple(dict.fromkeys(owner.strip() for owner in owners))
    for owner in stripped:
        require_line(owner, f"{field}owners", limit=MAX_NAME)
    return stripped


def region_of(address: str) -> str:
    """The region whose numbering plan an address belongs to; ours for what belongs to none."""
    return plan_of(address) or _OWN_REGION


def _possible(address: str) -> bool:
    try:
        return normalise_recipient(address, _OWN_REGION).e164 == address
    except InvalidRecipient:
        return False
