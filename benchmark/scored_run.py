"""A scored run as scoring left it in the organiser's private folder: the record, and the values per patient.

Reading and checking only; written by `score_files`, compared by `comparison`. Two runs are comparable when they lie on
one board: same truth, split, container and metric versions.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fundus2oct.benchmark import failure_policy
from fundus2oct.benchmark.entry_status import read_status, ruled_out
from fundus2oct.benchmark.file_sums import require_sums
from fundus2oct.benchmark.result_file import Result, read_result
from fundus2oct.benchmark.submission_file import RANKED_KINDS
from fundus2oct.metrics.errors import BenchError
from fundus2oct.metrics.paired_inference import SetScore

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class ScoredRun:
    """One entry's scored run.

    Attributes:
        folder: ``PRIVATE/<team>/<method>/<dataset>-<version>/<phase>``.
        result: its public record.
        per_patient: arrays of `per_patient.npz`, ``<metric>.patients``, ``.mean`` or ``.delete_one``, ``.n``; for the
            swap test perhaps ``<features version>.truth``, ``.generated`` (n, d) and ``.patients`` (n,).
        is_ruled_out: withdrawn or disqualified, as the public records say.
    """

    folder: Path
    result: Result
    per_patient: Mapping[str, NDArray[Any]]
    is_ruled_out: bool = False

    @property
    def name(self) -> str:
        """``team/method``."""
        return f"{self.result['entry']['team']}/{self.result['entry']['method']}"

    @property
    def is_ranked(self) -> bool:
        """Whether it competes for a rank: its kind does, its failures are within the policy, nobody ruled it out."""
        entry, cases = self.result["entry"], self.result["cases"]
        beyond = failure_policy.is_beyond_policy(cases["failed"], cases["expected"])
        stands = not self.is_ruled_out and self.result["eligible"]["value"] is not False
        return entry["kind"] in RANKED_KINDS and not beyond and stands

    def value(self, metric: str) -> float | None:
        """The headline value; None where it could not be computed."""
        found: float | None = self.result["metrics"].get(metric, {}).get("value")
        return found

    def patients(self, metric: str) -> NDArray[Any]:
        """(g,) labels of the patients, sorted."""
        return self._array(metric, "patients")

    def patient_means(self, metric: str) -> Floats:
        """(g,) patient means of a case metric."""
        return self._array(metric, "mean")

    def set_score(self, metric: str) -> SetScore:
        """What a set metric's jackknife needs."""
        counts = self._array(metric, "n").astype(np.float64)
        return SetScore(float(self.value(metric) or 0.0), self._array(metric, "delete_one"), counts)

    def features(self, version: str) -> tuple[Floats, Floats, NDArray[Any]] | None:
        """Features of truth and of generated volumes, and each row's patient; None where scoring kept none."""
        names = [f"{version}.{name}" for name in ("truth", "generated", "patients")]
        if not all(name in self.per_patient for name in names):
            return None
        truth, generated, patients = (self.per_patient[name] for name in names)
        return truth, generated, patients

    def _array(self, metric: str, name: str) -> NDArray[Any]:
        key = f"{metric}.{name}"
        if key not in self.per_patient:
            raise BenchError(
                "E_MISSING",
                "no values per patient of this metric",
                where=self.folder / "per_patient.npz",
                expected=key,
                fix="score the entry again",
            )
        return self.per_patient[key]


def read_scored_run(folder: Path) -> ScoredRun:
    """Read `result.json` and `per_patient.npz` of one folder.

    Raises:
        BenchError: E_MISSING, E_CHANGED, E_FORMAT, E_SCHEMA or E_VERSION; exit code 3.
    """
    for name in ("result.json", "per_patient.npz"):
        if not (folder / name).is_file():
            fix = "name a folder that `bench score` left below --private"
            raise BenchError("E_MISSING", "not a scored run", where=folder, expected=name, fix=fix)
    require_sums(folder, ("result.json", "per_patient.npz"), fix="score the entry again; nothing is generated anew")
    result = read_result(folder / "result.json")
    try:
        with open(folder / "per_patient.npz", "rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (ValueError, OSError, RuntimeError, EOFError, zipfile.BadZipFile) as error:  # all that zipfile raises
        where = folder / "per_patient.npz"
        raise BenchError("E_FORMAT", "cannot be read", where=where, found=str(error), fix="score again") from None
    return ScoredRun(folder=folder, result=result, per_patient=arrays)


def find_scored_runs(private: Path, results: Path | None = None) -> list[ScoredRun]:
    """Every scored run below the organiser's private folder, sorted by team, method, dataset and phase.

    Args:
        private: the organiser's folder.
        results: root of the public records, where withdrawals stand; None looks for none.

    Raises:
        BenchError: E_RESULTS when there is none.
    """
    folders = sorted(path.parent for path in private.glob("*/*/*/*/result.json"))
    if not folders:
        raise BenchError("E_RESULTS", "no scored run found", where=private, fix="run `bench score` first")
    runs = [read_scored_run(folder) for folder in folders]
    return runs if results is None else [_with_standing(run, results) for run in runs]


def _with_standing(run: ScoredRun, results: Path) -> ScoredRun:
    changes = read_status(results / run.name)
    return replace(run, is_ruled_out=ruled_out(changes, run.result["phase"]) is not None)


def named_scored_run(target: str, private: Path) -> ScoredRun:
    """The run that a target names: its folder, or ``team/method`` with one scored run below ``private``."""
    if (Path(target) / "result.json").is_file():
        return read_scored_run(Path(target))
    folders = sorted(path.parent for path in private.glob(f"{target.strip('/')}/*/*/result.json"))
    if len(folders) != 1:
        found = ", ".join(str(folder) for folder in folders) or f"nothing called {target} in {private}"
        fix = "name the folder itself, <private>/<team>/<method>/<dataset>-<version>/<phase>"
        raise BenchError("E_RESULTS", "not one scored run", where=target, expected="one run", found=found, fix=fix)
    return read_scored_run(folders[0])


def board_key(result: Result) -> list[Any]:
    """What must be equal for two results to stand on one board; the leaderboard groups by the same list."""
    dataset, protocol = result["dataset"], result["protocol"]
    versions = protocol["metric_versions"] | {name: m["version"] for name, m in result["metrics"].items()}
    return [dataset["truth_hash"], dataset["split"], result["phase"], protocol["container"], versions]


def check_comparable(a: ScoredRun, b: ScoredRun) -> None:
    """Refuse two runs whose difference would not be one of the entries.

    Raises:
        BenchError: E_CHANGED naming what differs, exit code 3.
    """
    for what, of_a, of_b in zip(_KEY_NAMES, _comparable(a), _comparable(b), strict=True):
        if of_a != of_b:
            raise BenchError(
                "E_CHANGED",
                f"the runs differ in {what}",
                where=f"{a.name} and {b.name}",
                expected=str(of_a)[:120],
                found=str(of_b)[:120],
                fix="score both again on the same dataset with the same version of fundus2oct",
            )


_KEY_NAMES = ("truth hash", "split", "container", "metric versions")


def _comparable(run: ScoredRun) -> list[Any]:
    truth_hash, split, _, container, versions = board_key(run.result)
    return [truth_hash, split, container, sorted(versions.items())]
