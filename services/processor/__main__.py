"""`python -m processor` runs the service."""

from common.lifecycle import run
from processor.app import serve
from processor.settings import ProcessorSettings

run("processor", ProcessorSettings, serve)
