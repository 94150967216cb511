"""What a board rests on, in words, from the records of its rows. Called by the page about it and by its report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from fundus2oct.leaderboard.board import Board
from fundus2oct.leaderboard.number_text import counted


def disclosure_text(board: Board) -> str:
    """What the phase tells the public."""
    rule = board.any_result["protocol"].get("disclosure")
    if rule is None:
        return "no rule was filed: aggregates in full, no value per case"
    digits = f"{rule['digits']} significant digits" if rule["digits"] else "all digits"
    cases = "values per case are public" if rule["per_case"] else "no value per case is public"
    pictures = "pictures may be shown" if rule["pictures"] else "no picture of it is shown"
    labels = "scores by labels that participants lack are public; " if rule.get("labels") else ""
    return f"{digits} of every measured number; {cases}; {labels}{pictures}"


def isolation_text(board: Board) -> str:
    """How many rows ran behind which walls."""
    return _counts(row.entry.result["run"]["isolation"] for row in board.rows)


def badges_text(board: Board) -> str:
    """How many rows were checked by whom."""
    return _counts(badge for row in board.rows for badge in row.entry.badges)


def seeds_text(board: Board) -> str:
    """The generation seeds of the rows; controls from the truth have none."""
    seeds = {row.entry.result["run"]["seed"] for row in board.rows} - {None}
    return ", ".join(map(str, sorted(seeds))) or "none"


def versions_text(board: Board) -> str:
    """Versions of this harness that scored the rows."""
    found = {str(row.entry.result["versions"].get("fundus2oct", "not recorded")) for row in board.rows}
    return f"fundus2oct {', '.join(sorted(found))}"


def training_text(board: Board) -> str:
    """How many eyes the test for repeated training eyes looked at: the only number of them that a record holds."""
    tables: list[dict[str, Any]] = [row.entry.result.get("controls") or {} for row in board.rows]
    found = {table["memorisation"].get("training_cases") for table in tables if table.get("memorisation")}
    return " or ".join(counted(number, "eye") for number in sorted(found - {None}))


def _counts(words: Iterable[str]) -> str:
    """Different words with how often each stands."""
    return ", ".join(f"{word} {count}" for word, count in sorted(Counter(words).items())) or "none"
