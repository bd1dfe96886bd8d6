"""Whether another body may stand for that of a parked message, and how the two differ. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import orjson
from pydantic import TypeAdapter, ValidationError

from common.bus.in_hand import DeadLetter
from common.bus.topology import parked_from
from common.redact import MASK, scrub_secrets
from health.desk.parked_owner import Owner, fields_of
from health.desk.parked_words import FIXED, model_of
from health.web.problems import Problem, ProblemCode
from heliograph.models import Instant, UnreadableMessage, Wire

_OWNERS: Final = ("tenant_id", "agent_id")
_EXPIRY: Final = "expires_at"
_INSTANT: Final[TypeAdapter[datetime]] = TypeAdapter(Instant)


def check_edit(queue: str, letter: DeadLetter, owner: Owner, text: str) -> bytes:
    """The new body, in a form that its reader takes.

    Raises:
        Problem: NOT_REPLAYABLE, where no edit can help; INVALID, where this one does not.
    """
    model = model_of(parked_from(queue), letter.type)
    if model is None or not owner.ours:
        raise Problem(
            ProblemCode.NOT_REPLAYABLE,
            "No body would make this queue's reader take the message.",
            remedy="Read it, then drop it.",
        )
    if MASK in text and MASK.encode() not in letter.body:
        raise _wrong(f"{MASK} stands for what was not shown; write out what belongs there.")
    body = text.encode()
    try:
        model.decode(body)
    except UnreadableMessage as problem:
        raise _wrong(str(problem)) from None
    _check_fixed(letter, owner, fields_of(body), model)
    if _EXPIRY in model.model_fields:
        _check_expiry(fields_of(letter.body).get(_EXPIRY), fields_of(body).get(_EXPIRY))
    if body == letter.body:
        raise _wrong("This is what it says already.")
    return body


def _check_fixed(
    letter: DeadLetter, owner: Owner, new: Mapping[str, Any], model: type[Wire]
) -> None:
    """The owner is the one that is proven, else the one that the message names; an edit makes
    nobody the owner of a message that is nobody's."""
    old, known = fields_of(letter.body), model.model_fields
    proven: dict[str, str | None] = {"tenant_id": owner.tenant_id, "agent_id": owner.agent_id}
    for name in FIXED[model.type]:
        if name not in known:
            continue
        if name in _OWNERS:
            wanted = proven[name] or old.get(name)
            if wanted is None:
                raise _wrong(f"{name}: nobody knows whose message this is, and no edit says it.")
        elif name in old or (old and not known[name].is_required()):
            # An optional field that is missing says something too: that there was no keyword.
            wanted = old.get(name)
        else:
            continue
        if new.get(name) != wanted:
            raise _wrong(f"{name}: an edit cannot change it.")


def _check_expiry(old: object, new: object) -> None:
    """What an agent wanted sent by then is not sent later. What is no instant said nothing."""
    try:
        limit = _INSTANT.validate_python(old)
    except ValidationError:
        return
    if new is None or _INSTANT.validate_python(new) > limit:
        raise _wrong(f"{_EXPIRY}: an edit cannot remove it or move it to a later moment.")


def readable(body: bytes) -> str:
    """A body as a person may read it: JSON a member a line, and secrets never."""
    try:
        text = orjson.dumps(orjson.loads(body), option=orjson.OPT_INDENT_2).decode()
    except orjson.JSONDecodeError:
        text = body.decode("utf-8", "backslashreplace")
    return scrub_secrets(text)


def difference(old: bytes, new: bytes) -> tuple[str, ...]:
    """How two bodies differ, line by line, as `diff -u` writes it."""
    lines = difflib.unified_diff(
        readable(old).splitlines(), readable(new).splitlines(), "before", "after", lineterm="", n=2
    )
    return tuple(lines)


def _wrong(what: str) -> Problem:
    return Problem(ProblemCode.INVALID, what, fields={"body": what})
