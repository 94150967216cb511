"""The sha256 of files that belong together, beside them: one that was altered, or is of another run, is noticed.

A sum finds accidents: a flipped byte, a kill between two files. It proves nothing against intent.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from fundus2oct.metrics.durable_file import sha256_file, write_json
from fundus2oct.metrics.errors import BenchError

NAME = "sums.json"


def write_sums(folder: Path, sums: Mapping[str, str]) -> None:
    """Write file name -> hexadecimal sha256."""
    write_json(folder / NAME, dict(sums))


def require_sums(folder: Path, names: Iterable[str], *, fix: str) -> None:
    """Refuse files that are not as they were written; nothing is known where an earlier version wrote no sums.

    Args:
        folder: where they lie.
        names: of the files.
        fix: what to do.

    Raises:
        BenchError: E_CHANGED naming the first file that differs; E_FORMAT when the sums themselves cannot be read.
    """
    path = folder / NAME
    if not path.exists():
        return
    try:
        sums = dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise BenchError("E_FORMAT", "cannot be read", where=path, found=str(error), fix=fix) from None
    for name in names:
        if sha256_file(folder / name) != sums.get(name):
            what = "not as scoring left it"
            raise BenchError("E_CHANGED", what, where=folder / name, expected=f"its sha256 in {NAME}", fix=fix)
