"""The door: who somebody is, by an API key, an identity provider's token or a console session."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from aiohttp import web

from common.store.control import KeyRecord, SessionRecord
from common.store.control_ports import AuditTrail, Sessions
from health.access.key_check import KeyCheck
from health.access.oidc import OidcTokens
from health.access.roles import Principal, Role
from health.access.secrets import KEY_PREFIX, new_token, same, token_hash
from health.access.source import source_of
from health.access.throttle import Throttle
from health.web.bodies import FORM_TYPES, read_form
from health.web.problems import Problem, ProblemCode

CSRF_HEADER: Final = "X-CSRF-Token"
CSRF_FIELD: Final = "csrf"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session: what goes into the cookie, and the token that its forms carry."""

    principal: Principal
    cookie: str
    csrf: str
    expires_at: datetime


class Door:
    """Lets people and programs in.

    Args:
        tokens: reads tokens of an identity provider; None where none is configured.
        lifetime: how long a session lasts, however much it is used.
        secure: whether browsers send the cookie over https only.
        proxies: how many proxies of ours are in front.
    """

    COOKIE: Final = "heliograph_session"

    def __init__(
        self,
        *,
        check: KeyCheck,
        sessions: Sessions,
        audit: AuditTrail,
        throttle: Throttle,
        tokens: OidcTokens | None,
        lifetime: timedelta,
        secure: bool,
        proxies: int,
        clock: Callable[[], datetime],
    ):
        self._check = check
        self._sessions = sessions
        self._audit = audit
        self._throttle = throttle
        self._tokens = tokens
        self._lifetime = lifetime
        self._secure = secure
        self._proxies = proxies
        self._clock = clock

    @property
    def secure(self) -> bool:
        """Whether browsers are to send what they are given here over https only."""
        return self._secure

    def source(self, request: web.BaseRequest) -> str:
        """Where a request comes from, for `sign_in`."""
        forwarded = ",".join(request.headers.getall("X-Forwarded-For", ()))
        return source_of(request.remote, forwarded, proxies=self._proxies)

    async def identify(self, request: web.BaseRequest) -> Principal:
        """Who sends a request. A header `Authorization` counts before a cookie.

        Raises:
            Problem: `UNAUTHENTICATED`, `THROTTLED`; `FORBIDDEN` for a genuine token that gives no
                role, `UNAVAILABLE` where the keys to check it with cannot be loaded.
        """
        authorization = request.headers.get("Authorization")
        if authorization is not None:
            return await self._by_bearer(authorization, self.source(request))
        cookie = request.cookies.get(self.COOKIE)
        if cookie:
            return await self._by_session(cookie)
        raise Problem(ProblemCode.UNAUTHENTICATED)

    async def check_csrf(self, request: web.Request, principal: Principal) -> None:
        """Make sure that a request with a session comes from a page of that session: its token is
        in the header `X-CSRF-Token` or in the form's field `csrf`.

        Raises:
            Problem: `CSRF`; as `read_form`, where the form cannot be read.
        """
        given = request.headers.get(CSRF_HEADER, "")
        if not given and request.content_type in FORM_TYPES:
            given = (await read_form(request)).get(CSRF_FIELD, "")
        if not principal.csrf or not same(given, principal.csrf):
            raise Problem(ProblemCode.CSRF)

    async def sign_in(self, secret: str, *, source: str) -> SignedIn:
        """Open a session for the holder of an API key.

        Raises:
            Problem: `UNAUTHENTICATED`, `THROTTLED`.
        """
        record = await self._check.of_sign_in(secret, source=source)
        return await self._open(record, f"with the key, from {source}")

    async def sign_in_with_ticket(self, ticket: str, *, source: str) -> SignedIn:
        """Open a session for the bearer of a ticket, which is good for one time.

        Raises:
            Problem: `UNAUTHENTICATED`, `THROTTLED`.
        """
        await self._throttle.count(source)
        key_id = await self._sessions.take_ticket(token_hash(ticket))
        record = await self._check.by_id(key_id)
        if record is None:
            await self._check.note_refusal(None, key_id or "", source)
            raise Problem(
                ProblemCode.UNAUTHENTICATED,
                "The link was used before, or its time is over.",
                remedy="Ask for a new one, or sign in with an API key.",
            )
        await self._throttle.take_back(source)
        return await self._open(record, f"with a ticket, from {source}")

    async def sign_out(self, principal: Principal) -> None:
        """End a session; nothing for whom has none."""
        if principal.session_id is None:
            return
        await self._sessions.end(principal.session_id)
        await self._audit.append(
            tenant_id=principal.tenant_id,
            actor=principal.actor,
            action="key.signed_out",
            target=principal.id,
        )

    async def make_ticket(self, key_id: str, *, seconds: float = 600) -> str:
        """A ticket that opens one session of a key, for links that a program prints."""
        ticket = new_token()
        expires_at = self._clock() + timedelta(seconds=seconds)
        await self._sessions.put_ticket(token_hash(ticket), key_id=key_id, expires_at=expires_at)
        return ticket

    def keep(self, response: web.StreamResponse, signed_in: SignedIn) -> None:
        """Put a session's cookie into an answer.

        `SameSite=Lax`, not `Strict`, so that an approver who follows a link out of a chat or a mail
        is still signed in. No GET changes anything, and other sites' POSTs come without the cookie
        and without the session's CSRF token.
        """
        response.set_cookie(
            self.COOKIE,
            signed_in.cookie,
            max_age=int(self._lifetime.total_seconds()),
            path="/",
            httponly=True,
            samesite="Lax",
            secure=self._secure,
        )

    def forget(self, response: web.StreamResponse) -> None:
        """Take the cookie away."""
        response.del_cookie(
            self.COOKIE, path="/", httponly=True, samesite="Lax", secure=self._secure
        )

    async def _by_bearer(self, authorization: str, source: str) -> Principal:
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer":
            raise Problem(ProblemCode.UNAUTHENTICATED)
        if self._tokens is not None and not token.startswith(KEY_PREFIX):
            return await self._tokens.principal(token)
        return _principal(await self._check.of_call(token, source=source))

    async def _by_session(self, cookie: str) -> Principal:
        session = await self._sessions.get(token_hash(cookie))
        record = await self._check.by_id(session.key_id) if session is not None else None
        if session is None or record is None:
            raise Problem(
                ProblemCode.UNAUTHENTICATED, "The session is over.", remedy="Sign in again."
            )
        return _principal(record, session)

    async def _open(self, record: KeyRecord, how: str) -> SignedIn:
        cookie, csrf, now = new_token(), new_token(), self._clock()
        session = SessionRecord(
            id=token_hash(cookie),
            key_id=record.id,
            csrf=csrf,
            created_at=now,
            expires_at=now + self._lifetime,
        )
        await self._sessions.create(session)
        principal = _principal(record, session)
        await self._audit.append(
            tenant_id=record.tenant_id,
            actor=principal.actor,
            action="key.signed_in",
            target=record.id,
            note=how,
        )
        return SignedIn(principal, cookie, csrf, session.expires_at)


def _principal(record: KeyRecord, session: SessionRecord | None = None) -> Principal:
    return Principal(
        kind="key",
        id=record.id,
        name=record.name,
        role=Role(record.role),
        tenant_id=record.tenant_id,
        session_id=session.id if session is not None else None,
        csrf=session.csrf if session is not None else None,
    )
