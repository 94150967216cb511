"""Everything that a board shows, as one JSON document: `data.json` of the site and `bench export --format json`.

The document is described by `board_data.schema.json` beside this file; its version rises when a key changes its meaning
or goes. Keys of a record keep the names that they have in the record. No number is made here. Called by `exports`.
"""

from __future__ import annotations

import json
from typing import Any

from fundus2oct.leaderboard.board import Board
from fundus2oct.leaderboard.lead import judge_lead
from fundus2oct.leaderboard.published import read_published
from fundus2oct.leaderboard.ranking import Row
from fundus2oct.leaderboard.results_tree import Record
from fundus2oct.leaderboard.safe_text import visible
from fundus2oct.metrics.metric_card import MetricCard

SCHEMA_NAME = "fundus2oct-board"
SCHEMA_VERSION = 1

RECORD_PARTS = ("metrics", "cases", "anatomy", "texture", "controls", "strata", "eligible", "flags", "run")
"""Tables of a record that are handed on as they are; one that a record lacks is left out."""


def board_json(board: Board, site_title: str) -> str:
    """The document in one line: sorted keys, ASCII alone, never NaN; equal boards give equal bytes."""
    document = board_document(board, site_title)
    separators = (",", ":")
    return json.dumps(document, sort_keys=True, allow_nan=False, ensure_ascii=True, separators=separators) + "\n"


def board_document(board: Board, site_title: str) -> dict[str, Any]:
    """What the board shows, as a JSON value; what others wrote was made visible when it was read."""
    lead, pairwise = judge_lead(board), board.pairwise
    return {
        "schema": SCHEMA_NAME,
        "schema_version": SCHEMA_VERSION,
        "site": visible(site_title),
        "board": {
            "slug": board.slug,
            "title": board.title,
            "phase": board.any_result["phase"],
            "ranking": {"rule": board.ranking.rule, "metrics": [card.name for card in board.ranking.cards]},
            "columns": [card.name for card in board.columns],
            "dataset": board.dataset,
            "protocol": board.any_result["protocol"],
        },
        "lead": {
            "verdict": lead.verdict,
            "sentences": list(lead.sentences),
            "leaders": [row.entry.submission.name for row in lead.leaders],
        },
        "metrics": {card.name: _card(card, board) for card in board.cards},
        "entries": [_entry(row) for row in board.rows],
        "pairwise": pairwise,
        "published": _published(),
    }


def standing(row: Row) -> str:
    """``ranked``, ``control`` for a kind that never is, or ``not ranked``."""
    if row.rank is not None:
        return "ranked"
    return "control" if row.is_control and not row.reasons else "not ranked"


def _card(card: MetricCard, board: Board) -> dict[str, Any]:
    """What a reader of numbers needs of a metric; its page has the rest."""
    names = ("title", "abbreviation", "unit", "direction", "level", "role", "best", "worst", "decimals", "version")
    told = {name: getattr(card, name) for name in (*names, "summary", "formula", "source", "parameters")}
    return {**told, "traps": list(card.traps), "other_real_eyes": board.real_eyes(card)}


def _entry(row: Row) -> dict[str, Any]:
    entry, told = row.entry, row.entry.submission
    return {
        "team": told.team,
        "team_name": entry.team_name,
        "method": told.method,
        "title": entry.title,
        "kind": entry.kind,
        "description": told.description,
        "licence": told.licence,
        "external_data": told.external_data,
        "links": list(told.links),
        "standing": standing(row),
        "rank": row.rank,
        "score": row.score,
        "rank_interval": list(row.rank_interval) if row.rank_interval else None,
        "tier": row.tier,
        "tier_note": row.tier_note,
        "provisional": row.provisional,
        "reasons": list(row.reasons),
        "badges": list(entry.badges),
        "attestations": list(entry.records[-1].attestations),
        "records": [_record(record) for record in entry.records],
        "timing": entry.records[-1].timing,
        **{part: entry.result[part] for part in RECORD_PARTS if part in entry.result},
    }


def _record(record: Record) -> dict[str, Any]:
    """One line of an entry's history."""
    return {"name": record.name, "volumes_hash": record.result["run"]["volumes_hash"]}


def _published() -> dict[str, Any]:
    """The numbers of others, marked as what they are: reported under another protocol, never ranked."""
    told = read_published()
    rows = [{**vars(row), "values": dict(row.values)} for row in told.rows]
    return {"title": told.title, "protocol": told.protocol, "why": told.why, "rows": rows}
