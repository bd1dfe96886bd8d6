"""The form of a number's sending rules, as data; reading it and showing what differs from the
usual. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from common.sender_types import NumberType
from common.sending_rules import (
    DEFAULT,
    Answers,
    FirstContact,
    LongText,
    SendingRules,
    Shorteners,
    Verification,
)
from common.store.control import NumberRecord
from health.console.setup_forms import CONFIRMED, Form
from health.desk.rules import (
    ATT_CLASSES,
    LONGEST_ANSWER,
    RANGES,
    TMOBILE_TIERS,
    applies,
    plain_rules,
)

Options = tuple[tuple[str, str], ...]

_UNSAID: Final = ("", "Not said")


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """A rule as the form asks for it. `kind` is `select`, `check`, `area`, `time`, or how a line is
    typed: `numeric`, `decimal`, `text`."""

    name: str
    label: str
    help: str
    kind: str = "numeric"
    options: Options = ()
    longest: int | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that belong together."""

    title: str
    inputs: tuple[Input, ...]
    help: str = ""


GROUPS: Final = (
    Group(
        "Long texts",
        (
            Input(
                name="long_text",
                label="A text of more than one segment",
                help="Usually cut.",
                kind="select",
                options=(
                    (LongText.TRUNCATE.value, "is cut, visibly"),
                    (LongText.CONCATENATE.value, "is sent whole, as one text"),
                    (LongText.SPLIT.value, "is sent as numbered texts"),
                    (LongText.REFUSE.value, "is refused"),
                ),
            ),
            Input(
                name="max_segments",
                label="Most segments",
                help="1 to 10. Empty: as the number’s type allows.",
            ),
            Input(
                name="transliterate",
                label="Make typographic quotes and dashes plain",
                help="Where that keeps a text in the alphabet of which more fits into a segment. "
                "Usually off.",
                kind="check",
            ),
            Input(
                name="shorteners",
                label="A public URL shortener in a text to the US",
                help="Carriers block them. Usually refused.",
                kind="select",
                options=(
                    (Shorteners.REFUSE.value, "refuses the text"),
                    (Shorteners.FLAG.value, "is flagged, and the text is sent"),
                ),
            ),
        ),
    ),
    Group(
        "Rates and registration",
        (
            Input(
                name="requests_per_minute",
                label="Texts a minute",
                help="Empty: the limit of the number’s type.",
            ),
            Input(
                name="units_per_minute",
                label="Segments a minute",
                help="Empty: the limit of the number’s type.",
            ),
            Input(
                name="verification",
                label="Verification",
                help="Carriers take no texts of a toll-free number that is not verified.",
                kind="select",
                options=(
                    _UNSAID,
                    (Verification.VERIFIED.value, "Verified"),
                    (Verification.PENDING.value, "Pending"),
                    (Verification.UNVERIFIED.value, "Not verified"),
                ),
            ),
            Input(
                name="att_class",
                label="Class at AT&T",
                help="Of the 10DLC campaign; it caps texts a day.",
                kind="select",
                options=(_UNSAID, *((name, name) for name in ATT_CLASSES)),
            ),
            Input(
                name="tmobile_tier",
                label="Tier at T-Mobile",
                help="Of the 10DLC brand; it caps texts a day.",
                kind="select",
                options=(
                    _UNSAID,
                    *((name, name.replace("_", " ").capitalize()) for name in TMOBILE_TIERS),
                ),
            ),
            Input(
                name="registered_in",
                label="Registered in",
                help="Two letters for each country, with commas between them, such as GB, IE.",
                kind="text",
                longest=300,
            ),
            Input(
                name="managed_opt_out",
                label="The provider answers STOP",
                help="As chosen in the program brief. Usually on.",
                kind="check",
            ),
        ),
    ),
    Group(
        "Quiet hours",
        (
            Input(name="quiet_from", label="From", help="Empty: none.", kind="time"),
            Input(name="quiet_until", label="Until", help="Texts leave then.", kind="time"),
        ),
        "In the recipient’s time zone. A reply within a live conversation leaves nevertheless.",
    ),
    Group(
        "First contact",
        (
            Input(
                name="first_contact",
                label="A text to somebody new",
                help="With whom there was no conversation yet. Usually sent.",
                kind="select",
                options=(
                    (FirstContact.ALLOW.value, "is sent"),
                    (FirstContact.HOLD.value, "waits for a person"),
                    (FirstContact.REFUSE.value, "is refused"),
                ),
            ),
        ),
    ),
    Group(
        "Budget",
        (
            Input(name="daily_texts", label="Texts a day", help="Empty: as many as come."),
            Input(
                name="daily_cost",
                label="Cost a day",
                help="In your currency, such as 20.00. Empty: no limit.",
                kind="decimal",
            ),
            Input(
                name="segment_cost",
                label="Cost of a segment",
                help="An estimate in the same currency, such as 0.0079.",
                kind="decimal",
            ),
        ),
        "A day is one of UTC.",
    ),
    Group(
        "Loop breaker",
        (
            Input(
                name="loop_replies",
                label="Most texts to one person",
                help="2 to 200; usually 30. Empty: never held.",
            ),
            Input(name="loop_window", label="within seconds", help="Usually 600."),
        ),
        "Two machines can answer each other for ever. More texts than these, or nearly the same "
        "ones again and again, hold the conversation for a person.",
    ),
    Group(
        "Keyword answers",
        (
            Input(
                name="answers",
                label="STOP, START and HELP",
                help="Nobody answers twice. Usually as the number’s type and provider say.",
                kind="select",
                options=(
                    (Answers.AUTO.value, "as usual for the number"),
                    (Answers.US.value, "Heliograph answers"),
                    (Answers.PROVIDER.value, "the provider answers"),
                ),
            ),
            *(
                Input(
                    name=name,
                    label=f"Our answer to {keyword}",
                    help=unless,
                    kind="area",
                    longest=LONGEST_ANSWER,
                )
                for name, keyword, unless in (
                    ("answer_opt_out", "STOP", "Empty: the usual words."),
                    ("answer_opt_in", "START", "Empty: the usual words."),
                    ("answer_help", "HELP", "Empty: none; the agent gets the text."),
                )
            ),
        ),
        "Where the answer is ours to give.",
    ),
)

