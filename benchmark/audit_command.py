"""`bench audit`: every metric on the truth under known faults; a table, a file, exit code 5 for a broken promise."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fundus2oct.benchmark.audit_report import number_text
from fundus2oct.benchmark.progress import say
from fundus2oct.metrics.errors import BenchError, BenchErrors, ExitCode

if TYPE_CHECKING:
    from fundus2oct.benchmark.dataset import Dataset

COLUMNS = 6
"""Metrics side by side in a block of the printed table."""

MARKS = {
    "reacts as declared": "r",
    "ignores as declared": "i",
    "worse": "",
    "no change": "=",
    "better": "+",
    "broken": "!",
    "not computed": "",
}
LEGEND = (
    "strongest dose; r reacts as declared, i ignores as declared, ! breaks its card, = no change and + better than the "
    "truth copy where nothing was declared"
)


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Dataset folder with truth.")
@click.option("--split", default="test", show_default=True, help="Split whose truth is degraded.")
@click.option("--cases", type=click.IntRange(1), help="At most so many eyes, whole patients. [default: all]")
@click.option("--metrics", help="Names of metrics, with commas between. [default: the whole catalogue]")
@click.option("--only", help="Names of degradations, with commas between. [default: all fifteen]")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 2**63 - 1), help="Of all random numbers.")
@click.option(
    "--private",
    type=click.Path(path_type=Path),
    default=Path("private"),
    show_default=True,
    help="The organiser's folder with the cache: a killed audit goes on, a second one computes nothing.",
)
@click.option("--out", type=click.Path(path_type=Path), help="File to write. [default: <dataset>-audit.json]")
@click.option("--results", type=click.Path(path_type=Path), help="Also file it here, for the board to show.")
def audit(
    data: Path,
    split: str,
    cases: int | None,
    metrics: str | None,
    only: str | None,
    seed: int,
    private: Path,
    out: Path | None,
    results: Path | None,
) -> ExitCode:
    """Put the metrics on trial: degrade the truth in graded doses and see who keeps what its card declares.

    Every metric's card says beforehand which of fifteen faults must make its value worse and which it must ignore. The
    audit scores the faulty truth as `bench score` scores an entry, prints a table, writes every value, and ends with
    exit code 5 and a line for each broken promise. Nothing per case is written outside the private folder.

    \b
    Example:
      bench audit --data demo/data --cases 16 --private demo/private --out demo/audit.json
    """
    from fundus2oct.benchmark import audit_file
    from fundus2oct.benchmark.audit import first_cases, run_trial
    from fundus2oct.benchmark.dataset import read_dataset
    from fundus2oct.benchmark.degradations import DEGRADATIONS
    from fundus2oct.benchmark.value_cache import ValueCache, make_private_folder
    from fundus2oct.metrics.catalogue import CARDS

    started = time.monotonic()
    dataset = read_dataset(data)
    cards, faults = _named(CARDS, metrics, "--metrics"), _named(DEGRADATIONS, only, "--only")
    make_private_folder(private)
    trial = run_trial(
        first_cases(dataset, split, cases),
        split,
        cards=cards,
        degradations=faults,
        cache=ValueCache(private / "cache"),
        seed=seed,
    )
    document = audit_file.make_document(trial, **_whole_split(dataset, split))
    path = out or Path(f"{dataset.name}-audit.json")
    for place in [path, *([audit_file.filed_path(results, document)] if results else [])]:
        audit_file.write_audit(place, document)
    say(f"{time.monotonic() - started:.0f} s")
    for line in table_lines(document):
        click.echo(line)
    click.echo(str(path))
    if document["broken"]:
        raise _broken(document["broken"], path)
    return ExitCode.OK


def table_lines(document: dict[str, Any]) -> Iterator[str]:
    """The table that ends an audit: degradations down, metrics across, a few at a time."""
    shown = [name for name in document["order"] if document["metrics"][name]["truth_copy"] is not None]
    absent = [name for name in document["order"] if document["metrics"][name]["truth_copy"] is None]
    faults = [fault["name"] for fault in document["degradations"]]
    width = max(map(len, [*faults, "real-vs-real"]))
    for start in range(0, len(shown), COLUMNS):
        block = [document["metrics"][name] for name in shown[start : start + COLUMNS]]
        yield _row("", width, [metric["abbreviation"] for metric in block])
        yield _row("truth", width, [number_text(metric, metric["truth_copy"]) for metric in block])
        yield _row("real-vs-real", width, [number_text(metric, metric["real_vs_real"]) for metric in block])
        for fault in faults:
            yield _row(fault, width, [_cell(metric, metric["degradations"][fault]) for metric in block])
        yield ""
    for name in absent:
        yield f"{name}: not computed, {document['metrics'][name]['reason']}"
    yield LEGEND


def _row(name: str, width: int, cells: Sequence[str]) -> str:
    return f"{name:<{width}}  " + "  ".join(f"{cell:>12}" for cell in cells)


def _cell(metric: dict[str, Any], found: dict[str, Any]) -> str:
    return f"{number_text(metric, found['values'][-1])} {MARKS[found['verdict']]:1}"


def _named(known: Sequence[Any], names: str | None, option: str) -> list[Any]:
    """The cards or degradations that an option names, in their own order; all without it."""
    if names is None:
        return list(known)
    wanted = [name.strip() for name in names.split(",")]
    listed = {found.name for found in known}
    if unknown := [name for name in wanted if name not in listed]:
        raise BenchError(
            "E_NAME",
            "no such name",
            where=option,
            expected=", ".join(sorted(listed)),
            found=unknown[0],
            exit_code=ExitCode.USAGE,
        )
    return [found for found in known if found.name in wanted]


def _whole_split(dataset: Dataset, split: str) -> dict[str, Any]:
    return {
        "truth_hash": dataset.truth_hash(split),
        "inputs_hash": dataset.inputs_hash(split),
        "cases_in_split": len(dataset.split(split)),
    }


def _broken(problems: Sequence[str], path: Path) -> BenchErrors:
    fix = "mend the metric; or correct its declaration, with a new version and a line in the changelog"
    return BenchErrors(
        [BenchError("E_AUDIT", told, fix=fix, exit_code=ExitCode.VERIFICATION_MISMATCH) for told in problems],
        where=path,
    )
