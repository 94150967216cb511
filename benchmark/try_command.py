"""`bench try`: a rehearsal at home of what an organiser does with a submission, and what would happen next."""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fundus2oct.benchmark.generate_command import (
    CASE_SECONDS_OPTION,
    LIMITS_OPTION,
    SANDBOX_OPTION,
    choose_device,
    chosen_limits,
    report_failures,
)
from fundus2oct.benchmark.progress import say
from fundus2oct.metrics.errors import BenchError, ExitCode

if TYPE_CHECKING:
    from fundus2oct.benchmark.dataset import Dataset
    from fundus2oct.benchmark.trial_run import BatchTrial, Conditions, Trial

LOG_LINES = 20
GIB = 2**30


@click.command("try")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, cuda:1, ... or auto.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 2**63 - 1), help="Seed of the run.")
@SANDBOX_OPTION
@CASE_SECONDS_OPTION
@LIMITS_OPTION
@click.option(
    "--batch",
    default=4,
    show_default=True,
    type=click.IntRange(1, 4),
    help="Photographs handed over at once to a submission of the batch track, after it was asked one by one.",
)
@click.option("--data", type=click.Path(path_type=Path), help="Dataset with truth that pictures were drawn for.")
@click.option("--split", default="val", show_default=True, help="Split that pictures were drawn for.")
@click.pass_context
def try_(
    context: click.Context,
    path: Path,
    device: str,
    seed: int,
    sandbox: str,
    case_seconds: float | None,
    limits: Path | None,
    batch: int,
    data: Path | None,
    split: str,
) -> ExitCode:
    """Rehearse an organiser's run: the real sandbox and the real scorer, on eight synthetic eyes.

    PATH is a submission's folder; it is checked first. Two cases are drawn twice, to see whether equal seeds give equal
    volumes, with each other's photographs, to see whether the photograph is used, and with photographs of other sizes,
    because a dataset may hold any; a submission with batch = true
    is then handed several photographs at once. The eyes and two reference rows are made once. Where the organiser
    names other limits, give them, too. Pictures are scored on --data, because nobody can draw them here.

    \b
    Example:
      bench try my-method
      bench try my-method --limits limits.toml --batch 4
    """
    from fundus2oct.benchmark.check_command import show_advice
    from fundus2oct.benchmark.dataset import read_dataset
    from fundus2oct.benchmark.sandbox import choose_isolation
    from fundus2oct.benchmark.submission_check import check_submission
    from fundus2oct.benchmark.trial_run import Conditions

    dataset = None if data is None else read_dataset(data)
    report = check_submission(path, None if dataset is None else dataset.split(split))
    show_advice(report)
    report.raise_problems(path)
    if report.kind == "images":
        return _try_pictures(path, dataset, split)
    conditions = Conditions(
        seed=seed,
        device=choose_device(device),
        isolation=choose_isolation(sandbox),
        limits=chosen_limits(limits, case_seconds),
        batch=batch,
    )
    return _try_code(context, path, conditions)


def _try_code(context: click.Context, path: Path, conditions: Conditions) -> ExitCode:
    from fundus2oct.benchmark.demo_command import run_step
    from fundus2oct.benchmark.trial_run import reference_rows, try_generator

    def fit(method: str, data: Path, folder: Path) -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            run_step(context, ["train", method, "--data", str(data), "--out", str(folder)])

    with tempfile.TemporaryDirectory(prefix="bench-try-") as scratch:
        log = Path(scratch) / "run" / "private.log"
        with _last_words(log):
            trial = try_generator(str(path), Path(scratch), conditions)
        if trial.repeats is None:
            click.echo(_tail(log), err=True)
        if trial.sizes is not None and any(trial.sizes.values()):
            click.echo(_tail(Path(scratch) / "sizes" / "private.log"), err=True)
        if trial.batch is not None and trial.batch.codes:
            click.echo(_tail(Path(scratch) / "together" / "private.log"), err=True)
    show_metrics({"yours": trial.result["metrics"], **reference_rows(fit, conditions)})
    return _verdict(path, trial, conditions)


@contextlib.contextmanager
def _last_words(log: Path) -> Iterator[None]:
    """Show the end of the private log, which is the participant's own here, when the generator cannot be loaded."""
    try:
        yield
    except BenchError as error:
        if error.code != "E_PLUGIN" or not log.exists():
            raise
        click.echo(_tail(log), err=True)
        fix = "its last words are above"
        raise BenchError(error.code, error.what, where=error.where, found=error.found, fix=fix) from None


def _tail(log: Path) -> str:
    """The last lines of a generator's log, without what could command a terminal."""
    lines = log.read_text("utf-8", "replace").splitlines() if log.exists() else []
    return "\n".join("".join(c if c.isprintable() else "?" for c in line) for line in lines[-LOG_LINES:])


