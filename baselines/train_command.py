"""The command `bench train NAME`: fits a reference generator and leaves a folder that can be run and handed in.

The names come from `baselines.catalogue`; each is a command of its own, so that a method can have options of its
own. What is fitted at once is fitted by `baselines.fitted_folder`; what is trained in steps, by
`baselines.training.training_folder`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from fundus2oct.baselines.catalogue import LEARNED, METHODS, Method, Setting, find_method
from fundus2oct.baselines.fitted_folder import LEARNED_FILE, fit_into
from fundus2oct.benchmark.dataset import read_dataset
from fundus2oct.benchmark.progress import progress, say


class MethodGroup(click.Group):
    """A group with one command for each reference generator, made when it is asked for."""

    def list_commands(self, context: click.Context) -> list[str]:
        """The methods in the catalogue's order."""
        return [method.name for method in (*METHODS, *LEARNED)]

    def get_command(self, context: click.Context, name: str) -> click.Command:
        """The command that fits ``name``; an unknown name raises E_NAME with a suggestion."""
        method = find_method(name)
        return _learned_command(method) if method.profiles else _command(method)


@click.command(cls=MethodGroup)
def train() -> None:
    """Fit a reference generator on the training split of a dataset.

    Writes a generator folder: submission.toml, weights, and training.json (what it was made from). Running the same
    command again finds the work done, or goes on with it.

    \b
    Example:
      bench train ridge --data demo/data --out demo/generators/ridge
    """


def _command(method: Method) -> click.Command:
    def fit(data: Path, out: Path, split: str, seed: int, **settings: Any) -> None:
        dataset = read_dataset(data)
        made = fit_into(out, method, dataset, split=split, seed=seed, settings=settings, show=progress)
        say(f"{out}: {'fitted' if made else 'already fitted'} ({method.name} on {dataset.name}, split {split})")
        if made:
            say(f"what it learned: {out / LEARNED_FILE}")

    options = [*_common_options(), *(_option(setting) for setting in method.settings)]
    return _as_command(method, fit, options, example="")


def _learned_command(method: Method) -> click.Command:
    def fit(data: Path, out: Path, **options: Any) -> None:
        done = _train(method, data, out, **options)
        say(f"{out}: {'trained' if done else 'already trained'}")

    return _as_command(method, fit, [*_common_options(), *_training_options(method)], example=" --profile demo")


def _train(
    method: Method,
    data: Path,
    out: Path,
    *,
    profile: str,
    overrides: Sequence[str],
    max_steps: int | None,
    max_seconds: float | None,
    **request: Any,
) -> bool:
    """Train a learned method; torch is loaded here and not before."""
    from fundus2oct.baselines.training.learned_method import load_method, profile_settings
    from fundus2oct.baselines.training.training_folder import TrainingRequest, train_into

    limits = {"train.steps": max_steps, "train.seconds": max_seconds}
    more = [f"{name}={value}" for name, value in limits.items() if value is not None]
    learned = load_method(method.module)
    settings = profile_settings(learned, profile, [*overrides, *more])
    asked = TrainingRequest(method=method, dataset=read_dataset(data), profile=profile, **request)
    return train_into(out, learned, settings, asked, show=progress)


def _as_command(method: Method, callback: Any, options: list[click.Parameter], *, example: str) -> click.Command:
    line = f"bench train {method.name} --data demo/data --out demo/generators/{method.name}{example}"
    return click.Command(
        method.name,
        callback=callback,
        params=options,
        short_help=f"{method.title} ({method.kind}).",
        help=f"{method.description}\n\n\b\nExample:\n  {line}",
    )


def _common_options() -> list[click.Parameter]:
    folder = click.Path(path_type=Path)
    return [
        click.Option(["--data"], type=folder, required=True, metavar="DIR", help="Dataset folder to learn from."),
        click.Option(["--out"], type=folder, required=True, metavar="FOLDER", help="Generator folder to make."),
        click.Option(["--split"], default="train", show_default=True, metavar="NAME", help="Split to learn from."),
        click.Option(["--seed"], type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the fit."),
    ]


def _training_options(method: Method) -> list[click.Parameter]:
    """The options of a method that is trained in steps."""
    return [
        click.Option(
            ["--profile"],
            type=click.Choice(method.profiles),
            default="demo",
            show_default=True,
            help="Shipped settings: tiny for tests, demo for two minutes on two cores, gpu for eight minutes on one "
            "large GPU, as_published for what the papers used.",
        ),
        click.Option(
            ["--set", "overrides"],
            multiple=True,
            metavar="TABLE.KEY=VALUE",
            help="Change a setting of the profile, such as train.lr=1e-4; may be given several times.",
        ),
        click.Option(["--max-steps"], type=click.IntRange(min=1), help="Steps to train at most [default: profile's]."),
        click.Option(
            ["--max-seconds"],
            type=click.FloatRange(min=0, min_open=True),
            help="Seconds to train at most, over all sittings [default: profile's].",
        ),
        click.Option(["--device"], default="auto", show_default=True, help="cpu, cuda, cuda:1, ... or auto."),
        click.Option(["--tensorboard"], is_flag=True, help="Write losses for TensorBoard into FOLDER/tensorboard."),
        *(_unpaired_option() if method.takes_unpaired else ()),
    ]


def _unpaired_option() -> list[click.Parameter]:
    folder = click.Path(path_type=Path)
    told = "Folder of B-scans (PNG, JPEG) without photographs to learn from too; may be given several times."
    return [click.Option(["--unpaired"], type=folder, multiple=True, metavar="DIR", help=told)]


def _option(setting: Setting) -> click.Option:
    name = f"--{setting.name.replace('_', '-')}"
    return click.Option(
        [name], type=type(setting.default), default=setting.default, show_default=True, help=setting.help
    )
