"""What every reference generator keeps, and what each of them answers."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fundus2oct.baselines.catalogue import METHODS
from fundus2oct.baselines.training_set import TrainingEye, training_set
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.generator import ENTRY_POINT_GROUP, Generator
from fundus2oct.metrics.errors import BenchError
from fundus2oct.metrics.scan_geometry import VOLUME_SHAPE, mirror_fundus, mirror_volume

NAMES = [method.name for method in METHODS]


def make(fitted: Path, name: str) -> Generator:
    (entry_point,) = entry_points(group=ENTRY_POINT_GROUP, name=name)
    generator: Generator = entry_point.load()(device="cpu", folder=fitted / name)
    return generator


def answer(generator: Generator, eye: TrainingEye, seed: int = 7) -> Any:
    return generator.generate(eye.read_fundus(), eye=eye.eye, seed=seed)  # type: ignore[arg-type]  # "L" or "R"


def psnr(truth: Any, generated: Any) -> float:
    return float(10 * np.log10(255**2 / np.mean((truth.astype(float) - generated) ** 2)))


def mean_psnr(generator: Generator, toy: Dataset) -> float:
    return float(np.mean([psnr(eye.read_volume(), answer(generator, eye)) for eye in training_set(toy, "test")]))


@pytest.mark.parametrize("name", NAMES)
def test_answers_a_volume_of_the_fixed_format(fitted: Path, toy: Dataset, name: str) -> None:
    generator = make(fitted, name)
    for eye in training_set(toy, "test"):
        volume = answer(generator, eye)
        assert volume.shape == VOLUME_SHAPE
        assert volume.dtype == np.uint8
        assert volume.flags.writeable


@pytest.mark.parametrize("name", NAMES)
def test_answer_depends_on_the_arguments_alone_and_not_on_the_order(fitted: Path, toy: Dataset, name: str) -> None:
    eyes = training_set(toy, "test")
    first, second = make(fitted, name), make(fitted, name)
    forwards = [answer(first, eye) for eye in eyes]
    backwards = [answer(second, eye) for eye in reversed(eyes)][::-1]
    np.testing.assert_array_equal(forwards, backwards)


@pytest.mark.parametrize("name", ["nearest-fundus", "ridge"])
def test_mirrored_photograph_of_the_other_eye_gives_the_mirrored_volume(fitted: Path, toy: Dataset, name: str) -> None:
    generator = make(fitted, name)
    fundus = training_set(toy, "test")[0].read_fundus()
    right = generator.generate(fundus, eye="R", seed=0)
    left = generator.generate(mirror_fundus(fundus), eye="L", seed=0)
    np.testing.assert_array_equal(left, mirror_volume(right))
    assert not np.array_equal(left, right)


@pytest.mark.parametrize("name", NAMES)
def test_folder_without_weights_names_the_command_that_makes_them(tmp_path: Path, name: str) -> None:
    with pytest.raises(BenchError) as caught:
        make(tmp_path, name)
    assert caught.value.code == "E_WEIGHTS"
    assert caught.value.fix == f"bench train {name} --data DIR --out FOLDER"


def test_constant_is_the_mean_grey_level(fitted: Path, toy: Dataset) -> None:
    mean = np.mean([eye.read_volume().mean() for eye in training_set(toy, "train")])
    volume = answer(make(fitted, "constant"), training_set(toy, "test")[0])
    assert np.all(volume == round(mean))


def test_mean_volume_is_the_mean_of_the_same_side(fitted: Path, toy: Dataset) -> None:
    generator = make(fitted, "mean-volume")
    for side in ("L", "R"):
        volumes = [eye.read_volume().astype(float) for eye in training_set(toy, "train") if eye.eye == side]
        volume = generator.generate(np.zeros((256, 256, 3), np.uint8), eye=side, seed=0)  # type: ignore[arg-type]
        assert np.abs(volume - np.mean(volumes, axis=0)).max() <= 0.5


def test_random_train_draws_different_volumes_of_the_same_side(fitted: Path, toy: Dataset) -> None:
    eye = training_set(toy, "test")[0]
    real = {other.read_volume().tobytes() for other in training_set(toy, "train") if other.eye == eye.eye}
    generator = make(fitted, "random-train")
    drawn = {answer(generator, eye, seed).tobytes() for seed in range(20)}
    assert drawn <= real
    assert len(drawn) > 1


def test_nearest_fundus_finds_the_training_eye_itself(fitted: Path, toy: Dataset) -> None:
    generator = make(fitted, "nearest-fundus")
    for eye in training_set(toy, "train"):
        np.testing.assert_array_equal(answer(generator, eye), eye.read_volume())


def test_ridge_predicts_better_than_the_mean_and_the_mean_better_than_a_random_eye(fitted: Path, toy: Dataset) -> None:
    scores = {name: mean_psnr(make(fitted, name), toy) for name in NAMES}
    assert scores["ridge"] > scores["mean-volume"] + 0.2
    assert scores["mean-volume"] > scores["random-train"] + 0.2
