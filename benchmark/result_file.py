"""`result.json`: the public record of one scored run, and the append-only tree in which records are kept.

Aggregates only: nothing per case or per patient. Equal inputs give equal bytes, so times are not in it. The schema
ships beside this file; a value that could not be computed is null with a reason, never NaN.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from importlib import resources
from pathlib import Path
from typing import Any

from fundus2oct.benchmark import picture_file
from fundus2oct.metrics.durable_file import canonical_json, remove_temporaries, write_bytes, write_json
from fundus2oct.metrics.errors import BenchError

SCHEMA_NAME = "fundus2oct-result"
SCHEMA_VERSION = 1
MAX_BYTES = 2**22
RESULT_NAME = re.compile(r"(\d{4,})-([0-9a-f]{8})\.json")

Result = dict[str, Any]


@functools.cache
def result_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a result file."""
    text = resources.files("fundus2oct.benchmark").joinpath("result.schema.json").read_text("utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def check_result(result: Any, *, where: str | Path) -> Result:
    """Return ``result`` if it obeys the schema.

    Raises:
        BenchError: E_SCHEMA with the first broken rule; E_VERSION for a record of a newer harness.
    """
    from jsonschema import Draft202012Validator

    if isinstance(result, dict) and isinstance(found := result.get("schema_version"), int) and found > SCHEMA_VERSION:
        raise BenchError(
            "E_VERSION",
            "result was written by a newer version",
            where=where,
            expected=f"schema version <= {SCHEMA_VERSION}",
            found=str(found),
            fix="update fundus2oct",
        )
    errors = sorted(Draft202012Validator(result_schema()).iter_errors(result), key=lambda e: e.json_path)
    if errors:
        raise BenchError("E_SCHEMA", errors[0].message[:300], where=f"{where}, {errors[0].json_path}")
    return result  # type: ignore[no-any-return]  # the schema has just said that it is an object


def read_result(path: Path) -> Result:
    """Read and check one result file with a strict parser (no NaN, no duplicate key).

    Raises:
        BenchError: E_FORMAT, E_SCHEMA or E_VERSION, naming the file; exit code 3.
    """
    try:
        text = picture_file.read_bytes(path, max_bytes=MAX_BYTES).decode("utf-8")
        document = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_unique_keys)
        canonical_json(document).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise BenchError("E_FORMAT", "not strict JSON", where=path, found=str(error)) from None
    return check_result(document, where=path)


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


def list_records(folder: Path) -> list[Path]:
    """The records in one phase folder, oldest first."""
    if not folder.is_dir():
        return []
    named = [path for path in folder.iterdir() if RESULT_NAME.fullmatch(path.name)]
    return sorted(named, key=lambda path: (int(path.name.split("-")[0]), path.name))


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not allowed")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    if len(set(keys)) != len(keys):
        raise ValueError("an object has the same key twice")
    return dict(pairs)
