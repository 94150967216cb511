"""`bench train`, from the command line to the folder it leaves."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from fundus2oct.baselines import fitted_folder
from fundus2oct.baselines.catalogue import METHODS, find_method
from fundus2oct.benchmark.cli import run
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.submission_file import read_submission


def train(toy: Dataset, out: Path, name: str = "constant", *more: str) -> int:
    return run(["train", name, "--data", str(toy.folder), "--out", str(out), *more])


def test_fitted_folder_is_a_valid_submission(fitted: Path) -> None:
    for method in METHODS:
        submission = read_submission(fitted / method.name)
        assert submission.name == f"reference/{method.name}"
        assert submission.kind == method.kind
        assert submission.generator == f"{method.module}:make_generator"


def test_training_record_tells_what_was_learned_from(toy: Dataset, tmp_path: Path) -> None:
    assert train(toy, tmp_path / "out", "constant", "--seed", "3") == 0
    record = json.loads((tmp_path / "out" / "training.json").read_text())
    assert record["dataset"] == {"name": "toy", "version": "1"}
    assert record["inputs_hash"] == toy.inputs_hash("train")
    assert record["truth_hash"] == toy.truth_hash("train")
    assert record["seed"] == 3


def test_second_run_finds_the_work_done(toy: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(toy, tmp_path / "out") == 0
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    assert train(toy, tmp_path / "out") == 0
    assert "already fitted" in capsys.readouterr().err
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}


def test_folder_of_another_fit_is_refused_and_kept(
    toy: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(toy, tmp_path / "out") == 0
    assert train(toy, tmp_path / "out", "constant", "--seed", "1") == 3
    assert "E_EXISTS: the folder holds another fit" in capsys.readouterr().err
    assert json.loads((tmp_path / "out" / "training.json").read_text())["seed"] == 0


def test_foreign_folder_is_refused_and_kept(toy: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    assert train(toy, tmp_path) == 3
    assert "holds no fit" in capsys.readouterr().err
    assert (tmp_path / "thesis.txt").exists()


def test_interrupted_fit_leaves_nothing(toy: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(fitted_folder, "write_submission", interrupted)
    assert train(toy, tmp_path / "out") == 130
    assert list(tmp_path.iterdir()) == []


def test_copying_generators_do_not_need_the_data_folder(toy: Dataset, tmp_path: Path) -> None:
    copy = shutil.copytree(toy.folder, tmp_path / "data")
    out = tmp_path / "out"
    assert run(["train", "nearest-fundus", "--data", str(copy), "--out", str(out)]) == 0
    assert str(copy) not in "".join(path.read_text() for path in out.glob("*.json"))


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["train", "rigde", "--data", "x", "--out", "y"], 2, "did you mean ridge?"),
        (["train", "ridge", "--data", "x"], 2, "Missing option '--out'"),
        (["train", "ridge", "--data", "no-such-folder", "--out", "y"], 3, "E_MISSING"),
    ],
)
def test_mistake_ends_in_a_message_and_a_code(
    arguments: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == code
    assert message in capsys.readouterr().err


def test_unknown_split_names_the_splits(toy: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(toy, tmp_path / "out", "constant", "--split", "val") == 3
    assert "E_SPLIT: no such split" in capsys.readouterr().err


def test_help_of_every_method_ends_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    for method in METHODS:
        assert find_method(method.name) is method
        assert run(["train", method.name, "--help"]) == 0
        example = f"bench train {method.name} --data demo/data --out demo/generators/{method.name}"
        assert f"Example:\n    {example}" in capsys.readouterr().out
