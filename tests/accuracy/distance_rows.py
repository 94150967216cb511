"""Distances between sets of features, against exact arithmetic, closed forms and other programs."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import mpmath
import numpy as np
import torch
from accuracy_row import Measurement, Row
from numpy.typing import NDArray
from pixel_rows import version
from prdc import compute_prdc
from torch_fidelity.metric_fid import fid_statistics_to_metric
from torchmetrics.image.kid import poly_kernel, poly_mmd

from fundus2oct.metrics import neighbourhoods
from fundus2oct.metrics.bias_matched_frechet import bias_matched_frechet
from fundus2oct.metrics.frechet_distance import frechet_distance
from fundus2oct.metrics.kernel_distance import kernel_distance

Floats = NDArray[np.float64]
GOLDEN = Path(__file__).parents[1] / "golden"
FRECHET = ("fvd", "fd_efficientnet_lite0", "fid", "fid_radimagenet", "fd_en_face", "fd_circular", "bias_matched_fd")
KERNEL = ("kvd", "kd_efficientnet_lite0", "kid", "kid_radimagenet")
FVD = ("fvd", "bias_matched_fd", "kvd", "precision", "recall", "density", "coverage")


def fifty_digits(x: Floats, y: Floats) -> float:
    """The defining formula in 50-digit arithmetic; the root's trace from the eigenvalues of S_x S_y."""
    with mpmath.workdps(50):
        moments = []
        for features in (x, y):
            rows = mpmath.matrix(features.tolist())
            n, d = rows.rows, rows.cols
            mean = [mpmath.fsum(rows[i, j] for i in range(n)) / n for j in range(d)]
            centred = mpmath.matrix(n, d)
            for i in range(n):
                for j in range(d):
                    centred[i, j] = rows[i, j] - mean[j]
            moments.append((mean, centred.T * centred / (n - 1)))
        (m, s), (k, t) = moments
        product = s * t
        eigenvalues = mpmath.eig(product, left=False, right=False) if len(m) > 1 else [product[0, 0]]
        root = mpmath.fsum(mpmath.sqrt(max(mpmath.re(v), 0)) for v in eigenvalues)
        d = len(m)
        total = mpmath.fsum((m[j] - k[j]) ** 2 for j in range(d)) + mpmath.fsum(s[j, j] + t[j, j] for j in range(d))
        return float(total - 2 * root)


def frechet_exact_row() -> Row:
    rng, found = np.random.default_rng(3), []
    for n_a, n_b, d, offset in ((30, 30, 6, 0.0), (8, 40, 12, 0.0), (4, 5, 10, 0.0), (2, 3, 1, 0.0), (20, 20, 5, 1e4)):
        x, y = (rng.normal(size=(n, d)) * np.arange(1, d + 1) ** -0.5 + offset for n in (n_a, n_b))
        found.append(abs(frechet_distance(x, y) - fifty_digits(x, y)) / (x.var(0).sum() + y.var(0).sum()))
    return Row(
        what="Fréchet distance",
        origin=f"the defining formula in 50-digit arithmetic ({version('mpmath')})",
        on="5 pairs of sets, n 2 to 40, d 1 to 12, fewer cases than features and more, mean 0 and 10,000; "
        "as a share of tr S1 + tr S2",
        difference=max(found),
        relative=True,
        tolerance=1e-11,
        test="tests/metrics/test_frechet_distance.py::test_distance_equals_fifty_digit_arithmetic",
        cards=FRECHET,
    )


def frechet_closed_row() -> Row:
    """Sets whose sample covariance is exactly diagonal: ± s on each axis in turn."""
    found = []
    for d in (3, 40):
        rng = np.random.default_rng(d)
        s, t, shift = rng.uniform(0.5, 2, d), rng.uniform(0.5, 2, d), rng.normal(size=d)
        x, y = (np.concatenate([np.diag(v), -np.diag(v)]) for v in (s, t))
        scale = 2 / (2 * d - 1)
        exact = np.square(shift).sum() + scale * np.square(s - t).sum()
        found.append(abs(frechet_distance(x, y + shift) - exact) / exact)
    return Row(
        what="Fréchet distance of diagonal covariances",
        origin="closed form: |m1 - m2|² + Σ (s1 - s2)²",
        on="2 pairs of sets, d 3 and 40",
        difference=max(found),
        relative=True,
        tolerance=1e-12,
        test="tests/metrics/test_frechet_distance.py::test_diagonal_covariances_have_a_closed_form",
        cards=FRECHET,
    )


def frechet_fidelity_row() -> Row:
    rng = np.random.default_rng(9)
    x, y = rng.normal(size=(300, 64)), rng.normal(size=(300, 64)) * 1.2 + 0.1
    told = [{"mu": f.mean(axis=0), "sigma": np.cov(f, rowvar=False)} for f in (x, y)]
    theirs = fid_statistics_to_metric(*told, verbose=False)["frechet_inception_distance"]
    return Row(
        what="Fréchet distance, more cases than features",
        origin=version("torch-fidelity"),
        on="300 against 300 rows, d 64",
        difference=abs(frechet_distance(x, y) - theirs) / theirs,
        relative=True,
        tolerance=1e-8,
        test="tests/metrics/test_frechet_distance.py::test_distance_equals_fifty_digit_arithmetic",
        cards=FRECHET,
    )


