"""`bench try` finds at home what an organiser would: failures, chance beside the seed, a photograph without use."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from challenge_archive import members, write_archive
from plugin_folders import write_plugin
from toy_dataset import write_toy_dataset

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


def plugin(folder: Path, body: str, *, top: str = "", make: str = "") -> Path:
    """A submission that `bench check` finds clean."""
    write_plugin(folder, body, top=top, make=make)
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
    assert re.fullmatch(r"[0-9.]+ s, limit 600", found["loading"])
    assert found["other sizes"] == "224 x 224 drawn, 600 x 800 drawn"
    assert "batches of 4" not in found
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
def test_memory_and_other_needs_stand_beside_the_limits_that_the_organiser_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "limits.toml").write_text("memory_bytes = 3_221_225_472\nstart_seconds = 50\nrun_seconds = 120\n")
    folder = plugin(tmp_path / "plugin", HONEST, make="return Plugin((folder, np.ones(200 * 2**20, np.uint8))[0])")
    assert run(["try", str(folder), "--sandbox", SANDBOX, "--limits", str(tmp_path / "limits.toml")]) == 0
    found = facts(capsys.readouterr().out)
    told = re.fullmatch(r"([0-9.]+) GiB at most, limit 3; ([0-9.]+) GiB of addresses, same limit", found["memory"])
    assert told is not None
    assert 0.2 < float(told[1]) < 0.6
    assert float(told[1]) < float(told[2]) < 3
    assert found["loading"].endswith("limit 50")
    assert found["500 eyes"].endswith("limit 2")


TOGETHER = """
    def generate_batch(self, fundus_list, *, eyes, seeds):
        {first}
        return [self.generate(f, eye=e, seed=s) for f, e, s in zip(fundus_list, eyes, seeds)]
"""


def batch_plugin(folder: Path, first: str) -> Path:
    """A submission of the batch track, whose `generate_batch` begins with a line of the test's."""
    plugin(folder, HONEST)
    module, about = folder / "toy_plugin.py", folder / "submission.toml"
    module.write_text(module.read_text().replace("\ndef make", f"{TOGETHER.format(first=first)}\ndef make"))
    about.write_text(f"batch = true\n{about.read_text()}")
    return folder


@pytest.mark.usefixtures("unscored")
@pytest.mark.parametrize(
    ("first", "options", "name", "told"),
    [
        ("assert len(seeds) == 4", [], "batches of 4", "equal volumes"),
        ("seeds = [s + 1 for s in seeds]", ["--batch", "2"], "batches of 2", "other volumes than one by one"),
    ],
)
def test_a_submission_of_the_batch_track_is_asked_for_several_at_once_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], first: str, options: list[str], name: str, told: str
) -> None:
    assert run(["try", str(batch_plugin(tmp_path / "plugin", first)), "--sandbox", SANDBOX, *options]) == 0
    assert re.fullmatch(rf"{told}, [0-9.]+ s a case", facts(capsys.readouterr().out)[name])


@pytest.mark.usefixtures("unscored")
def test_a_batch_that_fails_shows_its_last_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = batch_plugin(tmp_path / "plugin", "raise ValueError('no room for four')")
    assert run(["try", str(folder), "--sandbox", SANDBOX]) == 3
    out, err = capsys.readouterr()
    assert facts(out)["batches of 4"] == "E_PLUGIN: an organiser would ask one by one"
    assert "ValueError: no room for four" in err
    assert "E_PLUGIN: generate_batch() failed, and submission.toml says batch = true" in err


@pytest.mark.usefixtures("unscored")
def test_a_generator_for_one_size_of_photographs_fails_at_home(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = plugin(tmp_path / "plugin", f"fundus[:512, :512].reshape(512, 512, 3)\n{HONEST}")
    assert run(["try", str(folder), "--sandbox", SANDBOX]) == 4
    out, err = capsys.readouterr()
    assert facts(out)["other sizes"] == "224 x 224 E_PLUGIN, 600 x 800 drawn"
    assert "cannot reshape array of size 150528" in err
    assert "E_FAILED: a photograph of another size gave no volume" in err


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


def flip(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:-20] + bytes([data[-20] ^ 1]) + data[-19:])


def test_a_flipped_byte_in_what_a_rehearsal_keeps_is_noticed_and_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    made: list[str] = []

    def cohort(folder: Path, **options: object) -> None:
        made.append("eyes")
        write_toy_dataset(folder, n_train=1, n_test=2)

    def fit(method: str, data: Path, folder: Path) -> None:
        made.append(method)
        write_plugin(folder, method=method)

    def rehearse() -> list[str]:
        made.clear()
        trial_run.trial_dataset()
        trial_run.reference_rows(fit, trial_run.Conditions())
        return list(made)

    monkeypatch.setattr(trial_run, "write_cohort", cohort)
    monkeypatch.setattr(trial_run, "score_trial", lambda *arguments: {"metrics": {}})
    first, second = trial_run.REFERENCES
    assert rehearse() == ["eyes", first, second]
    assert rehearse() == []
    folder = trial_run.trial_folder()
    for damaged, again in (
        (min((folder / "data/fundus").iterdir()), ["eyes"]),
        (min((folder / "data/oct").rglob("*_3.png")), ["eyes"]),
        (folder / "data/cases.csv", ["eyes"]),
        (folder / "data.json", ["eyes"]),
        (min((folder / "reference" / first / "run/volumes").iterdir()), [first]),
        (folder / "reference" / second / "run/plan.json", [second]),
        (folder / "reference" / second / "run/run.json", [second]),
    ):
        flip(damaged)
        assert rehearse() == again, damaged
        assert "damaged, set aside and made anew" in capsys.readouterr().err
    assert (folder / "data.corrupt").is_dir()
    assert (folder / "reference" / f"{first}.corrupt").is_dir()
