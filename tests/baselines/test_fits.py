"""What fitting may depend on, and what it says when it cannot learn."""

from __future__ import annotations

import importlib
import inspect
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from toy_dataset import ToyEye, draw_fundus, draw_volume

from fundus2oct.baselines import mean_volume, random_train, ridge
from fundus2oct.baselines.catalogue import METHODS, Method, find_method
from fundus2oct.baselines.training_set import TrainingEye, training_set
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.metrics.errors import BenchError, ExitCode
from fundus2oct.metrics.scan_geometry import mirror_volume

FUNDUS = np.zeros((256, 256, 3), dtype=np.uint8)


def toy_eye(number: int, eye: str) -> TrainingEye:
    traits = ToyEye(eye=eye, depth=number / 10, gloss=-number / 10)
    return TrainingEye(
        case_id=f"eye-{number}",
        patient_id=f"patient-{number // 2}",
        eye=eye,
        read_fundus=partial(draw_fundus, traits, np.random.default_rng(number)),
        read_volume=partial(draw_volume, traits, np.random.default_rng(number)),
    )


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_fit_takes_the_common_arguments_and_its_own_settings(method: Method) -> None:
    parameters = list(inspect.signature(importlib.import_module(method.module).fit).parameters)
    assert parameters == ["training", "folder", "seed", "show", *(setting.name for setting in method.settings)]


@pytest.mark.parametrize("name", ["constant", "mean-volume"])
def test_order_of_the_training_eyes_changes_no_bit(tmp_path: Path, toy: Dataset, name: str) -> None:
    fit = importlib.import_module(find_method(name).module).fit
    training = training_set(toy, "train")
    for folder, eyes in ((tmp_path / "a", training), (tmp_path / "b", training[::-1])):
        fit(eyes, folder, seed=0)
    assert files(tmp_path / "a") == files(tmp_path / "b")


def test_order_of_the_training_eyes_changes_no_grey_level_of_ridge(tmp_path: Path, toy: Dataset) -> None:
    training = training_set(toy, "train")[:5]
    answers = []
    for folder, eyes in ((tmp_path / "a", training), (tmp_path / "b", training[::-1])):
        folder.mkdir()
        ridge.fit(eyes, folder, seed=0)
        generator = ridge.make_generator(device="cpu", folder=folder)
        answers.append(generator.generate(training[0].read_fundus(), eye="R", seed=0).astype(int))
    assert np.abs(answers[0] - answers[1]).max() <= 1  # a rounding apart


def test_ridge_leaves_nothing_but_its_weights_behind(tmp_path: Path) -> None:
    ridge.fit([toy_eye(number, "R") for number in range(4)], tmp_path, seed=0)
    parts = {"mean", "axes", "coefficients"}
    kept = {f"fundus_{part}.npy" for part in parts - {"coefficients"}} | {f"oct_{part}.npy" for part in parts}
    assert set(files(tmp_path)) == kept | {
        f"{shape}_{part}.npy" for shape in ("floor", "thickness") for part in parts - {"axes"}
    }


def test_side_without_eyes_gets_the_mirror_image_of_the_other(tmp_path: Path) -> None:
    mean_volume.fit([toy_eye(0, "R")], tmp_path, seed=0)
    generator = mean_volume.make_generator(device="cpu", folder=tmp_path)
    right, left = (generator.generate(FUNDUS, eye=eye, seed=0) for eye in ("R", "L"))  # type: ignore[arg-type]
    np.testing.assert_array_equal(left, mirror_volume(right))


def test_random_train_mirrors_when_the_side_has_no_eyes(tmp_path: Path) -> None:
    random_train.fit([toy_eye(0, "R")], tmp_path, seed=0)
    volume = random_train.make_generator(device="cpu", folder=tmp_path).generate(FUNDUS, eye="L", seed=5)
    np.testing.assert_array_equal(volume, mirror_volume(toy_eye(0, "R").read_volume()))


def test_ridge_refuses_a_single_patient(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="E_FEW: ridge needs more patients"):
        ridge.fit([toy_eye(0, "R"), toy_eye(1, "L")], tmp_path, seed=0)


def test_missing_truth_names_the_first_case(toy: Dataset) -> None:
    cases = tuple(replace(case, oct="") for case in toy.cases)
    with pytest.raises(BenchError, match="12 of 12 cases of split train have no OCT") as caught:
        training_set(replace(toy, cases=cases), "train")
    assert caught.value.code == "E_TRUTH"
    assert "toy-train-000" in str(caught.value)


def test_unknown_method_gets_a_suggestion_and_the_list() -> None:
    with pytest.raises(BenchError) as caught:
        find_method("mean_volum")
    assert caught.value.fix == "did you mean mean-volume?"
    assert str(caught.value.expected).startswith("constant, mean-volume, random-train, nearest-fundus, ridge")
    assert caught.value.exit_code == ExitCode.USAGE
