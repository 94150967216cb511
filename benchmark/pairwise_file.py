"""`pairwise.json`: every pair of entries of one board, as aggregates the board may show.

``ROOT/pairwise/<dataset>-<version>/<phase>-<key8>.json`` beside the teams' folders of results; key8 is the hash of the
board's key, so that boards of other metric versions get files of their own. Strict JSON with sorted keys: equal inputs
give equal bytes. Made by `bench compare --all` from private files, read by the board.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fundus2oct.benchmark import comparison
from fundus2oct.benchmark.disclosure import Disclosure, round_numbers
from fundus2oct.benchmark.schema_file import SchemaFile
from fundus2oct.benchmark.scored_run import ScoredRun, board_key
from fundus2oct.metrics import inference, rank_inference
from fundus2oct.metrics.durable_file import canonical_json, write_json

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


FILE = SchemaFile("pairwise", SCHEMA_VERSION, max_bytes=2**24)


def check_pairwise(document: Any, *, where: str | Path) -> Document:
    """Return ``document`` if it obeys the schema; raises what `SchemaFile.check` does."""
    return FILE.check(document, where=where)


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
    """Compare all runs of one board and write its file; returns the path.

    Where the phase rounds what the public sees, the comparisons are rounded as the records are.
    """
    path, document = root / file_name(runs[0]), make_document(runs)
    rules = [rule for run in runs if (rule := Disclosure.of(run.result)) is not None]
    digits = min((rule.digits for rule in rules if rule.digits is not None), default=None)
    document["metrics"] = round_numbers(document["metrics"], digits)
    write_json(path, check_pairwise(document, where=path))
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
