"""The cards of precision, recall, density and coverage on EfficientNet features of single B-scans. No torch.

They are computed in `neighbourhoods`; the features are shared with the distances of `picture_distances`.
"""

from __future__ import annotations

from typing import Final

from fundus2oct.metrics.metric_card import MetricCard
from fundus2oct.metrics.neighbourhoods import K_COVERAGE, K_PRECISION
from fundus2oct.metrics.picture_distances import EFFICIENTNET, FD_EFFICIENTNET_CARD

_KYNKAANNIEMI: Final = "Kynkäänniemi et al., Improved Precision and Recall, NeurIPS 2019, eq. 2 and 3"
_NAEEM: Final = "Naeem et al., Reliable Fidelity and Diversity Metrics, ICML 2020, eq. 3 and 4"
_TRAPS: Final = (
    "Neighbourhoods depend on the number of samples and on k; values from test sets of different size cannot be "
    "compared.",
    "Slices of one eye lie close together. Were they allowed to be each other's nearest neighbours, every ball would "
    "shrink and every generator look unreal; so a ball reaches to the k-th nearest B-scan of another patient.",
    "A single odd true B-scan has a huge ball that forgives much; density and coverage suffer less from it than "
    "precision.",
)


def _card(
    name: str,
    k: int,
    source: str,
    summary: str,
    reading: str,
    formula: str,
    *,
    reacts_to: tuple[str, ...],
    ignores: tuple[str, ...],
    copy_is_best: bool = True,
) -> MetricCard:
    return MetricCard(
        name=name,
        title=f"{name.capitalize()} of generated B-scans",
        abbreviation=name,
        unit="",
        direction="higher",
        level="set",
        best=1.0,
        worst=None,
        decimals=3,
        version=f"{name}-k{k}-other-patients-{EFFICIENTNET.version}",
        parameters={
            **FD_EFFICIENTNET_CARD.parameters,
            "k": str(k),
            "neighbourhood": "ball to the k-th nearest B-scan of another patient, Euclidean",
            "between the sets": "all pairs count, a generated B-scan with its own truth too",
        },
        summary=summary,
        description=(
            "Every B-scan is a point in the space of a picture network's answers, and its neighbourhood a ball that "
            f"reaches to the {k}-th nearest B-scan of another patient in its own set.",
            reading,
            "Precision and density speak of realism, recall and coverage of variety; a generator that draws one good "
            "eye for everybody has the first and lacks the second. The interval deletes one patient at a time. A "
            "missing or failed case enters as an all-black volume.",
        ),
        formula=formula,
        traps=_TRAPS,
        source=source,
        function=f"fundus2oct.metrics.neighbourhoods:{name}",
        features=FD_EFFICIENTNET_CARD.features,
        features_version=FD_EFFICIENTNET_CARD.features_version,
        rows=FD_EFFICIENTNET_CARD.rows,
        jackknife=f"fundus2oct.metrics.neighbourhoods:jackknife_{name}",
        weights=FD_EFFICIENTNET_CARD.weights,
        reacts_to=reacts_to,
        ignores=ignores,
        tolerance=0.02,
        copy_is_best=copy_is_best,
    )


PRECISION_CARD = _card(
    "precision",
    K_PRECISION,
    _KYNKAANNIEMI,
    "Share of generated B-scans that look like some true one.",
    "Precision is the share of generated B-scans inside some true B-scan's ball: 1 when all look real to the network, "
    "0 when none does.",
    "precision = share of y with |y − xᵢ| ≤ r_k(xᵢ) for some i",
    reacts_to=("blur", "mean-volume", "constant"),
    ignores=("bscan-shuffle", "patient-shuffle", "spread-shrunk"),
)
RECALL_CARD = _card(
    "recall",
    K_PRECISION,
    _KYNKAANNIEMI,
    "Share of true B-scans whose like the generator draws.",
    "Recall is the share of true B-scans inside some generated B-scan's ball: 1 when every kind of true B-scan is "
    "drawn, 0 when all generated ones are alike.",
    "recall = share of x with |x − yⱼ| ≤ r_k(yⱼ) for some j",
    reacts_to=("mean-volume", "constant", "spread-shrunk"),
    ignores=("bscan-shuffle",),
)
DENSITY_CARD = _card(
    "density",
    K_COVERAGE,
    _NAEEM,
    "How deep among the true B-scans the generated ones lie; about 1 for real ones.",
    "Density counts in how many true balls a generated B-scan lies, over k. Real B-scans of other patients reach about "
    "1, their truth copies 1 or a little more; a generator that draws typical eyes only can exceed them.",
    "density = (1 / k m) · Σⱼ Σᵢ 1(|yⱼ − xᵢ| ≤ r_k(xᵢ))",
    reacts_to=("blur", "mean-volume", "constant"),
    ignores=("bscan-shuffle", "patient-shuffle"),
    copy_is_best=False,
)
COVERAGE_CARD = _card(
    "coverage",
    K_COVERAGE,
    _NAEEM,
    "Share of true B-scans with a generated one near by.",
    "Coverage is the share of true balls with a generated B-scan inside: 1 when the generated ones reach every region "
    "in which true ones lie, near 0 when all are alike.",
    "coverage = share of xᵢ with |yⱼ − xᵢ| ≤ r_k(xᵢ) for some j",
    reacts_to=("mean-volume", "constant", "spread-shrunk"),
    ignores=("bscan-shuffle", "patient-shuffle"),
)

NEIGHBOURHOOD_CARDS: tuple[MetricCard, ...] = (PRECISION_CARD, RECALL_CARD, DENSITY_CARD, COVERAGE_CARD)
"""All four, in the order in which boards show them."""
