"""Where the volumes to be scored come from: a finished run, or an oracle that draws them from the data itself.

Scoring asks for one case at a time and does not know which it is. None means that the case failed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.run_folder import RunFolder
from fundus2oct.benchmark.submission_file import Submission, submission_from
from fundus2oct.benchmark.timing_file import Timing, run_timing
from fundus2oct.benchmark.volume import Volume, read_volume, volume_digest
from fundus2oct.metrics.errors import BenchError

REPAIR = "run the same `bench generate` again: it repairs what has changed"


@dataclass(frozen=True, kw_only=True)
class VolumeSource:
    """Volumes of every case of one split, and where they come from.

    Attributes:
        submission: who is scored.
        get: case id -> volume (6, 320, 448) uint8, or None where the case failed.
        failures: case id -> public code of its failure.
        provenance: the `run` table of the result, without `volumes_hash`.
        container: raw, png or jpeg: how the volumes reached the scorer.
        flags: such as constant-volumes.
        carries_references: whether its record tells what many draws of other real eyes score.
        timing: seconds a volume, where the harness measured them.
    """

    submission: Submission
    get: Callable[[str], Volume | None]
    provenance: Mapping[str, Any]
    failures: Mapping[str, str] = field(default_factory=dict)
    container: str = "raw"
    flags: tuple[str, ...] = ()
    carries_references: bool = False
    timing: Timing | None = None

    def failure_counts(self) -> dict[str, int]:
        """Public code -> number of cases."""
        return dict(sorted(Counter(self.failures.values()).items()))


def run_source(run: RunFolder, dataset: Dataset, split: str) -> VolumeSource:
    """The volumes of a finished run, each checked against its recorded digest when it is read.

    Raises:
        BenchError: E_INCOMPLETE for an unfinished run, E_CHANGED when it was made from other photographs or another
            split.
    """
    plan, summary = run.plan(), run.summary()
    _require_same_inputs(run, plan, dataset, split)
    cases: dict[str, dict[str, Any]] = summary["cases"]
    if missing := [case.case_id for case in dataset.split(split) if case.case_id not in cases]:
        raise BenchError("E_CHANGED", "run.json lacks a case", where=run.path, found=missing[0], fix=REPAIR)

    def get(case_id: str) -> Volume | None:
        if cases[case_id]["digest"] is None:
            return None
        volume = read_volume(run.volume_path(case_id))
        if volume_digest(volume) != cases[case_id]["digest"]:
            where = run.volume_path(case_id)
            raise BenchError("E_CHANGED", "volume differs from its record", where=where, fix=REPAIR)
        return volume

    return VolumeSource(
        submission=submission_from(plan["submission"], run.plan_path),
        get=get,
        failures={case_id: case["code"] for case_id, case in cases.items() if case["code"]},
        provenance={
            "generator": plan["generator"]["target"],
            "generator_hash": plan["generator"]["hash"],
            "seed": plan["seed"],
            "isolation": plan["generator"]["isolation"],
            **{key: plan["generator"][key] for key in ("batch", "fresh_process", "seeds") if key in plan["generator"]},
            "versions": plan["versions"],
        },
        container=plan["container"],
        flags=tuple(summary["flags"]),
        timing=run_timing(run),
    )


def _require_same_inputs(run: RunFolder, plan: Mapping[str, Any], dataset: Dataset, split: str) -> None:
    found = {"split": split, "inputs_hash": dataset.inputs_hash(split)}
    expected = {"split": plan["split"], "inputs_hash": plan["dataset"]["inputs_hash"]}
    for key in found:
        if found[key] != expected[key]:
            raise BenchError(
                "E_CHANGED",
                f"the run was made for another {key}",
                where=run.plan_path,
                expected=expected[key],
                found=found[key],
                fix="score it with the dataset and split it was generated from",
            )
