"""`bench check`: every static problem of a submission at once, each with what it is and how to mend it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fundus2oct.benchmark.progress import say
from fundus2oct.metrics.errors import BenchError

if TYPE_CHECKING:
    from fundus2oct.benchmark.submission_check import Report


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), help="Dataset that pictures were drawn for; needs no truth.")
@click.option("--split", default="test", show_default=True, help="Split that pictures were drawn for.")
@click.option("--json", "as_json", is_flag=True, help="The same as JSON on stdout, problems included.")
def check(path: Path, data: Path | None, split: str, as_json: bool) -> None:
    """Check a submission without running it: submission.toml, code, weights, files, environment, pictures.

    PATH is a submission's folder, a folder of pictures in the challenge's layout, or a zip of it. With --data, missing
    and unexpected pictures are named too. Nothing of the submission is imported. Exit code 3 when there is a problem.

    \b
    Example:
      bench check my-method
      bench check submit.zip --data demo/data --json
    """
    from fundus2oct.benchmark.dataset import read_dataset
    from fundus2oct.benchmark.submission_check import check_submission
    from fundus2oct.metrics.durable_file import canonical_json

    report = check_submission(path, None if data is None else read_dataset(data).split(split))
    if as_json:
        click.echo(canonical_json(report_values(report), indent=2))
    else:
        show_advice(report)
    report.raise_problems(path)
    if not as_json:
        click.echo(f"{path}: no problems ({report.kind})")
        say(f"next: bench try {path}")


def show_advice(report: Report) -> None:
    """What had better be mended, on stderr: it stops nothing."""
    for advice in report.advice:
        say(f"advice: {advice.line().partition(': ')[2]}")


def report_values(report: Report) -> dict[str, Any]:
    """The report as JSON holds it."""
    return {
        "kind": report.kind,
        "entry": report.submission.name if report.submission else None,
        "problems": [_values(problem) for problem in report.problems],
        "advice": [_values(advice) for advice in report.advice],
    }


def _values(problem: BenchError) -> dict[str, str | None]:
    return {key: getattr(problem, key) for key in ("code", "what", "where", "expected", "found", "fix")}
