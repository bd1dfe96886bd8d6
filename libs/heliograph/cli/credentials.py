"""Where the API is and the key to it: from the environment, or from a file that only its owner
can read."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from heliograph.cli.errors import Misused, NotSignedIn

URL: Final = "HELIOGRAPH_URL"
KEY: Final = "HELIOGRAPH_API_KEY"
TENANT: Final = "HELIOGRAPH_TENANT"
DEFAULT_URL: Final = "http://127.0.0.1:8081"

_PREFIX: Final = "/api/v1"
_SIGN_IN: Final = "Sign in with `heliograph sign-in`, or set HELIOGRAPH_API_KEY."


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """An API and a key to it. `tenant` is the one that is meant where none is named."""

    url: str
    key: str = field(repr=False)
    tenant: str | None = None


def location(environment: Mapping[str, str]) -> Path:
    """The file, by the XDG Base Directory Specification (a relative path there is ignored)."""
    configured = Path(environment.get("XDG_CONFIG_HOME") or "")
    folder = configured if configured.is_absolute() else Path.home() / ".config"
    return folder / "heliograph" / "credentials.json"


def usable_url(raw: str) -> str:
    """The address without the API's prefix and without a slash at its end.

    Raises: Misused, where it is not the address of a web server.
    """
    url = raw.strip().rstrip("/").removesuffix(_PREFIX)
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Misused(f"{raw!r} is no address.", f"Write it like {DEFAULT_URL}.")
    if parts.username or parts.query or parts.fragment:
        raise Misused("The address holds more than a server.", f"Write it like {DEFAULT_URL}.")
    return url


def travels_in_the_clear(url: str) -> bool:
    """Whether others on the network could read the key."""
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname not in {"127.0.0.1", "::1", "localhost"}


def load(path: Path) -> Access | None:
    """What was kept; None where nothing was. Raises: NotSignedIn, where it cannot be read."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return Access(url=kept["url"], key=kept["key"], tenant=kept.get("tenant"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        message = f"{path} cannot be read."
        raise NotSignedIn(message, "Sign in again with `heliograph sign-in`.") from None


def save(path: Path, access: Access) -> None:
    """Keep it, whole or not at all, for its owner's eyes only."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    text = json.dumps({"url": access.url, "key": access.key, "tenant": access.tenant}, indent=2)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with suppress(FileNotFoundError):
        draft.unlink()
    # Made with its mode: no moment in which another user could open it.
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text + "\n")
    draft.replace(path)


def forget(path: Path) -> bool:
    """Remove the file; whether there was one."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True


def resolve(environment: Mapping[str, str]) -> Access:
    """The API and the key to use: the environment wins over the file.

    A key from the file is sent only to the address that it was given for, and the file's tenant is
    meant only with the file's key. Raises: NotSignedIn, Misused.
    """
    wanted = environment.get(URL)
    url = usable_url(wanted) if wanted else None
    tenant = environment.get(TENANT) or None
    key = environment.get(KEY)
    kept = load(location(environment)) if not (key and url) else None
    if key:
        return Access(url=url or (kept.url if kept else DEFAULT_URL), key=key, tenant=tenant)
    if kept is None:
        raise NotSignedIn("Nobody is signed in.", _SIGN_IN)
    if url is not None and url != kept.url:
        raise NotSignedIn(
            f"Nobody is signed in at {url} (the kept key is for {kept.url}).", _SIGN_IN
        )
    return Access(url=kept.url, key=kept.key, tenant=tenant or kept.tenant)
