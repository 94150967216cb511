"""From a latent eye to its colour fundus photograph: absorbing layers over an orange fundus, light, blur and noise.

`before_noise` is everything but chance, `render_fundus` the photograph a dataset holds. Each part of the anatomy
adds to the logarithm of red, green and blue. No files. Called by `cohort`, `aptos_export` and tests.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from fundus2oct.benchmark.phantom.anatomy import Eye
from fundus2oct.benchmark.phantom.lesions import spot_maps
from fundus2oct.benchmark.phantom.poses import PHOTO_FIELD_RADIUS_PX, PHOTO_SIZE
from fundus2oct.benchmark.phantom.random_streams import stream
from fundus2oct.benchmark.phantom.smooth_fields import Floats, smoothstep
from fundus2oct.benchmark.phantom.vessels import VEIN

BACKGROUND: Final = (1.05, 0.385, 0.155)
"""Red, green and blue of a fundus of mean pigment."""

_STRIDE = 2
_COARSE = PHOTO_SIZE // _STRIDE

# What one unit of each absorber or reflector adds to log red, green, blue.
_MELANIN = (-0.20, -0.29, -0.20)
_LUTEIN = (-0.30, -0.55, -0.95)
_SHEEN = (0.04, 0.16, 0.20)
_CHOROID = (0.55, 0.75, 0.30)
_DRUSE = (0.16, 0.36, 0.26)
_EXUDATE = (0.22, 0.85, 0.85)
_BLOOD = (-0.40, -1.00, -0.60)
_VEIL = (-0.04, 0.16, 0.36)
_ARTERY = (-0.16, -0.72, -0.50)
_VEIN = (-0.42, -1.05, -0.60)
_REFLEX = (0.10, 0.30, 0.30)
_RIM = (1.45, 0.74, 0.38)
_CUP = (1.75, 1.15, 0.72)
_CRESCENT = (1.55, 0.85, 0.46)


def render_fundus(eye: Eye) -> NDArray[np.uint8]:
    """The photograph, (512, 512, 3) uint8 RGB, black around a round field."""
    picture = before_noise(eye)
    rng = stream(eye.seed, eye.cohort, eye.patient, eye.side, "camera")
    grain = rng.standard_normal(picture.shape)
    picture += 0.006 * grain * np.sqrt(picture + 0.05)
    picture *= 255.0
    return np.rint(np.clip(picture, 0.0, 255.0)).astype(np.uint8)


def before_noise(eye: Eye) -> Floats:
    """The photograph without camera noise, (512, 512, 3) float64, 0..1. Mirroring the eye mirrors it."""
    axis = (np.arange(_COARSE) * _STRIDE + (_STRIDE - 1) / 2).astype(np.float64)
    column, row = np.meshgrid(axis, axis)
    x, y = eye.photo.to_eye(eye.nasal, column, row)
    log = np.log(np.array(BACKGROUND))[:, None, None] + np.zeros((3, *x.shape))
    _add_tissue(log, eye, x, y)
    _add_lesions(log, eye, x, y)
    picture = np.exp(log)
    _paint_disc(picture, eye, x, y)
    picture *= _light(eye, column, row)
    picture = np.stack([_enlarged(channel) for channel in picture])
    picture *= np.exp(_vessel_absorption(eye))
    for channel in picture:
        ndimage.gaussian_filter(channel, eye.photo.blur_px, output=channel, truncate=3.0)
    picture = 1.0 - np.exp(-1.25 * picture) * (1.0 - 0.05 * picture)
    return np.moveaxis(picture * _field(), 0, -1).copy()


def scan_centre_px(eye: Eye) -> tuple[float, float]:
    """Column and row of the OCT scan's centre in the photograph: what a perfect registration would find."""
    x, y = np.array(eye.scan.centre_x_um), np.array(eye.scan.centre_y_um)
    column, row = eye.photo.to_pixel(eye.nasal, x, y)
    return float(column), float(row)


def _add(log: Floats, colour: tuple[float, float, float], amount: Floats | float) -> None:
    for channel, weight in zip(log, colour, strict=True):
        channel += weight * amount


def _add_tissue(log: Floats, eye: Eye, x: Floats, y: Floats) -> None:
    traits, r = eye.traits, np.hypot(x, y)
    melanin = 0.9 * traits["pigment"] + 0.22 * eye.pigment_map.at(x, y)
    _add(log, _MELANIN, melanin)
    thin = 0.16 - 0.05 * traits["choroid"] + 0.05 * np.clip(traits["pigment"], -1, 2) + 0.75 * eye.lesions.myopia
    _add(log, _CHOROID, max(thin, 0.05) * eye.choroid.tessellation(x, y) * smoothstep(r, 300.0, 2200.0))
    veil = np.minimum(eye.lesions.swelling_height(x, y) / 220.0, 1.0)
    hidden = (1.0 - 0.65 * veil) * (1.0 - 0.5 * eye.lesions.membrane_strength(x, y))
    density = max(0.60 + 0.20 * traits["macular_pigment"], 0.12)
    size = 520.0 * eye.shape.pit_width * (1.0 - 0.08 * traits["fill"])
    _add(log, _LUTEIN, hidden * density * np.exp(-((r / size) ** 2)))
    _add(log, _MELANIN, hidden * (0.85 - 0.12 * traits["fill"]) * np.exp(-((r / 1500.0) ** 2)))
    fibres = np.minimum(eye.shape.nerve_fibres_um(x, y), 130.0) / 60.0
    u = eye.shape.bundle(x, y)
    streaks = np.sin(37.0 * u + 3.0 * np.sin(9.0 * u)) + np.sin(61.0 * u + 1.0)
    _add(log, _SHEEN, fibres * (0.95 + 0.10 * streaks))
    shine = 0.5 + 0.5 * np.tanh(traits["reflex"])
    ring = np.exp(-(((r - 900.0 * eye.shape.pit_width) / 130.0) ** 2))
    _add(log, _REFLEX, shine * hidden * (0.45 * ring + 1.3 * np.exp(-((r / 55.0) ** 2))))


