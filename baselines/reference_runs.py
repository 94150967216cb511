"""Every reference row from nothing: data, training, ablations, volumes, scores, board. Run by `make train-reference`.

A plain list of steps, nearly all of them `bench` commands that one could type. A step that is done is skipped, and a
training that was stopped goes on, so running it again resumes. `--dry-run` prints the plan.

    python -m fundus2oct.baselines.reference_runs --profile demo --data mini --out runs/reference-mini-demo
"""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fundus2oct.baselines.catalogue import LEARNED, METHODS, PROFILES
from fundus2oct.baselines.fitted_folder import TEAM
from fundus2oct.benchmark.dataset import read_dataset
from fundus2oct.benchmark.progress import say
from fundus2oct.benchmark.submission_file import read_submission, write_submission
from fundus2oct.metrics.durable_file import write_text

if TYPE_CHECKING:
    from fundus2oct.baselines.ldm_settings import LdmSettings

WEIGHTS = ("i3d", "efficientnet-lite0")
"""Feature networks that install with no address to give; the others are used where they are installed already."""

ORACLES = ("truth-copy", "real-vs-real", "truth-blurred")
MAIN_PROFILE = "gpu"
"""The profile whose rows carry a method's plain name; every other profile is part of the name."""

SHEETS = Path("docs/samples")


@dataclass(frozen=True)
class Ablation:
    """`ldm` with one thing changed, on the autoencoder of the plain row and with the same steps after it.

    Attributes:
        name: what is changed, as part of the row's name.
        title: the same for readers.
        overrides: from the profile's settings to what `--set` is given.
    """

    name: str
    title: str
    overrides: Callable[[LdmSettings], Sequence[str]]


def _without_slices_stage(settings: LdmSettings) -> Sequence[str]:
    """The stage of single B-scans gives its share to the last one."""
    return "shares.slices=0.0", f"shares.volumes={1 - settings.shares.autoencoder!r}"


def _with_mirror(settings: LdmSettings) -> Sequence[str]:
    """Where a profile shows no mirrored pairs, the same question from the other side; else nothing changes."""
    return ["data.mirror=0.5"] if settings.data.mirror == 0 else []


ABLATIONS = (
    Ablation(
        "without-slice-attention",
        "without attention across the B-scans",
        lambda _: ["denoiser.unet.with_slice_attention=false"],
    ),
    Ablation("without-spatial-maps", "without spatial maps", lambda _: ["denoiser.unet.map_channels=0"]),
    Ablation("without-pretraining", "without pre-training on single B-scans", _without_slices_stage),
    Ablation("without-mirror", "without mirrored pairs", lambda _: ["data.mirror=0.0"]),
    Ablation("with-mirror", "with mirrored pairs", _with_mirror),
)


@dataclass(frozen=True)
class Row:
    """A learned generator of the plan.

    Attributes:
        method: as in the catalogue.
        name: its name on the board.
        title: an addition to the method's title; empty for none.
        overrides: what `--set` is given.
        autoencoder_of: the row whose autoencoder it shares; empty for none.
    """

    method: str
    name: str
    title: str = ""
    overrides: tuple[str, ...] = ()
    autoencoder_of: str = ""


@dataclass(frozen=True)
class Step:
    """One step of the plan.

    Attributes:
        name: unique; the file that marks it as done is called so.
        text: the command line, or after `#` what a step does that is no command.
        made: what is there when it is done.
        run: does it.
        always: whether it is done again every time, because it looks at all the others.
    """

    name: str
    text: str
    made: Path
    run: Callable[[], None]
    always: bool = False


