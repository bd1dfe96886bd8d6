"""A backup's file appears whole, once, and for good."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from common.store.backup_file import Head, check, writing

HEAD = Head(datetime(2026, 3, 1, tzinfo=UTC), "heliograph", 1, 1)


def test_one_of_the_same_name_is_never_replaced_not_even_by_one_begun_before_it(
    tmp_path: Path,
) -> None:
    file = tmp_path / "backup"
    with pytest.raises(FileExistsError), writing(file, HEAD):
        file.write_bytes(b"another, meanwhile")
    assert file.read_bytes() == b"another, meanwhile"
    with pytest.raises(FileExistsError), writing(file, HEAD):
        pytest.fail("it is refused before hours of reading")
    assert [it.name for it in tmp_path.iterdir()] == ["backup"]


def test_two_of_the_same_name_do_not_write_into_one_draft(tmp_path: Path) -> None:
    file = tmp_path / "backup"
    slow = writing(file, HEAD)
    slow.__enter__().begin("messages")
    with writing(file, HEAD) as quick:
        quick.begin("consents")
    with pytest.raises(FileExistsError):
        slow.__exit__(None, None, None)
    assert check(file).keys() == {"consents"}


def test_its_name_is_synchronised_after_it_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synchronised: list[tuple[str, list[str]]] = []
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        names = [it.name for it in tmp_path.iterdir()]
        synchronised.append((str(Path(f"/proc/self/fd/{descriptor}").readlink()), names))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    with writing(tmp_path / "backup", HEAD):
        pass
    assert synchronised[-1] == (str(tmp_path), ["backup"])
