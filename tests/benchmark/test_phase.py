"""Phases: a strict file; dates, quotas and disclosure kept by `bench score`; a history that says why numbers change."""

from __future__ import annotations

import csv
import dataclasses
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import mean_features
import pytest
import tomli_w
from plugin_folders import SPECKLE, write_plugin
from scored_folders import make_result

from fundus2oct.benchmark import cli, comparison
from fundus2oct.benchmark.attestation_file import read_attestations
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.disclosure import Disclosure, round_numbers
from fundus2oct.benchmark.generation import generate_run
from fundus2oct.benchmark.generator_reference import resolve
from fundus2oct.benchmark.phase_file import read_phase
from fundus2oct.benchmark.phase_filing import Filing
from fundus2oct.benchmark.result_file import list_records, read_result
from fundus2oct.benchmark.submission_file import Submission
from fundus2oct.leaderboard.site import build_site
from fundus2oct.metrics import catalogue
from fundus2oct.metrics.errors import BenchError

pytestmark = pytest.mark.usefixtures("toy_metrics")

HASH = "0123456789abcdef" * 4
GOOD: dict[str, Any] = {
    "name": "final",
    "organiser": "Kyoto Eye Challenge",
    "dataset": "toy",
    "version": "1",
    "split": "test",
    "inputs_hash": HASH,
    "truth_hash": HASH,
    "opens": datetime(2026, 3, 1, tzinfo=UTC),
    "closes": datetime(2026, 4, 1, tzinfo=UTC),
    "disclosure": {"per_case": False, "pictures": False, "digits": 3},
}
IN_TIME, LATE = "2026-03-31T23:59:59Z", "2026-04-01T00:00:00Z"

BAD_PHASES: dict[str, tuple[dict[str, Any], str]] = {
    "a name that is no slug": ({"name": "Final!"}, "key 'name'"),
    "a hash in capitals": ({"truth_hash": HASH.upper()}, "key 'truth_hash'"),
    "a moment without an offset": ({"opens": datetime(2026, 3, 1)}, "key 'opens'"),
    "a day for a moment": ({"opens": datetime(2026, 3, 1).date()}, "key 'opens'"),
    "closing before opening": ({"closes": datetime(2026, 2, 1, tzinfo=UTC)}, "closes before it opens"),
    "a quota of nothing": ({"quota": 0}, "key 'quota'"),
    "true for a quota": ({"quota": True}, "key 'quota'"),
    "an unknown key": ({"quotas": 3}, "unknown key 'quotas'"),
    "one digit": ({"disclosure": {"per_case": False, "pictures": False, "digits": 1}}, "key 'digits'"),
    "nothing said of cases": ({"disclosure": {"pictures": False}}, "key 'per_case' is missing"),
    "an unknown disclosure": ({"disclosure": GOOD["disclosure"] | {"all": True}}, "unknown key 'all'"),
    "no disclosure": ({"disclosure": 3}, "key 'disclosure'"),
}


@pytest.mark.parametrize(("changes", "told"), BAD_PHASES.values(), ids=BAD_PHASES.keys())
def test_a_broken_phase_file_says_what_is_wrong(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    (tmp_path / "phase.toml").write_text(tomli_w.dumps(GOOD | changes), "utf-8")
    with pytest.raises(BenchError, match=told) as raised:
        read_phase(tmp_path / "phase.toml")
    assert raised.value.code == "E_PHASE"


def test_every_problem_of_a_phase_file_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "phase.toml").write_text('name = "X Y"\nquota = -1\n', "utf-8")
    with pytest.raises(BenchError, match="11 problems found"):
        read_phase(tmp_path / "phase.toml")


def test_moments_are_kept_in_utc(tmp_path: Path) -> None:
    text = tomli_w.dumps(GOOD).replace("2026-03-01 00:00:00+00:00", "2026-03-01T09:00:00+09:00")
    (tmp_path / "phase.toml").write_text(text, "utf-8")
    phase = read_phase(tmp_path / "phase.toml")
    assert phase.opens == datetime(2026, 3, 1, tzinfo=UTC)
    phase.require_open(phase.opens)
    for moment in (phase.opens - timedelta(seconds=1), phase.closes):
        with pytest.raises(BenchError, match="E_CLOSED: phase final is not open"):
            phase.require_open(moment)


