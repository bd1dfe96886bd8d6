"""What administrators do with canaries: credentials of connections, right and wrong, in every place
that takes one, and in those that do not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from console_world import FREE_NUMBERS
from persons import Person
from secret_world import API, PAGES, SEEDED, Stage

from common.store.schema import CONNECTIONS


async def connect_and_change(stage: Stage) -> None:
    """Connections with good credentials, changed in every way there is."""
    admin = stage.persons["admin"]
    connection = await _connect(stage, admin)
    await _rotate(stage, admin, connection)
    await _replace(stage, admin, connection)
    wizard = _wizard(stage.use_key("an access key of the wizard"), address=FREE_NUMBERS[1])
    assert (await admin.post(f"{PAGES}/connect", **wizard))[0] == 303
    await note_sealed(stage)
    # Now no other connection's key is good any more, and this is said of each.
    for broken in (SEEDED, connection):
        await admin.ask("POST", f"{API}/connections/{broken}/check")


async def _connect(stage: Stage, admin: Person) -> str:
    body = {
        "name": "By API",
        "provider": "acs",
        "accept_opt_out": True,
        "partner": "infobip",
        "parameters": {
            "connection_string": stage.use_key("the first access key"),
            "partner_key": stage.cage.secret("the partner's key"),
        },
        "numbers": [{"address": FREE_NUMBERS[0], "type": "toll_free", "agent_id": "front-desk"}],
    }
    status, made = await admin.ask("POST", f"{API}/connections", body)
    assert status == 201, made
    await note_sealed(stage)
    return str(made["id"])


async def _rotate(stage: Stage, admin: Person, connection: str) -> None:
    at, page = f"{API}/connections/{connection}", f"{PAGES}/connections/{connection}"
    rotated = {
        "parameter": "secondary_connection_string",
        "value": stage.use_key("an access key that is rotated by API"),
    }
    assert (await admin.ask("POST", f"{at}/rotate", rotated))[0] == 200
    await note_sealed(stage)
    value = stage.use_key("an access key that is rotated on a page")
    fields = {"parameter": "connection_string", "value": value}
    version = await _version(admin, at)
    assert (await admin.post(f"{page}/rotate", **fields, version=version))[0] == 303
    await note_sealed(stage)


async def _replace(stage: Stage, admin: Person, connection: str) -> None:
    at, page = f"{API}/connections/{connection}", f"{PAGES}/connections/{connection}"
    parameters = {
        "connection_string": stage.use_key("an access key that is replaced by API"),
        "partner_key": stage.cage.secret("the partner's other key"),
    }
    changed = {"parameters": parameters, "partner": "infobip"}
    assert (await admin.ask("PUT", f"{at}/credentials", changed))[0] == 200
    await note_sealed(stage)
    value = stage.use_key("an access key that is replaced on a page")
    fields = {"connection_string": value, "version": await _version(admin, at)}
    assert (await admin.post(f"{page}/credentials", **fields))[0] == 303
    await note_sealed(stage)


def _wizard(connection_string: str, *, address: str) -> dict[str, str]:
    return {
        "provider": "acs",
        "name": "By wizard",
        "accept_opt_out": "true",
        "acs__connection_string": connection_string,
        "numbers__0__address": address,
        "numbers__0__type": "toll_free",
        "numbers__0__agent_id": "front-desk",
    }


async def _version(person: Person, path: str) -> str:
    return str((await person.ask("GET", path))[1]["version"])


async def note_sealed(stage: Stage) -> None:
    """Note what the credentials look like in the database now."""
    found = stage.world.database.collection(CONNECTIONS).find()
    stage.sealed += [document["sealed"] async for document in found]


def wrong_ones(stage: Stage, where: str) -> Iterator[str]:
    """Connection strings that cannot be one or that the provider refuses, each with its own key."""
    url = stage.world.simulator.url
    for what, form in {
        "has a wrong key": f"endpoint={url}/;accesskey={{}}",
        "has no endpoint": "accesskey={}",
        "is only a key": "{}",
        "has a line break": f"endpoint={url}/;\naccesskey={{}}",
        "is not base64": f"endpoint={url}/;accesskey={{}}!",
        "names a stranger's host": "endpoint=https://example.com/;accesskey={}",
        "has a user": "endpoint=https://{0}@acme.communication.azure.com/;accesskey={0}",
        "says it twice": f"endpoint={url}/;accesskey={{0}};accesskey={{0}}",
    }.items():
        yield form.format(stage.cage.secret(f"the key {where} that {what}"))


async def refuse_credentials(stage: Stage) -> None:
    """Credentials that are refused, wherever there is a field for them."""
    admin = stage.persons["admin"]
    at, page = f"{API}/connections/{SEEDED}", f"{PAGES}/connections/{SEEDED}"
    for given in wrong_ones(stage, "by API"):
        parameters = {"connection_string": given}
        new = {"name": "Never", "provider": "acs", "parameters": parameters}
        rotated = {"parameter": "secondary_connection_string", "value": given}
        asked = (
            await admin.ask("POST", f"{API}/connections", new),
            await admin.ask("PUT", f"{at}/credentials", {"parameters": parameters}),
            await admin.ask("POST", f"{at}/rotate", rotated),
        )
        assert {status for status, _ in asked} == {422}, asked
    version = await _version(admin, at)
    for given in wrong_ones(stage, "on a page"):
        rotated = {"parameter": "secondary_connection_string", "value": given}
        posted = (
            await admin.post(f"{PAGES}/connect", **_wizard(given, address=FREE_NUMBERS[2])),
            await admin.post(f"{page}/credentials", connection_string=given, version=version),
            await admin.post(f"{page}/rotate", **rotated, version=version),
        )
        assert {status for status, _ in posted} == {422}
    partner = stage.cage.secret("a partner's key without a partner")
    fields = {"partner_key": partner, "connection_string": stage.world.seed.connection_string}
    assert (await admin.post(f"{page}/credentials", **fields, version=version))[0] == 422
    stale = {"connection_string": stage.connection_string(partner), "version": "999"}
    assert (await admin.post(f"{page}/credentials", **stale))[0] in {412, 422}


async def misplace_secrets(stage: Stage) -> None:
    """Secrets in fields that are for something else."""
    admin = stage.persons["admin"]
    lost = (stage.cage.secret(f"a secret in a wrong place ({n})") for n in range(99))
    new: dict[str, Any] = {"name": "Never", "provider": "acs", "parameters": {}}
    for wrong in (
        {"parameters": {next(lost): "x"}},
        {"parameters": {"connection_string": "x", "partner_key": next(lost)}},
        {"parameters": {"connection_string": next(lost)}, "partner": next(lost)},
        {"provider": next(lost)},
        {"provider": "twilio", "parameters": {"auth_token": next(lost)}},
        {"parameters": next(lost)},
        {"connection_string": next(lost)},
        {"accept_opt_out": next(lost)},
        {"numbers": [{"address": next(lost), "type": next(lost), "agent_id": next(lost)}]},
    ):
        status, _ = await admin.ask("POST", f"{API}/connections", new | wrong)
        assert 400 <= status < 500, wrong
    await _misplace_in_changes(stage, lost)
    for path in (
        f"{API}/connections/{next(lost)}",
        f"{API}/connections?cursor={next(lost)}",
        f"{API}/connections?status={next(lost)}",
        f"{API}/messages?since={next(lost)}",
        f"/api/v1/tenants/{next(lost)}/connections",
        f"/api/v1/dead-letters/{next(lost)}",
    ):
        assert 400 <= (await admin.ask("GET", path))[0] < 500, path
    wizard = _wizard(next(lost), address=FREE_NUMBERS[2]) | {"twilio__auth_token": next(lost)}
    assert (await admin.post(f"{PAGES}/connect", **wizard | {"provider": next(lost)}))[0] == 422


async def _misplace_in_changes(stage: Stage, lost: Iterator[str]) -> None:
    admin, viewer = stage.persons["admin"], stage.persons["viewer"]
    at = f"{API}/connections/{SEEDED}"
    rotated = {"parameter": next(lost), "value": next(lost)}
    assert (await admin.ask("POST", f"{at}/rotate", rotated))[0] == 422
    assert (await admin.ask("POST", f"{at}/rotate", next(lost).encode()))[0] == 400
    assert (await viewer.ask("POST", f"{at}/rotate", rotated))[0] == 403
    assert (await admin.ask("PATCH", at, {"name": "x"}, **{"If-Match": next(lost)}))[0] == 412
    version = await _version(admin, at)
    for form in ({"connection_string": ""}, {"value": next(lost), "parameter": next(lost)}):
        kind = "rotate" if "value" in form else "credentials"
        fields = form | {"version": version, "note": next(lost)}
        assert (await admin.post(f"{PAGES}/connections/{SEEDED}/{kind}", **fields))[0] == 422


async def disconnect(stage: Stage) -> None:
    """Every connection ends; one of them was live again in between."""
    admin = stage.persons["admin"]
    _, listed = await admin.ask("GET", f"{API}/connections?limit=200")
    for connection in (item["id"] for item in listed["items"]):
        at = f"{API}/connections/{connection}"
        assert (await admin.ask("POST", f"{at}/disconnect", {"confirm": True}))[0] == 200
    at, page = f"{API}/connections/{SEEDED}", f"{PAGES}/connections/{SEEDED}"
    for given in wrong_ones(stage, "of a reconnect"):
        again = {"parameters": {"connection_string": given}}
        assert (await admin.ask("POST", f"{at}/reconnect", again))[0] == 422
        fields = {"connection_string": given, "version": await _version(admin, at)}
        assert (await admin.post(f"{page}/reconnect", **fields))[0] == 422
    value = stage.use_key("an access key of a reconnect")
    fields = {"connection_string": value, "version": await _version(admin, at)}
    assert (await admin.post(f"{page}/reconnect", **fields))[0] == 303
    await note_sealed(stage)
    fields = {"confirm": "true", "version": await _version(admin, at)}
    assert (await admin.post(f"{page}/disconnect", **fields))[0] == 303
