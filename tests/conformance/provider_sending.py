"""What every adapter promises of sending: the provider gets exactly its form, and each answer is
classified, so that nothing but success is taken for success."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any
from unittest.mock import ANY
from uuid import UUID

import orjson
import pytest
from conformance.provider_canaries import CanarySuite, Connect
from conformance.provider_world import Fake, Said, Sent, Wire, canonical

from common.addresses import AddressKind, kind_of
from common.providers.port import Accepted, Ambiguous, NotProcessed, Refused, SendResult
from common.sender_types import NumberType
from heliograph.codes import OutcomeCode

KINDS = {
    NumberType.SHORT_CODE: AddressKind.SHORT_CODE,
    NumberType.ALPHANUMERIC: AddressKind.ALPHANUMERIC,
}
WEIRD: tuple[Any, ...] = (None, True, -1, "", "x", [], {"a": 1})


class WireSuite(CanarySuite):
    """What the provider gets."""

    async def test_each_text_goes_out_in_the_providers_form(
        self, fake: Fake, connect: Connect, sending_name: str
    ) -> None:
        sending = self.sendings[sending_name]
        result = await connect(report_url=sending.report_url).send(sending.text)
        assert result == Accepted(self.accepted[1])
        [sent] = fake.sent
        self.assert_wire(sent, sending.wire)

    def assert_wire(self, sent: Sent, wire: Wire) -> None:
        """Whether a request has the form that it should have."""
        assert (sent.method, sent.target) == (wire.method, wire.target)
        xml = isinstance(wire.content, str)
        assert sent.content == (canonical(wire.content) if xml else wire.content)
        for name, value in (dict(self.headers_sent) | dict(wire.headers)).items():
            assert sent.headers.getall(name) == [value]

    def test_a_text_from_each_type_of_number_is_shown(self) -> None:
        wanted = {KINDS.get(kind, AddressKind.E164) for kind in self.provider.spec.number_types}
        assert wanted <= {kind_of(item.text.sender) for item in self.sendings.values()}
        assert any(item.report_url is None for item in self.sendings.values())

    async def test_each_try_of_a_text_is_the_same_request(
        self, fake: Fake, connect: Connect
    ) -> None:
        client = connect()
        await client.send(self.text)
        await client.send(self.text)
        one, other = fake.sent
        assert (one.method, one.target, one.content) == (other.method, other.target, other.content)
        if self.provider.deduplicates:
            await client.send(replace(self.text, request_id=UUID(int=7)))
            assert fake.sent[2].content != one.content

    async def test_several_in_one_call_are_answered_in_order(self, connect: Connect) -> None:
        client = connect()
        assert list(await client.send_all([])) == []
        assert list(await client.send_all([self.text])) == [Accepted(self.accepted[1])]

    async def test_texts_sent_at_once_keep_apart_and_share_connections(
        self, fake: Fake, connect: Connect
    ) -> None:
        client = connect()
        recipients = [f"{self.text.recipient[:-2]}{number:02}" for number in range(10, 15)]
        for _ in range(3):
            texts = [replace(self.text, recipient=recipient) for recipient in recipients]
            results = await asyncio.gather(*(client.send(text) for text in texts))
            assert all(isinstance(result, (Accepted, Ambiguous)) for result in results)
        bodies = [sent.body for sent in fake.sent]
        for recipient in recipients:
            assert sum(recipient[1:].encode() in body for body in bodies) == 3
        assert len({sent.peer for sent in fake.sent}) <= len(recipients)

    async def test_closing_gives_the_connections_back_and_may_be_done_twice(
        self, fake: Fake, connect: Connect
    ) -> None:
        never_used, used = connect(), connect()
        await never_used.close()
        await used.send(self.text)
        assert fake.connections
        await used.close()
        await used.close()
        async with asyncio.timeout(5):
            while fake.connections:  # noqa: ASYNC110 - the server has no event for it
                await asyncio.sleep(0.01)


class AnswerSuite(CanarySuite):
    """What the provider says."""

    async def test_each_answer_is_classified_and_asked_for_once(
        self, fake: Fake, connect: Connect, row_name: str
    ) -> None:
        row = self.classified[row_name]
        fake.respond = row.said
        result = await connect().send(self.text)
        assert len(fake.sent) == 1
        assert result == self.expected(row.means, row.said)

    def expected(self, means: Any, said: Said) -> SendResult:
        """A row's meaning as a result, whatever its detail."""
        wish = said.headers.get("Retry-After")
        result: SendResult = (
            means(ANY, float(wish) if wish is not None else None) if callable(means) else means
        )
        return result

    def test_only_a_provider_that_deduplicates_recognises_earlier_tries(self) -> None:
        results = [self.expected(row.means, row.said) for row in self.classified.values()]
        if any(isinstance(result, Accepted) and result.repeated for result in results):
            assert self.provider.deduplicates
        if not self.provider.deduplicates:
            assert self.provider.remembers is None

    async def test_success_without_an_id_is_no_success(
        self, fake: Fake, connect: Connect, without_id_name: str
    ) -> None:
        fake.respond = self.without_id[without_id_name]
        result = await connect().send(self.text)
        assert isinstance(result, (Ambiguous, Refused)), result

    @pytest.mark.parametrize(
        ("wish", "seconds"), [("7", 7.0), ("0.5", 0.5), (None, None), ("soon", None), ("-1", None)]
    )
    async def test_a_throttle_is_not_processed_and_its_wish_is_heeded(
        self, fake: Fake, connect: Connect, wish: str | None, seconds: float | None
    ) -> None:
        fake.respond = self.throttled.with_headers(**({"Retry_After": wish} if wish else {}))
        result = await connect().send(self.text)
        assert result == NotProcessed(OutcomeCode.PROVIDER_THROTTLED, ANY, seconds)

    @pytest.mark.parametrize("status", [500, 502, 503, 504, 520, 599])
    @pytest.mark.parametrize("body", [b"", "<html><h1>Bad gateway</h1></html>", b"\xff\x00", {}])
    async def test_a_5xx_without_a_code_leaves_it_open(
        self, fake: Fake, connect: Connect, status: int, body: Any
    ) -> None:
        fake.respond = Said(status, body)
        result = await connect().send(self.text)
        assert isinstance(result, NotProcessed if status in self.not_tried else Ambiguous)

    @pytest.mark.parametrize(
        "body", [b"", b"OK", b"{", b"[]", b"\xff\xfe", b"null", "<html/>", "<a", b"x" * 400_000]
    )
    async def test_success_that_cannot_be_read_is_no_success(
        self, fake: Fake, connect: Connect, body: Any
    ) -> None:
        for status in {200, 201, 202, 204, self.accepted[0].status}:
            fake.respond = Said(status, body if status != 204 else b"")
            result = await connect().send(self.text)
            assert isinstance(result, (Ambiguous, Refused)), (status, result)

    async def test_success_that_has_no_end_is_no_success(
        self, fake: Fake, connect: Connect
    ) -> None:
        said = self.accepted[0]
        fake.respond = replace(said, body=said.octets + b" " * 400_000)
        result = await connect().send(self.text)
        assert isinstance(result, Ambiguous) or self.through_an_sdk

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 418, 429])
    async def test_a_refusal_that_cannot_be_read_is_judged_by_its_status(
        self, fake: Fake, connect: Connect, status: int
    ) -> None:
        for body in (b"", b"{", b"\xff", "<html/>", "<a", [], None, {"code": {}, "status": []}):
            fake.respond = Said(status, body)
            result = await connect().send(self.text)
            wanted = NotProcessed if status == 429 else Refused
            lost = body == b"\xff" and self.through_an_sdk
            assert isinstance(result, Ambiguous if lost else wanted), (body, result)

    async def test_an_answer_with_anything_in_any_place_breaks_nothing(
        self, fake: Fake, connect: Connect
    ) -> None:
        client = connect()
        answers = [self.accepted[0], self.quoting("no"), *self.without_id.values()]
        for said in answers:
            for body in variants(said.octets):
                fake.respond = replace(said, body=body)
                result = await client.send(self.text)
                assert isinstance(result, (Accepted, Ambiguous, NotProcessed, Refused))


def variants(body: bytes) -> list[Any]:
    """An answer with each place of it holding each kind of wrong thing."""
    try:
        whole = orjson.loads(body)
    except orjson.JSONDecodeError:
        said = body.decode()
        return [said.replace('"', "'"), said.upper(), said[: len(said) // 2], said + said, "<a/>"]
    return [*WEIRD, *_with_wrong(whole)]


def _with_wrong(value: Any) -> list[Any]:
    """The value with each of its places, one at a time, holding each wrong thing."""
    if isinstance(value, dict):
        found = [{**value, name: item} for name in value for item in WEIRD]
        found += [{**value, name: item} for name in value for item in _with_wrong(value[name])]
        return found + [{key: value[key] for key in value if key != name} for name in value]
    if isinstance(value, list):
        return [
            [*value[:place], item, *value[place + 1 :]]
            for place in range(len(value))
            for item in (*WEIRD, *_with_wrong(value[place]))
        ]
    return []
