"""What each adapter says, an independent simulator of its provider understands, and the other way
round; and what the provider does wrong, the adapter survives."""

from __future__ import annotations

from typing import Any

import pytest
from meeting_world import ACCOUNTS, PHONE, REFERENCE, Meeting, connect, meeting

from common.providers.port import (
    Accepted,
    Ambiguous,
    Healthy,
    NotProcessed,
    Refused,
    SendResult,
    Unhealthy,
    Unknown,
)
from common.providers.specs import SPECS
from heliograph.codes import OutcomeCode
from heliograph.models import ReportStatus

every_provider = pytest.mark.parametrize("name", sorted(ACCOUNTS))
SENT, DELIVERED = ReportStatus.SENT, ReportStatus.DELIVERED
GSM = "Your order is ready."


def accepted(result: SendResult) -> Accepted:
    assert isinstance(result, Accepted), result
    return result


@every_provider
async def test_a_text_reaches_the_phone_and_its_reports_come_back(name: str) -> None:
    async with meeting(name) as it:
        result = accepted(await it.client.send(it.text()))
        (shown,) = await it.simulator.wait_for_texts(PHONE, 1)
        assert shown.body == "Grüße – 5 €"
        assert shown.from_.lstrip("+") == it.number.lstrip("+").removeprefix("NO-")
        await it.settled()
        assert it.refused == []
        assert [report.status for report in it.reports][-1] is DELIVERED
        assert SENT in {report.status for report in it.reports}
        for report in it.reports:
            assert report.reference == REFERENCE
            assert report.message_id == result.provider_message_id
            assert report.at is not None or name == "twilio"  # Which names no instant.
            assert report.remote in {"", PHONE}


@every_provider
async def test_a_phones_text_arrives_word_for_word(name: str) -> None:
    async with meeting(name) as it:
        body = 'Ist <das> & «jenes» schon "da"? 1 + 1 = 2\n👋'
        await it.simulator.text(PHONE, it.number, body)
        await it.settled()
        (text,) = it.texts
        assert (text.number, text.remote, text.body) == (it.number, PHONE, body)
        assert text.at is not None or name == "twilio"  # Which names no instant.
        (delivery,) = it.simulator.deliveries
        assert delivery["verdict"] == "delivered"


@every_provider
async def test_a_refused_callback_comes_again_with_the_same_id(name: str) -> None:
    async with meeting(name) as it:
        await it.simulator.text(PHONE, it.number, "One", copies=2)
        await it.settled()
        assert len({text.message_id for text in it.texts}) == 1
        assert len(it.texts) == 2


@every_provider
async def test_a_webhook_that_was_away_gets_the_text_in_the_end(name: str) -> None:
    async with meeting(name) as it:
        it.answer = 503
        await it.simulator.text(PHONE, it.number, "Anyone?")
        await it.simulator.wait_for("delivery", 1)
        it.answer = None
        await it.settled()
        if name == "twilio":  # It tries again only where the address asks for it.
            assert it.texts == []
        else:
            assert [text.body for text in it.texts] == ["Anyone?"]


@every_provider
async def test_a_webhook_that_was_away_gets_the_report_in_the_end(name: str) -> None:
    async with meeting(name) as it:
        it.answer = 503
        accepted(await it.client.send(it.text()))
        await it.simulator.wait_for("delivery", 1)
        it.answer = None
        await it.settled()
        assert it.refused == []
        assert DELIVERED in {report.status for report in it.reports}


