"""Metrics sorted for readers: by role, which decides where a number stands, and by family, which says what it looks at.

The role is the card's own; families are a matter of display and are listed here. Called by the views of entries and
by the index of metrics. A metric that no family names is shown under "Other", and a test asks for its line here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fundus2oct.metrics.metric_card import MetricCard, Role

ANATOMY_METRIC = "central_thickness_error"
"""The metric a clinic would ask for first: every board names its best row and links to it."""

ROLES: dict[Role, tuple[str, str]] = {
    "headline": ("Headline", "They have a column on the board."),
    "supporting": ("Supporting", "They explain the headline numbers, or contradict them."),
    "diagnostic": ("Diagnostic", "They show where a fault lies and are never used for ranking."),
}
"""Role -> heading and what it means, in the order of the pages."""


@dataclass(frozen=True)
class Family:
    """Metrics that look at the same side of a volume.

    Attributes:
        title: its heading.
        names: names of its cards.
    """

    title: str
    names: frozenset[str]


FAMILIES = (
    Family(
        "Features",
        frozenset(
            {
                "fvd",
                "bias_matched_fd",
                "kvd",
                "fd_efficientnet_lite0",
                "kd_efficientnet_lite0",
                "fid_radimagenet",
                "kid_radimagenet",
                "fid",
                "kid",
                "precision",
                "recall",
                "density",
                "coverage",
            }
        ),
    ),
    Family("Pixels", frozenset({"ssim", "psnr", "ms_ssim", "lpips", "aligned_ssim"})),
    Family("Anatomy", frozenset({ANATOMY_METRIC, "inner_ring_error", "outer_ring_error", "missing_retina"})),
    Family("Texture and coherence", frozenset({"speckle_error", "sharpness_error", "radial_consistency"})),
    Family("Planes", frozenset({"fd_en_face", "fd_circular"})),
)
"""In the order of the pages."""

OTHER = Family("Other", frozenset())


@dataclass(frozen=True, kw_only=True)
class RoleGroup:
    """The cards of one role.

    Attributes:
        role: the role.
        title, meaning: its heading and what it means.
        families: heading of each family and its cards, none empty.
    """

    role: Role
    title: str
    meaning: str
    families: tuple[tuple[str, tuple[MetricCard, ...]], ...]


def family_of(card: MetricCard) -> Family:
    """The family of a metric; `OTHER` when none names it."""
    return next((family for family in FAMILIES if card.name in family.names), OTHER)


def group_cards(cards: Sequence[MetricCard]) -> tuple[RoleGroup, ...]:
    """``cards`` by role and family; within a family they keep their order. Roles without a card are left out."""
    groups = []
    for role, (title, meaning) in ROLES.items():
        of_role = [card for card in cards if card.role == role]
        families = tuple(
            (family.title, held)
            for family in (*FAMILIES, OTHER)
            if (held := tuple(card for card in of_role if family_of(card) is family))
        )
        if families:
            groups.append(RoleGroup(role=role, title=title, meaning=meaning, families=families))
    return tuple(groups)
