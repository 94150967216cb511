"""What speaks for and against a filed record: cases generated again, the run scored again. Nothing is written.

`verify_command` asks, shows what was found and attests it.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from fundus2oct.benchmark import verify_scores, verify_volumes
from fundus2oct.benchmark.dataset import Dataset, read_dataset
from fundus2oct.benchmark.generate_command import choose_device
from fundus2oct.benchmark.generator_reference import resolve
from fundus2oct.benchmark.result_file import Result
from fundus2oct.benchmark.run_folder import RunFolder
from fundus2oct.benchmark.sandbox import choose_isolation
from fundus2oct.benchmark.sandbox_limits import Limits
from fundus2oct.benchmark.submission_file import submission_from
from fundus2oct.benchmark.value_cache import ValueCache
from fundus2oct.benchmark.verify_scores import Difference
from fundus2oct.benchmark.verify_volumes import CaseVerdict, Tolerance
from fundus2oct.benchmark.volume_source import run_source


@dataclass(frozen=True, kw_only=True)
class Reproduction:
    """What to reproduce, and with what.

    Attributes:
        record: the filed record.
        declared: the tolerance published with the record; None where none is known, and the run's plan alone counts.
        sha256: of its bytes.
        data: the dataset's folder; the truth may be absent.
        run: the run it was scored from; None generates every case.
        generator: as `bench generate` takes it; None generates nothing.
        private: the organiser's folder; None computes every value anew.
        cases: how many cases are drawn.
        seed: draws them; None takes it from the record's hash and ``nonce``.
        nonce: a word that was named after the record was filed.
        device: of the generator.
        sandbox: walls around it, as `bench generate` takes them.
        rescore: whether the run is scored again where the truth is at hand.
        limits: of the generator where no run tells them.
    """

    record: Result
    declared: Tolerance | None = None
    sha256: str
    data: Path
    run: Path | None = None
    generator: str | None = None
    private: Path | None = None
    cases: int = 5
    seed: int | None = None
    nonce: str = ""
    device: str = "cpu"
    sandbox: str = "auto"
    rescore: bool = True
    limits: Limits = field(default_factory=Limits)

    @property
    def split(self) -> str:
        """The split that was scored."""
        return str(self.record["dataset"]["split"])

    def draw(self, dataset: Dataset) -> list[str]:
        """The cases to look at."""
        seed = verify_volumes.draw_seed(self.sha256, self.nonce) if self.seed is None else self.seed
        return verify_volumes.draw_cases((case.case_id for case in dataset.split(self.split)), self.cases, seed)


@dataclass(kw_only=True)
class Findings:
    """What came out; None where something was not tried. Private: it names cases.

    Attributes:
        problems: what speaks against the record as a whole.
        cases: the verdict on every case generated again.
        tolerance: what the entry had declared for it.
        record: where the record scored again differs from the filed one.
        case_values: where the values of drawn cases differ from the private table.
    """

    problems: list[str] = field(default_factory=list)
    cases: list[CaseVerdict] | None = None
    tolerance: Tolerance | None = None
    record: list[Difference] | None = None
    case_values: list[Difference] | None = None

    @property
    def good(self) -> bool:
        """Whether nothing that was tried speaks against the record."""
        differing = [case for case in self.cases or [] if case.verdict == "differing"]
        return not (self.problems or differing or self.record or self.case_values)


def reproduce(task: Reproduction) -> Findings:
    """Generate again and score again, as far as what is at hand allows."""
    found, dataset = Findings(), read_dataset(task.data)
    stored = RunFolder(task.run) if task.run else None
    found.problems += _other_data(task, dataset)
    if stored is not None:
        found.problems += _other_volumes(task, stored, "in the run's folder")
    if found.problems:
        return found
    with tempfile.TemporaryDirectory(prefix="bench-verify-") as folder:
        if task.generator is not None:
            made = _generate_again(task, found, dataset, stored, Path(folder) / "run")
            stored = stored or made
        if task.rescore and stored is not None and dataset.with_truth(task.split):
            _score_again(task, found, dataset, stored, Path(folder))
    return found


def _other_data(task: Reproduction, dataset: Dataset) -> list[str]:
    """What tells that this is not the dataset of the record; the truth counts only where this copy has it."""
    hashes = {"inputs_hash": dataset.inputs_hash(task.split)}
    if dataset.with_truth(task.split):
        hashes["truth_hash"] = dataset.truth_hash(task.split)
    told = task.record["dataset"]
    return [
        f"{name} of the dataset: {told[name][:12]} in the record, {value[:12]} here"
        for name, value in hashes.items()
        if value != told[name]
    ]


def _other_volumes(task: Reproduction, run: RunFolder, where: str) -> list[str]:
    recorded, found = task.record["run"]["volumes_hash"], run.summary()["volumes_hash"]
    if recorded == found:
        return []
    return [f"the hash over all volumes: {recorded[:12]} in the record, {found[:12]} {where}"]


def _generate_again(
    task: Reproduction, found: Findings, dataset: Dataset, stored: RunFolder | None, folder: Path
) -> RunFolder:
    """Generate the drawn cases, or all when no volumes are at hand."""
    reference, told = resolve(str(task.generator)), task.record["run"]
    if told["generator_hash"] != reference.content_hash:
        names = (str(told["generator_hash"])[:12], reference.content_hash[:12])
        found.problems.append(f"the generator's hash: {names[0]} in the record, {names[1]} here")
    chosen = [case.case_id for case in dataset.split(task.split)] if stored is None else task.draw(dataset)
    how = stored.plan()["generator"] if stored else told
    made = verify_volumes.regenerate(
        reference,
        dataset,
        task.split,
        chosen,
        folder,
        seed=told["seed"] or 0,
        device=choose_device(task.device),
        isolation=choose_isolation(task.sandbox),
        batch=how.get("batch", 1),
        fresh_process=how.get("fresh_process", False),
        limits=_limits(stored) if stored else task.limits,
        seeds=how.get("seeds", "case"),
    )
    if stored is None:
        found.problems += _other_volumes(task, made, "generated now")
        if not found.problems:
            found.cases = verify_volumes.compare_runs(made, made, Tolerance())
    else:
        planned_tolerance = Tolerance.of(submission_from(stored.plan()["submission"], stored.plan_path))
        found.tolerance = planned_tolerance.within(task.declared)
        found.cases = verify_volumes.compare_runs(stored, made, found.tolerance)
    return made


def _limits(run: RunFolder) -> Limits:
    """The limits under which a run was generated: their threads may decide a last digit, their clocks a failure."""
    planned = run.plan()["limits"]
    return Limits(**{name: planned[name] for name in vars(Limits()) if name in planned})


def _score_again(task: Reproduction, found: Findings, dataset: Dataset, stored: RunFolder, folder: Path) -> None:
    source = run_source(stored, dataset, task.split)
    cache = ValueCache(task.private / "cache" if task.private else folder / "cache")
    again = verify_scores.rescore(source, dataset, task.record, cache)
    found.record = list(verify_scores.differences(task.record, again))
    per_case = _per_case(task)
    if per_case is not None:
        found.case_values = verify_scores.case_differences(
            source, dataset, task.split, task.draw(dataset), per_case, ValueCache(folder / "cases")
        )


def _per_case(task: Reproduction) -> Path | None:
    """The private table of values per case, where the organiser's folder was given and holds it."""
    if task.private is None:
        return None
    entry, dataset = task.record["entry"], task.record["dataset"]
    place = task.private / entry["team"] / entry["method"] / f"{dataset['name']}-{dataset['version']}"
    path = place / task.record["phase"] / "per_case.csv"
    return path if path.is_file() else None
