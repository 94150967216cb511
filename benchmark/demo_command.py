"""`bench demo`: the whole path on the phantom, resumable: data, fits, runs, scores, board."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from fundus2oct.benchmark.progress import say
from fundus2oct.metrics.errors import BenchError, ExitCode

WEIGHTS = ("i3d", "efficientnet-lite0")
"""What the Python package index carries; the other networks' weights come by address and are left to the reader."""

ORACLES = ("truth-copy", "real-vs-real", "truth-blurred")
GENERATORS = ("constant", "mean-volume", "random-train", "nearest-fundus", "ridge")
LEARNED = ("ddpm",)
"""Trained for about two minutes each on two processor cores; `gan` and `ldm` would take the demo past fifteen."""

PICTURED_EYES, PICTURES_MB = 8, 16
"""The first eyes of the split, and how many megabytes they may take with every best, middle and worst one."""


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("demo"), show_default=True, help="Folder to fill.")
@click.option("--profile", default="mini", show_default=True, help="Size of the phantom cohort.")
@click.option(
    "--training",
    default="demo",
    show_default=True,
    type=click.Choice(["tiny", "demo", "gpu", "none"]),
    help="Profile of the learned generator; none leaves it out.",
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 2**31 - 1), help="Seed of the cohort.")
@click.pass_context
def demo(context: click.Context, out: Path, profile: str, training: str, seed: int) -> None:
    """Make the phantom, fit or train and run the reference generators, score them, and build a board.

    Every step is the command one would type; each is shown before it runs. Running it again resumes.

    \b
    Example:
      bench demo --out demo
    """
    data = out / "data"
    steps = [["weights", "install", name] for name in WEIGHTS]
    if not (data / "dataset.toml").exists():
        steps.append(["data", "phantom", "--out", str(data), "--profile", profile, "--seed", str(seed)])
    scored = ["--data", str(data), "--private", str(out / "private"), "--results", str(out / "results")]
    steps += [["score", "--oracle", name, *scored] for name in ORACLES]
    walls = _walls()
    names = GENERATORS if training == "none" else GENERATORS + LEARNED
    for name in names:
        options = ["--profile", training] if name in LEARNED else []
        folder, run = str(out / "generators" / name), str(out / "runs" / name)
        steps += [
            ["train", name, "--data", str(data), "--out", folder, *options],
            ["generate", folder, "--data", str(data), "--out", run, "--sandbox", walls],
            ["score", run, *scored],
        ]
    steps.append(["compare", "--all", "--private", str(out / "private"), "--results", str(out / "results")])
    steps.append(_pictures_step(out, names))
    steps.append(["leaderboard", "build", str(out / "results"), "--out", str(out / "site")])
    for number, arguments in enumerate(steps, start=1):
        say(f"[{number}/{len(steps)}] bench {' '.join(arguments)}")
        run_step(context, arguments)
    say(f"done: open {out / 'site' / 'index.html'}")


def _pictures_step(out: Path, names: Sequence[str]) -> list[str]:
    """Pictures of a few eyes of every row but the copy of the truth, which would show the truth twice."""
    runs = [str(out / "runs" / name) for name in names]
    oracles = [argument for name in ORACLES[1:] for argument in ("--oracle", name)]
    places = ["--data", str(out / "data"), "--results", str(out / "results"), "--private", str(out / "private")]
    return ["pictures", *runs, *oracles, *places, "--eyes", str(PICTURED_EYES), "--budget", str(PICTURES_MB)]


def _walls() -> str:
    """The strongest walls that start here; none where none does, because nothing but this package's own code runs."""
    from fundus2oct.benchmark.sandbox import choose_isolation

    try:
        return choose_isolation()
    except BenchError as error:
        say(f"the demo runs its own generators without walls: {error.found}")
        return "none"


def run_step(context: click.Context, arguments: list[str]) -> None:
    """Run one `bench` command in this process; its errors and exit codes are this command's."""
    root = context.find_root().command
    status = root.main(args=arguments, prog_name="bench", standalone_mode=False, parent=context)
    if isinstance(status, int) and status != ExitCode.OK:
        context.exit(status)
