"""Azure Communication Services SMS, through Microsoft's SDK. The only place that imports the SDK.

What the SDK does that is answered here (azure-communication-sms 1.1, azure-core 1.41): it makes
fresh repeatability IDs at every call, so a pipeline policy puts ours in before signing; it retries
by itself and obeys a Retry-After of any length, so that is off; it says `ServiceRequestError` ("no
request was sent") also where the connection broke after the request had left, so the inner
exception decides; its options do not bound a whole call, so a timeout around it does.

The SDK is imported when the first client is built, so that importing this module costs nothing.
Source of the wire's facts: Azure REST API specs, Communication SMS, 2021-03-07; Microsoft docs,
"Communication Services SMS: service limits" (429) and "Authenticate to Communication Services".
"""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from email.utils import format_datetime
from functools import cache
from typing import Any, Final

from common.addresses import normalise_address
from common.providers.acs_answers import Problem, answered, item_result, problem_of
from common.providers.acs_credentials import Access, read_credentials
from common.providers.port import (
    Accepted,
    Ambiguous,
    Health,
    Healthy,
    NotProcessed,
    Refused,
    SendResult,
    Text,
    Unhealthy,
    Unknown,
)
from heliograph.codes import OutcomeCode

_CONNECT_SECONDS: Final = 3.0
"""A connection that takes longer counts as refused: nothing has left, so trying again is safe."""

_NO_SENDER: Final = "+10000000000"
"""Stands for the sender where a connection has no number yet; an empty request sends nothing."""

_NO_PHONE: Final = "+112345678901"
"""A recipient that can be none: a North American number has ten digits after the 1. The service
refuses it alone, inside a 202 (Azure REST API specs, Communication SMS, 2021-03-07, the example
"SendMultiple"), but a sender that is not the resource's makes it refuse the call."""

_repeatability: ContextVar[Mapping[str, str] | None] = ContextVar("repeatability", default=None)


@dataclass(frozen=True, slots=True)
class Acs:
    """The provider ACS.

    It deduplicates: a repeatability ID that it knows is answered with the earlier outcome and not
    sent again (for how long it remembers, Microsoft does not say).
    """

    name: str = "acs"
    deduplicates: bool = True

    def prepare(self) -> None:
        """Import the SDK (a sixth of a second)."""
        importlib.import_module("azure.communication.sms.aio")

    def connect(self, credentials: Mapping[str, str], *, timeout: float) -> AcsClient:
        """Build a client from `connection_string` and, optionally, `secondary_connection_string`,
        which is asked where the first is denied, so that keys can be rotated without a pause."""
        return AcsClient(read_credentials(credentials), timeout=timeout)


class AcsClient:
    """One ACS resource: a client for each of its keys over one pooled session."""

    def __init__(self, accesses: Sequence[Access], *, timeout: float):
        self._timeout = timeout
        self._transport = _transport(timeout, loopback=all(it.loopback for it in accesses))
        self._clients = [_sms_client(access, self._transport) for access in accesses]

    async def send(self, text: Text) -> SendResult:
        """Send one text, once, without retrying."""
        _repeatability.set(
            {
                "repeatabilityRequestId": str(text.request_id),
                "repeatabilityFirstSent": format_datetime(text.first_sent, usegmt=True),
            }
        )
        answer = await self._ask(text.sender, [text.recipient], text.body, text.reference)
        if isinstance(answer, Exception):
            return classify(answer)
        recipient = normalise_address(text.recipient)
        mine = [item for item in answer if normalise_address(item.to or "") == recipient]
        if len(mine) != 1:
            return Ambiguous("the answer does not speak of the recipient")
        return item_result(mine[0])

    async def check(self, numbers: Sequence[str]) -> Health:
        """Ask for a send to nobody: the service must know the key before it can refuse that."""
        sender = numbers[0] if numbers else _NO_SENDER
        answer = await self._ask(sender, [], "", None)
        return health_of(answer, owns_a_number=bool(numbers))

    async def owns(self, number: str) -> bool | None:
        """Ask for a send to what is no phone: before it refuses that, the service looks whose the
        sender is. None where its answer speaks of something else."""
        answer = await self._ask(number, [_NO_PHONE], "-", None)
        if not isinstance(answer, Exception):
            return True
        result = classify(answer)
        not_owned = isinstance(result, Refused) and result.code is OutcomeCode.SENDER_NOT_OWNED
        return False if not_owned else None

    async def close(self) -> None:
        """Close the session."""
        await self._transport.close()

    async def _ask(
        self, sender: str, to: list[str], body: str, tag: str | None
    ) -> list[Any] | Exception:
        """The items of the answer, or what came instead, from the first key that is not denied."""
        answer: list[Any] | Exception = TimeoutError("never asked")
        try:
            async with asyncio.timeout(self._timeout):
                for client in tuple(self._clients):
                    answer = await _ask_once(client, sender, to, body, tag)
                    if not _denied(answer):
                        self._prefer(client)
                        break
        except TimeoutError as late:
            return late
        return answer

    def _prefer(self, client: Any) -> None:
        if client is not self._clients[0]:
            self._clients.remove(client)
            self._clients.insert(0, client)


