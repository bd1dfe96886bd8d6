"""What ACS answers, and what each answer means for the text: pure, as tables.

Two error bodies occur (Azure REST API specs, Communication SMS): `{"error": {"code", "message"}}`,
and problem details (RFC 9457) with a map `errors` of field names to texts. A 202 speaks of each
recipient on its own, and may refuse them all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Protocol

import orjson

from common.providers.port import Accepted, Ambiguous, NotProcessed, Refused, SendResult
from common.redact import scrub
from heliograph.codes import OutcomeCode

_DETAIL_CHARACTERS: Final = 300
_NOT_OWNED: Final = "unauthorized"
_REPEATABILITY: Final = "repeatability"


@dataclass(frozen=True, slots=True)
class Problem:
    """An HTTP answer other than a readable 202. `detail` is fit for logs."""

    status: int
    code: str
    detail: str
    retry_after: float | None = None


class Item(Protocol):
    """One recipient of a 202, as the SDK hands it out."""

    message_id: str | None
    http_status_code: int
    successful: bool
    error_message: str | None


def problem_of(status: int, headers: Mapping[str, str], body: bytes) -> Problem:
    """Read an error answer; a body of neither shape leaves the code empty."""
    code, text = _code_and_text(body)
    detail = scrub(f"HTTP {status} {code} {text}".strip())[:_DETAIL_CHARACTERS]
    return Problem(status, code, " ".join(detail.split()), retry_after(headers))


def _code_and_text(body: bytes) -> tuple[str, str]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return "", ""
    if not isinstance(document, dict):
        return "", ""
    if isinstance(error := document.get("error"), dict):
        return str(error.get("code") or ""), str(error.get("message") or "")
    return "", "; ".join([str(document.get("title") or ""), *_field_texts(document.get("errors"))])


def _field_texts(errors: Any) -> list[str]:
    if not isinstance(errors, dict):
        return []
    return [
        f"{name}: {' '.join(map(str, texts)) if isinstance(texts, list) else texts}"
        for name, texts in errors.items()
    ]


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds of a Retry-After header, given as seconds or as an HTTP date (RFC 9110, 10.2.3)."""
    value = (headers.get("Retry-After") or "").strip()
    try:
        seconds = float(value)
    except ValueError:
        return _until(value, now or datetime.now(UTC))
    return seconds if 0 <= seconds < float("inf") else None


def _until(value: str, now: datetime) -> float | None:
    try:
        then = parsedate_to_datetime(value)
    except (ValueError, IndexError):
        return None
    if then.tzinfo is None:
        then = then.replace(tzinfo=UTC)
    return max(0.0, (then - now).total_seconds())


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


def answered(said: Problem) -> SendResult:
    """What an HTTP answer means for the text."""
    return _meaning(said, _BY_STATUS)


def item_result(item: Item) -> SendResult:
    """What a 202 says of one recipient. Whether the service recognised a repeat, it does not tell:
    `repeatabilityResult` is `accepted` both times."""
    if item.successful:
        return Accepted(item.message_id)
    text = scrub(item.error_message or "")[:_DETAIL_CHARACTERS]
    said = Problem(item.http_status_code, "", f"recipient {item.http_status_code} {text}".strip())
    return _meaning(said, _ITEM_BY_STATUS)


def _meaning(said: Problem, by_status: Mapping[int, Meaning]) -> SendResult:
    return by_status.get(said.status, _BY_CLASS.get(said.status // 100, _open))(said)
