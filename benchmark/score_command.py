"""`bench score`: from a generator, a run, an archive or an oracle to a table, private files and a public record."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fundus2oct.benchmark.generate_command import (
    BATCH_OPTION,
    FRESH_OPTION,
    LIMITS_OPTION,
    SANDBOX_OPTION,
    HowToRun,
    generate_named,
    report_failures,
)
from fundus2oct.benchmark.phase_options import attest_run, phase_rules, read_moment, split_of
from fundus2oct.benchmark.progress import say
from fundus2oct.benchmark.shard import SHARD_OPTION
from fundus2oct.benchmark.submission_file import SLUG
from fundus2oct.metrics.errors import BenchError, ExitCode

if TYPE_CHECKING:
    from fundus2oct.benchmark.dataset import Dataset
    from fundus2oct.benchmark.phase_filing import Filing
    from fundus2oct.benchmark.shard import Shard
    from fundus2oct.benchmark.volume_source import VolumeSource


@click.command()
@click.argument("target", required=False)
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Dataset folder with truth.")
@click.option("--split", default="test", show_default=True, help="Split to score.")
@click.option(
    "--all",
    "root",
    type=click.Path(path_type=Path),
    help="Score every submission below a folder that has no record yet, instead of one TARGET.",
)
@click.option("--jobs", type=click.IntRange(1, 1024), help="With --all: how many at once. [default: what fits]")
@SHARD_OPTION
@click.option("--cluster", help="With --all: Dask workers do it: local, tcp://host:port, tls://... or a slurm.toml.")
@click.option("--oracle", help="Score an oracle row instead: truth-copy, real-vs-real or truth-blurred.")
@click.option(
    "--phase",
    help="Phase the result is filed under: a name, or a phase.toml whose rules are kept. [default: the split's name]",
)
@click.option(
    "--received",
    callback=lambda context, option, value: read_moment(value),
    help="When it was handed in, such as 2026-03-01T12:00:00Z; for a phase.toml. [default: now]",
)
@click.option(
    "--reason", default="", help="For the public: why volumes that were scored before have other numbers now."
)
@click.option("--team", default="local", show_default=True, help="Team of pictures without submission.toml.")
@click.option("--method", help="Method of such pictures. [default: their file name]")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 2**63 - 1), help="Seed of the run.")
@click.option("--device", default="auto", show_default=True, help="Device of the generator.")
@SANDBOX_OPTION
@FRESH_OPTION
@BATCH_OPTION
@LIMITS_OPTION
@click.option("--folder", type=click.Path(path_type=Path), help="Weights of a generator not named by its folder.")
@click.option("--runs", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Where runs go.")
@click.option(
    "--private",
    type=click.Path(path_type=Path),
    default=Path("private"),
    show_default=True,
    help="The organiser's folder: values per case and per patient, and the feature cache.",
)
@click.option(
    "--results",
    type=click.Path(path_type=Path),
    default=Path("submissions"),
    show_default=True,
    help="Root of the public records.",
)
def score(
    target: str | None,
    data: Path,
    split: str,
    root: Path | None,
    jobs: int | None,
    shard: Shard | None,
    cluster: str | None,
    oracle: str | None,
    phase: str | None,
    received: datetime,
    reason: str,
    team: str,
    method: str | None,
    seed: int,
    device: str,
    sandbox: str,
    fresh_process: bool,
    batch: int,
    limits: Path | None,
    folder: Path | None,
    runs: Path,
    private: Path,
    results: Path,
) -> ExitCode:
    """Score the volumes of one entry against the truth.

    TARGET is a finished run's folder, a generator (it is run first), or pictures in the challenge's layout: a zip, or a
    folder, with their submission.toml beside ``images/`` where there is one. Scoring never generates twice, and a
    second scoring computes nothing anew. Values per case and per patient stay in the private folder; the public record
    holds aggregates alone. A phase.toml adds dates, a quota for each team, and what is disclosed.

    With --all, each submission is scored by a process of its own, so that one which fails stops no other. Running the
    command again goes on where it stopped, and so may several at once.

    \b
    Example:
      bench score demo/runs/ridge --data demo/data --results demo/results --private demo/private
      bench score --all submissions --data demo/data --phase phase.toml --jobs 2
      bench score --all submissions --data demo/data --cluster local
    """
    from fundus2oct.benchmark.dataset import read_dataset
    from fundus2oct.benchmark.phase_filing import Filing
    from fundus2oct.benchmark.run_folder import RunFolder
    from fundus2oct.benchmark.score_files import check_names
    from fundus2oct.benchmark.volume_source import run_source

    if sum(given is not None for given in (target, oracle, root)) != 1:
        raise click.UsageError("give one of a TARGET, --oracle NAME or --all FOLDER")
    if root is None and (jobs, shard, cluster) != (None, None, None):
        raise click.UsageError("--jobs, --shard and --cluster belong to --all")
    dataset, rules, given_phase = read_dataset(data), phase_rules(phase), phase
    filing = Filing(results=results, private=private, phase=rules, reason=reason, is_reference=oracle is not None)
    filing.require_reason()
    if rules is not None:
        split, phase = split_of(rules, split), rules.name
        rules.require_dataset(dataset)
        if oracle is None and not reason:
            rules.require_open(received)
    phase = phase or split
    check_names(dataset, phase)
    how = HowToRun(
        folder=folder,
        seed=seed,
        device=device,
        sandbox=sandbox,
        fresh_process=fresh_process,
        batch=batch,
        limits=limits,
        seeds="case" if rules is None else "photograph",
    )
    if root is not None:
        from fundus2oct.benchmark.score_all_board import make_board, score_folder, shared_options

        options = shared_options(split, given_phase or phase, received, reason=reason, how=how)
        board = make_board(dataset, split, phase, seed=seed, runs=runs, filing=filing, options=options)
        return score_folder(root, board, how=how, jobs=jobs, shard=shard, cluster=cluster)
    if oracle is not None:
        from fundus2oct.benchmark.oracles import oracle_source

        source = oracle_source(oracle, dataset, split, seed=seed)
        status = ExitCode.OK
    else:
        run_folder, status = _run_folder(
            str(target), dataset, split, runs, team=team, method=method, how=how, filing=filing
        )
        run = RunFolder(run_folder)
        source = run_source(run, dataset, split)
        filing.require_room(source.submission, run.summary()["volumes_hash"])
    path = score_source(source, dataset, split, phase=phase, filing=filing)
    if rules is not None and oracle is None and not _is_run(str(target)):
        attest_run(path, rules, source, device)
    return status


def _is_run(target: str) -> bool:
    """Whether a target is a run's folder, made by whomever."""
    return (Path(target) / "plan.json").is_file()


