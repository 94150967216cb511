"""`bench pictures`: photographs, truth and entries as small pictures for the board's viewer, where that is allowed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fundus2oct.benchmark.progress import say
from fundus2oct.metrics.errors import BenchError

if TYPE_CHECKING:
    from fundus2oct.benchmark.case_table import Case
    from fundus2oct.benchmark.dataset import Dataset
    from fundus2oct.benchmark.viewing_plan import ShownEntry
    from fundus2oct.benchmark.volume_source import VolumeSource

Records = list[tuple[Path, dict[str, Any]]]


@click.command()
@click.argument("runs", nargs=-1, type=click.Path(path_type=Path))
@click.option("--oracle", "oracles", multiple=True, help="Also show an oracle row, such as truth-blurred.")
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Dataset folder with truth.")
@click.option("--split", default="test", show_default=True, help="Split whose eyes are shown.")
@click.option(
    "--results",
    type=click.Path(path_type=Path),
    default=Path("submissions"),
    show_default=True,
    help="Root of the public records; the pictures go to its folder pictures.",
)
@click.option(
    "--private",
    type=click.Path(path_type=Path),
    help="Organiser's folder of scores: best and worst eyes also of entries filed without a phase.toml. "
    "[default: only values that a phase discloses]",
)
@click.option("--eyes", default=32, show_default=True, type=click.IntRange(1, 500), help="First eyes of the split.")
@click.option("--budget", default=40.0, show_default=True, type=click.FloatRange(0.05), help="MB of everything.")
@click.option("--train-split", default="train", show_default=True, help="Eyes that a drawn volume might repeat.")
def pictures(
    runs: tuple[Path, ...],
    oracles: tuple[str, ...],
    data: Path,
    split: str,
    results: Path,
    private: Path | None,
    eyes: int,
    budget: float,
    train_split: str,
) -> None:
    """Make small pictures of some eyes for the board's viewer: photograph, truth, and the volumes of RUNS.

    RUNS are scored runs whose records lie in --results. The eyes are the first of the split in the table's order,
    and of each entry the best, the median and the worst by SSIM where values per case may be told. Nothing is made
    where the dataset or a phase does not allow pictures, and an eye whose own licence does not is left out. The files
    are lossy, for viewing; their quality is the best that keeps the budget. Running it again goes on where it stopped.

    \b
    Example:
      bench pictures demo/runs/ridge demo/runs/mean-volume --data demo/data --results demo/results --eyes 8
    """
    from fundus2oct.benchmark import picture_rights, pictures_file
    from fundus2oct.benchmark.dataset import read_dataset
    from fundus2oct.benchmark.viewing import make_pictures
    from fundus2oct.benchmark.viewing_plan import ViewingPlan

    if not runs and not oracles:
        raise click.UsageError("name a RUN or an --oracle")
    dataset = read_dataset(data)
    picture_rights.require_publishable(dataset)
    truth_hash = dataset.truth_hash(split)
    records = find_records(results, truth_hash)
    picture_rights.require_disclosed((str(path), record) for path, record in records)
    allowed = allowed_cases(dataset, split)
    licences = _training_licences(dataset, train_split)
    shown = [
        _shown_entry(source, digest, _records_of(source, digest, records, results), licences, private)
        for source, digest in _sources(runs, oracles, dataset, split)
    ]
    shown = [entry.among(case.case_id for case in allowed) for entry in shown]
    plan = ViewingPlan(
        dataset=dataset,
        split=split,
        truth_hash=truth_hash,
        cases=choose_cases(allowed, shown, eyes),
        entries=tuple(sorted(shown, key=lambda entry: entry.name)),
        budget_bytes=round(budget * 1e6),
    )
    folder = pictures_file.split_folder(results, dataset.name, dataset.version, split)
    document = make_pictures(plan, folder)
    say(_summary(document))
    say(f"next: bench leaderboard build {results} --out site")
    click.echo(str(folder))


def find_records(results: Path, truth_hash: str) -> Records:
    """Every record below a root of results that was made on one truth, oldest first within an entry."""
    from fundus2oct.benchmark.result_file import list_records, read_result

    folders = sorted(path for path in results.glob("*/*/results/*/*") if path.is_dir())
    found = [(path, read_result(path)) for folder in folders for path in list_records(folder)]
    return [(path, record) for path, record in found if record["dataset"]["truth_hash"] == truth_hash]


def allowed_cases(dataset: Dataset, split: str) -> tuple[Case, ...]:
    """The eyes of a split whose own licences allow pictures, in the table's order.

    Raises:
        BenchError: E_LICENCE when there is none; E_TRUTH when this copy has no truth; E_SPLIT.
    """
    from fundus2oct.benchmark.picture_rights import CODE, KINDS, may_be_shown

    dataset.bscan_paths(dataset.split(split)[0])
    cases = [case for case in dataset.cases if case.split == split and case.has_truth]
    allowed = [case for case in cases if all(may_be_shown(dataset, case, kind) for kind in KINDS)]
    if len(allowed) < len(cases):
        say(f"left out: {len(cases) - len(allowed)} of {len(cases)} eyes, whose own licence does not allow pictures")
    if not allowed:
        raise BenchError(CODE, "the licence of no eye allows pictures", where=dataset.folder / "cases.csv")
    return tuple(allowed)


def choose_cases(allowed: Sequence[Case], shown: Sequence[ShownEntry], eyes: int) -> tuple[Case, ...]:
    """The first eyes, and every best, median and worst one, in the table's order."""
    picked = {case_id for entry in shown if entry.cases for case_id in entry.cases.picked().values()}
    first = {case.case_id for case in allowed[:eyes]}
    return tuple(case for case in allowed if case.case_id in first | picked)


