"""`bench compare`: two scored runs side by side, or every pair of a board for the leaderboard."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from fundus2oct.benchmark.progress import progress, say


@click.command()
@click.argument("targets", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Compare every pair of every board and write the boards' files.")
@click.option(
    "--private",
    type=click.Path(path_type=Path),
    default=Path("private"),
    show_default=True,
    help="The organiser's folder that `bench score` filled.",
)
@click.option(
    "--results",
    type=click.Path(path_type=Path),
    default=Path("submissions"),
    show_default=True,
    help="Root of the public records; --all writes <results>/pairwise/<dataset>-<version>/<phase>-<key>.json.",
)
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def compare(targets: tuple[str, ...], every: bool, private: Path, results: Path, as_json: bool) -> None:
    """Compare entries on the same patients: differences with intervals, tests, rank intervals and tiers.

    TARGETS are two entries, A and B: private folders of scored runs, or team/method below --private. The difference is
    A - B; its interval is by patient, at 95 %. Runs on other truth, splits or metric versions are refused. With --all
    every pair is tested in one family, and only aggregates are written.

    \b
    Example:
      bench compare local/ridge local/mean-volume --private demo/private
      bench compare --all --private demo/private --results demo/results
    """
    if every == bool(targets) or (targets and len(targets) != 2):
        raise click.UsageError("give either two entries to compare, or --all")
    if every:
        _compare_all(private, results, as_json)
    else:
        _compare_two(targets[0], targets[1], private, as_json)


def _compare_two(target_a: str, target_b: str, private: Path, as_json: bool) -> None:
    from fundus2oct.benchmark.comparison import compare_two
    from fundus2oct.benchmark.scored_run import named_scored_run

    a, b = named_scored_run(target_a, private), named_scored_run(target_b, private)
    rows = compare_two(a, b)
    if as_json:
        click.echo(json.dumps({"a": a.name, "b": b.name, "metrics": rows}, indent=2, allow_nan=False))
        return
    patients = a.result["dataset"]["n_patients"]
    names = (a.name, b.name) if a.name != b.name else (str(a.folder), str(b.folder))
    click.echo(f"A = {names[0]}, B = {names[1]}, {patients} patients, intervals 95 % by patient")
    click.echo(f"{'':<10} {'A':>12} {'B':>12} {'A - B':>12}  {'interval':<24} {'p':>7}  better")
    for row in rows:
        click.echo(_line(row))


def _line(row: dict[str, Any]) -> str:
    """One metric in the table; the entry named as better has an interval that excludes 0."""
    from fundus2oct.metrics.catalogue import card

    found = card(row["metric"])

    def shown(value: float | None) -> str:
        return "-" if value is None else f"{value:.{found.decimals}f}"

    interval, better = "-", ""
    if row["interval"] is not None:
        low, high = row["interval"]
        interval = f"[{shown(low)}, {shown(high)}]"
        better = "" if low <= 0 <= high else "A" if found.is_better(row["a"], row["b"]) else "B"
    numbers = f"{shown(row['a']):>12} {shown(row['b']):>12} {shown(row['difference']):>12}"
    p = "-" if row["p"] is None else f"{row['p']:.4f}"
    text = f"{found.abbreviation:<10} {numbers}  {interval:<24} {p:>7}  {better}"
    return text.rstrip() + (f"  ({row['reason']})" if row["reason"] else "")


def _compare_all(private: Path, results: Path, as_json: bool) -> None:
    from fundus2oct.benchmark.board_comparison import boards, write_comparison
    from fundus2oct.benchmark.ranking_file import read_ranking_rule
    from fundus2oct.benchmark.scored_run import find_scored_runs
    from fundus2oct.metrics import catalogue

    rule = read_ranking_rule(results, catalogue.CARDS, catalogue.RANKING_METRIC)
    groups = boards(find_scored_runs(private, results))
    paths = []
    with progress("compare boards", len(groups)) as advance:
        for runs in groups:
            paths.append(write_comparison(results, runs, rule))
            advance(1)
    if as_json:
        click.echo(json.dumps([str(path) for path in paths], indent=2))
    else:
        for path, runs in zip(paths, groups, strict=True):
            click.echo(f"{path}  ({len(runs)} entries)")
    say(f"next: bench leaderboard build {results} --out site")
