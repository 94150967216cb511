"""Arrays in a generator's folder: written durably, read back only if they are what the generator expects.

Every reference generator keeps its weights as plain `.npy` files and reads them through here. No pickle is ever
loaded; large arrays stay on disk and are mapped into memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fundus2oct.metrics.durable_file import replacing
from fundus2oct.metrics.errors import BenchError
from fundus2oct.metrics.scan_geometry import VOLUME_SHAPE


def write_array(folder: Path, name: str, array: NDArray[Any]) -> None:
    """Write ``array`` to ``folder/name``, whole or not at all."""
    with replacing(folder / name) as file:
        np.lib.format.write_array(file, array, allow_pickle=False)


def write_volumes(folder: Path, name: str, volumes: Iterable[NDArray[np.uint8]], *, n: int) -> None:
    """Write ``n`` volumes of (6, 320, 448) uint8 as one (n, 6, 320, 448) array, holding one of them in memory."""
    header = {"descr": np.lib.format.dtype_to_descr(np.dtype(np.uint8)), "fortran_order": False}
    with replacing(folder / name) as file:
        np.lib.format.write_array_header_1_0(file, header | {"shape": (n, *VOLUME_SHAPE)})
        for volume in volumes:
            file.write(np.ascontiguousarray(volume, dtype=np.uint8).tobytes())


def read_array(
    folder: Path, name: str, *, shape: tuple[int | None, ...], dtype: Any, method: str, mapped: bool = False
) -> NDArray[Any]:
    """Read ``folder/name`` and check what it is.

    Args:
        folder: the generator's folder.
        name: the file's name in it.
        shape: the expected shape; None stands for any length of at least one.
        dtype: the expected kind of number, such as ``np.uint8``.
        method: the generator's name, for the advice in the error.
        mapped: leave the array on disk and map it into memory, read only.

    Raises:
        BenchError: E_WEIGHTS when the file is missing, broken or another array.
    """
    path = folder / name
    fix = f"bench train {method} --data DIR --out FOLDER"
    expected = f"{np.dtype(dtype).name} ({', '.join('n' if side is None else str(side) for side in shape)})"
    try:
        array = np.load(path, allow_pickle=False, mmap_mode="r" if mapped else None)
    except FileNotFoundError:
        raise BenchError("E_WEIGHTS", f"generator {method} is not fitted: no weights", where=path, fix=fix) from None
    except (OSError, ValueError, EOFError) as error:
        found = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BenchError("E_WEIGHTS", "broken weights", where=path, expected=expected, found=found, fix=fix) from None
    if not isinstance(array, np.ndarray) or array.dtype != dtype or not _fits(array.shape, shape):
        found = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else "an archive of arrays"
        raise BenchError("E_WEIGHTS", "wrong weights", where=path, expected=expected, found=found, fix=fix)
    return array


def _fits(found: tuple[int, ...], expected: tuple[int | None, ...]) -> bool:
    return len(found) == len(expected) and all(
        have >= 1 if want is None else have == want for have, want in zip(found, expected, strict=True)
    )
