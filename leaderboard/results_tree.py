"""Reading the tree of results: every record of every entry, checked, or every bad file named.

``ROOT/<team>/<method>/submission.toml`` and ``ROOT/<team>/<method>/results/<dataset>-<version>/<phase>/<record>``.
Nothing is ranked or drawn here. Called by `leaderboard.site`; the caller gets good entries or one error that lists
every file at fault, so that a board never silently lacks a row.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from fundus2oct.benchmark import submission_file
from fundus2oct.benchmark.attestation_file import (
    ATTESTATION_NAME,
    SIGNATURE_NAME,
    Attestation,
    attested_day,
    badges,
    read_attestations,
)
from fundus2oct.benchmark.entry_status import StatusChange, read_status, ruled_out
from fundus2oct.benchmark.filing_date import FILED_NAME, read_filing
from fundus2oct.benchmark.result_file import CASES_NAME, RESULT_NAME, Result, list_records, read_result
from fundus2oct.benchmark.submission_file import Submission
from fundus2oct.benchmark.team_file import Team, read_teams, team_of
from fundus2oct.benchmark.timing_file import TIMING_NAME, Timing, read_timing
from fundus2oct.leaderboard.case_values import CaseValues, read_case_values
from fundus2oct.leaderboard.record_chain import chain_problems
from fundus2oct.leaderboard.safe_text import visible_everywhere, without_places_in_errors
from fundus2oct.metrics.durable_file import sha256_file
from fundus2oct.metrics.errors import BenchError, BenchErrors

LARGEST_NUMBER = 1e15
"""No measurement of this benchmark comes near it."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """One result file.

    Attributes:
        name: its file name without the ending, such as ``0001-89abcdef``.
        result: its content, with unseen characters made visible.
        attestations: what others than the team found out about it.
        timing: seconds a volume, as the harness measured them.
        cases: values per case, where the phase discloses them.
        filed: the day it was filed, where that was noted.
    """

    name: str
    result: Result
    attestations: tuple[Attestation, ...] = ()
    timing: Timing | None = None
    cases: CaseValues | None = None
    filed: date | None = None

    @property
    def known_since(self) -> date | None:
        """The day it was filed, else the day of the first attestation, by which it was there; None where none tells."""
        return self.filed or min(filter(None, map(attested_day, self.attestations)), default=None)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One method in one phase of one dataset.

    Attributes:
        submission: what readers are told about it.
        records: its records, oldest first; the last one counts.
        changes: of its standing, oldest first.
        team: what the organiser says about the team; None where nothing is said.
    """

    submission: Submission
    records: tuple[Record, ...]
    changes: tuple[StatusChange, ...] = ()
    team: Team | None = None

    @property
    def result(self) -> Result:
        """The result that counts: the latest."""
        return self.records[-1].result

    @property
    def title(self) -> str:
        """The method's name for readers."""
        return self.submission.title.strip() or self.submission.method

    @property
    def team_name(self) -> str:
        """The team for readers: as the organiser calls it, else as it does, with the slug, which is nobody else's."""
        name = self.team.name if self.team else self.submission.alias.strip()
        return f"{name} ({self.submission.team})" if name else self.submission.team

    @property
    def badges(self) -> tuple[str, ...]:
        """What others found out about the record that counts, or self-reported."""
        return badges(self.records[-1].attestations)

    @property
    def ruled_out(self) -> StatusChange | None:
        """Why it may not be ranked whatever its numbers: withdrawn or disqualified."""
        return ruled_out(self.changes, self.result["phase"])

    @property
    def kind(self) -> str:
        """The kind fixed when it was scored; `submission.toml` cannot change it afterwards."""
        return str(self.result["entry"]["kind"])

    def measured(self, metric: str) -> dict[str, Any]:
        """One metric of the latest result; a metric it does not hold is null with a reason."""
        absent = {
            "version": "",
            "value": None,
            "reason": "not computed for this entry",
            "n_cases": 0,
            "n_patients": 0,
            "uncertainty": None,
        }
        found: dict[str, Any] = self.result["metrics"].get(metric, absent)
        return found


def read_entries(root: Path) -> tuple[Entry, ...]:
    """Every entry under ``root``, sorted by team, method, dataset and phase.

    Raises:
        BenchError: the one problem, or BenchErrors with all of them; exit code 3.
    """
    if not root.is_dir():
        raise BenchError(
            "E_RESULTS",
            "no such folder of results",
            where=root,
            expected="a folder <team>/<method>/results/...",
            fix="run `bench score` first, or name the folder it wrote",
        )
    entries: list[Entry] = []
    problems: list[BenchError] = []
    teams = read_teams(root)
    for phase_folder in _phase_folders(root):
        try:
            entries.append(_read_entry(phase_folder, teams))
        except BenchErrors as error:
            problems.extend(error.problems)
        except BenchError as error:
            problems.append(error)
    if problems:
        raise problems[0] if len(problems) == 1 else BenchErrors(problems, where=root)
    if not entries:
        raise BenchError(
            "E_RESULTS",
            "no result found",
            where=root,
            expected="<team>/<method>/results/<dataset>-<version>/<phase>/<record>.json",
            fix="run `bench score` first",
        )
    return tuple(entries)


def _phase_folders(root: Path) -> Iterator[Path]:
    """Folders of records: ``root/<team>/<method>/results/<dataset>-<version>/<phase>``."""
    for team in _folders(root):
        for method in _folders(team):
            for dataset in _folders(method / "results"):
                yield from (phase for phase in _folders(dataset) if _visible_files(phase))


