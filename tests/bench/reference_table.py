"""A page of every reference row: what it cost, and every metric with its uncertainty, from the filed records.

    python tests/bench/reference_table.py runs/reference-mini-demo --results submissions > docs/reference-mini-demo.md

Called by `make train-reference` when all rows are scored. Numbers come from the records and from the training folders;
only parameters are counted here, and operations by torch's counter while one volume is drawn.
"""

from __future__ import annotations

import json
import statistics
import struct
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from math import prod
from pathlib import Path
from typing import Any

import click
import numpy as np
from operation_count import operations

from fundus2oct.metrics.catalogue import CARDS

HEADLINE = ("fvd", "bias_matched_fd", "kvd", "central_thickness_error", "inner_ring_error", "psnr", "ssim")


@dataclass(frozen=True)
class ReferenceRow:
    """One row: its record, and its training folder and run where it has them.

    Attributes:
        name: method's slug.
        record: the public record.
        folder: of the trained generator; may not exist.
        run: of the generated volumes; may not exist.
    """

    name: str
    record: dict[str, Any]
    folder: Path
    run: Path

    @property
    def title(self) -> str:
        """For readers."""
        return str(self.record["entry"].get("title") or self.name)

    def value(self, metric: str) -> str:
        """Value and interval of a metric, in the card's decimals."""
        found = self.record["metrics"][metric]
        if found["value"] is None:
            return "-"
        decimals = next(card.decimals for card in CARDS if card.name == metric)
        interval = (found.get("uncertainty") or {}).get("interval")
        low_high = f" [{interval[0]:.{decimals}f}, {interval[1]:.{decimals}f}]" if interval else ""
        return f"{found['value']:.{decimals}f}{low_high}"

    def gap(self, fields: str) -> str:
        """The shuffled-fundus gap in thickness error, µm, with its interval; fields: "central" or "grid" (all nine)."""
        gap = ((self.record["controls"] or {}).get("photograph_gap") or {}).get(fields, {}).get("gap")
        return f"{gap['value']:.1f} [{gap['low']:.1f}, {gap['high']:.1f}]" if gap else "-"

    @property
    def flagged(self) -> str:
        """Volumes flagged as training volumes."""
        found = (self.record["controls"] or {}).get("memorisation")
        return f"{found['flagged']} of {found['cases']}" if found and found.get("flagged") is not None else "-"

    @property
    def eligible(self) -> str:
        """Whether the row is ranked."""
        eligible = self.record.get("eligible") or {}
        return {True: "yes", False: "no"}.get(eligible.get("value"), "-")

    @cached_property
    def parameters(self) -> str:
        """Parameters and buffers in `model.safetensors`, from its header."""
        path = self.folder / "model.safetensors"
        if not path.exists():
            return "-"
        with open(path, "rb") as file:
            header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        return f"{sum(prod(entry['shape']) for name, entry in header.items() if name != '__metadata__') / 1e6:.2f} M"

    @property
    def training(self) -> str:
        """Seconds of the last stage of training."""
        path = self.folder / "progress.json"
        if not path.exists():
            return "-"
        progress = json.loads(path.read_text("utf-8"))
        return f"{progress['seconds']:.0f} s"

    @property
    def drawing(self) -> str:
        """Median seconds a volume in the run, hand-over included."""
        path = self.run / "timing.jsonl"
        if not path.exists():
            return "-"
        seconds = [json.loads(line)["seconds"] for line in path.read_text("utf-8").splitlines()]
        return f"{statistics.median(seconds):.2f} s"

    @property
    def operations(self) -> str:
        """Operations of one drawn volume, a multiplication and an addition as two."""
        if not (self.folder / "model.safetensors").exists():
            return "-"
        config = json.loads((self.folder / "config.json").read_text("utf-8"))
        module = import_module(f"fundus2oct.baselines.{config['method']}")
        generator = module.make_generator(device="cpu", folder=self.folder)
        photograph = np.full((256, 256, 3), 90, np.uint8)
        return f"{operations(lambda: generator.generate(photograph, eye='R', seed=0)) / 1e9:.1f} GFLOP"


def reference_rows(out: Path, results: Path) -> list[ReferenceRow]:
    """Every row of the dataset that ``out`` has scored, by its newest record, best FVD first."""
    datasets = {path.parent.parent.name for path in out.glob("private/*/*/*/*/result.json")}
    paths = [path for name in datasets for path in results.glob(f"*/*/results/{name}/*/*.json")]
    records = [path for path in sorted(paths) if path.suffixes == [".json"]]  # not what lies beside them
    newest = {path.parts[-5]: json.loads(path.read_text("utf-8")) for path in records}
    rows = [
        ReferenceRow(name, record, out / "generators" / name, out / "runs" / name) for name, record in newest.items()
    ]
    return sorted(rows, key=lambda row: row.record["metrics"]["fvd"]["value"])


def table(header: Sequence[str], lines: Iterator[Sequence[str]]) -> Iterator[str]:
    """A Markdown table."""
    yield f"| {' | '.join(header)} |"
    yield f"|{'---|' * len(header)}"
    yield from (f"| {' | '.join(cells)} |" for cells in lines)


def page(rows: Sequence[ReferenceRow], *, device: str) -> Iterator[str]:
    """The lines of the page."""
    first = rows[0].record
    dataset = first["dataset"]
    yield f"# Reference rows on {dataset['name']} {dataset['version']}, {device}"
    yield ""
    yield (
        f"{first['cases']['expected']} test eyes of {dataset['n_patients']} patients. Written by "
        "`tests/bench/reference_table.py` from the filed records; intervals are 95 %, by patient. One training of "
        "each: how far another training seed would move a row is not known."
    )
    yield from ("", "## What each cost", "")
    header = ("row", "parameters", "operations a volume", "training, last stage", "a volume", "device")
    costs = ((r.title, r.parameters, r.operations, r.training, r.drawing, device) for r in rows if r.folder.exists())
    yield from table(header, costs)
    yield from ("", "## Main metrics, ordered by FVD", "")
    titles = [next(card.abbreviation or card.title for card in CARDS if card.name == name) for name in HEADLINE]
    header = ("row", *titles, "photograph gap, µm", "... of nine fields", "flagged as training volumes", "eligible")
    main = ((r.title, *map(r.value, HEADLINE), r.gap("central"), r.gap("grid"), r.flagged, r.eligible) for r in rows)
    yield from table(header, main)
    others = [card for card in CARDS if card.name not in HEADLINE and any(r.value(card.name) != "-" for r in rows)]
    for start in range(0, len(others), 6):
        group = others[start : start + 6]
        yield from ("", "## Further metrics" if start == 0 else "", "")
        header = ("row", *(card.title for card in group))
        yield from table(header, ((r.title, *(r.value(card.name) for card in group)) for r in rows))


@click.command()
@click.argument("out", type=click.Path(path_type=Path, exists=True))
@click.option("--results", type=click.Path(path_type=Path, exists=True), default=Path("submissions"))
@click.option("--device", default="two processor cores")
def main(out: Path, results: Path, device: str) -> None:
    """Print the page."""
    sys.stdout.write("\n".join(page(reference_rows(out, results), device=device)).rstrip() + "\n")


if __name__ == "__main__":
    main()
