"""Scores of cases: the failure policy, the cache, and numbers that depend on neither chunks nor order."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mean_features
import numpy as np
import pytest

from fundus2oct.benchmark import scoring
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.oracles import oracle_source
from fundus2oct.benchmark.run_folder import RunFolder
from fundus2oct.benchmark.scoring import CaseScores, score_cases
from fundus2oct.benchmark.value_cache import ValueCache
from fundus2oct.benchmark.volume import black_volume
from fundus2oct.benchmark.volume_source import VolumeSource, run_source
from fundus2oct.metrics import weight_registry
from fundus2oct.metrics.catalogue import card
from fundus2oct.metrics.pixel_errors import psnr
from fundus2oct.metrics.structural_similarity import ssim


@pytest.fixture
def source(finished_run: Path, small: Dataset) -> VolumeSource:
    """The finished run, whose middle case failed."""
    return run_source(RunFolder(finished_run), small, "test")


def scored(source: VolumeSource, dataset: Dataset, cache: Path) -> CaseScores:
    return score_cases(source, dataset, "test", mean_features.CARDS, ValueCache(cache))


def numbers(scores: CaseScores) -> dict[str, Any]:
    """Every number of some scores, to be compared exactly."""

    def plain(values: Mapping[str, Any]) -> dict[str, Any]:
        return {name: rows.tolist() for name, rows in values.items()}

    return {
        "values": plain(scores.case_values),
        "truth": plain(scores.features_truth),
        "generated": plain(scores.features_generated),
        "digests": dict(scores.digests),
    }


def test_a_case_metric_has_six_values_of_truth_against_generated(
    source: VolumeSource, small: Dataset, warm_cache: Path
) -> None:
    scores = scored(source, small, warm_cache)
    truth, generated = small.volume(small.split("test")[2]), source.get("toy-test-002")
    assert generated is not None
    assert np.array_equal(scores.case_values["psnr"][2], psnr(truth, generated))
    assert np.array_equal(scores.case_values["ssim"][2], ssim(truth, generated))


def test_a_failed_case_gets_the_worst_value_and_a_black_volume(
    source: VolumeSource, small: Dataset, warm_cache: Path
) -> None:
    scores = scored(source, small, warm_cache)
    features = scores.features_generated["toy-fvd"]
    assert features is not None
    assert scores.case_values["ssim"][1].tolist() == [card("ssim").worst] * 6
    assert scores.case_values["psnr"][1].tolist() == [card("psnr").worst] * 6
    assert np.array_equal(features[1:2], mean_features.features(black_volume()[None]))
    assert (scores.codes, scores.digests["toy-test-001"]) == ({"toy-test-001": "E_PLUGIN"}, None)


def test_every_expected_case_is_scored_in_the_order_of_the_split(
    source: VolumeSource, small: Dataset, warm_cache: Path
) -> None:
    scores = scored(source, small, warm_cache)
    assert [case.case_id for case in scores.cases] == list(scores.digests) == [f"toy-test-00{i}" for i in range(3)]
    assert all(values.shape == (3, 6) for values in scores.case_values.values())


def test_the_network_sees_every_volume_once_and_none_in_a_second_scoring(
    source: VolumeSource, small: Dataset, tmp_path: Path, toy_metrics: list[int]
) -> None:
    first = scored(source, small, tmp_path / "cache")
    assert sum(toy_metrics) == 6  # 3 true, 2 generated, 1 black
    toy_metrics.clear()
    assert numbers(scored(source, small, tmp_path / "cache")) == numbers(first)
    assert toy_metrics == []


def test_another_entry_on_the_same_truth_computes_its_own_features_only(
    small: Dataset, warm_cache: Path, tmp_path: Path, toy_metrics: list[int]
) -> None:
    shutil.copytree(warm_cache, tmp_path / "cache")
    scored(oracle_source("truth-copy", small, "test"), small, tmp_path / "cache")
    assert toy_metrics == []
    scored(oracle_source("real-vs-real", small, "test"), small, tmp_path / "cache")
    assert sum(toy_metrics) == 3


def test_equal_volumes_reach_the_network_once(small: Dataset, tmp_path: Path, toy_metrics: list[int]) -> None:
    black = VolumeSource(submission=oracle_source("truth-copy", small, "test").submission, get=_black, provenance={})
    scored(black, small, tmp_path / "cache")
    assert sum(toy_metrics) == 4  # 3 true, 1 black


def _black(case_id: str) -> Any:
    return black_volume()


@pytest.mark.parametrize("chunk", [1, 2, 100])
def test_no_number_depends_on_the_chunk(
    source: VolumeSource, small: Dataset, warm_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(scoring, "CHUNK", chunk)
    assert numbers(scored(source, small, tmp_path / "cache")) == numbers(scored(source, small, warm_cache))


def test_every_damaged_cache_file_is_noticed_set_aside_and_computed_anew(
    source: VolumeSource, small: Dataset, warm_cache: Path, tmp_path: Path
) -> None:
    shutil.copytree(warm_cache, tmp_path / "cache")
    files = sorted((tmp_path / "cache").rglob("*.f64"))
    for number, path in enumerate(files):
        data = bytearray(path.read_bytes())
        data[(number * 7) % len(data)] ^= 1
        path.write_bytes(data)
    cache = ValueCache(tmp_path / "cache")
    again = score_cases(source, small, "test", mean_features.CARDS, cache)
    assert numbers(again) == numbers(scored(source, small, warm_cache))
    assert sorted(cache.set_aside) == [path.with_suffix(".corrupt") for path in files]
    assert len(files) == 10  # 2 x SSIM, 2 x PSNR, 6 features


def test_missing_weights_are_a_reason_and_no_error(
    source: VolumeSource, small: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(weight_registry.CACHE_VARIABLE, str(tmp_path / "empty"))
    scores = score_cases(source, small, "test", [card("fvd")], ValueCache(tmp_path / "cache"))
    assert (scores.features_truth, scores.features_generated) == ({"fvd": None}, {"fvd": None})
    assert "bench weights install i3d" in scores.reasons["fvd"]


def test_a_key_names_the_protocol_and_the_libraries(
    source: VolumeSource, small: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys: list[list[Any]] = []
    monkeypatch.setattr(ValueCache, "get", lambda cache, key: keys.append(key))
    monkeypatch.setattr(ValueCache, "put", lambda cache, key, values: None)
    score_cases(source, small, "test", [card("psnr")], ValueCache(tmp_path / "cache"))
    assert len(keys) == 2
    assert all(any(word in str(key) for key in keys) for word in (card("psnr").version, "numpy", "scipy"))


def test_a_failed_case_has_as_many_worst_values_as_the_others_have_values(
    source: VolumeSource, small: Dataset, tmp_path: Path
) -> None:
    thickness = card("central_thickness_error")
    scores = score_cases(source, small, "test", [thickness], ValueCache(tmp_path))
    assert scores.case_values[thickness.name].shape == (3, 1)
    assert scores.case_values[thickness.name][1].tolist() == [thickness.worst]
