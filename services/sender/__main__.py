"""`python -m sender` runs the service."""

from common.lifecycle import run
from sender.app import serve
from sender.settings import SenderSettings

run("sender", SenderSettings, serve)
