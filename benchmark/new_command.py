"""`bench new`: a submission's folder that works at once, from a template that ships with the package."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from importlib import resources
from pathlib import Path
from string import Template

import click

from fundus2oct.benchmark.progress import say
from fundus2oct.metrics.errors import BenchError, ExitCode

TEMPLATES = {"torch": ("torch",), "diffusers": ("torch", "diffusers"), "images": ()}
"""Template -> packages that its scripts import."""

SUFFIX = ".txt"
"""Behind every file's name in a template, so that no tool takes it for code of ours."""


@click.command()
@click.argument("method")
@click.option(
    "--template",
    type=click.Choice(list(TEMPLATES)),
    default="torch",
    show_default=True,
    help="A torch module, a diffusers pipeline, or pictures instead of code.",
)
@click.option("--team", default="my-team", show_default=True, help="Slug of the team.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder to make. [default: METHOD]")
def new(method: str, template: str, team: str, out: Path | None) -> None:
    """Make a submission's folder that works at once; put your model in its place.

    METHOD is its slug: lower-case letters, digits, - and _. The folder holds submission.toml, the code, untrained
    weights with their sha256, pyproject.toml with the entry point, a README and a test that passes.

    \b
    Example:
      bench new my-method --template torch --team my-team
    """
    folder = make_submission(out or Path(method), method=method, team=team, template=template)
    say(f"next: bench check {folder}")
    click.echo(folder)


def make_submission(out: Path, *, method: str, team: str, template: str) -> Path:
    """Make a submission's folder from a template, whole or not at all.

    Args:
        out: the folder; it must not exist, or be empty.
        method: slug of the method.
        team: slug of the team.
        template: torch, diffusers or images.

    Raises:
        BenchError: E_NAME, E_EXISTS, E_DISK, or E_EXTRAS when a package that the template needs is not installed.
    """
    from fundus2oct.benchmark.dataset_writer import dataset_folder
    from fundus2oct.benchmark.submission_file import SLUG

    for where, value in (("METHOD", method), ("--team", team)):
        if not SLUG.fullmatch(value):
            raise BenchError("E_NAME", "bad name", where=where, expected=SLUG.pattern, found=value)
    for package in TEMPLATES[template]:
        if importlib.util.find_spec(package) is None:
            what = f"the template needs the package {package}"
            fix = f"pip install {package}, or take another --template"
            raise BenchError("E_EXTRAS", what, where="--template", fix=fix, exit_code=ExitCode.USAGE)
    with dataset_folder(out) as folder:
        _write_template(folder, template, {"method": method, "team": team})
        _make_weights(folder)
    return out


def _write_template(folder: Path, template: str, names: dict[str, str]) -> None:
    for file in sorted(
        resources.files("fundus2oct.benchmark").joinpath("submission_templates", template).iterdir(),
        key=lambda file: file.name,
    ):
        name = file.name.removesuffix(SUFFIX)
        name = f".{name}" if name == "gitignore" else name
        (folder / name).write_text(Template(file.read_text("utf-8")).substitute(names), encoding="utf-8")


def _make_weights(folder: Path) -> None:
    """Run the template's `make_weights.py`, if it has one, and enter what it wrote into `submission.toml`."""
    from fundus2oct.benchmark.submission_file import FILE_NAME
    from fundus2oct.metrics.durable_file import sha256_file

    if not (folder / "make_weights.py").is_file():
        return
    before = set(folder.rglob("*"))
    say("making untrained weights")
    command = [sys.executable, "-B", "make_weights.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        found = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise BenchError("E_INTERNAL", "the template's weights cannot be made", where="make_weights.py", found=found)
    made = sorted(path for path in set(folder.rglob("*")) - before if path.is_file())
    for path in made:
        path.chmod(0o644)  # safetensors writes files that the owner alone may read; the sandbox's user is another
    lines = [f'"{path.relative_to(folder).as_posix()}" = "{sha256_file(path)}"' for path in made]
    with open(folder / FILE_NAME, "a", encoding="utf-8") as file:
        file.write("\n".join(["", "[weights]  # path = sha256", *lines, ""]))
