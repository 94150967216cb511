"""Score folders as `bench score` leaves them, made up: what `bench compare` reads."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from fundus2oct.benchmark.result_file import check_result
from fundus2oct.metrics.catalogue import CARDS
from fundus2oct.metrics.durable_file import write_json

PATIENTS = np.array([f"p{i:02d}" for i in range(12)])
EYES = np.tile([1, 2], 6)
HARD = np.random.default_rng(99).normal(size=12)
"""What makes a patient hard for every entry."""
METRICS = ("fvd", "ssim", "psnr")

Write = Callable[..., Path]


def measured(version: str, value: float | None) -> dict[str, Any]:
    reason = "weights are missing" if value is None else None
    return {"version": version, "value": value, "reason": reason, "n_cases": 18, "n_patients": 12, "uncertainty": None}


def make_result(method: str, values: dict[str, float | None], kind: str) -> dict[str, Any]:
    versions = {card.name: card.version for card in CARDS if card.name in values}
    entry = {"team": "team", "method": method, "kind": kind, "title": "", "description": "", "licence": ""}
    return {
        "schema": "fundus2oct-result",
        "schema_version": 1,
        "entry": entry | {"external_data": "", "links": []},
        "phase": "test",
        "dataset": {
            "name": "toy",
            "version": "1",
            "title": "",
            "description": "",
            "licence": "",
            "pictures_may_be_published": True,
            "split": "test",
            "inputs_hash": "0" * 64,
            "truth_hash": "1" * 64,
            "n_cases": 18,
            "n_patients": 12,
        },
        "protocol": {
            "container": "raw",
            "failure_policy": "",
            "headline_mean": "",
            "metric_versions": versions,
        },
        "run": {
            "generator": "x:y",
            "generator_hash": None,
            "seed": 0,
            "isolation": "none",
            "versions": {},
            "volumes_hash": "2" * 64,
        },
        "cases": {"expected": 18, "scored": 18, "failed": 0, "failures": {}},
        "metrics": {name: measured(versions[name], value) for name, value in values.items()},
        "eligible": {"value": None, "reasons": []},
        "flags": [],
        "sample": None,
        "versions": {},
    }


def per_patient(method: str, quality: float, is_copy: bool) -> tuple[dict[str, Any], dict[str, float]]:
    """Arrays and values of an entry: lower FVD, higher SSIM and PSNR with lower ``quality``."""
    rng = np.random.default_rng(sum(map(ord, method)))
    own = HARD + 0.3 * rng.normal(size=12) + quality
    arrays: dict[str, Any] = {f"{name}.patients": PATIENTS for name in METRICS}
    arrays |= {f"{name}.n": EYES for name in METRICS}
    arrays |= {"ssim.mean": 0.6 - 0.02 * own, "psnr.mean": 20 - own}
    weights = EYES / EYES.sum()
    total = 100 + float(own @ weights)
    arrays["fvd.delete_one"] = (total - own * weights) / 1 + 1e-3 * own
    if is_copy:
        total, arrays["fvd.delete_one"] = 0.0, np.zeros(12)
    values = {"fvd": total, "ssim": float(arrays["ssim.mean"].mean()), "psnr": float(arrays["psnr.mean"].mean())}
    return arrays, values


def writer(folder_of_all: Path) -> Write:
    """Writes a score folder below ``private`` and returns it."""

    def make(
        method: str, quality: float = 0.0, *, kind: str = "submission", is_copy: bool = False, **changes: Any
    ) -> Path:
        arrays, values = per_patient(method, quality, is_copy)
        result = make_result(method, dict(values), kind)
        for path, value in changes.items():
            place: Any = result
            *parents, last = path.split("__")
            for parent in parents:
                place = place[parent]
            place[last] = value
        folder = folder_of_all / "private" / "team" / method / "toy-1" / "test"
        folder.mkdir(parents=True)
        write_json(folder / "result.json", check_result(result, where=method))
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **arrays)
        (folder / "per_patient.npz").write_bytes(buffer.getvalue())
        return folder

    return make