_INPUTS: Final[Mapping[str, Input]] = {it.name: it for group in GROUPS for it in group.inputs}


def groups_for(kind: NumberType, region: str) -> tuple[Group, ...]:
    """The groups with the rules that mean something for such a number."""
    fitting = (
        replace(group, inputs=tuple(it for it in group.inputs if applies(it.name, kind, region)))
        for group in GROUPS
    )
    return tuple(group for group in fitting if group.inputs)


def values_of(rules: SendingRules) -> dict[str, str]:
    """What the inputs hold."""
    return {name: _typed(value) for name, value in plain_rules(rules).items()}


def kept(form: Form) -> dict[str, str]:
    """What was typed; a box that was not ticked is typed too."""
    return {name: form.values.get(name, "") for name in _INPUTS}


def read_changes(form: Form, kind: NumberType, region: str) -> dict[str, Any]:
    """The rules that the form asked for; whether they are good ones, the desk says."""
    asked = (it for group in groups_for(kind, region) for it in group.inputs)
    return {it.name: _read(it, form) for it in asked}


def told(number: NumberRecord) -> list[tuple[str, str]]:
    """What differs from the usual, as labels and words."""
    usual, present = plain_rules(DEFAULT), plain_rules(number.rules)
    return [
        (it.label, _said(it, present[it.name]))
        for it in _INPUTS.values()
        if present[it.name] != usual[it.name]
    ]


def _read(it: Input, form: Form) -> Any:
    text = form.text(it.name)
    if it.kind == "check":
        return form.ticked(it.name)
    if it.name == "registered_in":
        return tuple(re.findall(r"[^\s,;]+", text))
    if not text:
        return None
    whole = it.name in RANGES and text.isascii() and text.isdigit() and len(text) < 10
    return int(text) if whole else text


def _typed(value: Any) -> str:
    if isinstance(value, bool):
        return CONFIRMED if value else ""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(value)
    return "" if value is None else str(value)


def _said(it: Input, value: Any) -> str:
    if it.kind == "check":
        return "yes" if value else "no"
    return dict(it.options).get(value, "") or _typed(value) or "no limit"
