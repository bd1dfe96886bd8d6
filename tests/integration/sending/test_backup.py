"""A conversation is backed up, its database is lost, and comes back: nothing is sent twice."""

from __future__ import annotations

import gzip
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pymongo
import pytest
from conformance.store_world import LEASE, new_text
from sender_world import KEY, NUMBER, PHONE, TENANT, World, command

from common.errors import StoreUnavailable
from common.secrets import generate_master_key
from common.store import mongo_backup, schema
from common.store.backup_file import DamagedBackup, Writer, check, read
from common.store.clock import utc_now
from common.store.control import SYSTEM
from common.store.mongo_backup import KEPT, OF_THE_MOMENT, REASON, SEQ_LEAP
from common.store.mongo_inbound import MongoInbound
from common.store.mongo_switches import MongoSwitches, read_stopped
from common.store.records import Claim
from common.store.schema_version import VERSION
from health.backing_up import EXIT_AWAY, EXIT_DONE, EXIT_REFUSED, back_up, bring_back
from health.settings import HealthSettings
from heliograph.codes import OutcomeCode
from heliograph.models import OutcomeStatus

SILENT = "+15551230077"
"""A phone that opted out."""

Documents = Mapping[str, list[dict[str, Any]]]


def settings_of(world: World, **changes: Any) -> HealthSettings:
    chosen = {
        "mongodb_uri": world.mongo_uri,
        "mongodb_database": world.mongo_database,
        "master_key": generate_master_key(),
    }
    return HealthSettings.model_validate(chosen | changes)


@pytest.fixture
def raw(mongo_client: pymongo.MongoClient[dict[str, Any]], mongo_database: str) -> Any:
    return mongo_client[mongo_database]


def inside(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir()]


def everything(raw: Any) -> Documents:
    return {name: list(raw[name].find().sort("_id", 1)) for name in KEPT}


async def lived(world: World, raw: Any) -> None:
    """A conversation, somebody's STOP, and what is of the moment."""
    inbound = MongoInbound(world.database)
    texts = [new_text("in-1", number=NUMBER, remote=PHONE)]
    (text,) = await inbound.record(texts, owner="one", lease=LEASE)
    await inbound.mark_handed_over([text.id], tenant_ids=frozenset({TENANT}))
    await world.opt_out(SILENT)
    async with world.sender():
        outcome = await world.send(command("before"))
    assert outcome.status is OutcomeStatus.SENT
    await MongoSwitches(world.database).set_tenant("acme", stopped=True, reason="t", by=SYSTEM)
    await MongoSwitches(world.database).set_tenant("acme", stopped=False, reason="t", by=SYSTEM)
    for name in OF_THE_MOMENT:
        raw[name].insert_one({"_id": "of the moment"})


