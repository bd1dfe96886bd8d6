"""Which field of a request a refusal is about: among a hundred numbers, nobody wants to guess.
Whose a number is that another tenant has is never told."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from common.store.control import NewNumber
from common.store.control_ports import InactiveAgent, UnknownAgent
from common.store.ports import NumberTaken
from health.web.problems import Problem, ProblemCode

_NONE: Final[Mapping[str, str]] = {}


@contextlib.contextmanager
def of_number(number: NewNumber) -> Iterator[None]:
    """The fields of one number's request."""
    with _named({"address": number.address}, {"agent_id": number.agent_id}):
        yield


@contextlib.contextmanager
def of_numbers(numbers: Sequence[NewNumber]) -> Iterator[None]:
    """The fields of numbers that come with their connection: `numbers.3.address`."""
    addresses = {f"numbers.{place}.address": it.address for place, it in enumerate(numbers)}
    agents = {f"numbers.{place}.agent_id": it.agent_id for place, it in enumerate(numbers)}
    with _named(addresses, agents):
        yield


@contextlib.contextmanager
def of_agent(agent_id: str) -> Iterator[None]:
    """The field of a request that names an agent only."""
    with _named(_NONE, {"agent_id": agent_id}):
        yield


@contextlib.contextmanager
def _named(addresses: Mapping[str, str], agents: Mapping[str, str]) -> Iterator[None]:
    """Numbers and agents, by the fields that name them."""
    try:
        yield
    except NumberTaken as error:
        raise taken(error, _holding(addresses, error.address)) from None
    except UnknownAgent as error:
        fields = dict.fromkeys(_holding(agents, error.agent_id), "there is no such agent")
        raise _of_agent(ProblemCode.UNKNOWN_AGENT, error, fields) from None
    except InactiveAgent as error:
        fields = dict.fromkeys(_holding(agents, error.agent_id), "the agent is not active")
        raise _of_agent(ProblemCode.INACTIVE_AGENT, error, fields) from None
    except Problem as problem:
        if problem.code is ProblemCode.NUMBER_NOT_ON_RESOURCE:
            names = _holding(addresses, *problem.extra.get("numbers", ()))
            problem.fields |= dict.fromkeys(names, "it does not belong to this account")
        raise


def taken(error: NumberTaken, fields: Sequence[str] = ()) -> Problem:
    """The problem of a number that is connected already."""
    own = error.connection_id
    what, remedy = (
        (
            f"{error.address} is connected already, through {own}.",
            "Move it here, or remove it there first.",
        )
        if own is not None
        else (f"{error.address} is connected already, elsewhere.", None)
    )
    return Problem(
        ProblemCode.NUMBER_TAKEN,
        what,
        remedy=remedy,
        fields=dict.fromkeys(fields, "it is connected already"),
        extra={"number": error.address} | ({"connection_id": own} if own is not None else {}),
    )


def _of_agent(
    code: ProblemCode, error: UnknownAgent | InactiveAgent, fields: Mapping[str, str]
) -> Problem:
    return Problem(code, str(error), fields=fields, extra={"agent_id": error.agent_id})


def _holding(fields: Mapping[str, str], *wanted: str) -> list[str]:
    return [name for name, value in fields.items() if value in wanted]