def _run_folder(
    target: str,
    dataset: Any,
    split: str,
    runs: Path,
    *,
    team: str,
    method: str | None,
    how: HowToRun,
    filing: Filing,
) -> tuple[Path, ExitCode]:
    """The finished run that a target stands for: itself, a generator's, or that of pictures."""
    from fundus2oct.benchmark.challenge_folder import is_picture_folder
    from fundus2oct.benchmark.generator_reference import resolve
    from fundus2oct.benchmark.run_folder import RunFolder

    path = Path(target)
    if (path / "shards").is_dir() and not (path / "run.json").exists():
        what, fix = "the shards of this run are not merged", f"bench merge {path}"
        raise BenchError("E_INCOMPLETE", what, where=path, fix=fix)
    is_generator = not (_is_run(target) or path.suffix.lower() == ".zip" or is_picture_folder(path))
    if how.of_workers and not is_generator:
        raise click.UsageError(f"{', '.join(how.of_workers)}: {target} is no generator, nothing is generated")
    if _is_run(target):
        return path, report_failures(RunFolder(path).summary())
    if is_generator:
        reference = resolve(target, folder=how.folder)
        filing.require_room(reference.submission, reference.content_hash)
        run_folder, summary = generate_named(target, dataset, split, None, runs=runs, **vars(how))
    else:
        run_folder, summary = _from_pictures(path, dataset, split, runs, team, method)
    return run_folder, report_failures(summary)


