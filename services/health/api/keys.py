"""API keys of a tenant, and those of the operators."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from pydantic import AwareDatetime, Field

from common.store.control import KeyRecord, Page
from health.access.roles import Role
from health.api.paths import PREFIX, TENANT, ListQuery, Name
from health.web.routes import Answer, Body, Call, ListView, Route, View


class NewKeyBody(Body):
    """A key of a tenant."""

    name: Name
    role: Role = Field(description="Not `operator`, and not more than your own.")
    expires_at: AwareDatetime | None = Field(
        None, description="After this instant it is of no use. None: never."
    )


class NewOperatorKeyBody(Body):
    """A key of an operator."""

    name: Name
    expires_at: AwareDatetime | None = Field(
        None, description="After this instant it is of no use. None: never."
    )


class KeyView(View):
    """A key without its secret."""

    id: str
    name: str
    role: Role
    tenant_id: str | None = Field(description="None: an operator's, which reaches every tenant.")
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    last_used_at: datetime | None = Field(description="To about a minute.")
    revoked_at: datetime | None


class NewKeyView(KeyView):
    """A key that was made now."""

    key: str = Field(description="Shown this one time: `hg_<ID>_<secret>`.")


class KeyListView(ListView[KeyView]):
    """Keys, newest first, the revoked ones too."""


async def list_keys(call: Call) -> Answer:
    page = await call.desks.keys.list(
        call.tenant_id, limit=call.query.limit, cursor=call.query.cursor
    )
    return Answer(body=_list(page))


async def make_key(call: Call) -> Answer:
    record, text = await call.desks.keys.make(
        call.tenant_id,
        name=call.body.name,
        role=call.body.role,
        expires_at=call.body.expires_at,
        by=call.principal,
    )
    return _made(record, text)


async def revoke_key(call: Call) -> Answer:
    record = await call.desks.keys.revoke(call.tenant_id, call.at("key_id"), by=call.principal)
    return Answer(body=KeyView(**_fields(record)))


async def list_operator_keys(call: Call) -> Answer:
    page = await call.desks.keys.list(None, limit=call.query.limit, cursor=call.query.cursor)
    return Answer(body=_list(page))


async def make_operator_key(call: Call) -> Answer:
    record, text = await call.desks.keys.make(
        None,
        name=call.body.name,
        role=Role.OPERATOR,
        expires_at=call.body.expires_at,
        by=call.principal,
    )
    return _made(record, text)


async def revoke_operator_key(call: Call) -> Answer:
    record = await call.desks.keys.revoke(None, call.at("key_id"), by=call.principal)
    return Answer(body=KeyView(**_fields(record)))


def _made(record: KeyRecord, text: str) -> Answer:
    return Answer(body=NewKeyView(**_fields(record), key=text), status=201)


def _list(page: Page[KeyRecord]) -> KeyListView:
    return KeyListView(
        items=tuple(KeyView(**_fields(record)) for record in page.items), next=page.next
    )


def _fields(record: KeyRecord) -> dict[str, object]:
    return {name: getattr(record, name) for name in KeyView.model_fields}


ROUTES: Final[tuple[Route, ...]] = (
    Route(
        name="list_keys",
        method="GET",
        path=f"{TENANT}/keys",
        needs=Role.ADMIN,
        handler=list_keys,
        summary="List the tenant's API keys",
        query=ListQuery,
        answer=KeyListView,
        tag="keys",
    ),
    Route(
        name="make_key",
        method="POST",
        path=f"{TENANT}/keys",
        needs=Role.ADMIN,
        handler=make_key,
        summary="Make an API key, which is shown this one time",
        body=NewKeyBody,
        answer=NewKeyView,
        status=201,
        tag="keys",
    ),
    Route(
        name="revoke_key",
        method="DELETE",
        path=f"{TENANT}/keys/{{key_id}}",
        needs=Role.ADMIN,
        handler=revoke_key,
        summary="Revoke an API key at once, with its sessions",
        answer=KeyView,
        tag="keys",
    ),
    Route(
        name="list_operator_keys",
        method="GET",
        path=f"{PREFIX}/keys",
        needs=Role.OPERATOR,
        handler=list_operator_keys,
        summary="List the operators' API keys",
        query=ListQuery,
        answer=KeyListView,
        tag="keys",
    ),
    Route(
        name="make_operator_key",
        method="POST",
        path=f"{PREFIX}/keys",
        needs=Role.OPERATOR,
        handler=make_operator_key,
        summary="Make an operator's API key, which is shown this one time",
        body=NewOperatorKeyBody,
        answer=NewKeyView,
        status=201,
        tag="keys",
    ),
    Route(
        name="revoke_operator_key",
        method="DELETE",
        path=f"{PREFIX}/keys/{{key_id}}",
        needs=Role.OPERATOR,
        handler=revoke_operator_key,
        summary="Revoke an operator's API key at once, with its sessions",
        answer=KeyView,
        tag="keys",
    ),
)
