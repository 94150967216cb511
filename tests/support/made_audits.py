"""A made audit of the boards of the leaderboard's tests: two faults, two metrics, and one that was not computed."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Sequence
from typing import Any

from fundus2oct.benchmark.audit_file import SCHEMA_NAME, SCHEMA_VERSION
from fundus2oct.metrics.catalogue import card

FAULTS = (
    {"name": "blur", "title": "Blur", "description": "A blur.", "unit": "px", "version": 1, "doses": [1.0, 2.0, 4.0]},
    {
        "name": "patient-shuffle",
        "title": "Patient shuffle",
        "description": "Dealt anew.",
        "unit": "share of the patients",
        "version": 1,
        "doses": [0.5, 1.0],
    },
)
VALUES = {"fvd": ([30.0, 120.0, 480.0], [0.0, 0.0]), "ssim": ([0.9, 0.7, 0.5], [0.6, 0.2])}
REAL = {"fvd": 90.3, "ssim": 0.21}


def digest(text: str) -> str:
    """The made-up hashes of the made records."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def under(values: Sequence[float | None], verdict: str, broken: Sequence[str] = ()) -> dict[str, Any]:
    return {"values": list(values), "verdict": verdict, "broken": list(broken)}


def audited(name: str) -> dict[str, Any]:
    """One metric of the made audit."""
    names = ["title", "abbreviation", "unit", "direction", "decimals", "version"]
    names += ["tolerance", "copy_is_best", "is_signed"]
    blurred, shuffled = VALUES[name]
    ignores = name == "fvd"
    return {
        **{field: getattr(card(name), field) for field in names},
        "reacts_to": ["blur"] if ignores else ["blur", "patient-shuffle"],
        "ignores": ["patient-shuffle"] if ignores else [],
        "truth_copy": card(name).best,
        "reason": None,
        "real_vs_real": REAL[name],
        "degradations": {
            "blur": under(blurred, "reacts as declared"),
            "patient-shuffle": under(shuffled, "ignores as declared" if ignores else "reacts as declared"),
        },
        "broken": [],
    }


def make_audit() -> dict[str, Any]:
    """An audit of the boards in `conftest`."""
    absent = {**audited("ssim"), "title": "Another", "abbreviation": "LPIPS", "truth_copy": None, "real_vs_real": None}
    absent |= {"reason": "weights lpips-alex are not installed"}
    absent["degradations"] = {fault["name"]: under([], "not computed") for fault in FAULTS}
    return {
        "schema": SCHEMA_NAME,
        "schema_version": SCHEMA_VERSION,
        "dataset": {
            "name": "phantom-mini",
            "version": "1.0",
            "split": "test",
            "truth_hash": digest("truth"),
            "inputs_hash": digest("inputs truth"),
            "cases_in_split": 24,
            "n_cases": 16,
            "n_patients": 9,
        },
        "seed": 0,
        "rules": {"reacts": "declared to react: worse by more than the tolerance"},
        "degradations": copy.deepcopy(list(FAULTS)),
        "order": ["fvd", "ssim", "lpips"],
        "metrics": {"fvd": audited("fvd"), "ssim": audited("ssim"), "lpips": absent},
        "findings": {
            "films": {"tau": {"fvd and fvd_repeat3": 0.91}, "values": {"fvd": {"blur": 480.0}}},
            "pixels_against_fvd": {"ssim": 0.25, "psnr": None},
            "crop": {"fvd": 0.12, "ssim": 0.95, "psnr": None},
        },
        "broken": [],
        "versions": {"numpy": "2.1.0"},
    }
