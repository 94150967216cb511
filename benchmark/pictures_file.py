"""Pictures of one split for viewing: where they lie, what `pictures.json` says of them, and reading it with suspicion.

::

    ROOT/pictures/<dataset>-<version>/<split>/pictures.json
    .../eye-01/photograph.webp
    .../eye-01/bscans/truth.webp            six B-scans below one another
    .../eye-01/bscans/<team>/<method>.webp
    .../eye-01/en-face/...                  the same names: mean between the surfaces, six lines as a star

Eyes are numbered; no name of a case or a patient stands in the file. Made by `bench pictures`, read by the board. No
picture is decoded here, and neither torch nor numpy is loaded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from fundus2oct.benchmark import picture_file
from fundus2oct.benchmark.schema_file import SchemaFile
from fundus2oct.metrics.errors import BenchError

SCHEMA_NAME = "fundus2oct-pictures"
SCHEMA_VERSION = 1
FOLDER = "pictures"
FILE_NAME = "pictures.json"
MAX_FILE_BYTES = 2**22
"""Of one WebP file; the schema says the same."""

COLUMN_STEP = 4
"""Surfaces are kept in every fourth column."""

FILE = SchemaFile("pictures", SCHEMA_VERSION, max_bytes=2**26)
FIX = "run `bench pictures` again"
CHUNKS = (b"VP8 ", b"VP8L", b"VP8X", b"ALPH")
"""Parts of a WebP file that hold pixels; nothing else, such as a camera's notes, may be in one."""

Document = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """The pictures of one split, read and checked.

    Attributes:
        folder: where they lie.
        document: the content of `pictures.json`.
        files: path below the folder, with forward slashes -> bytes of the WebP file.
    """

    folder: Path
    document: Document
    files: dict[str, bytes]

    @property
    def truth_hash(self) -> str:
        """Of the split whose eyes these are."""
        return str(self.document["dataset"]["truth_hash"])


def split_folder(root: Path, name: str, version: str, split: str) -> Path:
    """Where the pictures of a split lie below a root of results."""
    return root / FOLDER / f"{name}-{version}" / split


def source_names(document: Document) -> list[str]:
    """``truth`` and ``team/method`` of every entry: the names of pictures of volumes."""
    return ["truth", *(f"{entry['team']}/{entry['method']}" for entry in document["entries"])]


def photograph_path(eye: str) -> str:
    """Path of an eye's photograph below the folder."""
    return f"{eye}/photograph.webp"


def bscans_path(eye: str, source: str) -> str:
    """Path of the six B-scans of one volume below the folder."""
    return f"{eye}/bscans/{source}.webp"


def en_face_path(eye: str, source: str) -> str:
    """Path of the en-face picture of one volume below the folder."""
    return f"{eye}/en-face/{source}.webp"


def listed_files(document: Document) -> Iterator[tuple[str, Document]]:
    """Every picture that `pictures.json` tells of: its path, and its bytes and sha256 there."""
    names = source_names(document)
    for eye in document["eyes"]:
        yield photograph_path(eye["id"]), eye["photograph"]["file"]
        for name, volume in zip(names, [eye["truth"], *eye["entries"]], strict=True):
            if volume is not None:
                yield bscans_path(eye["id"], name), volume["bscans"]
                yield en_face_path(eye["id"], name), volume["en_face"]


def find_pictures(root: Path) -> list[Path]:
    """Every folder of pictures below a root of results, sorted; hidden ones are half made and passed over."""
    folders = (path for path in (root / FOLDER).glob("*/*") if path.is_dir())
    return sorted(path for path in folders if not path.name.startswith(".") and not path.parent.name.startswith("."))


def read_pictures(folder: Path) -> Pictures:
    """Read one folder of pictures and check that it holds what `pictures.json` says, and nothing else.

    Raises:
        BenchError: what `SchemaFile.read` raises; E_PICTURES for a file that is missing, altered, unknown or no plain
            WebP, or an eye or a length that does not fit.
    """
    document = FILE.read(folder / FILE_NAME)
    _check_lengths(document, folder)
    _check_place(document, folder)
    listed = dict(listed_files(document))
    if unknown := sorted(_names_in(folder) - listed.keys() - {FILE_NAME}):
        raise _wrong("a file that pictures.json does not name", folder / unknown[0])
    return Pictures(
        folder=folder, document=document, files={name: _read(folder, name, listed[name]) for name in listed}
    )


def _check_place(document: Document, folder: Path) -> None:
    dataset = document["dataset"]
    expected = f"{dataset['name']}-{dataset['version']}/{dataset['split']}"
    if f"{folder.parent.name}/{folder.name}" != expected:
        raise _wrong("these pictures belong elsewhere", folder, expected=expected)


def _check_lengths(document: Document, folder: Path) -> None:
    """What a schema cannot say: one picture an entry, nothing twice, and no eye named that is not there."""
    where, names = folder / FILE_NAME, source_names(document)
    eyes = [eye["id"] for eye in document["eyes"]]
    if len(set(eyes)) < len(eyes) or len(set(names)) < len(names):
        raise _wrong("an eye or an entry stands there twice", where)
    for eye in document["eyes"]:
        if len(eye["entries"]) != len(document["entries"]):
            raise _wrong(f"{eye['id']} has another number of entries than the list", where)
    for entry in document["entries"]:
        told = entry["cases"] or {}
        picked = [told[which]["eye"] for which in ("best", "median", "worst") if which in told]
        if absent := [eye for eye in picked if eye not in eyes]:
            raise _wrong(f"{entry['team']}/{entry['method']} names an eye that is not there", where, found=absent[0])


def _names_in(folder: Path) -> set[str]:
    """Paths of everything in the folder that is no folder, hidden files left out."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return {PurePosixPath(path).as_posix() for path in paths if not path.name.startswith(".")}


def _read(folder: Path, name: str, told: Document) -> bytes:
    path = folder / name
    data = picture_file.read_bytes(path, max_bytes=MAX_FILE_BYTES)
    if len(data) != told["bytes"] or hashlib.sha256(data).hexdigest() != told["sha256"]:
        raise _wrong("not the file that pictures.json tells of", path, expected=f"{told['bytes']} bytes, its sha256")
    if not is_plain_webp(data):
        raise _wrong("no WebP file, or one with more than a picture in it", path)
    return data


def is_plain_webp(data: bytes) -> bool:
    """Whether the bytes are one WebP picture without notes, profile or animation."""
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP" or int.from_bytes(data[4:8], "little") + 8 != len(data):
        return False
    place = 12
    while place < len(data):
        if data[place : place + 4] not in CHUNKS:
            return False
        length = int.from_bytes(data[place + 4 : place + 8], "little")
        place += 8 + length + length % 2
    return place == len(data)


def _wrong(what: str, where: Path, *, expected: str | None = None, found: str | None = None) -> BenchError:
    return BenchError("E_PICTURES", what, where=where, expected=expected, found=found, fix=FIX)
