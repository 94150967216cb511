"""Writing a phantom cohort as a dataset folder: photographs, B-scans, the table, and the sidecar of hidden truth.

A temporary sibling folder is filled, by several processes, and renamed at the end: a kill leaves nothing that looks
finished. Who is in the cohort is `cohort_plan`'s business. Called by `bench data phantom` and tests.
"""

from __future__ import annotations

import contextlib
import csv
import io
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fundus2oct.benchmark.phantom import norms
from fundus2oct.benchmark.phantom.anatomy import Eye, sample_eye
from fundus2oct.benchmark.phantom.cohort_plan import PHANTOM_VERSION, PROFILES, PlannedEye, plan_cohort
from fundus2oct.benchmark.phantom.fundus_renderer import render_fundus, scan_centre_px
from fundus2oct.benchmark.phantom.oct_renderer import render_volume, true_surfaces
from fundus2oct.metrics.durable_file import TEMPORARY_PREFIX
from fundus2oct.metrics.errors import BenchError, ExitCode
from fundus2oct.metrics.scan_geometry import ANGLES_DEG, AXIAL_UM, LATERAL_UM, VOLUME_SHAPE

CASE_COLUMNS = (
    "case_id",
    "source_id",
    "patient_id",
    "eye",
    "split",
    "fundus",
    "oct",
    "scan_centre_x",
    "scan_centre_y",
    "um_per_px",
)
LABEL_COLUMNS = ("case_id", "disease", "severity", "central_subfield_um", "inner_ring_um", "outer_ring_um")
_PNG_EFFORT = 1
_DESCRIPTION = (
    "Synthetic eyes: fundus photograph and radial OCT drawn from one made-up anatomy. "
    "A software benchmark and a teaching set; it is no clinical evidence."
)