def bias_matched_row() -> Row:
    """Its expectation is near the true distance of two Gaussians; the plain distance of these is 5 times too large."""
    values, scale = [], np.arange(1.0, 201) ** -0.5
    for k in range(20):
        rng = np.random.default_rng([20, k])
        x, y = rng.normal(size=(2, 64, 200)) * scale
        y[:, 0] += 2.0
        values.append(bias_matched_frechet(x, y))
    return Row(
        what="bias-matched Fréchet distance, mean of 20 draws",
        origin="closed form: true distance 4 of two Gaussians of equal spread",
        on="20 draws of 64 patients, spectrum 1/i in 200 dimensions; "
        f"Monte-Carlo error {np.std(values, ddof=1) / 20**0.5:.2f}, the plain distance is "
        f"{frechet_distance(x, y):.0f}",
        difference=abs(float(np.mean(values)) - 4.0),
        tolerance=0.8,
        test="tests/metrics/test_bias_matched_frechet.py::"
        "test_at_equal_spread_the_true_distance_is_found_where_the_plain_one_is_mostly_bias",
        cards=("bias_matched_fd",),
    )


def rational_kernel_distance(x: Floats, y: Floats) -> float:
    """Binkowski et al. 2018, eq. 4, pairs i = j left out of all three means, in rational numbers."""
    n, d = x.shape
    sets = [[[Fraction(float(v)) for v in row] for row in rows] for rows in (x, y)]

    def total(a: list[list[Fraction]], b: list[list[Fraction]]) -> Fraction:
        dots = (sum(p * q for p, q in zip(a[i], b[j], strict=True)) for i in range(n) for j in range(n) if i != j)
        return sum(((dot / d + 1) ** 3 for dot in dots), Fraction(0))

    return float((total(sets[0], sets[0]) + total(sets[1], sets[1]) - 2 * total(sets[0], sets[1])) / (n * (n - 1)))


def kernel_exact_row() -> Row:
    rng, found = np.random.default_rng(1), []
    for offset in (0.0, 1e2, 1e4):
        for spread in (1.0, 1e-3):
            x = rng.normal(size=(12, 5)) + offset
            y = x + spread * rng.normal(size=x.shape)
            exact = rational_kernel_distance(x, y)
            found.append(abs(kernel_distance(x, y) - exact) / abs(exact))
    return Row(
        what="kernel distance",
        origin="rational arithmetic, without rounding",
        on="6 pairs of sets, n 12, d 5, mean 0 to 10,000, sets far apart and 0.001 apart",
        difference=max(found),
        relative=True,
        tolerance=1e-6,
        test="tests/metrics/test_feature_pair.py::test_kernel_distance_equals_rational_arithmetic",
        cards=KERNEL,
    )


def kernel_torchmetrics_row() -> Row:
    rng, found = np.random.default_rng(2), []
    for n, d in ((40, 24), (100, 400)):
        x, y = (torch.from_numpy(rng.normal(size=(n, d)) + shift) for shift in (0.0, 0.1))
        kernel = poly_kernel(x, y, 3, 1 / d, 1.0)
        different = (kernel.sum() - kernel.diagonal().sum()) / (n * (n - 1))
        theirs = float(poly_mmd(x, y, 3, 1 / d, 1.0) + 2 * kernel.mean() - 2 * different)
        found.append(abs(kernel_distance(x.numpy(), y.numpy()) - theirs))
    return Row(
        what="kernel distance, one row a patient",
        origin=f"{version('torchmetrics')}'s poly_mmd, own pairs left out of the mixed mean too",
        on="2 pairs of sets, 40 x 24 and 100 x 400",
        difference=max(found),
        tolerance=1e-9,
        test="tests/metrics/test_kernel_distance.py::test_rows_of_different_patients_give_torchmetrics_value",
        cards=KERNEL,
    )


def prdc_row() -> Row:
    rng, found = np.random.default_rng(4), []
    for n, d, shift in ((40, 24, 0.1), (100, 400, 0.05), (8, 1, 0.3), (60, 3, 1.0)):
        x, y = rng.normal(size=(n, d)), 0.9 * rng.normal(size=(n, d)) + shift
        theirs = compute_prdc(x, y, nearest_k=3) | {
            name: value for name, value in compute_prdc(x, y, nearest_k=5).items() if name in ("density", "coverage")
        }
        found += [abs(getattr(neighbourhoods, name)(x, y) - theirs[name]) for name in theirs]
    return Row(
        what="precision, recall (k = 3), density, coverage (k = 5)",
        origin=version("prdc"),
        on="4 pairs of sets, n 8 to 100, d 1 to 400",
        difference=max(found),
        tolerance=1e-12,
        test="tests/metrics/test_neighbourhoods.py::test_rows_of_different_patients_give_the_authors_values",
        cards=("precision", "recall", "density", "coverage"),
    )


ROWS: tuple[Measurement, ...] = (
    frechet_exact_row,
    frechet_closed_row,
    frechet_fidelity_row,
    bias_matched_row,
    kernel_exact_row,
    kernel_torchmetrics_row,
    prdc_row,
)