class Organiser:
    """Scores into one folder under one phase file."""

    def __init__(self, folder: Path, dataset: Dataset) -> None:
        self.folder, self.dataset = folder, dataset
        self.private, self.results = folder / "private", folder / "results"
        self.write_phase()

    def write_phase(self, **changes: Any) -> None:
        hashes = {"inputs_hash": self.dataset.inputs_hash("test"), "truth_hash": self.dataset.truth_hash("test")}
        (self.folder / "phase.toml").write_text(tomli_w.dumps(GOOD | hashes | changes), "utf-8")

    def __call__(self, *target: str | Path, received: str = IN_TIME) -> int:
        places = ["--data", self.dataset.folder, "--private", self.private, "--results", self.results]
        rules = ["--phase", self.folder / "phase.toml", "--received", received, "--runs", self.folder / "runs"]
        return cli.run(["--quiet", "score", *map(str, [*target, *places, *rules])])

    def run_of(self, method: str, *, team: str = "toy", seed: int = 0) -> Path:
        """A finished run; another method or seed has other volumes."""
        plugin = self.folder / team / method
        body = SPECKLE if method == "plugin" else SPECKLE.replace("256", str(100 + sum(map(ord, team + method)) % 100))
        if not plugin.exists():
            write_plugin(plugin, body, method=method, team=team)
        run = self.folder / f"run-{team}-{method}-{seed}"
        generate_run(resolve(str(plugin)), self.dataset, "test", run, seed=seed)
        return run

    def records(self, entry: str = "toy/plugin") -> list[Path]:
        return list_records(self.results / entry / "results/toy-1/final")


@pytest.fixture
def organiser(tmp_path: Path, small: Dataset, warm_cache: Path) -> Organiser:
    """An organiser whose cache holds the features of the small dataset."""
    shutil.copytree(warm_cache, tmp_path / "private/cache")
    return Organiser(tmp_path, small)


def test_what_comes_too_late_is_refused_before_anything_is_done(
    organiser: Organiser, capsys: pytest.CaptureFixture[str]
) -> None:
    assert organiser("no-such-target", received=LATE) == 3
    assert "E_CLOSED: phase final is not open" in capsys.readouterr().err
    assert organiser("no-such-target", received="2026-03-31") == 2


def test_another_dataset_or_split_than_the_phase_s_is_refused(
    organiser: Organiser, capsys: pytest.CaptureFixture[str]
) -> None:
    organiser.write_phase(truth_hash=HASH)
    assert organiser("no-such-target") == 3
    assert "E_PHASE: the dataset's truth_hash is not the phase's" in capsys.readouterr().err
    organiser.write_phase()
    assert organiser("no-such-target", "--split", "train") == 2


def numbers_of(path: Path) -> set[str]:
    """Every number of a private table of cases, as it may be written elsewhere: exact, or with six digits."""
    rows = list(csv.reader(path.read_text("utf-8").splitlines()))[1:]
    values = {float(cell) for row in rows for cell in row[4:]}
    return {text for value in values if value not in (0.0, 1.0, -1.0, 60.0) for text in (repr(value), f"{value:.6g}")}


def test_no_public_file_of_a_hidden_phase_tells_of_a_case_or_a_patient(
    organiser: Organiser, small: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "CARDS", mean_features.CARDS)
    for method in ("plugin", "second"):
        assert organiser(organiser.run_of(method)) == 0
    assert organiser("--oracle", "real-vs-real", received=LATE) == 0
    places = ["--private", str(organiser.private), "--results", str(organiser.results)]
    assert cli.run(["--quiet", "compare", "--all", *places]) == 0
    build_site(organiser.results, tmp_path / "site", cards=mean_features.CARDS, ranking_metric="toy-fvd")
    files = [path for root in ("results", "site") for path in (tmp_path / root).rglob("*") if path.is_file()]
    public = {path: path.read_bytes().decode("utf-8", "replace").lower() for path in files}
    ids = {name.lower() for case in small.cases for name in (case.case_id, case.source_id, case.patient_id)}
    numbers = {text for path in organiser.private.rglob("per_case.csv") for text in numbers_of(path)}
    assert len(files) > 10
    assert len(ids) > 8
    assert len(numbers) > 80
    assert not [(path.name, text) for path, words in public.items() for text in ids | numbers if text in words]
    (record,) = organiser.records()
    assert len(read_result(record)["run"]["volumes_hash"]) == 64


FAILS_LOUDLY = 'print("printed-secret"); raise ValueError("secret-of-an-eye in /home/ann/held-out/7.npy")'


