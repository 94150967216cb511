"""A registry entry small enough for tests: a source archive with one tiny file, and the converter that reads it."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fundus2oct.metrics.weight_install import safetensors_bytes
from fundus2oct.metrics.weight_registry import Weights

MEMBER = "toy_net-0.1/toy_net/weights.bin"
CONTENT = np.arange(6, dtype="<f4").tobytes()
SETUP = "import pathlib, os\npathlib.Path(os.environ['TOY_MARKER']).touch()\nimport setuptools\n"
SETUP += "setuptools.setup(name='toy-net', version='0.1', packages=[])\n"


def convert(data: bytes) -> dict[str, NDArray[np.float32]]:
    """The toy network's two arrays."""
    values = np.frombuffer(data, "<f4")
    return {"kernel": values.reshape(3, 2), "bias": values[:2]}


def write_archive(folder: Path, content: bytes = CONTENT) -> Path:
    """Write the source archive into ``folder``; its setup.py leaves a mark when it is run."""
    path = folder / "toy_net-0.1.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name, data in {
            MEMBER: content,
            "toy_net-0.1/setup.py": SETUP.encode(),
            "toy_net-0.1/PKG-INFO": b"",
        }.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def entry_for(archive: Path) -> Weights:
    """The registry entry under which ``archive`` is the right one."""
    installed = safetensors_bytes(convert(CONTENT))
    data = archive.read_bytes()
    return Weights(
        name="toy",
        title="a toy",
        purpose="tests",
        licence="CC0-1.0",
        attribution=("nobody",),
        source="toy-net==0.1",
        archive_size=len(data),
        archive_sha256=hashlib.sha256(data).hexdigest(),
        member=MEMBER,
        member_size=len(CONTENT),
        member_sha256=hashlib.sha256(CONTENT).hexdigest(),
        converter="toy_weights:convert",
        file_name="toy.safetensors",
        size=len(installed),
        sha256=hashlib.sha256(installed).hexdigest(),
    )
