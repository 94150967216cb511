"""What a worker may read, whatever walls it stands behind: its interpreter, the worker file, its own folder, our code.

Names only what is needed, file by file where a folder would show more: of a prefix ``bin`` and ``lib``, of this
project three folders of code and never the repository, whose demo holds truth. Binding is `sandbox_bubblewrap`'s and
`sandbox_reduced`'s part.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from fundus2oct.benchmark import worker
from fundus2oct.benchmark.generator_reference import UNHASHED
from fundus2oct.benchmark.submission_file import FILE_NAME
from fundus2oct.benchmark.worker_setup import WorkerSetup
from fundus2oct.metrics.errors import BenchError

SYSTEM = ("bin", "lib", "lib32", "lib64", "libexec", "share", "local/bin", "local/lib", "local/lib64", "local/cuda")
"""Folders of /usr; not /usr itself, below which some machines keep their projects."""

PREFIX_PARTS = ("bin", "lib", "lib64", "pyvenv.cfg")
OUR_FOLDERS = ("metrics", "benchmark", "baselines")
"""Code that a reference generator needs; the board's is not among it."""

GPU_CONTROL = ("/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools", "/dev/nvidia-modeset")

MAX_ENTRIES = 256
"""Files and folders at the top of a submission; each is a mount."""

WORKER_FILE = Path(worker.__file__)


def system_folders() -> list[Path]:
    """The folders of /usr that exist here."""
    return [path for path in (Path("/usr") / name for name in SYSTEM) if path.is_dir()]


def system_links() -> list[Path]:
    """What else programs of the system expect: /bin and its like (mostly links into /usr), and the linker's tables."""
    tops = [Path("/", name) for name in ("bin", "sbin", "lib", "lib32", "lib64")]
    return [path for path in (*tops, Path("/etc/ld.so.cache"), Path("/etc/alternatives")) if path.exists()]


def interpreter_parts(setup: WorkerSetup) -> list[Path]:
    """Files and folders of the interpreter's prefixes, without those that the system's folders hold already."""
    system = system_folders()
    parts = [Path(prefix) / name for prefix in setup.prefixes for name in PREFIX_PARTS]
    return [part for part in dict.fromkeys(parts) if part.exists() and not any(part.is_relative_to(s) for s in system)]


def our_code(setup: WorkerSetup) -> list[Path]:
    """Our folders of code, where the worker runs in the harness's own Python; in another, ours does not exist."""
    if setup.python != sys.executable:
        return []
    root = Path(__file__).resolve().parent.parent
    return [root / name for name in OUR_FOLDERS if (root / name).is_dir()]


def submission_entries(setup: WorkerSetup) -> Iterator[Path]:
    """What lies at the top of a submission's folder: exactly what its hash covers.

    Left out are results, histories and caches: nothing that is not hashed may change what it draws. A module that is
    named by itself in the working folder, which may hold anything, is shown alone.

    Raises:
        BenchError: E_SANDBOX when there are too many, E_FILETYPE for a pipe, socket or device.
    """
    folder = setup.folder
    names = sorted(path.name for path in folder.iterdir())
    if folder == Path.cwd() and not (folder / FILE_NAME).is_file():
        names = [name for name in names if name.split(".")[0] == setup.target.split(":")[0].split(".")[0]]
    entries = [folder / name for name in names if name != "results" and not UNHASHED.fullmatch(name)]
    if len(entries) > MAX_ENTRIES:
        raise BenchError(
            "E_SANDBOX",
            "too many files at the top of the generator's folder",
            where=folder,
            expected=f"at most {MAX_ENTRIES}",
            found=str(len(entries)),
            fix="put them into a sub-folder",
        )
    for path in entries:
        mode = path.lstat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)):
            raise BenchError("E_FILETYPE", "not a plain file", where=path, expected="a file, a folder or a link")
        yield path


def require_readable(setup: WorkerSetup, *, keeps_user: bool = False) -> None:
    """Refuse, where the harness is root, what it may read and the worker may not.

    Args:
        setup: the worker.
        keeps_user: whether the worker is root still, but without the right to read what belongs to others; else it is
            nobody.

    Raises:
        BenchError: E_SANDBOX naming the first such file or folder.
    """
    if not setup.import_paths:
        return
    everything = f"chmod -R a+rX {setup.folder}"
    if keeps_user:  # bubblewrap makes ways of its own
        for parent in reversed(setup.folder.absolute().parents):
            _require_mode(parent, 0o1, keeps_user, fix=f"chmod a+x {parent}, or move the submission elsewhere")
        _require_mode(setup.folder, 0o5, keeps_user, fix=everything)
    for path in _submission_files(setup):
        _require_mode(path, 0o5 if path.is_dir() else 0o4, keeps_user, fix=everything)


def _require_mode(path: Path, wanted: int, keeps_user: bool, *, fix: str) -> None:
    status = path.stat()
    shift = 0 if not keeps_user else 6 if status.st_uid == 0 else 3 if status.st_gid == 0 else 0
    if status.st_mode >> shift & wanted != wanted:
        what, expected = "the sandbox's user cannot read this", "a file or folder that everybody may read"
        found = f"mode {status.st_mode & 0o777:o}, owner {status.st_uid}"
        raise BenchError("E_SANDBOX", what, where=path, expected=expected, found=found, fix=fix)


def _submission_files(setup: WorkerSetup) -> Iterator[Path]:
    """Every file and folder that is shown of a submission, but for links: their targets are among them or not shown."""
    for entry in submission_entries(setup):
        for path in (entry, *entry.rglob("*")) if entry.is_dir() and not entry.is_symlink() else (entry,):
            if not path.is_symlink():
                yield path


def gpu_nodes(device: str) -> list[Path]:
    """The device files of the one GPU that ``device`` names, and those that all GPUs share; none for "cpu".

    `CUDA_VISIBLE_DEVICES` with plain numbers is followed. The driver's numbers are taken for CUDA's, which holds where
    `CUDA_DEVICE_ORDER=PCI_BUS_ID` does.
    """
    if not device.startswith("cuda"):
        return []
    place = int(device.partition(":")[2] or 0)
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    number = visible[place] if place < len(visible) and visible[place].isdecimal() else str(place)
    return [node for node in (Path(f"/dev/nvidia{number}"), *map(Path, GPU_CONTROL)) if node.exists()]


def inner_device(device: str) -> str:
    """What a device is called where it is the only one of its kind.

    >>> inner_device("cuda:3"), inner_device("cpu")
    ('cuda:0', 'cpu')
    """
    return "cuda:0" if device.startswith("cuda:") else device


def require_hidden(setup: WorkerSetup, shown: Sequence[Path]) -> None:
    """Refuse to show a folder that holds what must stay hidden.

    Raises:
        BenchError: E_SANDBOX naming both.
    """
    for secret in (path.resolve() for path in setup.hidden):
        for path in shown:
            if secret.is_relative_to(path.resolve()):
                raise BenchError(
                    "E_SANDBOX",
                    "the generator would be able to read what it must not",
                    where=path,
                    found=str(secret),
                    fix="move the dataset out of the generator's folder, or the generator into a folder of its own",
                )
