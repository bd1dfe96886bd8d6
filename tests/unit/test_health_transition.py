"""What a check makes of a connection's status and error."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.providers.port import Health, Healthy, Unhealthy, Unknown
from common.store.records import ConnectionRecord, ConnectionStatus
from health.transition import MAX_ERROR_CHARACTERS, Change, shorten, transition

NOW = datetime(2025, 3, 10, 4, tzinfo=UTC)
ACTIVE, ERROR, DISCONNECTED = ConnectionStatus


def record(status: ConnectionStatus, error: str | None = None) -> ConnectionRecord:
    return ConnectionRecord(
        id="c1",
        tenant_id="acme",
        name="Main",
        provider="fake",
        status=status,
        error=error,
        sealed={"blob": "x"},
        wrapped_key={"blob": "y"},
    )


DENIED = Unhealthy("The access key was refused.")
AWAY = Unknown("The provider is away.")
SILENT = Unknown("It may be right or wrong.", let_in=True)


@pytest.mark.parametrize(
    ("before", "health", "status", "error"),
    [
        (record(ACTIVE), Healthy(), ACTIVE, None),
        (record(ACTIVE), DENIED, ERROR, "The access key was refused."),
        (record(ACTIVE), AWAY, ACTIVE, None),
        (record(ERROR, "Old."), Healthy(), ACTIVE, None),
        (record(ERROR, "Old."), DENIED, ERROR, "The access key was refused."),
        (record(ERROR, "Old."), AWAY, ERROR, "Old."),
        (record(ACTIVE), SILENT, ACTIVE, None),
        (record(ERROR, "Old."), SILENT, ERROR, "Old."),
    ],
)
def test_a_check_moves_a_connection_between_active_and_error(
    before: ConnectionRecord, health: Health, status: ConnectionStatus, error: str | None
) -> None:
    works = isinstance(health, Healthy)  # Only then the circuit is closed.
    assert transition(before, health, NOW) == Change(status, error, NOW, works)


@pytest.mark.parametrize("health", [Healthy(), DENIED, AWAY])
def test_a_disconnected_connection_is_never_touched(health: Health) -> None:
    assert transition(record(DISCONNECTED), health, NOW) is None


def test_an_error_is_one_line_of_at_most_200_characters() -> None:
    told = shorten("Denied.\n\tSee  " + "the log " * 100)
    assert told.startswith("Denied. See the log")
    assert told.endswith("…")
    assert len(told) <= MAX_ERROR_CHARACTERS == 200
    assert shorten("x" * 200) == "x" * 200


def test_an_error_shows_no_secret_and_no_number_even_where_it_is_cut() -> None:
    canary = "Q0FOQVJZLUtFWS1DQU5BUlktS0VZLUNBTkFSWS1LRVk="
    padding = "a" * (MAX_ERROR_CHARACTERS - 24)
    for told in (
        shorten(f"The key accesskey={canary} of +15551230142 was refused."),
        shorten(f"{padding} accesskey={canary}"),
    ):
        assert canary[:8] not in told
        assert "5551230142" not in told


@given(st.text())
def test_no_reason_makes_an_error_too_long(reason: str) -> None:
    assert len(shorten(reason)) <= MAX_ERROR_CHARACTERS
