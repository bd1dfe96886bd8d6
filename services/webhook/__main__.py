"""`python -m webhook`."""

from __future__ import annotations

from common.lifecycle import run
from webhook.app import serve
from webhook.settings import WebhookSettings

if __name__ == "__main__":
    run("webhook", WebhookSettings, serve)
