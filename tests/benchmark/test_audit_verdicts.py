"""The rules of the audit, and what the cards promise: declared beforehand, changed only with a new version."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import cheap_metrics
import numpy as np
import pytest

from fundus2oct.benchmark.audit import Value
from fundus2oct.benchmark.audit_verdicts import judge, judge_truth
from fundus2oct.benchmark.degradations import DEGRADATIONS, degradation
from fundus2oct.metrics import catalogue


def judged(values: list[float], **changes: Any) -> Any:
    """The verdict on a metric with tolerance 0.01 under contrast."""
    card = dataclasses.replace(cheap_metrics.ERROR, **{"reacts_to": (), "ignores": (), **changes})
    return judge(card, degradation("contrast"), Value(0.0, 4), [Value(value, 4) for value in values])


@pytest.mark.parametrize(
    ("values", "changes", "word"),
    [
        ([0.1, 0.2, 0.3], {"reacts_to": ("contrast",)}, "reacts as declared"),
        ([0.0, 0.0, 0.005], {"reacts_to": ("contrast",)}, "broken"),
        ([0.5, 0.2, 0.3], {"reacts_to": ("contrast",)}, "broken"),
        ([0.0, -0.009, 0.009], {"ignores": ("contrast",)}, "ignores as declared"),
        ([0.0, 0.02, 0.0], {"ignores": ("contrast",)}, "broken"),
        ([0.0, -0.02, 0.0], {"ignores": ("contrast",), "copy_is_best": False}, "broken"),
        ([0.0, 0.0, 0.02], {}, "worse"),
        ([0.0, 0.5, 0.005], {}, "no change"),
        ([0.0, 0.0, -0.02], {"copy_is_best": False}, "better"),
        ([0.0, -0.02, 0.1], {}, "broken"),
        ([0.0, -0.02, 0.1], {"is_signed": True}, "worse"),
    ],
)
def test_the_rules(values: list[float], changes: dict[str, Any], word: str) -> None:
    verdict = judged(values, **changes)
    assert verdict.word == word
    assert bool(verdict.broken) == (word == "broken")


def test_a_case_that_loses_its_value_breaks_a_promise() -> None:
    values = [Value(0.1, 4), Value(0.2, 3), Value(0.3, 4)]
    found = judge(cheap_metrics.ERROR, degradation("blur"), Value(0.0, 4), values)
    assert found.broken == ("error under blur 2: 3 cases have a value, 4 of the truth's do",)


def test_a_metric_without_weights_is_not_at_fault_but_one_that_gives_nan_is() -> None:
    assert judge_truth(cheap_metrics.ERROR, Value(None, 4, "weights are not installed")) == []
    assert len(judge_truth(cheap_metrics.ERROR, Value(None, 4, "not a finite number"))) == 1


def test_declarations_name_known_degradations() -> None:
    known = {fault.name for fault in DEGRADATIONS}
    cards = catalogue.CARDS
    assert not [card.name for card in cards if not {*card.reacts_to, *card.ignores} <= known]
    assert all("constant" in card.reacts_to and np.isfinite(card.tolerance) for card in cards)


def test_declarations_change_only_with_the_version() -> None:
    pinned = json.loads((Path(__file__).parents[1] / "golden/card_declarations.json").read_text("utf-8"))
    found = {
        card.name: {
            "version": card.version,
            "reacts_to": sorted(card.reacts_to),
            "ignores": sorted(card.ignores),
            "tolerance": card.tolerance,
            "copy_is_best": card.copy_is_best,
            "is_signed": card.is_signed,
        }
        for card in catalogue.CARDS
    }
    changed = sorted(name for name in {*pinned, *found} if pinned.get(name) != found.get(name))
    assert not changed, (
        f"{', '.join(changed)}: what a metric promises is declared before it is tried. A change needs a new version of "
        "the metric, a line in CHANGELOG.md, and then its new entry in tests/golden/card_declarations.json"
    )
