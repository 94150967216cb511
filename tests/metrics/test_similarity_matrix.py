"""The matrix of structural similarities must be SSIM itself, pair by pair, whatever the blocks."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from fundus2oct.metrics import similarity_matrix
from fundus2oct.metrics.similarity_matrix import dissimilarity_matrix, reduced
from fundus2oct.metrics.structural_similarity import ssim

RNG = np.random.default_rng(3)
TRUTH = RNG.integers(0, 256, (5, 6, 20, 28)).astype(np.uint8)
GENERATED = np.concatenate([TRUTH[:2], RNG.integers(0, 256, (5, 6, 20, 28)).astype(np.uint8)])


@pytest.mark.parametrize("block", [1, 3, 16])
def test_every_pair_is_ssim(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similarity_matrix, "BLOCK", block)
    matrix = dissimilarity_matrix(TRUTH, GENERATED, np.ones((5, 7), dtype=bool))
    expected = np.array([[1 - ssim(x, y).mean() for y in GENERATED] for x in TRUTH])
    assert np.abs(matrix - expected).max() < 1e-12
    assert matrix[0, 0] == pytest.approx(0.0, abs=1e-14)


def test_pairs_that_are_not_wanted_are_zero() -> None:
    wanted = np.zeros((5, 7), dtype=bool)
    wanted[2, 3] = True
    matrix = dissimilarity_matrix(TRUTH, GENERATED, wanted)
    assert np.argwhere(matrix).tolist() == [[2, 3]]


def test_reduction_is_the_mean_of_sixteen_pixels() -> None:
    volume = np.zeros((6, 9, 8), np.uint8)
    volume[:, :4, :4] = np.arange(16).reshape(4, 4)  # mean 7.5, rounded to even
    assert reduced(volume).shape == (6, 2, 2)
    assert reduced(volume)[0].tolist() == [[8, 0], [0, 0]]


def test_wrong_shapes_are_named() -> None:
    with pytest.raises(ValueError, match=r"generated: expected .* found \(7, 6, 20, 27\)"):
        dissimilarity_matrix(TRUTH, GENERATED[..., 1:], np.ones((5, 7), dtype=bool))
    with pytest.raises(ValueError, match="sides of at least 11"):
        dissimilarity_matrix(TRUTH[..., :8], GENERATED[..., :8], np.ones((5, 7), dtype=bool))


MATRIX = """
import sys
import numpy as np
from fundus2oct.metrics.similarity_matrix import dissimilarity_matrix
volumes = np.random.default_rng(0).integers(0, 256, (2, 3, 6, 80, 112)).astype(np.uint8)
sys.stdout.buffer.write(dissimilarity_matrix(*volumes, np.ones((3, 3), bool)).tobytes())
"""


def test_the_number_of_threads_changes_no_bit() -> None:
    found = set()
    for threads in ("1", "2", "5"):
        environment = os.environ | {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
        found.add(
            subprocess.run([sys.executable, "-c", MATRIX], env=environment, capture_output=True, check=True).stdout
        )
    assert {len(matrix) for matrix in found} == {9 * 8}
    assert len(found) == 1
