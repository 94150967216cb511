"""Photographs as they come back from elsewhere: re-encoded, resized, mirrored, and so on. For the leak checks."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Photograph = NDArray[np.uint8]


def jpeg(photograph: Photograph, quality: int) -> Photograph:
    buffer = io.BytesIO()
    Image.fromarray(photograph).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def resized(photograph: Photograph, side: int) -> Photograph:
    return np.asarray(Image.fromarray(photograph).resize((side, side), Image.Resampling.BICUBIC))


def brighter(photograph: Photograph) -> Photograph:
    lit = photograph.sum(axis=-1, keepdims=True) > 30
    return np.clip(photograph * 1.2 + 10 * lit, 0, 255).astype(np.uint8)


def greyed(photograph: Photograph) -> Photograph:
    return np.repeat(photograph.mean(axis=-1, keepdims=True).astype(np.uint8), 3, axis=-1)


def padded(photograph: Photograph) -> Photograph:
    return np.pad(photograph, ((40, 40), (120, 120), (0, 0)))


def turned(photograph: Photograph, degrees: float) -> Photograph:
    return np.asarray(Image.fromarray(photograph).rotate(degrees, Image.Resampling.BICUBIC))


def trimmed(photograph: Photograph, share: float) -> Photograph:
    edge = int(len(photograph) * share)
    return np.ascontiguousarray(photograph[edge:-edge, edge:-edge])


FOUND: dict[str, Callable[[Photograph], Photograph]] = {
    "JPEG at quality 30": lambda p: jpeg(p, 30),
    "half the size": lambda p: resized(p, len(p) // 2),
    "twice the size, JPEG": lambda p: jpeg(resized(p, 2 * len(p)), 75),
    "brighter": brighter,
    "grey": greyed,
    "a wider black surround": padded,
    "mirrored": lambda p: np.ascontiguousarray(p[:, ::-1]),
    "upside down": lambda p: np.ascontiguousarray(p[::-1]),
    "a quarter turn": lambda p: np.ascontiguousarray(np.rot90(p)),
    "mirrored, small, JPEG": lambda p: jpeg(resized(np.ascontiguousarray(p[:, ::-1]), len(p) // 2), 60),
    "turned by 1 degree": lambda p: turned(p, 1),
}
"""What must be found."""

HARD: dict[str, Callable[[Photograph], Photograph]] = {
    "turned by 2 degrees": lambda p: turned(p, 2),
    "turned by 5 degrees": lambda p: turned(p, 5),
    "trimmed by 3 %": lambda p: trimmed(p, 0.03),
    "trimmed by 8 %": lambda p: trimmed(p, 0.08),
}
"""What this hash may miss: told, not promised."""
