"""What every store promises about reports of texts that one call sent to many, of long texts that
went out in parts, and of texts that wait for their final report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from conformance.store_reports import FINAL, status
from conformance.store_world import LEASE, Stores, new_outbound, new_report, outcome_of, send

from common.store.records import AppliedReport, NewOutbound
from heliograph.models import Keyword, OutcomeStatus, ReportStatus

DELIVERED, FAILED, SENT = ReportStatus.DELIVERED, ReportStatus.FAILED, ReportStatus.SENT
REMOTES = ("+15550200002", "+15550200003", "+15550200004")


async def apply(stores: Stores, text: NewOutbound, said: ReportStatus, **changes: Any) -> Any:
    (applied,) = await stores.inbound.apply_reports([new_report(text, said, **changes)])
    return applied


class BatchReportSuite:
    async def campaign(self, stores: Stores) -> Sequence[NewOutbound]:
        """One command to three, sent by one call: the provider knows the first one's ID."""
        texts = [new_outbound("campaign", n, remote=remote) for n, remote in enumerate(REMOTES)]
        for text in texts:
            await send(stores, text, OutcomeStatus.UNCERTAIN)
        return texts

    @pytest.mark.parametrize("place", [0, 2])
    async def test_a_report_of_a_call_to_many_finds_the_text_to_its_recipient(
        self, stores: Stores, place: int
    ) -> None:
        texts = await self.campaign(stores)
        report = {"reference": texts[0].id, "remote": REMOTES[place], "provider_message_id": "x"}
        applied = await apply(stores, texts[0], FAILED, **report)
        assert applied.message_id == texts[place].id
        by_id = report | {"reference": None}
        assert (await apply(stores, texts[0], FAILED, **by_id)).message_id == texts[place].id

    async def test_each_recipients_report_changes_its_own_text_only(self, stores: Stores) -> None:
        texts = await self.campaign(stores)
        reports = [
            new_report(texts[0], said, remote=text.remote, provider_message_id=text.remote)
            for text, said in zip(texts, (DELIVERED, FAILED, DELIVERED), strict=True)
        ]
        for _ in range(2):
            applied = await stores.inbound.apply_reports(reports)
            assert [item.message_id for item in applied] == [text.id for text in texts]
            assert [item.tell for item in applied] == [True] * 3

    async def test_a_report_without_a_recipient_is_the_named_texts(self, stores: Stores) -> None:
        texts = await self.campaign(stores)
        assert (await apply(stores, texts[1], FAILED)).message_id == texts[1].id

    async def test_a_recipient_of_no_text_is_found_by_the_providers_id(
        self, stores: Stores
    ) -> None:
        texts = await self.campaign(stores)
        stranger = {"remote": "+15550209999", "reference": texts[0].id}
        assert (await apply(stores, texts[0], FAILED, **stranger)).message_id is None
        await apply(stores, texts[2], SENT)
        report = stranger | {"provider_message_id": "p-campaign-2"}
        assert (await apply(stores, texts[0], FAILED, **report)).message_id == texts[2].id

    async def test_a_lone_text_is_found_however_its_recipient_is_written(
        self, stores: Stores
    ) -> None:
        text = new_outbound()
        await send(stores, text)
        assert (await apply(stores, text, FAILED, remote="+525550200002")).message_id == text.id

    async def test_another_agents_command_of_that_name_is_another_command(
        self, stores: Stores
    ) -> None:
        mine = new_outbound("same", 0)
        await send(stores, mine)
        await send(stores, new_outbound("same", 1, remote=REMOTES[1], agent_id="sales"))
        applied = await apply(stores, mine, FAILED, remote=REMOTES[1])
        assert applied.message_id == mine.id


