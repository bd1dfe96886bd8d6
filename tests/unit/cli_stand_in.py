"""A small stand-in of the API, for the command line: it keeps what it is told in memory and answers
in the forms of docs/api.md. The rules are the real API's business and not repeated here."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

KEY = "hg_0123456789abcdef_made-up-for-tests"
AT = "2026-03-01T12:00:00.250000Z"
NUMBER = "+18005550100"
REMOTE = "+12125550147"
CONVERSATION = "conv-1"
ACS_SECRETS = ("connection_string", "secondary_connection_string")

Body = dict[str, Any]


@dataclass
class Refusal(Exception):
    """Becomes a problem."""

    status: int
    code: str
    detail: str
    remedy: str = "Do it differently."
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """One request, as the tests look at it."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Body | None


@dataclass(frozen=True)
class Given:
    """One answer."""

    status: int
    body: Body
    headers: Mapping[str, str] = field(default_factory=dict)


def text(message_id: str, body: str, **more: Any) -> Body:
    """One text of the conversation."""
    return {
        "id": message_id,
        "direction": "INBOUND",
        "conversation_id": CONVERSATION,
        "agent_id": "front-desk",
        "number": NUMBER,
        "remote": REMOTE,
        "body": body,
        "at": AT,
        "state": None,
        "status": "received",
        "report_status": None,
    } | more


def approval(message_id: str, body: str = "We open at 8:30.") -> Body:
    """A held text."""
    return {
        "message_id": message_id,
        "agent_id": "front-desk",
        "conversation_id": CONVERSATION,
        "number": NUMBER,
        "remote": REMOTE,
        "body": body,
        "original_body": body,
        "segments": 1,
        "held_at": AT,
        "expires_at": "2026-03-02T12:00:00Z",
        "decision": None,
        "edited": False,
    }


