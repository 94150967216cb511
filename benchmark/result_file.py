"""`result.json`: the public record of one scored run, and the append-only tree in which records are kept.

Aggregates only: nothing per case or per patient. Equal inputs give equal bytes, so times are not in it. The schema
ships beside this file; a value that could not be computed is null with a reason, never NaN.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

from fundus2oct.benchmark.schema_file import SchemaFile
from fundus2oct.metrics.durable_file import canonical_json, remove_temporaries, write_bytes, write_json

SCHEMA_NAME = "fundus2oct-result"
SCHEMA_VERSION = 2
"""2 may hold `strata`; a record of version 1 is read as it is, without them."""

MAX_BYTES = 2**22
RESULT_NAME = re.compile(r"(\d{4,})-([0-9a-f]{8})\.json")
CASES_NAME = re.compile(r"(\d{4,}-[0-9a-f]{8})\.per_case\.csv")
"""Values per case beside a record, where the phase discloses them."""

Result = dict[str, Any]


FILE = SchemaFile("result", SCHEMA_VERSION, MAX_BYTES)


def result_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a result file."""
    return FILE.schema()


def check_result(result: Any, *, where: str | Path) -> Result:
    """Return ``result`` if it obeys the schema; raises what `SchemaFile.check` does."""
    return FILE.check(result, where=where)


def read_result(path: Path) -> Result:
    """Read and check one result file; raises what `SchemaFile.read` does."""
    return FILE.read(path)


def write_result(path: Path, result: Result) -> None:
    """Check ``result`` against the schema and write it durably."""
    write_json(path, check_result(result, where=path))


def publish_result(result: Result, root: Path) -> Path:
    """File a result under ``root``, append-only, as design fixes it.

    ``root/<team>/<method>/results/<dataset>-<version>/<phase>/<NNNN>-<hash8>.json``. A record with the same bytes is
    not filed twice. Only one process at a time may file records of one entry.

    Returns:
        the path of the record.
    """
    check_result(result, where=root)
    entry, dataset = result["entry"], result["dataset"]
    place = f"{entry['team']}/{entry['method']}/results/{dataset['name']}-{dataset['version']}/{result['phase']}"
    data = (canonical_json(result, indent=2) + "\n").encode("utf-8")
    digest = hashlib.sha256(data).hexdigest()[:8]
    remove_temporaries(root / place)
    records = list_records(root / place)
    for record in records:
        if record.read_bytes() == data:
            return record
    number = 1 + max((int(record.name.split("-")[0]) for record in records), default=0)
    path = root / place / f"{number:04d}-{digest}.json"
    write_bytes(path, data)
    return path


def cases_path(record: Path) -> Path:
    """Where the values per case of a record lie."""
    return record.with_name(f"{record.stem}.per_case.csv")


def list_records(folder: Path) -> list[Path]:
    """The records in one phase folder, oldest first."""
    if not folder.is_dir():
        return []
    named = [path for path in folder.iterdir() if RESULT_NAME.fullmatch(path.name)]
    return sorted(named, key=lambda path: (int(path.name.split("-")[0]), path.name))
