"""All entries of one board compared, as the content of its `pairwise.json`: what `bench compare --all` writes.

The statistics are `comparison`'s, the file's form `pairwise_file`'s; here they are put together from private files.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fundus2oct.benchmark import comparison, pairwise_file
from fundus2oct.benchmark.disclosure import Disclosure, round_numbers
from fundus2oct.benchmark.pairwise_file import Document
from fundus2oct.benchmark.rank_resamples import make_resamples
from fundus2oct.benchmark.ranking_file import RankingRule
from fundus2oct.benchmark.scored_run import ScoredRun, board_key
from fundus2oct.metrics import inference, rank_inference
from fundus2oct.metrics.durable_file import canonical_json

FAMILY = "all pairs listed for a metric, controls included; single-step max-t with the patients' covariance"
RANKS = "ranked entries alone: [1 + number significantly better, K - number significantly worse], all at once"
TIERS = (
    "a tier opens at the first ranked entry significantly worse than the tier's leader; for FVD only if the "
    "bias-matched distance has the same sign"
)


def boards(runs: Sequence[ScoredRun]) -> list[list[ScoredRun]]:
    """The runs of each board, sorted by team and method; boards sorted by dataset, phase and their keys."""
    groups: dict[str, list[ScoredRun]] = {}
    for run in runs:
        groups.setdefault(canonical_json(board_key(run.result)), []).append(run)
    ordered = [sorted(groups[key], key=lambda run: run.name) for key in sorted(groups)]
    return sorted(ordered, key=lambda group: _place(group[0]))


def _place(run: ScoredRun) -> tuple[str, str, str]:
    dataset = run.result["dataset"]
    return dataset["name"], dataset["version"], run.result["phase"]


def make_document(runs: Sequence[ScoredRun], rule: RankingRule | None = None) -> Document:
    """The content of one board's file.

    Args:
        runs: all runs of one board, sorted by team and method.
        rule: the organiser's; None puts the headline metrics together.
    """
    first, cards = runs[0].result, comparison.held_cards(runs[0])
    truth_hash, split, phase, container, versions = board_key(first)
    names = ("name", "version", "n_cases", "n_patients")
    return {
        "schema": pairwise_file.SCHEMA_NAME,
        "schema_version": pairwise_file.SCHEMA_VERSION,
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
        "metrics": {card.name: comparison.compare_all(card, runs) for card in cards},
        "resamples": make_resamples(runs, cards, rule),
    }


def write_comparison(root: Path, runs: Sequence[ScoredRun], rule: RankingRule | None = None) -> Path:
    """Compare all runs of one board and write its file; returns the path.

    Where the phase rounds what the public sees, the comparisons are rounded as the records are.
    """
    document = make_document(runs, rule)
    disclosed = [told for run in runs if (told := Disclosure.of(run.result)) is not None]
    digits = min((told.digits for told in disclosed if told.digits is not None), default=None)
    document |= {part: round_numbers(document[part], digits) for part in ("metrics", "resamples")}
    path = pairwise_file.filed_path(root, document)
    pairwise_file.write_pairwise(path, document)
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
