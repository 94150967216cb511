"""The cards of the picture, video, plane and texture metrics: what they promise to the scorer."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fundus2oct.metrics import (
    aligned_similarity,
    frechet_video_distance,
    multiscale_similarity,
    perceptual_similarity,
    texture,
    video_distances,
)
from fundus2oct.metrics.metric_card import MetricCard
from fundus2oct.metrics.neighbourhood_cards import NEIGHBOURHOOD_CARDS
from fundus2oct.metrics.picture_distances import PICTURE_CARDS
from fundus2oct.metrics.plane_distances import CIRCULAR_CARD, EN_FACE_CARD
from fundus2oct.metrics.weight_registry import weights_named

SET_CARDS = (
    video_distances.BIAS_MATCHED_CARD,
    video_distances.KVD_CARD,
    *PICTURE_CARDS,
    *NEIGHBOURHOOD_CARDS,
    EN_FACE_CARD,
    CIRCULAR_CARD,
)
CASE_CARDS = (
    multiscale_similarity.CARD,
    perceptual_similarity.CARD,
    aligned_similarity.CARD,
    texture.SPECKLE_CARD,
    texture.SHARPNESS_CARD,
)
CARDS = (*SET_CARDS, *CASE_CARDS)


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_every_card_names_functions_that_exist_and_has_something_to_read(card: MetricCard) -> None:
    for reference in filter(None, (card.function, card.features, card.jackknife)):
        module, attribute = reference.split(":")
        assert callable(getattr(importlib.import_module(module), attribute))
    assert min(len(text) for text in (*card.description, *card.traps)) > 60
    assert card.version.startswith(card.name)
    assert card.weights is None or weights_named(card.weights)
    assert card.worst is None or card.is_better(card.best, card.worst)


@pytest.mark.parametrize("card", SET_CARDS, ids=lambda card: card.name)
def test_value_and_jackknife_agree_on_rows_of_the_declared_number(card: MetricCard) -> None:
    rng = np.random.default_rng(0)
    truth, generated = rng.normal(size=(2, 8 * card.rows, 5))
    patients = np.repeat([f"p{i}" for i in range(8)], card.rows)
    value, delete_one = load(card.jackknife or "")(truth, generated, patients)
    assert np.isfinite(value)
    assert delete_one.shape == (8,)
    assert np.isfinite(load(card.function)(truth, generated))


@pytest.mark.parametrize("card", SET_CARDS, ids=lambda card: card.name)
def test_a_copy_of_the_truth_is_best(card: MetricCard) -> None:
    truth = np.random.default_rng(1).normal(size=(8 * card.rows, 5))
    patients = np.repeat([f"p{i}" for i in range(8)], card.rows)
    value, _ = load(card.jackknife or "")(truth, truth, patients)
    if card.name == "density":  # counts balls; 1 only on average
        assert value > 0.8
    else:
        assert value == pytest.approx(card.best, abs=1e-9)


def test_names_are_unique_and_cards_of_equal_features_share_their_version() -> None:
    assert len({card.name for card in CARDS}) == len(CARDS)
    by_features: dict[str, set[str]] = {}
    for card in (*SET_CARDS, frechet_video_distance.CARD):
        by_features.setdefault(card.features or "", set()).add(card.features_version)
    assert all(len(versions) == 1 for versions in by_features.values())


def test_the_distance_on_efficientnet_features_is_not_called_fid() -> None:
    named_fid = [card.name for card in PICTURE_CARDS if "FID" in card.abbreviation or "inception" in card.title]
    assert named_fid == ["fid_radimagenet", "fid", "kid"]


def test_cards_whose_weights_no_package_carries_say_that_no_measured_value_stands_behind_them() -> None:
    by_address = [card for card in CARDS if card.weights and "==" not in weights_named(card.weights).source]
    assert {card.name for card in by_address} >= {"lpips", "fid", "kid", "fid_radimagenet", "kid_radimagenet"}
    assert all("no measured value stands behind the number" in card.description[-1] for card in by_address)


def test_the_radimagenet_card_says_that_its_file_is_unpinned() -> None:
    card = next(card for card in PICTURE_CARDS if card.name == "fid_radimagenet")
    assert "unpinned" in card.parameters["weights"]


def test_reading_the_cards_loads_no_torch() -> None:
    modules = "video_distances, picture_distances, neighbourhood_cards, plane_distances, perceptual_similarity, texture"
    code = f"import sys; from fundus2oct.metrics import {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def load(path: str) -> Callable[..., Any]:
    module, name = path.split(":")
    function: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return function
