"""What ACS answers, and what each answer means for the text: pure, as tables.

Two error bodies occur (Azure REST API specs, Communication SMS): `{"error": {"code", "message"}}`,
and problem details (RFC 9457) with a map `errors` of field names to texts. A 202 speaks of each
recipient on its own, and may refuse them all.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import orjson

from common.addresses import normalise_address
from common.providers.http_session import retry_after
from common.providers.opted_out_codes import OptedOut
from common.providers.port import Accepted, Ambiguous, NotProcessed, Refused, SendResult, Text
from common.redact import scrub
from heliograph.codes import OutcomeCode

OPTED_OUT: Final = OptedOut(
    codes=frozenset({"4007"}),  # destination opted out
    texts=("sender blocked for given recipient",),
)
"""ACS gives a refusal this text where it knows the opt-out at once, without a code that tells it
from other refusals. Source: Microsoft docs, "SMS FAQ" and "Troubleshooting in Azure Communication
Services"."""

_DETAIL_CHARACTERS: Final = 300
_MASK: Final = "•••••"
_NOT_OWNED: Final = "unauthorized"
_REPEATABILITY: Final = "repeatability"
_DELIVERY_CODE: Final = re.compile(r"\s*([0-9]{4})(?![0-9])")
"""In front of some texts, as in delivery reports."""


@dataclass(frozen=True, slots=True)
class Problem:
    """An HTTP answer other than a readable 202. `detail` is fit for logs; `fields` are those that
    a validation refuses."""

    status: int
    code: str
    detail: str
    retry_after: float | None = None
    fields: tuple[str, ...] = ()


class Item(Protocol):
    """One recipient of a 202, as the SDK hands it out."""

    to: str | None
    message_id: str | None
    http_status_code: int
    successful: bool
    error_message: str | None


def problem_of(
    status: int, headers: Mapping[str, str], body: bytes, *, secret: str | None = None
) -> Problem:
    """Read an error answer; a body of neither shape leaves the code empty. `secret` is a part of
    the request that the answer might quote."""
    code, text, fields = _code_text_fields(body)
    detail = _fit_for_logs(f"HTTP {status} {code} {text}", secret)
    return Problem(status, code, detail, retry_after(headers), fields)


def _fit_for_logs(text: str, secret: str | None) -> str:
    shown = text.replace(secret, _MASK) if secret else text
    return " ".join(scrub(shown)[:_DETAIL_CHARACTERS].split())


def _code_text_fields(body: bytes) -> tuple[str, str, tuple[str, ...]]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return "", "", ()
    if not isinstance(document, dict):
        return "", "", ()
    if isinstance(error := document.get("error"), dict):
        return str(error.get("code") or ""), str(error.get("message") or ""), ()
    errors = document.get("errors")
    fields = errors if isinstance(errors, dict) else {}
    told = [str(document.get("title") or ""), *map(_field_text, fields, fields.values())]
    return "", "; ".join(told), tuple(fields)


def _field_text(name: str, texts: Any) -> str:
    return f"{name}: {' '.join(map(str, texts)) if isinstance(texts, list) else texts}"


Meaning = Callable[[Problem], SendResult]


def _rejected(said: Problem) -> SendResult:
    return Refused(OutcomeCode.PROVIDER_REJECTED, said.detail)


def _throttled(said: Problem) -> SendResult:
    return NotProcessed(OutcomeCode.PROVIDER_THROTTLED, said.detail, said.retry_after)


def _unavailable(said: Problem) -> SendResult:
    return NotProcessed(OutcomeCode.PROVIDER_UNAVAILABLE, said.detail, said.retry_after)


def _open(said: Problem) -> SendResult:
    return Ambiguous(said.detail)


