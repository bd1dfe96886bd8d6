"""Asks the service of this container: `python /opt/probe.py /livez [PORT]`. Exit code 0 means 200.

For the image's HEALTHCHECK and Compose's health checks. A kubelet asks by itself.
"""

from __future__ import annotations

import os
import sys
from http.client import HTTPConnection

SECONDS = 2.0
EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104 - compared with, not listened on


def main(path: str, port: str = "") -> int:
    """The exit code. A service that listens on one address only is asked there."""
    host = os.environ.get("HELIOGRAPH_MANAGEMENT_HOST", "")
    number = int(port or os.environ.get("HELIOGRAPH_MANAGEMENT_PORT", "9090"))
    connection = HTTPConnection(
        "127.0.0.1" if host in EVERYWHERE else host, number, timeout=SECONDS
    )
    try:
        connection.request("GET", path)
        return 0 if connection.getresponse().status == 200 else 1
    except OSError:
        return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
