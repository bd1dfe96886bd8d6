"""The fields of a number, in the wizard and on the pages of a connection and a number. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from common.addresses import normalise_address
from common.store.control import AgentRecord, NewNumber, NumberType
from health.console.setup_forms import Form
from health.web.problems import Problem, ProblemCode

TYPES: Final[Mapping[NumberType, str]] = {
    NumberType.LOCAL: "Local number (10DLC)",
    NumberType.TOLL_FREE: "Toll-free number",
    NumberType.SHORT_CODE: "Short code",
    NumberType.ALPHANUMERIC: "Alphanumeric sender ID",
    NumberType.PARTNER: "Partner long code",
}

FIELDS: Final = ("address", "name", "type", "owners", "region", "agent_id")
MOST_ROWS: Final = 20
"""Numbers that the wizard takes at once; more can be added to the connection afterwards."""


def owners_of(text: str) -> tuple[str, ...]:
    """`Sales, Jane Smith` as `("Sales", "Jane Smith")`, each once."""
    return tuple(dict.fromkeys(owner.strip() for owner in text.split(",") if owner.strip()))


def type_of(text: str, name: str = "type") -> NumberType:
    """Raises Problem, naming the field."""
    try:
        return NumberType(text)
    except ValueError:
        raise Problem(
            ProblemCode.INVALID, "A number has no type.", fields={name: "Choose the type."}
        ) from None


def row_name(row: int, name: str) -> str:
    """The input's name of a field of the wizard's n-th number."""
    return f"numbers.{row}.{name}"


def read_number(form: Form, prefix: str = "") -> NewNumber:
    """The number of a form; whether it is a good one, the desk says.

    Raises:
        Problem: something is missing, by the inputs' names.
    """
    wanted = {
        "address": "Enter the number, short code or sender ID.",
        "type": "Choose the type.",
        "agent_id": "Choose the agent.",
    }
    missing = {prefix + name: text for name, text in wanted.items() if not form.text(prefix + name)}
    if missing:
        raise Problem(ProblemCode.INVALID, "The number is not complete.", fields=missing)
    return NewNumber(
        address=normalise_address(form.text(prefix + "address")),
        name=form.text(prefix + "name"),
        type=type_of(form.text(prefix + "type"), prefix + "type"),
        owners=owners_of(form.text(prefix + "owners")),
        region=form.text(prefix + "region").upper(),
        agent_id=form.text(prefix + "agent_id"),
    )


def rows_of(form: Form) -> tuple[int, ...]:
    """The wizard's rows that somebody wrote a number or a name into."""
    return tuple(
        row
        for row in range(MOST_ROWS)
        if form.text(row_name(row, "address")) or form.text(row_name(row, "name"))
    )


def read_numbers(form: Form) -> tuple[NewNumber, ...]:
    """The wizard's numbers, in the order of their rows.

    Raises:
        Problem: naming what is wrong in every row.
    """
    numbers: list[NewNumber] = []
    wrong: dict[str, str] = {}
    for row in rows_of(form):
        try:
            numbers.append(read_number(form, row_name(row, "")))
        except Problem as problem:
            wrong |= problem.fields
    if wrong:
        raise Problem(ProblemCode.INVALID, "The numbers are not complete.", fields=wrong)
    return tuple(numbers)


def agent_options(agents: Iterable[AgentRecord]) -> tuple[tuple[str, str], ...]:
    """The agents that may be given a number."""
    return tuple((agent.id, agent.shown_as) for agent in agents if agent.active)
