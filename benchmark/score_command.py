"""`bench score`: from a generator, a run, an archive or an oracle to a table, private files and a public record."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fundus2oct.benchmark.generate_command import generate_named, report_failures
from fundus2oct.benchmark.progress import say
from fundus2oct.benchmark.submission_file import SLUG, Submission
from fundus2oct.metrics.errors import BenchError, ExitCode

if TYPE_CHECKING:
    from fundus2oct.benchmark.aggregation import Aggregate
    from fundus2oct.benchmark.dataset import Dataset
    from fundus2oct.benchmark.scoring import CaseScores
    from fundus2oct.benchmark.value_cache import ValueCache


@click.command()
@click.argument("target", required=False)
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Dataset folder with truth.")
@click.option("--split", default="test", show_default=True, help="Split to score.")
@click.option("--oracle", help="Score an oracle row instead: truth-copy, real-vs-real or truth-blurred.")
@click.option("--phase", help="Phase the result is filed under. [default: the split's name]")
@click.option("--team", default="local", show_default=True, help="Team of an archive.")
@click.option("--method", help="Method of an archive. [default: its file name]")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 2**63 - 1), help="Seed of the run.")
@click.option("--device", default="auto", show_default=True, help="Device of the generator.")
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
    oracle: str | None,
    phase: str | None,
    team: str,
    method: str | None,
    seed: int,
    device: str,
    folder: Path | None,
    runs: Path,
    private: Path,
    results: Path,
) -> ExitCode:
    """Score the volumes of one entry against the truth.

    TARGET is a finished run's folder, a generator (it is run first), or a challenge archive (submit.zip). Scoring never
    generates twice, and a second scoring computes nothing anew. Values per case and per patient stay in the private
    folder; the public record holds aggregates alone.

    \b
    Example:
      bench score demo/runs/ridge --data demo/data --results demo/results --private demo/private
    """
    from fundus2oct.benchmark.dataset import read_dataset
    from fundus2oct.benchmark.score_files import check_names

    dataset, phase = read_dataset(data), phase or split
    check_names(dataset, phase)
    if (target is None) == (oracle is None):
        raise click.UsageError("give either a TARGET or --oracle NAME")
    if oracle is not None:
        from fundus2oct.benchmark.oracles import oracle_source

        source = oracle_source(oracle, dataset, split, seed=seed)
        status = ExitCode.OK
    else:
        run_folder, status = _run_folder(
            str(target), dataset, split, runs, team=team, method=method, seed=seed, device=device, folder=folder
        )
        source = _run_source(run_folder, dataset, split)
    score_source(source, dataset, split, phase=phase, private=private, results=results)
    return status


def _run_source(run_folder: Path, dataset: Any, split: str) -> Any:
    from fundus2oct.benchmark.run_folder import RunFolder
    from fundus2oct.benchmark.volume_source import run_source

    return run_source(RunFolder(run_folder), dataset, split)


def _run_folder(
    target: str,
    dataset: Any,
    split: str,
    runs: Path,
    *,
    team: str,
    method: str | None,
    seed: int,
    device: str,
    folder: Path | None,
) -> tuple[Path, ExitCode]:
    """The finished run that a target stands for: itself, a generator's, or an archive's."""
    from fundus2oct.benchmark.run_folder import RunFolder

    path = Path(target)
    if (path / "plan.json").is_file():
        return path, report_failures(RunFolder(path).summary())
    if path.suffix.lower() == ".zip":
        run_folder, summary = _from_archive(path, dataset, split, runs, team, method)
    else:
        run_folder, summary = generate_named(
            target, dataset, split, None, folder=folder, seed=seed, device=device, runs=runs
        )
    return run_folder, report_failures(summary)


def _from_archive(
    archive: Path, dataset: Any, split: str, runs: Path, team: str, method: str | None
) -> tuple[Path, dict[str, Any]]:
    from fundus2oct.benchmark.archive_import import archive_digest, import_archive
    from fundus2oct.benchmark.generator_reference import slug

    method = method or slug(archive.stem)
    for option, value in (("--team", team), ("--method", method)):
        if not SLUG.fullmatch(value):
            raise BenchError("E_NAME", "bad name", where=option, expected=SLUG.pattern, found=value)
    run_folder = runs / f"{team}-{method}-{dataset.name}-{split}-{archive_digest(archive)[:8]}"
    submission = Submission(team=team, method=method, description="Handed in as images.")
    return run_folder, import_archive(archive, dataset, split, run_folder, submission)


def score_source(
    source: Any, dataset: Any, split: str, *, phase: str, private: Path, results: Path, train_split: str = "train"
) -> dict[str, Any]:
    """Score volumes, write every file, show the table; returns the public record."""
    from fundus2oct.benchmark import aggregation, anatomy, controls, score_files, scoring
    from fundus2oct.benchmark.strata import case_labels
    from fundus2oct.benchmark.training_eyes import read_training_eyes
    from fundus2oct.benchmark.value_cache import ValueCache, make_private_folder
    from fundus2oct.metrics.catalogue import CARDS

    started = time.monotonic()
    folder = score_files.ScoreFolder.of(private, source.submission, dataset, phase)
    make_private_folder(private)
    cache = ValueCache(private / "cache")
    with folder.locked():
        reduced, measures = controls.ReducedVolumes(), (*controls.PROTOCOLS, *anatomy.PROTOCOLS)
        scores = scoring.score_cases(source, dataset, split, CARDS, cache, measures, [reduced])
        training = read_training_eyes(dataset, cache, train_split)
        disease = case_labels(dataset, scores.cases, "disease")
        found = controls.run_controls(scores, reduced, training, cache, disease)
        aggregates = {card.name: aggregation.aggregate(card, scores) for card in CARDS}
        if source.carries_references:
            aggregates = _with_references(aggregates, scores, dataset, cache, train_split)
        result = aggregation.make_result(
            source=source,
            dataset=dataset,
            split=split,
            phase=phase,
            scores=scores,
            cards=CARDS,
            aggregates=aggregates,
            controls=found,
            cohort={"anatomy": anatomy.anatomy_table(scores, training), "texture": anatomy.texture_table(scores)},
        )
        timing = {"score_seconds": round(time.monotonic() - started, 3)}
        folder.write(
            result=result, scores=scores, cards=CARDS, aggregates=aggregates, timing=timing, flagged=found.flagged
        )
        path = score_files.publish(result, source.submission, results)
    for damaged in cache.set_aside:
        say(f"a damaged cache file was set aside and its value computed anew: {damaged}")
    show_table(result, path, results)
    return result


def _with_references(
    aggregates: Mapping[str, Aggregate], scores: CaseScores, dataset: Dataset, cache: ValueCache, train_split: str
) -> dict[str, Aggregate]:
    """The aggregates, with what other real eyes score in every set metric."""
    from fundus2oct.benchmark.real_reference import real_references
    from fundus2oct.metrics.catalogue import CARDS

    references = real_references(scores, dataset, CARDS, cache, train_split)
    return {
        name: replace(found, entry=found.entry | {"reference": references[name]}) if name in references else found
        for name, found in aggregates.items()
    }


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
