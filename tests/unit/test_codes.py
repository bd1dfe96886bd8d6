"""The texts of the codes: each is a sentence, and none makes a model send a refused text again."""

from __future__ import annotations

import re
from typing import Final

import pytest

from heliograph.codes import TEXTS, OutcomeCode

pytestmark = pytest.mark.unit

REFUSALS: Final = [code for code in OutcomeCode if code is not OutcomeCode.SENT]

_NOT_AGAIN: Final = re.compile(r"\bdo not (send|text|answer)\b[^.;:]*\bagain\b", re.IGNORECASE)
_INVITATIONS: Final = re.compile(
    r"\b(try|tries|retry|retries|retried|resend|re-send|repeat|later|another attempt|once more)\b",
    re.IGNORECASE,
)
_INSTEAD: Final = re.compile(
    r"\b(tell|ask for|write|escalate|a person|unless|until|before|if)\b", re.IGNORECASE
)


def test_every_code_has_its_texts() -> None:
    assert set(TEXTS) == set(OutcomeCode)


@pytest.mark.parametrize("code", OutcomeCode)
def test_both_texts_are_whole_sentences(code: OutcomeCode) -> None:
    for text in (TEXTS[code].person, TEXTS[code].model):
        assert text[0].isupper()
        assert text.endswith(".")
        assert "  " not in text


@pytest.mark.parametrize("code", REFUSALS)
def test_a_refusal_tells_a_model_not_to_send_it_again(code: OutcomeCode) -> None:
    assert _NOT_AGAIN.search(TEXTS[code].model)


@pytest.mark.parametrize("code", REFUSALS)
def test_a_refusal_tells_a_model_what_to_do_instead(code: OutcomeCode) -> None:
    assert _INSTEAD.search(_NOT_AGAIN.sub("", TEXTS[code].model))


@pytest.mark.parametrize("code", OutcomeCode)
def test_no_text_invites_a_model_to_send_something_again(code: OutcomeCode) -> None:
    text = TEXTS[code].model
    assert _INVITATIONS.search(text) is None
    assert "again" not in _NOT_AGAIN.sub("", text)


@pytest.mark.parametrize("code", OutcomeCode)
def test_a_person_is_told_what_happened_and_not_what_they_must_do(code: OutcomeCode) -> None:
    assert not re.search(r"\byou (must|should|may not)\b", TEXTS[code].person, re.IGNORECASE)


def test_what_an_emergency_asks_for_comes_before_all_else() -> None:
    text = TEXTS[OutcomeCode.EMERGENCY_RECIPIENT].model
    assert text.index("call the emergency number") < text.index("Do not text")
