"""What an adapter's test class gives to the provider suite: tables, and a few functions.

Tables are class attributes, functions are methods. What is declared without a value has to be
given; everything else has a default that fits most providers.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from conformance.provider_world import (
    LOGIN,
    NOTHING,
    Part,
    Row,
    Said,
    Sending,
    Sent,
    Told,
    basic,
    keys,
    with_headers,
)

from common.providers.callbacks import (
    CallbackAnswer,
    CallbackKeys,
    CallbackRequest,
    Door,
    Reading,
    UnreadableEvent,
)
from common.providers.port import Health, Provider, ProviderClient
from common.providers.spec import BASE_URL
from heliograph.models import ReportStatus


class Hooks:
    """Everything that the suite asks an adapter's test class for."""

    provider: ClassVar[Provider]
    """With its real address; the suite puts a local one in its place (see `client`)."""
    credentials: ClassVar[Mapping[str, str]]
    """A whole set of parameters in normal form. Secrets at least eight characters long and unlike
    anything else, because they are searched for in everything that comes out."""

    # Callbacks -----------------------------------------------------------------------------------

    payloads: ClassVar[Mapping[str, Told]]
    """Callbacks of every shape that there is, each with what it reads as. Also those that genuinely
    come and cannot be read."""
    repeats: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Pairs of payloads that tell the same once more."""
    takes_batches: ClassVar[bool] = False
    """Whether a callback can hold several things; a payload has to show then that one that cannot
    be read harms no other (`Unreadable` among contents)."""

    reference: ClassVar[Mapping[str, Told]] = {}
    """Files of `callbacks/<provider>/` in the folder that HELIOGRAPH_REFERENCE names."""
    reference_others: ClassVar[frozenset[str]] = frozenset()
    """Files there that are no callbacks, though they are not called send_, error_ or signature_."""
    reference_folder: ClassVar[str] = "callbacks/{name}"
    reference_credentials: ClassVar[Mapping[str, str] | None] = None
    """Parameters of the connection that these files belong to, where the adapter looks at them."""

    covers: ClassVar[Mapping[Door, frozenset[Part]]]
    """What the proof of a callback covers, for each door that is called. Everything that is not
    named is shown to pass when it was changed: nothing is claimed here that is not so."""

    report_states: ClassVar[Mapping[str, ReportStatus | None]]
    """Every state that a report can tell, in words that `report_of` understands, and what it means;
    None where it says nothing new (queued) or nothing known, so that it is ignored."""
    ignores_unknown_states: ClassVar[bool] = True
    """Whether a state that nobody knows leaves the text's own as it is; `report_states` has to show
    one then."""
    opt_out_states: ClassVar[frozenset[str]] = frozenset()
    """Those of them that say that the recipient has opted out."""

    def report_of(self, state: str) -> Told:
        """A callback that tells this state of a text; its readings are not looked at."""
        raise NotImplementedError

    def report_saying(self, words: str) -> Told | None:
        """A report with these words as its explanation; None where reports hold no words."""
        return None

    def proven(self, request: CallbackRequest, given: CallbackKeys) -> CallbackRequest:
        """The request as the provider would make it, with its proof. HTTP Basic by default, at the
        doors that it covers."""
        if Part.HEADER not in self.covers.get(request.door, NOTHING):
            return request
        return with_headers(request, Authorization=basic(given.username, given.password))

    def verify(self, request: CallbackRequest, given: CallbackKeys) -> str | None:
        """None where the request is genuine, else why it is not."""
        assert self.provider.callbacks is not None
        return self.provider.callbacks.verify(request, given)

    def read(self, request: CallbackRequest, given: CallbackKeys) -> list[Reading]:
        """What the request tells."""
        assert self.provider.callbacks is not None
        return list(self.provider.callbacks.read(request, given))

    def answer(self, readings: list[Reading]) -> CallbackAnswer:
        """What the provider is answered."""
        assert self.provider.callbacks is not None
        return self.provider.callbacks.answer(readings)

    unreadable: ClassVar[tuple[type[Exception], ...]] = (UnreadableEvent,)
    """What `read` may raise."""
    body_limit: ClassVar[int | None] = None
    """The adapter's own where None."""

    # Sending -------------------------------------------------------------------------------------

    sendings: ClassVar[Mapping[str, Sending]]
    """Texts and the requests that they become: one at least for each kind of sender that the
    provider's number types have, one without a report URL, one with every awkward character.
    The first is what the suite sends everywhere else."""
    headers_sent: ClassVar[Mapping[str, str]]
    """Headers of every request: Authorization, Content-Type."""
    accepted: ClassVar[tuple[Said, str]]
    """The documented success, and the message ID in it."""
    classified: ClassVar[Mapping[str, Row]]
    """Each row of the adapter's tables of answers, and what it means."""
    without_id: ClassVar[Mapping[str, Said]]
    """Answers that look like success and hold no usable message ID."""
    throttled: ClassVar[Said] = Said(429)
    """The provider's 429, without Retry-After."""
    not_tried: ClassVar[frozenset[int]] = frozenset()
    """5xx of which the provider's documentation says that the text was not taken; without a code
    any other leaves it open."""

    through_an_sdk: ClassVar[bool] = False
    """Whether a vendor's SDK reads the answers: one that is not UTF-8 may stay open then, whatever
    its status, and a large one may be read whole."""

    def quoting(self, words: str) -> Said:
        """A refusal in the provider's shape, with these words as its explanation."""
        raise NotImplementedError

    def client(
        self, url: str, *, timeout: float = 10.0, report_url: str | None = None
    ) -> ProviderClient:
        """A client of the provider at another address: the parameter `base_url` where there is
        one, else the field of that name on the provider."""
        if self.provider.spec.parameter(BASE_URL) is not None:
            return self.provider.connect(
                {**self.credentials, BASE_URL: url}, timeout=timeout, report_url=report_url
            )
        movable: Any = self.provider
        there: Provider = replace(movable, base_url=url)
        return there.connect(self.credentials, timeout=timeout, report_url=report_url)

    # Asking --------------------------------------------------------------------------------------

    healths: ClassVar[Mapping[str, tuple[Said, type[Health]]]]
    """Answers to the credential check, and what they say of the credentials."""
    reports_asked: ClassVar[Mapping[str, tuple[Said, ReportStatus | None]]] = {}
    """Answers to the question for a text's report; None where there is nothing final or new to
    tell. Empty where the provider cannot be asked: then it must not be."""

    def sends_something(self, sent: Sent) -> bool:
        """Whether a request may make a text leave: any that looks like the first of `sendings`."""
        wire = next(iter(self.sendings.values())).wire
        return (sent.method, sent.target) == (wire.method, wire.target)

    # Parameters ----------------------------------------------------------------------------------

    malformed: ClassVar[tuple[tuple[str, str], ...]]
    """Parameters and values that have not their form, such as what people paste instead."""
    pasted: ClassVar[tuple[tuple[str, str, str], ...]] = ()
    """Parameter, value as it is pasted, value in normal form."""

    # What follows from them ----------------------------------------------------------------------

    @property
    def keys(self) -> CallbackKeys:
        """What callbacks are proven with."""
        return keys(self.credentials)

    @property
    def other_keys(self) -> CallbackKeys:
        """Those of another connection: each secret reversed, so that its form stays."""
        secrets = self.provider.spec.secrets
        others = {
            name: value[::-1] if name in secrets else value
            for name, value in self.credentials.items()
        }
        return keys(others, ("con-2", LOGIN[1][::-1]))

    @property
    def doors(self) -> dict[Door, Told]:
        """For each door one callback that comes there."""
        told = (item for item in self.payloads.values() if UnreadableEvent not in item.readings)
        return {item.door: item for item in reversed(list(told))}

    @property
    def reference_files(self) -> Path | None:
        """The reference's folder, where there is one."""
        folder = os.environ.get("HELIOGRAPH_REFERENCE")
        if not folder:
            return None
        return Path(folder) / self.reference_folder.format(name=self.provider.name)

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Give each test that asks for a row of a table all rows of it, one at a time."""
        for name, cases in self._cases():
            if name in metafunc.fixturenames:
                metafunc.parametrize(name, list(cases))

    def _cases(self) -> Iterator[tuple[str, Any]]:
        yield "payload", self.payloads
        yield "reference_name", self.reference
        yield "covered", [(door, part) for door in self.covers for part in Part]
        yield "state", self.report_states
        yield "sending_name", self.sendings
        yield "row_name", self.classified
        yield "without_id_name", self.without_id
        yield "health_name", self.healths
        yield "asked_name", self.reports_asked
        yield "parameter", [item.name for item in self.provider.spec.parameters]
        yield "slip", range(len(self.malformed))
