"""One access key's client of Microsoft's SDK. The only place that imports the SDK.

What the SDK does that is answered here (azure-communication-sms 1.1, azure-core 1.41): it calls one
API version with fresh repeatability IDs, so a pipeline policy changes both before signing
(`acs_wire`); it retries by itself and obeys a Retry-After of any length, so that is off; it says
`ServiceRequestError` ("no request was sent") also where the connection broke after the request had
left, so the inner exception decides; its options do not bound a whole call, so who asks puts a
timeout around it; it has no operation but sending, so others go through its pipeline, which signs.

The SDK is imported when the first client is built, so that importing this module costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from functools import cache
from typing import Any, Final

from common import tracing
from common.providers import acs_wire
from common.providers.acs_answers import Item, Problem, problem_of
from common.providers.acs_credentials import Access
from common.providers.acs_requests import Answer, Request
from common.providers.acs_wire import Call
from common.providers.port import Ambiguous, NotProcessed, Refused
from common.spans import Attribute
from heliograph.codes import OutcomeCode

_CONNECT_SECONDS: Final = 3.0
"""A connection that takes longer counts as refused: nothing has left, so trying again is safe."""

_call: ContextVar[Call | None] = ContextVar("call", default=None)

Unanswered = NotProcessed | Ambiguous | Refused
"""What a call without an HTTP answer means for its texts."""


class SdkClient:
    """The client of one access key, over a session that others share."""

    def __init__(self, access: Access, transport: Any):
        self._client = _sms_client(access, transport)

    async def send(self, call: Call) -> Sequence[Item] | Problem | Unanswered:
        """`POST /sms`, once. Never raises for a fault of the service."""
        token = _call.set(call)
        try:
            items: list[Item] = await self._client.send(
                call.sender,
                list(call.recipients),
                call.body,
                enable_delivery_report=True,
                tag=call.tag,
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, `classify` says what it means
            return classify(error, secret=call.secret)
        finally:
            _call.reset(token)
        return items

    async def request(self, asked: Request) -> Answer | Unanswered:
        """Any other request, once. Never raises for a fault of the service."""
        from azure.core.pipeline.transport import HttpRequest  # noqa: PLC0415 - see the module

        http = HttpRequest(asked.method, asked.path, headers={"Accept": "application/json"})
        if asked.document is not None:
            http.set_json_body(asked.document)
        # The SDK's own pipeline is reachable by a private name only.
        service = self._client._sms_service_client  # noqa: SLF001
        try:
            said = await service._send_request(http, stream=False)  # noqa: SLF001
        except Exception as error:  # noqa: BLE001 - as above
            meant = classify(error)
            return Ambiguous(meant.detail) if isinstance(meant, Problem) else meant
        return Answer(said.status_code, said.headers, said.body())


class _Changes:
    """The pipeline policy that makes `acs_wire`'s changes. It runs before signing, so hash and
    signature cover the new body. The pipeline sets `next`."""

    next: Any

    async def send(self, request: Any) -> Any:
        call = _call.get()
        if call is not None:
            http = request.http_request
            http.data = acs_wire.changed_body(http.data, call)
            http.headers["Content-Length"] = str(len(http.data))
            http.url = acs_wire.changed_url(http.url, call.version)
        said = await self.next.send(request)
        tracing.here().note({Attribute.HTTP_STATUS: said.http_response.status_code})
        return said


def open_transport(timeout: float, *, loopback: bool) -> Any:
    """The session of a connection's clients; `timeout` bounds the wait for an answer's next part,
    in seconds."""
    from azure.core.pipeline.transport import AioHttpTransport  # noqa: PLC0415 - see the module

    return AioHttpTransport(
        connection_timeout=min(_CONNECT_SECONDS, timeout),
        read_timeout=timeout,
        # Proxies of the environment are for the outside; a simulator on this machine is reached
        # directly.
        use_env_settings=not loopback,
    )


def _sms_client(access: Access, transport: Any) -> Any:
    from azure.communication.sms.aio import SmsClient  # noqa: PLC0415 - see the module's text
    from azure.core.credentials import AzureKeyCredential  # noqa: PLC0415 - as above

    return SmsClient(
        access.endpoint,
        AzureKeyCredential(access.key),
        transport=transport,
        retry_total=0,
        permit_redirects=False,
        per_call_policies=[_Changes()],
    )


@cache
def _faults() -> tuple[tuple[type[Exception], Callable[[str], Unanswered]], ...]:
    """What an exception means, the first row that fits; anything else is ambiguous.

    The order matters: aiohttp's `ClientConnectorError` is a `ClientOSError`, but one that happens
    before anything leaves.
    """
    import binascii  # noqa: PLC0415 - belongs to this table only

    import aiohttp  # noqa: PLC0415 - comes with the SDK
    from azure.core.exceptions import ServiceRequestTimeoutError  # noqa: PLC0415 - see the module

    def not_sent(detail: str) -> Unanswered:
        return NotProcessed(OutcomeCode.PROVIDER_UNAVAILABLE, detail)

    def unreadable(detail: str) -> Unanswered:
        return Refused(OutcomeCode.CREDENTIALS_UNREADABLE, detail, account=True)

    return (
        (ServiceRequestTimeoutError, not_sent),
        (aiohttp.ConnectionTimeoutError, not_sent),
        (aiohttp.ClientConnectorError, not_sent),
        (aiohttp.ClientOSError, Ambiguous),
        (aiohttp.ServerDisconnectedError, Ambiguous),
        (binascii.Error, unreadable),
    )


def classify(error: Exception, *, secret: str | None = None) -> Problem | Unanswered:
    """The HTTP answer in an exception of the SDK, or what it means where there was none.

    Without an answer, only a connection that never came about proves that nothing was sent. A 202
    that cannot be read, a broken connection and a timeout leave it open.
    """
    status = getattr(error, "status_code", None)
    if isinstance(status, int):
        response: Any = getattr(error, "response", None)
        return problem_of(status, response.headers, response.body(), secret=secret)
    inner = getattr(error, "inner_exception", None) or error.__cause__
    # Names of classes only: a message may hold an address or what the other side sent.
    detail = type(error).__name__ + (f" from {type(inner).__name__}" if inner else "")
    for candidate in (error, inner):
        for kind, meaning in _faults():
            if isinstance(candidate, kind):
                return meaning(detail)
    return Ambiguous(detail)
