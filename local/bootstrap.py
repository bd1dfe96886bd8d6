"""From a bare machine to an environment: `python3 local/bootstrap.py local|dev`.

`scripts` gets only the scripts of the console, which go into an image.

Runs before anything is installed, so it uses the standard library only and stays readable for a
Python as old as 3.9, which then gets one clear sentence. A second run finds its stamp and ends in
a fraction of a second. What the commands print goes to `.local/bootstrap.log`.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import hashlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOG = ROOT / ".local" / "bootstrap.log"
STAMP = "heliograph-stamp.json"
OLDEST_PYTHON = (3, 11)

SCRIPTS_ONLY = "scripts"
COVERED_BY = {"local": ("local", "dev"), "dev": ("dev",)}
"""Which environments are good enough for a purpose: dev is a superset of local."""

SCRIPTS = ROOT / "services" / "health" / "console"
"""Of the console: `vendor/package-lock.json` names the scripts; they go to `static/vendor`."""
SCRIPT_FILES = {
    "htmx.min.js": "htmx.org/dist/htmx.min.js",
    "sse.js": "htmx-ext-sse/dist/sse.min.js",
}
CHROMIUM = "/usr/bin/chromium"
IMAGE_TOOLS = {"buildah": "buildah", "mmdebstrap": "mmdebstrap", "bwrap": "bubblewrap"}
"""Programs that build and start images without an engine, with their packages."""

APT = ("apt-get", "--quiet", "--yes", "-o", "DPkg::Lock::Timeout=120")
RABBITMQ_LIBRARY = Path("/usr/lib/rabbitmq/lib")
POLICY = Path("/usr/sbin/policy-rc.d")
POLICY_TEXT = "#!/bin/sh\n# Written by Heliograph while it installs a package.\nexit 101\n"

INDEXES = {"apt-get": "Debian package archive", "npm": "npm registry"}

UNREACHABLE = (
    "failed to establish a new connection",
    "temporary failure",
    "name or service not known",
    "nameresolutionerror",
    "network is unreachable",
    "no route to host",
    "connection refused",
    "connection timed out",
    "connecttimeouterror",
    "readtimeouterror",
    "proxyerror",
    "could not connect",
    "could not resolve",
    "unable to connect",
    "enotfound",
    "econnrefused",
    "etimedout",
    "eai_again",
)
"""What pip, apt-get and npm print, in lower case, when the network is the trouble."""


class BootstrapError(Exception):
    """The environment cannot be made; the message is one sentence that says what to do."""


class OldPython(BootstrapError):
    """The interpreter that runs this file is too old."""


class MissingVenv(BootstrapError):
    """Debian ships Python without venv and ensurepip."""


class MissingChromium(BootstrapError):
    """The browser of the tests is not there, and only root can install it."""


class MissingNpm(BootstrapError):
    """The console's scripts come from the npm registry, and only root can install npm."""


class MissingRabbitMQ(BootstrapError):
    """RabbitMQ is not there, and only root can install it."""


class Unreachable(BootstrapError):
    """A package index does not answer."""


class CommandFailed(BootstrapError):
    """A command failed for a reason that only its output tells."""


