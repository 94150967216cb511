"""Distances between sets of single B-scans, one Fréchet and one kernel distance for each picture network: six cards.

The distances are in `frechet_distance` and `kernel_distance`, the networks in `efficientnet_lite0`, `radimagenet` and
`inception`, which are imported late. The distance on EfficientNet features is no FID and is not called so. No torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fundus2oct.metrics.frechet_distance import JACKKNIFE_GROUPS
from fundus2oct.metrics.metric_card import MetricCard
from fundus2oct.metrics.scan_geometry import N_BSCANS
from fundus2oct.metrics.weight_registry import EFFICIENTNET_LITE0, INCEPTION, RADIMAGENET, Weights


@dataclass(frozen=True)
class PictureFeatures:
    """One network's features, shared by its two cards.

    Attributes:
        module: of its ``bscan_features``.
        version: the protocol in one string.
        weights: its entry in the registry.
        parameters: what the features depend on.
        view: one sentence on what the network was trained for and what it therefore sees.
        status: one sentence on how far the numbers are checked.
        source: paper of the network.
    """

    module: str
    version: str
    weights: Weights
    parameters: dict[str, str]
    view: str
    status: str
    source: str


EFFICIENTNET: Final = PictureFeatures(
    module="fundus2oct.metrics.efficientnet_lite0",
    version="efficientnet-lite0-pool1280-aa224-v1",
    weights=EFFICIENTNET_LITE0,
    parameters={
        "network": "EfficientNet-Lite0, ImageNet",
        "weights": f"sha256 {EFFICIENTNET_LITE0.member_sha256}",
        "features": "1280 channels before the classifier, averaged over the picture",
        "resize": "whole B-scan to 224 x 224, bilinear, antialiased",
        "colour": "one grey channel as three equal ones, (x - 127) / 128",
    },
    view="The network was trained on photographs of things and animals; it sees texture and edges well.",
    status="Its weights come from the Python package index, so the number can be computed, and checked, anywhere.",
    source="Tan and Le, EfficientNet, ICML 2019",
)

RADIMAGENET_RESNET50: Final = PictureFeatures(
    module="fundus2oct.metrics.radimagenet",
    version="radimagenet-resnet50-pool2048-aa224-v1",
    weights=RADIMAGENET,
    parameters={
        "network": "ResNet-50, RadImageNet, the authors' PyTorch file (not a port of the Keras file)",
        "weights": "unpinned; `bench weights list` shows the hash recorded at installation: name it when quoting",
        "features": "2048 channels before the classifier, averaged over the picture",
        "resize": "whole B-scan to 224 x 224, bilinear, antialiased",
        "colour": "one grey channel as three equal ones, (x - 127.5) * 2 / 255",
    },
    view="The network was trained on CT, MR and ultrasound pictures, none of them an OCT.",
    status=(
        "Its weights are on no package index: the loading and the arithmetic are tested on files of the same layout, "
        "but no measured value stands behind the number in automatic tests."
    ),
    source="Mei et al., RadImageNet, Radiology: Artificial Intelligence 4 (2022); He et al., CVPR 2016",
)

INCEPTION_V3: Final = PictureFeatures(
    module="fundus2oct.metrics.inception",
    version="inception-2015-12-05-pool2048-tf1bilinear299-v1",
    weights=INCEPTION,
    parameters={
        "network": "Inception-v3 of 2015-12-05, pytorch-fid's blocks",
        "weights": f"sha256 {INCEPTION.archive_sha256}",
        "features": "2048 channels of the last pooling",
        "resize": "whole B-scan to 299 x 299 as TensorFlow 1: bilinear, no half-pixel centres, no antialiasing",
        "colour": "one grey channel as three equal ones, (x - 128) / 128",
    },
    view="The network was trained on photographs of things and animals; it sees texture and edges well.",
    status=(
        "Its weights come by address, not from a package index: the arithmetic is tested against another program on "
        "stand-in weights, but no measured value stands behind the number in automatic tests."
    ),
    source="Szegedy et al., Rethinking the Inception Architecture, CVPR 2016",
)

_COMMON: Final = {
    "rows": "each of the six B-scans of a volume is one sample",
    "container": "volumes as decoded, uint8; the result names the container (PNG or JPEG)",
}
_JACKKNIFE: Final = (
    "The six B-scans of an eye, and the two eyes of a patient, are not independent; the interval deletes one patient "
    "at a time with all their B-scans. A missing or failed case enters as an all-black volume."
)


def _frechet_card(name: str, title: str, abbreviation: str, of: PictureFeatures) -> MetricCard:
    return MetricCard(
        name=name,
        title=title,
        abbreviation=abbreviation,
        unit="",
        direction="lower",
        level="set",
        best=0.0,
        worst=None,
        decimals=2,
        version=f"{name}-{of.version}",
        parameters={**of.parameters, **_COMMON, "divisor": "N - 1"},
        summary="How far the generated B-scans, one by one, are from real ones in the eyes of a picture network.",
        description=(
            f"Every B-scan is shown to a network as a picture of its own. {of.view} The cloud of its answers for all "
            "generated B-scans is compared with that for all true ones, in centre and spread, as in FVD.",
            "How to read it: lower is better, 0 only for a copy of the truth; compare with the controls of the same "
            "board alone. Against FVD it does not see whether the six slices fit together.",
            "Most of the value is small-sample bias, more so than in FVD, because there are far more features than "
            f"independent eyes. {_JACKKNIFE}",
            of.status,
        ),
        formula="|μ₁ − μ₂|² + tr Σ₁ + tr Σ₂ − 2 tr (Σ₁Σ₂)^½ over features of single B-scans",
        traps=(
            "Values on different networks, resize rules or numbers of cases cannot be compared; FID without a further "
            "word means Inception's, and even those differ by how pictures were resized.",
            "At this number of cases a generator with less variety can score better; see the kernel distance beside "
            "it.",
            "Counting B-scans as independent samples makes intervals far too narrow.",
        ),
        source=f"Heusel et al., GANs Trained by Two Time-Scales, NeurIPS 2017, eq. 6; network: {of.source}",
        function="fundus2oct.metrics.frechet_distance:frechet_distance",
        features=f"{of.module}:bscan_features",
        features_version=of.version,
        rows=N_BSCANS,
        jackknife="fundus2oct.metrics.frechet_distance:jackknife_frechet",
        jackknife_groups=JACKKNIFE_GROUPS,
        weights=of.weights.name,
        reacts_to=(
            "blur",
            "noise",
            "jpeg",
            "mean-volume",
            "constant",
        ),
        ignores=(
            "bscan-shuffle",
            "patient-shuffle",
        ),
        tolerance=0.05,
    )


def _kernel_card(name: str, title: str, abbreviation: str, of: PictureFeatures) -> MetricCard:
    return MetricCard(
        name=name,
        title=title,
        abbreviation=abbreviation,
        unit="",
        direction="lower",
        level="set",
        best=0.0,
        worst=None,
        decimals=4,
        version=f"{name}-poly3-different-patients-{of.version}",
        parameters={
            **of.parameters,
            **_COMMON,
            "kernel": "(x · y / d + 1)³",
            "estimator": "unbiased, one U-statistic over all B-scans, no subsets",
            "pairs": "of different patients only, in all three means",
        },
        summary="Distance between generated and true B-scans, one by one, without small-sample bias.",
        description=(
            f"Every B-scan is shown to a network as a picture of its own. {of.view} How alike are two true B-scans, "
            "two generated ones, and a true and a generated one of different patients? Were the generated ones drawn "
            "from the same population, the three averages would agree.",
            "How to read it: 0 for a copy of the truth, lower is better; alike sets can give small values below 0. Its "
            "expectation does not depend on the number of cases.",
            _JACKKNIFE,
            of.status,
        ),
        formula="mean k(x, x′) + mean k(y, y′) − 2 mean k(x, y),  k(a, b) = (a · b / d + 1)³, different patients",
        traps=(
            "Slices of one eye, fellow eyes, and a generated B-scan with its own truth are no independent draws; left "
            "in, they bias the means.",
            "Averages over random subsets of 1000, a common default, fail or change meaning below 1000 samples.",
            "Values on different networks or resize rules cannot be compared.",
        ),
        source=f"Binkowski et al., Demystifying MMD GANs, ICLR 2018, eq. 3 and section 4; network: {of.source}",
        function="fundus2oct.metrics.kernel_distance:kernel_distance",
        features=f"{of.module}:bscan_features",
        features_version=of.version,
        rows=N_BSCANS,
        jackknife="fundus2oct.metrics.kernel_distance:jackknife_kernel_distance",
        weights=of.weights.name,
        reacts_to=(
            "blur",
            "noise",
            "mean-volume",
            "constant",
        ),
        ignores=("bscan-shuffle",),
        tolerance=0.0005,
        is_signed=True,
    )


FD_EFFICIENTNET_CARD = _frechet_card("fd_efficientnet_lite0", "Fréchet EfficientNet distance", "FD-EN", EFFICIENTNET)
KD_EFFICIENTNET_CARD = _kernel_card("kd_efficientnet_lite0", "Kernel EfficientNet distance", "KD-EN", EFFICIENTNET)
FD_RADIMAGENET_CARD = _frechet_card("fid_radimagenet", "Fréchet RadImageNet distance", "FID-Rad", RADIMAGENET_RESNET50)
KD_RADIMAGENET_CARD = _kernel_card("kid_radimagenet", "Kernel RadImageNet distance", "KID-Rad", RADIMAGENET_RESNET50)
FID_CARD = _frechet_card("fid", "Fréchet inception distance", "FID", INCEPTION_V3)
KID_CARD = _kernel_card("kid", "Kernel inception distance", "KID", INCEPTION_V3)

PICTURE_CARDS: tuple[MetricCard, ...] = (
    FD_EFFICIENTNET_CARD,
    KD_EFFICIENTNET_CARD,
    FD_RADIMAGENET_CARD,
    KD_RADIMAGENET_CARD,
    FID_CARD,
    KID_CARD,
)
"""All six, in the order in which boards show them."""