async def test_what_was_backed_up_comes_back_whole_and_what_was_sent_since_is_not_sent_again(
    world: World, raw: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await lived(world, raw)
    backed_up, file = everything(raw), tmp_path / "backup"
    assert await back_up(settings_of(world), str(file)) == EXIT_DONE
    assert "messages: 2\n" in capsys.readouterr().out
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    content = gzip.decompress(file.read_bytes())
    assert KEY.encode() not in content  # The access key is sealed in it, as in the database.
    assert b"of the moment" not in content
    async with world.sender():
        assert (await world.send(command("since"))).status is OutcomeStatus.SENT
    assert len(world.sim.sends) == 2

    raw.client.drop_database(raw.name)
    assert await bring_back(settings_of(world), str(file)) == EXIT_DONE
    assert "All sending is stopped." in capsys.readouterr().out
    found = everything(raw)
    (counter,) = found["counters"]
    assert counter["value"] == backed_up["counters"][0]["value"] + SEQ_LEAP
    for name in KEPT:
        if name not in ("counters", "switches", "audit"):
            assert found[name] == backed_up[name], name
    assert found["audit"][: len(backed_up["audit"])] == backed_up["audit"]
    assert found["audit"][-1]["note"] == REASON
    for index in schema.INDEXES:
        assert index.name in raw[index.collection].index_information()

    # What comes again is known, or it is refused for good while all sending is stopped.
    async with world.sender():
        assert (await world.send(command("before"))).status is OutcomeStatus.SENT
        refused = await world.send(command("since"))
        assert refused.code is OutcomeCode.SENDING_STOPPED
        await MongoSwitches(world.database).set_all(stopped=False, reason="checked", by=SYSTEM)
        assert (await world.send(command("since"))).code is OutcomeCode.SENDING_STOPPED
        assert len(world.sim.sends) == 2
        assert (await world.send(command("after"))).status is OutcomeStatus.SENT
        silent = await world.send(command("silent", to=SILENT))
        assert silent.code is OutcomeCode.RECIPIENT_OPTED_OUT
    assert len(world.sim.sends) == 3
    again = [new_text("in-1", number=NUMBER, remote=PHONE), new_text("in-2")]
    repeated, new = await MongoInbound(world.database).record(again, owner="two", lease=LEASE)
    assert (repeated.claim, new.claim) == (Claim.FINISHED, Claim.FRESH)
    assert new.seq > SEQ_LEAP


async def test_all_sending_is_stopped_before_the_first_document_is_there(
    world: World, raw: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it was stopped at the backup, for another reason."""
    file = str(tmp_path / "backup")
    await MongoSwitches(world.database).set_all(stopped=True, reason="earlier", by=SYSTEM)
    assert await back_up(settings_of(world), file) == EXIT_DONE
    raw.client.drop_database(raw.name)
    fill = mongo_backup._fill

    async def killed(*_: Any) -> None:
        raise StoreUnavailable("Gone.")

    async def with_a_sender_alive(*given: Any) -> None:
        await fill(*given)
        assert reason() == REASON

    def reason() -> str:
        stopped = read_stopped(raw.switches.find_one({"_id": schema.SENDING_SWITCH})["stopped"])
        return stopped.reason if stopped else ""

    monkeypatch.setattr(mongo_backup, "_fill", killed)
    assert await bring_back(settings_of(world), file) == EXIT_AWAY
    assert reason() == REASON
    raw.client.drop_database(raw.name)
    monkeypatch.setattr(mongo_backup, "_fill", with_a_sender_alive)
    assert await bring_back(settings_of(world), file) == EXIT_DONE
    assert reason() == REASON
    notes = [entry["note"] for entry in raw.audit.find({"action": "sending.stopped"})]
    assert sorted(notes) == sorted(["earlier", REASON])


async def test_what_has_expired_since_the_backup_does_not_fail_the_restore(
    world: World, raw: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = str(tmp_path / "backup")
    raw[schema.DEAD_LETTER_ORIGINALS].insert_one({"_id": "old", "expires_at": utc_now()})
    assert await back_up(settings_of(world), file) == EXIT_DONE
    raw.client.drop_database(raw.name)
    await schema.ensure_schema(world.database)  # As `--prepare` does, run too early.
    fill = mongo_backup._fill

    async def beside_the_server(*given: Any) -> None:
        await fill(*given)
        for name in KEPT:  # What the server's own thread does each minute.
            for index in raw[name].index_information().values():
                if "expireAfterSeconds" in index:
                    raw[name].delete_many({index["key"][0][0]: {"$lt": utc_now()}})

    monkeypatch.setattr(mongo_backup, "_fill", beside_the_server)
    assert await bring_back(settings_of(world), file) == EXIT_DONE
    assert "expiry" in raw[schema.DEAD_LETTER_ORIGINALS].index_information()


async def test_a_backup_replaces_none_and_is_named_by_its_instant_in_a_folder(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "backup"
    file.write_bytes(b"an earlier one")
    assert await back_up(settings_of(world), str(file)) == EXIT_REFUSED
    assert "a file of that name is there" in capsys.readouterr().err
    assert file.read_bytes() == b"an earlier one"
    file.unlink()
    assert await back_up(settings_of(world), str(tmp_path)) == EXIT_DONE
    (name,) = inside(tmp_path)
    assert re.fullmatch(r"heliograph-\d{4}-\d\d-\d\dT\d{6}Z", name)
    assert f"documents, {tmp_path / name}\n" in capsys.readouterr().out
    assert check(tmp_path / name)


async def test_a_backup_shows_one_instant_whatever_is_written_meanwhile(
    world: World,
    raw: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    first, *others = KEPT
    raw[first].insert_one({"_id": "before"})
    begin = Writer.begin

    def begin_late(self: Writer, collection: str) -> None:
        begin(self, collection)
        if collection == others[0]:  # The first one is read by now.
            for name in KEPT:
                raw[name].insert_one({"_id": "meanwhile"})

    monkeypatch.setattr(Writer, "begin", begin_late)
    file = tmp_path / "backup"
    # Collections that come to be meanwhile are not in the snapshot, and MongoDB gives it up.
    assert await back_up(settings_of(world), str(file)) == EXIT_REFUSED
    assert "Start it again." in capsys.readouterr().err
    assert not inside(tmp_path)
    for name in KEPT:
        raw[name].delete_one({"_id": "meanwhile"})
    assert await back_up(settings_of(world), str(file)) == EXIT_DONE
    found = [(name, document["_id"]) for name, document in read(file)]
    assert (first, "before") in found
    assert "meanwhile" not in {identifier for _, identifier in found}
    assert raw[others[-1]].count_documents({"_id": "meanwhile"}) == 1


async def test_a_restore_writes_nothing_into_a_database_that_has_something(
    world: World, raw: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(tmp_path / "backup")
    assert await back_up(settings_of(world), file) == EXIT_DONE
    before = everything(raw)
    assert await bring_back(settings_of(world), file) == EXIT_REFUSED
    assert "is not empty: it has documents in tenants" in capsys.readouterr().err
    assert everything(raw) == before


@pytest.mark.parametrize("harm", ["cut", "changed", "foreign", "newer", "absent"])
async def test_a_restore_of_a_file_that_is_not_whole_writes_nothing(
    world: World, raw: Any, tmp_path: Path, harm: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "backup"
    if harm == "newer":
        later = {"version": VERSION + 1, "compatible_from": VERSION + 1}
        raw.schema.update_one({"_id": schema.SCHEMA_DOCUMENT}, {"$set": later})
    assert await back_up(settings_of(world), str(file)) == EXIT_DONE
    content = gzip.decompress(file.read_bytes())
    match harm:
        case "cut":
            file.write_bytes(file.read_bytes()[:-40])
        case "changed":
            file.write_bytes(gzip.compress(content.replace(b"support", b"nothing")))
        case "foreign":
            file.write_bytes(gzip.compress(b"nothing of the kind" * 9))
        case "absent":
            file.unlink()
    raw.client.drop_database(raw.name)
    assert await bring_back(settings_of(world), str(file)) == EXIT_REFUSED
    assert capsys.readouterr().err.startswith(f"heliograph: not restored: {file}: ")
    assert raw.list_collection_names() == []


async def test_a_backup_that_fails_leaves_no_file(world: World, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    away = settings_of(world, mongodb_uri="mongodb://127.0.0.1:1/", mongodb_timeout=0.3)
    assert await back_up(away, str(file)) == EXIT_AWAY
    assert await back_up(settings_of(world), str(tmp_path / "nowhere" / "backup")) == EXIT_REFUSED
    assert not inside(tmp_path)


async def test_every_collection_is_backed_up_or_named_as_of_the_moment(
    world: World, raw: Any, tmp_path: Path
) -> None:
    await lived(world, raw)
    assert {*raw.list_collection_names()} <= {*schema.COLLECTIONS}
    file = tmp_path / "backup"
    assert await back_up(settings_of(world), str(file)) == EXIT_DONE
    assert check(file).keys() == {*schema.COLLECTIONS} - OF_THE_MOMENT
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(DamagedBackup):
        check(file)
