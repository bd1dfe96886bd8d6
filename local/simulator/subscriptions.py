"""Event subscriptions: what one may ask for, and the handshake that proves its endpoint willing."""

import asyncio
import uuid
from collections.abc import Mapping
from typing import Annotated, Any

import aiohttp
import orjson
from pydantic import BaseModel, ConfigDict, Field, field_validator
from yarl import URL

from local.simulator.clock import now, ticks
from local.simulator.events import SUBSCRIPTION, Casing, PlusSign, Schema, Style

ORIGIN = "eventgrid.azure.net"
_MAX_HEADERS = 10
_MAX_HEADER_BYTES = 4096
# The service waits 30 s, gives the call up and tries once more after 5 s (Microsoft docs, "Webhook
# endpoint validation with Event Grid schema").
_HANDSHAKE_PAUSE = 5.0

_JSON = "application/json; charset=utf-8"
_CONTENT_TYPES: Mapping[Schema, str] = {
    "eventgrid": _JSON,
    "cloudevents": "application/cloudevents+json; charset=utf-8",
}


class HandshakeFailed(Exception):
    """The endpoint did not agree to receive events; the subscription was not made."""


class Subscription(BaseModel):
    """One event subscription; limits and defaults are Event Grid's (Microsoft docs, "Event Grid
    message delivery and retry" and "Custom delivery properties").

    `ttl_minutes` null means no limit but `max_attempts`. `event_types` null means all.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(default="simulator", pattern=r"^[A-Za-z0-9-]{1,64}$")
    url: str = Field(pattern=r"^https?://")
    schema_: Schema = Field(default="eventgrid", alias="schema")
    casing: Casing = "camel"
    plus_sign: PlusSign = "published"
    segment_count: bool = True
    headers: dict[str, str] = Field(default_factory=dict, max_length=_MAX_HEADERS)
    event_types: list[str] | None = None
    max_events_per_batch: Annotated[int, Field(ge=1, le=5000)] = 1
    preferred_batch_kilobytes: Annotated[int, Field(ge=1, le=1024)] = 64
    max_attempts: Annotated[int, Field(ge=1, le=30)] = 30
    ttl_minutes: Annotated[int, Field(ge=1, le=1440)] | None = 1440

    @field_validator("headers")
    @classmethod
    def _check_headers(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            if name.lower().startswith("aeg-") or len(value.encode()) > _MAX_HEADER_BYTES:
                raise ValueError(f"delivery property {name!r}: reserved name or over 4096 bytes")
        return headers

    @property
    def style(self) -> Style:
        """Give how events are written for this subscription."""
        return Style(self.schema_, self.casing, self.plus_sign, self.segment_count)

    @property
    def target(self) -> URL:
        """Give the URL byte for byte as it was asked for, query secrets included."""
        return URL(self.url, encoded=True)

    def wants(self, event_type: str) -> bool:
        """Tell whether events of a type are delivered here."""
        return self.event_types is None or event_type in self.event_types

    def facts(self) -> dict[str, Any]:
        """Give the subscription without its secrets: Event Grid hides query and header values."""
        shown = self.model_dump(by_alias=True)
        return shown | {"url": self.url.partition("?")[0], "headers": sorted(self.headers)}

    def delivery_headers(self, attempts_before: int) -> dict[str, str]:
        """Give the headers of a delivery: those of Microsoft docs, "Webhooks as event handlers for
        Azure Event Grid", with the values that deliveries captured in public show."""
        cloud = self.schema_ == "cloudevents"
        return {
            "Content-Type": _CONTENT_TYPES[self.schema_],
            **({"Origin": ORIGIN} if cloud else {}),
            "aeg-subscription-name": self.name.upper(),
            "aeg-delivery-count": str(attempts_before),
            "aeg-data-version": "" if cloud else "1.0",
            "aeg-metadata-version": "1",
            "aeg-event-type": "Notification",
            "Accept-Encoding": "gzip,deflate",
            **self.headers,
        }

    def notice_headers(self, event_type: str) -> dict[str, str]:
        """Give the headers of a message about the subscription itself."""
        return {
            "Content-Type": _JSON,
            "aeg-subscription-name": self.name.upper(),
            "aeg-delivery-count": "0",
            "aeg-event-type": event_type,
            **self.headers,
        }


async def shake_hands(
    session: aiohttp.ClientSession, subscription: Subscription, *, time_scale: float
) -> None:
    """Prove that the endpoint wants events; raises HandshakeFailed with what it did instead."""
    shake = {"eventgrid": _validate, "cloudevents": _ask_consent}[subscription.schema_]
    try:
        try:
            await shake(session, subscription)
        except TimeoutError:
            await asyncio.sleep(_HANDSHAKE_PAUSE * time_scale)
            await shake(session, subscription)
    except TimeoutError:
        raise HandshakeFailed("the endpoint did not answer in time, twice") from None
    except aiohttp.ClientError as error:
        raise HandshakeFailed(f"the endpoint cannot be reached: {error}") from error


async def _validate(session: aiohttp.ClientSession, subscription: Subscription) -> None:
    """Send the validation event; only 200 with the code in `validationResponse` will do."""
    code = str(uuid.uuid4())
    async with session.post(
        subscription.target,
        data=orjson.dumps([_validation_event(subscription.name, code)]),
        headers=subscription.notice_headers("SubscriptionValidation"),
        allow_redirects=False,
    ) as response:
        body = await response.read()
    if response.status != 200:
        raise HandshakeFailed(f"the validation event was answered {response.status}, not 200")
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        answer = None
    if not isinstance(answer, dict) or answer.get("validationResponse") != code:
        raise HandshakeFailed("the answer has no validationResponse equal to the validation code")


async def _ask_consent(session: aiohttp.ClientSession, subscription: Subscription) -> None:
    """Ask with OPTIONS; a rate is requested, so consent must name one too.

    Source: CloudEvents "HTTP 1.1 Web Hooks for Event Delivery" 1.0.2, section 4.
    """
    headers = {
        "WebHook-Request-Origin": ORIGIN,
        "WebHook-Request-Rate": "120",
        **subscription.headers,
    }
    async with session.options(
        subscription.target, headers=headers, allow_redirects=False
    ) as response:
        await response.read()
    origin = response.headers.get("WebHook-Allowed-Origin", "").strip().lower()
    rate = response.headers.get("WebHook-Allowed-Rate", "").strip()
    if response.status >= 400 or origin not in ("*", ORIGIN):
        raise HandshakeFailed(f"no WebHook-Allowed-Origin for {ORIGIN} ({response.status})")
    if rate != "*" and not (rate.isdecimal() and int(rate) > 0):
        raise HandshakeFailed("WebHook-Allowed-Rate must be a positive integer or *")


def _validation_event(name: str, code: str) -> dict[str, Any]:
    at = ticks(now())
    url = (
        f"https://rp-local.eventgrid.azure.net:553/eventsubscriptions/{name.lower()}/validate"
        f"?id={uuid.uuid4()}&t={at}&apiVersion=2018-05-01-preview&token={uuid.uuid4().hex}"
    )
    return {
        "id": str(uuid.uuid4()),
        "topic": SUBSCRIPTION,
        "subject": "",
        "data": {"validationCode": code, "validationUrl": url},
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
        "eventTime": at,
        "metadataVersion": "1",
        "dataVersion": "1",
    }
