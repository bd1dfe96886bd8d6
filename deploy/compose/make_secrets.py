"""`python3 deploy/compose/make_secrets.py`: the secrets of a Compose installation, made up once.

Writes what is missing below `deploy/compose/secrets` and leaves what is there. The folder is closed
to everybody else; the files in it are readable, because Compose binds them as they are into
containers whose user is not theirs. Git ignores the folder. Needs nothing but Python.
"""

from __future__ import annotations

import argparse
import base64
import os
import secrets
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "secrets"
USER = "heliograph"


def main(arguments: list[str] | None = None) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    folder = parser.parse_args(arguments).folder
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    for name, content in missing(folder).items():
        path = folder / name
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(content + "\n")
        path.chmod(0o444)  # Whatever the umask is.
        print(f"made {path}")
    return 0


def missing(folder: Path) -> dict[str, str]:
    """What to write. The broker's password stands in three files, so these are made together."""
    password = secrets.token_urlsafe(24)
    broker = {
        "rabbitmq_user.conf": f"default_user = {USER}\ndefault_pass = {password}",
        "rabbitmq_url": f"amqp://{USER}:{password}@rabbitmq:5672/",
        "rabbitmq_management_url": f"http://{USER}:{password}@rabbitmq:15672/",
    }
    single = {
        "mongodb_uri": "mongodb://mongodb:27017/?replicaSet=rs0&w=majority&retryWrites=true",
        "master_key": f"k1:{base64.b64encode(secrets.token_bytes(32)).decode()}",
        "webhook_secrets": secrets.token_urlsafe(24),
    }
    there = {name for name in broker if (folder / name).exists()}
    if there and there != set(broker):
        raise SystemExit(
            f"{folder} has {', '.join(sorted(there))} and not the others that name the broker's "
            "password: bring them back, or remove these too."
        )
    wanted = {**({} if there else broker), **single}
    return {name: text for name, text in wanted.items() if not (folder / name).exists()}


if __name__ == "__main__":
    raise SystemExit(main())
