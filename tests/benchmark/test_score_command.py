"""`bench score` end to end: private and public files, equal bytes for equal inputs, archives, oracles."""

from __future__ import annotations

import csv
import json
import shutil
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from challenge_archive import members, write_archive
from plugin_folders import write_plugin

from fundus2oct.benchmark import cli, scoring
from fundus2oct.benchmark.dataset import Dataset, read_dataset
from fundus2oct.benchmark.result_file import read_result
from fundus2oct.benchmark.run_folder import RunFolder, record_checksum
from fundus2oct.metrics import weight_registry
from fundus2oct.metrics.catalogue import card

pytestmark = pytest.mark.usefixtures("toy_metrics")


class Scorer:
    """`bench score` into one folder."""

    def __init__(self, folder: Path, data: Path) -> None:
        self.private, self.results, self.folder, self.data = folder / "private", folder / "results", folder, data

    def __call__(self, *arguments: str | Path) -> int:
        places = ["--data", self.data, "--private", self.private, "--results", self.results]
        return cli.run(["--quiet", "score", *map(str, [*arguments, *places, "--runs", self.folder / "runs"])])

    def records(self) -> list[Path]:
        return sorted(self.results.rglob("results/**/????-????????.json"))

    def result(self) -> dict[str, Any]:
        (path,) = self.records()
        return read_result(path)


