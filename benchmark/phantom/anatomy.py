"""The latent eye: everything both pictures are drawn from, sampled from (seed, cohort, patient, eye).

The eye's frame has its origin at the fovea, x nasal and y up, for right and left eyes alike; only the renderers know
which way nasal points in a picture. So `mirror` needs to change the label and nothing else. No pixels here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from fundus2oct.benchmark.phantom import norms
from fundus2oct.benchmark.phantom.choroid import Choroid, sample_choroid
from fundus2oct.benchmark.phantom.disc import Disc, sample_disc
from fundus2oct.benchmark.phantom.lesions import DISEASES, Lesions, sample_lesions
from fundus2oct.benchmark.phantom.poses import PhotoPose, ScanPose, sample_photo_pose, sample_scan_pose
from fundus2oct.benchmark.phantom.random_streams import stream
from fundus2oct.benchmark.phantom.smooth_fields import Floats, SmoothField, smooth_field
from fundus2oct.benchmark.phantom.surfaces import Shape
from fundus2oct.benchmark.phantom.vessels import VesselTraits, VesselTree, sample_vessels
from fundus2oct.metrics.scan_geometry import mirror_eye

TRAITS = (
    "overall",
    "fill",
    "pit_width",
    "fibre",
    "pigment",
    "vessel_width",
    "arcade",
    "tortuosity",
    "avascular",
    "macular_pigment",
    "choroid",
    "disc_size",
    "cup",
    "reflex",
)
SHARED_VARIANCE = 0.8
"""Share of each trait's variance that two eyes of a patient have in common; published symmetry is 0.7 to 0.95."""

PREVALENCE = {"none": 0.46, "drusen": 0.13, "oedema": 0.13, "glaucoma": 0.12, "myopia": 0.09, "membrane": 0.07}
FELLOW_AFFECTED = 0.6
"""Chance that the second eye has the disease of the first."""


@dataclass(frozen=True, eq=False)
class Eye:
    """One latent eye. ``traits`` are standard-normal; every length is in micrometres."""

    seed: int
    cohort: str
    patient: int
    side: str
    """Its label, "R" or "L"."""
    drawn_as: str
    """The label it was drawn under; differs from ``side`` in a mirrored eye."""
    disease: str
    severity: float
    traits: dict[str, float]
    shape: Shape
    vessel_traits: VesselTraits
    pigment_map: SmoothField
    scan: ScanPose
    photo: PhotoPose

    @cached_property
    def vessels(self) -> VesselTree:
        """The vessel tree, grown when first asked for."""
        return sample_vessels(self._stream("vessels"), self.disc, self.vessel_traits)

    @cached_property
    def choroid(self) -> Choroid:
        """The choroid, sampled when first asked for."""
        return sample_choroid(self._stream("choroid"), self.traits["choroid"], myopia=self.lesions.myopia)

    def _stream(self, purpose: str) -> np.random.Generator:
        return stream(self.seed, self.cohort, self.patient, self.drawn_as, purpose)

    @property
    def disc(self) -> Disc:
        """The optic disc."""
        return self.shape.disc

    @property
    def lesions(self) -> Lesions:
        """What the disease put there."""
        return self.shape.lesions

    @property
    def nasal(self) -> float:
        """+1 where nasal points to the right of the picture (right eyes), -1 in left eyes."""
        return 1.0 if self.side == "R" else -1.0

    def mean_thickness_um(self, inner_um: float, outer_um: float) -> float:
        """True mean thickness, ILM to Bruch's membrane, of the ring between two circles around the fovea."""
        x, y = _ring_grid(inner_um, outer_um)
        return float(self.shape.total_um(x, y).mean())

    def central_subfield_um(self) -> float:
        """True mean thickness within 500 micrometres of the fovea."""
        return self.mean_thickness_um(0.0, norms.CENTRAL_RADIUS_UM)


def mirror(eye: Eye) -> Eye:
    """The same latent eye on the other side of the face: its pictures before noise are the mirrored pictures."""
    return replace(eye, side=mirror_eye(eye.side))


