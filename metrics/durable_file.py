"""Writing files so that a kill, a full disk or a power cut leaves the old file or the new one, never half of one.

A temporary file in the same folder, fsync, rename, fsync of the folder. Every package may import this module.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import math
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from fundus2oct.metrics.errors import BenchError, ExitCode

TEMPORARY_PREFIX = ".tmp-"


@contextlib.contextmanager
def replacing(path: Path, *, survives_power_cut: bool = True) -> Iterator[BinaryIO]:
    """Open a temporary file beside ``path`` for writing; on success it becomes ``path`` in one step.

    Args:
        path: to be replaced.
        survives_power_cut: wait until the disk has it. Without, a power cut, and that alone, may leave an empty file:
            for what has a checksum and can be computed again.

    Raises:
        BenchError: E_DISK when the disk is full or the folder cannot be written; ``path`` is left as it was.
    """
    temporary = path.parent / f"{TEMPORARY_PREFIX}{secrets.token_hex(6)}-{path.name}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            if survives_power_cut:
                os.fsync(file.fileno())
        os.replace(temporary, path)
        if survives_power_cut:
            _sync_folder(path.parent)
    except OSError as error:
        raise _disk_error(error, path) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def write_bytes(path: Path, data: bytes, *, survives_power_cut: bool = True) -> None:
    """Write ``data`` to ``path`` whole, and durably unless that is not asked for."""
    with replacing(path, survives_power_cut=survives_power_cut) as file:
        file.write(data)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 ``text`` to ``path`` durably and whole."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write strict JSON (sorted keys, no NaN, two-space indent): equal values give equal bytes."""
    write_text(path, canonical_json(value, indent=2) + "\n")


def canonical_json(value: Any, *, indent: int | None = None) -> str:
    """Strict JSON with sorted keys; a NaN or an infinity raises ValueError.

    >>> canonical_json({"b": 1, "a": None})
    '{"a":null,"b":1}'
    """
    separators = (",", ": ") if indent else (",", ":")
    return json.dumps(value, sort_keys=True, allow_nan=False, ensure_ascii=False, indent=indent, separators=separators)


def sha256_file(path: Path) -> str:
    """Hexadecimal sha256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remove_temporaries(folder: Path, *, before: float = math.inf) -> None:
    """Remove what a killed writer left in ``folder``.

    Args:
        folder: where `replacing` wrote; anything but a folder holds none.
        before: only files last changed before this time, in seconds since 1970. Without it, call only while nobody
            else writes there.
    """
    for leftover in folder.glob(f"{TEMPORARY_PREFIX}*"):
        with contextlib.suppress(FileNotFoundError):
            if leftover.stat().st_mtime < before:
                leftover.unlink()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _disk_error(error: OSError, path: Path) -> BenchError:
    fix = "free some space and run the same command again" if error.errno == errno.ENOSPC else "check the folder"
    return BenchError(
        "E_DISK", f"cannot write: {error.strerror or error}", where=path, fix=fix, exit_code=ExitCode.INVALID
    )
