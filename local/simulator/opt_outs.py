"""The opt-out list and its three operations: `POST /sms/optouts:add`, `:remove`, `:check`.

Source: Azure REST API specs, Communication SMS, 2025-05-29-preview. Who told which number to stop
is kept on the phones: STOP and the operations write one list.
"""

from collections.abc import Container, Mapping
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, StrictStr, ValidationError

from local.simulator.answers import NOT_FOUND, NOT_OWNED, Answer, json_answer, problem, problems_of
from local.simulator.phones import Phones
from local.simulator.send_request import is_phone
from local.simulator.versions import Version

Action = Literal["add", "remove", "check"]


class _Recipient(BaseModel):
    to: Annotated[StrictStr, Field(min_length=1)]


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True)

    from_: StrictStr = Field(alias="from", min_length=1)
    recipients: Annotated[list[_Recipient], Field(min_length=1, max_length=100)]


class OptOuts:
    """The list of one resource, by sender and recipient."""

    def __init__(self, *, numbers: Container[str], phones: Phones) -> None:
        self._numbers = numbers
        self._phones = phones

    def answer(self, action: Action, body: bytes, version: Version) -> Answer:
        """Carry out what a known caller asks."""
        if not version.opt_outs:
            return NOT_FOUND
        try:
            asked = _Request.model_validate(orjson.loads(body))
        except orjson.JSONDecodeError as wrong:
            return problem({"$": [str(wrong)]})
        except ValidationError as wrong:
            return problem(problems_of(wrong))
        if asked.from_ not in self._numbers:
            return NOT_OWNED
        value = [self._of_one(action, asked.from_, one.to) for one in asked.recipients]
        return json_answer(200, {"value": value})

    def _of_one(self, action: Action, sender: str, to: str) -> Mapping[str, Any]:
        if not is_phone(to):
            return {
                "to": to,
                "httpStatusCode": 400,
                "errorMessage": "Invalid recipient phone number format",
            }
        stopped = self._phones[to].stopped
        if action == "check":
            return {"to": to, "httpStatusCode": 200, "isOptedOut": sender in stopped}
        (stopped.add if action == "add" else stopped.discard)(sender)
        return {"to": to, "httpStatusCode": 200}