def write_cohort(
    out: Path,
    *,
    profile: str,
    seed: int = 0,
    workers: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write a cohort. The same profile and seed give the same bytes, whatever the number of workers.

    Args:
        out: the dataset's folder; it must not exist, or be empty.
        profile: "tiny", "trial", "mini" or "v1".
        seed: 0 or more.
        workers: processes; None = one for each processor this process may use.
        on_progress: called with (eyes done, eyes in all).

    Raises:
        BenchError: E_PROFILE, E_SEED, E_EXISTS, E_DISK or E_WORKER.
    """
    _check(out, profile, seed)
    partial = out.parent / f"{TEMPORARY_PREFIX}{secrets.token_hex(6)}-{out.name}"
    try:
        for folder in ("fundus", "oct", "sidecar/surfaces"):
            (partial / folder).mkdir(parents=True)
        rows = _render_all(partial, plan_cohort(profile, seed), profile, seed, workers, on_progress)
        _write_table(partial / "cases.csv", CASE_COLUMNS, rows)
        _write_table(partial / "sidecar" / "labels.csv", LABEL_COLUMNS, rows)
        (partial / "dataset.toml").write_text(_dataset_toml(profile, seed), encoding="utf-8")
        os.replace(partial, out)
    except OSError as error:
        fix = "free some space, or name another folder, and run the same command again"
        raise BenchError("E_DISK", f"cannot write: {error.strerror or error}", where=out, fix=fix) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def cohort_eye(case: PlannedEye, profile: str, seed: int) -> Eye:
    """The latent eye behind a planned case."""
    return sample_eye(seed, case.patient, case.eye, cohort=profile, disease=case.disease)


def write_case(folder: Path, case: PlannedEye, profile: str, seed: int) -> dict[str, str]:
    """Render one case into a dataset's folder and return its fields of both tables."""
    eye = cohort_eye(case, profile, seed)
    fundus, scans = f"fundus/{case.case_id}.png", f"oct/{case.case_id}"
    Image.fromarray(render_fundus(eye)).save(folder / fundus, compress_level=_PNG_EFFORT)
    (folder / scans).mkdir()
    for i, bscan in enumerate(render_volume(eye)):
        Image.fromarray(bscan).save(folder / scans / f"{case.case_id}_{i}.png", compress_level=_PNG_EFFORT)
    ilm_row, bm_row = (rows.astype(np.float32) for rows in true_surfaces(eye))
    np.savez(folder / "sidecar" / "surfaces" / f"{case.case_id}.npz", ilm_row=ilm_row, bm_row=bm_row)
    column, row = scan_centre_px(eye)
    fields = {name: getattr(case, name) for name in ("case_id", "source_id", "patient_id", "eye", "split", "disease")}
    return fields | {
        "fundus": fundus,
        "oct": scans,
        "scan_centre_x": f"{column:.2f}",
        "scan_centre_y": f"{row:.2f}",
        "um_per_px": f"{eye.photo.um_per_px:.4f}",
        "severity": f"{eye.severity:.3f}",
        "central_subfield_um": f"{eye.mean_thickness_um(0.0, norms.CENTRAL_RADIUS_UM):.2f}",
        "inner_ring_um": f"{eye.mean_thickness_um(norms.CENTRAL_RADIUS_UM, norms.INNER_RADIUS_UM):.2f}",
        "outer_ring_um": f"{eye.mean_thickness_um(norms.INNER_RADIUS_UM, norms.OUTER_RADIUS_UM):.2f}",
    }


def _check(out: Path, profile: str, seed: int) -> None:
    if profile not in PROFILES:
        raise BenchError(
            "E_PROFILE",
            "unknown phantom profile",
            expected=" or ".join(PROFILES),
            found=profile,
            exit_code=ExitCode.USAGE,
        )
    if seed < 0:
        raise BenchError("E_SEED", "a seed is 0 or more", found=str(seed), exit_code=ExitCode.USAGE)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BenchError(
            "E_EXISTS",
            "the output folder already holds something",
            where=out,
            fix="name a new folder, or remove this one first",
            exit_code=ExitCode.USAGE,
        )


def _render_all(
    folder: Path,
    plan: list[PlannedEye],
    profile: str,
    seed: int,
    workers: int | None,
    on_progress: Callable[[int, int], None] | None,
) -> list[dict[str, str]]:
    """Render every case; the rows come back in the plan's order."""
    rows: dict[str, dict[str, str]] = {}
    with _finished_cases(folder, plan, profile, seed, workers or len(os.sched_getaffinity(0))) as finished:
        for row in finished:
            rows[row["case_id"]] = row
            if on_progress is not None:
                on_progress(len(rows), len(plan))
    return [rows[case.case_id] for case in plan]


@contextlib.contextmanager
def _finished_cases(
    folder: Path, plan: list[PlannedEye], profile: str, seed: int, workers: int
) -> Iterator[Iterator[dict[str, str]]]:
    if workers <= 1:
        yield (write_case(folder, case, profile, seed) for case in plan)
        return
    with _one_thread_each(), ProcessPoolExecutor(min(workers, len(plan)), mp_context=get_context("spawn")) as pool:
        jobs = [pool.submit(write_case, folder, case, profile, seed) for case in plan]
        try:
            yield (job.result() for job in as_completed(jobs))
        except BrokenProcessPool as error:
            fix = "run again with fewer workers; a process was killed, often for memory"
            raise BenchError("E_WORKER", "a rendering process died", fix=fix, exit_code=ExitCode.INTERNAL) from error
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


@contextlib.contextmanager
def _one_thread_each() -> Iterator[None]:
    """Processes started meanwhile use one thread each for linear algebra."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _write_table(path: Path, columns: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    path.write_text(text.getvalue(), encoding="utf-8")


def _dataset_toml(profile: str, seed: int) -> str:
    return f"""name = "phantom-{profile}"
version = "{PHANTOM_VERSION}"
title = "Retinal phantom, {profile}"
description = "{_DESCRIPTION}"
licence = "CC0-1.0"
pictures_may_be_published = true

[scan]
pattern = "radial"
angles_deg = {list(ANGLES_DEG)}
lateral_um = {LATERAL_UM}
axial_um = {AXIAL_UM}
shape = {list(VOLUME_SHAPE)}

[origin]
generator = "fundus2oct.benchmark.phantom"
phantom_version = "{PHANTOM_VERSION}"
profile = "{profile}"
seed = {seed}
"""
