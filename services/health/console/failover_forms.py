"""The connections that a number falls back on, as its page shows and asks for them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from common.failover import MOST_ALTERNATIVES
from common.providers.specs import SPECS
from common.store.control import ConnectionView, NumberRecord
from common.store.records import ConnectionStatus
from health.console.setup_forms import Form

_PLACES: Final = tuple(range(MOST_ALTERNATIVES))


@dataclass(frozen=True, slots=True)
class Shown:
    """A place of the order. `connection` is None where it is gone."""

    id: str
    connection: ConnectionView | None


def name_of(place: int) -> str:
    """The input's name of a place."""
    return f"failover.{place}"


def shown(number: NumberRecord, known: Mapping[str, ConnectionView]) -> tuple[Shown, ...]:
    """What the number falls back on, in order."""
    return tuple(Shown(name, known.get(name)) for name in number.failover)


def options(
    number: NumberRecord, connections: Iterable[ConnectionView]
) -> tuple[tuple[str, str], ...]:
    """The connections that can be chosen: live ones of a provider that has the number's type."""
    return tuple(
        (view.id, f"{view.name} ({SPECS[view.provider].title})")
        for view in connections
        if view.id != number.connection_id
        and view.status is not ConnectionStatus.DISCONNECTED
        and view.provider in SPECS
        and number.type in SPECS[view.provider].number_types
    )


def read(form: Form) -> Sequence[str]:
    """What was chosen, in order; empty places are passed over."""
    return [form.text(name) for name in _chosen(form)]


def kept(form: Form) -> dict[str, str]:
    """What may be shown again."""
    return form.kept(*map(name_of, _PLACES))


def renamed(form: Form) -> dict[str, str]:
    """The inputs, by the names that the desk has for them: places that are not empty."""
    return {f"connection_ids.{place}": name for place, name in enumerate(_chosen(form))}


def _chosen(form: Form) -> list[str]:
    return [name for name in map(name_of, _PLACES) if form.text(name)]
