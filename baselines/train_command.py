"""The command `bench train NAME`: fits a reference generator and leaves a folder that can be run and handed in.

The names come from `baselines.catalogue`; each is a command of its own, so that a method can have options of its
own. The work is done in `baselines.fitted_folder`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fundus2oct.baselines.catalogue import METHODS, Method, Setting, find_method
from fundus2oct.baselines.fitted_folder import LEARNED_FILE, fit_into
from fundus2oct.benchmark.dataset import read_dataset
from fundus2oct.benchmark.progress import progress, say


class MethodGroup(click.Group):
    """A group with one command for each reference generator, made when it is asked for."""

    def list_commands(self, context: click.Context) -> list[str]:
        """The methods in the catalogue's order."""
        return [method.name for method in METHODS]

    def get_command(self, context: click.Context, name: str) -> click.Command:
        """The command that fits ``name``; an unknown name raises E_NAME with a suggestion."""
        return _command(find_method(name))


@click.command(cls=MethodGroup)
def train() -> None:
    """Fit a reference generator on the training split of a dataset.

    Writes a generator folder: submission.toml, weights, and training.json (what it was made from). Running the same
    command again finds the work done.

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

    example = f"bench train {method.name} --data demo/data --out demo/generators/{method.name}"
    return click.Command(
        method.name,
        callback=fit,
        params=[*_common_options(), *(_option(setting) for setting in method.settings)],
        short_help=f"{method.title} ({method.kind}).",
        help=f"{method.description}\n\n\b\nExample:\n  {example}",
    )


def _common_options() -> list[click.Parameter]:
    folder = click.Path(path_type=Path)
    return [
        click.Option(["--data"], type=folder, required=True, metavar="DIR", help="Dataset folder to learn from."),
        click.Option(["--out"], type=folder, required=True, metavar="FOLDER", help="Generator folder to make."),
        click.Option(["--split"], default="train", show_default=True, metavar="NAME", help="Split to learn from."),
        click.Option(["--seed"], type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the fit."),
    ]


def _option(setting: Setting) -> click.Option:
    name = f"--{setting.name.replace('_', '-')}"
    return click.Option(
        [name], type=type(setting.default), default=setting.default, show_default=True, help=setting.help
    )
