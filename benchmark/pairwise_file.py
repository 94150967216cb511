"""`pairwise.json`: every pair of entries of one board, as aggregates the board may show.

``ROOT/pairwise/<dataset>-<version>/<phase>-<key8>.json`` beside the teams' folders of results; key8 is the hash of the
board's key, so that boards of other metric versions get files of their own. Strict JSON with sorted keys: equal inputs
give equal bytes. Made by `board_comparison`; reading and checking, all that the board needs, load neither torch nor
numpy.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from fundus2oct.benchmark.schema_file import SchemaFile
from fundus2oct.metrics.durable_file import canonical_json, write_json

SCHEMA_NAME = "fundus2oct-pairwise"
SCHEMA_VERSION = 2
"""2 may hold `resamples`; a file of version 1 is read as it is, without them."""
FOLDER = "pairwise"

Document = dict[str, Any]


FILE = SchemaFile("pairwise", SCHEMA_VERSION, max_bytes=2**24)


def check_pairwise(document: Any, *, where: str | Path) -> Document:
    """Return ``document`` if it obeys the schema; raises what `SchemaFile.check` does."""
    return FILE.check(document, where=where)


def read_pairwise(path: Path) -> Document:
    """Read and check one file; raises what `SchemaFile.read` does."""
    return FILE.read(path)


def write_pairwise(path: Path, document: Document) -> None:
    """Check a document against the schema and write it durably."""
    write_json(path, check_pairwise(document, where=path))


def find_pairwise(root: Path) -> list[Path]:
    """Every file of comparisons below a root of results, sorted; hidden files are passed over."""
    found = sorted((root / FOLDER).glob("*/*.json"))
    return [path for path in found if not any(part.startswith(".") for part in path.relative_to(root).parts)]


def filed_path(root: Path, document: Document) -> Path:
    """Where a board's builder looks for it: ``ROOT/pairwise/<dataset>-<version>/<phase>-<key8>.json``."""
    dataset = document["board"]["dataset"]
    key8 = hashlib.sha256(canonical_json(board_key(document)).encode("utf-8")).hexdigest()[:8]
    name = f"{document['board']['phase']}-{key8}.json"
    return root / FOLDER / f"{dataset['name']}-{dataset['version']}" / name


def board_key(document: Document) -> list[Any]:
    """What must be equal for a result to stand on the board that was compared; as `scored_run.board_key` gives it."""
    board = document["board"]
    return [board[name] for name in ("truth_hash", "split", "phase", "container", "metric_versions")]
