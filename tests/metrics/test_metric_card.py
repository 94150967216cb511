"""A card must be whole: a case metric says what a failure costs, a set metric what its features are."""

from __future__ import annotations

import dataclasses
from importlib import import_module
from typing import Any

import mean_features
import pytest

from fundus2oct.metrics.catalogue import CARDS, RANKING_METRIC, card
from fundus2oct.metrics.metric_card import MetricCard


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("psnr", {"worst": None}),
        ("psnr", {"level": "set"}),
        ("psnr", {"features": "m:f"}),
        ("fvd", {"worst": 1.0}),
        ("fvd", {"level": "case"}),
        ("fvd", {"features": None, "features_version": ""}),
        ("fvd", {"features_version": ""}),
        ("fvd", {"jackknife": None}),
    ],
)
def test_half_a_card_is_refused_by_name(name: str, change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"card {name}: "):
        dataclasses.replace(card(name), **change)


@pytest.mark.parametrize(("direction", "better"), [("lower", False), ("higher", True)])
def test_better_follows_the_direction(direction: Any, better: bool) -> None:
    found = dataclasses.replace(card("psnr"), direction=direction)
    assert found.is_better(2.0, 1.0) is better
    assert not found.is_better(1.0, 1.0)


@pytest.mark.parametrize("found", [*CARDS, mean_features.CARD], ids=lambda found: found.name)
def test_what_a_card_names_is_there(found: MetricCard) -> None:
    for path in filter(None, (found.function, found.features, found.jackknife)):
        module, name = path.split(":")
        assert callable(getattr(import_module(module), name))


def test_names_and_versions_are_unique_and_the_ranking_metric_is_one_of_them() -> None:
    assert len({found.name for found in CARDS}) == len({found.version for found in CARDS}) == len(CARDS)
    assert RANKING_METRIC in {found.name for found in CARDS}


def test_the_best_value_is_better_than_the_worst() -> None:
    cases = [found for found in CARDS if found.worst is not None]
    assert cases
    assert all(found.is_better(found.best, found.worst or 0.0) for found in cases)
