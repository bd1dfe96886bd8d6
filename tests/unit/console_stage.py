"""The console's pages over desks that hold samples, served on loopback."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from common.metrics import Metrics
from common.store.consents import LedgerEntry
from common.store.control import Approval, Happening, HeldConversation, Page, Stopped, Stops
from common.store.control_ports import NotFound
from common.store.records import ApprovalDecision, ConnectionStatus, Consent
from health.access.door import SignedIn
from health.access.roles import Principal, Role
from health.console import rendering
from health.console.table import ROUTES
from health.desk.approvals import Draft, shaped_words
from health.desk.consents import Told
from health.desks import Desks
from health.web.problems import Problem, ProblemCode
from health.web.serve import Server
from tests.unit import console_samples as samples
from tests.unit.console_letters import StageLetters, StageParked, StageRounds

CSRF = "the-token-of-the-session"


@dataclass
class StageDoor:
    """Lets in whoever the test says."""

    principal: Principal | None = None
    refusal: Problem | None = None
    secure: bool = False
    tried: list[str] = field(default_factory=list)

    def let_in(self, role: Role, *, tenant_id: str | None = samples.TENANT) -> None:
        self.principal = Principal(
            kind="key",
            id="k-jane",
            name="Jane Smith",
            role=role,
            tenant_id=None if role is Role.OPERATOR else tenant_id,
            session_id="session",
            csrf=CSRF,
        )

    def source(self, request: web.BaseRequest) -> str:
        return "192.0.2.7"

    async def identify(self, request: web.BaseRequest) -> Principal:
        if self.principal is None:
            raise Problem(ProblemCode.UNAUTHENTICATED)
        return self.principal

    async def check_csrf(self, request: web.BaseRequest, principal: Principal) -> None:
        given = request.headers.get("X-CSRF-Token") or (await request.post()).get("csrf")
        if given != CSRF:
            raise Problem(ProblemCode.CSRF)

    async def sign_in(self, secret: str, *, source: str) -> SignedIn:
        return self._open(secret)

    async def sign_in_with_ticket(self, ticket: str, *, source: str) -> SignedIn:
        return self._open(ticket)

    async def sign_out(self, principal: Principal) -> None:
        self.principal = None

    def keep(self, response: web.StreamResponse, signed_in: SignedIn) -> None:
        response.set_cookie("heliograph_session", signed_in.cookie)

    def forget(self, response: web.StreamResponse) -> None:
        response.del_cookie("heliograph_session")

    def _open(self, secret: str) -> SignedIn:
        self.tried.append(secret)
        if self.refusal is not None:
            raise self.refusal
        self.let_in(Role.ADMIN)
        assert self.principal is not None
        return SignedIn(self.principal, "cookie", CSRF, samples.NOW)


@dataclass
class StageApprovals:
    """Held texts in a list."""

    limit = 160

    held: dict[str, Approval]
    decided: list[tuple[str, str]] = field(default_factory=list)
    refusal: Problem | None = None

    async def list(self, tenant_id: str, **_: Any) -> Page[Approval]:
        return Page(tuple(item for item in self.held.values() if item.decision is None))

    async def get(self, tenant_id: str, message_id: str) -> Approval:
        if message_id not in self.held:
            raise NotFound
        return self.held[message_id]

    async def measure(self, tenant_id: str, *, number: str, remote: str, body: str) -> Draft:
        return Draft(body, shaped_words(body, number, remote, None, self.limit), self.limit)

    async def approve(
        self, tenant_id: str, message_id: str, *, body: str | None, by: Principal
    ) -> Approval:
        edited = body is not None and body != self.held[message_id].body
        return self._decide(message_id, ApprovalDecision.APPROVED, body or "", edited=edited)

    async def reject(
        self, tenant_id: str, message_id: str, *, reason: str, by: Principal
    ) -> Approval:
        return self._decide(message_id, ApprovalDecision.REJECTED, reason)

    def _decide(
        self, message_id: str, decision: ApprovalDecision, words: str, *, edited: bool = False
    ) -> Approval:
        if self.refusal is not None:
            raise self.refusal
        self.decided.append((message_id, words))
        self.held[message_id] = samples.approval(
            message_id, decision=decision, edited=edited, decided_at=samples.NOW
        )
        return self.held[message_id]


@dataclass
class StageConsents:
    """Opt-outs in a list."""

    standing: tuple[Consent, ...]
    said: tuple[LedgerEntry, ...]
    entered: list[tuple[str, str, str | None]] = field(default_factory=list)
    refusal: Problem | None = None

    async def list(
        self, tenant_id: str, *, in_doubt: bool | None = None, **_: Any
    ) -> Page[Consent]:
        wanted = (it for it in self.standing if in_doubt is None or it.in_doubt is in_doubt)
        return Page(tuple(wanted))

    async def get(self, tenant_id: str, number: str, remote: str, **_: Any) -> Told:
        found = [it for it in self.standing if (it.number, it.remote) == (number, remote)]
        if not found:
            raise NotFound
        return Told(found[0], Page(self.said))

    def __getattr__(self, verb: str) -> Any:
        """What a person enters."""

        async def enter(tenant_id: str, number: str, remote: str, **given: Any) -> Consent:
            if self.refusal is not None:
                raise self.refusal
            self.entered.append((verb, remote, given["note"]))
            return self.standing[0]

        return enter


@dataclass
class StageLive:
    """Happenings that a test puts in."""

    queue: asyncio.Queue[Happening] = field(default_factory=asyncio.Queue)
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    @contextlib.asynccontextmanager
    async def subscribe(self, tenant_id: str) -> AsyncIterator[asyncio.Queue[Happening]]:
        yield self.queue

    async def opened(self) -> bool:
        return True


@dataclass
class StageSwitches:
    """The kill switches."""

    stops: Stops = field(default_factory=Stops)
    turned: list[dict[str, Any]] = field(default_factory=list)

    async def of(self, tenant_id: str) -> Stops:
        return self.stops

    async def everywhere(self) -> Stopped | None:
        return self.stops.everywhere

    async def set_tenant(self, tenant_id: str, **given: Any) -> Stops:
        self.turned.append(given)
        return self.stops

    async def set_everywhere(self, **given: Any) -> Stopped | None:
        self.turned.append(given)
        return self.stops.everywhere


@dataclass
class StageHolds:
    """Held conversations by ID."""

    held: dict[str, HeldConversation] = field(default_factory=dict)
    resumed: list[str] = field(default_factory=list)

    async def list(self, tenant_id: str, **_: Any) -> Page[HeldConversation]:
        return Page(tuple(self.held.values()))

    async def find(self, tenant_id: str, conversation_id: str) -> HeldConversation | None:
        return self.held.get(conversation_id)

    async def resume(
        self, tenant_id: str, conversation_id: str, *, by: Principal
    ) -> HeldConversation:
        if conversation_id not in self.held:
            raise NotFound
        self.resumed.append(conversation_id)
        return self.held[conversation_id]


class Sampled:
    """Answers each reading with what it was given, whatever is asked."""

    def __init__(self, **answers: Any):
        self._answers = answers

    def __getattr__(self, name: str) -> Any:
        answer = self._answers[name]

        async def read(*_: Any, **__: Any) -> Any:
            return answer

        return read


@dataclass
class Stage:
    """What a test holds."""

    client: TestClient[Any, Any]
    door: StageDoor
    approvals: StageApprovals
    live: StageLive
    desks: Any

    async def page(self, path: str, **given: Any) -> tuple[int, str]:
        """Status and body of a page, redirects not followed."""
        async with self.client.get(path, allow_redirects=False, **given) as answer:
            return answer.status, await answer.text()


def stage_desks() -> Any:
    """Desks with samples in them."""
    broken = samples.connection(
        id="con-orders",
        name="Orders",
        provider="twilio",
        status=ConnectionStatus.ERROR,
        error="The provider refuses the credentials: the auth token is not the account's.",
        numbers=1,
    )
    past = samples.connection(
        id="con-old", name="Trade fair", status=ConnectionStatus.DISCONNECTED, numbers=0
    )
    newest = samples.thread()[0]
    held = {
        item.message_id: item
        for item in (
            samples.approval(),
            samples.approval("m-held-2", remote=samples.CLEO, body="Danke, bis morgen! 👋"),
        )
    }
    return SimpleNamespace(
        door=StageDoor(),
        tenants=Sampled(
            get=samples.tenant(),
            list=Page((samples.tenant(), samples.tenant(id="globex", name="Globex", features=()))),
        ),
        connections=Sampled(
            list=Page((samples.connection(), broken, past)), get=samples.connection()
        ),
        reading=Sampled(
            hours=samples.hours(),
            unsettled=samples.unsettled(),
            conversations=Page(samples.conversations()),
            conversation=samples.conversations()[0],
            thread=Page(samples.thread(), "older"),
            text=newest,
        ),
        executions=Sampled(
            page=Page((samples.execution(), samples.execution("m3", duplicates=2))),
            of_message=samples.execution(),
        ),
        approvals=StageApprovals(held),
        switches=StageSwitches(),
        holds=StageHolds(),
        numbers=Sampled(list=Page((SimpleNamespace(address=samples.NUMBER, name="Repairs"),))),
        consents=StageConsents(
            (samples.consent(), samples.consent(remote=samples.CLEO, in_doubt=False)),
            samples.entries(),
        ),
        audit=Sampled(list=Page(samples.audit(), "older")),
        dead_letters=StageLetters(),
        parked=StageParked(),
        parked_rounds=StageRounds(),
        live=StageLive(),
    )


@contextlib.asynccontextmanager
async def open_stage(*, port: int | None = None) -> AsyncIterator[Stage]:
    """The console on loopback."""
    desks = stage_desks()
    app = web.Application()
    rendering.install(app, clock=lambda: samples.NOW)
    server = Server(cast("Desks", desks), ROUTES, Metrics(), rendering.render_problem)
    server.add_to(app)
    async with TestClient(TestServer(app, port=port)) as client:
        yield Stage(client, desks.door, desks.approvals, desks.live, desks)
