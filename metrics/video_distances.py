"""Two companions of FVD on the same features, less swayed by the number of cases: their cards. No torch.

The bias-matched Fréchet distance is computed in `bias_matched_frechet`, the kernel distance in `kernel_distance`; the
features are FVD's (`frechet_video_distance`) and are computed once for all three.
"""

from __future__ import annotations

from fundus2oct.metrics import frechet_video_distance as fvd
from fundus2oct.metrics.bias_matched_frechet import N_SPLITS
from fundus2oct.metrics.metric_card import MetricCard

_INPUT = {name: fvd.CARD.parameters[name] for name in ("network", "weights", "features", "frames", "resize", "colour")}

BIAS_MATCHED_CARD = MetricCard(
    name="bias_matched_fd",
    title="Bias-matched Fréchet video distance",
    abbreviation="matched FD",
    unit="",
    direction="lower",
    level="set",
    best=0.0,
    worst=None,
    decimals=1,
    version=f"bias_matched_fd-20splits-{fvd.CARD.features_version}",
    parameters={
        **_INPUT,
        "splits": f"{N_SPLITS} random halvings of the patients, seed fixed, the same for every entry",
        "divisor": "N - 1",
        "jackknife": "a deleted patient is missing from its half; the splits stay",
    },
    summary="FVD with its small-sample bias subtracted: does not reward a generator for drawing the same eye again.",
    description=(
        "At about a hundred cases most of FVD is not distance but bias, and the bias is smaller for a generator that "
        "draws less varied retinas. Here the patients are parted in two halves; the distance from true eyes of one "
        "half to generated eyes of the other is compared with the distances within the true and within the generated "
        "eyes, which carry the same bias. What is left is averaged over twenty halvings.",
        "How to read it: 0 for a copy of the truth, lower is better. Alike sets can give small values below 0. Where "
        "it disagrees with FVD about two entries, the better FVD was probably earned by sameness, and a tier between "
        "them is not opened.",
        "In a simulation (200 features, 64 patients) shrinking the generated variety to three quarters raised the true "
        "distance from 5.0 to 8.0 and lowered FVD from 51.6 to 43.2; this number rose. It varies more from test set to "
        "test set than FVD, as its interval shows. A failed case enters as an all-black volume.",
    ),
    formula="½ [FD(X₁,Y₂) + FD(X₂,Y₁)] − ½ [FD(X₁,X₂) + FD(Y₁,Y₂)], averaged over halvings of the patients",
    traps=(
        "The bias cancels exactly only between entries of equal spread; it is a correction, not an unbiased estimate.",
        "Halves by case instead of by patient put fellow eyes on both sides and make the distances within too small.",
        "Like FVD it cannot see whether the photograph was used, and judges texture more than anatomy.",
        "It compares independent draws. True volumes of the test set in the wrong patients are not: equal pairs "
        "across the sets carry it far below 0 when patients are few.",
    ),
    source=(
        "Dowson and Landau, Journal of Multivariate Analysis 12 (1982), for the distance; Székely and Rizzo, Energy "
        "statistics, Journal of Statistical Planning and Inference 143 (2013), for across minus within"
    ),
    function="fundus2oct.metrics.bias_matched_frechet:bias_matched_frechet",
    features=fvd.CARD.features,
    features_version=fvd.CARD.features_version,
    jackknife="fundus2oct.metrics.bias_matched_frechet:jackknife_bias_matched_frechet",
    weights=fvd.CARD.weights,
    reacts_to=(
        "blur",
        "noise",
        "mean-volume",
        "constant",
        "spread-shrunk",
    ),
    tolerance=0.5,
    is_signed=True,
)
"""What the boards and result files say of the number."""

KVD_CARD = MetricCard(
    name="kvd",
    title="Kernel video distance",
    abbreviation="KVD",
    unit="",
    direction="lower",
    level="set",
    best=0.0,
    worst=None,
    decimals=3,
    version=f"kvd-poly3-different-patients-{fvd.CARD.features_version}",
    parameters={
        **_INPUT,
        "kernel": "(x · y / d + 1)³, d = 400",
        "estimator": "unbiased, one U-statistic over all cases, no subsets",
        "pairs": "of different patients only, in all three means",
    },
    summary="Distance between generated and true volumes on FVD's features, without its small-sample bias.",
    description=(
        "The same 400 answers of the video network as in FVD, compared in another way: how alike are two true eyes, "
        "two generated eyes, and a true and a generated eye of different patients? If the generated eyes came from "
        "the same population, the three averages would agree.",
        "How to read it: 0 for a copy of the truth, lower is better; alike sets can give small values below 0. Unlike "
        "FVD its expectation does not depend on the number of cases, so values from test sets of different size may "
        "be compared. It is listed beside FVD to show what FVD's bias does.",
        "The interval is a delete-one-patient jackknife. A missing or failed case enters as an all-black volume.",
    ),
    formula="KVD = mean k(x, x′) + mean k(y, y′) − 2 mean k(x, y),  k(a, b) = (a · b / d + 1)³, different patients",
    traps=(
        "Fellow eyes, and a generated volume paired with its own truth, are no independent draws. Left in, they bias "
        "the means by 11 to 18 %.",
        "Averages over random subsets of 1000, a common default, fail or change meaning below 1000 cases.",
        "Being an average of cubes it is ruled by the features of largest scale, and by failed cases.",
        "It compares independent draws. True volumes of the test set in the wrong patients are not: equal pairs "
        "across the sets carry it far below 0 when patients are few.",
    ),
    source="Binkowski et al., Demystifying MMD GANs, ICLR 2018, eq. 3; Unterthiner et al., arXiv:1812.01717 (2018)",
    function="fundus2oct.metrics.kernel_distance:kernel_distance",
    features=fvd.CARD.features,
    features_version=fvd.CARD.features_version,
    jackknife="fundus2oct.metrics.kernel_distance:jackknife_kernel_distance",
    weights=fvd.CARD.weights,
    reacts_to=(
        "blur",
        "noise",
        "mean-volume",
        "constant",
    ),
    tolerance=0.005,
    is_signed=True,
)
"""What the boards and result files say of the number."""
