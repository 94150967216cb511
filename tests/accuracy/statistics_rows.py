"""Uncertainty, tests and controls, against scipy, astropy, closed forms and plain loops."""

from __future__ import annotations

from itertools import product

import numpy as np
from accuracy_row import Measurement, Row, largest
from astropy.stats import jackknife_stats
from pixel_rows import version
from scipy import stats
from scipy.spatial import cKDTree

from fundus2oct.metrics import memorisation
from fundus2oct.metrics.inference import (
    SetScore,
    jackknife_se,
    max_t,
    mean_interval,
    set_difference,
    sign_flip_p,
    swap_test,
)
from fundus2oct.metrics.paired_inference import case_difference
from fundus2oct.metrics.photograph_use import shuffled_gap
from fundus2oct.metrics.rank_inference import mean_deviations

SET_CARDS = ("fvd", "kvd", "bias_matched_fd")


def jackknife_row() -> Row:
    rng, found = np.random.default_rng(0), []
    for n, statistic in ((6, np.std), (30, np.median), (50, stats.skew), (12, np.mean)):
        x = rng.gamma(2.0, size=n)
        delete_one = [statistic(np.delete(x, i)) for i in range(n)]
        _, _, theirs, _ = jackknife_stats(x, statistic)
        found.append(abs(jackknife_se(float(statistic(x)), delete_one) - float(theirs)) / float(theirs))
    return Row(
        what="delete-one jackknife, standard error",
        origin=version("astropy"),
        on="standard deviation, median, skewness and mean of 6 to 50 skewed values",
        difference=max(found),
        relative=True,
        tolerance=1e-10,
        test="tests/metrics/test_inference.py::test_jackknife_of_a_mean_is_its_standard_error",
        cards=SET_CARDS,
    )


def unequal_jackknife_row() -> Row:
    eyes = np.array([1.0, 2.0, 2.0, 1.0, 2.0, 1.0, 2.0])
    n = eyes.sum()
    return Row(
        what="jackknife of patients with one and two eyes",
        origin="closed form: a statistic that is bias alone, 50 / n, has no spread",
        on="7 patients",
        difference=jackknife_se(50 / n, 50 / (n - eyes), cases_per_patient=eyes),
        tolerance=1e-12,
        test="tests/metrics/test_inference.py::test_a_bias_of_one_over_n_is_no_spread",
        cards=SET_CARDS,
    )


def paired_t_row() -> Row:
    """A set metric that is a mean: jackknife and Student's t are then the paired t test."""
    rng, found = np.random.default_rng(1), []
    for n in (5, 12, 60):
        a, b = rng.normal(size=(2, n))
        scores = [
            SetScore(float(x.mean()), np.array([np.delete(x, i).mean() for i in range(n)]), np.ones(n)) for x in (a, b)
        ]
        told, theirs = set_difference(*scores), stats.ttest_rel(a, b)
        interval = theirs.confidence_interval(0.95)
        if told.interval is not None:
            found += [abs(told.interval.low - interval.low), abs(told.interval.high - interval.high)]
        found.append(abs((told.p or np.nan) - theirs.pvalue))
    return Row(
        what="jackknife difference of two entries, interval and p",
        origin=f"{version('scipy')} ttest_rel",
        on="3 pairs of 5 to 60 patients",
        difference=max(found),
        tolerance=1e-10,
        test="tests/metrics/test_paired_inference.py::test_difference_of_a_mean_is_the_paired_t_test",
        cards=SET_CARDS,
    )


def bootstrap_row() -> Row:
    """Normal scores in normal order: bootstrap-t is then near Student's interval, second-order correct."""
    found = []
    for n in (20, 40, 128):
        x = stats.norm.ppf((np.arange(n) + 0.5) / n)
        told = mean_interval(x, replicates=20_000)
        reach = stats.t.ppf(0.975, n - 1) * stats.sem(x)
        found.append(max(abs(told.low + reach), abs(told.high - reach)) / reach)
    return Row(
        what="studentised bootstrap of a mean, half width",
        origin=f"Student's t ({version('scipy')}) for normal scores",
        on="20, 40 and 128 patients, 20,000 resamples; its coverage is in [uncertainty](uncertainty.md)",
        difference=max(found),
        relative=True,
        tolerance=0.08,
        test="tests/metrics/test_inference.py::test_bootstrap_interval_of_symmetric_values_is_near_students",
        cards=("ssim", "psnr"),
    )


def sign_flips_row() -> Row:
    rng, found = np.random.default_rng(2), []
    for n in (5, 7, 12):
        d = rng.normal(0.4, 1, n)
        theirs = stats.permutation_test((d,), np.mean, permutation_type="samples", n_resamples=np.inf)
        found.append(abs(float(sign_flip_p(d[:, None])[0]) - theirs.pvalue))
    return Row(
        what="sign-flip test, all flips",
        origin=f"{version('scipy')} permutation_test",
        on="5, 7 and 12 patients",
        difference=max(found),
        tolerance=1e-12,
        test="tests/metrics/test_paired_inference.py::test_sign_flips_match_scipy",
        cards=("ssim", "psnr"),
    )


def drawn_flips_row() -> Row:
    rng = np.random.default_rng(3)
    a, b = rng.normal(0.25, 1, size=18), np.zeros(18)
    exact = stats.permutation_test((a - b,), np.mean, permutation_type="samples", n_resamples=np.inf).pvalue
    return Row(
        what="sign-flip test, 10,000 flips drawn",
        origin=f"all 2¹⁸ flips ({version('scipy')})",
        on="18 patients; Monte-Carlo error 0.004",
        difference=abs((case_difference(a, b).p or np.nan) - float(exact)),
        tolerance=0.015,
        test="tests/metrics/test_paired_inference.py::test_random_flips_are_near_the_exact_count",
        cards=("ssim", "psnr"),
    )


