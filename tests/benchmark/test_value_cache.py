"""The cache of values: kept by content, private, and distrustful of its own files."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fundus2oct.benchmark.value_cache import ValueCache, make_private_folder
from fundus2oct.metrics.errors import BenchError

VALUES = np.array([1.5, -0.0, 1e-300])


def only_file(cache: ValueCache, pattern: str = "*.f64") -> Path:
    (path,) = cache.folder.rglob(pattern)
    return path


@settings(max_examples=25, deadline=None)
@given(hnp.arrays(np.float64, st.integers(0, 20)))
def test_what_is_kept_is_read_back_bit_by_bit(tmp_path_factory: pytest.TempPathFactory, values: Any) -> None:
    cache = ValueCache(tmp_path_factory.mktemp("cache"))
    cache.put(["key"], values)
    found = cache.get(["key"])
    assert found is not None
    assert found.tobytes() == values.tobytes()


def test_another_key_is_another_value(tmp_path: Path) -> None:
    cache = ValueCache(tmp_path / "cache")
    cache.put(["ssim", "v1", "a"], VALUES)
    assert [cache.get(key) for key in (["ssim", "v2", "a"], ["ssim", "v1"], ["ssim", "v1", "a", ""])] == [None] * 3


def test_a_flipped_bit_anywhere_is_noticed_and_the_file_set_aside(tmp_path: Path) -> None:
    cache = ValueCache(tmp_path / "cache")
    cache.put(["key"], VALUES)
    path = only_file(cache)
    whole = path.read_bytes()
    for i in range(len(whole)):
        path.write_bytes(whole[:i] + bytes([whole[i] ^ 4]) + whole[i + 1 :])
        assert cache.get(["key"]) is None
    assert cache.set_aside == [only_file(cache, "*.corrupt")] * len(whole)
    assert not path.exists()


@pytest.mark.parametrize("data", [b"", b"short", bytes(32), bytes(40), bytes(41)])
def test_a_broken_file_counts_as_absent_and_is_written_anew(tmp_path: Path, data: bytes) -> None:
    cache = ValueCache(tmp_path / "cache")
    cache.put(["key"], VALUES)
    only_file(cache).write_bytes(data)
    assert cache.get(["key"]) is None
    cache.put(["key"], VALUES)
    assert np.array_equal(cache.get(["key"]), VALUES)  # type: ignore[arg-type]  # it is there again


def test_a_folder_in_the_way_is_one_line(tmp_path: Path) -> None:
    cache = ValueCache(tmp_path / "cache")
    cache.put(["key"], VALUES)
    path = only_file(cache)
    path.unlink()
    path.mkdir()
    with pytest.raises(BenchError, match="E_DISK: cannot read"):
        cache.get(["key"])


def test_what_a_killed_writer_left_is_swept_after_an_hour_and_not_from_under_a_living_one(tmp_path: Path) -> None:
    cache = ValueCache(tmp_path / "cache")
    cache.put(["key"], VALUES)
    part = only_file(cache).parent
    for name, age in (("old", 3700.0), ("young", 3500.0)):
        path = part / f".tmp-0123456789ab-{name}.f64"
        path.write_bytes(b"half")
        os.utime(path, (time.time() - age,) * 2)
    again = ValueCache(cache.folder)
    assert [path.name for path in part.glob(".tmp-*")] == [".tmp-0123456789ab-young.f64"]
    assert np.array_equal(again.get(["key"]), VALUES)  # type: ignore[arg-type]  # it is there


def test_the_folder_is_the_owners_alone_even_if_it_was_not(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir(mode=0o755)
    ValueCache(tmp_path / "cache")
    assert stat.S_IMODE((tmp_path / "cache").stat().st_mode) == 0o700


def test_a_private_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BenchError, match=r"E_DISK: cannot make the folder: .*file"):
        make_private_folder(tmp_path / "file" / "private")