class AlteredPackage(BootstrapError):
    """A package does not have the hash that the lock file names."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Create or refresh Heliograph's environment.")
    parser.add_argument("purpose", choices=[*sorted(COVERED_BY), SCRIPTS_ONLY])
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv", help="its folder")
    parser.add_argument("--no-rabbitmq", action="store_true", help="do not install RabbitMQ")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # So that every `finally` runs.
    try:
        check_python(sys.version_info[:3])
        if options.purpose == SCRIPTS_ONLY:
            provide_scripts(required=True)
            return 0
        rabbitmq = not options.no_rabbitmq and rabbitmq_is_missing(os.environ)
        if rabbitmq:
            check_root(os.geteuid())
        if not is_current(options.venv, options.purpose):
            install_environment(options.venv, options.purpose)
        if rabbitmq:
            install_rabbitmq()
        provide_scripts(required=options.purpose == "dev")
        if options.purpose == "dev" and chromium_is_missing(os.environ):
            install_chromium()
        if options.purpose == "dev":
            provide_image_tools()
    except BootstrapError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def check_python(version: Sequence[int]) -> None:
    if tuple(version[:2]) < OLDEST_PYTHON:
        found = ".".join(map(str, version))
        raise OldPython(f"Heliograph needs Python 3.11 or newer; this is {found}.")


def check_root(user: int) -> None:
    if user != 0:
        raise MissingRabbitMQ(
            "RabbitMQ is not installed: run `apt-get install rabbitmq-server` as root, "
            "or set HELIOGRAPH_RABBITMQ_URL to a running server."
        )


def rabbitmq_is_missing(environment: Mapping[str, str]) -> bool:
    """False also where a running server is named, which makes an installation pointless."""
    if environment.get("HELIOGRAPH_RABBITMQ_URL"):
        return False
    scripts = any(RABBITMQ_LIBRARY.glob("rabbitmq_server-*/sbin/rabbitmq-server"))
    return not (shutil.which("erl") and (scripts or shutil.which("rabbitmq-server")))


def is_current(venv: Path, purpose: str) -> bool:
    """Whether the environment holds what the lock file asks for, judged by its stamp alone."""
    if not (venv / "bin" / "python").exists():
        return False
    try:
        stamps = json.loads((venv / STAMP).read_text(encoding="utf-8"))
        return any(stamps.get(name) == digest(name) for name in COVERED_BY[purpose])
    except (OSError, ValueError):
        return False


def digest(purpose: str) -> str:
    """Of everything that decides what is installed: lock file, project file, Python, place."""
    summary = hashlib.sha256()
    for path in (ROOT / "requirements" / f"{purpose}.txt", ROOT / "pyproject.toml"):
        summary.update(path.read_bytes())
    summary.update(f"{sys.version_info[:2]} {ROOT}".encode())
    return summary.hexdigest()


def install_environment(venv: Path, purpose: str) -> None:
    (venv / STAMP).unlink(missing_ok=True)
    python = str(venv / "bin" / "python")
    if not is_usable(venv):
        provide_venv_module()
        with step("Creating the environment"):
            run([sys.executable, "-m", "venv", "--clear", str(venv)])
    pip = [python, "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
    patience = ["--retries", "2", "--timeout", "20"]
    lock = ROOT / "requirements" / f"{purpose}.txt"
    with step(f"Installing the packages of requirements/{purpose}.txt"):
        run([*pip, *patience, "--require-hashes", "--no-deps", "-r", str(lock)])
    with step("Installing Heliograph itself"):
        run([*pip, "--no-deps", "--no-build-isolation", "-e", str(ROOT)])
    stamp = json.dumps({purpose: digest(purpose)})
    (venv / STAMP).write_text(stamp, encoding="utf-8")


def is_usable(venv: Path) -> bool:
    """Whether an environment is whole (not cut off half-way) and of this Python's version."""
    program = "import sys, pip; print(*sys.version_info[:2])"
    try:
        done = subprocess.run(
            [str(venv / "bin" / "python"), "-c", program],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=False,
        )
    except OSError:
        return False
    return done.stdout.decode().split() == [str(part) for part in sys.version_info[:2]]


def provide_venv_module() -> None:
    if importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip"):
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise MissingVenv(
            "This Python cannot create environments: "
            "run `apt-get install python3-venv` as root, then try again."
        )
    with step("Installing python3-venv"):
        apt_install("python3-venv")


def install_rabbitmq() -> None:
    if not shutil.which("apt-get"):
        raise MissingRabbitMQ(
            "RabbitMQ is not installed and this system has no apt-get: install RabbitMQ with its "
            "own package manager, or set HELIOGRAPH_RABBITMQ_URL to a running server."
        )
    with step("Installing RabbitMQ"), no_services_started():
        apt_install("rabbitmq-server")


def chromium_is_missing(environment: Mapping[str, str]) -> bool:
    """False also where HELIOGRAPH_CHROMIUM names a browser."""
    return not (environment.get("HELIOGRAPH_CHROMIUM") or Path(CHROMIUM).exists())


def install_chromium() -> None:
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise MissingChromium(
            "The console's tests need a browser: run `apt-get install chromium` as root, "
            "or set HELIOGRAPH_CHROMIUM to the path of one."
        )
    with step("Installing Chromium"):
        apt_install("chromium")


