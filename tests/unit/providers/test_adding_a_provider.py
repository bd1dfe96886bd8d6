"""The guide "Add a provider in an afternoon" is followed: what stands in its blocks is written into
a copy of the repository, where a seventh, fictional provider keeps every promise of an adapter."""

from __future__ import annotations

import ast
import difflib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
GUIDE = ROOT / "docs/providers/adding-a-provider.md"
HOOKS = ROOT / "tests/conformance/provider_hooks.py"

ADAPTER = "libs/common/providers/pigeonry.py"
TESTS = "tests/unit/providers/test_pigeonry.py"
REGISTRY = "libs/common/providers/registry.py"

COPIED = (
    "libs",
    "services",
    "tests/conformance",
    "tests/conftest.py",
    "tests/unit/providers/conftest.py",
    "tests/unit/test_provider_specs.py",
    "pyproject.toml",
)
"""What the newcomer and its tests are run with."""

BLOCK = re.compile(
    r"(?:^<!-- (?P<path>\S+) -->\n)?^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of code in the guide; `path` is the file that it belongs to, if it says so."""

    path: str | None
    kind: str
    text: str


def blocks(page: str) -> list[Block]:
    return [Block(found["path"], found["kind"], found["text"]) for found in BLOCK.finditer(page)]


def written(page: str) -> dict[str, str]:
    """The new files of the guide: the blocks of each, in order. What is indented goes on with the
    class before it."""
    files: dict[str, str] = {}
    for block in blocks(page):
        if block.kind == "python":
            assert block.path, f"a block does not say whose it is: {block.text[:80]}"
            before = files.get(block.path)
            gap = "" if before is None else "\n" if block.text.startswith(" ") else "\n\n"
            files[block.path] = (before or "") + gap + block.text
    return files


def patched(old: str, diff: str) -> str:
    """A file with the lines that a diff adds to it; each piece of the diff fits one place."""
    for hunk in diff.split("@@\n"):
        lines = hunk.splitlines(keepends=True)
        assert {line[0] for line in lines} == {" ", "+"}, "a line is neither there nor added"
        here = "".join(line[1:] for line in lines if line[0] == " ")
        assert old.count(here) == 1, f"the registry is not what the guide shows:\n{here}"
        old = old.replace(here, "".join(line[1:] for line in lines))
    return old


def follow(page: str, root: Path) -> None:
    """Do what the guide says."""
    for path, text in written(page).items():
        assert not (root / path).exists(), path
        (root / path).write_text(text, encoding="utf-8")
    for block in blocks(page):
        if block.kind == "diff":
            assert block.path
            file = root / block.path
            file.write_text(patched(file.read_text(encoding="utf-8"), block.text), encoding="utf-8")


def state_of(root: Path) -> dict[str, str]:
    """Every file below a folder, with a digest of it."""
    files = (path for path in root.rglob("*") if path.is_file())
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }


@dataclass(frozen=True, slots=True)
class House:
    """A copy of the repository in which the guide was followed: its files before and after."""

    root: Path
    before: dict[str, str]
    after: dict[str, str]
    registry: str

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run Python with the copy's packages, and none of the tests' own settings."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTEST", "HELIOGRAPH", "COV_"))
        }
        sources = os.pathsep.join(str(self.root / name) for name in ("services", "libs", "."))
        return subprocess.run(
            [sys.executable, *command],
            cwd=self.root,
            env=kept | {"PYTHONPATH": sources},
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )


@pytest.fixture(scope="module")
def page() -> str:
    return GUIDE.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, page: str) -> House:
    root = tmp_path_factory.mktemp("afternoon")
    unwanted = shutil.ignore_patterns("__pycache__", "node_modules", "*.pyc")
    for name in COPIED:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, root / name, ignore=unwanted)
        else:
            shutil.copy2(ROOT / name, root / name)
    before, registry = state_of(root), (root / REGISTRY).read_text(encoding="utf-8")
    follow(page, root)
    return House(root, before, state_of(root), registry)


def test_a_seventh_provider_is_one_adapter_its_tests_and_a_line_in_the_registry(
    house: House,
) -> None:
    assert house.before.keys() <= house.after.keys()
    assert house.after.keys() - house.before.keys() == {ADAPTER, TESTS}
    changed = {name for name, digest in house.before.items() if house.after[name] != digest}
    assert changed == {REGISTRY}

    now = (house.root / REGISTRY).read_text(encoding="utf-8")
    lines = list(difflib.ndiff(house.registry.splitlines(), now.splitlines()))
    assert [line for line in lines if line[0] not in " ?"] == [
        "+ from common.providers.pigeonry import Pigeonry",
        "+         Pigeonry(),",
    ]


def test_it_keeps_every_promise_of_an_adapter(house: House) -> None:
    described = "tests/unit/test_provider_specs.py"
    told = house.run(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "pigeonry", TESTS, described
    )
    said = told.stdout[-6_000:] + told.stderr[-2_000:]
    assert told.returncode == 0, said
    passed = re.search(r"(\d+) passed", told.stdout)
    assert passed, said
    assert int(passed[1]) > 150, said