async def _ask_once(
    client: Any, sender: str, to: list[str], body: str, tag: str | None
) -> list[Any] | Exception:
    try:
        items: list[Any] = await client.send(sender, to, body, enable_delivery_report=True, tag=tag)
    except Exception as error:  # noqa: BLE001 - whatever it is, `classify` says what it means
        return error
    return items


class _Repeatability:
    """The pipeline policy that puts our idempotency values in place of the SDK's fresh ones. It
    runs before signing, so hash and signature cover the new body. The pipeline sets `next`."""

    next: Any

    async def send(self, request: Any) -> Any:
        values = _repeatability.get()
        http = request.http_request
        if values is not None and http.data:
            body = json.loads(http.data)
            for recipient in body["smsRecipients"]:
                recipient.update(values)
            # ASCII, so that characters are octets and the length below is right.
            http.data = json.dumps(body)
            http.headers["Content-Length"] = str(len(http.data))
        return await self.next.send(request)


def _transport(timeout: float, *, loopback: bool) -> Any:
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
        per_call_policies=[_Repeatability()],
    )


@cache
def _faults() -> tuple[tuple[type[Exception], Callable[[str], SendResult]], ...]:
    """What an exception means, the first row that fits; anything else is ambiguous.

    The order matters: aiohttp's `ClientConnectorError` is a `ClientOSError`, but one that happens
    before anything leaves.
    """
    import binascii  # noqa: PLC0415 - belongs to this table only

    import aiohttp  # noqa: PLC0415 - comes with the SDK
    from azure.core.exceptions import ServiceRequestTimeoutError  # noqa: PLC0415 - see the module

    def not_sent(detail: str) -> SendResult:
        return NotProcessed(OutcomeCode.PROVIDER_UNAVAILABLE, detail)

    def unreadable(detail: str) -> SendResult:
        return Refused(OutcomeCode.CREDENTIALS_UNREADABLE, detail, account=True)

    return (
        (ServiceRequestTimeoutError, not_sent),
        (aiohttp.ConnectionTimeoutError, not_sent),
        (aiohttp.ClientConnectorError, not_sent),
        (aiohttp.ClientOSError, Ambiguous),
        (aiohttp.ServerDisconnectedError, Ambiguous),
        (binascii.Error, unreadable),
    )


def classify(error: Exception) -> SendResult:
    """What a failed call means for the text.

    An answer counts by its status; without one, only a connection that never came about proves that
    nothing was sent. A 202 that cannot be read, a broken connection and a timeout leave it open.
    """
    said = _said(error)
    if said is not None:
        return answered(said)
    inner = getattr(error, "inner_exception", None) or error.__cause__
    # Names of classes only: a message may hold an address or what the other side sent.
    detail = type(error).__name__ + (f" from {type(inner).__name__}" if inner else "")
    for candidate in (error, inner):
        for kind, meaning in _faults():
            if isinstance(candidate, kind):
                return meaning(detail)
    return Ambiguous(detail)


def _said(error: Exception) -> Problem | None:
    """The HTTP answer in an exception of the SDK, or None where there was none."""
    status = getattr(error, "status_code", None)
    if not isinstance(status, int):
        return None
    response: Any = getattr(error, "response", None)
    return problem_of(status, response.headers, response.body())


def _denied(answer: list[Any] | Exception) -> bool:
    if not isinstance(answer, Exception):
        return False
    result = classify(answer)
    return isinstance(result, Refused) and result.code is OutcomeCode.CREDENTIALS_REJECTED


_HEALTH: Final[Mapping[int, Health]] = {
    # An empty request is invalid, and only a caller that is known is told so.
    400: Healthy(),
    403: Unhealthy("The resource forbids sending with this access key."),
    404: Unhealthy("There is no SMS service at the endpoint of the connection string."),
}


def health_of(answer: list[Any] | Exception, *, owns_a_number: bool) -> Health:
    """What the answer to a send to nobody says of the credentials."""
    if not isinstance(answer, Exception):
        return Healthy()
    result = classify(answer)
    if isinstance(result, Accepted):  # not from an exception, but the type allows it
        return Healthy()
    if not isinstance(result, Refused):
        return Unknown(f"The service did not give a usable answer ({result.detail}).")
    if result.code is OutcomeCode.CREDENTIALS_REJECTED:
        return Unhealthy("The service does not accept the access key.")
    if result.code is OutcomeCode.SENDER_NOT_OWNED and owns_a_number:
        return Unhealthy("The service says that the number does not belong to this resource.")
    said = _said(answer)
    known = _HEALTH.get(said.status) if said is not None else None
    return known or Unknown(f"The service did not give a usable answer ({result.detail}).")