def _folders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _visible_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _read_entry(phase_folder: Path, teams: tuple[Team, ...]) -> Entry:
    problems = [_unknown_file(path) for path in _visible_files(phase_folder) if not _is_known(path)]
    records: dict[Path, Record] = {}
    for path in list_records(phase_folder):
        try:
            records[path] = _read_record(path, phase_folder)
        except BenchError as error:
            problems.append(error)
    if not problems:
        problems += chain_problems({path: record.result for path, record in records.items()}, phase_folder)
    if problems:
        raise BenchErrors(problems, where=phase_folder)
    history = tuple(records.values())
    submission, changes = _read_texts(phase_folder, history[-1].result), read_status(phase_folder.parent.parent.parent)
    return Entry(submission=submission, records=history, changes=changes, team=team_of(submission.team, teams))


def _is_known(path: Path) -> bool:
    """Whether a file among the records is one, or lies beside one: attestation, signature, values, timing, day."""
    if RESULT_NAME.fullmatch(path.name):
        return True
    patterns = (ATTESTATION_NAME, SIGNATURE_NAME, CASES_NAME, TIMING_NAME, FILED_NAME)
    beside = (pattern.fullmatch(path.name) for pattern in patterns)
    return any(named and path.with_name(f"{named[1]}.json").exists() for named in beside)


def _unknown_file(path: Path) -> BenchError:
    return BenchError(
        "E_RECORD", "unknown file among the records", where=path, expected=RESULT_NAME.pattern, fix="move it elsewhere"
    )


def _read_record(path: Path, phase_folder: Path) -> Record:
    result = read_result(path)
    _check_digest(path)
    _check_place(result, path, phase_folder)
    for name, measured in result["metrics"].items():
        _check_numbers(measured, f"{path}, metric {name}")
    for stratum in result.get("strata", ()):
        for group in stratum["groups"]:
            for name, measured in group["metrics"].items():
                _check_numbers(measured, f"{path}, {name} by {stratum['column']}")
    for part in ("metrics", "anatomy", "texture", "strata", "controls"):
        _check_magnitudes(result.get(part), f"{path}, {part}")
    attestations = tuple(visible_everywhere(attestation) for attestation in read_attestations(path))
    timing = read_timing(path)
    return Record(
        name=path.stem,
        result=without_places_in_errors(visible_everywhere(result)),
        attestations=attestations,
        timing=timing and visible_everywhere(timing),
        cases=read_case_values(path, result),
        filed=read_filing(path),
    )


def _check_digest(path: Path) -> None:
    named, found = path.stem.split("-")[1], sha256_file(path)[:8]
    if named != found:
        raise BenchError(
            "E_RECORD",
            "the record was changed after it was filed",
            where=path,
            expected=f"sha256 starting with {named}",
            found=found,
            fix="records are append-only: put the original back and score again",
        )


def _check_place(result: Result, path: Path, phase_folder: Path) -> None:
    entry, dataset = result["entry"], result["dataset"]
    told = (entry["team"], entry["method"], f"{dataset['name']}-{dataset['version']}", result["phase"])
    dataset_folder = phase_folder.parent
    method_folder = dataset_folder.parent.parent
    place = (method_folder.parent.name, method_folder.name, dataset_folder.name, phase_folder.name)
    slugs = (told[0], told[1], told[3])
    if told != place or not all(submission_file.SLUG.fullmatch(slug) for slug in slugs):
        raise BenchError(
            "E_RECORD", "the record belongs elsewhere", where=path, expected="/".join(told), found="/".join(place)
        )


def _check_numbers(measured: dict[str, Any], where: str) -> None:
    uncertainty = measured["uncertainty"] or {"interval": [0, 0], "standard_error": 0}
    low, high = uncertainty["interval"]
    numbers = [measured["value"] or 0, low, high, uncertainty["standard_error"]]
    if any(abs(number) > LARGEST_NUMBER or not math.isfinite(number) for number in numbers) or low > high:
        raise BenchError(
            "E_SCHEMA",
            "impossible number",
            where=where,
            expected="low <= high, all below 1e15",
            found=str(numbers)[:80],
        )


def _check_magnitudes(value: Any, where: str) -> None:
    """Refuse any number, however deep, that no measurement gives and no drawing could hold."""
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            _check_magnitudes(item, where)
    elif isinstance(value, int | float) and abs(value) > LARGEST_NUMBER:
        raise BenchError("E_SCHEMA", "impossible number", where=where, expected="all below 1e15", found=str(value)[:80])


def _read_texts(phase_folder: Path, result: Result) -> Submission:
    """What readers are told: `submission.toml` where there is one, else the record's own words."""
    method_folder = phase_folder.parent.parent.parent
    told = result["entry"]
    if not (method_folder / submission_file.FILE_NAME).exists():
        links = tuple(link for link in told["links"] if submission_file.are_safe_links([link]))
        return Submission(**{**told, "links": links})
    submission = submission_file.read_submission(method_folder)
    if (submission.team, submission.method, submission.kind) != (told["team"], told["method"], told["kind"]):
        raise BenchError(
            "E_MANIFEST",
            "team, method or kind differ from the latest record",
            where=method_folder / submission_file.FILE_NAME,
            expected=f"{told['team']}/{told['method']}, {told['kind']}",
            found=f"{submission.name}, {submission.kind}",
            fix="score the entry again, or put the file back",
        )
    return submission
