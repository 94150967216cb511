"""Finding a generator by name, without importing it: that happens in the worker alone.

Four forms: a folder with `submission.toml`; the name of an entry point (`ridge`); `distribution/name` when two
distributions use one name; `module:callable`. What is found is not remembered between calls.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib
import importlib.machinery
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Any

from fundus2oct.benchmark.checkpoint_file import require_checkpoints
from fundus2oct.benchmark.generator import ENTRY_POINT_GROUP
from fundus2oct.benchmark.plugin_environment import PluginEnvironment, environment_of, own_environment
from fundus2oct.benchmark.submission_file import FILE_NAME, TARGET, Submission, read_submission
from fundus2oct.metrics.durable_file import canonical_json, sha256_file
from fundus2oct.metrics.errors import BenchError

MAX_FOLDER_BYTES = 2**36
"""Of a generator with its weights: 64 GiB. A sparse file may claim far more than there is."""

UNHASHED = re.compile(r"(\.git|\.venv|\.DS_Store|__pycache__|\.(mypy|ruff|pytest)_cache|.*\.egg-info)")
"""Names, at any depth, that are no part of a generator; `results` is left out at the top alone."""


@dataclass(frozen=True, kw_only=True)
class GeneratorReference:
    """A generator that has been found, not yet imported.

    Attributes:
        submission: who it belongs to.
        target: ``module:callable``.
        folder: handed to the callable; its weights lie there.
        import_paths: what the worker puts first on its import path.
        content_hash: changes whenever code or weights change.
        environment: the Python that its worker runs in.
    """

    submission: Submission
    target: str
    folder: Path
    import_paths: tuple[str, ...]
    content_hash: str
    environment: PluginEnvironment = field(default_factory=own_environment)


@dataclass(frozen=True)
class NamedGenerator:
    """An entry point of the group `fundus2oct.generators`."""

    distribution: str
    version: str
    name: str
    target: str

    @property
    def full_name(self) -> str:
        """``distribution/name``: never ambiguous."""
        return f"{self.distribution}/{self.name}"


def named_generators() -> list[NamedGenerator]:
    """Every generator that an installed distribution registers, sorted by name."""
    importlib.invalidate_caches()
    found = {
        NamedGenerator(slug(point.dist.name), point.dist.version, point.name, f"{point.module}:{point.attr}")
        for point in metadata.entry_points(group=ENTRY_POINT_GROUP)
        if point.dist is not None
    }
    return sorted(found, key=lambda generator: (generator.name, generator.distribution))


def resolve(text: str, *, folder: Path | None = None) -> GeneratorReference:
    """Find the generator that ``text`` names.

    Args:
        text: a folder, an entry point's name, ``distribution/name`` or ``module:callable``.
        folder: where the weights of a generator named in another way than by its folder lie.

    Raises:
        BenchError: E_GENERATOR with the nearest names when nothing is found; E_CHECKPOINT or E_ENVIRONMENT when the
            weights or the Python that its submission names are not as it says.
    """
    place = Path(text)
    matches = [g for g in named_generators() if text in (g.name, g.full_name)]
    if (place / FILE_NAME).is_file() or (place.is_dir() and not matches):
        return _from_folder(place)
    if TARGET.fullmatch(text):
        module = text.split(":")[0]
        return _from_target(text, text, Submission(team="local", method=slug(module), generator=text), folder)
    if len(matches) == 1:
        match = matches[0]
        submission = Submission(team=match.distribution, method=slug(match.name), generator=match.target)
        return _from_target(text, match.target, submission, folder)
    raise _not_found(text, matches)


def _from_folder(folder: Path) -> GeneratorReference:
    submission = read_submission(folder)
    if not submission.generator:
        raise BenchError("E_MANIFEST", "names no generator", where=folder / FILE_NAME, expected="module:callable")
    return _from_target(submission.generator, submission.generator, submission, folder)


def _from_target(text: str, target: str, submission: Submission, folder: Path | None) -> GeneratorReference:
    if folder is not None and (folder / FILE_NAME).is_file():
        submission = read_submission(folder)
    place = (folder or Path.cwd()).resolve()
    require_checkpoints(submission, place)
    parts = [target, _code_hash(target, place), None if folder is None else folder_hash(place)]
    return GeneratorReference(
        submission=submission,
        target=target,
        folder=place,
        import_paths=(str(place),) if folder or TARGET.fullmatch(text) else (),
        content_hash=_sha256(parts),
        environment=environment_of(submission, place),
    )


def folder_hash(folder: Path) -> str:
    """Content hash of every file in a generator's folder: relative paths and sha256, results and caches left out.

    Raises:
        BenchError: E_SIZE when the files are so large, or say so, that reading them would take hours.
    """
    files = [(name, path) for name, path in _files(folder) if PurePosixPath(name).parts[0] != "results"]
    size = sum(path.stat().st_size for _, path in files)
    if size > MAX_FOLDER_BYTES:
        expected = f"<= {MAX_FOLDER_BYTES} bytes"
        raise BenchError("E_SIZE", "the folder is too large", where=folder, expected=expected, found=str(size))
    return _sha256({name: sha256_file(path) for name, path in files})


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Every file below a folder, sorted, with its relative path; links are followed, each folder is entered once."""
    entered: set[str] = set()
    for parent, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(parent)
        folders[:] = [] if real in entered else sorted(name for name in folders if not UNHASHED.fullmatch(name))
        if real in entered:
            continue
        entered.add(real)
        for name in sorted(names):
            path = Path(parent, name)
            if not UNHASHED.fullmatch(name) and path.is_file():
                yield path.relative_to(folder).as_posix(), path


def _code_hash(target: str, folder: Path) -> str | None:
    """Content hash of the package that ``target`` lies in, found without importing it; None where it is not files."""
    module = target.split(":")[0]
    files = [[relative, sha256_file(path)] for relative, path in _source_files(module, folder)]
    return _sha256(files) if files else None


def _source_files(module: str, folder: Path) -> Iterator[tuple[str, Path]]:
    parts = module.split(".")
    if parts[0] == "fundus2oct":
        package = Path(__file__).parent.parent.joinpath(*parts[1:-1])
        for path in sorted(package.rglob("*.py")):
            yield path.relative_to(package).as_posix(), path
        return
    importlib.invalidate_caches()
    spec = importlib.machinery.PathFinder.find_spec(parts[0], [str(folder), *sys.path])
    if spec is None:
        return
    for place in spec.submodule_search_locations or ():
        yield from _files(Path(place))
    if spec.origin and not spec.submodule_search_locations:
        yield Path(spec.origin).name, Path(spec.origin)


def _sha256(value: Any) -> str:
    return hashlib.sha256(canonical_json(value).encode("utf-8", "surrogateescape")).hexdigest()


def _not_found(text: str, matches: list[NamedGenerator]) -> BenchError:
    names = [g.name for g in named_generators()]
    if matches:
        found = ", ".join(g.full_name for g in matches)
        return BenchError("E_GENERATOR", f"{text!r} is ambiguous", found=found, fix="write distribution/name")
    close = difflib.get_close_matches(text, names + [g.full_name for g in named_generators()], n=2)
    hint = f"did you mean {' or '.join(close)}?" if close else "`bench list` shows the names"
    expected = "a folder with submission.toml, a generator's name, distribution/name or module:callable"
    return BenchError("E_GENERATOR", f"no generator called {text!r}", expected=expected, fix=hint)


def slug(text: str) -> str:
    """A name as a slug: lower case, other characters than letters, digits, _ and - replaced by -.

    >>> slug("My.Method")
    'my-method'
    """
    return re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-_")[:64] or "unnamed"
