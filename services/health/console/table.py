"""Every route of the console."""

from __future__ import annotations

from itertools import chain
from typing import Final

from health.console import (
    agent_pages,
    approval_pages,
    assets,
    audit_pages,
    connection_pages,
    consent_pages,
    conversation_pages,
    dead_letter_pages,
    execution_pages,
    hold_pages,
    key_pages,
    number_pages,
    overview_pages,
    sending_pages,
    sign_in_pages,
    stream_pages,
    tenant_pages,
    wizard_pages,
)
from health.web.routes import Route

_PAGES: Final = (
    assets,
    sign_in_pages,
    tenant_pages,
    overview_pages,
    sending_pages,
    approval_pages,
    conversation_pages,
    hold_pages,
    consent_pages,
    execution_pages,
    connection_pages,
    wizard_pages,
    number_pages,
    agent_pages,
    key_pages,
    audit_pages,
    dead_letter_pages,
    stream_pages,
)

ROUTES: Final[tuple[Route, ...]] = tuple(chain.from_iterable(pages.ROUTES for pages in _PAGES))
