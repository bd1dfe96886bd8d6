"""What the set-up pages have in common: reading a form, trying what it asks for, and showing it
again where that was refused. Secrets are never among what is shown again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from aiohttp import web

from common.errors import StoreUnavailable
from common.store.control import Page
from health.console.rendering import is_fragment, see_other
from health.web import bodies
from health.web.problems import Problem, ProblemCode, problem_of
from health.web.routes import Body, Call

T = TypeVar("T")

PAGE_SIZE: Final = 200
MOST: Final = 1_000
"""Things that a page lists at most where it lists them all."""

CONFIRMED: Final = "true"
"""Value of a ticked box."""


@dataclass(frozen=True, slots=True)
class Form:
    """A form's fields as they were typed."""

    values: Mapping[str, str] = field(repr=False)

    def text(self, name: str) -> str:
        """A field without the blanks around it; "" where it was not given."""
        return self.values.get(name, "").strip()

    def ticked(self, name: str) -> bool:
        """Whether a box was ticked."""
        return self.values.get(name) == CONFIRMED

    @property
    def version(self) -> int:
        """The version that the form was made from.

        Raises:
            Problem: `STALE`, where the form names none.
        """
        text = self.text("version")
        if not (text.isascii() and text.isdigit() and len(text) <= 18):
            raise Problem(ProblemCode.STALE)
        return int(text)

    def kept(self, *names: str) -> dict[str, str]:
        """The fields that may be shown again. Those that are not named here are not."""
        return {name: self.values[name] for name in names if name in self.values}


class ListQuery(Body):
    """Which part of a list."""

    cursor: str | None = None


async def read_form(call: Call) -> Form:
    """The form that was posted: of a repeated field the last, of line breaks LF (browsers post
    CR LF)."""
    posted = await bodies.read_form(call.request)
    return Form({name: value.replace("\r\n", "\n") for name, value in posted.items()})


@dataclass(frozen=True, slots=True)
class Refused:
    """A form that was not carried out, as its page shows it again."""

    form: str
    """Which of the page's forms."""
    problem: Problem
    typed: Mapping[str, str] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)
    """Names of inputs, by the names that the problem has for them."""

    @property
    def errors(self) -> dict[str, str]:
        """What is wrong with which input."""
        return {
            self.renamed.get(name, name.removeprefix("parameters.")): _as_sentence(
                text, about=name.removeprefix("parameters.")
            )
            for name, text in self.problem.fields.items()
        }

    @property
    def stale(self) -> bool:
        """Whether it was changed meanwhile, so that the page shows what is there now."""
        return self.problem.code is ProblemCode.STALE


@dataclass(frozen=True, slots=True)
class Shown:
    """What a page's forms show: what is there, or what was typed and refused."""

    refused: Refused | None = None

    def problem(self, form: str) -> Problem | None:
        """Why this form was refused."""
        return self.refused.problem if self.refused and self.refused.form == form else None

    def errors(self, form: str) -> Mapping[str, str]:
        """What is wrong with which input of this form."""
        return self.refused.errors if self.refused and self.refused.form == form else {}

    def value(self, form: str, name: str, present: str = "") -> str:
        """What an input holds: what was typed, unless something newer is there."""
        if self.refused is None or self.refused.form != form or self.refused.stale:
            return present
        return self.refused.typed.get(name, present)

    @property
    def stale(self) -> bool:
        """Whether somebody else was quicker."""
        return self.refused is not None and self.refused.stale

    @property
    def status(self) -> int:
        """The status of the page."""
        return self.refused.problem.status if self.refused else 200


async def attempt(work: Awaitable[T]) -> T | Problem:
    """What the work gives, or why it was refused.

    Raises:
        Exception: what no form can put right: it is not there, the store is away, a fault.
    """
    try:
        return await work
    except Exception as error:
        problem = problem_of(error)
        hopeless = problem is None or problem.code is ProblemCode.NOT_FOUND
        if problem is None or hopeless or isinstance(error, StoreUnavailable):
            raise
        if problem.code is ProblemCode.INVALID_CREDENTIALS and problem.fields:
            # Its sentence stands at the field, and names that as the API does.
            return Problem(problem.code, remedy=problem.remedy, fields=problem.fields)
        return problem


def require(form: Form, wanted: Mapping[str, str]) -> Problem | None:
    """A problem that names every empty field of `wanted` with its text; None without one."""
    missing = {name: text for name, text in wanted.items() if not form.text(name)}
    if not missing:
        return None
    return Problem(ProblemCode.INVALID, "Something is missing.", fields=missing)


def done(call: Call, location: str, flash: str | None = None) -> web.Response:
    """After a form: to the page that shows the result. A script that has posted the form is told by
    a header, because it could not see where a redirect leads."""
    response = see_other(location, flash=flash)
    if is_fragment(call.request):
        response.set_status(204)
        response.headers["HX-Redirect"] = response.headers.popall("Location")[0]
    return response


async def whole(read: Callable[[str | None], Awaitable[Page[T]]]) -> Sequence[T]:
    """A list from its first page to its last, at most `MOST` of it."""
    found: list[T] = []
    cursor: str | None = None
    while len(found) < MOST:
        page = await read(cursor)
        found += page.items
        cursor = page.next
        if cursor is None:
            break
    return found


def _as_sentence(text: str, *, about: str) -> str:
    """A text that stands below its field, where the field's name in the API says nothing."""
    text = text.strip()
    if text.startswith(f"{about}:"):
        text = text.removeprefix(f"{about}:").lstrip()
    elif text.startswith(f"{about} "):
        text = f"It {text.removeprefix(f'{about} ')}"
    ended = text if text.endswith((".", "!", "?", "…")) else f"{text}."
    return ended[:1].upper() + ended[1:]
