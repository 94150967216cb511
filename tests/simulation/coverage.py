"""Do the intervals and tests keep their promises? The simulation whose tables stand in docs/uncertainty.md.

Run by hand: ``python tests/simulation/coverage.py [--fast] [--only PART] [--processes 2]``. It prints progress, takes
about half an hour on two cores, and writes its tables between the marks of the page. Every replicate has its own
seed, so numbers do not depend on processes; Monte-Carlo errors stand beside them. `test_inference_simulation.py` runs
a small version. The experiments are in `set_experiments` and `case_experiments`, the model in `phantom_model`.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import case_experiments
import numpy as np
import phantom_model
import set_experiments
from phantom_model import Spectrum
from set_experiments import PANEL, Map

SEED = 20_240_611
PAGE = Path(__file__).parents[2] / "docs" / "uncertainty.md"
SIZES = {32: 1000, 64: 500, 128: 120}
"""Patients -> replicates of the panel of entries."""
HEAVY = (64, 250)
SWAPS = {32: (800, 2000), 64: (1600, 1600)}
"""Patients -> replicates for interchangeable entries, for which the test is exact, and for tied, unlike ones."""
COLLAPSE = (("phantom", 32, 0.75, 300), ("phantom", 64, 0.9, 300), ("phantom", 64, 0.75, 200), ("1/i", 64, 0.75, 200))
"""Spectrum, patients, spread of the collapsed entry, replicates."""
CASE_REPLICATES = 3000
FAMILY_REPLICATES = 2000
PERMUTATIONS = 99
"""Of each swap test: so few cost power and not level, 5 of 100 are 5 %."""
CALIBRATION = 600
PARTS = ("case-metrics", "set-metrics", "swaps", "collapse")


def percent(p: float, n: int) -> str:
    """A share with its Monte-Carlo standard error, in per cent."""
    return f"{100 * p:.1f} ± {100 * np.sqrt(max(p * (1 - p), 1 / n**2) / n):.1f}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def case_coverage(run: Map, scale: float) -> str:
    """Coverage of the 95 % interval of a case metric's mean."""
    n = max(20, int(CASE_REPLICATES * scale))
    rows = []
    for name in (*case_experiments.SHAPES, case_experiments.WITH_FAILURES):
        cells = []
        for patients in SIZES:
            tasks = [(name, patients, [SEED, patients, k]) for k in range(n)]
            cells.append(percent(float(np.mean(list(run(case_experiments.covers, tasks)))), n))
        near = name in case_experiments.SHAPES and case_experiments.SHAPES[name][1]
        rows.append([name, "93-97" if near else "declared exception", *cells])
    return (
        table(["patients' scores", "demanded", *(f"{g} patients" for g in SIZES)], rows) + f"\n\n{n} replicates each."
    )


def case_tests(run: Map, scale: float) -> str:
    """False positives among eight entries of equal expectation."""
    n = max(20, int(FAMILY_REPLICATES * scale))
    rows = []
    for name in list(case_experiments.SHAPES)[:2]:
        for patients in SIZES:
            tasks = [(name, patients, 8, [SEED, patients, k]) for k in range(n)]
            shares = np.mean(list(run(case_experiments.false_positives, tasks)), axis=0)
            cells = [percent(float(p), n) for p in (shares[0], 1 - shares[1], shares[2], 1 - shares[3])]
            rows.append([name, str(patients), *cells])
    head = [
        "scores",
        "patients",
        "sign flips reject",
        "paired interval covers",
        "max-t: any of 28 pairs",
        "all ranks held",
    ]
    return table(head, rows) + f"\n\n{n} replicates each."


def panel_scores(run: Map, spectrum: Spectrum, patients: int, replicates: int) -> set_experiments.Scores:
    """The panel, with its unlike tie calibrated at this number of patients."""
    n_calibration = min(CALIBRATION, 20 * replicates)
    panel = set_experiments.calibrated_panel(spectrum, patients, n_calibration, SEED + 1)
    return set_experiments.run_panel(spectrum, panel, patients, replicates, SEED, run)