def _training_licences(dataset: Dataset, train_split: str) -> list[str] | BenchError:
    """The licences of the training eyes, or why they may not be shown; a split without truth has none."""
    from fundus2oct.benchmark.picture_rights import training_licences

    try:
        return training_licences(dataset, train_split)
    except BenchError as error:
        return error


def _sources(
    runs: Sequence[Path], oracles: Sequence[str], dataset: Dataset, split: str
) -> Iterator[tuple[VolumeSource, str]]:
    """The volumes of every run and oracle, and the hash of all of them."""
    from fundus2oct.benchmark.oracles import oracle_source
    from fundus2oct.benchmark.run_folder import RunFolder
    from fundus2oct.benchmark.volume import volume_digest, volumes_hash
    from fundus2oct.benchmark.volume_source import run_source

    for path in runs:
        yield run_source(RunFolder(path), dataset, split), RunFolder(path).summary()["volumes_hash"]
    for name in oracles:
        source = oracle_source(name, dataset, split)
        volumes = ((case.case_id, source.get(case.case_id)) for case in dataset.split(split))
        yield source, volumes_hash({case_id: None if v is None else volume_digest(v) for case_id, v in volumes})


def _records_of(source: VolumeSource, digest: str, records: Records, results: Path) -> Records:
    """The records of these very volumes.

    Raises:
        BenchError: E_RECORD when there is none.
    """
    name = source.submission.name
    own = [(path, r) for path, r in records if f"{r['entry']['team']}/{r['entry']['method']}" == name]
    found = [(path, record) for path, record in own if record["run"]["volumes_hash"] == digest]
    if not found:
        what, fix = f"no record of the volumes of {name} on this truth", "run `bench score` first, then this again"
        raise BenchError("E_RECORD", what, where=results, expected=f"volumes_hash {digest[:12]}...", fix=fix)
    return found


def _shown_entry(
    source: VolumeSource, digest: str, records: Records, licences: list[str] | BenchError, private: Path | None
) -> ShownEntry:
    """What is told of one entry, from the latest record of its volumes.

    Raises:
        BenchError: E_LICENCE when its volumes may be training eyes that may not be shown.
    """
    from fundus2oct.benchmark.picture_rights import may_repeat_training_eyes
    from fundus2oct.benchmark.viewing_cases import picked_cases
    from fundus2oct.benchmark.viewing_plan import ShownEntry

    path, record = records[-1]
    own = [record["dataset"]["licence"]]
    if may_repeat_training_eyes(record):
        if isinstance(licences, BenchError):
            raise licences
        own = sorted({*own, *licences})
    cases = picked_cases(path, record, private)
    return ShownEntry(source=source, volumes_hash=digest, licences=tuple(own), cases=cases)


def _summary(document: dict[str, Any]) -> str:
    made, eyes, entries = document["made"], document["eyes"], document["entries"]
    size = f"{made['bytes'] / 1e6:.1f} MB of at most {made['budget_bytes'] / 1e6:g} MB"
    return f"{len(eyes)} eyes of {len(entries)} entries: {size}, B-scans at WebP quality {made['quality']}"