@dataclass(frozen=True)
class Plan:
    """What is to be made, and where.

    Attributes:
        profile: of the learned methods.
        cohort: profile of the phantom, or the folder of a dataset that exists.
        out: data, generators, runs and private values; holds the marks of what is done.
        results: root of the public records.
        sheets: root of the sample sheets; used where the dataset's pictures may be published.
        device: of training and generating.
    """

    profile: str
    cohort: str
    out: Path
    results: Path = Path("submissions")
    sheets: Path = SHEETS
    device: str = "auto"

    @property
    def data(self) -> Path:
        """The dataset's folder."""
        given = Path(self.cohort)
        return given if (given / "dataset.toml").exists() else self.out / "data"

    @property
    def marks(self) -> Path:
        """A file for each step that is done."""
        return self.out / "done"

    @property
    def sheet_folder(self) -> Path:
        """Where sample sheets go: a folder for each cohort and profile."""
        folder = f"{self.data.name if self.data != self.out / 'data' else self.cohort}-{self.profile}"
        is_there = (self.data / "dataset.toml").exists()
        public = not is_there or read_dataset(self.data).pictures_may_be_published
        return (self.sheets if public else self.out / "samples") / folder

    def steps(self) -> Iterator[Step]:
        """Every step, in order."""
        for weights in WEIGHTS:
            yield _bench(f"weights-{weights}", self.out, "weights", "install", weights)
        if self.data == self.out / "data":
            made = self.data / "dataset.toml"
            yield _bench("data", made, "data", "phantom", "--out", str(self.data), "--profile", self.cohort)
        for oracle in ORACLES:
            yield self._score(oracle, "--oracle", oracle)
        for method in METHODS:
            yield from self._row(method.name)
        for row in rows(self.profile):
            shared = f"autoencoder_weights={self.out / 'generators' / row.autoencoder_of}"
            overrides = (*row.overrides, shared) if row.autoencoder_of else row.overrides
            options = [part for override in overrides for part in ("--set", override)]
            options = ["--profile", self.profile, "--device", self.device, *options]
            yield from self._row(row.name, row.method, options, self._naming(row))
            yield self._sheet(row)
        yield from self._board()

    def _row(
        self, name: str, method: str = "", options: Sequence[str] = (), naming: Step | None = None
    ) -> Iterator[Step]:
        """Train, generate and score one generator."""
        folder, run = self.out / "generators" / name, self.out / "runs" / name
        data = ["--data", str(self.data)]
        yield _bench(f"train-{name}", folder, "train", method or name, *data, "--out", str(folder), *options)
        if naming is not None:
            yield naming
        yield _bench(
            f"generate-{name}",
            run / "run.json",
            *("generate", str(folder), *data, "--out", str(run), "--device", self.device),
        )
        yield self._score(name, str(run))

    def _score(self, name: str, *target: str) -> Step:
        places = ["--data", str(self.data), "--private", str(self.out / "private"), "--results", str(self.results)]
        return _bench(f"score-{name}", self.out / "private", "score", *target, *places)

    def _naming(self, row: Row) -> Step:
        folder = self.out / "generators" / row.name
        text = f"# {folder / 'submission.toml'} says that it is {TEAM}/{row.name}"
        return Step(f"name-{row.name}", text, folder, partial(name_row, folder, row, self.profile))

    def _sheet(self, row: Row) -> Step:
        path = self.sheet_folder / f"{row.name}.jpg"
        run = partial(write_sheet, path, self.data, self.out / "runs" / row.name, row.name)
        return Step(f"sheet-{row.name}", f"# {path} shows the first eight test eyes", path, run)

    def _board(self) -> Iterator[Step]:
        results, site = str(self.results), self.out / "site"
        private = ["--private", str(self.out / "private")]
        compare = _bench("compare", self.out / "private", "compare", "--all", *private, "--results", results)
        board = _bench("board", site / "index.html", "leaderboard", "build", results, "--out", str(site))
        yield from (replace(step, always=True) for step in (compare, board))


