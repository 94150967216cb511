"""The files of a submission's folder, judged by their kind, name and size; none is loaded.

What the worker will see is what is judged: `generator_reference` hashes the same files and `sandbox` shows no others.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fundus2oct.benchmark.checkpoint_file import LFS_POINTER, PICKLED_SUFFIXES, is_lfs_pointer
from fundus2oct.benchmark.generator_reference import MAX_FOLDER_BYTES, UNHASHED
from fundus2oct.benchmark.sandbox_view import MAX_ENTRIES
from fundus2oct.benchmark.submission_file import Submission
from fundus2oct.metrics.durable_file import sha256_file
from fundus2oct.metrics.errors import BenchError

LARGE_BYTES = 2**20
"""From this size on a file must stand in the table weights, so that everybody runs the same one."""

TAKEN_NAMES = frozenset({*sys.stdlib_module_names, "numpy", "torch"})


@dataclass(frozen=True)
class TreeFile:
    """One thing in the folder that is no folder: its path below it, and where it is."""

    name: str
    path: Path

    @property
    def is_link(self) -> bool:
        """Whether it is a symbolic link."""
        return self.path.is_symlink()

    @property
    def is_plain(self) -> bool:
        """Whether it is a regular file, not a link to one."""
        return stat.S_ISREG(self.path.lstat().st_mode)


def tree_files(folder: Path) -> Iterator[TreeFile]:
    """Everything but folders below ``folder``, sorted; results, histories and caches left out, links not followed."""
    for parent, folders, names in os.walk(folder):
        is_top = Path(parent) == folder
        kept = [name for name in sorted(folders) if not UNHASHED.fullmatch(name) and not (is_top and name == "results")]
        links = [name for name in kept if Path(parent, name).is_symlink()]
        folders[:] = [name for name in kept if name not in links]
        for name in sorted([*names, *links]):
            if not UNHASHED.fullmatch(name):
                path = Path(parent, name)
                yield TreeFile(path.relative_to(folder).as_posix(), path)


def tree_problems(folder: Path, submission: Submission | None) -> list[BenchError]:
    """Links that lead out, what is no file, names that collide or hide a library, large files that nothing names."""
    files = list(tree_files(folder))
    problems = [problem for file in files for problem in _file_problems(file, folder)]
    problems += _folder_problems(files, folder)
    problems += _name_problems(files)
    if submission is not None:
        problems += _undeclared(files, submission)
    size = sum(file.path.lstat().st_size for file in files)
    if size > MAX_FOLDER_BYTES:
        expected = f"<= {MAX_FOLDER_BYTES} bytes"
        problems.append(
            BenchError("E_SIZE", "the folder is too large", where=folder, expected=expected, found=str(size))
        )
    n_entries = sum(1 for path in folder.iterdir() if not UNHASHED.fullmatch(path.name))
    if n_entries > MAX_ENTRIES:
        what, fix = "too many files at the top of the folder", "put them into a sub-folder"
        expected = f"at most {MAX_ENTRIES}"
        problems.append(BenchError("E_EXTRA", what, where=folder, expected=expected, found=str(n_entries), fix=fix))
    return problems


def tree_advice(folder: Path) -> list[BenchError]:
    """Files that are mostly pickles: they run code when they are loaded."""
    return [
        BenchError(
            "E_CHECKPOINT",
            "perhaps a pickle, which runs code when it is loaded",
            where=file.path,
            fix="save weights as safetensors or .npy; torch.load(..., weights_only=True) at the least",
        )
        for file in tree_files(folder)
        if file.path.suffix.lower() in PICKLED_SUFFIXES
    ]


def _file_problems(file: TreeFile, folder: Path) -> Iterator[BenchError]:
    if file.is_link:
        target = os.readlink(file.path)
        inside = Path(os.path.realpath(file.path)).is_relative_to(folder.resolve())
        if not inside or os.path.isabs(target):
            what, fix = "a link that leads out of the folder", "put the file itself there"
            yield BenchError("E_FILETYPE", what, where=file.path, found=target, fix=fix)
        elif not file.path.exists():
            yield BenchError("E_MISSING", "a link that leads nowhere", where=file.path, found=target)
    elif not file.is_plain:
        yield BenchError("E_FILETYPE", "neither a file nor a folder", where=file.path, fix="remove it")
    elif not file.path.stat().st_mode & stat.S_IROTH:
        what, fix = "only its owner may read it, and the sandbox's user is another", f"chmod -R a+rX {folder}"
        yield BenchError("E_RIGHTS", what, where=file.path, fix=fix)
    elif file.path.stat().st_size < 1024 and is_lfs_pointer(file.path):
        found = LFS_POINTER.decode().split("/")[2]
        fix = "run `git lfs pull` there"
        yield BenchError("E_CHECKPOINT", "a Git LFS pointer, not the file", where=file.path, found=found, fix=fix)


def _folder_problems(files: list[TreeFile], folder: Path) -> Iterator[BenchError]:
    """Folders that only their owner may enter."""
    below = {parent for file in files for parent in file.path.parents if parent != folder and folder in parent.parents}
    for path in sorted(below):
        if path.stat().st_mode & 0o005 != 0o005:
            what, fix = "only its owner may enter it, and the sandbox's user is another", f"chmod -R a+rX {folder}"
            yield BenchError("E_RIGHTS", what, where=path, fix=fix)


def _name_problems(files: list[TreeFile]) -> Iterator[BenchError]:
    seen: dict[str, str] = {}
    for file in files:
        if not file.name.isprintable():
            expected = "printable characters in UTF-8"
            yield BenchError("E_NAME", "bad file name", where=repr(file.name), expected=expected)
        twin = seen.setdefault(file.name.casefold(), file.name)
        if twin != file.name:
            yield BenchError("E_COLLISION", "equal but for upper and lower case", where=file.path, found=twin)
        top = file.name.split("/")[0].removesuffix(".py")
        if top in TAKEN_NAMES and file.name.endswith(".py"):
            what, fix = f"hides the module {top}: this folder is first on the import path", "rename it"
            yield BenchError("E_NAME", what, where=file.path, fix=fix)


def _undeclared(files: list[TreeFile], submission: Submission) -> Iterator[BenchError]:
    for file in files:
        is_declared = file.name in submission.weights
        if is_declared or not file.is_plain or not LARGE_BYTES <= file.path.stat().st_size <= MAX_FOLDER_BYTES:
            continue
        fix = f'add to the table [weights]: "{file.name}" = "{sha256_file(file.path)}"'
        found = f"{file.path.stat().st_size} bytes"
        yield BenchError(
            "E_CHECKPOINT", "a large file that weights does not name", where=file.path, found=found, fix=fix
        )
