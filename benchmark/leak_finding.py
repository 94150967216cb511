"""One way in which held-out eyes, or what they show, can be learned elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "same-file",
    "same-pixels",
    "look-alike",
    "patient-overlap",
    "source-overlap",
    "metadata",
    "unreadable",
    "patient-in-name",
    "label-in-name",
    "order-tells-label",
]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One finding.

    Attributes:
        kind: what kind of leak.
        where: the held-out file, column or order; beside a public file where one matches.
        told: what was found.
    """

    kind: Kind
    where: str
    told: str
