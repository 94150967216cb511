"""What holds of an order whatever was handed in: others change no two rows, and nothing without a number is on top."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fundus2oct.benchmark.ranking_file import RULES, RuleName
from fundus2oct.benchmark.submission_file import Submission
from fundus2oct.leaderboard.ranking import Ranking, order
from fundus2oct.leaderboard.results_tree import Entry, Record
from fundus2oct.metrics import catalogue

KINDS = ("submission", "baseline", "trivial", "oracle", "degraded-truth")


CARDS = tuple(catalogue.card(name) for name in ("fvd", "ssim", "psnr"))


def make_entry(place: int, drawn: dict[str, Any]) -> Entry:
    """An entry that holds what an order is made from."""
    submission = Submission(
        team="team", method=f"m{place:02d}", kind=drawn["kind"], title="", description="", licence="", links=()
    )
    result = {
        "entry": {"kind": drawn["kind"]},
        "phase": "test",
        "eligible": {"value": drawn["eligible"], "reasons": ["refused"]},
        "cases": {"expected": 24, "failed": drawn["failed"]},
        "metrics": {card.name: {"value": drawn[card.name], "reason": "no weights"} for card in CARDS},
    }
    return Entry(submission=submission, records=(Record(name="0001", result=result),))


def numbers(low: float, high: float) -> st.SearchStrategy[float | None]:
    """Few different values, so that ties are common, and now and then none at all."""
    return st.one_of(st.none(), st.integers(0, 6).map(lambda step: low + (high - low) * step / 6))


ENTRIES = st.lists(
    st.fixed_dictionaries(
        {
            "fvd": numbers(10.0, 400.0),
            "ssim": numbers(0.1, 0.9),
            "psnr": numbers(9.0, 30.0),
            "failed": st.sampled_from([0, 0, 0, 1, 2]),
            "kind": st.sampled_from(KINDS),
            "eligible": st.sampled_from([None, True, True, False]),
        }
    ),
    min_size=2,
    max_size=7,
).map(lambda drawn: [make_entry(i, one) for i, one in enumerate(drawn)])

RULE_OF_ONE = Ranking(CARDS[:1])
RULE_OF_TWO = Ranking(CARDS[:2])


def names(entries: list[Entry], ranking: Ranking) -> list[str]:
    return [row.entry.submission.method for row in order(entries, ranking)]


@pytest.mark.parametrize("ranking", [RULE_OF_ONE, RULE_OF_TWO], ids=["one metric", "two metrics"])
@settings(max_examples=60, deadline=None)
@given(entries=ENTRIES, data=st.data())
def test_somebody_elses_entry_never_changes_the_order_of_two(
    ranking: Ranking, entries: list[Entry], data: st.DataObject
) -> None:
    kept = data.draw(st.lists(st.sampled_from(entries), unique_by=id, min_size=1))
    of_all = names(entries, ranking)
    assert names(kept, ranking) == [name for name in of_all if name in {e.submission.method for e in kept}]


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=60, deadline=None)
@given(entries=ENTRIES, metrics=st.integers(1, 3))
def test_nothing_without_a_number_ranks_above_a_number(rule: RuleName, entries: list[Entry], metrics: int) -> None:
    ranking = Ranking(CARDS[:metrics], rule)
    rows = order(entries, ranking)
    lacks = [any(row.entry.measured(card.name)["value"] is None for card in ranking.cards) for row in rows]
    assert lacks == sorted(lacks)
    assert not any(row.rank is not None for row, lacking in zip(rows, lacks, strict=True) if lacking)


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=60, deadline=None)
@given(entries=ENTRIES)
def test_ranks_rise_down_the_board_and_controls_change_none(rule: RuleName, entries: list[Entry]) -> None:
    ranking = Ranking(CARDS, rule)
    ranks = {row.entry.submission.method: row.rank for row in order(entries, ranking) if row.rank is not None}
    competing = [entry for entry in entries if entry.submission.method in ranks]
    assert list(ranks.values()) == sorted(ranks.values())
    assert {row.entry.submission.method: row.rank for row in order(competing, ranking)} == ranks
