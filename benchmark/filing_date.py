"""The day a record was filed, beside the record: equal inputs give equal records, so that the day cannot stand in one.

``<record>.filed.json``, written once. A day in UTC is enough to build the board as it stood; nothing is ordered by it.
Whoever keeps the folder can write any day there: the history of the repository, or an attestation, is the proof.
Written by `bench score`, read by the board.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from pathlib import Path

from fundus2oct.benchmark.schema_file import SchemaFile
from fundus2oct.metrics.durable_file import write_json
from fundus2oct.metrics.errors import BenchError

FILED_NAME = re.compile(r"(\d{4,}-[0-9a-f]{8})\.filed\.json")
FILE = SchemaFile("filed", 1, 2**10)


def note_filing(record: Path, day: date | None = None) -> None:
    """Note beside ``record`` that it was filed on ``day``, today in UTC unless told; a note that is there stays."""
    path = filed_path(record)
    if not path.exists():
        told = (day or datetime.now(UTC).date()).isoformat()
        document = {"schema": "fundus2oct-filed", "schema_version": 1, "filed": told}
        write_json(path, FILE.check(document, where=path))


def read_filing(record: Path) -> date | None:
    """The day beside a record, if one was noted.

    Raises:
        BenchError: E_SCHEMA for what is no day, and what `SchemaFile.read` raises.
    """
    path = filed_path(record)
    if not path.exists():
        return None
    told = FILE.read(path)["filed"]
    try:
        return date.fromisoformat(told)
    except ValueError:
        raise BenchError(
            "E_SCHEMA", "no such day", where=f"{path}, $.filed", expected="a day, such as 2026-03-01", found=told
        ) from None


def filed_path(record: Path) -> Path:
    """Where the day of a record is noted."""
    return record.with_name(f"{record.stem}.filed.json")