LOOKING = """
import json
from pathlib import Path
from types import SimpleNamespace

import common
from common.optout.answering import who_answers
from common.providers.specs import SPECS
from common.secrets import generate_master_key
from common.sender_types import NumberType
from common.sending_rules import DEFAULT
from health.api.providers import ProviderView
from health.console.wizard_pages import choices
from health.desk.tenants import FEATURES
from heliograph.models import Keyword
from sender.settings import SenderSettings
from webhook.app import CALLING_BACK

spec = SPECS["pigeonry"]
tenant = SimpleNamespace(name="Acme", features=FEATURES)
settings = SenderSettings(
    rabbitmq_url="amqp://127.0.0.1",
    mongodb_uri="mongodb://127.0.0.1",
    master_key="k:" + generate_master_key(),
    provider_addresses="pigeonry=http://127.0.0.1:8500",
)
print(json.dumps({
    "copy": str(Path(common.__file__).parents[2]),
    "offered": [it.spec.name for it in choices(tenant, frozenset(SPECS)) if it.reason is None],
    "listed": ProviderView.of(spec, available=True).model_dump(mode="json"),
    "called at": list(CALLING_BACK),
    "address": settings.providers["pigeonry"].base_url,
    "answers": who_answers("pigeonry", NumberType.LOCAL, "GB", DEFAULT, Keyword.OPT_OUT),
}))
"""


def test_console_api_webhook_and_settings_know_it_without_any_other_change(house: House) -> None:
    told = house.run("-c", LOOKING)
    assert told.returncode == 0, told.stderr[-3_000:]
    seen: dict[str, Any] = json.loads(told.stdout)
    assert seen["copy"] == str(house.root)
    assert "pigeonry" in seen["offered"]
    assert "pigeonry" in seen["called at"]
    assert seen["listed"]["title"] == "Pigeonry"
    assert [it["name"] for it in seen["listed"]["parameters"]] == ["api_key"]
    assert seen["listed"]["callbacks"][0]["path_template"].startswith("/api/webhooks/pigeonry/")
    assert seen["address"] == "http://127.0.0.1:8500"
    assert seen["answers"] == "us"


def test_its_code_is_in_the_houses_form(house: House) -> None:
    for habit in (("check",), ("format", "--check")):
        told = house.run("-m", "ruff", *habit, "--no-cache", ADAPTER, TESTS, REGISTRY)
        assert told.returncode == 0, told.stdout + told.stderr


def test_the_guide_holds_two_whole_files_that_compile(page: str) -> None:
    files = written(page)
    assert set(files) == {ADAPTER, TESTS}
    for path, text in files.items():
        compile(text, path, "exec")
    assert [block.path for block in blocks(page) if block.kind == "diff"] == [REGISTRY]


def test_the_adapter_is_an_afternoons_work(page: str) -> None:
    """About 200 lines, beside what it imports and the blank ones; no file has more than 300."""
    text = written(page)[ADAPTER]
    imports = [it for it in ast.parse(text).body if isinstance(it, ast.Import | ast.ImportFrom)]
    imported = sum((it.end_lineno or it.lineno) - it.lineno + 1 for it in imports)
    lines = [line for line in text.splitlines() if line]
    assert len(lines) - imported <= 200
    assert all(text.count("\n") <= 300 for text in written(page).values())


def hooks_without_a_default() -> set[str]:
    """What the suite asks of every adapter's test class."""
    (hooks,) = (
        item
        for item in ast.parse(HOOKS.read_text(encoding="utf-8")).body
        if isinstance(item, ast.ClassDef) and item.name == "Hooks"
    )
    names = set()
    for item in hooks.body:
        if isinstance(item, ast.AnnAssign) and item.value is None:
            names.add(ast.unparse(item.target))
        if isinstance(item, ast.FunctionDef) and "NotImplementedError" in ast.unparse(item):
            names.add(item.name)
    return names


def test_every_hook_without_a_default_is_explained_and_given(page: str) -> None:
    wanted = hooks_without_a_default()
    assert {"provider", "payloads", "covers", "report_of", "quoting"} <= wanted
    tree = ast.parse(written(page)[TESTS])
    (suite,) = (item for item in tree.body if isinstance(item, ast.ClassDef))
    given = set()
    for item in suite.body:
        targets = getattr(item, "targets", [getattr(item, "target", item)])
        given |= {getattr(it, "id", getattr(it, "name", "")) for it in targets}
    assert wanted <= given
    prose = BLOCK.sub("", page)
    assert {name for name in wanted if f"`{name}`" not in prose} == set()


def test_every_file_that_the_guide_names_is_there_or_is_what_it_adds(page: str) -> None:
    """A name without a folder is a neighbour of the adapter."""
    for path in re.findall(r"`([a-z_/]+\.py)`", page):
        whole = path if "/" in path else str(Path(ADAPTER).with_name(path))
        assert (ROOT / whole).exists() is not ("pigeonry" in path), path


def test_a_guide_that_no_longer_fits_is_noticed(page: str) -> None:
    registry = (ROOT / REGISTRY).read_text(encoding="utf-8")
    (diff,) = (block.text for block in blocks(page) if block.kind == "diff")
    with pytest.raises(AssertionError, match="not what the guide shows"):
        patched(registry.replace("        Link(),\n", ""), diff)
    with pytest.raises(AssertionError, match="does not say whose"):
        written(page.replace(f"<!-- {ADAPTER} -->\n", "", 1))
