"""What every learned method promises: profiles that build, resume to the bit, a generator that keeps the rules."""

from __future__ import annotations

import importlib
import importlib.resources
import json
from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import pytest
import torch
from toy_training import stop_after

from fundus2oct.baselines.catalogue import LEARNED, Method
from fundus2oct.baselines.training.eye_tensors import load_eyes
from fundus2oct.baselines.training.learned_method import load_method, profile_settings
from fundus2oct.baselines.training.trained_generator import photograph_condition
from fundus2oct.baselines.training.training_folder import TrainingRequest, train_into
from fundus2oct.baselines.training_set import silent, training_set
from fundus2oct.benchmark.cli import run
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.generator import ENTRY_POINT_GROUP, Generator
from fundus2oct.benchmark.submission_file import read_submission
from fundus2oct.metrics.errors import BenchError
from fundus2oct.metrics.scan_geometry import VOLUME_SHAPE, mirror_fundus, mirror_volume

each_method = pytest.mark.parametrize("method", LEARNED, ids=lambda method: method.name)


def train(out: Path, method: Method, dataset: Dataset, overrides: Sequence[str] = ()) -> bool:
    learned = load_method(method.module)
    settings = profile_settings(learned, "tiny", overrides)
    request = TrainingRequest(method=method, dataset=dataset, profile="tiny", device="cpu")
    return train_into(out, learned, settings, request)


def make(folder: Path, method: Method) -> Generator:
    (entry_point,) = entry_points(group=ENTRY_POINT_GROUP, name=method.name)
    generator: Generator = entry_point.load()(device="cpu", folder=folder)
    return generator


