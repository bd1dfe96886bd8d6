"""A fingerprint of a command, by which a repeated one is told from another with its ID. Pure."""

from __future__ import annotations

import hashlib

import orjson

from heliograph.models import SendCommand


def digest_of(command: SendCommand) -> str:
    """A fingerprint of all that changes what a command does, apart from its ID and its agent. It is
    stored: changing what goes into it is a migration."""
    content = [
        command.number,
        command.recipients,
        command.body,
        command.in_reply_to,
        command.tag,
        command.expires_at,
    ]
    return hashlib.sha256(orjson.dumps(content)).hexdigest()
