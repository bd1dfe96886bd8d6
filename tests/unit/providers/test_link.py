"""LINK Mobility: everything that every adapter promises, and what this provider has of its own."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import orjson
import pytest
from conformance.provider_canaries import Connect
from conformance.provider_suite import ProviderSuite
from conformance.provider_world import (
    BASIC,
    JSON,
    REFERENCE,
    Fake,
    Said,
    Sending,
    Told,
    Wire,
    basic,
    keys,
    text,
)
from hypothesis import given
from hypothesis import strategies as st
from link_answers import CLASSIFIED, HEALTHS, MEANT, REFUSALS, WITHOUT_ID
from link_payloads import (
    GATE,
    MESSAGE_ID,
    NUMBER,
    PARTNER,
    PAYLOADS,
    PHONE,
    REPORTS,
    SUBMITTED,
    WITH_SUB_NUMBER,
    error,
    inbound,
    report,
    told,
)
from link_reference import REFERENCE_FILES

from common.limits.tables import Rate, Scope
from common.providers.callbacks import Door, Ignored, Unreadable, UnreadableEvent
from common.providers.link import Link
from common.providers.link_callbacks import CALLBACKS
from common.providers.link_codes import ERRORS, GATE_FAULTS, RESULTS
from common.providers.link_spec import SPEC
from common.providers.meanings import REJECTED
from common.providers.port import Refused, Unhealthy
from heliograph.codes import OutcomeCode
from heliograph.models import ReportStatus

CREDENTIALS_GIVEN = {
    "platform_id": "COMMON_API",
    "platform_partner_id": PARTNER,
    "gate_id": "Zk3pQ8wT",
    "username": "lampeverk",
    "password": "glass-og-veke-5k2m",
    "base_url": "https://n-eu.linkmobility.io",
}
GATE_PATH = "/gate/partnergate/platform/COMMON_API/partner/8812/id/Zk3pQ8wT"
AWKWARD = "Tom & \"Ann\" <b> \\ 'x'\ttab\nline – €ß я 漢"
SENT, DELIVERED, FAILED = ReportStatus.SENT, ReportStatus.DELIVERED, ReportStatus.FAILED
UNDELIVERABLE, EXPIRED = ReportStatus.UNDELIVERABLE, ReportStatus.EXPIRED
DECLINED = ReportStatus.REJECTED


def sending(
    body: str,
    *,
    sender: str = NUMBER,
    source: tuple[str, str] = ("1961", "SHORTNUMBER"),
    **more: Any,
) -> Sending:
    """A text, and the request that it becomes; `words` where it is sent in other words."""
    content = {
        "source": source[0],
        "sourceTON": source[1],
        "destination": PHONE,
        "destinationTON": "MSISDN",
        "dcs": "TEXT",
        "userData": more.pop("words", body),
        "useDeliveryReport": True,
        "deliveryReportGates": ["Zk3pQ8wT"],
        "platformId": "COMMON_API",
        "platformPartnerId": PARTNER,
        "refId": REFERENCE,
        "ignoreResponse": False,
    }
    wire = Wire(target="/sms/send", content=content)
    return Sending(text=text(sender, PHONE, body), wire=wire, **more)


class TestLink(ProviderSuite):
    """What every adapter promises."""

    provider = Link()
    credentials = CREDENTIALS_GIVEN
    payloads = PAYLOADS
    repeats = (
        ("text: a keyword", "text: a keyword, told again"),
        ("text: a placeholder for its ID", "text: a placeholder once more"),
        ("report: delivered", "report: delivered, as a form"),
    )
    covers: ClassVar = {Door.PORTAL: BASIC}
    report_states: ClassVar[dict[str, ReportStatus | None]] = {
        **dict.fromkeys(("1005", "1008", "1012", "9999"), None),
        **dict.fromkeys(("1000", "1011", "1013"), SENT),
        **dict.fromkeys(("1001", "1007"), DELIVERED),
        **dict.fromkeys(("1002", "1010"), EXPIRED),
        **dict.fromkeys(("2", "1004", "1006", "1009", "2104", "2106", "2107"), UNDELIVERABLE),
        **dict.fromkeys(("0", "1", "3", "4", "5", "6", "104", "105", "1003"), FAILED),
        **dict.fromkeys(("2200", "2201", "2207"), FAILED),
        **dict.fromkeys(("2000", "2001", "2002", "2003"), DECLINED),
        **dict.fromkeys(("2100", "2101", "2102", "2103", "2105"), DECLINED),
        **dict.fromkeys(("2202", "2203", "2204", "2205", "2206"), DECLINED),
        **dict.fromkeys(("3000", "3001", "3002"), DECLINED),
        **{str(code): DECLINED for code in range(4000, 4008)},
    }
    opt_out_states = frozenset({"2105", "2205"})

    reference = REFERENCE_FILES
    reference_credentials: ClassVar = CREDENTIALS_GIVEN | {"platform_partner_id": "4321"}
    reference_others = frozenset({"gate_response.json"})

    sendings: ClassVar = {
        "from a short number": sending("Lampen er klar på 5 minutter"),
        "from a short number with a sub-number": sending(
            "Lampen er klar",
            sender=WITH_SUB_NUMBER,
            source=("19617700000042", "SHORTNUMBER"),
        ),
        "from a short number without its country": sending(
            "Lampen er klar", sender="26112", source=("26112", "SHORTNUMBER")
        ),
        "from a phone number": sending(
            "Lampen er klar", sender="+4759440000", source=("+4759440000", "MSISDN")
        ),
        "from a name": sending("Lampen er klar", sender="Lampe", source=("Lampe", "ALPHANUMERIC")),
        "without an address for reports": sending("Lampen er klar", report_url=None),
        "every awkward character": sending(AWKWARD),
        "emoji": sending("Klar 🎉, se deg 😀", words="Klar, se deg :D"),
    }
    headers_sent: ClassVar = {
        "Authorization": basic("lampeverk", "glass-og-veke-5k2m"),
        "Content-Type": "application/json",
        "Accept": "application/json",
    }
    accepted = (Said(200, SUBMITTED), MESSAGE_ID)
    classified = CLASSIFIED
    without_id = WITHOUT_ID
    healths = HEALTHS
    malformed = (
        ("platform_id", "Platform ID: COMMON_API"),
        ("platform_id", '"COMMON_API"'),
        ("platform_partner_id", "88 12"),
        ("platform_partner_id", "8812/../9000"),
        ("gate_id", "https://sms.example.com/hook"),
        ("gate_id", ".."),
        ("gate_id", "Zk3pQ8wT?x=1"),
        ("gate_id", "x" * 65),
        ("username", "lampeverk:glass"),
        ("username", "https://lampeverk"),
        ("base_url", "https://api.linkmobility.eu"),
        ("base_url", "https://n-eu.linkmobility.io/mylink"),
        ("base_url", "https://linkmobility.io"),
    )
    pasted = (
        ("base_url", "https://n-eu.linkmobility.io/sms", "https://n-eu.linkmobility.io"),
        ("base_url", "https://wsx.sp247.net/sms/send/", "https://wsx.sp247.net"),
        ("base_url", "C-EU.linkmobility.io", "https://c-eu.linkmobility.io"),
    )

    def report_of(self, state: str) -> Told:
        return told(report(int(state)), Ignored)

    def report_saying(self, words: str) -> Told:
        return told(report(1006, operator=words[:500]), Ignored)

    def quoting(self, words: str) -> Said:
        return Said(400, error(106202, words))

    async def test_a_text_of_nothing_but_emoji_is_refused_without_a_call(
        self, fake: Fake, connect: Connect
    ) -> None:
        result = await connect().send(replace(self.text, body=" 🎉 👍🏽"))
        assert isinstance(result, Refused)
        assert result.code is OutcomeCode.PROVIDER_REJECTED
        assert "emoji" in result.detail
        assert not fake.sent

    async def test_a_sender_that_is_neither_a_number_nor_a_name_is_refused_without_a_call(
        self, fake: Fake, connect: Connect
    ) -> None:
        result = await connect().send(replace(self.text, sender="1961"))
        assert isinstance(result, Refused)
        assert not result.account
        assert not fake.sent

    async def test_what_a_refusal_quotes_of_a_text_is_masked(
        self, fake: Fake, connect: Connect
    ) -> None:
        fake.respond = self.quoting(f"Not sent: {self.text.body}")
        result = await connect().send(self.text)
        assert isinstance(result, Refused)
        assert "106202 Not sent:" in result.detail
        assert "minutter" not in result.detail

    async def test_a_gate_that_is_not_there_is_named(self, fake: Fake, connect: Connect) -> None:
        fake.respond = Said(404, error(103304))
        health = await connect().check([])
        assert isinstance(health, Unhealthy)
        assert "Zk3pQ8wT" in health.reason
        [sent] = fake.sent
        assert (sent.method, sent.target, sent.body) == ("GET", GATE_PATH, b"")

    @pytest.mark.parametrize("status", [200, 400, 403, 404, 500])
    async def test_nothing_of_a_gate_with_its_login_is_passed_on(
        self, fake: Fake, connect: Connect, status: int
    ) -> None:
        fake.respond = Said(status, GATE)
        shown = repr(await connect().check([]))
        assert "sms.example.com" not in shown
        assert "basic-password" not in shown

    async def test_what_needs_a_list_or_a_question_is_not_known(
        self, fake: Fake, connect: Connect
    ) -> None:
        client = connect()
        assert await client.owns(NUMBER) is None
        assert await client.opt_out(NUMBER, PHONE, opted_out=True) is None
        assert await client.opted_out(NUMBER, PHONE) is None
        assert await client.report(MESSAGE_ID) is None
        assert not fake.sent

    @pytest.mark.parametrize("door", Door)
    def test_no_door_is_open_without_the_login(self, door: Door) -> None:
        request = replace(self.payloads["text: a keyword"].request, door=door)
        assert self.verify(request, self.keys) is not None
        assert (
            self.verify(self.proven(replace(request, door=Door.PORTAL), self.keys), self.keys)
            is None
        )

    def test_why_a_text_cannot_be_read_is_said_without_its_content(self) -> None:
        for name, item in self.payloads.items():
            if Unreadable in item.readings:
                [reading] = self.read(item.request, self.keys)
                assert isinstance(reading, Unreadable)
                assert reading.name == name.partition(":")[0].replace("text", "received")
                assert reading.item
                assert PHONE not in reading.reason
                assert "8813" not in reading.reason


def read(body: bytes) -> Any:
    """What a callback with this body tells."""
    item = Told(body=body, headers=JSON)
    return CALLBACKS.read(item.request, keys(CREDENTIALS_GIVEN))


def test_xml_is_refused_with_what_to_have_set_at_the_gate() -> None:
    with pytest.raises(UnreadableEvent, match=r"contentType .* application/json"):
        read(b"\n<?xml version='1.0'?><moMessage/>")


def test_every_row_of_every_table_was_told_apart() -> None:
    meant = [code for codes in MEANT.values() for code in codes]
    assert sorted([*meant, "1000", "1005"]) == sorted(RESULTS)
    assert REFUSALS.keys() == ERRORS.keys()
    assert TestLink.report_states.keys() - {"9999"} == RESULTS.keys()


def test_throughput_is_left_to_the_numbers_own_rules() -> None:
    assert SPEC.rates.keys() == {*SPEC.number_types}
    assert {*SPEC.rates.values()} == {Rate(Scope.NUMBER, None, None)}


def test_the_name_of_a_sub_number_is_where_an_answer_comes_from() -> None:
    [reading] = read(orjson.dumps(inbound(subNumber=7700000042)))
    assert reading.content.number == WITH_SUB_NUMBER


@given(st.sampled_from(sorted(REPORTS)), st.integers(0, 253))
def test_parts_of_one_text_share_its_id(name: str, part: int) -> None:
    body = orjson.dumps(report(id=f"{MESSAGE_ID}${part}", segments=254))
    [reading] = read(body)
    assert (reading.content.message_id, reading.content.part) == (MESSAGE_ID, str(part))
    assert reading.content.parts == 254


@pytest.fixture
def specs() -> Path:
    """The folder of the provider's tables and descriptions, where there is one."""
    folder = os.environ.get("HELIOGRAPH_REFERENCE")
    if not folder:
        pytest.skip("HELIOGRAPH_REFERENCE names no folder")
    return Path(folder) / "specs"