@pytest.fixture(scope="module")
def trained(eyes: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one trained folder for each method, 20 steps of the profile tiny."""
    folder = tmp_path_factory.mktemp("trained")
    for method in LEARNED:
        assert train(folder / method.name, method, eyes)
    return folder


@pytest.fixture
def fundus(eyes: Dataset) -> np.ndarray:  # type: ignore[type-arg]
    """A photograph to draw for."""
    return eyes.fundus(eyes.split("test")[0])


@each_method
def test_every_profile_builds_its_networks(method: Method, eyes: Dataset) -> None:
    learned = load_method(method.module)
    for profile in method.profiles:
        settings = profile_settings(learned, profile)
        with torch.device("meta"):
            assert sum(stage.share for stage in learned.stages(settings)) == pytest.approx(1)
            importlib.import_module(method.module).make_networks(settings)


@each_method
def test_profiles_are_shipped_for_every_name(method: Method) -> None:
    folder = importlib.resources.files("fundus2oct.baselines").joinpath("profiles")
    assert {f"{method.name}-{profile}.toml" for profile in method.profiles} <= {p.name for p in folder.iterdir()}


@each_method
def test_ten_steps_and_ten_more_are_twenty_bit_for_bit(
    method: Method, trained: Path, eyes: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_after(monkeypatch, 10)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, method, eyes)
    monkeypatch.undo()
    assert train(tmp_path, method, eyes)
    whole = (trained / method.name / "model.safetensors").read_bytes()
    assert (tmp_path / "model.safetensors").read_bytes() == whole


@each_method
def test_answers_a_volume_that_the_seed_and_the_photograph_decide(
    method: Method,
    trained: Path,
    fundus: np.ndarray,  # type: ignore[type-arg]
) -> None:
    generator = make(trained / method.name, method)
    first = generator.generate(fundus, eye="R", seed=7)
    other = generator.generate(255 - fundus, eye="R", seed=7)
    again = make(trained / method.name, method).generate(fundus, eye="R", seed=7)
    assert first.shape == VOLUME_SHAPE
    assert first.dtype == np.uint8
    assert first.flags.writeable
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not np.array_equal(first, generator.generate(fundus, eye="R", seed=8))


@each_method
def test_mirrored_photograph_of_the_other_eye_gives_the_mirrored_volume(
    method: Method,
    trained: Path,
    fundus: np.ndarray,  # type: ignore[type-arg]
) -> None:
    generator = make(trained / method.name, method)
    right = generator.generate(fundus, eye="R", seed=0)
    left = generator.generate(mirror_fundus(fundus), eye="L", seed=0)
    np.testing.assert_array_equal(left, mirror_volume(right))


def test_trained_folder_generates_in_a_worker(trained: Path, eyes: Dataset, tmp_path: Path) -> None:
    line = ["generate", str(trained / "ddpm"), "--data", str(eyes.folder), "--out", str(tmp_path), "--device", "cpu"]
    assert run(line) == 0
    case = eyes.split("test")[0]
    summary = json.loads((tmp_path / "run.json").read_text())
    written = np.load(tmp_path / "volumes" / f"{case.case_id}.npy")
    planned = json.loads((tmp_path / "plan.json").read_text())["cases"]
    seed = next(one["seed"] for one in planned if one["case_id"] == case.case_id)
    here = make(trained / "ddpm", LEARNED[1]).generate(eyes.fundus(case), eye=case.eye, seed=seed)  # type: ignore[arg-type]
    assert not summary["cases"][case.case_id]["code"]
    assert np.abs(written.astype(int) - here).max() <= 1  # another number of threads may round otherwise


@each_method
def test_trained_folder_is_a_valid_submission(method: Method, trained: Path) -> None:
    submission = read_submission(trained / method.name)
    assert submission.name == f"reference/{method.name}"
    assert submission.generator == f"{method.module}:make_generator"
    config = json.loads((trained / method.name / "config.json").read_text())
    assert config["profile"] == "tiny"
    assert config["settings"]["train"]["steps"] == 20


@each_method
def test_folder_without_weights_names_the_command_that_makes_them(method: Method, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=f"E_WEIGHTS.*bench train {method.name} --data DIR --out FOLDER"):
        make(tmp_path, method)


@each_method
def test_weights_of_other_settings_are_refused(method: Method, trained: Path, eyes: Dataset, tmp_path: Path) -> None:
    source = trained / method.name
    for name in ("model.safetensors", "progress.json"):
        (tmp_path / name).write_bytes((source / name).read_bytes())
    config = json.loads((source / "config.json").read_text())
    config["settings"]["conditioning"]["unknown"] = 1
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(BenchError, match=r"E_WEIGHTS: unknown setting conditioning\.unknown"):
        make(tmp_path, method)


@each_method
def test_mirror_image_is_that_of_photograph_strips_and_volume_together(method: Method, eyes: Dataset) -> None:
    settings = profile_settings(load_method(method.module), "tiny", ["data.mirror=0.5"])
    training = training_set(eyes, "train")[:2]
    tensors = load_eyes(training, settings.data, photograph_condition(settings.conditioning), show=silent)
    for number in range(2):
        volume, mirrored = (tensors.volume[variant, number].numpy() for variant in range(2))
        np.testing.assert_array_equal(mirrored, mirror_volume(volume))
        field, flipped = (tensors.fundus[variant, number].numpy() for variant in range(2))
        np.testing.assert_array_equal(flipped, field[..., ::-1])


def test_unpaired_bscans_are_learned_from_and_recorded(
    eyes: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    line = ["train", "ldm", "--data", str(eyes.folder), "--out", str(tmp_path / "out"), "--profile", "tiny"]
    line += ["--max-steps", "4", "--device", "cpu", "--unpaired"]
    assert run([*line, str(tmp_path / "empty")]) == 3
    assert "E_MISSING: too few B-scans" in capsys.readouterr().err
    assert run([*line, str(eyes.folder / "oct")]) == 0
    pictures = len(list((eyes.folder / "oct").rglob("*.png")))
    assert json.loads((tmp_path / "out" / "training.json").read_text())["unpaired"]["bscans"] == pictures
    assert run([*line, str(eyes.folder / "oct" / "toy-train-000")]) == 3
    assert "other unpaired" in capsys.readouterr().err


@each_method
def test_command_trains_and_finds_the_work_done(
    method: Method, eyes: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["train", method.name, "--data", str(eyes.folder), "--out", str(tmp_path / "out"), "--profile", "tiny"]
    line += ["--max-steps", "4", "--set", "train.batch=1", "--device", "cpu"]
    assert run(line) == 0
    assert run(line) == 0
    assert "already trained" in capsys.readouterr().err
    assert run([*line, "--set", "train.lr=1"]) == 3
    assert "E_EXISTS" in capsys.readouterr().err
    assert run([*line, "--set", "train.lrr=1"]) == 2
    assert "did you mean train.lr?" in capsys.readouterr().err