def _from_pictures(
    source: Path, dataset: Any, split: str, runs: Path, team: str, method: str | None
) -> tuple[Path, dict[str, Any]]:
    from fundus2oct.benchmark.archive_import import import_archive, pictures_digest
    from fundus2oct.benchmark.challenge_folder import picture_submission
    from fundus2oct.benchmark.generator_reference import slug
    from fundus2oct.benchmark.run_place import run_place

    method = method or slug(source.resolve().stem)
    for option, value in (("--team", team), ("--method", method)):
        if not SLUG.fullmatch(value):
            raise BenchError("E_NAME", "bad name", where=option, expected=SLUG.pattern, found=value)
    submission = picture_submission(source, team=team, method=method)
    digest = pictures_digest(source)
    run_folder = run_place(runs, submission, f"{dataset.name}-{split}-{digest[:8]}")
    return run_folder, import_archive(source, dataset, split, run_folder, submission)


def score_source(
    source: VolumeSource, dataset: Dataset, split: str, *, phase: str, filing: Filing, train_split: str = "train"
) -> Path:
    """Score volumes, write every file, show the table; returns the path of the public record."""
    from fundus2oct.benchmark import score_files
    from fundus2oct.benchmark.measured_source import measure_source
    from fundus2oct.benchmark.timing_file import file_timing
    from fundus2oct.benchmark.value_cache import ValueCache, make_private_folder
    from fundus2oct.metrics.catalogue import CARDS

    started, private = time.monotonic(), filing.private
    folder = score_files.ScoreFolder.of(private, source.submission, dataset, phase)
    make_private_folder(private)
    cache = ValueCache(private / "cache")
    with folder.locked():
        found = measure_source(source, dataset, split, phase=phase, cache=cache, train_split=train_split)
        result = filing.phase.disclosure.marked(found.result) if filing.phase else found.result
        folder.write(
            result=result,
            scores=found.scores,
            cards=CARDS,
            aggregates=found.aggregates,
            timing={"score_seconds": round(time.monotonic() - started, 3)},
            flagged=found.flagged,
        )
        per_case = score_files.per_case_text(found.scores, CARDS)
        path = filing.file(result, source.submission, per_case)
        if source.timing is not None:
            file_timing(path, source.timing)
    for damaged in cache.set_aside:
        say(f"a damaged cache file was set aside and its value computed anew: {damaged}")
    show_table(result, path, filing.results)
    return path


def show_table(result: dict[str, Any], path: Path, results: Path) -> None:
    """The table that ends a scoring: values with intervals on stdout, the next command on stderr."""
    from fundus2oct.metrics.catalogue import card

    entry, cases = result["entry"], result["cases"]
    click.echo(f"{entry['team']}/{entry['method']} on {result['dataset']['name']}, {result['phase']}")
    click.echo(f"{cases['scored']} of {cases['expected']} cases scored, {cases['failed']} failed")
    width = max(len(card(name).abbreviation) for name in result["metrics"])
    absent: dict[str, list[str]] = {}
    for name, metric in result["metrics"].items():
        found = card(name)
        if metric["value"] is None:
            absent.setdefault(metric["reason"], []).append(found.abbreviation)
            continue
        text = f"  {found.abbreviation:<{width}} {metric['value']:>10.{found.decimals}f} {found.unit:<3}"
        if metric["uncertainty"] is not None:
            low, high = metric["uncertainty"]["interval"]
            text += f" [{low:.{found.decimals}f}, {high:.{found.decimals}f}] 95 % by patient"
        click.echo(f"{text}  ({found.direction} is better)")
    for reason, names in absent.items():
        click.echo(f"  not computed: {', '.join(names)}: {reason}")
    click.echo(str(path))
    say(f"next: bench leaderboard build {results} --out site")
