"""From the agent's command to the phone: what leaves, what does not, and what came of it."""

from __future__ import annotations

from typing import Final

from deploy.dashboards.pages import Page, Row
from deploy.dashboards.panels import NS, Panel, Query, counted, latency, rate

_TEXTS: Final = "heliograph_provider_texts_total"
_FAILED: Final = 'status=~"undeliverable|expired|rejected|failed"'
_FINAL: Final = 'status=~"delivered|undeliverable|expired|rejected|failed"'


def _total(metric: str, window: str, *matchers: str, by: str = "namespace") -> str:
    """Events of a while, summed up over replicas."""
    return f"sum by ({by}) (increase({metric}{{{', '.join((NS, *matchers))}}}[{window}]))"


_APPLIED: Final = 'result="applied"'

_ATTENTION: Final = Row(
    "What needs a person",
    (
        Panel(
            title="Held for approval",
            description=(
                "Texts that the gate, a first contact or a suspected loop holds until somebody "
                "decides."
            ),
            kind="stat",
            queries=(Query(f"max by (namespace) (heliograph_held_texts{{{NS}}})", "held"),),
            warn=1,
            runbook="held-texts-waiting",
            width=4,
            height=5,
        ),
        Panel(
            title="Uncertain",
            description="Texts of which nobody knows whether they went out.",
            kind="stat",
            queries=(
                Query(f"max by (namespace) (heliograph_uncertain_texts{{{NS}}})", "uncertain"),
            ),
            warn=1,
            runbook="uncertain-texts",
            width=4,
            height=5,
        ),
        Panel(
            title="Without a report",
            description=(
                "Texts whose final delivery report is overdue, and that no provider could tell of."
            ),
            kind="stat",
            queries=(Query(f"max by (namespace) (heliograph_missing_reports{{{NS}}})", "missing"),),
            warn=1,
            runbook="missing-reports",
            width=4,
            height=5,
        ),
        Panel(
            title="Connections in error",
            description=(
                "Their texts fail until somebody mends the credentials, the account or the sender."
            ),
            kind="stat",
            queries=(
                Query(
                    f'max by (provider) (heliograph_connections{{{NS}, status="error"}})',
                    "{{provider}}",
                ),
            ),
            alarm=1,
            runbook="connection-in-error",
            width=6,
            height=5,
        ),
        Panel(
            title="Not delivered in an hour",
            description="Share of final reports that say so. A few per cent are usual.",
            kind="stat",
            unit="percentunit",
            queries=(
                Query(
                    _total("heliograph_reports_total", "1h", _APPLIED, _FAILED)
                    + " / "
                    + _total("heliograph_reports_total", "1h", _APPLIED, _FINAL),
                    "not delivered",
                ),
            ),
            warn=0.1,
            alarm=0.2,
            runbook="delivery-failures",
            width=6,
            height=5,
        ),
    ),
)

_COMMANDS: Final = Row(
    "Commands",
    (
        Panel(
            title="Commands by result",
            description="What became of each command that the sender took from sender.commands.",
            unit="cps",
            queries=counted("heliograph_commands_total", ("result",)),
            stacked=True,
        ),
        Panel(
            title="Outcomes",
            description="What agents are told, one for each recipient.",
            unit="cps",
            queries=counted("heliograph_outcomes_total", ("status", "code")),
            stacked=True,
        ),
        Panel(
            title="Verdicts of gate and policy",
            description="What the last look before a call decided, and by which rule.",
            unit="cps",
            queries=counted("heliograph_verdicts_total", ("verdict", "code")),
            stacked=True,
        ),
        Panel(
            title="Waiting in sender.commands",
            description=(
                "How long commands waited in the queue before a sender took them. Texts that a "
                "limit keeps back wait elsewhere."
            ),
            unit="s",
            queries=latency("heliograph_queue_wait_seconds", 'queue="sender.commands"'),
            alarm=10,
            runbook="queue-wait",
        ),
        Panel(
            title="From the command to the provider",
            description=(
                "Limits, quiet hours and retries wait in here; approved texts are left out."
            ),
            unit="s",
            queries=latency("heliograph_command_to_provider_seconds", by=("provider",)),
        ),
        Panel(
            title="Kept back by a limit",
            description="Texts that a rate, a budget or a carrier's cap kept from leaving at once.",
            unit="cps",
            queries=counted("heliograph_limited_texts_total", ("limit",)),
        ),
    ),
)

