"""One number for what a written cohort shows: the hash of its table and of every decoded pixel.

PNG bytes may differ between versions of a compression library; pixels may not, so they are what the pinned golden
value of `tests/golden/phantom_mini.json` covers. Called by tests; reads a finished dataset folder only.
"""

from __future__ import annotations

import hashlib
import platform
from pathlib import Path

import numpy as np
import PIL
import scipy
from PIL import Image


def content_hash(folder: Path) -> str:
    """Hexadecimal sha256 over cases.csv and, in order of their names, the shape and pixels of all pictures."""
    digest = hashlib.sha256((folder / "cases.csv").read_bytes())
    for path in sorted(folder.rglob("*.png"), key=lambda path: path.relative_to(folder).as_posix()):
        with Image.open(path) as image:
            pixels = np.asarray(image)
        digest.update(f"{path.relative_to(folder).as_posix()} {pixels.shape} ".encode())
        digest.update(np.ascontiguousarray(pixels).tobytes())
    return digest.hexdigest()


def library_versions() -> dict[str, str]:
    """Versions of what the pixels depend on besides this package."""
    return {
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "pillow": PIL.__version__,
        "machine": platform.machine(),
    }


def differing_libraries(pinned: dict[str, str]) -> str:
    """Says which libraries differ from those a hash was pinned with, for the message of a failed comparison."""
    here = library_versions()
    found = [f"{name} {pinned.get(name)} -> {here[name]}" for name in here if here[name] != pinned.get(name)]
    return ", ".join(found) or "no library differs: the phantom's own code changed"
