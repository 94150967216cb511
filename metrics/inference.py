"""Inference by patient: the one name under which others import it; no code is here.

`interval_inference` holds intervals of one value, `paired_inference` compares two entries on the same patients,
`rank_inference` many entries at once, `reference_inference` makes the real-vs-real reference. How well each of them
holds its level is in docs/uncertainty.md. Called by the scorer, by `bench compare` and by boards; loads no torch.
"""

from __future__ import annotations

from fundus2oct.metrics.interval_inference import (
    MIN_BOOTSTRAP_PATIENTS,
    REPLICATES,
    SEED,
    Interval,
    headline_mean,
    jackknife_deviations,
    jackknife_interval,
    jackknife_se,
    mean_interval,
    patient_means,
    t_interval,
)
from fundus2oct.metrics.paired_inference import (
    Difference,
    SetScore,
    case_difference,
    permutations_needed,
    set_difference,
    sign_flip_p,
    swap_test,
)
from fundus2oct.metrics.rank_inference import (
    ORDER_DEPENDS_ON_BIAS,
    PairwiseTests,
    Tiers,
    better_in_the_middle,
    max_t,
    rank_intervals,
    same_order,
    tiers,
)
from fundus2oct.metrics.reference_inference import Reference, real_vs_real

__all__ = [
    "MIN_BOOTSTRAP_PATIENTS",
    "ORDER_DEPENDS_ON_BIAS",
    "REPLICATES",
    "SEED",
    "Difference",
    "Interval",
    "PairwiseTests",
    "Reference",
    "SetScore",
    "Tiers",
    "better_in_the_middle",
    "case_difference",
    "headline_mean",
    "jackknife_deviations",
    "jackknife_interval",
    "jackknife_se",
    "max_t",
    "mean_interval",
    "patient_means",
    "permutations_needed",
    "rank_intervals",
    "real_vs_real",
    "same_order",
    "set_difference",
    "sign_flip_p",
    "swap_test",
    "t_interval",
    "tiers",
]