@every_provider
async def test_the_provider_with_another_secret_is_a_stranger(name: str) -> None:
    async with meeting(name) as it:
        if SPECS[name].basic:
            it.simulator.portal(it.simulator.where.url, "somebody", "else")  # type: ignore[union-attr] # it was entered
        else:
            it.simulator.change_secret("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
        await it.simulator.text(PHONE, it.number, "Hello")
        await it.simulator.wait_for("delivery", 1)
        assert it.refused
        assert it.heard == []


@every_provider
async def test_the_probe_tells_good_credentials_from_bad_ones_and_sends_nothing(name: str) -> None:
    async with meeting(name) as it:
        assert await it.client.check([it.number]) == Healthy()
        it.simulator.fault("denied")
        assert isinstance(await it.client.check([it.number]), Unhealthy)
        it.simulator.clear_faults()
        await it.simulator.stop()
        assert isinstance(await it.client.check([it.number]), Unknown)
        assert it.simulator.sends == []


@every_provider
async def test_a_wrong_secret_is_the_accounts_fault_and_nothing_goes_out(name: str) -> None:
    async with meeting(name) as it:
        secret = next(p.name for p in SPECS[name].parameters if p.secret)
        other = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"
        client = connect(name, it.simulator, None, **{secret: other})
        result = await client.send(it.text())
        await client.close()
        assert isinstance(result, Refused)
        assert result.account
        assert result.code is OutcomeCode.CREDENTIALS_REJECTED
        assert other not in repr(result)
        assert it.simulator.phone(PHONE).received_total == 0


LOST: dict[str, dict[str, Any]] = {
    "cut_after_accept": {},
    "error_after_accept": {},
    "garbage": {"body": "<html>Bad gateway</html>"},
}


@every_provider
@pytest.mark.parametrize("fault", LOST)
async def test_an_answer_that_is_lost_leaves_it_open_and_the_report_settles_it(
    name: str, fault: str
) -> None:
    async with meeting(name) as it:
        it.simulator.fault(fault, **LOST[fault])
        result = await it.client.send(it.text())
        assert isinstance(result, Ambiguous), result
        await it.settled()
        assert it.simulator.phone(PHONE).received_total == 1
        assert {report.reference for report in it.reports} == {REFERENCE}
        assert it.reports[-1].status is DELIVERED


async def test_infobip_recognises_the_second_try_of_a_text_and_sends_it_once() -> None:
    async with meeting("infobip") as it:
        it.simulator.fault("cut_after_accept", count=1)
        assert isinstance(await it.client.send(it.text()), Ambiguous)
        again = accepted(await it.client.send(it.text()))
        assert again.repeated
        await it.settled()
        assert it.simulator.phone(PHONE).received_total == 1
        assert {report.message_id for report in it.reports} == {again.provider_message_id}


@every_provider
async def test_a_cut_before_anything_was_accepted_is_open_too(name: str) -> None:
    async with meeting(name) as it:
        it.simulator.fault("cut_before_accept", count=1)
        assert isinstance(await it.client.send(it.text()), Ambiguous)


@every_provider
async def test_a_provider_that_is_not_there_has_surely_sent_nothing(name: str) -> None:
    async with meeting(name) as it:
        await it.simulator.stop()
        result = await it.client.send(it.text())
        assert isinstance(result, NotProcessed)
        assert result.code is OutcomeCode.PROVIDER_UNAVAILABLE


@every_provider
async def test_a_slow_provider_leaves_it_open(name: str) -> None:
    async with meeting(name) as it:
        it.simulator.fault("slow", seconds=5)
        client = connect(name, it.simulator, None, timeout=0.2)
        assert isinstance(await client.send(it.text()), Ambiguous)
        await client.close()


@every_provider
async def test_too_much_at_once_waits_as_long_as_the_provider_wants(name: str) -> None:
    async with meeting(name) as it:
        it.simulator.fault("throttle", retry_after=7, count=1)
        result = await it.client.send(it.text())
        assert isinstance(result, NotProcessed)
        assert (result.code, result.retry_after) == (OutcomeCode.PROVIDER_THROTTLED, 7)
        accepted(await it.client.send(it.text()))


@every_provider
@pytest.mark.parametrize("fault", ["no_credit", "suspended"])
async def test_an_account_that_may_not_send_is_to_blame_and_not_the_text(
    name: str, fault: str
) -> None:
    async with meeting(name) as it:
        it.simulator.fault(fault)
        result = await it.client.send(it.text())
        assert isinstance(result, Refused), result
        assert result.account


@every_provider
async def test_reports_that_come_late_twice_and_out_of_order_are_the_same_reports(
    name: str,
) -> None:
    async with meeting(name) as it:
        it.simulator.fault("duplicate_reports", copies=2)
        it.simulator.fault("reorder_reports")
        result = accepted(await it.client.send(it.text()))
        await it.settled()
        assert len(it.reports) >= 2
        assert {report.message_id for report in it.reports} == {result.provider_message_id}
        assert DELIVERED in {report.status for report in it.reports}


@every_provider
async def test_a_state_that_nobody_knows_is_acknowledged_and_says_nothing(name: str) -> None:
    async with meeting(name) as it:
        it.simulator.fault("unknown_reports")
        accepted(await it.client.send(it.text()))
        await it.settled()
        assert it.refused == []
        assert all(entry["verdict"] == "delivered" for entry in it.simulator.deliveries)
        assert DELIVERED not in {report.status for report in it.reports}


@every_provider
async def test_a_text_that_does_not_arrive_ends_in_a_final_state_with_its_code(name: str) -> None:
    async with meeting(name) as it:
        it.simulator.fault("failed_reports")
        accepted(await it.client.send(it.text()))
        await it.settled()
        last = it.reports[-1]
        assert last.status not in {SENT, DELIVERED}
        assert last.code or last.details


@pytest.mark.parametrize("name", ["link", "vibes"])
async def test_parts_of_a_long_text_are_reported_one_by_one(name: str) -> None:
    async with meeting(name) as it:
        result = accepted(await it.client.send(it.text("Long. " * 50)))
        await it.settled()
        last = [report for report in it.reports if report.status is DELIVERED]
        assert {report.message_id for report in last} == {result.provider_message_id}
        assert len({report.part for report in last}) == last[0].parts == 2


async def test_twilio_refuses_after_a_stop_and_says_that_it_was_one() -> None:
    async with meeting("twilio") as it:
        await it.simulator.text(PHONE, it.number, "STOP")
        await it.settled()
        assert [text.body for text in it.texts] == ["STOP"]
        result = await it.client.send(it.text())
        assert isinstance(result, Refused)
        assert result.code is OutcomeCode.RECIPIENT_OPTED_OUT
        assert not result.account


@pytest.mark.parametrize("name", ["infobip", "telesign", "twilio"])
async def test_the_state_of_a_text_can_be_asked_for(name: str) -> None:
    async with meeting(name) as it:
        it.simulator.fault("missing_reports")
        result = accepted(await it.client.send(it.text()))
        await it.simulator.wait_for_texts(PHONE, 1)
        await it.settled()
        assert it.reports == []
        report = await it.client.report(result.provider_message_id or "")
        assert report is not None
        assert report.status is DELIVERED
        assert await it.client.report("00000000-0000-0000-0000-000000000000") is None


@every_provider
async def test_nothing_that_was_heard_holds_a_secret(name: str) -> None:
    async with meeting(name) as it:
        await it.client.send(it.text(GSM))
        await it.simulator.text(PHONE, it.number, "Hello")
        await it.settled()
        shown = repr([it.client, it.keys, it.heard])
        assert not any(value in shown for value in secrets_of(it))


def secrets_of(it: Meeting) -> list[str]:
    names = [parameter.name for parameter in SPECS[it.name].parameters if parameter.secret]
    return [it.keys.password, *(ACCOUNTS[it.name][name] for name in names)]
