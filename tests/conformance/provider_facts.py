"""What every adapter promises beside sending: the credential check, questions, its parameters, and
that reports lead to one end in whatever order they come."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from conformance.provider_canaries import CanarySuite, Connect
from conformance.provider_hooks import Hooks
from conformance.provider_world import INSTANT, REPORT_URL, Fake, Said

from common.providers.port import (
    FetchedReport,
    Healthy,
    Unhealthy,
    Unknown,
    UnusableCredentials,
)
from common.providers.spec import BASE_URL
from common.store.records import RANK_FINAL, REPORT_RANK, NewReport
from common.store.report_effects import apply_report
from heliograph.models import ReportStatus

FOREIGN = (
    "https://example.com",
    "https://127.0.0.1",
    "http://169.254.169.254",
    "https://metadata.google.internal",
    "https://localhost",
    "https://{host}.example.com",
    "https://{host}@example.com",
    "https://example.com/{host}",
    "https://example.com#{host}",
    "https://example.com?{host}",
    "https://x{host}:8443",
    "http://{host}",
    "ftp://{host}",
    "file:///etc/passwd",
    "{host}\\@example.com",
    "wherever it was",
)
IDS = ("abc/../../x", "a?b=c", "a#b", "../..", "a b", "ä", "%2e%2e", "a\r\nX: y", "", "x" * 10_000)


class HealthSuite(CanarySuite):
    """The credential check."""

    async def test_the_credential_check_says_what_the_answer_says(
        self, fake: Fake, connect: Connect, health_name: str
    ) -> None:
        said, expected = self.healths[health_name]
        fake.respond = said
        for numbers in ([self.text.sender], []):
            health = await connect().check(numbers)
            assert isinstance(health, expected), (numbers, health)
            self.assert_sentence(health)
        self.assert_nothing_left(fake)

    def test_the_answers_to_the_credential_check_show_each_kind_of_health(self) -> None:
        assert {kind for _, kind in self.healths.values()} == {Healthy, Unhealthy, Unknown}

    async def test_a_provider_that_is_away_says_nothing_of_the_credentials(
        self, connect: Connect, nowhere: str
    ) -> None:
        health = await connect(url=nowhere).check([self.text.sender])
        assert isinstance(health, Unknown)
        assert not health.let_in
        self.assert_sentence(health)

    @pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
    async def test_a_provider_in_trouble_says_nothing_of_the_credentials(
        self, fake: Fake, connect: Connect, status: int
    ) -> None:
        for body in (b"", "<html/>", {}):
            fake.respond = Said(status, body)
            health = await connect().check([self.text.sender])
            assert isinstance(health, Unknown)
            assert not health.let_in
            self.assert_sentence(health)
        self.assert_nothing_left(fake)

    @pytest.mark.parametrize("body", [b"", b"{", b"\xff", "<html/>", [], None, b"x" * 400_000])
    async def test_a_check_survives_any_answer(
        self, fake: Fake, connect: Connect, body: Any
    ) -> None:
        for status in (200, 204, 302, 400, 401, 403, 404):
            fake.respond = Said(status, body if status != 204 else b"")
            health = await connect().check([self.text.sender])
            assert isinstance(health, (Healthy, Unhealthy, Unknown))
            if status == 401:
                lost = len(body or b"") > 1_000 or (body == b"\xff" and self.through_an_sdk)
                assert isinstance(health, (Unhealthy, Unknown) if lost else Unhealthy)
        self.assert_nothing_left(fake)

    def assert_sentence(self, health: Any) -> None:
        """Whether a reason is fit for an administrator."""
        if not isinstance(health, Healthy):
            assert health.reason.endswith(".")
            assert len(health.reason) <= 500

    def assert_nothing_left(self, fake: Fake) -> None:
        """Whether no request was one that sends a text."""
        assert not any(self.sends_something(sent) for sent in fake.sent)


class QuestionSuite(CanarySuite):
    """What else is asked of the provider."""

    async def test_a_report_that_is_asked_for_is_read(
        self, fake: Fake, connect: Connect, asked_name: str
    ) -> None:
        said, status = self.reports_asked[asked_name]
        fake.respond = said
        report = await connect().report(self.accepted[1])
        if status is None:
            assert report is None
        else:
            assert isinstance(report, FetchedReport)
            assert report.status is status
            assert report.at.tzinfo is not None
            assert report.details is None or 0 < len(report.details) <= 300
        assert fake.sent

    async def test_a_provider_that_tells_nothing_of_a_text_is_not_asked(
        self, fake: Fake, connect: Connect
    ) -> None:
        answer = await connect().report(self.accepted[1])
        assert bool(fake.sent) is bool(self.reports_asked)
        assert self.reports_asked or answer is None

    async def test_a_messages_id_cannot_lead_to_another_address(
        self, fake: Fake, connect: Connect
    ) -> None:
        client = connect()
        await client.report(self.accepted[1])
        if not fake.sent:
            return
        before, _, after = fake.sent[0].target.partition(self.accepted[1])
        fake.sent.clear()
        fake.respond = Said(404)
        for message_id in IDS:
            assert await client.report(message_id) is None
        for sent in fake.sent:
            assert sent.target.startswith(before)
            assert sent.target.endswith(after)
            inside = sent.target[len(before) : len(sent.target) - len(after)]
            assert not {"/", "?", "#"} & set(inside)

    @pytest.mark.parametrize("status", [200, 204, 302, 400, 401, 404, 429, 500])
    async def test_no_question_raises_whatever_is_answered(
        self, fake: Fake, connect: Connect, status: int
    ) -> None:
        client = connect()
        sender, recipient = self.text.sender, self.text.recipient
        for body in (b"", b"{", b"\xff", "<html/>", [], {}, {"status": []}, b"x" * 400_000):
            fake.respond = Said(status, body if status != 204 else b"")
            assert await client.report(self.accepted[1]) is None
            assert await client.owns(sender) in {True, False, None}
            assert await client.opted_out(sender, recipient) in {True, False, None}
            for opted_out in (True, False):
                told = await client.opt_out(sender, recipient, opted_out=opted_out)
                assert told in {True, False, None}
        assert not any(self.sends_something(sent) for sent in fake.sent)

    async def test_what_cannot_be_asked_is_not_known(self, connect: Connect, nowhere: str) -> None:
        client = connect(url=nowhere)
        sender, recipient = self.text.sender, self.text.recipient
        assert await client.report(self.accepted[1]) is None
        assert await client.owns(sender) is None
        assert await client.opted_out(sender, recipient) is None
        assert await client.opt_out(sender, recipient, opted_out=True) in {False, None}


class ParameterSuite(Hooks):
    """What a connection needs, and how it is read."""

    def test_the_adapter_and_its_description_have_one_name(self) -> None:
        spec = self.provider.spec
        assert spec.name == self.provider.name
        assert self.credentials.keys() <= {item.name for item in spec.parameters}
        assert spec.secrets <= {item.name for item in spec.parameters}
        assert self.provider.max_recipients >= 1
        self.provider.prepare()

    def test_good_parameters_are_read_and_stay_as_they_are(self) -> None:
        spec = self.provider.spec
        form = spec.read(spec, self.credentials, False)
        assert form.values == dict(self.credentials)
        assert spec.read(spec, form.values, False).values == form.values
        shown = repr(form) + repr(dict(form.shown)) + repr(self.keys) + repr(self.provider)
        for name in spec.secrets & self.credentials.keys():
            assert self.credentials[name] not in shown
        self.provider.connect(form.values, timeout=1.0, report_url=REPORT_URL)

    def test_a_client_is_not_built_without_a_parameter_that_it_needs(self, parameter: str) -> None:
        spec = self.provider.spec
        needed = next(item.required for item in spec.parameters if item.name == parameter)
        rest = {name: value for name, value in self.credentials.items() if name != parameter}
        for given in (rest, rest | {parameter: ""}, rest | {parameter: "  "}):
            if not needed:
                continue
            with pytest.raises(UnusableCredentials, match=parameter) as caught:
                self.provider.connect(given, timeout=1.0)
            assert caught.value.field == parameter
        if not needed:
            self.provider.connect(rest, timeout=1.0)

    def test_what_has_not_its_form_is_refused_by_its_field_and_not_by_its_value(
        self, slip: int
    ) -> None:
        name, value = self.malformed[slip]
        self.assert_refused(name, value, connect=True)

    def test_no_parameter_holds_a_line_break_or_a_control_character(self, parameter: str) -> None:
        good = self.credentials.get(parameter, "https://example.com")
        for value in (
            f"{good}\nX-Evil: 1",
            f"{good[:4]}\r{good[4:]}",
            f"{good[:4]}\0{good[4:]}",
            f"\x7f{good}",
        ):
            self.assert_refused(parameter, value, connect=False)

    def test_an_address_that_is_not_the_providers_is_refused(self) -> None:
        if self.provider.spec.parameter(BASE_URL) is None:
            return  # the address is fixed
        host = self.credentials.get(BASE_URL, "https://host.invalid").removeprefix("https://")
        for template in FOREIGN:
            address = template.format(host=host)
            with_loopback = any(word in address for word in ("127.0.0.1", "localhost"))
            self.assert_refused(BASE_URL, address, connect=not with_loopback)

    def assert_refused(self, name: str, value: str, *, connect: bool) -> None:
        """Whether a parameter is refused when it is entered, and again when a client is built."""
        spec = self.provider.spec
        given = dict(self.credentials) | {name: value}
        with pytest.raises(UnusableCredentials) as caught:
            spec.read(spec, given, False)
        errors = [caught.value]
        if connect:
            with pytest.raises(UnusableCredentials) as caught:
                self.provider.connect(given, timeout=1.0)
            errors.append(caught.value)
        for error in errors:
            assert error.field == name, (name, value, error)
            assert name in str(error)
            assert str(error).endswith((".", "…"))
            assert len(value) < 4 or value not in str(error)
            assert error.__cause__ is None

    def test_what_people_paste_is_brought_into_normal_form(self) -> None:
        spec = self.provider.spec
        for name, pasted, normal in self.pasted:
            form = spec.read(spec, dict(self.credentials) | {name: pasted}, False)
            assert form.values[name] == normal


class OrderSuite(Hooks):
    """Reports come late, twice and out of order."""

    def test_reports_in_whatever_order_lead_to_the_same_end(self) -> None:
        told = {status for status in self.report_states.values() if status is not None}
        assert told
        for failure in [None, *(it for it in told if REPORT_RANK[it] == RANK_FINAL)]:
            happened = [it for it in (ReportStatus.SENT, failure, ReportStatus.DELIVERED) if it]
            for length in range(1, len(happened) + 1):
                for some in itertools.combinations(happened, length):
                    self.assert_one_end([*some, some[-1], some[0]])

    def assert_one_end(self, reports: list[ReportStatus]) -> None:
        """Whether these reports lead to their highest rank in every order."""
        best = max(reports, key=lambda status: REPORT_RANK[status])
        for order in set(itertools.permutations(reports)):
            document: dict[str, Any] = {
                "provider_message_id": None,
                "rank": 0,
                "status": "accepted",
            }
            for status in order:
                apply_report(document, self._report(status))
            assert document["status"] == best.value

    def _report(self, status: ReportStatus) -> NewReport:
        return NewReport(
            tenant_id="acme",
            provider=self.provider.name,
            provider_message_id="message-1",
            reference=None,
            status=status,
            code=None,
            details=None,
            at=INSTANT,
            accepted_at=INSTANT,
        )