class StandIn:
    """Answers requests; `asked` holds every one, for the tests."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.me: Body = {
            "kind": "key",
            "id": "k1",
            "name": "Ada",
            "role": "admin",
            "tenant_id": "acme",
        }
        self.kept: dict[tuple[str, str], Body] = {}
        self.texts: list[Body] = [text("m1", "Hi! What time do you open tomorrow?")]
        self.refusals: list[Refusal] = []
        self.not_taken: list[str] = []
        """Parked messages that the broker does not take."""
        """Each refuses one request that would change something."""
        self._seed()

    def _seed(self) -> None:
        self.keep("tenants", "acme", name="Acme", features=["custom.acs_sms"])
        self.keep("tenants", "acme", opt_out_accepted_at=None)
        self.keep("agents", "front-desk", name="Front desk", kind="agent", employee=None)
        self.keep("agents", "front-desk", active=True, bus_user="acme.front-desk", numbers=1)
        self.keep("connections", "c1", name="Main line", provider="acs", status="active")
        self.keep("connections", "c1", error=None, numbers=1, secrets=list(ACS_SECRETS), public={})
        self.keep("connections", "c1", checked_at=AT, partner=None)
        self.keep("numbers", NUMBER, address=NUMBER, type="toll_free", agent_id="front-desk")
        self.keep("rules", NUMBER, address=NUMBER, long_text="truncate", daily_texts=None)
        closed = {"state": "closed", "since": None, "rests_until": None, "reason": None}
        way = {"connection_id": "c1", "name": "Main line", "provider": "acs", "status": "active"}
        self.keep("failover", NUMBER, address=NUMBER, own=way | {"circuit": closed}, failover=[])
        self.keep("sending", "acme", stopped=False, everywhere=None, tenant=None)
        self.keep("sending", "all", stopped=False, everywhere=None)
        self.keep("held", CONVERSATION, conversation_id=CONVERSATION, number=NUMBER, remote=REMOTE)
        self.keep("held", CONVERSATION, held_since=AT, reason="loop_suspected")
        self.keep("numbers", NUMBER, connection_id="c1", provider="acs", gate_on=False, name="")
        held = approval("m2")
        self.keep("approvals", "m2", **held)

    def keep(self, kind: str, which: str, /, **members: Any) -> Body:
        """Change a thing, or make it."""
        thing = self.kept.setdefault((kind, which), {"id": which, "created_at": AT, "version": 0})
        thing.update(members)
        thing["version"] += 1
        return thing

    def answer(self, asked: Asked) -> Given:
        """What the API answers."""
        self.asked.append(asked)
        try:
            if asked.headers.get("authorization") != f"Bearer {KEY}":
                raise Refusal(401, "unauthenticated", "Nobody is signed in.")
            if asked.method != "GET" and self.refusals:
                raise self.refusals.pop(0)
            return self._route(asked)
        except Refusal as refusal:
            members = {"title": refusal.code, "status": refusal.status, "code": refusal.code}
            words = {"detail": refusal.detail, "remedy": refusal.remedy}
            return Given(refusal.status, members | words, refusal.headers)

    def _route(self, asked: Asked) -> Given:
        for method, pattern, handler in ROUTES:
            found = re.fullmatch(pattern, asked.path)
            if found and method == asked.method:
                steps = {name: unquote(step) for name, step in found.groupdict().items()}
                if steps.pop("tenant", "acme") not in {"acme", "globex"}:
                    break
                return handler(self, asked, **steps)
        raise Refusal(404, "not_found", "There is no such thing.", "Check the ID.")

    def _found(self, kind: str, name: str) -> Body:
        if (kind, name) not in self.kept:
            raise Refusal(404, "not_found", "There is no such thing.", "Check the ID.")
        return self.kept[kind, name]

    def _all(self, kind: str) -> list[Body]:
        return [thing for (own, _), thing in self.kept.items() if own == kind]


def _paged(items: list[Body], asked: Asked) -> Given:
    start, limit = int(asked.query.get("cursor", 0)), int(asked.query.get("limit", 50))
    if not 1 <= limit <= 200:
        raise Refusal(422, "invalid", "Not usable: limit.")
    more = start + limit if start + limit < len(items) else None
    page = {"items": items[start : start + limit], "next": None if more is None else str(more)}
    return Given(200, page)


def _one(thing: Body, status: int = 200) -> Given:
    return Given(status, thing, {"ETag": f'"{thing["version"]}"'})


def _matching(items: list[Body], asked: Asked, *names: str) -> list[Body]:
    wanted = {name: asked.query[name] for name in names if name in asked.query}
    return [item for item in items if all(item.get(key) == wanted[key] for key in wanted)]


def _list(kind: str, *filters: str) -> Callable[..., Given]:
    def handler(api: StandIn, asked: Asked) -> Given:
        return _paged(_matching(api._all(kind), asked, *filters), asked)

    return handler


def _get(kind: str) -> Callable[..., Given]:
    def handler(api: StandIn, asked: Asked, which: str) -> Given:
        return _one(api._found(kind, which))

    return handler


def _change(kind: str, versioned: bool = True, **fixed: Any) -> Callable[..., Given]:
    def handler(api: StandIn, asked: Asked, which: str) -> Given:
        thing = api._found(kind, which)
        if versioned:
            match = asked.headers.get("if-match")
            if match is None:
                raise Refusal(428, "version_required", "It is not said which version is meant.")
            if match != f'"{thing["version"]}"':
                raise Refusal(412, "stale", "It was changed in the meantime.", "Read it again.")
        hidden = {"parameters", "confirm", "value", "parameter"}
        given = {key: value for key, value in (asked.body or {}).items() if key not in hidden}
        return _one(api.keep(kind, which, **given | fixed))

    return handler


def _make(kind: str, by: str = "id", **fixed: Any) -> Callable[..., Given]:
    def handler(api: StandIn, asked: Asked, **_: str) -> Given:
        body = {key: value for key, value in (asked.body or {}).items() if key != "parameters"}
        name = body.get(by) or f"{kind[0]}{len(api._all(kind)) + 1}"
        if (kind, name) in api.kept:
            raise Refusal(409, "taken", "It exists already.", "Choose another ID.")
        return _one(api.keep(kind, name, **body | fixed), 201)

    return handler


def _failover(api: StandIn, asked: Asked, which: str) -> Given:
    """What is chosen comes back as the connections that it names."""
    chosen = (asked.body or {}).get("connection_ids", [])
    own = api._found("failover", which)["own"]
    ways = [own | {"connection_id": name, "name": f"Line {name}"} for name in chosen]
    changed = _change("failover")(api, asked, which)
    return Given(200, changed.body | {"failover": ways}, changed.headers)


def _gate(api: StandIn, asked: Asked, which: str) -> Given:
    body = asked.body or {}
    if body.get("confirm") is not True:
        raise Refusal(422, "not_confirmed", "The change was not confirmed.")
    api._found("numbers", which)
    return _one(api.keep("numbers", which, gate_on=body["on"], gate_changed_by="Ada"))


def _decide(decision: str) -> Callable[..., Given]:
    def handler(api: StandIn, asked: Asked, which: str) -> Given:
        held, body = api._found("approvals", which), asked.body or {}
        if held["decision"] is not None:
            raise Refusal(
                409, "already_decided", "The text was decided before.", "Nothing is left."
            )
        words = {"body": body["body"], "edited": True} if body.get("body") else {}
        told = {"decided_by": "Ada", "decided_at": AT, "reason": body.get("reason")}
        return _one(api.keep("approvals", which, decision=decision, **words, **told))

    return handler


def _switch(where: str) -> Callable[..., Given]:
    def handler(api: StandIn, asked: Asked) -> Given:
        body = asked.body or {}
        if asked.method == "PUT":
            if body.get("confirm") is not True:
                raise Refusal(422, "not_confirmed", "The change was not confirmed.")
            stop = {"at": AT, "by": "Ada", "reason": body.get("reason", "")}
            member = "everywhere" if where == "all" else "tenant"
            stopped = body["stopped"]
            api.keep("sending", where, stopped=stopped, **{member: stop if stopped else None})
        return Given(200, api.kept["sending", where])

    return handler


def _approvals(api: StandIn, asked: Asked) -> Given:
    waiting = [held for held in api._all("approvals") if held["decision"] is None]
    return _paged(_matching(waiting, asked, "number"), asked)


def _consent(**more: Any) -> Body:
    return {
        "number": NUMBER,
        "remote": REMOTE,
        "conversation_id": CONVERSATION,
        "opted_out": True,
        "in_doubt": True,
        "at": AT,
        "opted_out_at": AT,
    } | more


def _consents(api: StandIn, asked: Asked) -> Given:
    return _paged(_matching([_consent()], asked, "number", "remote"), asked)


def _consent_history(api: StandIn, asked: Asked, which: str, remote: str) -> Given:
    said = {"opted_out": True, "in_doubt": True, "at": AT, "recorded_at": AT, "source": "wording"}
    entry = said | {"rule": "stop-texting", "who": "remote", "message_id": "m1", "note": None}
    return Given(200, _consent(history=[entry], next=None))


def _say(opted_out: bool) -> Callable[..., Given]:
    def handler(api: StandIn, asked: Asked, which: str, remote: str) -> Given:
        return Given(200, _consent(opted_out=opted_out, in_doubt=False))

    return handler


def _on_list(api: StandIn, asked: Asked, which: str, remote: str) -> Given:
    return Given(200, {"opted_out": True})


def forecast(ref: str = "r1", effect: str = "accepted") -> Body:
    """What a replay comes to."""
    what = "It goes the way of every command."
    return {
        "ref": ref,
        "effect": effect,
        "code": "new_command",
        "what": what,
        "exchange": "",
        "key": "sender.commands",
    }


def _parked_content(api: StandIn, asked: Asked, queue: str, which: str) -> Given:
    content = {"ref": which, "message_id": "m1", "type": "command.send", "user": "acme.desk"}
    content |= {"routing_key": "acme.front-desk.send", "body": '{"v": 1}', "changes": ["-a", "+b"]}
    return Given(200, content | {"edited_at": AT, "edited_by": "Ada", "forecast": forecast(which)})


def _parked_edit(api: StandIn, asked: Asked, queue: str, which: str) -> Given:
    dry_run = bool((asked.body or {}).get("dry_run"))
    return Given(200, {"ref": "r2", "changes": ["-old", "+new"], "dry_run": dry_run})


def _parked_replay(api: StandIn, asked: Asked, queue: str, which: str) -> Given:
    dry_run = bool((asked.body or {}).get("dry_run"))
    return Given(200, {"dry_run": dry_run, "forecast": forecast(which)})


def _round(api: StandIn, asked: Asked, queue: str, verb: str) -> Given:
    """Two rounds, of which the second one leaves a message."""
    last = bool((asked.body or {}).get("round_id"))
    found = forecast("r2", "parked_again") if last else forecast()
    members = {"round_id": "a-round", "seen": 2, "done": 1, "finished": last}
    return Given(200, members | {"forecasts": [found], "failed": api.not_taken, "dry_run": False})


def _conversations(api: StandIn, asked: Asked) -> Given:
    texts = _matching(api.texts, asked, "number", "remote")
    found = {CONVERSATION: texts[-1]} if texts else {}
    items = [
        {
            "id": name,
            "number": newest["number"],
            "remote": newest["remote"],
            "newest": newest,
            "held": 1,
            "opted_out": False,
        }
        for name, newest in found.items()
    ]
    return _paged(items, asked)


def _conversation(api: StandIn, asked: Asked, which: str) -> Given:
    if which != CONVERSATION:
        raise Refusal(404, "not_found", "There is no such thing.", "Check the ID.")
    return Given(
        200, {"id": which, "number": NUMBER, "remote": REMOTE, "held": 1, "opted_out": False}
    )


def _message(api: StandIn, asked: Asked, which: str) -> Given:
    for one in api.texts:
        if one["id"] == which:
            return Given(200, one)
    raise Refusal(404, "not_found", "There is no such thing.", "Check the ID.")


def _execution(api: StandIn, asked: Asked, which: str) -> Given:
    return Given(200, _life(which))


def _life(message_id: str) -> Body:
    return {
        "message_id": message_id,
        "number": NUMBER,
        "remote": REMOTE,
        "duplicates": 0,
        "steps": [{"what": "accepted", "at": AT, "detail": "acs"}],
    }


def _executions(api: StandIn, asked: Asked) -> Given:
    return _paged([_life(text["id"]) for text in api.texts], asked)


def _texts(api: StandIn, asked: Asked, which: str = "") -> Given:
    found = _matching(api.texts, asked, "number", "remote", "direction", "status", "state")
    return _paged(found[::-1], asked)


def _callbacks(api: StandIn, asked: Asked, which: str) -> Given:
    address = {
        "label": "Callback URL",
        "url": f"https://texts.example.com/api/webhooks/link/{which}/token",
        "help": "Enter it in the portal.",
        "username": which,
        "password": "made-up",
        "topics": [],
    }
    return Given(200, {"items": [address], "next": None})


def _overview(api: StandIn, asked: Asked) -> Given:
    hours = [{"start": AT, "connection_id": "c1", "received": 2, "sent": 1}] * 2
    found = {"connections": api._all("connections"), "hours": hours, "held": 1, "errors": 0}
    return Given(200, found)


def _providers(api: StandIn, asked: Asked) -> Given:
    parameters = [
        {"name": name, "label": name, "help": "See the portal.", "secret": True, "required": not i}
        for i, name in enumerate(ACS_SECRETS)
    ]
    acs = {
        "name": "acs",
        "title": "Azure Communication Services",
        "feature": "custom.acs_sms",
        "available": True,
        "parameters": parameters,
        "number_types": ["toll_free", "short_code", "local"],
        "rotating": list(ACS_SECRETS),
        "partner_parameter": parameters[0] | {"name": "partner_key", "label": "Partner key"},
        "callbacks": [{"label": "Event Grid endpoint", "path_template": "/api/webhooks/acs/sms"}],
    }
    vibes = acs | {"name": "vibes", "title": "Vibes", "available": False, "rotating": None}
    return Given(200, {"items": [acs, vibes], "next": None})


T = "/api/v1/tenants/(?P<tenant>[^/]+)"
ID = "(?P<which>[^/]+)"
REMOTE_AT = "(?P<remote>[^/]+)"
PARKED = "/api/v1/dead-letters/(?P<queue>[^/]+)"
ROUTES: list[tuple[str, str, Callable[..., Given]]] = [
    ("GET", "/api/v1/me", lambda api, asked: Given(200, api.me)),
    ("GET", "/api/v1/providers", _providers),
    ("GET", "/api/v1/tenants", _list("tenants")),
    ("POST", "/api/v1/tenants", _make("tenants")),
    ("GET", f"/api/v1/tenants/{ID}", _get("tenants")),
    ("PATCH", f"/api/v1/tenants/{ID}", _change("tenants")),
    ("POST", f"/api/v1/tenants/{ID}/opt-out-acceptance", _change("tenants", versioned=False)),
    ("GET", f"{T}/agents", _list("agents")),
    ("POST", f"{T}/agents", _make("agents", bus_password="bus-made-up", bus_user="acme.x")),
    ("GET", f"{T}/agents/{ID}", _get("agents")),
    ("PATCH", f"{T}/agents/{ID}", _change("agents")),
    ("POST", f"{T}/agents/{ID}/bus-user", _change("agents", versioned=False, bus_password="new")),
    ("GET", f"{T}/keys", _list("keys")),
    ("POST", f"{T}/keys", _make("keys", key="hg_new_made-up")),
    ("DELETE", f"{T}/keys/{ID}", lambda api, asked, which: Given(204, {})),
    ("DELETE", f"/api/v1/keys/{ID}", lambda api, asked, which: Given(204, {})),
    ("GET", "/api/v1/keys", _list("keys")),
    ("POST", "/api/v1/keys", _make("keys", key="hg_new_made-up", role="operator")),
    ("GET", f"{T}/connections", _list("connections", "status")),
    ("POST", f"{T}/connections", _make("connections", status="active")),
    ("GET", f"{T}/connections/{ID}", _get("connections")),
    ("GET", f"{T}/connections/{ID}/callbacks", _callbacks),
    ("PATCH", f"{T}/connections/{ID}", _change("connections")),
    ("PUT", f"{T}/connections/{ID}/credentials", _change("connections", status="active")),
    ("POST", f"{T}/connections/{ID}/rotate", _change("connections")),
    ("POST", f"{T}/connections/{ID}/check", _change("connections", versioned=False)),
    ("POST", f"{T}/connections/{ID}/disconnect", _change("connections", status="disconnected")),
    ("POST", f"{T}/connections/{ID}/reconnect", _change("connections", status="active")),
    ("POST", f"{T}/connections/{ID}/numbers", _make("numbers", by="address", gate_on=False)),
    ("GET", f"{T}/numbers", _list("numbers", "connection_id", "agent_id")),
    ("GET", f"{T}/numbers/{ID}", _get("numbers")),
    ("PATCH", f"{T}/numbers/{ID}", _change("numbers")),
    ("DELETE", f"{T}/numbers/{ID}", _change("numbers", connected=False)),
    ("PUT", f"{T}/numbers/{ID}/agent", _change("numbers")),
    ("POST", f"{T}/numbers/{ID}/move", _change("numbers")),
    ("PUT", f"{T}/numbers/{ID}/gate", _gate),
    ("GET", f"{T}/consents", _consents),
    ("GET", f"{T}/consents/{ID}/{REMOTE_AT}", _consent_history),
    ("POST", f"{T}/consents/{ID}/{REMOTE_AT}/opt-out", _say(opted_out=True)),
    ("POST", f"{T}/consents/{ID}/{REMOTE_AT}/opt-in", _say(opted_out=False)),
    ("POST", f"{T}/consents/{ID}/{REMOTE_AT}/confirm", _say(opted_out=True)),
    ("POST", f"{T}/consents/{ID}/{REMOTE_AT}/undo", _say(opted_out=False)),
    ("POST", f"{T}/consents/{ID}/{REMOTE_AT}/check", _on_list),
    ("GET", f"{T}/numbers/{ID}/rules", _get("rules")),
    ("PATCH", f"{T}/numbers/{ID}/rules", _change("rules")),
    ("GET", f"{T}/numbers/{ID}/failover", _get("failover")),
    ("PUT", f"{T}/numbers/{ID}/failover", _failover),
    ("GET", f"{T}/sending", _switch("acme")),
    ("PUT", f"{T}/sending", _switch("acme")),
    ("GET", "/api/v1/sending", _switch("all")),
    ("PUT", "/api/v1/sending", _switch("all")),
    ("GET", f"{T}/held-conversations", _list("held")),
    (
        "POST",
        f"{T}/conversations/{ID}/resume",
        _change("held", versioned=False, held_since=None, resumed_at=AT, resumed_by="Ada"),
    ),
    ("GET", f"{T}/conversations", _conversations),
    ("GET", f"{T}/executions", _executions),
    ("GET", f"{T}/conversations/{ID}", _conversation),
    ("GET", f"{T}/conversations/{ID}/messages", _texts),
    ("GET", f"{T}/messages", _texts),
    ("GET", f"{T}/messages/{ID}", _message),
    ("GET", f"{T}/messages/{ID}/execution", _execution),
    ("GET", f"{T}/overview", _overview),
    ("GET", f"{T}/approvals", _approvals),
    ("GET", f"{T}/approvals/{ID}", _get("approvals")),
    ("POST", f"{T}/approvals/{ID}/approve", _decide("approved")),
    ("POST", f"{T}/approvals/{ID}/reject", _decide("rejected")),
    ("GET", f"{T}/audit", _list("audit", "action", "target")),
    ("GET", "/api/v1/audit", _list("audit", "action", "target")),
    ("GET", "/api/v1/dead-letters", _list("dead")),
    ("POST", f"{PARKED}/(?P<verb>replay|drop)", _round),
    ("POST", f"{PARKED}/messages/{ID}/read", _parked_content),
    ("POST", f"{PARKED}/messages/{ID}/edit", _parked_edit),
    ("POST", f"{PARKED}/messages/{ID}/replay", _parked_replay),
    ("POST", f"{PARKED}/messages/{ID}/drop", lambda *_, **__: Given(204, {})),
    (
        "GET",
        f"/api/v1/dead-letters/{ID}",
        lambda api, asked, which: _paged(api._all("dead"), asked),
    ),
]


def event(message_id: str, conversation_id: str = CONVERSATION) -> str:
    """As the stream of events says that something happened to a text."""
    data = json.dumps({"conversation_id": conversation_id, "message_id": message_id})
    return f"event: text\ndata: {data}\n\n"
