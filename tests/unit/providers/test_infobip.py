"""Infobip: everything that every adapter promises, and what this provider has of its own."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import ANY
from uuid import UUID

import pytest
from conformance.provider_canaries import CanarySuite, Connect
from conformance.provider_suite import ProviderSuite
from conformance.provider_world import (
    Fake,
    Said,
)
from infobip_payloads import (
    MESSAGE_ID,
    NUMBER,
    PHONE,
    blocklist,
    inbound,
    problem,
    problem_v2,
    pushed,
    report,
    status,
    submitted,
    told,
)
from infobip_tables import DECLINED, KEY, InfobipHooks, refused

from common.limits.tables import Scope
from common.providers.callbacks import (
    DeliveryReport,
    Door,
    Ignored,
    Known,
    Unreadable,
)
from common.providers.infobip import SPEC
from common.providers.infobip_events import CALLBACKS
from common.providers.port import (
    Accepted,
    Ambiguous,
    FetchedReport,
    Healthy,
    NotProcessed,
    Refused,
)
from common.sender_types import NumberType
from heliograph.codes import OutcomeCode


class TestInfobip(InfobipHooks, ProviderSuite):
    """What every adapter promises."""


class TestInfobipAlone(InfobipHooks, CanarySuite):
    """What this provider has of its own."""

    async def test_what_infobip_quotes_of_the_text_is_masked(
        self, fake: Fake, connect: Connect
    ) -> None:
        for said in (
            self.quoting(f"Not allowed: {self.text.body}!"),
            Said(400, problem_v2("BAD_REQUEST", f"Not allowed: {self.text.body}!")),
            Said(200, submitted(status=status(6, description=f"No route: {self.text.body}"))),
        ):
            fake.respond = said
            result = await connect().send(self.text)
            assert isinstance(result, Refused)
            assert self.text.body not in result.detail
            assert "lamp" not in result.detail

    async def test_what_infobip_quotes_of_the_key_is_masked(
        self, fake: Fake, connect: Connect
    ) -> None:
        """It has the form of IDs, which logs may hold."""
        for said in (
            Said(401, problem("E401", f"Nobody has {KEY} any more.")),
            Said(401, problem_v2("UNAUTHORIZED", f"Nobody has {KEY} any more.")),
        ):
            fake.respond = said
            result = await connect().send(self.text)
            assert isinstance(result, Refused)
            assert not any(part in result.detail for part in KEY.split("-"))
            assert "Nobody has" in result.detail

    async def test_a_refusal_says_what_is_wrong_with_which_field(
        self, fake: Fake, connect: Connect
    ) -> None:
        fake.respond = Said(400, problem("E400", "Cannot be processed.", "messages[0].sender"))
        refused_whole = await connect().send(self.text)
        assert isinstance(refused_whole, Refused)
        assert refused_whole.detail == (
            "HTTP 400 E400 Cannot be processed.; messages[0].sender: must not be empty"
        )
        fake.respond = Said(200, submitted(6, 255))
        refused_one = await connect().send(self.text)
        assert isinstance(refused_one, NotProcessed)
        assert refused_one.detail == (
            "HTTP 200 EC255 REJECTED_6: What 6 stands for; EC_NUMBER_255: Why 255 came"
        )

    async def test_a_try_that_was_recognised_has_the_id_of_the_first_one(
        self, fake: Fake, connect: Connect
    ) -> None:
        """Whatever the answer calls it: reports come under the ID that we chose."""
        fake.respond = Said(200, submitted(23, messageId="another"))
        again = replace(self.text, request_id=UUID(int=9))
        assert await connect().send(again) == Accepted(str(UUID(int=9)), repeated=True)

    async def test_a_limit_of_the_account_slows_the_number_and_a_flood_only_the_text(
        self, fake: Fake, connect: Connect
    ) -> None:
        fake.respond = refused(542)
        slowed = NotProcessed(OutcomeCode.PROVIDER_THROTTLED, ANY, 600.0)
        assert await connect().send(self.text) == slowed
        fake.respond = Said(200, submitted(20))
        assert await connect().send(self.text) == replace(slowed, text_only=True)

    async def test_the_check_asks_for_a_text_that_never_was_and_each_time_for_another(
        self, fake: Fake, connect: Connect
    ) -> None:
        """Without a filter the answer would hold, and so use up, the reports of others."""
        fake.respond = Said(200, {"results": []})
        client = connect()
        for _ in range(2):
            assert await client.check([NUMBER]) == Healthy()
        assert [it.method for it in fake.sent] == ["GET", "GET"]
        asked = [it.target.removeprefix("/sms/3/reports?messageId=") for it in fake.sent]
        assert all(it.endswith("&limit=1") for it in asked)
        assert len({UUID(it.removesuffix("&limit=1")) for it in asked}) == 2

    async def test_a_report_that_is_asked_for_is_told_whole(
        self, fake: Fake, connect: Connect
    ) -> None:
        fake.respond = Said(200, {"results": [report(14, 2052)]})
        fetched = await connect().report(MESSAGE_ID)
        assert isinstance(fetched, FetchedReport)
        assert (fetched.status, fetched.code) == (DECLINED, "EC2052")
        assert fetched.at == datetime(2026, 2, 11, 21, 40, 7, 250_000, tzinfo=UTC)
        assert fetched.details is not None
        assert SPEC.opted_out.says(fetched.code)
        assert fake.sent[0].target == f"/sms/3/reports?messageId={MESSAGE_ID}&limit=50"

    async def test_a_report_without_an_instant_is_of_now(
        self, fake: Fake, connect: Connect
    ) -> None:
        fake.respond = Said(200, {"results": [report(doneAt="", sentAt=None)]})
        fetched = await connect().report(MESSAGE_ID)
        assert isinstance(fetched, FetchedReport)
        assert abs(datetime.now(UTC) - fetched.at) < timedelta(minutes=1)

    def test_a_list_that_others_keep_is_not_the_recipients_word(self) -> None:
        """A do-not-disturb register, an operator's bar, a number out of service; nor does a number
        count that is an error's and means an opt-out only as a status, or the other way round."""
        others = ("10", "566", "3041", "EC10", "EC566", "EC3041", "EC14", "573", "603", "604")
        assert not any(SPEC.opted_out.says(code) for code in (*others, "2050", "2052"))
        assert SPEC.opted_out.codes == {"14", "EC573", "EC603", "EC604", "EC2050", "EC2052"}

    def test_a_report_says_more_with_its_error_than_with_its_status(self) -> None:
        content = self.content_of(report(9, 27))
        assert (content.code, content.details) == (
            "EC27",
            "UNDELIVERABLE_NOT_DELIVERED: What 9 stands for; EC_NUMBER_27: Why 27 came",
        )
        assert self.content_of(report(14, 4096)).code == "14"
        assert self.content_of(report(14, 603)).code == "EC603"

    def test_endless_words_are_cut(self) -> None:
        content = self.content_of(report(status=status(9, description="lamp " * 500)))
        assert len(content.details or "") == 300

    def content_of(self, item: dict[str, Any]) -> DeliveryReport:
        [reading] = self.read(told(pushed(item), door=Door.REPORTS).request, self.keys)
        assert isinstance(reading, Known)
        assert isinstance(reading.content, DeliveryReport)
        return reading.content

    def test_what_is_ignored_is_named_without_its_content(self) -> None:
        body = pushed(
            report(26), report(status={"groupId": 1, "name": f"to {PHONE}"}), blocklist("UNBLOCK")
        )
        readings = self.read(told(body).request, self.keys)
        assert readings == [
            Ignored("report.PENDING_ACCEPTED"),
            Ignored("report.unknown"),
            Ignored("blocklist.unblock"),
        ]

    def test_what_cannot_be_read_is_named_by_its_field(self) -> None:
        body = pushed(
            inbound(messageId=" "), inbound(to="9" * 65), report(status=[]), inbound(text=1)
        )
        readings = self.read(told(body).request, self.keys)
        assert all(isinstance(it, Unreadable) for it in readings)
        assert [(it.name, it.reason) for it in readings if isinstance(it, Unreadable)] == [
            ("received", "messageId is missing, not a string or too long"),
            ("received", "to is missing, not a string or too long"),
            ("report", "status is not an object"),
            ("received", "text is missing or not a string"),
        ]

    @pytest.mark.parametrize(
        "value", ["", "Basic", "App " + KEY, "Bearer x", "Basic Y29uLTE6d3Jvbmc="]
    )
    def test_only_the_address_of_reports_is_called_without_a_login(self, value: str) -> None:
        for door, refused_there in ((Door.PORTAL, True), (Door.REPORTS, False)):
            request = told(pushed(), door=door).request
            request = replace(request, headers={"Authorization": value})
            assert (CALLBACKS.verify(request, self.keys) is not None) is refused_there

    def test_a_text_at_the_address_of_reports_is_parked_and_says_why(self) -> None:
        """That address asks for no login, so whoever has seen it could write to an agent."""
        request = told(pushed(inbound(), report()), door=Door.REPORTS).request
        text, known = self.read(request, self.keys)
        assert text == Unreadable(
            "received", inbound(), "an inbound text came to the address for reports"
        )
        assert isinstance(known, Known)

    def test_who_connects_is_told_to_ask_for_idempotency_first(self) -> None:
        key = SPEC.parameter("api_key")
        assert key is not None
        assert "idempotent message sending" in key.help
        assert "arrive twice" in key.help

    def test_numbers_are_limited_by_connection_until_their_rules_say_otherwise(self) -> None:
        assert SPEC.rates.keys() == set(SPEC.number_types)
        assert {(it.scope, it.requests) for it in SPEC.rates.values()} == {(Scope.CONNECTION, 600)}
        assert NumberType.PARTNER not in SPEC.number_types

    def test_an_earlier_try_is_trusted_to_be_remembered_for_an_hour(self) -> None:
        assert (self.provider.deduplicates, self.provider.remembers) == (True, 3600.0)

    async def test_an_answer_that_was_lost_may_be_asked_for_again(
        self, fake: Fake, connect: Connect
    ) -> None:
        fake.respond = Said(502, "<html/>")
        client = connect()
        assert isinstance(await client.send(self.text), Ambiguous)
        fake.respond = Said(200, submitted(23))
        assert await client.send(self.text) == Accepted(MESSAGE_ID, repeated=True)
        assert fake.sent[0].content == fake.sent[1].content
