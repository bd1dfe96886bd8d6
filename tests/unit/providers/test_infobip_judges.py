"""Infobip's adapter before judges of other hands: Infobip's own client, its OpenAPI document, and
the list of its codes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import ModuleType

import orjson
import pytest
from conformance.provider_world import REFERENCE, REPORT_URL, keys, text
from infobip_payloads import (
    INBOUND_ID,
    MESSAGE_ID,
    NAME,
    NUMBER,
    PHONE,
    SHORT_CODE,
    inbound,
    problem,
    problem_v2,
    pushed,
    report,
    submitted,
    texts,
    told,
)

from common.providers.callbacks import DeliveryReport, Known, ReceivedText
from common.providers.infobip import request_of
from common.providers.infobip_codes import ERRORS, QUOTA, STATUSES, TAKEN
from common.providers.infobip_events import CALLBACKS
from common.providers.meanings import (
    ACCOUNT,
    LATER,
    OPTED_OUT,
    TAKEN_BEFORE,
    THROTTLED,
    UNAVAILABLE,
)

REQUESTS = [
    request_of(text(sender, PHONE), url)
    for sender in (NUMBER, SHORT_CODE, NAME)
    for url in (REPORT_URL, None)
]


@pytest.fixture(scope="module")
def sdk() -> ModuleType:
    """Infobip's own client, which takes seconds to import."""
    from infobip_api_client import models

    return models


def test_infobips_own_client_writes_the_same_request(sdk: ModuleType) -> None:
    for written in REQUESTS:
        assert sdk.SmsRequest.from_dict(written).to_dict() == written


def test_infobips_own_client_reads_the_same_of_an_answer(sdk: ModuleType) -> None:
    [item] = sdk.SmsResponse.from_dict(submitted()).messages
    assert (item.message_id, item.status.id, item.status.group_id) == (MESSAGE_ID, 26, 1)


def test_infobips_own_client_reads_the_same_of_an_inbound_text(sdk: ModuleType) -> None:
    body = texts(inbound(), inbound(messageId="2", receivedAt="2026-02-11T22:40:07.250+0100"))
    items = sdk.SmsInboundMessageResult.from_dict(orjson.loads(body)).results
    for item, reading in zip(items, CALLBACKS.read(told(body).request, keys({})), strict=True):
        assert isinstance(reading, Known)
        content = reading.content
        assert isinstance(content, ReceivedText)
        assert (item.message_id, item.text) == (content.message_id, content.body)
        assert (item.received_at, item.sms_count) == (content.at, content.segments)
        assert (f"+{item.var_from}", f"+{item.to}") == (content.remote, content.number)
    assert items[0].message_id == INBOUND_ID


def test_infobips_own_client_reads_the_same_of_a_report(sdk: ModuleType) -> None:
    body = pushed(report(), report(9, 27), report(15))
    items = sdk.SmsDeliveryResult.from_dict(orjson.loads(body)).results
    for item, reading in zip(items, CALLBACKS.read(told(body).request, keys({})), strict=True):
        assert isinstance(reading, Known)
        content = reading.content
        assert isinstance(content, DeliveryReport)
        assert (item.message_id, item.done_at) == (content.message_id, content.at)
        assert item.callback_data == content.reference == REFERENCE
        assert (f"+{item.sender}", f"+{item.to}") == (content.number, content.remote)
        assert content.code in {str(item.status.id), f"EC{item.error.id}"}


def specs() -> Path:
    folder = os.environ.get("HELIOGRAPH_REFERENCE")
    if not folder:
        pytest.skip("HELIOGRAPH_REFERENCE names no folder")
    return Path(folder) / "specs"


def validate(name: str, value: object) -> None:
    """Judge a value by a schema of Infobip's OpenAPI document."""
    from openapi_schema_validator import OAS31Validator

    document = json.loads((specs() / "infobip_sms.json").read_text())
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    OAS31Validator(schema).validate(value)


def test_every_request_and_payload_has_the_form_of_infobips_openapi_document() -> None:
    for written in REQUESTS:
        validate("SmsRequestEnvelope", written)
    validate("SmsResponseEnvelope", submitted())
    validate("SmsMoReportResponse", orjson.loads(texts(inbound())))
    validate("DeliveryReports", orjson.loads(pushed(report(), report(9, 27))))
    validate("ApiError", problem("E400", "Bad.", "messages[0].sender"))
    validate("ApiException", problem_v2("UNAUTHORIZED"))


OTHERWISE = {
    "23": "a report of it is about the second try, and says nothing of the text",
}
"""Statuses of which our state is another one than the list's, and why."""

NOT_THEIR_WORD = {"10", "566", "3041"}
"""Called an opt-out there, though the list is not the recipient's own."""


def test_every_status_of_the_list_has_its_state_and_its_meaning() -> None:
    listed = json.loads((specs() / "provider_codes.json").read_text())["infobip"]["status"]
    rows = {code: facts for code, facts in listed.items() if code.isdigit()}
    assert {int(code) for code in rows} == STATUSES.keys()
    for code, facts in rows.items():
        row = STATUSES[int(code)]
        if code in OTHERWISE:
            assert row.state != facts["state"], code
            continue
        assert (row.state or "queued") == facts["state"], code
        again = row.meaning in {LATER, UNAVAILABLE, ACCOUNT}
        assert again is (facts["resend"] == "later" or code == "19"), code
        says = bool(facts.get("opt_out")) and code not in NOT_THEIR_WORD
        assert (row.meaning is OPTED_OUT) is says, code
        assert (row.meaning is TAKEN) is (facts["groupId"] in {1, 3}), code


def test_every_error_of_the_list_has_its_meaning() -> None:
    listed = json.loads((specs() / "provider_codes.json").read_text())["infobip"]["error"]
    assert ERRORS.keys() <= {int(code) for code in listed}
    for code, facts in listed.items():
        meaning = ERRORS.get(int(code))
        again = meaning in {LATER, THROTTLED, QUOTA}
        assert again is (facts.get("resend") == "later"), code
        says = bool(facts.get("opt_out")) and code not in NOT_THEIR_WORD
        assert (meaning is OPTED_OUT) is says, code
    assert ERRORS[5492] is TAKEN_BEFORE
