"""The files that scoring leaves: private ones per case and per patient, the public record, and times.

Private files are written first and the public record last, each whole or not at all.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fundus2oct.benchmark.aggregation import Aggregate
from fundus2oct.benchmark.dataset import VERSION, Dataset
from fundus2oct.benchmark.file_sums import write_sums
from fundus2oct.benchmark.folder_lock import only_process
from fundus2oct.benchmark.result_file import Result, check_result, publish_result
from fundus2oct.benchmark.scoring import CaseScores
from fundus2oct.benchmark.steps import step
from fundus2oct.benchmark.submission_file import FILE_NAME, SLUG, Submission, write_submission
from fundus2oct.benchmark.value_cache import make_private_folder
from fundus2oct.metrics.durable_file import (
    canonical_json,
    remove_temporaries,
    sha256_file,
    write_bytes,
    write_json,
    write_text,
)
from fundus2oct.metrics.errors import BenchError
from fundus2oct.metrics.metric_card import MetricCard


@dataclass(frozen=True)
class ScoreFolder:
    """Where the private files of one scored run lie.

    Attributes:
        path: ``PRIVATE/<team>/<method>/<dataset>-<version>/<phase>``, mode 0700.
    """

    path: Path

    @classmethod
    def of(cls, private: Path, submission: Submission, dataset: Dataset, phase: str) -> ScoreFolder:
        """The folder of one entry's scores below the organiser's private folder; raises what `check_names` does."""
        check_names(dataset, phase)
        return cls(private / submission.team / submission.method / f"{dataset.name}-{dataset.version}" / phase)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder against a second scorer of the same entry; what a killed one left half written goes."""
        make_private_folder(self.path)
        with only_process(self.path):
            remove_temporaries(self.path)
            yield

    def write(
        self,
        *,
        result: Result,
        scores: CaseScores,
        cards: Sequence[MetricCard],
        aggregates: Mapping[str, Aggregate],
        timing: Mapping[str, float],
        flagged: Mapping[str, tuple[float, str]] | None = None,
    ) -> None:
        """Write the tables of cases and patients, what was flagged, times, the files' sums, and `result.json` last."""
        record = canonical_json(check_result(result, where=self.path), indent=2) + "\n"
        write_text(self.path / "per_case.csv", per_case_text(scores, cards))
        step("per_case.csv written")
        write_bytes(self.path / "per_patient.npz", per_patient_bytes(aggregates, kept_features(scores, cards)))
        step("per_patient.npz written")
        write_text(self.path / "memorised.csv", memorised_text(flagged or {}))
        write_json(self.path / "timing.json", dict(timing))
        sums = {name: sha256_file(self.path / name) for name in ("per_case.csv", "per_patient.npz", "memorised.csv")}
        write_sums(self.path, sums | {"result.json": hashlib.sha256(record.encode("utf-8")).hexdigest()})
        step("sums written")
        write_text(self.path / "result.json", record)
        step("result.json written")


def check_names(dataset: Dataset, phase: str) -> None:
    """Refuse what cannot be the name of a folder, before hours of work rather than after.

    Raises:
        BenchError: E_NAME for the phase or the dataset's version.
    """
    for where, value, rule in (("phase", phase, SLUG), (dataset.folder / "dataset.toml", dataset.version, VERSION)):
        if not rule.fullmatch(value):
            raise BenchError("E_NAME", "bad name", where=where, expected=rule.pattern, found=repr(value))


def publish(result: Result, submission: Submission, root: Path) -> Path:
    """File the public record below ``root``, with a `submission.toml` where there is none yet.

    Call it under the lock of the entry's `ScoreFolder`: records are numbered one after the other.
    """
    folder = root / submission.team / submission.method
    remove_temporaries(folder)
    if not (folder / FILE_NAME).exists():
        write_submission(folder, submission.without_machine())
        step("submission.toml written")
    path = publish_result(result, root)
    step("record published")
    return path


def per_case_text(scores: CaseScores, cards: Sequence[MetricCard]) -> str:
    """`per_case.csv`: one row a case with its mean in every case metric, and its parts, such as its six B-scans."""
    names = [card.name for card in cards if card.name in scores.case_values]
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    parts = [f"{name}_{i}" for name in names for i in range(scores.case_values[name].shape[1])]
    writer.writerow(["case_id", "patient_id", "eye", "code", *names, *parts])
    for i, case in enumerate(scores.cases):
        rows = [scores.case_values[name][i] for name in names]
        values = [repr(float(row.mean())) for row in rows] + [repr(float(v)) for row in rows for v in row]
        writer.writerow([case.case_id, case.patient_id, case.eye, scores.codes.get(case.case_id, ""), *values])
    return buffer.getvalue()


def kept_features(scores: CaseScores, cards: Sequence[MetricCard]) -> dict[str, NDArray[Any]]:
    """What the swap test of two entries needs, once per protocol: features of whole volumes, not of single B-scans."""
    patients = np.array([case.patient_id for case in scores.cases])
    kept: dict[str, NDArray[Any]] = {}
    for card in cards:
        truth, generated = scores.features_truth.get(card.name), scores.features_generated.get(card.name)
        if card.level == "set" and card.rows == 1 and truth is not None and generated is not None:
            arrays = {"truth": truth, "generated": generated, "patients": patients}
            kept |= {f"{card.features_version}.{name}": array for name, array in arrays.items()}
    return kept


def memorised_text(flagged: Mapping[str, tuple[float, str]]) -> str:
    """`memorised.csv`: the cases flagged as copies, the ratio d1/d2, and the training case each resembles most."""
    rows = [f"{case_id},{ratio!r},{resembles}" for case_id, (ratio, resembles) in sorted(flagged.items())]
    return "\n".join(["case_id,ratio,resembles", *rows, ""])


def per_patient_bytes(aggregates: Mapping[str, Aggregate], features: Mapping[str, NDArray[Any]] | None = None) -> bytes:
    """`per_patient.npz`: ``<metric>.patients``, ``.mean`` or ``.delete_one``, ``.n``; no pickles in it.

    Args:
        aggregates: metric -> its aggregate.
        features: what `kept_features` found.
    """
    arrays = {
        f"{metric}.{name}": np.asarray(values)
        for metric, found in aggregates.items()
        for name, values in found.per_patient.items()
    }
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays, **(features or {}))
    return buffer.getvalue()
