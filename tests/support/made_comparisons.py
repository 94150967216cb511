"""Comparisons of made records: the scorer's own code on values per patient that are made to fit the records."""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fundus2oct.benchmark import board_comparison
from fundus2oct.benchmark.pairwise_file import Document, filed_path, write_pairwise
from fundus2oct.benchmark.ranking_file import RankingRule
from fundus2oct.benchmark.result_file import Result
from fundus2oct.benchmark.scored_run import ScoredRun
from fundus2oct.metrics.catalogue import card
from fundus2oct.metrics.durable_file import canonical_json

PATIENTS = np.array([f"p{i:02d}" for i in range(12)])
SPREAD = {"set": 4.0, "case": 0.004}
"""Standard error of an entry's own part of a value, roughly."""


def scored(result: Result) -> ScoredRun:
    """A scored run whose values per patient give the record's values."""
    rng = np.random.default_rng(sum(map(ord, result["entry"]["method"])))
    arrays: dict[str, Any] = {}
    for name, told in sorted(result["metrics"].items()):
        level = card(name).level
        own = rng.normal(size=12) * SPREAD[level]
        own -= own.mean()
        arrays |= {f"{name}.patients": PATIENTS, f"{name}.n": np.full(12, 2)}
        value = told["value"] or 0.0
        arrays |= {f"{name}.mean": value + own * 3} if level == "case" else {f"{name}.delete_one": value - own / 3}
    return ScoredRun(folder=Path(result["entry"]["method"]), result=result, per_patient=arrays)


def compared(results: Sequence[Result], rule: RankingRule | None = None) -> Document:
    """The comparisons of the records of one board, made once for all tests that ask for them."""
    return copy.deepcopy(_compared(canonical_json(list(results)), rule))


@functools.cache
def _compared(results: str, rule: RankingRule | None) -> Document:
    runs = sorted((scored(result) for result in json.loads(results)), key=lambda run: run.name)
    return board_comparison.make_document(runs, rule)


def with_matched(results: Sequence[Result], values: dict[str, float] | None = None) -> list[Result]:
    """The records with a bias-matched distance, by method; where none is given, it is the FVD."""
    version = card("bias_matched_fd").version
    for result in results:
        fvd = result["metrics"]["fvd"]
        value = (values or {}).get(result["entry"]["method"], fvd["value"])
        result["metrics"]["bias_matched_fd"] = {**fvd, "version": version, "value": value, "uncertainty": None}
        result["protocol"]["metric_versions"]["bias_matched_fd"] = version
    return list(results)


def file_comparisons(root: Path, document: Document) -> Path:
    """Write the comparisons where the board's builder looks for them."""
    path = filed_path(root, document)
    write_pairwise(path, document)
    return path
