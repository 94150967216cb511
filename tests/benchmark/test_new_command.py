"""`bench new`: each template becomes a folder whose test passes and which `bench check` finds clean."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from small_dataset import write_small_dataset

from fundus2oct.benchmark import new_command
from fundus2oct.benchmark.cli import run
from fundus2oct.benchmark.new_command import make_submission
from fundus2oct.benchmark.submission_file import read_submission
from fundus2oct.metrics.errors import BenchError

ROOT = Path(__file__).parent.parent.parent


def python(folder: Path, *arguments: str) -> str:
    """Run Python in a folder as a participant would; returns what it said."""
    variables = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("template", ["torch", "diffusers"])
def test_a_new_folder_passes_its_own_test_and_the_check(
    template: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "my-method"
    assert run(["new", "my-method", "--template", template, "--team", "kyoto", "--out", str(folder)]) == 0
    assert capsys.readouterr().out == f"{folder}\n"
    assert "4 passed" in python(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert run(["check", str(folder)]) == 0
    assert f"{folder}: no problems (code)" in capsys.readouterr().out
    assert set(read_submission(folder).weights) >= {"weights.safetensors"} or template == "diffusers"


@pytest.mark.slow
def test_a_new_folder_of_pictures_passes_its_own_test_and_once_drawn_the_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_small_dataset(tmp_path / "data")
    folder = make_submission(tmp_path / "pictures", method="pictures", team="kyoto", template="images")
    assert "1 passed" in python(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert run(["check", str(folder), "--data", str(data)]) == 3
    assert "E_MISSING: no such folder of pictures" in capsys.readouterr().err
    python(folder, "make_images.py", str(data))
    assert run(["check", str(folder), "--data", str(data)]) == 0
    assert "no problems (images)" in capsys.readouterr().out


@pytest.fixture
def without_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Templates are written, their weights are not made: nothing slow is started."""
    monkeypatch.setattr(new_command, "_make_weights", lambda folder: None)


@pytest.mark.usefixtures("without_weights")
@pytest.mark.parametrize("template", ["torch", "diffusers"])
def test_the_entry_point_names_the_same_callable_as_the_submission(template: str, tmp_path: Path) -> None:
    folder = make_submission(tmp_path / "a", method="flow-2", team="kyoto", template=template)
    points = tomllib.loads((folder / "pyproject.toml").read_text())["project"]["entry-points"]
    submission = read_submission(folder)
    assert points == {"fundus2oct.generators": {"flow-2": submission.generator}}
    assert submission.name == "kyoto/flow-2"


@pytest.mark.parametrize(
    ("template", "file", "example"),
    [
        ("torch", "generator.py", "torch-module/generator.py"),
        ("diffusers", "generator.py", "diffusers-pipeline/generator.py"),
    ],
)
def test_a_template_holds_the_generator_of_the_guide(template: str, file: str, example: str) -> None:
    text = (ROOT / "benchmark/submission_templates" / template / f"{file}.txt").read_text()
    assert text == (ROOT / "submissions/examples" / example).read_text()


@pytest.mark.usefixtures("without_weights")
def test_a_folder_that_exists_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/mine.txt").write_text("mine")
    with pytest.raises(BenchError, match="E_EXISTS"):
        make_submission(tmp_path / "a", method="a", team="b", template="torch")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(("method", "team"), [("My-Method", "a"), ("a", "../b"), ("a/b", "c")])
def test_a_bad_name_is_refused(method: str, team: str, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"E_NAME: bad name .*\[a-z0-9\]"):
        make_submission(tmp_path / "a", method=method, team=team, template="images")
    assert not list(tmp_path.iterdir())


def test_a_package_that_a_template_needs_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(new_command.TEMPLATES, "torch", ("no_such_package",))
    with pytest.raises(BenchError, match=r"E_EXTRAS: .*no_such_package .*pip install") as caught:
        make_submission(tmp_path / "a", method="a", team="b", template="torch")
    assert caught.value.exit_code == 2


@pytest.mark.usefixtures("without_weights")
@pytest.mark.parametrize("template", new_command.TEMPLATES)
def test_a_templates_python_is_as_tidy_as_ours(template: str, tmp_path: Path) -> None:
    folder = make_submission(tmp_path / "a", method="a", team="b", template=template)
    python(ROOT, "-m", "ruff", "format", "--check", "--config", "ruff.toml", str(folder))
    python(ROOT, "-m", "ruff", "check", "--config", "ruff.toml", "--ignore", "I", str(folder))
