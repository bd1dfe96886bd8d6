"""The body of `POST /sms/3/messages`, strictly: limits, enumerations, and what is required.

Source: Infobip's OpenAPI document of the SMS API, `SmsRequestEnvelope`. Fields beside these are let
through, as the document does not forbid them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StrictBool, StrictInt, StrictStr, ValidationError

_Short = Annotated[StrictStr, Field(max_length=255)]


class Destination(BaseModel):
    """A recipient, and the ID that the caller chose for the text to it."""

    to: Annotated[StrictStr, Field(max_length=64)]
    message_id: Annotated[StrictStr | None, Field(alias="messageId", max_length=200)] = None
    network_id: Annotated[StrictInt | None, Field(alias="networkId")] = None


class Content(BaseModel):
    """The text."""

    text: StrictStr
    transliteration: StrictStr | None = None


class Validity(BaseModel):
    """How long it is worth trying."""

    amount: StrictInt
    unit: Literal["SECONDS", "MINUTES", "HOURS"] = Field(default="MINUTES", alias="timeUnit")


class Platform(BaseModel):
    """Words of the caller that reports repeat."""

    entity: _Short | None = Field(default=None, alias="entityId")
    application: _Short | None = Field(default=None, alias="applicationId")

    def facts(self) -> dict[str, str]:
        """As reports write it."""
        return self.model_dump(by_alias=True, exclude_none=True)


class Options(BaseModel):
    """Of one message."""

    platform: Platform | None = None
    validity: Validity | None = Field(default=None, alias="validityPeriod")
    campaign: _Short | None = Field(default=None, alias="campaignReferenceId")
    flash: StrictBool | None = None


class Delivery(BaseModel):
    """Where reports go, and whether there are some on the way."""

    url: StrictStr | None = None
    intermediate: StrictBool = Field(default=False, alias="intermediateReport")
    notify: StrictBool | None = None


class Webhooks(BaseModel):
    """How reports come."""

    delivery: Delivery | None = None
    content_type: Literal["application/json", "application/xml"] | None = Field(
        default=None, alias="contentType"
    )
    data: Annotated[StrictStr | None, Field(alias="callbackData", max_length=4000)] = None


class Message(BaseModel):
    """One text to some recipients."""

    sender: StrictStr | None = None
    destinations: Annotated[list[Destination], Field(min_length=1)]
    content: Content
    options: Options = Options()
    webhooks: Webhooks = Webhooks()


class Schedule(BaseModel):
    """When it all goes out."""

    bulk_id: Annotated[StrictStr | None, Field(alias="bulkId", max_length=100)] = None
    send_at: datetime | None = Field(default=None, alias="sendAt")


class RequestOptions(BaseModel):
    """Of the whole request."""

    count: StrictBool = Field(default=False, alias="includeSmsCountInResponse")
    schedule: Schedule | None = None


class Envelope(BaseModel):
    """The body."""

    messages: Annotated[list[Message], Field(min_length=1)]
    options: RequestOptions = RequestOptions()


def violations(wrong: ValidationError) -> list[dict[str, Any]]:
    """What is wrong, as Infobip says it: `messages[0].destinations`."""
    return [
        {"property": _path(detail["loc"]), "violation": detail["msg"]} for detail in wrong.errors()
    ]


def _path(location: tuple[int | str, ...]) -> str:
    path = ""
    for step in location:
        path += f"[{step}]" if isinstance(step, int) else f".{step}"
    return path.removeprefix(".")
