"""The file of a logical backup: a stream of BSON documents, compressed by gzip.

First a head, then one document `{"c": collection, "d": document}` for each that is stored, each
collection by `_id`, and last a tail with the count and the SHA-256 of each collection. A file
without its tail, or whose tail says something else than its documents, is damaged.
"""

from __future__ import annotations

import contextlib
import errno
import gzip
import hashlib
import os
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Final, cast
from uuid import uuid4

import bson
from bson.codec_options import CodecOptions
from bson.errors import InvalidBSON
from bson.raw_bson import RawBSONDocument

RAW: Final[CodecOptions[RawBSONDocument]] = CodecOptions(document_class=RawBSONDocument)
FORMAT: Final = "heliograph-backup"
FORMAT_VERSION: Final = 1

_LEVEL: Final = 6
_OWNER_ONLY: Final = 0o600


class DamagedBackup(Exception):
    """The file is no backup, or not whole."""

    code = "damaged_backup"


@dataclass(frozen=True, slots=True)
class Head:
    """When a backup was made, of which database, and in which shape its documents are."""

    at: datetime
    database: str
    schema_version: int
    compatible_from: int


@dataclass(slots=True)
class Sum:
    """The documents of one collection, by count and hash."""

    count: int = 0
    _hash: Any = field(default_factory=hashlib.sha256)

    def add(self, document: RawBSONDocument) -> None:
        self.count += 1
        self._hash.update(document.raw)

    @property
    def told(self) -> dict[str, Any]:
        """As the tail has it."""
        return {"count": self.count, "sha256": self._hash.hexdigest()}


class Writer:
    """Writes a backup."""

    def __init__(self, stream: gzip.GzipFile, head: Head):
        self._stream = stream
        self.sums: dict[str, Sum] = {}
        self._write(
            {
                "format": FORMAT,
                "v": FORMAT_VERSION,
                "at": head.at,
                "database": head.database,
                "schema_version": head.schema_version,
                "compatible_from": head.compatible_from,
            }
        )

    def begin(self, collection: str) -> None:
        """An empty collection has its place in the tail as well."""
        self.sums[collection] = Sum()

    def add(self, collection: str, document: RawBSONDocument) -> None:
        self.sums[collection].add(document)
        self._write({"c": collection, "d": document})

    def end(self) -> None:
        self._write({"end": True, "sums": {name: sum_.told for name, sum_ in self.sums.items()}})

    def _write(self, document: Mapping[str, Any]) -> None:
        self._stream.write(bson.encode(document))


@contextlib.contextmanager
def writing(file: Path, head: Head) -> Iterator[Writer]:
    """A backup that bears its name when it is whole, and that only its owner can read.

    Raises:
        FileExistsError: there is one of that name, which is left as it is.
        OSError: it cannot be written.
    """
    _refuse_existing(file)
    # A name of its own: what another backup writes meanwhile must not end under ours.
    draft = file.with_name(f"{file.name}.{uuid4().hex}.part")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    try:
        with (
            os.fdopen(descriptor, "wb") as raw,
            gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=_LEVEL, filename="") as stream,
        ):
            writer = Writer(stream, head)
            yield writer
            writer.end()
            stream.close()
            raw.flush()
            os.fsync(raw.fileno())
        _refuse_existing(file)
        draft.rename(file)
        _keep_names(file.parent)
    finally:
        draft.unlink(missing_ok=True)


def _refuse_existing(file: Path) -> None:
    if file.exists():
        raise FileExistsError(errno.EEXIST, "a file of that name is there; name another", str(file))


def _keep_names(folder: Path) -> None:
    """A name in a folder survives a loss of power when the folder is synchronised as well."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_head(file: Path) -> Head:
    """Raises DamagedBackup, OSError."""
    return _head(next(_documents(file), None))


def read(file: Path) -> Iterator[tuple[str, RawBSONDocument]]:
    """Every document with its collection. What is wrong shows at the end at the latest.

    Raises:
        DamagedBackup: it is no backup, or not whole; what came before may be part of one.
        OSError: it cannot be read.
    """
    documents = _documents(file)
    _head(next(documents, None))
    sums: dict[str, Sum] = {}
    for document in documents:
        if "end" in document:
            _compare(document["sums"], sums)
            return
        name, content = document["c"], document["d"]
        sums.setdefault(name, Sum()).add(content)
        yield name, content
    raise DamagedBackup("its end is missing")


def check(file: Path) -> dict[str, Mapping[str, Any]]:
    """Read it all; the count and the hash of each collection.

    Raises:
        DamagedBackup: it is no backup, or not whole.
        OSError: it cannot be read.
    """
    for _ in read(file):
        pass
    tail = next(document for document in _documents(file) if "end" in document)
    return {name: dict(tail["sums"][name]) for name in tail["sums"]}


def _compare(told: Mapping[str, Any], sums: Mapping[str, Sum]) -> None:
    for name in {*told, *sums}:
        expected = dict(told[name]) if name in told else Sum().told
        if sums.get(name, Sum()).told != expected:
            raise DamagedBackup(f"its documents of {name} are not those that were written")


def _documents(file: Path) -> Iterator[RawBSONDocument]:
    try:
        with gzip.open(file, "rb") as stream:
            yield from bson.decode_file_iter(cast("BinaryIO", stream), RAW)
    except (InvalidBSON, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DamagedBackup(f"it cannot be read ({type(error).__name__})") from None


def _head(document: RawBSONDocument | None) -> Head:
    if document is None or document.get("format") != FORMAT:
        raise DamagedBackup("it is no backup of Heliograph")
    if document["v"] != FORMAT_VERSION:
        raise DamagedBackup(f"it has version {document['v']}, which this release does not know")
    return Head(
        at=document["at"],
        database=document["database"],
        schema_version=document["schema_version"],
        compatible_from=document["compatible_from"],
    )