def _unauthorised(said: Problem) -> SendResult:
    """`Unauthorized`, with an empty message, is about the sender; `Denied` about the key. The text
    is not to be relied on, the code is (azure-sdk-for-js, issues 21941 and 31523)."""
    not_owned = said.code.lower() == _NOT_OWNED
    code = OutcomeCode.SENDER_NOT_OWNED if not_owned else OutcomeCode.CREDENTIALS_REJECTED
    return Refused(code, said.detail, account=True)


def _invalid(said: Problem) -> SendResult:
    """The other 400 that a recipient is known to get is about our repeatability values."""
    ours = _REPEATABILITY in said.detail.lower()
    code = OutcomeCode.PROVIDER_REJECTED if ours else OutcomeCode.PROVIDER_INVALID_RECIPIENT
    return Refused(code, said.detail)


_BY_CLASS: Final[Mapping[int, Meaning]] = {2: _open, 3: _rejected, 4: _rejected, 5: _open}
"""By the hundreds of a status. A 2xx other than a readable 202 promises nothing; a 5xx may come
from a gateway after the service took the text."""

_BY_STATUS: Final[Mapping[int, Meaning]] = {
    401: _unauthorised,
    408: _open,  # a proxy's, and it does not say what the service had got by then
    429: _throttled,
}

_ITEM_BY_STATUS: Final[Mapping[int, Meaning]] = {
    400: _invalid,
    408: _open,
    429: _throttled,
    # Unlike a 503 of the whole call, this is the service's own word that this text did not go out
    # (`successful` is false). Trying again with the same repeatability ID is safe in any case.
    503: _unavailable,
}


def answered(said: Problem, *, recipients: int = 1) -> SendResult:
    """What an HTTP answer to a whole call means for its texts.

    That somebody opted out is believed only where it can be but one: an answer to several
    recipients does not say which of them.
    """
    if recipients == 1 and _says_opted_out(said):
        return Refused(OutcomeCode.RECIPIENT_OPTED_OUT, said.detail)
    return _meaning(said, _BY_STATUS)


def of_each(
    texts: Sequence[Text], items: Iterable[Item], *, secret: str | None = None
) -> list[SendResult]:
    """What a 202 says of each text, found by its recipient: the order of the items is not promised,
    and an answer that names a recipient never or twice leaves that one text open."""
    found: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        found[normalise_address(item.to or "")].append(item)
    return [_of_one(found[normalise_address(text.recipient)], secret) for text in texts]


def _of_one(items: Sequence[Item], secret: str | None) -> SendResult:
    if not items:
        return Ambiguous("the answer does not speak of the recipient")
    if len(items) > 1:
        return Ambiguous("the answer speaks of the recipient more than once")
    return item_result(items[0], secret=secret)


def item_result(item: Item, *, secret: str | None = None) -> SendResult:
    """What a 202 says of one recipient. Whether the service recognised a repeat, it does not tell:
    `repeatabilityResult` is `accepted` both times."""
    if item.successful:
        return Accepted(item.message_id)
    status = item.http_status_code or 0
    detail = _fit_for_logs(f"recipient {status} {item.error_message or ''}", secret)
    said = Problem(status, _code_in(item.error_message or ""), detail)
    if _says_opted_out(said):
        return Refused(OutcomeCode.RECIPIENT_OPTED_OUT, detail)
    return _meaning(said, _ITEM_BY_STATUS)


def _code_in(text: str) -> str:
    found = _DELIVERY_CODE.match(text)
    return found[1] if found else ""


def _says_opted_out(said: Problem) -> bool:
    return said.status // 100 == 4 and OPTED_OUT.says(said.code or None, said.detail)


def _meaning(said: Problem, by_status: Mapping[int, Meaning]) -> SendResult:
    return by_status.get(said.status, _BY_CLASS.get(said.status // 100, _open))(said)


def is_denied(said: object) -> bool:
    """Whether an answer refuses the access key."""
    meant = answered(said) if isinstance(said, Problem) else None
    return isinstance(meant, Refused) and meant.code is OutcomeCode.CREDENTIALS_REJECTED
