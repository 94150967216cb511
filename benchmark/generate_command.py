"""`bench generate`: run a generator over a split; scoring is another command, possibly on another machine."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fundus2oct.benchmark import failure_policy
from fundus2oct.benchmark.progress import say
from fundus2oct.benchmark.shard import SHARD_OPTION, Shard
from fundus2oct.benchmark.worker_setup import CHOICES
from fundus2oct.metrics.errors import ExitCode

if TYPE_CHECKING:
    from fundus2oct.benchmark.run_folder import SeedRule
    from fundus2oct.benchmark.sandbox_limits import Limits

MAX_CASE_SECONDS = 86_400.0


SANDBOX_OPTION = click.option(
    "--sandbox",
    type=click.Choice(CHOICES),
    default="auto",
    show_default=True,
    help="Walls around the generator's code; auto takes the strongest that starts, none is for code you trust.",
)
FRESH_OPTION = click.option("--fresh-process", is_flag=True, help="A new process for every case: nothing is kept.")
BATCH_OPTION = click.option(
    "--batch",
    default=1,
    show_default=True,
    type=click.IntRange(1, 1024),
    help="Photographs handed over at once, to a submission of the batch track.",
)
LIMITS_OPTION = click.option(
    "--limits",
    type=click.Path(path_type=Path),
    help="TOML file with other limits, such as memory_bytes; docs/sandbox.md lists them.",
)


@dataclass(frozen=True, kw_only=True)
class HowToRun:
    """How a generator is run, as the options say.

    Attributes:
        folder: weights of a generator not named by its folder.
        seed: of the run.
        device: as `choose_device` takes it.
        sandbox: as `sandbox.choose_isolation` takes it.
        fresh_process: a new process for every case.
        batch: photographs handed over at once.
        limits: TOML file with other limits.
        seeds: what the cases' seeds follow from.
    """

    folder: Path | None = None
    seed: int = 0
    device: str = "auto"
    sandbox: str = "auto"
    fresh_process: bool = False
    batch: int = 1
    limits: Path | None = None
    seeds: SeedRule = "case"

    @property
    def of_workers(self) -> list[str]:
        """Which of the options were given that mean nothing where no generator is run."""
        given = {"--limits": self.limits, "--batch": self.batch > 1, "--fresh-process": self.fresh_process}
        return [name for name, value in given.items() if value]


def require_number(value: float | None) -> float | None:
    """Refuse NaN, which lies in every range click knows."""
    if value is not None and math.isnan(value):
        raise click.BadParameter("nan is not a number of seconds")
    return value


CASE_SECONDS_OPTION = click.option(
    "--case-seconds",
    type=click.FloatRange(min=0, min_open=True, max=MAX_CASE_SECONDS),
    callback=lambda context, option, value: require_number(value),
    help="Wall-clock limit for one case; 600 unless --limits says otherwise.",
)


def chosen_limits(path: Path | None, case_seconds: float | None) -> Limits:
    """The limits of a file, or the usual ones, with another one for a case where it is given.

    Raises:
        BenchError: what `sandbox_limits.read_limits` raises.
    """
    from fundus2oct.benchmark.sandbox_limits import Limits, read_limits

    limits = Limits() if path is None else read_limits(path)
    return limits if case_seconds is None else replace(limits, case_seconds=case_seconds)


@click.command()
@click.argument("generator")
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Dataset folder; needs no truth.")
@click.option("--split", default="test", show_default=True, help="Split to generate.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Run folder. [default: runs/<team>.<method>-<dataset>-<split>-s<seed>]",
)
@click.option("--folder", type=click.Path(path_type=Path), help="Weights of a generator not named by its folder.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 2**63 - 1), help="Seed of the run.")
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, cuda:1, ... or auto.")
@SANDBOX_OPTION
@FRESH_OPTION
@BATCH_OPTION
@CASE_SECONDS_OPTION
@LIMITS_OPTION
@click.option(
    "--seeds",
    type=click.Choice(["case", "photograph"]),
    default="case",
    show_default=True,
    help="What a case's seed follows from: photograph tells a generator nothing of the case, as in a phase.",
)
@SHARD_OPTION
def generate(
    generator: str,
    data: Path,
    split: str,
    out: Path | None,
    folder: Path | None,
    seed: int,
    device: str,
    sandbox: str,
    fresh_process: bool,
    batch: int,
    case_seconds: float | None,
    limits: Path | None,
    seeds: SeedRule,
    shard: Shard | None,
) -> ExitCode:
    """Generate the OCT volume of every case of a split.

    GENERATOR is a folder with submission.toml, a registered name (see `bench list`), distribution/name, or
    module:callable. It runs in a process of its own; a failing case is recorded and the run goes on. Running the
    command again resumes; a changed dataset, generator or seed is refused.

    \b
    Example:
      bench generate demo/generators/ridge --data demo/data --split test --out demo/runs/ridge
    """
    from fundus2oct.benchmark.dataset import read_dataset

    dataset = read_dataset(data)
    run_folder, summary = generate_named(
        generator,
        dataset,
        split,
        out,
        folder=folder,
        seed=seed,
        device=device,
        sandbox=sandbox,
        fresh_process=fresh_process,
        batch=batch,
        case_seconds=case_seconds,
        limits=limits,
        seeds=seeds,
        shard=shard,
    )
    click.echo(run_folder)
    merging = f"bench merge {run_folder}, once all shards are there"
    say(f"next: {merging if shard else f'bench score {run_folder} --data {data} --split {split}'}")
    return report_failures(summary)


def generate_named(
    generator: str,
    dataset: Any,
    split: str,
    out: Path | None,
    *,
    folder: Path | None = None,
    seed: int = 0,
    device: str = "auto",
    sandbox: str = "auto",
    fresh_process: bool = False,
    batch: int = 1,
    case_seconds: float | None = None,
    limits: Path | None = None,
    seeds: SeedRule = "case",
    shard: Shard | None = None,
    runs: Path = Path("runs"),
) -> tuple[Path, dict[str, Any]]:
    """Find a generator, run it over a split, and return the run's folder and `run.json`."""
    from fundus2oct.benchmark.generation import generate_run
    from fundus2oct.benchmark.generator_reference import resolve
    from fundus2oct.benchmark.run_place import run_place
    from fundus2oct.benchmark.sandbox import choose_isolation

    chosen = chosen_limits(limits, case_seconds)
    reference = resolve(generator, folder=folder)
    run_folder = out or run_place(runs, reference.submission, f"{dataset.name}-{split}-s{seed}")
    summary = generate_run(
        reference,
        dataset,
        split,
        run_folder,
        seed=seed,
        device=choose_device(device),
        isolation=choose_isolation(sandbox),
        limits=chosen,
        fresh_process=fresh_process,
        batch=batch,
        seeds=seeds,
        shard=shard,
    )
    return run_folder, summary


def choose_device(device: str) -> str:
    """`auto` is the first CUDA device where the driver's device file is there, else the processor."""
    if device != "auto":
        return device
    return "cuda" if Path("/dev/nvidia0").exists() else "cpu"


def report_failures(summary: dict[str, Any]) -> ExitCode:
    """List failed cases on stderr and say which exit code the failure policy gives."""
    cases = summary["cases"]
    failed = {case_id: case["code"] for case_id, case in cases.items() if case["code"]}
    for case_id, code in failed.items():
        click.echo(f"{code}: case {case_id} failed | fix: the run's private.log has the details", err=True)
    code = failure_policy.exit_code(len(failed), len(cases))
    if code is not ExitCode.OK:
        share = f"{len(failed)} of {len(cases)}"
        click.echo(f"E_FAILED: {share} cases failed, more than 5 %: the run is not ranked", err=True)
    return code
