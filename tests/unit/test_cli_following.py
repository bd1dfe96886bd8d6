"""Following a conversation and the held texts, over connections that break."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from heliograph.cli.server_events import ServerEvent, events
from tests.unit.cli_stand_in import NUMBER, REMOTE, approval, event, text
from tests.unit.cli_world import Cli


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path, environment={"HELIOGRAPH_TENANT": "acme"})


def stream(*pieces: str | Callable[[], None]) -> Callable[[], Iterator[str]]:
    """A stream that tells these pieces; a function happens in between."""

    def play() -> Iterator[str]:
        for piece in pieces:
            if isinstance(piece, str):
                yield piece
            else:
                piece()

    return play


def stop() -> None:
    raise KeyboardInterrupt


def cut() -> None:
    message = "connection reset"
    raise httpx.ReadError(message)


def test_each_text_is_told_once_and_then_what_becomes_of_it(cli: Cli) -> None:
    answer = text("m2", "We open at 8:30.", direction="OUTBOUND", status="held")

    def sent() -> None:
        answer["status"] = "sent"

    cli.streams.append(
        stream(
            ": hello\n\n",
            lambda: cli.api.texts.append(answer),
            event("m2"),
            event("m2"),
            sent,
            event("m2"),
            stop,
        )
    )
    ran = cli("tail", "conv-1", "--json")
    assert ran.code == 0
    assert [(line["event"], line["message"]["id"]) for line in ran.lines] == [
        ("text", "m1"),
        ("text", "m2"),
        ("state", "m2"),
    ]
    assert [line["message"]["status"] for line in ran.lines] == ["received", "held", "sent"]


def test_other_words_of_whoever_approved_are_told(cli: Cli) -> None:
    answer = text("m2", "We open at 8.", direction="OUTBOUND", status="held")
    cli.api.texts = [answer]

    def approved() -> None:
        answer.update(status="sent", body="We open at 8:30.")

    cli.streams.append(stream(approved, event("m2"), stop))
    assert cli("tail", "conv-1").out.splitlines() == [
        "2026-03-01 12:00:00Z  agent   held           We open at 8.",
        "2026-03-01 12:00:00Z          sent           (was held) We open at 8:30.",
    ]


def test_people_see_who_wrote_and_what_became_of_it(cli: Cli) -> None:
    cli.streams.append(stream(stop))
    ran = cli("tail", NUMBER, REMOTE)
    assert ran.code == 0
    assert ran.out == (
        "2026-03-01 12:00:00Z  person  received       Hi! What time do you open tomorrow?\n"
    )


def test_what_came_while_there_was_no_connection_is_not_missed_and_not_told_again(cli: Cli) -> None:
    def while_away() -> None:
        cli.api.texts += [text(f"n{number}", "Hello?") for number in range(250)]

    cli.streams += [stream(while_away, cut), stream(stop)]
    ran = cli("tail", "conv-1", "--json")
    assert ran.code == 0
    assert [line["message"]["id"] for line in ran.lines] == [
        "m1",
        *(f"n{number}" for number in range(250)),
    ]
    assert cli.pauses == [1.0]
    assert "Trying again" in ran.err


def test_what_came_before_the_api_was_ready_to_tell_is_not_missed(cli: Cli) -> None:
    def unheard() -> None:
        cli.api.texts.append(text("m2", "Hello?"))

    cli.streams.append(stream(unheard, "event: ready\ndata: {}\n\n", stop))
    ran = cli("tail", "conv-1", "--json")
    assert [line["message"]["id"] for line in ran.lines] == ["m1", "m2"]


def test_a_connection_is_tried_again_with_growing_pauses(cli: Cli) -> None:
    cli.streams += [stream(cut)]

    class Enough(Exception):
        pass

    class Pauses(list[float]):
        def append(self, seconds: float) -> None:
            super().append(seconds)
            if len(self) == 8:
                raise Enough

    cli.pauses = Pauses()
    with pytest.raises(Enough):
        cli("tail", "conv-1")
    assert cli.pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]


def test_an_address_where_nobody_answers_is_told_at_once(cli: Cli) -> None:
    assert cli("tail", "conv-1").code == 4
    assert cli.pauses == []


def test_a_conversation_that_does_not_exist_is_refused_at_once(cli: Cli) -> None:
    assert cli("tail", "conv-9").code == 1


def test_other_conversations_are_not_told(cli: Cli) -> None:
    elsewhere = text("x1", "Elsewhere", conversation_id="conv-2")
    cli.api.texts.insert(0, elsewhere)
    cli.streams.append(stream(event("x1", "conv-2"), event("gone"), "data: nonsense\n\n", stop))
    ran = cli("tail", "conv-1", "--lines", "0")
    assert (ran.code, ran.out) == (0, "")


def test_a_conversation_without_a_text_is_waited_for(cli: Cli) -> None:
    first = cli.api.texts.pop()
    cli.streams.append(stream(lambda: cli.api.texts.append(first), event("m1")))
    ran = cli("tail", NUMBER, REMOTE, "--count", "1", "--json")
    assert ran.code == 0
    assert [line["message"]["id"] for line in ran.lines] == ["m1"]
    assert "waiting for the first" in ran.err


def test_it_ends_after_so_many_texts(cli: Cli) -> None:
    cli.api.texts += [text("m2", "b"), text("m3", "c")]
    cli.streams.append(stream(event("m3"), cut))
    ran = cli("tail", "conv-1", "--count", "2", "--json")
    assert ran.code == 0
    assert [line["message"]["id"] for line in ran.lines] == ["m1", "m2"]


def test_each_held_text_is_told_once_as_it_comes(cli: Cli) -> None:
    def held() -> None:
        cli.api.keep("approvals", "m9", **approval("m9", "At nine."))

    cli.streams += [stream(event("m1"), held, event("m9"), event("m9"), cut), stream(stop)]
    ran = cli("approvals", "watch", "--json")
    assert ran.code == 0
    assert [line["message_id"] for line in ran.lines] == ["m2", "m9"]


def test_watching_one_number_tells_of_no_other(cli: Cli) -> None:
    cli.api.keep("approvals", "m9", **approval("m9") | {"number": "+18005550199"})
    cli.streams.append(stream(event("m9"), stop))
    ran = cli("approvals", "watch", "--number", NUMBER, "--json")
    assert [line["message_id"] for line in ran.lines] == ["m2"]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["event: text", "data: {}", ""], [ServerEvent("text", "{}")]),
        (["data: a", "data:b", ""], [ServerEvent("message", "a\nb")]),
        ([": comment", "", "id: 7", "retry: 10", ""], []),
        (["event: text", "", "data: x", ""], [ServerEvent("message", "x")]),
        (["data: cut off"], []),
    ],
)
def test_events_are_read_as_the_standard_says(
    lines: list[str], expected: list[ServerEvent]
) -> None:
    assert list(events(lines)) == expected