class PartReportSuite:
    async def in_parts(
        self, stores: Stores, parts: int = 2, outcome: OutcomeStatus = OutcomeStatus.SENT
    ) -> NewOutbound:
        """A text in numbered parts `p-1`, …, all of which the provider took; of an uncertain one
        the last part may have been taken."""
        text = new_outbound(parts=tuple(f"({n + 1}/{parts})" for n in range(parts)))
        await stores.outbound.claim([text], owner="one", lease=LEASE)
        for n in range(1, parts):
            await stores.outbound.begin("acme", text.id, owner="one", lease=LEASE)
            await stores.outbound.advance(
                "acme", text.id, owner="one", provider_message_id=f"p-{n}"
            )
        await stores.outbound.begin("acme", text.id, owner="one", lease=LEASE)
        last = f"p-{parts}" if outcome is OutcomeStatus.SENT else None
        recorded = outcome_of(text, outcome, provider_message_id=last)
        await stores.outbound.finish("acme", text.id, owner="one", outcome=recorded)
        return text

    async def said(
        self, stores: Stores, text: NewOutbound, part: int, said: ReportStatus
    ) -> AppliedReport:
        """A part's report, told to the agent where there is news."""
        applied = await apply(stores, text, said, provider_message_id=f"p-{part}")
        assert isinstance(applied, AppliedReport)
        await stores.inbound.mark_told([applied])
        return applied

    @pytest.mark.parametrize("part", [1, 3])
    async def test_a_part_finds_its_text_by_the_providers_id(
        self, stores: Stores, part: int
    ) -> None:
        text = await self.in_parts(stores, 3)
        report = {"reference": None, "provider_message_id": f"p-{part}"}
        assert (await apply(stores, text, SENT, **report)).message_id == text.id

    async def test_a_text_is_delivered_when_its_last_part_is(self, stores: Stores) -> None:
        text = await self.in_parts(stores, 3)
        for part, told, after in ((2, False, "sent"), (1, False, "sent"), (3, True, "delivered")):
            applied = await self.said(stores, text, part, DELIVERED)
            assert (applied.tell, await status(stores)) == (told, after)
        assert applied.report.status is DELIVERED

    async def test_a_part_delivered_twice_counts_once(self, stores: Stores) -> None:
        text = await self.in_parts(stores)
        for _ in range(3):
            assert not (await self.said(stores, text, 1, DELIVERED)).tell
        assert await status(stores) == "sent"

    @pytest.mark.parametrize("final", FINAL[:2])
    async def test_a_text_has_failed_when_any_part_has(
        self, stores: Stores, final: ReportStatus
    ) -> None:
        text = await self.in_parts(stores)
        await self.said(stores, text, 1, DELIVERED)
        applied = await self.said(stores, text, 2, final)
        assert (applied.tell, applied.report.status) == (True, final)
        assert await status(stores) == final.value

    async def test_a_part_that_failed_later_tells_nothing_new(self, stores: Stores) -> None:
        text = await self.in_parts(stores)
        assert (await self.said(stores, text, 1, FAILED)).tell
        assert not (await self.said(stores, text, 2, FAILED)).tell
        assert not (await self.said(stores, text, 2, DELIVERED)).tell
        assert await status(stores) == "failed"

    async def test_receipts_of_all_parts_outrank_a_failure_told_before(
        self, stores: Stores
    ) -> None:
        text = await self.in_parts(stores)
        await self.said(stores, text, 1, FAILED)
        await self.said(stores, text, 2, DELIVERED)
        applied = await self.said(stores, text, 1, DELIVERED)
        assert (applied.tell, await status(stores)) == (True, "delivered")

    async def test_a_late_failure_of_a_delivered_part_changes_nothing(self, stores: Stores) -> None:
        text = await self.in_parts(stores)
        await self.said(stores, text, 1, DELIVERED)
        assert not (await self.said(stores, text, 1, FAILED)).tell
        assert not (await self.said(stores, text, 1, SENT)).tell
        assert await status(stores) == "sent"
        assert (await self.said(stores, text, 2, DELIVERED)).tell

    async def test_one_parts_receipt_does_not_settle_an_uncertain_text(
        self, stores: Stores
    ) -> None:
        text = await self.in_parts(stores, 3, OutcomeStatus.UNCERTAIN)
        assert not (await self.said(stores, text, 1, DELIVERED)).tell
        assert await status(stores) == "uncertain"
        applied = await apply(stores, text, DELIVERED, provider_message_id="p-3")
        assert (applied.tell, applied.report.status) == (True, SENT)
        assert await status(stores) == "sent"
        await stores.inbound.mark_told([applied])
        assert not (await self.said(stores, text, 3, DELIVERED)).tell
        assert (await self.said(stores, text, 2, DELIVERED)).tell
        assert await status(stores) == "delivered"

    async def test_a_parts_report_before_the_outcome_does_not_speak_for_the_others(
        self, stores: Stores
    ) -> None:
        text = new_outbound(parts=("(1/2)", "(2/2)"))
        await stores.outbound.claim([text], owner="one", lease=LEASE)
        await stores.outbound.begin("acme", text.id, owner="one", lease=LEASE)
        await stores.outbound.advance("acme", text.id, owner="one", provider_message_id="p-1")
        assert not (await self.said(stores, text, 1, DELIVERED)).tell
        await stores.outbound.begin("acme", text.id, owner="one", lease=LEASE)
        uncertain = outcome_of(text, OutcomeStatus.UNCERTAIN)
        await stores.outbound.finish("acme", text.id, owner="one", outcome=uncertain)
        assert await status(stores) == "uncertain"

    async def test_in_a_batch_the_parts_add_up(self, stores: Stores) -> None:
        text = await self.in_parts(stores)
        reports = [
            new_report(text, DELIVERED, provider_message_id=f"p-{part}") for part in (1, 2, 2)
        ]
        for _ in range(2):
            applied = await stores.inbound.apply_reports(reports)
            # The last part's report and its copy; who tells it removes the copy.
            assert [item.tell for item in applied] == [False, True, True]
        await stores.inbound.mark_told(applied)
        assert not any(item.tell for item in await stores.inbound.apply_reports(reports))
        assert await status(stores) == "delivered"


