"""`pairwise.json`: every pair of entries of one board, as aggregates the board may show.

``ROOT/pairwise/<dataset>-<version>/<phase>-<key8>.json`` beside the teams' folders of results; key8 is the hash of the
board's key, so that boards of other metric versions get files of their own. Strict JSON with sorted keys: equal inputs
give equal bytes. Made by `bench compare --all` from private files, read by the board.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from fundus2oct.benchmark import comparison
from fundus2oct.benchmark.scored_run import ScoredRun, board_key
from fundus2oct.metrics import inference, rank_inference
from fundus2oct.metrics.durable_file import canonical_json, write_json
from fundus2oct.metrics.errors import BenchError

SCHEMA_NAME = "fundus2oct-pairwise"
SCHEMA_VERSION = 1
FOLDER = "pairwise"

FAMILY = "all pairs listed for a metric, controls included; single-step max-t with the patients' covariance"
RANKS = "ranked entries alone: [1 + number significantly better, K - number significantly worse], all at once"
TIERS = (
    "a tier opens at the first ranked entry significantly worse than the tier's leader; for FVD only if the "
    "bias-matched distance has the same sign"
)

Document = dict[str, Any]


@functools.cache
def pairwise_schema() -> Document:
    """The JSON Schema (draft 2020-12) of a pairwise file."""
    text = resources.files("fundus2oct.benchmark").joinpath("pairwise.schema.json").read_text("utf-8")
    schema: Document = json.loads(text)
    return schema


def check_pairwise(document: Any, *, where: str | Path) -> Document:
    """Return ``document`` if it obeys the schema.

    Raises:
        BenchError: E_SCHEMA with the first broken rule; E_VERSION for a file of a newer harness.
    """
    from jsonschema import Draft202012Validator

    version = document.get("schema_version") if isinstance(document, dict) else None
    if isinstance(version, int) and version > SCHEMA_VERSION:
        expected = f"schema version <= {SCHEMA_VERSION}"
        raise BenchError("E_VERSION", "newer file", where=where, expected=expected, fix="update fundus2oct")
    errors = sorted(Draft202012Validator(pairwise_schema()).iter_errors(document), key=lambda e: e.json_path)
    if errors:
        raise BenchError("E_SCHEMA", errors[0].message[:300], where=f"{where}, {errors[0].json_path}")
    return document  # type: ignore[no-any-return]  # the schema has just said that it is an object


def boards(runs: Sequence[ScoredRun]) -> list[list[ScoredRun]]:
    """The runs of each board, sorted by team and method; boards sorted by their files' names."""
    groups: dict[str, list[ScoredRun]] = {}
    for run in runs:
        groups.setdefault(canonical_json(board_key(run.result)), []).append(run)
    ordered = [sorted(group, key=lambda run: run.name) for group in groups.values()]
    return sorted(ordered, key=lambda group: file_name(group[0]))


def file_name(run: ScoredRun) -> str:
    """Path of a board's file below the root of results, from any of its runs."""
    dataset = run.result["dataset"]
    key = hashlib.sha256(canonical_json(board_key(run.result)).encode("utf-8")).hexdigest()[:8]
    return f"{FOLDER}/{dataset['name']}-{dataset['version']}/{run.result['phase']}-{key}.json"


def make_document(runs: Sequence[ScoredRun]) -> Document:
    """The content of one board's file.

    Args:
        runs: all runs of one board, sorted by team and method.
    """
    first = runs[0].result
    truth_hash, split, phase, container, versions = board_key(first)
    names = ("name", "version", "n_cases", "n_patients")
    return {
        "schema": SCHEMA_NAME,
        "schema_version": SCHEMA_VERSION,
        "board": {
            "dataset": {name: first["dataset"][name] for name in names},
            "truth_hash": truth_hash,
            "split": split,
            "phase": phase,
            "container": container,
            "metric_versions": versions,
        },
        "rules": {
            "level": comparison.LEVEL,
            "family": FAMILY,
            "ranks": RANKS,
            "tiers": TIERS,
            "max_t_draws": rank_inference.DRAWS,
            "permutations": inference.permutations_needed(len(runs), comparison.LEVEL),
        },
        "entries": [_entry(run) for run in runs],
        "metrics": {card.name: comparison.compare_all(card, runs) for card in comparison.held_cards(runs[0])},
    }


def write_pairwise(root: Path, runs: Sequence[ScoredRun]) -> Path:
    """Compare all runs of one board and write its file; returns the path."""
    path = root / file_name(runs[0])
    write_json(path, check_pairwise(make_document(runs), where=path))
    return path


def _entry(run: ScoredRun) -> Document:
    entry = run.result["entry"]
    return {
        "team": entry["team"],
        "method": entry["method"],
        "kind": entry["kind"],
        "is_ranked": run.is_ranked,
        "volumes_hash": run.result["run"]["volumes_hash"],
    }