def set_differences(panels: dict[str, set_experiments.Scores]) -> str:
    """For each panel the range over pairs of coverage and of se/sd, and the test's rejections of true ties."""
    rows = []
    for name, scores in panels.items():
        n, pairs = len(scores.values), set_experiments.pair_table(scores)
        worst = min(pairs, key=lambda row: row["coverage"])
        ties = [row["rejected"] for row in pairs if row["tied"]]
        ratios = [row["se_over_sd"] for row in pairs]
        covered = [row["coverage"] for row in pairs]
        named = " - ".join(PANEL[i].name for i in worst["pair"])
        cells = [str(n), f"{percent(worst['coverage'], n)} ({named})", f"{100 * max(covered):.1f}"]
        cells += [f"{min(ratios):.2f}-{max(ratios):.2f}", f"{100 * min(ties):.1f}-{100 * max(ties):.1f}"]
        rows.append([name, *cells])
    head = [
        "patients",
        "replicates",
        "worst pair covered",
        "best pair",
        "se/sd, all 28 pairs",
        "jackknife t rejects ties",
    ]
    return table(head, rows)


def every_pair(scores: set_experiments.Scores) -> str:
    """All pairs at one size."""
    n = len(scores.values)
    rows = [
        [
            " - ".join(PANEL[i].name for i in row["pair"]),
            f"{row['estimand']:+.3f}",
            percent(row["coverage"], n),
            f"{row['se_over_sd']:.2f}",
            f"{100 * row['rejected']:.1f}",
        ]
        for row in set_experiments.pair_table(scores)
    ]
    return table(["pair", "E[FVD_n(A) - FVD_n(B)]", "covered", "se/sd", "p <= 0.05"], rows)


def ranks(panels: dict[str, set_experiments.Scores]) -> str:
    """Coverage of the rank intervals."""
    rows = []
    for name, scores in panels.items():
        n, found = len(scores.values), set_experiments.rank_table(scores)
        worst = int(np.argmin(found["per_entry"]))
        cells = [percent(float(found["per_entry"][worst]), n), percent(found["joint"], n), f"{found['width']:.1f} of 8"]
        rows.append([name, *cells, percent(found["false_claims"], n), percent(found["tie_split"], n)])
    head = [
        "patients",
        "worst entry",
        "all entries at once",
        "mean width",
        "a tied pair called different",
        "tie in two tiers",
    ]
    return table(head, rows)


def swaps(run: Map, spectrum: Spectrum, scale: float) -> str:
    """False positives of the swap test: interchangeable entries, and entries tied in expectation alone."""
    rows = []
    for patients, replicates in SWAPS.items():
        panel = set_experiments.calibrated_panel(spectrum, patients, max(50, int(CALIBRATION * scale)), SEED + 1)
        pairs = {"interchangeable": (panel[1], panel[2]), "tied, unlike": (panel[1], panel[3])}
        for (name, pair), wanted in zip(pairs.items(), replicates, strict=True):
            n = max(10, int(wanted * scale))
            tasks = [(spectrum, pair, patients, PERMUTATIONS, [SEED, patients, k]) for k in range(n)]
            p = np.array(list(run(set_experiments.swap_p, tasks)))
            rows.append([name, str(patients), str(n), percent(float(np.mean(p <= 0.05)), n)])
    return table(["pair", "patients", "replicates", "swap test rejects at 5 %"], rows)


