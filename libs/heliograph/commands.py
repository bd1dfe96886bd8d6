"""A command on its way out, and its outcome on the way back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from pydantic import ValidationError

from heliograph import wire
from heliograph.connection import Connection, pause_before
from heliograph.errors import AgentNotAllowed, CommandRefused, OutcomeTimeout
from heliograph.models import Outcome, SendCommand
from heliograph.outcomes import Awaited, Expectations
from heliograph.session import BrokerFault, NotPermitted, NotTaken, properties_of

_LONGEST_PROPERTY: Final = 255
"""Octets of a short string in AMQP 0-9-1, such as a message ID."""


def command_of(**fields: Any) -> SendCommand:
    """A command from what the agent gave.

    Raises:
        CommandRefused: it does not have the form of a command.
    """
    if isinstance(fields["to"], Sequence) and not isinstance(fields["to"], str):
        fields["to"] = tuple(fields["to"])
    try:
        command = SendCommand(**fields)
        command.encode()
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        places = "; ".join(f"{item['loc'][0]}: {item['msg']}" for item in faults[:3])
        raise CommandRefused(f"Nothing was sent: correct the command ({places}).") from None
    except orjson.JSONEncodeError:
        raise CommandRefused("Nothing was sent: the text is not valid Unicode.") from None
    if len(command.command_id.encode()) > _LONGEST_PROPERTY:
        raise CommandRefused("Nothing was sent: command_id is longer than 255 octets.")
    return command


class Commands:
    """Publishes commands until they are answered. Publishing one again is safe by its ID."""

    def __init__(
        self, connection: Connection, expectations: Expectations, *, outcome_timeout: float
    ):
        self._connection = connection
        self._expectations = expectations
        self._timeout = outcome_timeout

    async def carry(self, command: SendCommand, traceparent: str | None) -> tuple[Outcome, ...]:
        """Publish a command and wait for its outcomes, one a recipient, in their order.

        Raises:
            OutcomeTimeout: not all came in time.
            AgentNotAllowed: the broker user may not publish commands.
            AgentStopped: the agent is not running.
        """
        awaited = self._expectations.expect(command.command_id, command.recipients)
        try:
            async with asyncio.timeout(self._timeout):
                await self._until_answered(command, awaited, traceparent)
        except TimeoutError:
            raise OutcomeTimeout(
                command.command_id, self._timeout, awaited.cause, awaited.outcomes
            ) from None
        finally:
            self._expectations.forget(awaited)
        return awaited.outcomes

    async def _until_answered(
        self, command: SendCommand, awaited: Awaited, traceparent: str | None
    ) -> None:
        """One publish a session: a new session has a new reply queue."""
        failures = 0
        ordered_at = datetime.now(UTC)  # Of the order, however often it is published.
        while not awaited.done.done():
            session = await self._connection.session()
            try:
                await session.publish(
                    wire.COMMANDS_EXCHANGE,
                    wire.send_key(command.tenant_id, command.agent_id),
                    command.encode(),
                    self._properties(command, session.reply_queue, traceparent, ordered_at),
                )
            except NotPermitted as error:
                raise AgentNotAllowed("to take a command") from error
            except BrokerFault as error:
                failures += 1
                awaited.cause = _cause(error)
                await asyncio.wait({awaited.done}, timeout=pause_before(failures))
                continue
            awaited.cause = "the command is stored, but nobody has answered it yet"
            await asyncio.wait({awaited.done, session.lost}, return_when=asyncio.FIRST_COMPLETED)

    def _properties(
        self, command: SendCommand, reply_to: str, traceparent: str | None, ordered_at: datetime
    ) -> Any:
        return properties_of(
            type=command.type,
            message_id=command.command_id,
            correlation_id=command.command_id,
            reply_to=reply_to,
            user=self._connection.user,
            headers=_headers(traceparent, ordered_at),
            timestamp=ordered_at,
        )


def _headers(traceparent: str | None, ordered_at: datetime) -> dict[str, str | int]:
    headers: dict[str, str | int] = {
        wire.HEADER_PUBLISHED: int(ordered_at.timestamp() * 1000),
    }
    if traceparent:
        headers[wire.HEADER_TRACEPARENT] = traceparent
    return headers


def _cause(error: BrokerFault) -> str:
    if isinstance(error, NotTaken):
        return "no service takes commands: the sender was never started, or its queue is full"
    return "the broker could not be reached"
