"""`python -m local.metrics_page` writes docs/operations/metrics.md from the declared metrics.

With `--check` it writes nothing and exits with 1 where the file is not what it would write.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from common.metrics import Declared, Metrics
from common.metrics.declaring import EVERY
from common.metrics.labels import Label
from local import generated

PAGE: Final = Path(__file__).parents[1] / "docs" / "operations" / "metrics.md"

_INTRODUCTION: Final = """\
<!-- Written by `python -m local.metrics_page` from `common/metrics/`; change that. -->

# Metrics

Every service tells its metrics on its management port (9090), at `/metrics`, and no other
service's. Prometheus gets them in its text form; asked for OpenMetrics, a service adds exemplars,
which lead from a slow text to its [trace](traces.md).

- **Labels are bounded.** A label holds one of the values that are named here, or a word of the
  code. No label holds a phone number, a text or an ID, nor a tenant, an agent or a connection:
  who wants to know of one text follows its ID through logs and traces. Queues are named only
  where the name is ours: `agents` stands for the queues of all agents together, `changes` for the
  queues on which replicas hear of changed connections, `default` for the exchange without a name.
- **Counters of few values are there before their first event**, so that `increase()` sees the
  first one. Of a counter that counts by provider, or by outcome code, a series appears with its
  first event.
- **Over replicas** counters and histograms are summed. What the census counts (below) is the same
  on every replica of health: take the maximum.
- Beside these, the client library tells of the process: `process_resident_memory_bytes`,
  `process_cpu_seconds_total`, `process_open_fds`, `process_start_time_seconds` and their kin.

## What the times mean

| metric | from | to |
| --- | --- | --- |
| `heliograph_webhook_request_seconds` | the request is there | its answer |
| `heliograph_event_to_hand_over_seconds` | the provider's event | its turn is handed over |
| `heliograph_hand_over_seconds` | the webhook took the event | the same |
| `heliograph_queue_wait_seconds` | a message was published | work on it begins |
| `heliograph_command_to_provider_seconds` | an agent published it | its first provider call |
| `heliograph_provider_call_seconds` | a provider is called | its answer, or the time-out |

The event's time is the provider's own word (Event Grid's event time), so the difference between
the two times to the hand-over is what Event Grid took, its retries included. A command's time
holds what limits, quiet hours and retries made it wait; texts that a person let go, and our own
answers to keywords, are left out. Times between two machines are only as good as their clocks;
what would be negative counts as 0.

Messages carry the time of their publication by the millisecond in `x-heliograph-published`.
AMQP's own timestamp knows whole seconds only; where a foreign client sends no such header, a wait
is up to a second too long. A message that comes back out of a wait queue is not counted as
waiting again: it waited because it was told to.

## The census

Health counts what is parked, held, in doubt or missing every `HELIOGRAPH_HEALTH_CENSUS_INTERVAL`
seconds: in MongoDB over all tenants, in indexes alone, and by asking RabbitMQ how many
messages lie in the dead-letter queues, one question an agent. While MongoDB or RabbitMQ does not
answer, these gauges are `NaN`, which is neither above nor below anything, so that no rule goes
by an old number; `heliograph_census_age_seconds{source}` says for how long, and is what
to alert on.
"""

_HEADINGS: Final = ("metric", "type", "unit", "labels", "what it tells")
_FEW: Final = 10
"""Values that are listed; of more it is said what they are."""

_UNITS: Final = {
    "seconds": "seconds",
    "messages": "messages",
    "connections": "connections",
    "texts": "texts",
    "reports": "texts",
    "requests": "requests",
    "consumers": "consumers",
    "clients": "clients",
    "ready": "1 or 0",
    "connected": "1 or 0",
    "info": "1",
}


def page() -> str:
    """The whole page, in Markdown."""
    metrics = Metrics().declared
    sections = [_INTRODUCTION, "## In several services\n", _shared(metrics)]
    for service in EVERY:
        own = [metric for metric in metrics if metric.on == (service,)]
        sections += [f"## {service}\n", _table(own)]
    return "\n".join(sections)


def _shared(metrics: Iterable[Declared]) -> str:
    several = [metric for metric in metrics if len(metric.on) > 1]
    rows = [(*_row(metric), _services(metric)) for metric in several]
    return _rows([(*_HEADINGS, "services"), *rows])


def _table(metrics: Iterable[Declared]) -> str:
    return _rows([_HEADINGS, *map(_row, metrics)])


def _rows(rows: list[tuple[str, ...]]) -> str:
    ruled = [rows[0], ("---",) * len(rows[0]), *rows[1:]]
    return "".join(f"| {' | '.join(row)} |\n" for row in ruled)


def _row(metric: Declared) -> tuple[str, ...]:
    labels = "; ".join(map(_label, metric.labels)) or "none"
    return f"`{metric.name}`", metric.kind, unit_of(metric), labels, metric.tells


def _services(metric: Declared) -> str:
    return "all" if metric.on == EVERY else ", ".join(metric.on)


def _label(label: Label) -> str:
    if label.said or len(label.values) > _FEW:
        return f"`{label.name}`: {label.said or 'one of many'}"
    return f"`{label.name}`: {', '.join(f'`{value}`' for value in label.values)}"


def unit_of(metric: Declared) -> str:
    """What a metric counts or measures."""
    if metric.kind == "counter":
        return "events"
    return _UNITS[metric.name.rpartition("_")[2]]


def main(arguments: list[str] | None = None, *, target: Path = PAGE) -> int:
    """Write the page, or compare it with what is there."""
    return generated.main("local.metrics_page", page, target, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