def collapse(run: Map, spectrum: Spectrum, scale: float) -> str:
    """What FVD, the bias-matched distance and the tier rule say of a collapsed entry beside an honest one."""
    spectra = {"phantom": spectrum, "1/i": phantom_model.harmonic_spectrum(200)}
    rows = []
    for name, patients, spread, replicates in COLLAPSE:
        n = max(10, int(replicates * scale))
        pair = (set_experiments.HONEST, replace(set_experiments.HONEST, spread=spread))
        tasks = [(spectra[name], pair, patients, 20, [SEED, patients, k]) for k in range(n)]
        found = list(run(set_experiments.collapse_replicate, tasks))
        values = np.array([row[0] for row in found])
        means, errors = values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(n)
        true = [f"{entry.true_distance:.3f}" for entry in pair]
        measured = [f"{m:.3f} ± {e:.3f}" for m, e in zip(means, errors, strict=True)]
        fooled, warned = values[:, 1] < values[:, 0], values[:, 3] > values[:, 2]
        shares = [fooled, [row[1] for row in found], warned[fooled], [row[2] for row in found]]
        told = [percent(float(np.mean(share)) if len(share) else np.nan, max(len(share), 1)) for share in shares]
        case = f"{name}, {patients} patients, spread {spread:g}"
        rows.append([case, str(n), *(f"{a} / {b}" for a, b in (true, measured[:2], measured[2:])), *told])
    head = ["case", "replicates", "true distance, honest / collapsed", "mean FVD", "mean bias-matched distance"]
    head += [
        "FVD prefers the collapsed",
        "significantly",
        "bias-matched warns of it",
        "the collapsed leads a tier above",
    ]
    return table(head, rows)


def set_metric_tables(run: Map, spectrum: Spectrum, scale: float) -> dict[str, str]:
    """All tables that rest on panels of eight entries."""
    panels = {
        str(patients): panel_scores(run, spectrum, patients, max(10, int(replicates * scale)))
        for patients, replicates in SIZES.items()
    }
    heavy = panel_scores(run, replace(spectrum, tails=5.0), HEAVY[0], max(10, int(HEAVY[1] * scale)))
    panels[f"{HEAVY[0]}, heavy tails"] = heavy
    return {
        "set-differences": set_differences(panels),
        "every-pair": every_pair(panels["64"]),
        "ranks": ranks(panels),
    }


def make_tables(run: Map, scale: float, report: Callable[[str], None], only: str | None) -> dict[str, str]:
    """The tables of one part, or of all, by their marks in the page."""
    spectrum = phantom_model.read_spectrum()
    parts: dict[str, Callable[[], dict[str, str]]] = {
        "case-metrics": lambda: {"case-coverage": case_coverage(run, scale), "case-tests": case_tests(run, scale)},
        "set-metrics": lambda: set_metric_tables(run, spectrum, scale),
        "swaps": lambda: {"swaps": swaps(run, spectrum, scale)},
        "collapse": lambda: {"collapse": collapse(run, spectrum, scale)},
    }
    found: dict[str, str] = {}
    for name in PARTS:
        if only in (None, name):
            found |= parts[name]()
            report(name)
    return found


def write_tables(page: Path, tables: dict[str, str]) -> None:
    """Replace what stands between ``<!-- table: NAME -->`` and ``<!-- end -->``."""
    text = page.read_text("utf-8")
    for name, content in tables.items():
        mark = f"<!-- table: {name} -->"
        if mark not in text:
            raise ValueError(f"{page}: expected the mark {mark}, found none")
        before, _, rest = text.partition(mark)
        text = f"{before}{mark}\n{content}\n<!-- end -->{rest.partition('<!-- end -->')[2]}"
    page.write_text(text, "utf-8")


def main() -> None:
    """Run everything and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fast", action="store_true", help="a fiftieth of the replicates; prints and writes nothing")
    parser.add_argument("--only", choices=PARTS, help="one part; the other tables stay as they are")
    parser.add_argument("--processes", type=int, default=2)
    told = parser.parse_args()
    started = time.monotonic()

    def report(what: str) -> None:
        print(f"{time.monotonic() - started:6.0f} s  {what}", flush=True)

    for variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ[variable] = "1"  # of the processes started below: they share the cores better than threads
    with multiprocessing.get_context("spawn").Pool(told.processes) as pool:
        run: Any = partial(pool.imap, chunksize=8)
        tables = make_tables(run, 0.02 if told.fast else 1.0, report, told.only)
    for name, content in tables.items():
        print(f"\n{name}\n{content}")
    if not told.fast:
        write_tables(PAGE, tables)


if __name__ == "__main__":
    main()
