"""The body of `POST /sms`, and the problem details that a bad one earns.

Source: Azure REST API specs, Communication SMS, 2021-03-07. Messaging Connect, which newer versions
have, is read in `messaging_connect`.
"""

import re
from typing import Annotated, Any
from uuid import UUID

import orjson
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictStr, ValidationError
from pydantic.alias_generators import to_camel

from local.simulator.answers import Answer, problem, problems_of
from local.simulator.clock import parse_rfc1123

MAX_RECIPIENTS = 100
MAX_MESSAGE = 2048

# The published sample refuses +112345678901: a North American number has exactly ten digits.
_RECIPIENT = re.compile(r"\+(1\d{10}|[2-9]\d{6,14})")

_TEXTS = {
    ("smsRecipients", "too_long"): "Max of 100 phone are allowed in the To field.",
    ("smsRecipients", "too_short"): "At least one recipient is required in the To field.",
}


def is_phone(text: str) -> bool:
    """Tell whether a text is an E.164 number."""
    return _RECIPIENT.fullmatch(text) is not None


class _Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, frozen=True)


class Recipient(_Wire):
    """One entry of `smsRecipients`."""

    to: StrictStr
    repeatability_request_id: StrictStr | None = None
    repeatability_first_sent: StrictStr | None = None

    @property
    def is_phone(self) -> bool:
        """Tell whether `to` is an E.164 number."""
        return is_phone(self.to)

    @property
    def repeatability(self) -> str | None:
        """Give the request ID in the form that identifies it: its letter case does not count."""
        return self.repeatability_request_id and self.repeatability_request_id.lower()

    @property
    def is_repeatable_or_plain(self) -> bool:
        """Tell whether the repeatability pair is absent as a whole or sound as a whole."""
        request_id, first_sent = self.repeatability_request_id, self.repeatability_first_sent
        if request_id is None and first_sent is None:
            return True
        if request_id is None or first_sent is None or parse_rfc1123(first_sent) is None:
            return False
        try:
            return len(request_id) == 36 and str(UUID(request_id)) == request_id.lower()
        except ValueError:
            return False


class SendOptions(_Wire):
    """`smsSendOptions`; fields of newer versions are ignored, as the service does."""

    enable_delivery_report: StrictBool
    tag: StrictStr | None = None
    messaging_connect: Any = Field(default=None, repr=False)


class SendRequest(_Wire):
    """A whole request."""

    from_: StrictStr = Field(alias="from", min_length=1)
    sms_recipients: Annotated[list[Recipient], Field(min_length=1, max_length=MAX_RECIPIENTS)]
    message: Annotated[StrictStr, Field(max_length=MAX_MESSAGE)]
    sms_send_options: SendOptions | None = None

    @property
    def wants_report(self) -> bool:
        """Tell whether a delivery report was asked for."""
        return self.sms_send_options is not None and self.sms_send_options.enable_delivery_report

    @property
    def tag(self) -> str | None:
        """Give the metadata that comes back in the report."""
        return self.sms_send_options.tag if self.sms_send_options else None

    @property
    def messaging_connect(self) -> Any:
        """Give the option of that name, unread: its form is another one in each version."""
        return self.sms_send_options.messaging_connect if self.sms_send_options else None


def read(body: bytes) -> SendRequest | Answer:
    """Read a request, or give the 400 that refuses it as a whole."""
    try:
        return SendRequest.model_validate(orjson.loads(body))
    except orjson.JSONDecodeError as error:
        return problem({"$": [str(error)]})
    except ValidationError as error:
        return problem(problems_of(error, texts=_TEXTS))


def phones_in(body: bytes) -> frozenset[str]:
    """Give whatever phones a body names, however broken it is; faults are aimed by phone."""
    try:
        recipients: Any = orjson.loads(body)["smsRecipients"]
        return frozenset(str(recipient["to"]) for recipient in recipients)
    except (ValueError, TypeError, KeyError):
        return frozenset()