class ProviderPartSuite:
    """Of a text that went out whole, and that its provider split and reports on part by part."""

    async def told(
        self, stores: Stores, text: NewOutbound, part: int, said: ReportStatus, *, of: int = 2
    ) -> AppliedReport:
        applied = await apply(stores, text, said, part=str(part), parts=of)
        assert isinstance(applied, AppliedReport)
        await stores.inbound.mark_told([applied])
        return applied

    async def test_it_is_delivered_when_every_part_is_in_whatever_order(
        self, stores: Stores
    ) -> None:
        text = new_outbound()
        await send(stores, text)
        for part, after in ((2, "sent"), (0, "sent"), (2, "sent"), (1, "delivered")):
            applied = await self.told(stores, text, part, DELIVERED, of=3)
            assert (applied.message_id, await status(stores)) == (text.id, after)
        assert (applied.tell, applied.report.status) == (True, DELIVERED)

    @pytest.mark.parametrize("final", FINAL[:2])
    async def test_it_has_failed_when_any_part_has(
        self, stores: Stores, final: ReportStatus
    ) -> None:
        text = new_outbound()
        await send(stores, text)
        await self.told(stores, text, 0, DELIVERED)
        applied = await self.told(stores, text, 1, final)
        assert (applied.tell, applied.report.status) == (True, final)
        assert await status(stores) == final.value

    async def test_one_part_settles_that_an_uncertain_text_went_out(self, stores: Stores) -> None:
        text = new_outbound()
        await send(stores, text, OutcomeStatus.UNCERTAIN)
        applied = await self.told(stores, text, 0, DELIVERED)
        assert (applied.tell, applied.report.status) == (True, SENT)
        assert await status(stores) == "sent"
        assert (await self.told(stores, text, 1, DELIVERED)).report.status is DELIVERED

    async def test_a_part_is_found_by_the_providers_id_of_the_whole(self, stores: Stores) -> None:
        text = new_outbound()
        await send(stores, text)
        applied = await apply(stores, text, SENT, part="1", parts=2, reference=None)
        assert applied.message_id == text.id

    async def test_a_word_on_the_whole_text_counts_beside_those_on_its_parts(
        self, stores: Stores
    ) -> None:
        text = new_outbound()
        await send(stores, text)
        await self.told(stores, text, 0, DELIVERED)
        assert (await apply(stores, text, DELIVERED)).tell
        assert await status(stores) == "delivered"

    async def test_parts_of_a_part_do_not_make_a_text_delivered_too_early(
        self, stores: Stores
    ) -> None:
        text = await PartReportSuite().in_parts(stores)
        for part in ("0", "1"):
            ours = {"provider_message_id": "p-1", "part": part, "parts": 2}
            assert not (await apply(stores, text, DELIVERED, **ours)).tell
        assert await status(stores) == "sent"
        for part in ("0", "1"):
            ours = {"provider_message_id": "p-2", "part": part, "parts": 2}
            last = await apply(stores, text, DELIVERED, **ours)
        assert (last.tell, await status(stores)) == (True, "delivered")


class NoticeReportSuite:
    @pytest.mark.parametrize("said", [FAILED, DELIVERED])
    async def test_a_report_on_a_text_of_ours_is_applied_and_told_to_no_agent(
        self, stores: Stores, said: ReportStatus
    ) -> None:
        text = new_outbound(notice=Keyword.OPT_OUT)
        await send(stores, text)
        for _ in range(2):
            applied = await apply(stores, text, said)
            assert (applied.message_id, applied.news, applied.tell) == (text.id, True, False)
            assert await status(stores) == said.value
        await stores.inbound.mark_told([applied])
        assert not (await apply(stores, text, said)).news
