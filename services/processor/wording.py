"""Free wording, read by the rules or by whatever takes their place."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Final

import structlog

from common.keywords import keyword_of
from common.optout.wording import Match, Matches, WordingMatcher, classify_wording

log = structlog.get_logger(__name__)

_TIMEOUT: Final = 1.0
"""Seconds that all texts of a batch may take together. Nobody waits longer for an opt-out."""


class Wording:
    """Finds opt-outs in free wording.

    The rules are a plain function and cost next to nothing. Another matcher, such as a model, is
    asked for the texts of a batch at once; where it raises or is late, the rules judge the text, so
    that it can hold up nobody.

    Args:
        matcher: takes the rules' place.
        timeout: seconds that it has for a batch.
    """

    def __init__(
        self,
        matcher: WordingMatcher | None = None,
        *,
        rules: Matches = classify_wording,
        timeout: float = _TIMEOUT,
    ):
        self._matcher = matcher
        self._rules = rules
        self._timeout = timeout

    async def read(self, bodies: Iterable[str]) -> Matches:
        """What tells the opt-outs among some texts. Keywords are no free wording, so nobody is
        asked about them."""
        if self._matcher is None:
            return self._rules
        asked = {body for body in bodies if keyword_of(body) is None}
        known = await self._ask(self._matcher, asked) if asked else {}
        return lambda body: known[body] if body in known else self._rules(body)

    async def _ask(
        self, matcher: WordingMatcher, bodies: Iterable[str]
    ) -> Mapping[str, Match | None]:
        """The answers that came in time."""
        tasks = {asyncio.ensure_future(_answer(matcher, body)): body for body in bodies}
        try:
            done, late = await asyncio.wait(tasks, timeout=self._timeout)
        finally:
            for task in tasks:
                task.cancel()
        answers = {tasks[task]: answer for task in done if (answer := task.result()) is not None}
        if len(answers) < len(tasks):
            log.warning("wording.rules_instead", late=len(late), texts=len(tasks) - len(answers))
        return {body: match for body, (match,) in answers.items()}


async def _answer(matcher: WordingMatcher, body: str) -> tuple[Match | None] | None:
    """What a matcher found; None where it failed."""
    try:
        return (await matcher(body),)
    except Exception as error:  # noqa: BLE001 - whatever a model does, the rules are there
        # Not its message, which may quote the text.
        log.warning("wording.matcher_failed", error=type(error).__name__)
        return None