def sample_eye(seed: int, patient: int, side: str, *, cohort: str = "phantom", disease: str | None = None) -> Eye:
    """Draw one eye.

    Args:
        seed: the cohort's seed.
        patient: number of the patient within the cohort.
        side: "R" or "L".
        cohort: name that separates cohorts of one seed, so that no eye of one occurs in another.
        disease: one of DISEASES; drawn by prevalence when None.
    """
    if side not in ("R", "L"):
        raise ValueError(f'side: expected "R" or "L", found {side!r}')
    if disease is not None and disease not in DISEASES:
        raise ValueError(f"disease: expected one of {', '.join(DISEASES)}, found {disease!r}")
    rng = stream(seed, cohort, patient, side, "anatomy")
    disease = disease if disease is not None else draw_disease(seed, patient, side, cohort)
    severity = float(rng.beta(1.6, 1.6)) if disease != "none" else 0.0
    traits = _traits(seed, cohort, patient, rng)
    lesions = sample_lesions(stream(seed, cohort, patient, side, "lesions"), disease, severity)
    glaucoma = 0.4 + 0.6 * severity if disease == "glaucoma" else 0.0
    disc = sample_disc(rng, traits["disc_size"], traits["cup"], myopia=lesions.myopia, glaucoma=glaucoma)
    return Eye(
        seed=seed,
        cohort=cohort,
        patient=patient,
        side=side,
        drawn_as=side,
        disease=disease,
        severity=severity,
        traits=traits,
        shape=_shape(rng, traits, disc, lesions),
        vessel_traits=_vessel_traits(traits, lesions, glaucoma),
        pigment_map=smooth_field(rng, 900.0),
        scan=sample_scan_pose(rng, myopia=lesions.myopia),
        photo=sample_photo_pose(rng),
    )


def draw_disease(seed: int, patient: int, side: str, cohort: str) -> str:
    """The disease of an eye when nobody prescribes it: by prevalence, often shared by the two eyes."""
    rng = stream(seed, cohort, patient, "", "disease")
    names = list(PREVALENCE)
    drawn = names[int(rng.choice(len(names), p=list(PREVALENCE.values())))]
    first = "R" if rng.random() < 0.5 else "L"
    fellow = rng.random() < FELLOW_AFFECTED
    return drawn if side == first or fellow else "none"


def _traits(seed: int, cohort: str, patient: int, rng: np.random.Generator) -> dict[str, float]:
    shared = stream(seed, cohort, patient, "", "traits").standard_normal(len(TRAITS))
    own = rng.standard_normal(len(TRAITS))
    raw = np.sqrt(SHARED_VARIANCE) * shared + np.sqrt(1.0 - SHARED_VARIANCE) * own
    traits = dict(zip(TRAITS, np.clip(raw, -2.8, 2.8).tolist(), strict=True))
    thick = 0.8 * traits["fill"] + 0.6 * traits["overall"]
    # What the photograph tells of the pit: links are real in sign (norms.py), their strength is this phantom's choice.
    for name, link, cause in (
        ("avascular", -0.70, thick),
        ("macular_pigment", -0.55, traits["fill"]),
        ("pigment", -0.45, traits["overall"]),
        ("vessel_width", 0.50, traits["fibre"]),
    ):
        traits[name] = link * cause + float(np.sqrt(1.0 - link**2)) * traits[name]
    return traits


def _vessel_traits(traits: dict[str, float], lesions: Lesions, glaucoma: float) -> VesselTraits:
    avascular = norms.AVASCULAR_RADIUS_UM + norms.AVASCULAR_RADIUS_SD_UM * traits["avascular"]
    return VesselTraits(
        width=1.0 + 0.09 * traits["vessel_width"] - 0.08 * glaucoma,
        arcade=traits["arcade"] - 1.2 * lesions.myopia,
        tortuosity=float(np.exp(0.25 * traits["tortuosity"])) * (1.0 + 0.9 * lesions.membrane[0]),
        avascular_um=float(np.clip(avascular, 120.0, 520.0)),
    )


def _shape(rng: np.random.Generator, traits: dict[str, float], disc: Disc, lesions: Lesions) -> Shape:
    factors = {layer: 1.0 + 0.03 * float(rng.standard_normal()) for layer in norms.LAYERS}
    return Shape(
        overall=1.0 + 0.04 * traits["overall"],
        fibre=1.0 + 0.11 * traits["fibre"],
        fill_um=24.0 * traits["fill"],
        pit_width=float(np.exp(0.09 * traits["pit_width"] - 0.05 * traits["fill"])),
        asymmetry=0.02 * float(rng.standard_normal()),
        layer_factor=factors,
        maps=(smooth_field(rng, 1100.0), smooth_field(rng, 1300.0), smooth_field(rng, 500.0)),
        disc=disc,
        lesions=lesions,
    )


def _ring_grid(inner_um: float, outer_um: float, n: int = 61) -> tuple[Floats, Floats]:
    axis = (np.arange(n) - (n - 1) / 2) * (2 * outer_um / n)
    x, y = np.meshgrid(axis, axis)
    r = np.hypot(x, y)
    inside = (r >= inner_um) & (r <= outer_um)
    return x[inside], y[inside]
