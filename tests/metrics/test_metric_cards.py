"""The cards: complete, true to their functions, and readable without torch."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from fundus2oct.metrics.catalogue import CARDS, RANKING_METRIC, card
from fundus2oct.metrics.metric_card import MetricCard
from fundus2oct.metrics.weight_registry import weights_named


@pytest.mark.parametrize("metric", CARDS, ids=lambda metric: metric.name)
def test_every_function_a_card_names_exists(metric: MetricCard) -> None:
    for reference in filter(None, (metric.function, metric.features, metric.jackknife)):
        module, attribute = reference.split(":")
        assert callable(getattr(importlib.import_module(module), attribute))


@pytest.mark.parametrize("metric", CARDS, ids=lambda metric: metric.name)
def test_every_card_has_something_to_read(metric: MetricCard) -> None:
    assert min(len(text) for text in (*metric.description, *metric.traps)) > 60
    assert all((metric.formula, metric.source, metric.summary, metric.parameters))
    assert metric.version.replace("_", "-").startswith(metric.name.replace("_", "-"))


@pytest.mark.parametrize("metric", CARDS, ids=lambda metric: metric.name)
def test_best_beats_worst(metric: MetricCard) -> None:
    assert metric.worst is None or metric.is_better(metric.best, metric.worst)


def test_names_are_unique_and_fvd_orders_the_board() -> None:
    assert len({metric.name for metric in CARDS}) == len(CARDS)
    assert [metric.name for metric in CARDS if metric.role == "headline"] == ["fvd", "ssim", "psnr"]
    assert card(RANKING_METRIC).abbreviation == "FVD"


def test_the_weights_a_card_names_are_in_the_registry() -> None:
    found = {weights_named(metric.weights).name for metric in CARDS if metric.weights}
    assert found == {"i3d", "efficientnet-lite0", "inception-fid", "radimagenet-resnet50", "lpips-alex"}


def test_cards_inference_and_geometry_load_no_torch() -> None:
    modules = "catalogue, inference, scan_geometry, weights_commands"
    code = f"import sys; from fundus2oct.metrics import {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
