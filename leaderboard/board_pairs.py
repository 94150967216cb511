"""The comparisons filed for a board, and whether they still fit it: only then may they tell intervals and tiers.

They were made by `bench compare --all` from private files; here they are read and held against the rows that stand on
the board today. A file that no longer fits is not used, and the board says why. Called by `leaderboard.board`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fundus2oct.benchmark.pairwise_file import board_key, filed_path, find_pairwise, read_pairwise
from fundus2oct.leaderboard.ranking import Row
from fundus2oct.leaderboard.results_tree import Entry
from fundus2oct.leaderboard.safe_text import visible_everywhere
from fundus2oct.metrics.errors import BenchError, BenchErrors

Pairwise = dict[str, Any]

AGAIN = "`bench compare --all` makes them anew."
NONE_FILED = f"No comparisons of its entries are filed, so ranks stand without intervals and tiers. {AGAIN}"
STALE = "The comparisons that are filed no longer fit this board and are not used"
RELATIVE_ROUNDING = 1e-9
LEAST_VALUE = 1e-6
"""Below this a value is rounding itself."""


def read_all_pairwise(root: Path) -> tuple[Pairwise, ...]:
    """Every file of comparisons below a root of results.

    Raises:
        BenchError: what is wrong with a file, naming it; BenchErrors with all of it.
    """
    found: list[Pairwise] = []
    problems: list[BenchError] = []
    for path in find_pairwise(root):
        try:
            found.append(visible_everywhere(_read(path, root)))
        except BenchError as error:
            problems.append(error)
    if problems:
        raise problems[0] if len(problems) == 1 else BenchErrors(problems, where=root)
    return tuple(found)


def _read(path: Path, root: Path) -> Pairwise:
    document = read_pairwise(path)
    expected = filed_path(root, document)
    if path != expected:
        raise BenchError(
            "E_PAIRWISE",
            "the comparisons belong elsewhere",
            where=path,
            expected=str(expected),
            fix="remove the file and run `bench compare --all` again",
        )
    _check_places(document, path)
    return document


def _check_places(document: Pairwise, path: Path) -> None:
    """Refuse places outside the list of entries, which the schema cannot see."""
    n, names = len(document["entries"]), {(entry["team"], entry["method"]) for entry in document["entries"]}
    for metric, told in document["metrics"].items():
        places = [place for pair in told["pairs"] for place in (pair["a"], pair["b"])]
        places += [item["entry"] for item in (*told["left_out"], *told["held_back"])]
        lengths = {len(told["rank_intervals"]), len(told["tiers"])}
        if lengths != {n} or len(names) != n or any(place >= n for place in places):
            raise BenchError(
                "E_PAIRWISE",
                "places that do not fit the list of entries",
                where=f"{path}, metric {metric}",
                expected=f"{n} entries, each once, numbered from 0",
                fix="run `bench compare --all` again",
            )


def fitting_pairwise(
    key: Sequence[Any], rows: Sequence[Row], documents: Sequence[Pairwise], metrics: Sequence[str]
) -> tuple[Pairwise | None, str]:
    """The comparisons that hold for a board's rows, or why there are none.

    Args:
        key: what the board's entries share (`board.board_key`).
        rows: its rows in order.
        documents: every file that was read.
        metrics: names of the metrics that the ranking rests on.
    """
    document = next((d for d in documents if board_key(d) == list(key)), None)
    if document is None:
        return None, NONE_FILED if any(row.rank is not None for row in rows) else ""
    problem = _why_stale(document, rows, metrics)
    return (None, f"{STALE}: {problem} {AGAIN}") if problem else (document, "")


def entry_places(document: Pairwise) -> dict[str, int]:
    """``team/method`` -> its place in the document's list of entries."""
    return {f"{entry['team']}/{entry['method']}": i for i, entry in enumerate(document["entries"])}


def _why_stale(document: Pairwise, rows: Sequence[Row], metrics: Sequence[str]) -> str:
    """What of a document no longer fits the rows; empty when all of it does."""
    places = entry_places(document)
    for row in rows:
        name = row.entry.submission.name
        if name not in places and row.rank is not None:
            return f"{name} was filed after they were made."
        if name in places and _hash(row.entry) != document["entries"][places[name]]["volumes_hash"]:
            return f"they were made with other volumes of {name}."
    for metric in metrics:
        if metric not in document["metrics"]:
            return f"they lack the metric {metric}."
        if problem := _difference_problem(document["metrics"][metric], metric, rows, places):
            return problem
    return ""


def _hash(entry: Entry) -> str:
    return str(entry.result["run"]["volumes_hash"])


def _difference_problem(told: Mapping[str, Any], metric: str, rows: Sequence[Row], places: Mapping[str, int]) -> str:
    """A pair whose difference is not that of the records; the volumes' hash alone does not tie values to them."""
    by_place = {places[row.entry.submission.name]: row.entry for row in rows if row.entry.submission.name in places}
    for pair in told["pairs"]:
        if pair["a"] not in by_place or pair["b"] not in by_place:
            continue
        a, b = by_place[pair["a"]], by_place[pair["b"]]
        values = a.measured(metric)["value"], b.measured(metric)["value"]
        if None in values or abs(pair["difference"] - (values[0] - values[1])) > _rounding(a, b, values):
            return f"the values of {a.submission.name} and {b.submission.name} in {metric} are others now."
    return ""


def _rounding(a: Entry, b: Entry, values: tuple[float, float]) -> float:
    """How far a difference may lie from that of two values, each rounded to the digits that its phase discloses."""
    rules = [entry.result["protocol"].get("disclosure") or {} for entry in (a, b)]
    digits = [rule["digits"] for rule in rules if rule.get("digits") is not None]
    share = 2 * 10.0 ** (1 - min(digits)) if digits else RELATIVE_ROUNDING
    return share * max(abs(values[0]), abs(values[1]), LEAST_VALUE)
