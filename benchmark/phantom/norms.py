"""Published numbers the phantom is built from, with their sources. No code that draws or renders; read by all of it.

Everything is micrometres in a healthy adult eye unless the name says otherwise. The numbers are rounded starting
values; the sources say where to look, and were not compared with the papers digit by digit. The anatomy starts from
them and `tests/benchmark/phantom/test_norms.py` checks that a cohort gives them back.
"""

from __future__ import annotations

from typing import Final

LAYERS: Final = ("RNFL", "GCL", "IPL", "INL", "OPL", "ONL", "OUTER")
"""Retinal layers from the vitreous down; ONL includes Henle's fibres, OUTER is external limiting membrane to BM."""

CENTRAL_RADIUS_UM: Final = 500.0
INNER_RADIUS_UM: Final = 1500.0
OUTER_RADIUS_UM: Final = 3000.0
"""The three circles of the ETDRS grid (Early Treatment Diabetic Retinopathy Study report 7, 1991)."""

# Spectralis, healthy adults, ILM to BM: Grover et al. 2009, Am J Ophthalmol 148:266 (central subfield 270 +- 22);
# rings after Wolf-Schnurrbusch et al. 2009, Invest Ophthalmol Vis Sci 50:3432, rounded.
CENTRAL_SUBFIELD_UM: Final = 270.0
CENTRAL_SUBFIELD_SD_UM: Final = 20.0
INNER_RING_UM: Final = {"S": 344.0, "N": 346.0, "I": 341.0, "T": 330.0}
OUTER_RING_UM: Final = {"S": 300.0, "N": 318.0, "I": 290.0, "T": 286.0}

# Spectralis segmentation, centre / inner ring / outer ring: after Demirkaya et al. 2013, Invest Ophthalmol Vis Sci
# 54:4934 and Nieves-Moreno et al. 2017, PLoS One 12:e0180450, rounded.
LAYER_UM: Final = {
    "GCL": (14.0, 51.0, 35.0),
    "IPL": (20.0, 42.0, 28.0),
    "INL": (18.0, 40.0, 33.0),
    "OPL": (24.0, 33.0, 28.0),
    "ONL": (95.0, 70.0, 56.0),
    "OUTER": (88.0, 80.0, 80.0),
}

# Margolis and Spaide 2009, Am J Ophthalmol 147:811: subfoveal choroid 287 +- 76, 145 at 3 mm nasal.
CHOROID_SUBFOVEAL_UM: Final = 290.0
CHOROID_SUBFOVEAL_SD_UM: Final = 90.0
CHOROID_NASAL_3MM_UM: Final = 150.0

# Disc: Jonas et al. 1988, Invest Ophthalmol Vis Sci 29:1151 (1.76 x 1.92 mm); place: Hong et al. 2010 and
# Jonas et al. 2015 (disc-fovea angle 7.8 +- 3.6 degrees, distance 4.76 +- 0.34 mm), rounded to the nominal scale.
DISC_DISTANCE_UM: Final = 4550.0
DISC_DISTANCE_SD_UM: Final = 150.0
DISC_ANGLE_DEG: Final = 7.0
DISC_ANGLE_SD_DEG: Final = 2.2
DISC_RADII_UM: Final = (870.0, 950.0)
CUP_RATIO: Final = 0.40
CUP_RATIO_SD: Final = 0.10

# Foveal avascular zone, radius of the equal circle: Samara et al. 2015, Retina 35:2188 (area 0.27 mm2).
# Thinner foveas have larger zones: same paper and Chui et al. 2014, Invest Ophthalmol Vis Sci 55:6725.
AVASCULAR_RADIUS_UM: Final = 290.0
AVASCULAR_RADIUS_SD_UM: Final = 65.0

# Vessel diameters at the disc margin: Hubbard et al. 1999, Ophthalmology 106:2269 and later work with the same scale,
# largest trunks.
ARTERY_UM: Final = 100.0
VEIN_UM: Final = 130.0

# Fixation and torsion between visits or devices: sd of the scan centre about the fovea, of the head's roll.
FIXATION_SD_UM: Final = 100.0
TORSION_SD_DEG: Final = 3.5

NATIVE_ROWS: Final = 496
NATIVE_COLUMNS: Final = 768
NATIVE_AXIAL_UM: Final = 3.87
"""Heidelberg Spectralis, high-speed line of 768 A-scans; nominal spacings."""
