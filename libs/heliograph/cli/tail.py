"""Watching a conversation as it happens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from heliograph.cli.columns import instant
from heliograph.cli.conversations import as_line
from heliograph.cli.errors import Refused
from heliograph.cli.following import follow, state_of
from heliograph.cli.session import Session

Item = Mapping[str, Any]


def tail(
    session: Session,
    conversation: Annotated[
        str, typer.Argument(metavar="CONVERSATION|NUMBER", help="A conversation's ID, or a number.")
    ],
    remote: Annotated[
        str | None, typer.Argument(metavar="REMOTE", help="With a number: the other person's.")
    ] = None,
    lines: Annotated[
        int, typer.Option("--lines", "-n", min=0, max=200, help="Begin with so many older texts.")
    ] = 10,
    count: Annotated[
        int | None, typer.Option("--count", min=1, help="End after so many texts.")
    ] = None,
) -> None:
    """Follow a conversation: each new text once, then each change of its state. Ctrl-C ends it.

    With --json, one document a line: `event` is `text` or `state`, `message` the text.
    """
    if remote is None:
        found = _Known(session.at("conversations", conversation), conversation)
        session.api.get(found.path)  # So that a wrong ID is refused at once.
        follow(session, _Tail(session, found, lines=lines, count=count))
    else:
        named = _Named(session, conversation, remote)
        follow(session, _Tail(session, named, lines=lines, count=count))


class _Known:
    """A conversation whose ID is known."""

    def __init__(self, path: str, conversation_id: str):
        self.path = path
        self.id: str | None = conversation_id

    def find(self) -> str | None:
        return self.id


class _Named:
    """A conversation that is named by its two ends, and may have no text yet."""

    def __init__(self, session: Session, number: str, remote: str):
        self._session = session
        self._ends = {"number": number, "remote": remote}
        self.id: str | None = None

    def find(self) -> str | None:
        if self.id is None:
            page = self._session.api.get(self._session.at("conversations"), limit=1, **self._ends)
            items = page.body.get("items", [])
            self.id = str(items[0]["id"]) if items else None
        return self.id


class _Tail:
    """Tells a conversation's texts, each once, and what becomes of them."""

    def __init__(self, session: Session, which: _Known | _Named, *, lines: int, count: int | None):
        self._session = session
        self._which = which
        self._lines = lines
        self._left = count
        self._states: dict[str, str] = {}
        self._words: dict[str, str] = {}
        self._began = False

    def look(self) -> bool:
        """Tell what is new: the first time the last few texts, then all that was missed."""
        conversation_id = self._which.find()
        unseen: list[Item] = []
        if conversation_id is None:
            if not self._began:
                self._session.out.note("No text yet; waiting for the first.")
        elif self._began:
            unseen = list(self._missed(conversation_id))
        else:
            unseen = self._last_ones(conversation_id)
        self._began = True
        for text in reversed(unseen):
            self._tell(text)
        return self._enough

    def happened(self, conversation_id: str, message_id: str) -> bool:
        """Tell of a text of this conversation."""
        if conversation_id != self._which.find():
            return False
        try:
            text = self._session.api.get(self._session.at("messages", message_id)).body
        except Refused as refused:
            if refused.status == 404:  # Gone since: nothing to tell.
                return False
            raise
        return self._tell(text)

    @property
    def _enough(self) -> bool:
        return self._left is not None and self._left <= 0

    def _last_ones(self, conversation_id: str) -> list[Item]:
        newest = self._page(conversation_id, None)["items"]
        for older in newest[self._lines :]:
            self._states[older["id"]] = state_of(older)
        return list(newest[: self._lines])

    def _missed(self, conversation_id: str) -> Iterator[Item]:
        """Newest first, back to a page that holds a text that was told, which may have changed."""
        cursor = None
        while True:
            page = self._page(conversation_id, cursor)
            yield from page["items"]
            cursor = page.get("next")
            if cursor is None or any(text["id"] in self._states for text in page["items"]):
                return

    def _page(self, conversation_id: str, cursor: str | None) -> dict[str, Any]:
        there = self._session.at("conversations", conversation_id, "messages")
        return self._session.api.get(there, limit=200, cursor=cursor).body

    def _tell(self, text: Item) -> bool:
        before, state = self._states.get(text["id"]), state_of(text)
        if self._enough or before == state:
            return self._enough
        words, said = str(text.get("body", "")), self._words.get(text["id"])
        self._states[text["id"]], self._words[text["id"]] = state, words
        out = self._session.out
        if out.wants_json:
            out.line({"event": "text" if before is None else "state", "message": text})
        elif before is None:
            out.say(as_line(text))
        else:
            # Who approves a text may send it in other words.
            others = f" {words}" if said not in {None, words} else ""
            change = f"{instant(text.get('at'))}  {'':6}  {state:13}  (was {before}){others}"
            out.say(change, style="dim")
        if before is None and self._left is not None:
            self._left -= 1
        return self._enough