def provide_image_tools() -> None:
    """What builds the images in their test. Where it cannot be had, only that test is skipped."""
    missing = [package for tool, package in IMAGE_TOOLS.items() if not shutil.which(tool)]
    if missing and os.geteuid() == 0 and shutil.which("apt-get"):
        try:
            with step(f"Installing {', '.join(missing)}"):
                apt_install(*missing)
        except BootstrapError as error:
            print(f"No images can be built here: {error}")


def provide_scripts(*, required: bool) -> None:
    """The scripts of the console, as the lock file has them. Without them the console works too,
    page by page, so where npm is missing only the tests insist."""
    lock, target = SCRIPTS / "vendor" / "package-lock.json", SCRIPTS / "static" / "vendor"
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    stamp = target / "stamp"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return
    if not shutil.which("npm"):
        if not required:
            print("npm is not installed: the console will work, but without live updates.")
            return
        provide_npm()
    with step("Installing the console's scripts"):
        run(["npm", "ci", "--prefix", str(lock.parent), "--ignore-scripts", "--no-audit"])
        target.mkdir(parents=True, exist_ok=True)
        for name, source in SCRIPT_FILES.items():
            shutil.copyfile(lock.parent / "node_modules" / source, target / name)
        stamp.write_text(wanted, encoding="utf-8")


def provide_npm() -> None:
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise MissingNpm(
            "The console's scripts come from the npm registry: "
            "run `apt-get install npm` as root, then try again."
        )
    with step("Installing npm"):
        apt_install("npm")


def apt_install(*packages: str) -> None:
    """Package lists first: a container's are old or absent."""
    warnings = package_lists()
    install = [*APT, "install", "--no-install-recommends", *packages]
    code, output = attempt(install, apt_environment())
    if code:
        raise explain(install, code, warnings + output)


@functools.cache
def package_lists() -> str:
    """Get them, once however much is installed; what was printed.

    Without network the update only warns, so its output helps to explain a failed installation.
    """
    return attempt([*APT, "update"], apt_environment())[1]


def apt_environment() -> dict[str, str]:
    return {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}


@contextlib.contextmanager
def no_services_started() -> Iterator[None]:
    """Debian starts a server as soon as it is installed, unless policy-rc.d says no (exit 101).

    A broker of the system is not wanted: Heliograph runs a private one.
    """
    aside = POLICY.with_name("policy-rc.d.heliograph")
    if POLICY.exists() and POLICY.read_text() != POLICY_TEXT:
        POLICY.replace(aside)
    POLICY.write_text(POLICY_TEXT)
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()
        if aside.exists():
            aside.replace(POLICY)


@contextlib.contextmanager
def step(title: str) -> Iterator[None]:
    print(f"{title} … ", end="", flush=True)
    start = time.monotonic()
    try:
        yield
    except BaseException:
        print("failed", flush=True)
        raise
    print(f"done ({time.monotonic() - start:.0f} s)", flush=True)


def run(command: Sequence[str]) -> None:
    """Run a command; raise the sentence that fits its failure."""
    code, output = attempt(command)
    if code:
        raise explain(command, code, output)


def attempt(
    command: Sequence[str], environment: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Run a command with its output in the log; return its exit code and that output."""
    LOG.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    output = done.stdout.decode(errors="replace")
    with LOG.open("a", encoding="utf-8") as log:
        log.write(f"\n$ {' '.join(command)}\n{output}")
    return done.returncode, output


def explain(command: Sequence[str], code: int, output: str) -> BootstrapError:
    """The one sentence for a failed command."""
    lowered = output.lower()
    if "do not match the hashes" in lowered or "eintegrity" in lowered:
        return AlteredPackage(
            "A downloaded package does not have the hash in the lock file, "
            f"so nothing was installed; see {LOG}."
        )
    if any(sign in lowered for sign in UNREACHABLE):
        index = INDEXES.get(command[0], "Python package index")
        return Unreachable(
            f"Cannot reach the {index}; check the network or the proxy settings and try again, "
            f"or see {LOG}."
        )
    shown = " ".join([Path(command[0]).name, *command[1:]])
    last = output.strip().rpartition("\n")[2].strip(" .") or "it printed nothing"
    return CommandFailed(f"`{shown}` failed with exit code {code}: {last}; see {LOG}.")


if __name__ == "__main__":
    sys.exit(main())
