"""Messages of earlier releases are read for ever: samples of each type, which are never changed.

`wire_samples/<type>.<what>.json` is a message as it was published; `first` is one of the first
release. Where a model gets a field, a sample with it is added, with its line in SHA256SUMS
(`sha256sum *.json`, inside the folder).
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson
import pytest
from processor_world import FakeDelivery, World
from sender_desk import Desk
from sender_stand_ins import FakeDelivery as Command

from common import events
from common.bus.verdicts import Done
from heliograph import models, wire
from heliograph.models import OutcomeStatus, UnreadableMessage, Wire

pytestmark = pytest.mark.unit

FOLDER: Final = Path(__file__).parent / "wire_samples"
SAMPLES: Final = {file.stem: file.read_bytes() for file in sorted(FOLDER.glob("*.json"))}
TYPES: Final = {
    thing.type: thing
    for module in (models, events)
    for thing in vars(module).values()
    if isinstance(thing, type) and issubclass(thing, Wire) and thing is not Wire
}

samples = pytest.mark.parametrize("name", SAMPLES)


def model_of(name: str) -> type[Wire]:
    return TYPES[name.rpartition(".")[0]]


def first(kind: str) -> bytes:
    return SAMPLES[f"{kind}.first"]


def agrees(read: Any, written: Any) -> bool:
    """Whether all that was written was read; an instant may be written in several ways."""
    if isinstance(written, dict):
        return all(agrees(read[name], value) for name, value in written.items())
    if isinstance(written, list):
        return len(read) == len(written) and all(map(agrees, read, written))
    if isinstance(written, str) and written.endswith("Z") and written[:4].isdecimal():
        return bool(datetime.fromisoformat(read) == datetime.fromisoformat(written))
    return bool(read == written)


@samples
def test_everything_in_it_is_read(name: str) -> None:
    message = model_of(name).decode(SAMPLES[name])
    assert agrees(orjson.loads(message.encode()), orjson.loads(SAMPLES[name]))


@samples
def test_a_field_of_a_later_release_is_ignored(name: str) -> None:
    written = orjson.loads(SAMPLES[name])
    later = orjson.dumps(written | {"of_a_later_release": {"any": ["thing"]}})
    assert model_of(name).decode(later) == model_of(name).decode(SAMPLES[name])


@samples
def test_another_version_is_refused_by_its_name(name: str) -> None:
    other = orjson.dumps(orjson.loads(SAMPLES[name]) | {"v": 2})
    with pytest.raises(UnreadableMessage) as refused:
        model_of(name).decode(other)
    assert refused.value.code == "unknown_version"


def test_each_type_has_a_sample_of_the_first_release_and_each_field_is_in_one() -> None:
    assert {name for name in SAMPLES if name.endswith(".first")} == {f"{it}.first" for it in TYPES}
    for kind, model in TYPES.items():
        mine = [orjson.loads(body) for name, body in SAMPLES.items() if model_of(name) is model]
        assert set().union(*mine) == {*model.model_fields}, kind


def test_no_sample_was_changed_or_taken_away() -> None:
    lines = (FOLDER / "SHA256SUMS").read_text().splitlines()
    kept = {name.strip(): digest for digest, _, name in (line.partition(" ") for line in lines)}
    found = {f"{name}.json": hashlib.sha256(body).hexdigest() for name, body in SAMPLES.items()}
    assert found == kept


async def test_a_text_that_the_first_release_queued_is_handed_over() -> None:
    world, kind = World(), events.SmsReceived.type
    assert await world.inbox().handle([FakeDelivery(first(kind), kind)]) == [Done()]
    assert [turn.message.body for turn in world.turns()] == ["Hello"]


async def test_a_command_that_the_first_release_queued_is_carried_out() -> None:
    desk = Desk()
    await desk.prepare()
    assert await desk.replica().handle(Command(body=first(wire.TYPE_SEND))) == Done()
    assert [outcome.status for outcome in desk.told()] == [OutcomeStatus.SENT]
