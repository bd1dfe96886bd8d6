"""What every adapter promises of the provider's callbacks: genuine ones are let in and read, all
others are refused, and nothing that anybody sends makes it fall over."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
from conformance.provider_hooks import Hooks
from conformance.provider_nonsense import ANY_TEXT, HOSTILE, JSON_VALUES, large, mutated
from conformance.provider_world import INSTANT, Told, keys
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from common.addresses import normalise_address
from common.events import SmsReceived, SmsReport
from common.providers.callbacks import (
    CallbackKeys,
    CallbackRequest,
    DeliveryReport,
    Door,
    Ignored,
    Known,
    Reading,
    ReceivedText,
    Unreadable,
    UnreadableEvent,
)


class ReadingSuite(Hooks):
    """Genuine callbacks, and what they tell."""

    def reads(self, request: CallbackRequest, given: CallbackKeys) -> list[Reading] | None:
        """What a request tells, each of it fit for the bus; None where it cannot be read."""
        try:
            readings = self.read(request, given)
        except self.unreadable:
            return None
        for reading in readings:
            assert isinstance(reading, (Known, Ignored, Unreadable))
            if isinstance(reading, Known):
                self.assert_fit(reading)
        return readings

    def assert_fit(self, known: Known) -> None:
        """Whether what was read can go on its way to the processor."""
        content = known.content
        common: dict[str, Any] = {
            "provider": self.provider.name,
            "tenant_id": "acme",
            "connection_id": "con-1",
            "provider_message_id": content.message_id,
            "number": content.number,
            "remote": content.remote,
            "at": content.at or INSTANT,
            "accepted_at": INSTANT,
        }
        assert content.message_id
        assert content.number == normalise_address(content.number)
        assert content.remote == normalise_address(content.remote)
        if isinstance(content, ReceivedText):
            assert known.name == "received"
            assert content.number
            assert content.remote
            assert content.segments is None or 0 <= content.segments < 10_000
            body, segments = content.body, content.segments
            model: Any = SmsReceived(**common, body=body, segments=segments)
        else:
            assert known.name == "report"
            assert content.parts >= 1
            assert content.details is None or 0 < len(content.details) <= 300
            assert content.reference is None or len(content.reference) == 32
            names = ("reference", "status", "code", "details", "part", "parts")
            model = SmsReport(**common, **{name: getattr(content, name) for name in names})
        model.model_dump_json()

    def assert_reads(self, told: Told, given: CallbackKeys) -> None:
        """Whether a callback reads as its row says."""
        readings = self.reads(told.request, given)
        if UnreadableEvent in told.readings:
            assert readings is None
            return
        assert readings is not None
        assert len(readings) == len(told.readings)
        for reading, expected in zip(readings, told.readings, strict=True):
            if isinstance(expected, type):
                assert isinstance(reading, expected)
            else:
                assert isinstance(reading, Known), reading
                assert reading.content == expected

    def test_each_payload_is_read_as_expected(self, payload: str) -> None:
        self.assert_reads(self.payloads[payload], self.keys)

    def test_each_payload_of_the_reference_is_read_as_expected(self, reference_name: str) -> None:
        folder = self.reference_files
        if folder is None:
            pytest.skip("HELIOGRAPH_REFERENCE names no folder")
        told = replace(self.reference[reference_name], body=(folder / reference_name).read_bytes())
        self.assert_reads(told, keys(self.reference_credentials or self.credentials))

    def test_no_callback_of_the_reference_is_left_out(self) -> None:
        folder = self.reference_files
        if folder is None:
            pytest.skip("HELIOGRAPH_REFERENCE names no folder")
        others = ("send_", "error_", "signature_")
        files = {item.name for item in folder.iterdir() if not item.name.startswith(others)}
        assert self.reference.keys() == files - self.reference_others

    def test_the_payloads_show_every_kind_of_thing_that_is_told(self) -> None:
        shown = [item for told in self.payloads.values() for item in told.readings]
        assert any(isinstance(item, ReceivedText) for item in shown)
        assert any(isinstance(item, DeliveryReport) for item in shown)
        assert Ignored in shown
        assert (None in self.report_states.values()) is self.ignores_unknown_states
        assert {told.door for told in self.payloads.values()} == set(self.covers)

    def test_what_cannot_be_read_of_a_batch_harms_nothing_else(self) -> None:
        mixed = [
            told
            for told in self.payloads.values()
            if Unreadable in told.readings
            and any(isinstance(item, (ReceivedText, DeliveryReport)) for item in told.readings)
        ]
        assert bool(mixed) is self.takes_batches

    def test_the_same_callback_twice_tells_the_same(self, payload: str) -> None:
        told = self.payloads[payload]
        assert self.reads(told.request, self.keys) == self.reads(told.request, self.keys)

    def test_what_is_told_once_more_is_known_by_its_identity(self) -> None:
        for one, other in self.repeats:
            first, again = (
                self.reads(self.payloads[name].request, self.keys) for name in (one, other)
            )
            assert first
            assert again
            assert [*map(identity, first)] == [*map(identity, again)]

    def test_each_payload_is_answered_in_the_form_that_the_provider_wants(
        self, payload: str
    ) -> None:
        told = self.payloads[payload]
        readings = self.reads(told.request, self.keys)
        assert self.answer(readings or []) == told.answer

    def test_what_is_ignored_or_unreadable_is_acknowledged_too(self) -> None:
        for readings in ([], [Ignored("news")], [Unreadable("other", {}, "why")]):
            assert self.answer(readings).status in {200, 202, 204}

    def test_each_state_of_a_report_has_its_meaning(self, state: str) -> None:
        told = self.report_of(state)
        assert self.verify(self.proven(told.request, self.keys), self.keys) is None
        [reading] = self.reads(told.request, self.keys) or []
        if self.report_states[state] is None:
            assert isinstance(reading, Ignored)
        else:
            assert isinstance(reading, Known)
            assert isinstance(reading.content, DeliveryReport)
            assert reading.content.status is self.report_states[state]

    def test_the_words_of_a_report_are_one_short_line_without_numbers(self) -> None:
        for words in ("No route to +15551230142.\nAsk 15551230142.", "No route to it. " * 200):
            if (told := self.report_saying(words)) is None:
                return
            [reading] = self.reads(told.request, self.keys) or []
            assert isinstance(reading, Known)
            assert isinstance(reading.content, DeliveryReport)
            details = reading.content.details or ""
            assert details
            assert len(details) <= 300
            assert "5551230142" not in details
            assert "\n" not in details

    def test_no_text_is_taken_at_a_door_that_nothing_but_its_token_proves(self) -> None:
        for door, covered in self.covers.items():
            for told in self.payloads.values():
                request = replace(told.request, door=door)
                readings = self.reads(request, self.keys) or []
                texts = [
                    it
                    for it in readings
                    if isinstance(it, Known) and isinstance(it.content, ReceivedText)
                ]
                assert covered or not texts

    def test_the_opt_outs_among_the_states_are_recognised_and_no_others(self) -> None:
        assert self.opt_out_states <= self.report_states.keys()
        for state in self.report_states:
            [reading] = self.reads(self.report_of(state).request, self.keys) or []
            if isinstance(reading, Known):
                report = reading.content
                assert isinstance(report, DeliveryReport)
                says = self.provider.spec.opted_out.says(report.code, report.details)
                assert says is (state in self.opt_out_states), state


class NonsenseSuite(ReadingSuite):
    """Callbacks that are genuine, for all we know, and make no sense."""

    def test_what_tells_nothing_is_not_taken_for_something(self) -> None:
        for door, told in self.doors.items():
            for body in HOSTILE:
                request = replace(told.request, body=body, door=door)
                readings = self.reads(request, self.keys) or []
                assert not any(isinstance(item, Known) for item in readings), body[:80]

    def test_a_body_as_large_as_may_be_is_read_in_no_time(self) -> None:
        limit = self.body_limit
        if limit is None:
            assert self.provider.callbacks is not None
            limit = self.provider.callbacks.body_limit
        for told in self.doors.values():
            for kind, body in large(limit).items():
                started = time.process_time()
                self.verify(self.proven(replace(told.request, body=body), self.keys), self.keys)
                self.reads(replace(told.request, body=body), self.keys)
                assert time.process_time() - started < 2.0, kind

    @pytest.mark.parametrize("kind", ["octets", "json", "form"])
    def test_arbitrary_bodies_are_read_or_refused_as_unreadable(self, kind: str) -> None:
        names = st.sampled_from(["MessageSid", "id", "results", "status", "a"])
        bodies = {
            "octets": st.binary(max_size=200),
            "json": JSON_VALUES.map(orjson.dumps),
            "form": st.lists(st.tuples(names, st.text(max_size=20)), max_size=8).map(
                lambda pairs: urlencode(pairs).encode()
            ),
        }[kind]
        doors = list(self.doors.values())

        @settings(deadline=None)  # The machine may be busy.
        @given(bodies, st.sampled_from(doors))
        def check(body: bytes, told: Told) -> None:
            self.reads(replace(told.request, body=body), self.keys)

        check()

    def test_mutated_payloads_are_read_or_refused_as_unreadable(self) -> None:
        told = [item for item in self.payloads.values() if item.body]

        @settings(deadline=None)  # The machine may be busy.
        @given(st.data())
        def check(data: st.DataObject) -> None:
            item = data.draw(st.sampled_from(told), label="payload")
            body = data.draw(mutated(item.body), label="body")
            self.reads(replace(item.request, body=body), self.keys)

        check()

    def test_verifying_never_raises(self) -> None:
        samples = [self.proven(told.request, self.keys) for told in self.doors.values()]
        names = sorted({name for request in samples for name in request.headers})
        headers = st.dictionaries(
            st.sampled_from([*names, "Authorization", "X-Other"]), ANY_TEXT, max_size=3
        )
        bodies = st.binary(max_size=60) | st.sampled_from([request.body for request in samples])
        urls = ANY_TEXT | st.sampled_from([request.url for request in samples])

        @settings(deadline=None)  # The machine may be busy.
        @given(urls, headers, bodies, st.sampled_from(Door), st.booleans())
        def check(url: str, extra: Any, body: bytes, door: Door, empty: bool) -> None:
            request = CallbackRequest(
                url=url, headers=CIMultiDict(extra), body=body, door=door, received_at=INSTANT
            )
            given_keys = keys({}) if empty else self.keys
            why = self.verify(request, given_keys)
            assert why is None or self.is_clean(why)

        check()

    def is_clean(self, words: str) -> bool:
        """Whether words hold none of the connection's secrets."""
        secrets = self.provider.spec.secrets
        values = [self.keys.password, *(self.credentials.get(name, "") for name in secrets)]
        return not any(value and value in words for value in values)


def identity(reading: Reading) -> Any:
    """What the processor knows a thing again by."""
    if not isinstance(reading, Known):
        return type(reading)
    content = reading.content
    if isinstance(content, ReceivedText):
        return content.message_id
    return content.message_id, content.part, content.status
