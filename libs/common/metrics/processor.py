"""What the processor counts."""

from __future__ import annotations

from common.metrics import labels
from common.metrics.buckets import FAST, SIZES, WAITS
from common.metrics.declaring import PROCESSOR, Maker
from common.metrics.labels import one_of


class ProcessorMetrics:
    """Metrics of inbound texts, of reports and of opt-outs."""

    def __init__(self, new: Maker):
        on = (PROCESSOR,)
        self.inbound_texts = new.counter(
            "heliograph_inbound_texts_total",
            "Inbound texts by result (handed_over; duplicate: it was handed over before, or at an "
            "earlier try at the same batch; busy, no_agent).",
            one_of("result", "handed_over", "duplicate", "busy", "no_agent"),
            on=on,
        )
        self.reports = new.counter(
            "heliograph_reports_total",
            "Delivery reports by result (applied: news of its text, once it is told where an agent "
            "is to be told; repeated: known already, or overtaken; unknown) and status.",
            one_of("result", "applied", "repeated", "unknown"),
            labels.REPORT,
            on=on,
        )
        self.consents = new.counter(
            "heliograph_consents_total",
            "Entries of the opt-out ledger by source (keyword, wording, report) and result "
            "(opted_out, opted_in, unchanged).",
            one_of("source", "keyword", "wording", "report"),
            one_of("result", "opted_out", "opted_in", "unchanged"),
            on=on,
        )
        self.cancelled_texts = new.counter(
            "heliograph_cancelled_texts_total",
            "Texts that an opt-out cancelled before they left.",
            on=on,
        )
        self.notices = new.counter(
            "heliograph_notices_total",
            "Texts of ours that answer a keyword (opt_out, opt_in, help).",
            labels.KEYWORD,
            on=on,
        )
        self.batch_size = new.histogram(
            "heliograph_processor_batch_messages",
            "Messages in a micro-batch.",
            on=on,
            buckets=SIZES,
        )
        self.batch_seconds = new.histogram(
            "heliograph_processor_batch_seconds",
            "Time to record and hand over a micro-batch.",
            on=on,
            buckets=FAST,
        )
        self.hand_over_seconds = new.histogram(
            "heliograph_hand_over_seconds",
            "Time from the webhook's acceptance to the turn on the agent's queue.",
            on=on,
            buckets=(*FAST, 30.0, 120.0),
        )
        self.event_to_hand_over = new.histogram(
            "heliograph_event_to_hand_over_seconds",
            "Time from the provider's event (Event Grid's event time) to the turn on the agent's "
            "queue, of events that tell their time.",
            labels.PROVIDER,
            on=on,
            buckets=WAITS,
        )
