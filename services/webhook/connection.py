"""What is answered where a request never reaches our own code."""

from __future__ import annotations

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

from webhook.problems import LONG_HEADER, NOT_HTTP, OF_STATUS, UNEXPECTED, Problem, answer


def refuse(status: int, error: BaseException | None) -> web.Response:
    """The problem, of ours, that an answer of aiohttp's own stands for."""
    return answer(_problem(status, error))


def _problem(status: int, error: BaseException | None) -> Problem:
    if isinstance(error, web.HTTPException):
        return OF_STATUS.get(status, UNEXPECTED)
    if isinstance(error, LineTooLong):
        return LONG_HEADER
    return NOT_HTTP if status == 400 else UNEXPECTED
