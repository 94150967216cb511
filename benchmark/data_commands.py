"""`bench data phantom | import | check | show`: the commands of datasets. What they do lives beside this file.

Loaded late by `benchmark.cli`; numpy, Pillow and the phantom are imported when a command runs, not before.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fundus2oct.benchmark.progress import progress_of, say
from fundus2oct.metrics.durable_file import canonical_json
from fundus2oct.metrics.errors import BenchError

if TYPE_CHECKING:
    from fundus2oct.benchmark.dataset import Dataset
    from fundus2oct.benchmark.dataset_check import DatasetReport

FOLDER = click.Path(path_type=Path)
TABLE_COLUMNS = ("split", "cases", "patients", "left", "right", "with_truth")


@click.group()
def data() -> None:
    """Make, import, check and show datasets.

    \b
    Example:
      bench data phantom --out data/mini --profile mini
      bench data check data/mini
    """


@data.command()
@click.option("--out", type=FOLDER, required=True, help="Dataset folder to make; it must be new or empty.")
@click.option(
    "--profile",
    type=click.Choice(["tiny", "trial", "mini", "v1"]),
    default="mini",
    show_default=True,
    help="Size of the cohort: 7, 8, 144 or 1,000 eyes.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Another seed gives another cohort.")
@click.option("--workers", type=click.IntRange(1), help="Processes to use; the result does not depend on it.")
def phantom(out: Path, profile: str, seed: int, workers: int | None) -> None:
    """Make a synthetic cohort: photographs and B-scans rendered from one hidden anatomy.

    tiny is for tests, trial what `bench try` uses, mini for demonstrations, v1 for numbers. The same seed gives the
    same files.

    \b
    Example:
      bench data phantom --out data/mini --profile mini
    """
    from fundus2oct.benchmark.dataset_writer import refuse_existing
    from fundus2oct.benchmark.phantom.cohort import write_cohort

    refuse_existing(out)
    with progress_of(f"phantom {profile}", unit="eye") as steps:
        write_cohort(out, profile=profile, seed=seed, workers=workers, on_progress=steps)
    say(f"written: {out}\nnext: bench data check {out}  or  bench data show {out}")


@data.group("import")
def import_() -> None:
    """Turn the files of a challenge into a dataset folder.

    \b
    Example:
      bench data import aptos2024 aptos-raw --out data/aptos
    """


@import_.command()
@click.argument("source", metavar="SRC", type=FOLDER)
@click.option("--out", type=FOLDER, required=True, help="Dataset folder to make; it must be new or empty.")
@click.option("--seed", type=int, default=0, show_default=True, help="Chooses the test patients and the case ids.")
@click.option(
    "--test-fraction",
    type=click.FloatRange(0, 1),
    default=0.2,
    show_default=True,
    help="Share of the training patients that become split 'test'.",
)
@click.option("--licence", default="unknown: see the terms of the challenge", help="Recorded in dataset.toml.")
@click.option(
    "--drop-shared-patients",
    is_flag=True,
    help="Leave out training pairs of patients who are also in val, instead of refusing.",
)
def aptos2024(
    source: Path, out: Path, seed: int, test_fraction: float, licence: str, drop_shared_patients: bool
) -> None:
    """Import the APTOS-2024 challenge from SRC, the folder that holds train/ and val/.

    The training pairs are split by patient into train and test; val keeps its photographs, its truth is elsewhere.
    All problems are told at once, and then nothing is written.

    \b
    Example:
      bench data import aptos2024 aptos-raw --out data/aptos --test-fraction 0.2
    """
    from fundus2oct.benchmark.aptos_import import AptosImport, import_aptos

    job = AptosImport(
        source=source,
        out=out,
        seed=seed,
        test_fraction=test_fraction,
        licence=licence,
        drop_shared=drop_shared_patients,
    )
    with progress_of("import aptos2024", unit="eye") as steps:
        cases = import_aptos(job, on_progress=steps)
    say(f"written: {out}, {len(cases)} eyes\nnext: bench data check {out}")


@data.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--json", "as_json", is_flag=True, help="The same as JSON on stdout, problems included.")
def check(folder: Path, as_json: bool) -> None:
    """Read every file of a dataset and report all problems at once; print counts and hashes when it is clean.

    \b
    Example:
      bench data check data/mini --json
    """
    from fundus2oct.benchmark.dataset_check import check_dataset

    with progress_of("check", unit="case") as steps:
        report = check_dataset(folder, on_progress=steps)
    if as_json:
        click.echo(canonical_json(_report_values(report), indent=2))
    report.raise_problems()
    if not as_json:
        click.echo(_report_table(report))


@data.command()
@click.option(
    "--held-out", "held_out", type=FOLDER, required=True, help="The organiser's dataset with the hidden split."
)
@click.option("--split", default="test", show_default=True, help="The hidden split.")
@click.option(
    "--public",
    type=FOLDER,
    multiple=True,
    help="A set that others have: a dataset, or any folder of pictures; may be given several times.",
)
@click.option(
    "--labels", type=FOLDER, help="Table with case_id and labels. [default: sidecar/labels.csv of the dataset]"
)
@click.option("--json", "as_json", is_flag=True, help="The findings as JSON on stdout; they name cases.")
def leaks(held_out: Path, split: str, public: tuple[Path, ...], labels: Path | None, as_json: bool) -> None:
    """Look for ways to know held-out eyes without a generator: for organisers, before a phase opens.

    Held-out photographs are looked for in every --public set, as files, as pixels, and by how they look, mirrored or
    turned too; patients and sources that both name; metadata in files; names that tell patient or label; labels that
    follow an order. Exit code 3 when anything is found.

    \b
    Example:
      bench data leaks --held-out data/v1 --public data/v1 --public downloads/fundus
    """
    from fundus2oct.benchmark.dataset import read_dataset
    from fundus2oct.benchmark.leak_check import check_leaks

    with progress_of("leaks", unit="picture") as steps:
        findings = check_leaks(read_dataset(held_out), split, public, labels=labels, on_progress=steps)
    if as_json:
        click.echo(canonical_json([vars(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            click.echo(f"{finding.kind:<18} {finding.where}: {finding.told}")
    if not findings:
        say("nothing found")
    else:
        kinds = ", ".join(dict.fromkeys(finding.kind for finding in findings))
        raise BenchError("E_LEAK", f"{len(findings)} findings", where=held_out, found=kinds)


@data.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.argument("case", required=False)
@click.option("--out", type=FOLDER, help="PNG to write; <case>.png or <dataset>-overview.png here by default.")
@click.option("--count", type=click.IntRange(1, 40), default=8, show_default=True, help="Cases of an overview.")
def show(folder: Path, case: str | None, out: Path | None, count: int) -> None:
    """Draw a contact sheet: the photograph with its six scan lines, and the six B-scans.

    Without CASE, an overview of some cases. Prints the path of the picture.

    \b
    Example:
      bench data show data/mini --out overview.png
    """
    from fundus2oct.benchmark import contact_sheet
    from fundus2oct.benchmark.dataset import read_dataset
    from fundus2oct.metrics.durable_file import replacing

    dataset = read_dataset(folder)
    if case is None:
        sheet = contact_sheet.overview_sheet(dataset, contact_sheet.spread_cases(dataset, count))
    else:
        sheet = contact_sheet.case_sheet(dataset, _find_case(dataset, case))
    out = out or Path(f"{case}.png" if case else f"{dataset.name}-overview.png")
    with replacing(out) as file:
        sheet.save(file, format="PNG")
    click.echo(out)


def _find_case(dataset: Dataset, name: str) -> Any:
    """The case of that case id or source id."""
    for case in dataset.cases:
        if name in (case.case_id, case.source_id):
            return case
    expected = f"a case_id or source_id of cases.csv, such as {dataset.cases[0].case_id}"
    raise BenchError("E_CASE", "no such case", where=dataset.folder, expected=expected, found=name)


def _report_values(report: DatasetReport) -> dict[str, Any]:
    problems = [
        {key: getattr(problem, key) for key in ("code", "what", "where", "expected", "found", "fix")}
        for problem in report.problems
    ]
    splits = [{column: getattr(split, column) for column in TABLE_COLUMNS} for split in report.splits]
    return {
        "name": report.name,
        "version": report.version,
        "splits": splits,
        "inputs_hash": report.inputs_hash,
        "truth_hash": report.truth_hash,
        "problems": problems,
    }


def _report_table(report: DatasetReport) -> str:
    rows = [[str(getattr(split, column)) for column in TABLE_COLUMNS] for split in report.splits]
    table = [[column.replace("_", " ") for column in TABLE_COLUMNS], *rows]
    widths = [max(len(row[i]) for row in table) for i in range(len(TABLE_COLUMNS))]
    lines = [
        "  ".join(
            cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in table
    ]
    hashes = [
        f"inputs hash  {report.inputs_hash}",
        f"truth hash   {report.truth_hash or 'none: no truth in this copy'}",
    ]
    return "\n".join([f"{report.name} {report.version}: no problems", "", *lines, "", *hashes])