def test_no_picture_volume_or_traceback_of_a_hidden_phase_is_in_the_site(
    organiser: Organiser, small: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_plugin(tmp_path / "toy" / "loud", FAILS_LOUDLY, method="loud", team="toy")
    assert organiser(organiser.run_of("loud")) == 4
    run = organiser.run_of("plugin")
    assert organiser(run) == 0
    logs = "".join(path.read_text("utf-8") for path in tmp_path.rglob("private.log"))
    assert "secret-of-an-eye" in logs, "the failure was to leave a traceback somewhere"
    places = ["--data", str(small.folder), "--results", str(organiser.results), "--private", str(organiser.private)]
    assert cli.run(["--quiet", "pictures", str(run), *places]) == 3
    assert "expected: pictures = true in its [disclosure]" in capsys.readouterr().err
    build_site(organiser.results, tmp_path / "site", cards=mean_features.CARDS, ranking_metric="toy-fvd")
    files = [path for root in ("results", "site") for path in (tmp_path / root).rglob("*") if path.is_file()]
    suffixes = {path.suffix for path in files} - {""}
    assert suffixes <= {".html", ".css", ".js", ".json", ".toml", ".csv", ".tex", ".bib", ".md", ".xml", ".svg"}
    assert [path.name for path in files if path.suffix == ".svg"] == ["icon.svg"]
    for path in files:
        text = path.read_bytes().decode("utf-8")  # a picture or a volume would be no text
        assert not [mark for mark in ("secret", "Traceback", "/home/ann", str(tmp_path), "base64") if mark in text]


def test_public_numbers_are_rounded_and_private_ones_are_not(organiser: Organiser) -> None:
    assert organiser(organiser.run_of("plugin")) == 0
    (record,) = organiser.records()
    public = read_result(record)
    private = read_result(organiser.private / "toy/plugin/toy-1/final/result.json")
    assert public["protocol"]["disclosure"] == {"per_case": False, "pictures": False, "labels": False, "digits": 3}
    assert public["metrics"] == round_numbers(private["metrics"], 3)
    assert public["metrics"]["psnr"]["value"] == float(f"{private['metrics']['psnr']['value']:.3g}")
    assert public["metrics"]["psnr"]["value"] != private["metrics"]["psnr"]["value"]
    assert (public["cases"], public["run"]) == (private["cases"], private["run"])
    assert public["dataset"]["pictures_may_be_published"] is False


def test_a_rounded_record_is_verified_as_it_was_filed(organiser: Organiser, capsys: pytest.CaptureFixture[str]) -> None:
    run = organiser.run_of("plugin")
    assert organiser(run) == 0
    (record,) = organiser.records()
    options = ["--data", organiser.dataset.folder, "--run", run, "--private", organiser.private]
    assert cli.run(["--quiet", "verify", str(record), *map(str, options)]) == 0
    assert "record, scored again: equal" in capsys.readouterr().out


def test_values_per_case_are_published_only_where_the_phase_says_so(organiser: Organiser) -> None:
    organiser.write_phase(disclosure={"per_case": True, "pictures": False, "digits": 4})
    run = organiser.run_of("plugin")
    assert organiser(run) == 0
    (record,) = organiser.records()
    record.with_name(f"{record.stem}.per_case.csv").unlink()  # as if a kill had come between
    assert organiser(run) == 0
    assert organiser.records() == [record]
    rows = list(csv.DictReader(record.with_name(f"{record.stem}.per_case.csv").read_text("utf-8").splitlines()))
    assert [list(row) for row in rows] == [["case_id", "code", "ssim", "psnr"]] * 3
    assert rows[0]["case_id"] == "toy-test-000"
    assert len(rows[0]["psnr"]) <= 5
    build_site(organiser.results, organiser.folder / "site", cards=mean_features.CARDS, ranking_metric="toy-fvd")


def test_a_quota_counts_different_volumes_over_all_methods_and_slugs_of_a_team(
    organiser: Organiser, capsys: pytest.CaptureFixture[str]
) -> None:
    organiser.write_phase(quota=2)
    organiser.results.mkdir()
    (organiser.results / "teams.toml").write_text('[t]\nname = "T"\nslugs = ["toy", "toy-2"]\n', "utf-8")
    assert organiser(organiser.run_of("plugin")) == 0
    assert organiser(organiser.run_of("plugin")) == 0
    assert organiser(organiser.run_of("second", team="toy-2")) == 0
    capsys.readouterr()
    private = {path: path.read_bytes() for path in organiser.private.rglob("result.json")}
    for third in (organiser.run_of("plugin", seed=1), organiser.run_of("third")):
        assert organiser(third) == 6
        assert "E_QUOTA: team toy has used its quota in phase final" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in organiser.private.rglob("result.json")} == private
    assert organiser("--oracle", "truth-copy") == 0
    assert organiser(organiser.run_of("other", team="rival")) == 0
    organiser.write_phase(quota=2, exempt=["toy"])
    assert organiser(organiser.run_of("third")) == 0