def swap_row() -> Row:
    """All 2⁶ ways to exchange the entries patient by patient, counted."""
    rng = np.random.default_rng(4)
    truth, a, b = rng.normal(size=(3, 6, 2))
    b += 0.8

    def distance(x: np.ndarray, y: np.ndarray) -> float:
        return float(np.square(x.mean(axis=0) - y.mean(axis=0)).sum())

    observed, count = abs(distance(truth, a) - distance(truth, b)), 0
    for flips in product((False, True), repeat=6):
        swapped = np.array(flips)[:, None]
        difference = distance(truth, np.where(swapped, b, a)) - distance(truth, np.where(swapped, a, b))
        count += abs(difference) >= observed - 1e-12
    told = swap_test(truth, a, b, range(6), distance=distance, permutations=20_000)
    return Row(
        what="swap test, 20,000 swaps drawn",
        origin="all 2⁶ swaps, counted",
        on="6 patients; Monte-Carlo error 0.003; its false positives are in [uncertainty](uncertainty.md)",
        difference=abs((told.p or np.nan) - count / 64),
        tolerance=0.012,
        test="tests/metrics/test_paired_inference.py::test_swapping_finds_a_shift_and_not_a_difference_in_noise",
        cards=("fvd",),
    )


def tukey_row() -> Row:
    rng = np.random.default_rng(0)
    q, _ = np.linalg.qr(rng.normal(size=(200, 7)) - rng.normal(size=(200, 7)).mean(axis=0))
    ours = [max_t(np.zeros(k), q[:, :k]).critical_value for k in (3, 5, 7)]
    theirs = [stats.studentized_range.ppf(0.95, k, 199) / np.sqrt(2) for k in (3, 5, 7)]
    return Row(
        what="max-t critical value, independent entries",
        origin=f"Tukey's studentised range ({version('scipy')})",
        on="3, 5 and 7 entries, 200 patients, 100,000 draws",
        difference=largest(ours, theirs),
        tolerance=0.02,
        test="tests/metrics/test_rank_inference.py::test_critical_value_of_independent_entries_is_tukeys",
        cards=("fvd",),
    )


def two_entries_row() -> Row:
    means = np.random.default_rng(5).normal(size=(20, 2))
    theirs = stats.ttest_rel(means[:, 0], means[:, 1]).pvalue
    found = max_t(means.mean(axis=0), mean_deviations(means))
    return Row(
        what="max-t of two entries, p and adjusted p",
        origin=f"{version('scipy')} ttest_rel",
        on="20 patients; the adjusted p has a Monte-Carlo error of 0.001",
        difference=max(abs(found.p[0, 1] - theirs), abs(found.adjusted_p[0, 1] - theirs)),
        tolerance=0.01,
        test="tests/metrics/test_rank_inference.py::test_two_entries_are_the_paired_t_test",
        cards=("fvd",),
    )


def gap_row() -> Row:
    """Eye by eye in plain loops: strangers' mean error minus one's own, averaged over eyes, then patients."""
    rng = np.random.default_rng(6)
    patients, sides = np.repeat(np.arange(12), [1, 2] * 6), []
    for patient in range(12):
        sides += ["L"] if patient % 2 == 0 else ["L", "R"]
    errors = rng.gamma(2.0, 10, (18, 18))
    by_patient = []
    for patient in range(12):
        gaps = []
        for i in np.flatnonzero(patients == patient):
            others = [errors[i, j] for j in range(18) if patients[j] != patient and sides[j] == sides[i]]
            gaps.append(np.mean(others) - errors[i, i])
        by_patient.append(np.mean(gaps))
    told = shuffled_gap(errors, patients, sides, permutations=99)
    return Row(
        what="shuffled-fundus gap",
        origin="its definition in plain loops; exactly 0 for one volume for everybody (test)",
        on="18 eyes of 12 patients",
        difference=abs((told.value if told else np.nan) - float(np.mean(by_patient))),
        tolerance=1e-10,
        test="tests/metrics/test_photograph_use.py::test_one_volume_for_everybody_has_a_gap_of_exactly_zero",
    )


def nearest_row() -> Row:
    rng = np.random.default_rng(7)
    train, drawn, patients = rng.normal(size=(60, 30)), rng.normal(size=(20, 30)), np.arange(60)
    distance, _ = cKDTree(train).query(drawn, k=2)
    told = memorisation.flags(drawn, train, patients)
    left_out, _ = cKDTree(train).query(train, k=3)
    ratios = np.concatenate([distance[:, 0] / distance[:, 1], left_out[:, 1] / left_out[:, 2]])
    return Row(
        what="memorisation: ratio of nearest to next nearest patient",
        origin=f"{version('scipy')} cKDTree",
        on="20 new and 60 left-out descriptors",
        difference=largest(np.concatenate([told.ratio, told.left_out_ratio]), ratios),
        tolerance=1e-10,
        test="tests/metrics/test_memorisation.py::test_a_ratio_by_hand",
    )


ROWS: tuple[Measurement, ...] = (
    jackknife_row,
    unequal_jackknife_row,
    paired_t_row,
    bootstrap_row,
    sign_flips_row,
    drawn_flips_row,
    swap_row,
    tukey_row,
    two_entries_row,
    gap_row,
    nearest_row,
)