def rows(profile: str) -> list[Row]:
    """The learned rows of a profile: every method, then the ablations that change something in it."""
    from fundus2oct.baselines.ldm import METHOD
    from fundus2oct.baselines.training.learned_method import profile_settings

    mark = "" if profile == MAIN_PROFILE else f"-{profile}"
    found = [Row(method.name, f"{method.name}{mark}") for method in LEARNED]
    settings = profile_settings(METHOD, profile)
    for ablation in ABLATIONS:
        overrides = tuple(ablation.overrides(settings))
        if profile_settings(METHOD, profile, overrides) != settings:
            name = f"{METHOD.name}-{ablation.name}{mark}"
            found.append(Row(METHOD.name, name, ablation.title, overrides, autoencoder_of=f"{METHOD.name}{mark}"))
    return found


def name_row(folder: Path, row: Row, profile: str) -> None:
    """Let a trained folder say which row it is; the networks and the method's own words stay as they are."""
    submission = read_submission(folder)
    title = next(method.title for method in LEARNED if method.name == row.method)
    notes = [row.title] if row.title else []
    notes += [f"profile {profile}"] if profile != MAIN_PROFILE else []
    title = ", ".join([title, *notes])
    write_submission(folder, replace(submission, method=row.name, title=title))


def write_sheet(path: Path, data: Path, run: Path, name: str) -> None:
    """Draw the first eight test eyes of a run; never chosen ones."""
    from fundus2oct.baselines.run_sheet import run_sheet

    path.parent.mkdir(parents=True, exist_ok=True)
    run_sheet(read_dataset(data), run, title=name).save(path, quality=90)


def _bench(name: str, made: Path, *arguments: str) -> Step:
    return Step(name, shlex.join(["bench", *arguments]), made, partial(run_bench, arguments))


def run_bench(arguments: Sequence[str]) -> None:
    """Run one command; ends this process with its exit code when it fails.

    A signal to stop reaches the command too, which saves and ends; this process waits for that.
    """
    process = subprocess.Popen([sys.executable, "-m", "fundus2oct.benchmark.cli", *arguments])
    before = signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    try:
        status = _waited(process)
    finally:
        signal.signal(signal.SIGTERM, before)
    if status:
        sys.exit(status)


def _waited(process: subprocess.Popen[Any]) -> int:
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:  # the command has got it as well, and is saving
            continue


def is_done(step: Step, marks: Path) -> bool:
    """Whether this very step was finished before and what it made is still there."""
    mark = marks / f"{step.name}.txt"
    has_mark = mark.exists() and mark.read_text("utf-8") == f"{step.text}\n"
    return has_mark and step.made.exists() and not step.always


def run_plan(plan: Plan) -> None:
    """Run every step that is not done; each is shown before it runs."""
    plan.marks.mkdir(parents=True, exist_ok=True)
    steps = list(plan.steps())
    for number, step in enumerate(steps, start=1):
        done = is_done(step, plan.marks)
        say(f"[{number}/{len(steps)}] {step.text}{' (done)' if done else ''}")
        if not done:
            step.run()
            write_text(plan.marks / f"{step.name}.txt", f"{step.text}\n")


@click.command()
@click.option("--profile", type=click.Choice(PROFILES), default=MAIN_PROFILE, help="Settings of the learned methods.")
@click.option("--data", "cohort", default="v1", help="Phantom profile to make, or the folder of a dataset.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Where everything but the results goes.")
@click.option("--results", type=click.Path(path_type=Path), default=Path("submissions"), help="Root of the records.")
@click.option("--sheets", type=click.Path(path_type=Path), default=SHEETS, help="Root of the sample sheets.")
@click.option("--device", default="auto", help="cpu, cuda, cuda:1, ... or auto.")
@click.option("--dry-run", is_flag=True, help="Print the steps that are not done yet, and do nothing.")
def main(dry_run: bool, **options: Any) -> None:
    """Make every reference row, or go on making them."""
    plan = Plan(**options)
    if not dry_run:
        run_plan(plan)
        return
    for step in plan.steps():
        if not is_done(step, plan.marks):
            click.echo(step.text)


if __name__ == "__main__":
    main()