def test_each_result_means_what_the_providers_table_says(specs: Path) -> None:
    listed = json.loads((specs / "provider_codes.json").read_text())["link"]
    assert listed["resultCode"].keys() == RESULTS.keys()
    for code, row in listed["resultCode"].items():
        state = RESULTS[code].state
        assert (state.value if state else "queued") == row["state"], code
        assert SPEC.opted_out.says(code) is bool(row.get("opt_out")), code
    assert listed["submitError"].keys() == ERRORS.keys()


def test_a_failure_that_may_be_repeated_is_refused_for_good_by_no_row(specs: Path) -> None:
    listed = json.loads((specs / "provider_codes.json").read_text())["link"]["resultCode"]
    repeatable = {code for code, row in listed.items() if row["resend"] == "later"}
    refused = {code for code in repeatable if RESULTS[code].refusal is REJECTED}
    # What has expired has had its time: a text that is late is not what was meant.
    assert refused == {"1002"}


def test_every_fault_of_the_gate_api_is_one_that_it_has(specs: Path) -> None:
    listed = json.loads((specs / "provider_codes.json").read_text())["link"]["gateApiError"]
    assert {code for code in GATE_FAULTS if len(code) == 6} <= listed.keys()


def test_requests_and_answers_have_the_fields_of_the_description(specs: Path) -> None:
    described = json.loads((specs / "link_common_sms.json").read_text())["components"]["schemas"]
    request = described["SmsMessageRequest"]
    for item in TestLink.sendings.values():
        content = item.wire.content
        assert content.keys() <= request["properties"].keys()
        assert {*request["required"]} <= content.keys()
        for name, value in content.items():
            kind = request["properties"][name].get("type", "string")
            assert isinstance(value, {"string": str, "boolean": bool, "array": list}[kind]), name
    assert {"messageId", "resultCode", "description"} <= described["SmsSendResult"][
        "properties"
    ].keys()