def show_metrics(rows: Mapping[str, Mapping[str, Any]]) -> None:
    """A table on stdout: a line a metric that could be computed, a column an entry; row -> metric -> its entry."""
    from fundus2oct.metrics.catalogue import card

    yours, *others = rows
    found = [name for name, metric in rows[yours].items() if metric["value"] is not None]
    width = max((len(card(name).abbreviation) for name in found), default=6)
    click.echo("  ".join([" " * width, *(f"{name:>12}" for name in rows), "better"]))
    for name in found:
        shown = card(name)
        values = [rows[row][name]["value"] for row in (yours, *others)]
        cells = [f"{'–' if value is None else format(value, f'.{shown.decimals}f'):>12}" for value in values]
        click.echo("  ".join([f"{shown.abbreviation:<{width}}", *cells, shown.direction]))


def _verdict(path: Path, trial: Trial, conditions: Conditions) -> ExitCode:
    """What was found beside the scores, and what would happen next; the exit code an organiser's run would give."""
    cases, limits = trial.result["cases"], conditions.limits
    typical, slowest = trial.typical_seconds, max(trial.seconds)
    facts = {
        "walls": conditions.isolation,
        "cases": f"{cases['scored']} of {cases['expected']} drawn",
        "loading": f"{trial.start_seconds:.1f} s, limit {limits.start_seconds:g}",
        "seconds a case": f"{typical:.2f}, slowest {slowest:.2f}, limit {limits.case_seconds:g}",
        "memory": _memory(trial, conditions),
        "500 eyes": f"about {500 * typical / 60:.1f} min on this machine, limit {limits.run_seconds / 60:g}",
        "same seed again": _answer(trial.repeats, "equal volumes", "other volumes"),
        "photograph": _answer(trial.uses_photograph, "changes the volume", "changes nothing: it would not be ranked"),
        "other sizes": _sizes(trial.sizes),
        **({} if trial.batch is None else {f"batches of {trial.batch.size}": _batch(trial.batch)}),
    }
    click.echo()
    for name, fact in facts.items():
        click.echo(f"{name:<16} {fact}")
    status = report_failures(trial.summary)
    if trial.sizes is not None and any(trial.sizes.values()):
        what = "a photograph of another size gave no volume, and a dataset may hold any from 224 x 224"
        found, fix = (
            _sizes(trial.sizes),
            "`fundus2oct.benchmark.fundus_crop` shows how to resize; its last words are above",
        )
        raise BenchError("E_FAILED", what, where=path, found=found, fix=fix, exit_code=ExitCode.CASES_FAILED)
    if trial.batch is not None and trial.batch.codes:
        what = "generate_batch() failed, and submission.toml says batch = true"
        fix = "mend it, or leave batch out; its last words are above"
        raise BenchError("E_PLUGIN", what, where=path, found=", ".join(sorted(set(trial.batch.codes))), fix=fix)
    if status is ExitCode.OK and trial.repeats is False:
        fix = "take all chance from the argument seed, or declare tolerance_grey and tolerance_share"
        what = "the same seed gave other volumes: `bench verify` would find a mismatch"
        raise BenchError("E_MISMATCH", what, where=path, fix=fix, exit_code=ExitCode.VERIFICATION_MISMATCH)
    if status is ExitCode.OK:
        say("the numbers are of four synthetic eyes: they test the path, not the model")
        say(f"next: hand in {path}; the organiser types  bench score {path} --data DATA")
    return status


def _memory(trial: Trial, conditions: Conditions) -> str:
    """What the worker took at most, beside the limit; the kernel holds addresses to it where no GPU is used."""
    if not trial.peak.memory_bytes:
        return "not measured on this system"
    limit = conditions.limits.memory_bytes / GIB
    told = f"{trial.peak.memory_bytes / GIB:.2f} GiB at most, limit {limit:g}"
    if conditions.device.startswith("cuda"):
        return told
    return f"{told}; {trial.peak.address_bytes / GIB:.2f} GiB of addresses, same limit"


def _sizes(found: Mapping[str, str] | None) -> str:
    """What became of photographs of other sizes."""
    if found is None:
        return "not tried, because cases failed"
    return ", ".join(f"{name} {code or 'drawn'}" for name, code in found.items())


def _batch(found: BatchTrial) -> str:
    if found.codes:
        return f"{', '.join(sorted(set(found.codes)))}: an organiser would ask one by one"
    told = "equal volumes" if found.equal else "other volumes than one by one"
    return f"{told}, {found.seconds:.2f} s a case"


def _answer(found: bool | None, yes: str, no: str) -> str:
    return "not tried, because cases failed" if found is None else yes if found else no


def _try_pictures(path: Path, dataset: Dataset | None, split: str) -> ExitCode:
    """Score pictures on a split whose truth is at hand."""
    from fundus2oct.benchmark.trial_run import try_pictures

    if dataset is None:
        what, fix = "pictures can be tried only on eyes whose truth is at hand", "add --data DATA --split val"
        raise BenchError("E_TRUTH", what, where=path, fix=fix, exit_code=ExitCode.USAGE)
    with tempfile.TemporaryDirectory(prefix="bench-try-") as scratch:
        result, summary = try_pictures(path, dataset, split, Path(scratch))
    show_metrics({"yours": result["metrics"]})
    status = report_failures(summary)
    if status is ExitCode.OK:
        say(f"next: hand in {path}; the organiser types  bench score {path} --data DATA")
    return status
