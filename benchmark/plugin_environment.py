"""The Python that a submission's worker runs in: ours, an interpreter that it names, or one made from its requirements.

The worker needs numpy and nothing of ours, so a submission's torch and ours never meet. Nothing of the submission is
run here: an interpreter is judged by the files around it, and packages are installed from wheels alone, because
building one runs its author's code outside the sandbox. Called by `generator_reference` and `check_command`.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from fundus2oct.benchmark import picture_file
from fundus2oct.benchmark.progress import say
from fundus2oct.benchmark.submission_file import Submission
from fundus2oct.metrics.durable_file import canonical_json, write_json
from fundus2oct.metrics.errors import BenchError
from fundus2oct.metrics.weight_registry import cache_folder

MAX_REQUIREMENTS_BYTES = 2**16
INSTALL_SECONDS = 1800.0
COMPLETE = "complete.json"
"""Written last: an environment without it was interrupted and is made anew."""


@dataclass(frozen=True, kw_only=True)
class PluginEnvironment:
    """An interpreter and what it needs to start.

    Attributes:
        python: path of the interpreter.
        prefixes: folders that it reads: its own, and that of the Python it was made from.
    """

    python: str
    prefixes: tuple[str, ...]


def environment_of(submission: Submission, folder: Path) -> PluginEnvironment:
    """The environment that a submission asks for, made first where it names requirements.

    Raises:
        BenchError: E_ENVIRONMENT when there is no such interpreter, it has no numpy, or the requirements cannot be
            installed; E_MISSING when there is no such file.
    """
    if submission.requirements:
        return _of_interpreter(made_environment(folder / submission.requirements) / "bin" / "python")
    if submission.python:
        return _of_interpreter(folder.absolute() / submission.python)
    return own_environment()


def environment_problems(submission: Submission, folder: Path) -> list[BenchError]:
    """What is wrong with the Python that a submission names, as far as files tell; nothing is installed."""
    try:
        if submission.requirements:
            requirement_lines(folder / submission.requirements)
        else:
            environment_of(submission, folder)
    except BenchError as error:
        return [error]
    return []


def own_environment() -> PluginEnvironment:
    """The Python that runs the harness."""
    return PluginEnvironment(python=sys.executable, prefixes=tuple(dict.fromkeys((sys.prefix, sys.base_prefix))))


def _of_interpreter(python: Path) -> PluginEnvironment:
    """Judge an interpreter by the files around it; it is not run."""
    if not (python.is_file() and os.access(python, os.X_OK)):
        fix = "correct the key python of submission.toml, or name requirements instead"
        raise BenchError("E_ENVIRONMENT", "no such interpreter", where=python, fix=fix)
    prefixes = interpreter_prefixes(python)
    if not any(_numpy_folders(Path(prefix)) for prefix in prefixes):
        fix = f"install it there: {python} -m pip install numpy"
        raise BenchError("E_ENVIRONMENT", "the interpreter has no numpy", where=python, fix=fix)
    return PluginEnvironment(python=str(python), prefixes=prefixes)


def interpreter_prefixes(python: Path) -> tuple[str, ...]:
    """The folders that an interpreter reads, found from its files: a virtual environment's and its base's.

    Args:
        python: ``PREFIX/bin/python``, perhaps a link.
    """
    own = Path(os.path.abspath(python)).parent.parent
    base = Path(os.path.realpath(python)).parent.parent
    config = own / "pyvenv.cfg"
    prefixes = [own, base]
    if config.is_file():
        lines = dict(line.split("=", 1) for line in config.read_text("utf-8", "replace").splitlines() if "=" in line)
        home = {key.strip(): value.strip() for key, value in lines.items()}.get("home")
        prefixes += [Path(home).parent, Path(os.path.realpath(home)).parent] if home else []
    return tuple(dict.fromkeys(str(prefix) for prefix in prefixes if prefix.is_dir()))


def _numpy_folders(prefix: Path) -> list[Path]:
    return [*prefix.glob("lib*/python3*/site-packages/numpy"), *prefix.glob("lib/python3/dist-packages/numpy")]


def made_environment(requirements: Path) -> Path:
    """The virtual environment of a requirements file: made once for each content of the file and each Python.

    Returns:
        its folder, below the cache folder.

    Raises:
        BenchError: E_ENVIRONMENT with the installer's own words.
    """
    wanted = requirement_lines(requirements)
    key = canonical_json([wanted, platform.python_version(), sys.platform, platform.machine()])
    root = cache_folder() / "environments"
    folder = root / hashlib.sha256(key.encode("utf-8")).hexdigest()[:16]
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if not (folder / COMPLETE).is_file():
            say(f"making the environment of {requirements}: {folder}")
            shutil.rmtree(folder, ignore_errors=True)
            _install(folder, wanted, requirements)
            _let_everybody_read(folder)
            write_json(folder / COMPLETE, {"requirements": wanted, "python": platform.python_version()})
    return folder


def _let_everybody_read(folder: Path) -> None:
    """Open what a strict umask closed: the sandbox's user is another."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))


def requirement_lines(path: Path) -> list[str]:
    """The requirements in a file, numpy among them, sorted.

    A name with versions is all that a line may hold: no option, path or address, so that nothing but the package index
    is asked and no build is run.

    Raises:
        BenchError: E_ENVIRONMENT naming the line; E_MISSING and others of `picture_file.read_bytes`.
    """
    from packaging.requirements import InvalidRequirement, Requirement

    text = picture_file.read_bytes(path, max_bytes=MAX_REQUIREMENTS_BYTES).decode("utf-8", "replace")
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        stated = line.split(" #")[0].strip()
        if not stated or stated.startswith("#"):
            continue
        try:
            requirement = Requirement(stated)
        except InvalidRequirement:
            requirement = None
        if requirement is None or requirement.url:
            expected = "a package's name with versions, such as torch==2.8.0"
            where = f"{path}, line {number}"
            raise BenchError("E_ENVIRONMENT", "not a requirement", where=where, expected=expected, found=stated[:120])
        found.append(requirement)
    numpy = [] if any(requirement.name.lower() == "numpy" for requirement in found) else ["numpy"]
    return sorted([*map(str, found), *numpy])


def _install(folder: Path, wanted: list[str], requirements: Path) -> None:
    """Make a virtual environment and fill it from wheels."""
    try:
        venv.create(folder, symlinks=True, with_pip=False)
    except OSError as error:
        raise BenchError("E_DISK", f"cannot make an environment: {error.strerror}", where=folder) from None
    program = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "--quiet", "--no-input"]
    command = [*program, "install", "--only-binary=:all:", "--disable-pip-version-check", *wanted]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=INSTALL_SECONDS
        )
        told, failed = done.stderr or done.stdout, done.returncode != 0
    except subprocess.TimeoutExpired:
        told, failed = f"no end within {INSTALL_SECONDS:g} s", True
    if failed:
        shutil.rmtree(folder, ignore_errors=True)
        found = " / ".join(line for line in told.strip().splitlines()[-3:])[:400]
        fix = "every package must come as a wheel for this Python; try the same line with pip"
        raise BenchError(
            "E_ENVIRONMENT", "the requirements cannot be installed", where=requirements, found=found, fix=fix
        )
