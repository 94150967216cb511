"""What the page of one entry shows, as text: its sections, failures, provenance, history, citation.

Called by `leaderboard.pages`. Everything in a result file that a reader could check stands on this page.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fundus2oct.leaderboard.anatomy_view import AnatomyView, view_anatomy
from fundus2oct.leaderboard.board import Board, board_key
from fundus2oct.leaderboard.board_view import make_cell
from fundus2oct.leaderboard.citation import bibtex_citation, plain_citation
from fundus2oct.leaderboard.controls_view import (
    MemorisationView,
    PhotographView,
    view_memorisation,
    view_photograph,
)
from fundus2oct.leaderboard.facts_view import view_facts
from fundus2oct.leaderboard.ranking import Row
from fundus2oct.leaderboard.results_tree import Entry
from fundus2oct.leaderboard.spread_view import SpreadView, view_spreads
from fundus2oct.leaderboard.strata_view import StrataView, view_strata
from fundus2oct.leaderboard.texture_view import TextureView, view_texture
from fundus2oct.leaderboard.trust_view import view_trust
from fundus2oct.leaderboard.values_view import ValuesView, view_values
from fundus2oct.metrics.metric_card import MetricCard


@dataclass(frozen=True, kw_only=True)
class HistoryLine:
    """One record of an entry."""

    name: str
    counts: bool
    same_board: bool
    value: str
    version: str
    volumes_hash: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class EntryView:
    """Everything the template of an entry shows beside the row itself."""

    row: Row
    place: str
    values: ValuesView
    anatomy: AnatomyView | None
    texture: TextureView | None
    photograph: PhotographView | None
    memorisation: MemorisationView | None
    strata: StrataView | None
    spreads: tuple[SpreadView, ...]
    trust: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    failures: tuple[tuple[str, int], ...]
    provenance: tuple[tuple[str, str], ...]
    history: tuple[HistoryLine, ...]
    citation: str
    bibtex: str


def view_entry(row: Row, board: Board, site_title: str) -> EntryView:
    """Turn one row of ``board`` into the text of its page."""
    entry = row.entry
    return EntryView(
        row=row,
        place=_place(row, board),
        values=view_values(entry, board),
        anatomy=view_anatomy(entry.result),
        texture=view_texture(entry.result),
        photograph=view_photograph(entry.result),
        memorisation=view_memorisation(entry.result),
        strata=view_strata(entry.result, board.cards),
        spreads=view_spreads(entry, board),
        trust=view_trust(row),
        facts=view_facts(row),
        failures=tuple(sorted(entry.result["cases"]["failures"].items())),
        provenance=tuple(_provenance(entry.result)),
        history=tuple(reversed(_history(entry, board.ranking_card))),
        citation=plain_citation(entry, board, site_title),
        bibtex=bibtex_citation(entry, board, site_title),
    )


def _place(row: Row, board: Board) -> str:
    if row.rank is not None:
        provisional = ", provisionally: eligibility not assessed yet" if row.provisional else ""
        tied = sum(other.rank == row.rank for other in board.ranked) > 1
        return f"Rank {row.rank}{', shared,' if tied else ''} of {len(board.ranked)} ranked{provisional}."
    if row.reasons:
        return f"Shown, not ranked: {'; '.join(row.reasons)}."
    return f"Shown in order, not ranked: rows of kind {row.entry.kind} are controls."


def _provenance(result: dict[str, Any]) -> list[tuple[str, str]]:
    """Label and value of everything that fixes where the numbers come from."""
    run, dataset, protocol = result["run"], result["dataset"], result["protocol"]
    lines = [
        ("Generator", run["generator"]),
        ("Generator hash", run["generator_hash"]),
        ("Seed", run["seed"]),
        ("Isolation", run["isolation"]),
        *([("Photographs handed over at once", run["batch"])] if run.get("batch", 1) > 1 else []),
        ("Volumes hash", run["volumes_hash"]),
        ("Container scored", protocol["container"]),
        ("Dataset", f"{dataset['name']} {dataset['version']}, split {dataset['split']}"),
        ("Inputs hash", dataset["inputs_hash"]),
        ("Truth hash", dataset["truth_hash"]),
        ("Headline mean", protocol["headline_mean"]),
        ("Failure policy", protocol["failure_policy"]),
        *((f"Metric {name}", version) for name, version in sorted(protocol["metric_versions"].items())),
        *((f"Generated with {name}", version) for name, version in sorted(run["versions"].items())),
        *((f"Scored with {name}", version) for name, version in sorted(result["versions"].items())),
        ("Result schema", f"{result['schema']} {result['schema_version']}"),
    ]
    return [(label, "none" if value is None or value == "" else str(value)) for label, value in lines]


def _why_replaced(result: dict[str, Any]) -> str:
    """Why a record replaced an earlier one of the same volumes; empty where it did not."""
    replaced = result.get("supersedes")
    return f"replaces {replaced['record']}: {replaced['reason']}" if replaced else ""


def _history(entry: Entry, card: MetricCard) -> list[HistoryLine]:
    lines = []
    for record in entry.records:
        as_entry = Entry(submission=entry.submission, records=(record,))
        measured = as_entry.measured(card.name)
        lines.append(
            HistoryLine(
                name=record.name,
                counts=record is entry.records[-1],
                same_board=board_key(as_entry) == board_key(entry),
                value=make_cell(as_entry, card).value,
                version=measured["version"] or "–",
                volumes_hash=record.result["run"]["volumes_hash"],
                reason=_why_replaced(record.result),
            )
        )
    return lines