def test_two_scorers_at_once_do_not_both_take_the_last_place(tmp_path: Path) -> None:
    (tmp_path / "phase.toml").write_text(tomli_w.dumps(GOOD | {"quota": 1}), "utf-8")
    filing = Filing(
        results=tmp_path / "results", private=tmp_path / "private", phase=read_phase(tmp_path / "phase.toml")
    )

    def file(method: str) -> str:
        result = make_result(method, {"psnr": 10.0}, "submission") | {"phase": "final"}
        result["run"] |= {"volumes_hash": f"{sum(map(ord, method)):064x}"}
        submission = Submission(team="team", method=method)
        filing.require_room(submission, result["run"]["volumes_hash"])  # before scoring there is room for everybody
        both_have_asked.wait(timeout=30)
        try:
            filing.file(result, submission, "")
        except BenchError as error:
            return error.code
        return "filed"

    both_have_asked = threading.Barrier(4)
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(file, ["a", "b", "c", "d"]))
    assert sorted(outcomes) == ["E_QUOTA", "E_QUOTA", "E_QUOTA", "filed"]
    assert len(list((tmp_path / "results").rglob("0001-????????.json"))) == 1


def test_a_quota_is_known_before_a_generator_is_run(organiser: Organiser, capsys: pytest.CaptureFixture[str]) -> None:
    organiser.write_phase(quota=1)
    assert organiser(organiser.run_of("plugin")) == 0
    broken = write_plugin(organiser.folder / "broken", "raise RuntimeError", method="broken")
    assert organiser(broken) == 6
    assert not (organiser.folder / "runs").exists()


@pytest.fixture
def mended(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Raises the version of one metric, as a repair does."""

    def mend() -> None:
        cards = [
            dataclasses.replace(card, version="psnr-mended") if card.name == "psnr" else card
            for card in mean_features.CARDS
        ]
        monkeypatch.setattr(catalogue, "CARDS", tuple(cards))

    return mend


def test_a_repaired_metric_gives_a_new_record_that_says_why_and_keeps_the_old(
    organiser: Organiser, mended: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    organiser.write_phase(quota=1)
    run = organiser.run_of("plugin")
    assert organiser(run) == 0
    (first,) = organiser.records()
    before = first.read_bytes()
    mended()
    assert organiser(run) == 3
    assert "E_REASON: these volumes were scored before, with other numbers" in capsys.readouterr().err
    why = ["--reason", "psnr was capped too low"]
    assert organiser(run, *why, received=LATE) == 0
    assert organiser(run, *why, received=LATE) == 0
    _, second = organiser.records()
    assert first.read_bytes() == before
    replaced = read_result(second)["supersedes"]
    assert (replaced["record"], replaced["reason"]) == (first.stem, "psnr was capped too low")
    build_site(organiser.results, organiser.folder / "site", cards=catalogue.CARDS, ranking_metric="toy-fvd")
    (page,) = (organiser.folder / "site").rglob("entries/toy/plugin.html")
    assert f"replaces {first.stem}: psnr was capped too low" in page.read_text("utf-8")


def test_a_reason_needs_something_to_replace_and_must_be_fit_to_show(
    organiser: Organiser, capsys: pytest.CaptureFixture[str]
) -> None:
    run = organiser.run_of("plugin")
    assert organiser(run, "--reason", "better now") == 3
    assert "E_REASON: no record of these volumes is there" in capsys.readouterr().err
    assert organiser(run, "--reason", "a\u202eb") == 3
    assert organiser.records() == []


def test_only_what_the_organiser_generated_is_attested_as_such(organiser: Organiser) -> None:
    assert organiser(organiser.run_of("plugin")) == 0
    assert organiser(write_plugin(organiser.folder / "own", method="own"), "--sandbox", "none") == 0
    (handed_in,), (own,) = organiser.records(), organiser.records("toy/own")
    assert read_attestations(handed_in) == ()
    (attestation,) = read_attestations(own)
    assert (attestation["kind"], attestation["who"]) == ("organiser-run", "Kyoto Eye Challenge")


def test_the_public_table_of_cases_holds_no_patient_and_no_single_scan() -> None:
    private = "case_id,patient_id,eye,code,a,b,a_0,a_1,b_0\nx,p1,L,,0.12345,2.0,0.1,0.2,2.0\n"
    assert Disclosure(per_case=True, digits=2).public_cases(private) == "case_id,code,a,b\nx,,0.12,2.0\n"
