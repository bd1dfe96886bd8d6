"""What the sender counts."""

from __future__ import annotations

from common.metrics import labels
from common.metrics.buckets import CALLS, WAITS
from common.metrics.declaring import SENDER, Maker
from common.metrics.labels import one_of, provider


class SenderMetrics:
    """Metrics of commands, verdicts and provider calls."""

    def __init__(self, new: Maker):
        on = (SENDER,)
        answer = one_of("answer", "accepted", "not_processed", "ambiguous", "refused")
        self.commands = new.counter(
            "heliograph_commands_total",
            "Commands by what became of them at this look (done, refused, parked; deferred: they "
            "come again, failed: they are retried).",
            one_of("result", "done", "refused", "parked", "deferred", "failed"),
            on=on,
        )
        self.verdicts = new.counter(
            "heliograph_verdicts_total",
            "Verdicts of gate and policy by kind (send, hold, refuse, wait, uncertain) and code.",
            one_of("verdict", "send", "hold", "refuse", "wait", "uncertain"),
            labels.VERDICT_CODE,
            on=on,
        )
        self.outcomes = new.counter(
            "heliograph_outcomes_total",
            "Outcomes by status and code.",
            labels.OUTCOME,
            labels.CODE,
            on=on,
        )
        self.limited = new.counter(
            "heliograph_limited_texts_total",
            "Texts that a limit kept from leaving at once, by limit (rate, texts, cost, att, "
            "tmobile).",
            one_of("limit", "rate", "texts", "cost", "att", "tmobile"),
            on=on,
        )
        self.provider_calls = new.counter(
            "heliograph_provider_calls_total",
            "Provider calls by provider and class of answer (accepted, not_processed, ambiguous, "
            "refused). A call for several texts counts once for each class that it was answered "
            "with.",
            labels.PROVIDER,
            answer,
            on=on,
        )
        self.provider_texts = new.counter(
            "heliograph_provider_texts_total",
            "Texts that a provider was called for, by provider and class of answer, at each call.",
            labels.PROVIDER,
            answer,
            on=on,
        )
        self.provider_seconds = new.histogram(
            "heliograph_provider_call_seconds",
            "Time of a provider call.",
            labels.PROVIDER,
            on=on,
            buckets=CALLS,
        )
        self.provider_retries = new.counter(
            "heliograph_provider_retries_total",
            "Provider calls with texts for which a provider was called before.",
            labels.PROVIDER,
            on=on,
        )
        self.command_to_provider = new.histogram(
            "heliograph_command_to_provider_seconds",
            "Time from a command's publication to the first provider call for its text, of texts "
            "that no person decided on.",
            labels.PROVIDER,
            on=on,
            buckets=WAITS,
        )
        self.provider_clients = new.gauge(
            "heliograph_provider_clients",
            "Clients of connections that are kept open.",
            on=on,
        )
        self.failovers = new.counter(
            "heliograph_failovers_total",
            "Texts at calls that went another way than the one that would have come first, by that "
            "one's provider and the one that was called.",
            provider("from_provider"),
            provider("to_provider"),
            on=on,
        )
        self.circuits_opened = new.counter(
            "heliograph_circuits_opened_total",
            "Circuits of connections that opened, for the first time or again, by provider and "
            "kind (failing, account).",
            labels.PROVIDER,
            one_of("kind", "failing", "account"),
            on=on,
        )