def rows_of(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    return list(csv.DictReader(path.read_text().splitlines()))


@pytest.fixture
def score(tmp_path: Path, small: Dataset, warm_cache: Path) -> Scorer:
    """Scores the small dataset; its cache holds the values of the finished run."""
    shutil.copytree(warm_cache, tmp_path / "private/cache")
    return Scorer(tmp_path, small.folder)


def test_private_files_are_private_and_the_public_one_holds_nobody(
    score: Scorer, finished_run: Path, small: Dataset
) -> None:
    assert score(finished_run) == 4
    folder = score.private / "toy/plugin/toy-1/test"
    assert {path.name for path in folder.iterdir()} == {
        ".lock",
        "memorised.csv",
        "per_case.csv",
        "per_patient.npz",
        "result.json",
        "sums.json",
        "timing.json",
    }
    assert [stat.S_IMODE(path.stat().st_mode) for path in (score.private, folder)] == [0o700, 0o700]
    (record,) = score.records()
    assert record.read_bytes() == (folder / "result.json").read_bytes()
    public = "".join(path.read_text() for path in score.results.rglob("*") if path.is_file()).lower()
    names = {name.lower() for case in small.cases for name in (case.case_id, case.source_id, case.patient_id)}
    assert len(names) > 8
    assert not [name for name in names if name in public]


@pytest.mark.parametrize("name", ["result.json", "per_patient.npz", "sums.json"])
def test_a_flipped_byte_in_a_private_file_is_noticed_and_scoring_again_mends_it(
    score: Scorer, finished_run: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    score(finished_run)
    path = score.private / "toy/plugin/toy-1/test" / name
    whole = path.read_bytes()
    place = next(i for i in range(len(whole) // 2, len(whole)) if whole[i : i + 1].isdigit())
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    capsys.readouterr()
    for _ in range(2):
        code = cli.run(["--quiet", "compare", "toy/plugin", "toy/plugin", "--private", str(score.private)])
        err = capsys.readouterr().err
        if path.read_bytes() != whole:
            assert code == 3
            assert "E_CHANGED: not as scoring left it" in err
            assert "fix: score the entry again; nothing is generated anew" in err
            score(finished_run)
            capsys.readouterr()
    assert "E_CHANGED" not in err
    assert path.read_bytes() == whole


def test_the_private_numbers_make_the_public_ones(score: Scorer, finished_run: Path) -> None:
    score(finished_run)
    folder = score.private / "toy/plugin/toy-1/test"
    with np.load(folder / "per_patient.npz", allow_pickle=False) as patients:
        assert patients["psnr.mean"].mean() == score.result()["metrics"]["psnr"]["value"]
        assert patients["psnr.n"].tolist() == [2, 1]
    rows = {row["case_id"]: row for row in rows_of(folder / "per_case.csv")}
    mean = np.mean([np.mean([float(rows[f"toy-test-00{i}"]["psnr"]) for i in eyes]) for eyes in ((0, 1), (2,))])
    assert score.result()["metrics"]["psnr"]["value"] == pytest.approx(mean, rel=1e-12)


def test_a_failed_case_is_counted_and_costs_the_worst_value(score: Scorer, finished_run: Path) -> None:
    assert score(finished_run) == 4
    result = score.result()
    row = rows_of(score.private / "toy/plugin/toy-1/test/per_case.csv")[1]
    assert result["cases"] == {"expected": 3, "scored": 2, "failed": 1, "failures": {"E_PLUGIN": 1}}
    assert result["eligible"]["value"] is False
    assert (row["code"], float(row["ssim"]), float(row["psnr_5"])) == ("E_PLUGIN", card("ssim").worst, 0.0)


def test_scoring_again_calls_no_network_and_files_no_second_record(
    score: Scorer, finished_run: Path, toy_metrics: list[int]
) -> None:
    score(finished_run)
    (record,) = score.records()
    toy_metrics.clear()
    score(finished_run)
    assert toy_metrics == []
    assert score.records() == [record]


def test_equal_inputs_give_equal_bytes_whatever_order_chunk_and_cache(
    score: Scorer, finished_run: Path, small_copy: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    score(finished_run)
    table = small_copy.folder / "cases.csv"
    header, *rows = table.read_text().splitlines()
    table.write_text("\n".join([header, *reversed(rows), ""]))
    monkeypatch.setattr(scoring, "CHUNK", 2)
    other = Scorer(tmp_path / "other", small_copy.folder)
    other(finished_run)
    assert [path.read_bytes() for path in other.records()] == [path.read_bytes() for path in score.records()]
    assert other.records()[0].name == score.records()[0].name


def test_a_damaged_cache_file_is_told_and_changes_no_byte(
    score: Scorer, finished_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    score(finished_run)
    kept = list((score.private / "cache").rglob("*.f64"))
    for path in kept:
        path.write_bytes(path.read_bytes()[:-1] + b"\x99")
    places = ["--private", str(score.private), "--results", str(score.results)]
    assert cli.run(["score", str(finished_run), "--data", str(score.data), *places]) == 4
    assert capsys.readouterr().err.count("damaged cache file was set aside") == len(kept)
    assert len(score.records()) == 1


def test_another_number_is_another_record(score: Scorer, small: Dataset) -> None:
    assert score("--oracle", "real-vs-real", "--seed", "0") == 0
    assert score("--oracle", "real-vs-real", "--seed", "5") == 0
    first, second = score.records()
    assert (first.name[:5], second.name[:5]) == ("0001-", "0002-")
    assert (score.results / "oracle/real-vs-real/submission.toml").is_file()


def test_the_copy_of_the_truth_has_every_metrics_best_value(score: Scorer) -> None:
    assert score("--oracle", "truth-copy") == 0
    values = {name: metric["value"] for name, metric in score.result()["metrics"].items()}
    assert values["ssim"] == pytest.approx(1.0, abs=1e-12)
    assert values["psnr"] == 60.0
    assert values["toy-fvd"] == pytest.approx(0.0, abs=1e-6)
    assert score.result()["entry"]["kind"] == "oracle"


def test_a_generator_is_run_first_and_only_once(score: Scorer, tmp_path: Path, small: Dataset) -> None:
    plugin = write_plugin(tmp_path / "plugin", method="flow")
    assert score(plugin) == 0
    volume = tmp_path / "runs/toy.flow-toy-test-s0/volumes/toy-test-000.npy"
    made = volume.stat().st_mtime_ns
    assert score(plugin) == 0
    assert volume.stat().st_mtime_ns == made
    assert score.result()["run"]["generator"] == "toy_plugin:make_generator"


def test_a_generator_is_run_under_the_limits_that_are_given(score: Scorer, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "limits.toml").write_text("run_seconds = 99\n")
    options = ["--limits", str(tmp_path / "limits.toml"), "--fresh-process"]
    assert score(write_plugin(tmp_path / "plugin", method="flow"), *options) == 0
    run = tmp_path / "runs/toy.flow-toy-test-s0"
    plan = RunFolder(run).plan()
    assert (plan["limits"]["run_seconds"], plan["generator"]["fresh_process"]) == (99.0, True)
    assert score(write_plugin(tmp_path / "plugin", method="flow"), "--batch", "2") == 3
    assert "E_MANIFEST: the submission is not in the batch track" in capsys.readouterr().err
    assert score(run, *options) == 2
    assert "--limits, --fresh-process" in capsys.readouterr().err


@pytest.mark.parametrize(("kind", "container"), [("png", "png"), ("jpg", "jpeg")])
def test_an_archive_is_scored_and_its_container_recorded(
    score: Scorer, small: Dataset, tmp_path: Path, kind: str, container: str
) -> None:
    archive = write_archive(tmp_path / "My Submit.zip", members(small, kind))
    assert score(archive, "--team", "kyoto") == 0
    result = score.result()
    assert (result["entry"]["team"], result["entry"]["method"]) == ("kyoto", "my-submit")
    assert (result["protocol"]["container"], result["run"]["isolation"]) == (container, "not-applicable")


def test_a_team_may_hand_in_a_second_archive(score: Scorer, small: Dataset, tmp_path: Path) -> None:
    content = members(small)
    assert score(write_archive(tmp_path / "submit.zip", content), "--team", "kyoto") == 0
    content["TOY-TEST-000/TOY-TEST-000_0.png"] = content["TOY-TEST-000/TOY-TEST-000_1.png"]
    assert score(write_archive(tmp_path / "submit.zip", content), "--team", "kyoto") == 0
    assert [path.name[:4] for path in score.records()] == ["0001", "0002"]


def test_missing_weights_are_null_with_the_command_that_mends_it(
    score: Scorer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("fundus2oct.metrics.catalogue.CARDS", (card_of_fvd(), card("psnr")))
    monkeypatch.setenv(weight_registry.CACHE_VARIABLE, str(tmp_path / "empty"))
    assert score("--oracle", "truth-copy") == 0
    metric = score.result()["metrics"]["fvd"]
    assert metric["value"] is None
    assert "bench weights install i3d" in metric["reason"]
    assert "weights i3d" in capsys.readouterr().out


def card_of_fvd() -> Any:
    from fundus2oct.metrics.frechet_video_distance import CARD

    return CARD


def test_the_table_shows_values_and_the_records_path(
    score: Scorer, finished_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    score(finished_run)
    out = capsys.readouterr().out
    assert "2 of 3 cases scored, 1 failed" in out
    assert all(words in out for words in ("TOY", "SSIM", "PSNR", "higher is better", str(score.records()[0])))


def test_truth_is_needed_to_score_and_said_so(score: Scorer, small_copy: Dataset, finished_run: Path) -> None:
    table = small_copy.folder / "cases.csv"
    rows = rows_of(table)
    with table.open("w") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(row | {"oct": ""} for row in rows)
    assert Scorer(score.folder, small_copy.folder)(finished_run) == 3
    assert score.records() == []


WRONG: dict[str, tuple[list[str], int, str]] = {
    "nothing to score": ([], 2, "TARGET, --oracle"),
    "two things to score": (["ridge", "--oracle", "truth-copy"], 2, "TARGET, --oracle"),
    "unknown oracle": (["--oracle", "delphi"], 3, "E_ORACLE"),
    "unknown generator": (["rigde"], 3, "did you mean ridge"),
    "no such archive": (["nowhere.zip"], 3, "E_MISSING"),
    "unknown split": (["--oracle", "truth-copy", "--split", "final"], 3, "E_SPLIT"),
    "phase that climbs": (["--oracle", "truth-copy", "--phase", "../../x"], 3, "E_NAME"),
    "bad phase before anything is generated": (["PLUGIN", "--phase", "Final"], 3, "E_NAME"),
    "team that climbs": (["nowhere.zip", "--team", "../x"], 3, "E_NAME"),
}


@pytest.mark.parametrize(("arguments", "code", "words"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_call_computes_and_leaves_nothing(
    score: Scorer, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, words: str
) -> None:
    plugin = write_plugin(score.folder / "plugin")
    assert score(*(str(plugin) if word == "PLUGIN" else word for word in arguments)) == code
    assert words in capsys.readouterr().err
    assert not [name for name in ("runs", "results") if (score.folder / name).exists()]
    assert not list(score.private.rglob("per_case.csv"))


def test_a_run_of_other_photographs_is_refused(score: Scorer, run_copy: Path, capsys: Any) -> None:
    plan = RunFolder(run_copy).plan()
    plan["dataset"]["inputs_hash"] = "0" * 64
    sealed = plan | {"checksum": record_checksum(plan)}
    (run_copy / "plan.json").write_text(json.dumps(sealed))
    assert score(run_copy) == 3
    assert "E_CHANGED: the run was made for another inputs_hash" in capsys.readouterr().err


def test_two_scorers_of_one_entry_do_not_meet(score: Scorer, finished_run: Path, capsys: Any) -> None:
    from fundus2oct.benchmark.score_files import ScoreFolder

    score(finished_run)
    with ScoreFolder(score.private / "toy/plugin/toy-1/test").locked():
        assert score(finished_run) == 3
    assert "E_LOCKED" in capsys.readouterr().err


def test_flags_of_a_run_reach_the_record(score: Scorer, tmp_path: Path) -> None:
    plugin = write_plugin(tmp_path / "plugin", "return np.full((6, 320, 448), 9, np.uint8)")
    assert score(plugin) == 0
    assert score.result()["flags"] == ["constant-volumes", "same-volume-for-all-cases"]
    assert all(metric["value"] is not None for metric in score.result()["metrics"].values())


def test_a_changed_truth_is_another_board(score: Scorer, finished_run: Path, small_copy: Dataset) -> None:
    folder = small_copy.folder / "oct/toy-test-000"
    shutil.copyfile(folder / "toy-test-000_1.png", folder / "toy-test-000_0.png")
    score(finished_run)
    other = Scorer(score.folder, small_copy.folder)
    other(finished_run)
    hashes = {read_result(path)["dataset"]["truth_hash"] for path in score.records()}
    assert hashes == {read_dataset(d).truth_hash("test") for d in (score.data, small_copy.folder)}
    assert len(hashes) == 2
