"""What every store promises about delivery reports and about the lives of texts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from conformance.store_world import (
    LEASE,
    REMOTE,
    START,
    Stores,
    history,
    new_outbound,
    new_report,
    new_text,
    outcome_of,
    record,
    send,
)

from common.store.control_ports import BadCursor
from common.store.records import turn_id
from heliograph.models import OutcomeStatus, ReportStatus

FINAL = [
    ReportStatus.UNDELIVERABLE,
    ReportStatus.EXPIRED,
    ReportStatus.REJECTED,
    ReportStatus.FAILED,
]


class ReportSuite:
    @pytest.mark.parametrize("by", ["reference", "provider_message_id"])
    async def test_a_report_finds_its_text(self, stores: Stores, by: str) -> None:
        text = new_outbound(traceparent="00-1")
        await send(stores, text)
        reference = text.id if by == "reference" else None
        (applied,) = await stores.inbound.apply_reports([new_report(text, reference=reference)])
        assert (applied.message_id, applied.agent_id, applied.command_id, applied.tell) == (
            text.id,
            "support",
            "answer",
            True,
        )
        assert (applied.traceparent, applied.sent_at) == ("00-1", stores.clock())
        assert await status(stores) == "delivered"

    async def test_an_unknown_reference_falls_back_to_the_providers_id(
        self, stores: Stores
    ) -> None:
        text = new_outbound()
        await send(stores, text)
        (applied,) = await stores.inbound.apply_reports([new_report(text, reference="stranger")])
        assert applied.message_id == text.id

    async def test_a_report_on_an_unknown_text_is_told_as_such(self, stores: Stores) -> None:
        assert await stores.inbound.apply_reports([]) == []
        known, unknown = new_outbound("known"), new_outbound("unknown")
        await send(stores, known)
        results = await stores.inbound.apply_reports([new_report(unknown), new_report(known)])
        assert [(item.message_id, item.tell) for item in results] == [
            (None, False),
            (known.id, True),
        ]
        await stores.inbound.mark_told(results)

    @pytest.mark.parametrize("changes", [{"tenant_id": "other"}, {"provider": "twilio"}])
    async def test_a_report_touches_no_text_of_another_tenant_or_provider(
        self, stores: Stores, changes: dict[str, Any]
    ) -> None:
        text = new_outbound()
        await send(stores, text)
        reference = text.id if "tenant_id" in changes else None
        report = replace(new_report(text), reference=reference, **changes)
        (applied,) = await stores.inbound.apply_reports([report])
        assert applied.message_id is None
        assert await status(stores) == "sent"

    async def test_an_inbound_text_takes_no_report(self, stores: Stores) -> None:
        (inbound,) = await record(stores, new_text())
        report = new_report(new_outbound(), reference=inbound.id, provider_message_id="1")
        (applied,) = await stores.inbound.apply_reports([report])
        assert applied.message_id is None
        assert await status(stores) == "received"

    @pytest.mark.parametrize("final", FINAL)
    async def test_only_a_higher_rank_changes_the_status(
        self, stores: Stores, final: ReportStatus
    ) -> None:
        text = new_outbound()
        await send(stores, text)
        for report, told, after in (
            (ReportStatus.SENT, False, "sent"),
            (final, True, final.value),
            (ReportStatus.SENT, False, final.value),
            (next(other for other in FINAL if other is not final), False, final.value),
            (ReportStatus.DELIVERED, True, "delivered"),
            (final, False, "delivered"),
        ):
            (applied,) = await stores.inbound.apply_reports([new_report(text, report)])
            assert applied.tell is told
            assert await status(stores) == after

    async def test_in_a_batch_the_first_of_the_highest_rank_wins(self, stores: Stores) -> None:
        text = new_outbound()
        await send(stores, text)
        reports = [
            new_report(text, ReportStatus.SENT),
            new_report(text, ReportStatus.FAILED),
            new_report(text, ReportStatus.EXPIRED),
        ]
        results = await stores.inbound.apply_reports(reports)
        assert [item.tell for item in results] == [False, True, False]
        assert await status(stores) == "failed"

    async def test_a_report_is_told_until_it_is_marked(self, stores: Stores) -> None:
        text = new_outbound()
        await send(stores, text)
        reports = [new_report(text)]
        for _ in range(2):
            applied = await stores.inbound.apply_reports(reports)
            assert applied[0].tell
        await stores.inbound.mark_told(applied)
        assert not (await stores.inbound.apply_reports(reports))[0].tell

    async def test_marking_an_overtaken_report_late_tells_nothing_again(
        self, stores: Stores
    ) -> None:
        text = new_outbound()
        await send(stores, text)
        failed = await stores.inbound.apply_reports([new_report(text, ReportStatus.FAILED)])
        delivered = await stores.inbound.apply_reports([new_report(text)])
        await stores.inbound.mark_told(delivered)
        await stores.inbound.mark_told(failed)
        assert not (await stores.inbound.apply_reports([new_report(text)]))[0].tell

    async def test_marking_an_overtaken_report_hides_no_later_one(self, stores: Stores) -> None:
        text = new_outbound()
        await send(stores, text)
        failed = await stores.inbound.apply_reports([new_report(text, ReportStatus.FAILED)])
        await stores.inbound.apply_reports([new_report(text)])
        await stores.inbound.mark_told(failed)
        assert (await stores.inbound.apply_reports([new_report(text)]))[0].tell

    @pytest.mark.parametrize("report", [ReportStatus.SENT, ReportStatus.DELIVERED])
    async def test_a_report_settles_an_uncertain_text(
        self, stores: Stores, report: ReportStatus
    ) -> None:
        text = new_outbound()
        await send(stores, text, OutcomeStatus.UNCERTAIN)
        (applied,) = await stores.inbound.apply_reports([new_report(text, report)])
        assert applied.tell
        assert await status(stores) == report.value

    @pytest.mark.parametrize("report", [ReportStatus.FAILED, ReportStatus.DELIVERED])
    async def test_a_report_before_the_outcome_is_kept(
        self, stores: Stores, report: ReportStatus
    ) -> None:
        text = new_outbound()
        await stores.outbound.claim([text], owner="one", lease=LEASE)
        await stores.outbound.begin("acme", text.id, owner="one", lease=LEASE)
        (applied,) = await stores.inbound.apply_reports([new_report(text, report)])
        assert applied.message_id == text.id
        outcome = outcome_of(text)
        recorded = await stores.outbound.finish("acme", text.id, owner="one", outcome=outcome)
        assert recorded == outcome
        assert await status(stores) == report.value

    async def test_a_report_by_reference_teaches_the_providers_id(self, stores: Stores) -> None:
        text = new_outbound()
        await send(stores, text, OutcomeStatus.UNCERTAIN)
        await stores.inbound.apply_reports([new_report(text, ReportStatus.SENT)])
        (applied,) = await stores.inbound.apply_reports([new_report(text, reference=None)])
        assert applied.message_id == text.id


class ExecutionSuite:
    async def test_an_execution_tells_the_whole_life_in_order(self, stores: Stores) -> None:
        (inbound,) = await record(stores, new_text())
        stores.clock.advance(1)
        await stores.inbound.mark_handed_over([inbound.id], tenant_ids=frozenset({"acme"}))
        stores.clock.advance(1)
        await record(stores, new_text())
        stores.clock.advance(1)
        answer = new_outbound(in_reply_to=turn_id(inbound.id))
        await send(stores, answer)
        later = START + timedelta(seconds=9)
        await stores.inbound.apply_reports([new_report(answer, accepted_at=later)])
        execution = await stores.executions.of_message("acme", inbound.id)
        assert execution is not None
        assert [step.what for step in execution.steps] == [
            "accepted",
            "recorded",
            "handed_over",
            "deduplicated",
            "answered",
            "sent",
            "finished",
            "reported",
        ]
        assert [step.at for step in execution.steps] == sorted(s.at for s in execution.steps)
        assert (execution.number, execution.remote) == (inbound.text.number, inbound.text.remote)
        assert execution.duplicates == 1

    async def test_a_held_answer_waits_in_its_execution(self, stores: Stores) -> None:
        (inbound,) = await record(stores, new_text())
        await send(stores, new_outbound(in_reply_to=inbound.id), OutcomeStatus.HELD)
        execution = await stores.executions.of_message("acme", inbound.id)
        assert execution is not None
        assert [step.what for step in execution.steps] == [
            "accepted",
            "recorded",
            "answered",
            "held",
        ]

    async def test_steps_hold_no_content(self, stores: Stores) -> None:
        (inbound,) = await record(stores, new_text(body="canary-body"))
        await send(stores, new_outbound(in_reply_to=inbound.id, body="canary-answer"))
        execution = await stores.executions.of_message("acme", inbound.id)
        assert execution is not None
        told = " ".join(step.detail for step in execution.steps)
        assert "canary" not in told
        assert inbound.text.remote not in told

    async def test_the_latest_executions_come_newest_first(self, stores: Stores) -> None:
        texts = await record(stores, *(new_text(str(n), at=n) for n in range(4)))
        await send(stores, new_outbound(in_reply_to=texts[3].id))
        latest = await stores.executions.latest("acme", limit=2)
        assert [item.message_id for item in latest] == [texts[3].id, texts[2].id]
        assert [len(item.steps) for item in latest] == [5, 2]
        assert await stores.executions.latest("acme", limit=0) == []

    async def test_executions_come_page_by_page_each_once(self, stores: Stores) -> None:
        texts = await record(stores, *(new_text(str(n), at=n) for n in range(5)))
        await send(stores, new_outbound(in_reply_to=texts[0].id))
        pages: list[list[str]] = []
        cursor: str | None = None
        while True:
            page = await stores.executions.page("acme", limit=2, cursor=cursor)
            pages.append([item.message_id for item in page.items])
            if (cursor := page.next) is None:
                break
            await record(stores, new_text(f"later {len(pages)}", at=9))
        assert pages == [[texts[4].id, texts[3].id], [texts[2].id, texts[1].id], [texts[0].id]]
        assert len(page.items[0].steps) == 5
        assert (await stores.executions.page("other", limit=2)).items == ()
        with pytest.raises(BadCursor):
            await stores.executions.page("acme", limit=2, cursor="no-cursor")

    async def test_executions_are_found_by_number_person_and_time(self, stores: Stores) -> None:
        other = "+15550200003"
        texts = await record(
            stores,
            *(new_text(str(n), at=n) for n in range(3)),
            new_text("3", at=3, remote=other),
            new_text("4", at=4, number="+15550100009"),
        )

        async def found(**wanted: Any) -> list[str]:
            page = await stores.executions.page("acme", limit=10, **wanted)
            return [item.message_id for item in page.items]

        ids = [text.id for text in texts]
        assert await found(remote=other) == [ids[3]]
        assert await found(number="+15550100009") == [ids[4]]
        assert await found(remote=other, number="+15550100009") == []
        assert await found(since=texts[3].text.at) == [ids[4], ids[3]]
        assert await found(until=texts[1].text.at) == [ids[1], ids[0]]
        assert await found(since=texts[1].text.at, until=texts[2].text.at) == [ids[2], ids[1]]
        first = await stores.executions.page("acme", remote=REMOTE, limit=2)
        rest = await stores.executions.page("acme", remote=REMOTE, limit=9, cursor=first.next)
        assert [item.message_id for item in (*first.items, *rest.items)] == [
            *(ids[4], ids[2]),
            *(ids[1], ids[0]),
        ]

    async def test_another_tenant_sees_no_execution(self, stores: Stores) -> None:
        (inbound,) = await record(stores, new_text())
        await send(stores, new_outbound(in_reply_to=inbound.id, tenant_id="other"))
        assert await stores.executions.of_message("other", inbound.id) is None
        assert await stores.executions.latest("other", limit=10) == []
        execution = await stores.executions.of_message("acme", inbound.id)
        assert execution is not None
        assert len(execution.steps) == 2

    async def test_an_outbound_text_has_no_execution(self, stores: Stores) -> None:
        text = new_outbound()
        await send(stores, text)
        assert await stores.executions.of_message("acme", text.id) is None
        assert await stores.executions.latest("acme", limit=10) == []


async def status(stores: Stores) -> str:
    """The delivery state of the conversation's last text, as the next turn's history shows it."""
    stores.clock.advance(1)
    key = stores.clock.instant.isoformat()
    (following,) = await record(stores, new_text(key, at=-3600))
    return (await history(stores, following))[-1][1]
