"""The ledger of shards and the fixed tree: a task run twice counts once, and no order changes a bit."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fundus2oct.benchmark.feature_ledger import FeatureLedger
from fundus2oct.metrics.errors import BenchError
from fundus2oct.metrics.feature_merge import merge_statistics
from fundus2oct.metrics.frechet_distance import FeatureStatistics, distance_of, feature_statistics, frechet_distance

COUNT, SIZE, WIDTH = 7, 50, 6


def rows(shard: int) -> NDArray[np.float64]:
    """(50, 6) correlated features of one shard, whose mean is far from the origin."""
    rng = np.random.default_rng(shard)
    return rng.normal(size=(SIZE, WIDTH)) @ np.triu(np.ones((WIDTH, WIDTH))) + 100 + shard


def source(shard: int) -> str:
    return hashlib.sha256(rows(shard).tobytes()).hexdigest()


def enter(ledger: FeatureLedger, shard: int) -> bool:
    return ledger.enter(shard, source(shard), feature_statistics(rows(shard)))


def all_bytes(statistics: FeatureStatistics) -> bytes:
    return b"".join([str(statistics.n).encode(), statistics.mean.tobytes(), statistics.factor.tobytes()])


@pytest.fixture(scope="module")
def in_order(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The merged statistics of shards that came in order, each once."""
    ledger = FeatureLedger(tmp_path_factory.mktemp("order"))
    for shard in range(COUNT):
        enter(ledger, shard)
    return all_bytes(ledger.merged(COUNT))


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(COUNT)), st.lists(st.integers(0, COUNT - 1), max_size=5))
def test_any_order_and_any_repetition_give_the_same_bits(
    tmp_path_factory: pytest.TempPathFactory, in_order: bytes, order: list[int], again: list[int]
) -> None:
    ledger = FeatureLedger(tmp_path_factory.mktemp("ledger"))
    assert all(enter(ledger, shard) for shard in order)
    assert not any(enter(ledger, shard) for shard in again)
    assert all_bytes(ledger.merged(COUNT)) == in_order


def test_the_merged_statistics_are_those_of_all_rows_together(tmp_path: Path) -> None:
    ledger = FeatureLedger(tmp_path)
    for shard in range(COUNT):
        enter(ledger, shard)
    merged, together = ledger.merged(COUNT), np.concatenate([rows(shard) for shard in range(COUNT)])
    scatter = merged.factor.T @ merged.factor / (merged.n - 1)
    assert merged.n == COUNT * SIZE
    np.testing.assert_allclose(merged.mean, together.mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(scatter, np.cov(together.T), rtol=1e-11)
    other = np.random.default_rng(99).normal(size=(80, WIDTH))
    found = distance_of(merged, feature_statistics(other))
    assert found == pytest.approx(frechet_distance(together, other), rel=1e-11)


@pytest.mark.parametrize(("n_a", "n_b"), [(1, 1), (2, 3), (1, 40), (40, 40)])
def test_two_parts_of_any_size_merge_to_the_whole(n_a: int, n_b: int) -> None:
    data = np.random.default_rng(0).normal(size=(n_a + n_b, 8)) + 1e4
    merged = merge_statistics(feature_statistics(data[:n_a]), feature_statistics(data[n_a:]))
    np.testing.assert_allclose(merged.factor.T @ merged.factor, np.cov(data.T) * (n_a + n_b - 1), atol=1e-7)
    assert merged.factor.shape[0] <= 81


def test_other_features_do_not_merge() -> None:
    a, b = (feature_statistics(np.ones((3, d))) for d in (2, 3))
    with pytest.raises(ValueError, match="expected 2 features, found 3"):
        merge_statistics(a, b)


def test_a_shard_with_other_content_is_refused(tmp_path: Path) -> None:
    ledger = FeatureLedger(tmp_path)
    enter(ledger, 3)
    with pytest.raises(BenchError, match="E_CHANGED: shard 3 was entered from other content"):
        ledger.enter(3, "0" * 64, feature_statistics(rows(3)))


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    ledger = FeatureLedger(tmp_path)
    enter(ledger, 0)
    assert ledger.missing(3) == [1, 2]
    with pytest.raises(BenchError, match="E_MISSING: shard 1 was not entered"):
        ledger.merged(3)


def test_a_flipped_bit_anywhere_is_noticed_set_aside_and_entered_anew(tmp_path: Path) -> None:
    ledger = FeatureLedger(tmp_path)
    enter(ledger, 0)
    (path,) = tmp_path.rglob("*.stats")
    whole = path.read_bytes()
    for i in range(len(whole)):
        path.write_bytes(whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :])
        assert ledger.missing(1) == [0]
    assert ledger.set_aside == [path.with_suffix(".corrupt")] * len(whole)
    assert enter(ledger, 0)
    assert path.read_bytes() == whole


KILLED = """
import sys; from pathlib import Path
from fundus2oct.benchmark.feature_ledger import FeatureLedger
from fundus2oct.metrics.frechet_distance import feature_statistics
import numpy as np
for shard in range(3):
    FeatureLedger(Path(sys.argv[1])).enter(shard, "0" * 64, feature_statistics(np.eye(4) + shard))
"""


def test_a_killed_worker_leaves_whole_entries_only(tmp_path: Path) -> None:
    environment = os.environ | {"BENCH_KILL_AT": "shard entered:2"}
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], env=environment, check=False)
    assert (killed.returncode, FeatureLedger(tmp_path).missing(3)) == (-9, [2])
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=True)
    assert FeatureLedger(tmp_path).missing(3) == []
