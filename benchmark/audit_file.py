"""`audit.json`: every value, declaration and verdict of one audit, as aggregates that a board may show.

Strict JSON with sorted keys and without times: equal inputs give equal bytes. Filed for a board as
``ROOT/audits/<dataset>-<version>/<split>.json`` beside the teams' folders. Written by `bench audit`; reading and
checking, all that the board needs, load neither torch nor numpy.
"""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fundus2oct.benchmark.schema_file import SchemaFile
from fundus2oct.metrics.durable_file import write_json

if TYPE_CHECKING:
    from fundus2oct.benchmark.audit import Trial
    from fundus2oct.benchmark.audit_verdicts import Verdict
    from fundus2oct.benchmark.degradations import Degradation
    from fundus2oct.metrics.metric_card import MetricCard

SCHEMA_NAME = "fundus2oct-audit"
SCHEMA_VERSION = 1
FOLDER = "audits"
MAX_BYTES = 2**24
COMPONENTS = ("fundus2oct", "numpy", "scipy", "torch", "pillow")

Audit = dict[str, Any]


FILE = SchemaFile("audit", SCHEMA_VERSION, MAX_BYTES)


def check_audit(document: Any, *, where: str | Path) -> Audit:
    """Return ``document`` if it obeys the schema; raises what `SchemaFile.check` does."""
    return FILE.check(document, where=where)


def read_audit(path: Path) -> Audit:
    """Read and check an audit file; raises what `SchemaFile.read` does."""
    return FILE.read(path)


def write_audit(path: Path, document: Audit) -> None:
    """Check an audit against the schema and write it durably."""
    write_json(path, check_audit(document, where=path))


def filed_path(root: Path, document: Audit) -> Path:
    """Where a board's builder looks for it: ``ROOT/audits/<dataset>-<version>/<split>.json``."""
    dataset = document["dataset"]
    return root / FOLDER / f"{dataset['name']}-{dataset['version']}" / f"{dataset['split']}.json"


def find_audits(root: Path) -> list[Path]:
    """Every filed audit below a root of results, sorted."""
    return sorted((root / FOLDER).glob("*/*.json"))


def make_document(trial: Trial, *, truth_hash: str, inputs_hash: str, cases_in_split: int) -> Audit:
    """The content of an audit file.

    Args:
        trial: what was measured.
        truth_hash: of the whole split, by which a board knows its audit.
        inputs_hash: of the whole split.
        cases_in_split: how many cases it has; the trial may have fewer.
    """
    from fundus2oct.benchmark import audit_verdicts
    from fundus2oct.benchmark.audit_findings import make_findings

    verdicts = audit_verdicts.judge_trial(trial)
    cases = trial.dataset.split(trial.split)
    metrics = {card.name: _metric(card, trial, verdicts[card.name]) for card in trial.cards}
    return {
        "schema": SCHEMA_NAME,
        "schema_version": SCHEMA_VERSION,
        "dataset": {
            "name": trial.dataset.name,
            "version": trial.dataset.version,
            "split": trial.split,
            "truth_hash": truth_hash,
            "inputs_hash": inputs_hash,
            "cases_in_split": cases_in_split,
            "n_cases": len(cases),
            "n_patients": len({case.patient_id for case in cases}),
        },
        "seed": trial.seed,
        "rules": dict(audit_verdicts.RULES),
        "degradations": [_degradation(fault) for fault in trial.degradations],
        "order": [card.name for card in trial.cards],
        "metrics": metrics,
        "findings": make_findings(trial),
        "broken": [problem for name in metrics for problem in metrics[name]["broken"]],
        "versions": {name: metadata.version(name) for name in COMPONENTS},
    }


def _degradation(fault: Degradation) -> dict[str, Any]:
    names = ("name", "title", "description", "unit", "version")
    return {name: getattr(fault, name) for name in names} | {"doses": [float(dose) for dose in fault.doses]}


def _metric(card: MetricCard, trial: Trial, verdicts: dict[str, Verdict]) -> dict[str, Any]:
    from fundus2oct.benchmark.audit_verdicts import judge_truth

    truth = trial.truth[card.name]
    problems = [*judge_truth(card, truth), *(told for verdict in verdicts.values() for told in verdict.broken)]
    names = (
        "title",
        "abbreviation",
        "unit",
        "direction",
        "decimals",
        "version",
        "tolerance",
        "copy_is_best",
        "is_signed",
    )
    real = trial.real.get(card.name)
    return {
        **{name: getattr(card, name) for name in names},
        "reacts_to": sorted(card.reacts_to),
        "ignores": sorted(card.ignores),
        "truth_copy": truth.value,
        "reason": truth.reason,
        "real_vs_real": None if real is None else real.value,
        "degradations": {
            fault.name: {
                "values": [value.value for value in trial.degraded[fault.name].get(card.name, ())],
                "verdict": verdicts[fault.name].word,
                "broken": list(verdicts[fault.name].broken),
            }
            for fault in trial.degradations
        },
        "broken": problems,
    }