def _add_lesions(log: Floats, eye: Eye, x: Floats, y: Floats) -> None:
    lesions = eye.lesions
    _add(log, _VEIL, np.minimum(lesions.swelling_height(x, y) / 220.0, 1.0))
    spots = spot_maps(x, y, lesions.drusen, lesions.haemorrhages, lesions.exudates)
    for colour, amount in zip((_DRUSE, _BLOOD, _EXUDATE), spots, strict=True):
        _add(log, colour, amount)
    if lesions.membrane[0] > 0:
        _add(log, _VEIL, lesions.membrane_strength(x, y) * (0.55 + 0.30 * lesions.folds(x, y)))


def _paint_disc(picture: Floats, eye: Eye, x: Floats, y: Floats) -> None:
    disc = eye.disc
    crescent = disc.crescent(x, y)
    inside = 1.0 - smoothstep(disc.radius(x, y), 0.93, 1.05)
    cup = disc.cup(x, y)
    pale = 0.35 * eye.lesions.fibre_loss
    for channel, rim, bottom, white in zip(picture, _RIM, _CUP, _CRESCENT, strict=True):
        channel += crescent * 0.85 * (white - channel)
        colour = rim + (bottom - rim) * np.maximum(0.9 * cup, pale)
        channel += inside * (colour - channel)


def _light(eye: Eye, column: Floats, row: Floats) -> Floats:
    middle = (PHOTO_SIZE - 1) / 2
    dx = eye.nasal * (column - middle) / PHOTO_FIELD_RADIUS_PX - eye.photo.light_x
    dy = (middle - row) / PHOTO_FIELD_RADIUS_PX - eye.photo.light_y
    fall = eye.photo.exposure * (1.06 - 0.34 * (dx**2 + dy**2))
    warmth = eye.photo.warmth
    light: Floats = fall * np.array([1.0 + 0.5 * warmth, 1.0, 1.0 - warmth])[:, None, None]
    return light


def _field() -> Floats:
    middle = (PHOTO_SIZE - 1) / 2
    axis = np.arange(PHOTO_SIZE) - middle
    radius = np.hypot(axis[None, :], axis[:, None])
    return 1.0 - smoothstep(radius, PHOTO_FIELD_RADIUS_PX - 1.5, PHOTO_FIELD_RADIUS_PX + 0.5)


def _enlarged(picture: Floats) -> Floats:
    """A half-size channel at full size, bilinear, pixel middles kept."""
    for axis in (0, 1):
        padded = np.pad(picture, [(1, 1) if i == axis else (0, 0) for i in (0, 1)], mode="edge")
        padded = np.moveaxis(padded, axis, 0)
        out = np.empty((2 * (len(padded) - 2), padded.shape[1]))
        out[0::2] = 0.75 * padded[1:-1] + 0.25 * padded[:-2]
        out[1::2] = 0.75 * padded[1:-1] + 0.25 * padded[2:]
        picture = np.moveaxis(out, 0, axis)
    return picture


def _vessel_absorption(eye: Eye) -> Floats:
    """What vessels add to log red, green and blue, (3, 512, 512)."""
    tree = eye.vessels
    column, row = eye.photo.to_pixel(eye.nasal, tree.x, tree.y)
    half = tree.half_width / eye.photo.um_per_px
    veins = tree.kind == VEIN
    log = np.zeros((3, PHOTO_SIZE, PHOTO_SIZE))
    _add(log, _ARTERY, _stamped(column[~veins], row[~veins], half[~veins]))
    _add(log, _VEIN, _stamped(column[veins], row[veins], half[veins]))
    wide = half > 1.15
    _add(log, _REFLEX, 0.9 * _stamped(column[wide], row[wide], 0.26 * half[wide]))
    return log


def _stamped(column: Floats, row: Floats, half: Floats) -> Floats:
    """Coverage 0..1 of discs of half width ``half`` (pixels) around many points: their union, soft at the edge."""
    out = np.zeros((PHOTO_SIZE + 16) ** 2)
    for small, reach in ((half < 0.9, 2), (half >= 0.9, 4)):
        c, r, h = column[small], row[small], half[small]
        inside = (np.abs(c - PHOTO_SIZE / 2) < PHOTO_SIZE / 2) & (np.abs(r - PHOTO_SIZE / 2) < PHOTO_SIZE / 2)
        c, r, h = c[inside, None], r[inside, None], h[inside, None]
        offset = np.arange(-reach, reach + 1)
        dy, dx = (part.ravel()[None, :] for part in np.meshgrid(offset, offset, indexing="ij"))
        c0, r0 = np.rint(c), np.rint(r)
        distance = np.sqrt((c0 + dx - c) ** 2 + (r0 + dy - r) ** 2)
        cover = np.clip(h + 0.5 - distance, 0.0, np.minimum(1.0, 2.0 * h))
        index = ((r0 + dy + 8) * (PHOTO_SIZE + 16) + c0 + dx + 8).astype(np.intp)
        np.maximum.at(out, index.ravel(), cover.ravel())
    return out.reshape(PHOTO_SIZE + 16, PHOTO_SIZE + 16)[8:-8, 8:-8]