_PROVIDERS: Final = Row(
    "Providers",
    (
        Panel(
            title="Calls by answer",
            description=(
                "accepted; not_processed: surely not sent; ambiguous: it may be out; refused: for "
                "good. A call for several texts counts once for each answer."
            ),
            unit="cps",
            queries=counted("heliograph_provider_calls_total", ("provider", "answer")),
            stacked=True,
            runbook="provider-errors",
        ),
        Panel(
            title="Share of texts that were not accepted",
            description=(
                "By provider, over 15 minutes. The alert begins at a fifth, and ten calls."
            ),
            unit="percentunit",
            queries=(
                Query(
                    _total(_TEXTS, "15m", 'answer!="accepted"', by="provider")
                    + " / "
                    + _total(_TEXTS, "15m", by="provider"),
                    "{{provider}}",
                ),
            ),
            warn=0.1,
            alarm=0.2,
            runbook="provider-errors",
        ),
        Panel(
            title="Time of a call",
            description="From the request to the provider's answer.",
            unit="s",
            queries=latency("heliograph_provider_call_seconds", by=("provider",)),
        ),
        Panel(
            title="Openings of circuits in 20 minutes",
            description=(
                "account: the account or sender is refused. failing: five failures in a row."
            ),
            queries=(
                Query(f"heliograph:circuits_opened:increase20m{{{NS}}}", "{{provider}} {{kind}}"),
            ),
            alarm=1,
            runbook="circuit-open",
        ),
        Panel(
            title="Failovers",
            description=("Texts that went another way than the one that would have come first."),
            unit="cps",
            queries=(
                Query(
                    rate("heliograph_failovers_total", ("from_provider", "to_provider")),
                    "{{from_provider}} → {{to_provider}}",
                ),
            ),
        ),
        Panel(
            title="Retries and uncertain texts",
            description=(
                "Calls that were tried again, and texts that became uncertain or were settled."
            ),
            unit="cps",
            queries=(
                Query(
                    rate("heliograph_provider_retries_total", ("provider",)), "{{provider}} retry"
                ),
                *counted("heliograph_uncertain_total", ("provider", "step")),
            ),
            runbook="uncertain-texts",
        ),
    ),
)

_REPORTS: Final = Row(
    "Reports, checks and opt-outs",
    (
        Panel(
            title="Reports by state",
            description="What providers report of texts. unknown ones belong to no text of ours.",
            unit="cps",
            queries=counted("heliograph_reports_total", ("result", "status")),
            stacked=True,
            runbook="delivery-failures",
        ),
        Panel(
            title="Overdue reports",
            description=(
                "told: the provider said when asked; missing: nobody can tell; later: asked again."
            ),
            unit="cps",
            queries=counted("heliograph_overdue_reports_total", ("provider", "result")),
            runbook="missing-reports",
        ),
        Panel(
            title="Connections by state",
            description="As the database has them, counted every 15 seconds.",
            queries=(
                Query(
                    f"max by (provider, status) (heliograph_connections{{{NS}}})",
                    "{{provider}} {{status}}",
                ),
            ),
            runbook="connection-in-error",
        ),
        Panel(
            title="Checks of connections in 26 hours",
            description="The daily check and those that people ask for.",
            queries=(
                Query(
                    f"heliograph:connection_checks:increase26h{{{NS}}}", "{{provider}} {{result}}"
                ),
            ),
            runbook="daily-check-missing",
        ),
        Panel(
            title="Opt-outs and opt-ins",
            description=(
                "Entries of the ledger, by what was heard, and texts that an opt-out cancelled."
            ),
            unit="cps",
            queries=(
                *counted("heliograph_consents_total", ("source", "result")),
                Query(
                    f"sum(rate(heliograph_cancelled_texts_total{{{NS}}}[$__rate_interval]))",
                    "texts cancelled",
                ),
            ),
        ),
        Panel(
            title="Provider clients",
            description="Open clients and sessions, one for each connection that was used of late.",
            queries=(
                Query(
                    f"sum by (job, pod) (heliograph_provider_clients{{{NS}}})", "{{job}} {{pod}}"
                ),
            ),
        ),
    ),
)

OUTBOUND: Final = Page(
    "heliograph-outbound",
    "Heliograph: outbound",
    "Commands on their way to the phone, and what was reported of them.",
    (_ATTENTION, _COMMANDS, _PROVIDERS, _REPORTS),
)
