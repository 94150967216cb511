"""JSON files with a schema that ships beside this one: checked when written, read by a strict parser.

One mechanism for `result_file`, `pairwise_file` and `audit_file`. Loads neither torch nor numpy.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from fundus2oct.benchmark import picture_file
from fundus2oct.metrics.durable_file import canonical_json
from fundus2oct.metrics.errors import BenchError

Document = dict[str, Any]


@dataclass(frozen=True)
class SchemaFile:
    """One kind of file.

    Attributes:
        noun: what a message calls it, such as ``result``; the schema is ``<noun>.schema.json``.
        version: the newest schema version that this harness knows.
        max_bytes: a larger file is not read.
    """

    noun: str
    version: int
    max_bytes: int

    def schema(self) -> Document:
        """The JSON Schema (draft 2020-12)."""
        return _schema(self.noun)

    def check(self, document: Any, *, where: str | Path) -> Document:
        """Return ``document`` if it obeys the schema.

        Raises:
            BenchError: E_SCHEMA with the first broken rule; E_VERSION for a file of a newer harness.
        """
        from jsonschema import Draft202012Validator

        found = document.get("schema_version") if isinstance(document, dict) else None
        if isinstance(found, int) and found > self.version:
            raise BenchError(
                "E_VERSION",
                f"{self.noun} was written by a newer version",
                where=where,
                expected=f"schema version <= {self.version}",
                found=str(found),
                fix="update fundus2oct",
            )
        errors = sorted(Draft202012Validator(self.schema()).iter_errors(document), key=lambda e: e.json_path)
        if errors:
            raise BenchError("E_SCHEMA", errors[0].message[:300], where=f"{where}, {errors[0].json_path}")
        return document  # type: ignore[no-any-return]  # the schema has just said that it is an object

    def read(self, path: Path) -> Document:
        """Read and check one file with a strict parser (no NaN, no duplicate key).

        Raises:
            BenchError: E_FORMAT, E_SCHEMA or E_VERSION, naming the file; exit code 3.
        """
        try:
            text = picture_file.read_bytes(path, max_bytes=self.max_bytes).decode("utf-8")
            document = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_unique_keys)
            canonical_json(document).encode("utf-8")
        except (ValueError, RecursionError) as error:
            raise BenchError("E_FORMAT", "not strict JSON", where=path, found=str(error)) from None
        return self.check(document, where=path)


@functools.cache
def _schema(noun: str) -> Document:
    text = resources.files("fundus2oct.benchmark").joinpath(f"{noun}.schema.json").read_text("utf-8")
    schema: Document = json.loads(text)
    return schema


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not allowed")


def _unique_keys(pairs: list[tuple[str, Any]]) -> Document:
    keys = [key for key, _ in pairs]
    if len(set(keys)) != len(keys):
        raise ValueError("an object has the same key twice")
    return dict(pairs)
