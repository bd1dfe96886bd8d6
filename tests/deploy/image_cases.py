"""Broken copies of the Dockerfile: what is replaced, by what, and the finding that must come."""

from __future__ import annotations

BROKEN = {
    "latest": ("=python:3.11-slim-bookworm", "=python:latest", "=python:latest: the base has no"),
    "no tag": ("=python:3.11-slim-bookworm", "=python", "ARG PYTHON_IMAGE=python: the base has no"),
    "a registry": (
        "=python:3.11-slim-bookworm",
        "=registry.example.com/python:3.11-slim-bookworm",
        "ARG PYTHON_IMAGE=registry.example.com/python:3.11-slim-bookworm: names a registry",
    ),
    "a base of its own": (
        "FROM runtime AS sender",
        "FROM alpine:3 AS sender",
        "FROM alpine:3 is neither",
    ),
    "root": ("USER 10001:10001\n", "", "target webhook: runs as root, not as 10001:10001."),
    "a user by name": ("USER 10001:10001", "USER nobody", "target webhook: runs as nobody"),
    "root again, in one target": (
        "FROM runtime AS sender\n",
        "FROM runtime AS sender\nUSER 0:0\n",
        "target sender: runs as 0:0, not as 10001:10001.",
    ),
    "a shell's entry point": (
        'ENTRYPOINT ["python", "-m", "processor"]',
        "ENTRYPOINT python -m processor",
        "target processor: its entry point is not",
    ),
    "another service's entry point": (
        'ENTRYPOINT ["python", "-m", "processor"]',
        'ENTRYPOINT ["python", "-m", "sender"]',
        "target processor: its entry point is not",
    ),
    "a command beside it": (
        'ENTRYPOINT ["python", "-m", "sender"]',
        'ENTRYPOINT ["python", "-m", "sender"]\nCMD ["--help"]',
        "target sender: has a CMD",
    ),
    "no health check": (
        'CMD ["python", "/opt/probe.py", "/livez"]',
        "CMD curl localhost:9090/livez",
        "target webhook: HEALTHCHECK does not run",
    ),
    "another signal": (
        "USER 10001:10001",
        "USER 10001:10001\nSTOPSIGNAL SIGKILL",
        "target webhook: is stopped by SIGKILL",
    ),
    "another port": ("EXPOSE 8081", "EXPOSE 8080", "target health: exposes 8080, 9090, but"),
    "ADD": ("COPY libs ./", "ADD libs ./", "ADD fetches and unpacks"),
    "everything is copied": (
        "COPY services/sender sender",
        "COPY services ./",
        "sender-build copies services.",
    ),
    "another build's files": (
        "COPY --from=sender-build /app /app",
        "COPY --from=health-build /app /app",
        "--from=health-build /app /app is more than the image of sender needs.",
    ),
    "more of the build": (
        "COPY --from=sender-build /app /app",
        "COPY --from=sender-build / /",
        "--from=sender-build / / is more than the image of sender needs.",
    ),
    "no hashes": ("--require-hashes ", "", "installs without --require-hashes."),
    "another lock": (
        "source=requirements/sender.txt",
        "source=requirements/dev.txt",
        "installs without requirements/sender.txt.",
    ),
    "a package by the way": (
        "COPY libs ./",
        "COPY libs ./\nRUN python3 -m pip install httpx",
        "installs without --require-hashes",
    ),
    "apt": (
        "COPY libs ./",
        "COPY libs ./\nRUN apt-get update",
        "gets something that no lock file names.",
    ),
    "pip stays": (
        "python3 /tmp/strip.py",
        "true",
        "target webhook: keeps the base's pip.",
    ),
    "a secret": (
        "USER 10001:10001",
        "ENV HELIOGRAPH_MASTER_KEY=a2V5\nUSER 10001:10001",
        "ENV HELIOGRAPH_MASTER_KEY=a2V5 looks like a secret.",
    ),
    "no revision": (
        '\n      org.opencontainers.image.revision="${REVISION}"',
        "\n      somebody",
        "target webhook: has no label org.opencontainers.image.revision.",
    ),
    "another title": (
        '"heliograph/sender"',
        '"heliograph/courier"',
        "target sender: its title is not heliograph/sender.",
    ),
    "another version": ("VERSION=0.1.0", "VERSION=0.0.9", "target webhook: ARG VERSION is not"),
    "a process without a revision": (
        "ENV HELIOGRAPH_REVISION=${REVISION}\n",
        "",
        "target webhook: its process does not know its revision.",
    ),
    "a missing target": ("AS processor\n", "AS worker\n", "Dockerfile: there is no target proc"),
}
