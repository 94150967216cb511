"""`bench try` finds at home what an organiser would: failures, chance beside the seed, a photograph without use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from challenge_archive import members, write_archive
from plugin_folders import write_plugin

from fundus2oct.benchmark import sandbox, trial_run
from fundus2oct.benchmark.cli import run
from fundus2oct.benchmark.dataset import Dataset

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("toy_metrics", "cache")]

SANDBOX = "auto" if not sandbox.why_not("bubblewrap") else "none"
PHOTOGRAPH = "value = (int(fundus.sum()) + seed) % 200 + 20\nvolume = np.full((6, 320, 448), value, np.uint8)"
HONEST = f"{PHOTOGRAPH}\nvolume[:, 100:200] = seed % 90\nreturn volume"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache folder for this file: its eyes and reference rows are made once."""
    folder = tmp_path_factory.mktemp("cache")
    before = os.environ.get("BENCH_CACHE")
    os.environ["BENCH_CACHE"] = str(folder)
    yield folder
    os.environ.pop("BENCH_CACHE")
    if before is not None:
        os.environ["BENCH_CACHE"] = before


@pytest.fixture
def unscored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scoring takes seconds and is not what these tests are about."""
    result = {"metrics": {"ssim": {"value": 0.5}}, "cases": {"scored": 4, "expected": 4}}
    monkeypatch.setattr(trial_run, "score_trial", lambda *arguments: result)


def plugin(folder: Path, body: str, *, top: str = "") -> Path:
    """A submission that `bench check` finds clean."""
    write_plugin(folder, body, top=top)
    text = (folder / "submission.toml").read_text()
    (folder / "submission.toml").write_text(f'licence = "CC0-1.0"\nexternal_data = ""\n{text}')
    return folder


def facts(out: str) -> dict[str, str]:
    """The lines behind the table, name -> what was found."""
    return {line[:16].strip(): line[17:] for line in out.partition("\n\n")[2].splitlines()}


def test_a_sound_generator_is_shown_beside_reference_rows_with_what_comes_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = plugin(tmp_path / "plugin", HONEST)
    assert run(["try", str(folder), "--sandbox", SANDBOX]) == 0
    out, err = capsys.readouterr()
    head, *lines = out.splitlines()
    assert head.split() == ["yours", *trial_run.REFERENCES, "better"]
    rows = {line.split()[0]: line.split()[1:] for line in lines[:3]}
    assert set(rows) == {"TOY", "SSIM", "PSNR"}
    assert float(rows["PSNR"][0]) < float(rows["PSNR"][1])
    found = facts(out)
    assert found["walls"] == ("none" if SANDBOX == "none" else "bubblewrap")
    assert found["cases"] == "4 of 4 drawn"
    assert found["same seed again"] == "equal volumes"
    assert found["photograph"] == "changes the volume"
    assert f"bench score {folder} --data DATA" in err
    assert "make synthetic eyes, once" in err
    assert run(["try", str(folder), "--sandbox", SANDBOX]) == 0
    again = capsys.readouterr()
    assert again.out.partition("\n\n")[0] == out.partition("\n\n")[0]
    assert "once" not in again.err


@pytest.mark.usefixtures("unscored")
def test_chance_beside_the_seed_ends_as_a_verification_would(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = plugin(tmp_path / "plugin", "return np.random.default_rng().integers(0, 256, (6, 320, 448), np.uint8)")
    assert run(["try", str(folder), "--sandbox", SANDBOX]) == 5
    out, err = capsys.readouterr()
    assert facts(out)["same seed again"] == "other volumes"
    assert "E_MISMATCH: the same seed gave other volumes" in err


@pytest.mark.usefixtures("unscored")
def test_a_photograph_that_changes_nothing_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = plugin(tmp_path / "plugin", "return np.random.default_rng(seed).integers(0, 256, (6, 320, 448), np.uint8)")
    assert run(["try", str(folder), "--sandbox", SANDBOX]) == 0
    assert facts(capsys.readouterr().out)["photograph"] == "changes nothing: it would not be ranked"


@pytest.mark.usefixtures("unscored")
def test_a_failing_case_shows_the_log_and_ends_with_4(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = plugin(tmp_path / "plugin", "raise ValueError('no fovea found')")
    assert run(["try", str(folder), "--sandbox", SANDBOX]) == 4
    out, err = capsys.readouterr()
    assert "ValueError: no fovea found" in err
    assert "E_FAILED: 4 of 4 cases failed" in err
    assert facts(out)["same seed again"] == "not tried, because cases failed"


@pytest.mark.usefixtures("unscored")
def test_a_case_beyond_the_limit_is_a_timeout_at_home_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = plugin(tmp_path / "plugin", f"if eye == 'L': time.sleep(60)\n{HONEST}")
    assert run(["try", str(folder), "--sandbox", SANDBOX, "--case-seconds", "0.5"]) == 4
    assert "E_TIMEOUT" in capsys.readouterr().err


@pytest.mark.usefixtures("unscored")
def test_code_that_cannot_be_imported_shows_its_last_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = plugin(tmp_path / "plugin", "pass", top="import no_such_library")
    assert run(["try", str(folder), "--sandbox", SANDBOX]) == 3
    err = capsys.readouterr().err
    assert "in _load" in err
    assert "E_PLUGIN: the generator could not be loaded" in err
    assert "No module named 'no_such_library'" in err


@pytest.mark.usefixtures("unscored")
@pytest.mark.skipif(SANDBOX == "none", reason="no walls start on this machine")
def test_what_the_walls_forbid_fails_at_home(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = plugin(tmp_path / "plugin", "(self.folder / 'seen.txt').write_text('x')\nreturn None")
    assert run(["try", str(folder)]) == 4
    assert "Read-only file system" in capsys.readouterr().err
    assert not (folder / "seen.txt").exists()


def test_a_static_problem_ends_it_before_anything_is_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = plugin(tmp_path / "plugin", f"open({str(tmp_path / 'ran')!r}, 'w')")
    (folder / "torch.py").touch()
    assert run(["try", str(folder), "--sandbox", "none"]) == 3
    assert "E_NAME: hides the module torch" in capsys.readouterr().err
    assert not (tmp_path / "ran").exists()


def test_pictures_are_tried_where_their_truth_is(
    small: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = write_archive(tmp_path / "submit.zip", members(small))
    assert run(["try", str(archive)]) == 2
    assert "E_TRUTH: pictures can be tried only" in capsys.readouterr().err
    assert run(["try", str(archive), "--data", str(small.folder), "--split", "test"]) == 0
    out, err = capsys.readouterr()
    assert out.split()[:2] == ["yours", "better"]
    assert f"bench score {archive} --data DATA" in err
