"""Filing a record in a phase: quotas, what replaces what and why, and what the public sees of it.

Everything is counted from the append-only records themselves, so nothing else has to be kept. Called by `bench score`
under the lock of the entry's scores.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from fundus2oct.benchmark.disclosure import Disclosure, public_record
from fundus2oct.benchmark.filing_date import note_filing
from fundus2oct.benchmark.phase_file import Phase
from fundus2oct.benchmark.result_file import RESULT_NAME, Result, cases_path, list_records, read_result
from fundus2oct.benchmark.score_files import publish
from fundus2oct.benchmark.submission_file import Submission, is_clean_text
from fundus2oct.benchmark.team_file import read_teams, slugs_of
from fundus2oct.metrics.durable_file import canonical_json, sha256_file, write_text
from fundus2oct.metrics.errors import BenchError, ExitCode

MAX_REASON = 400
LOCK_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class Filing:
    """The rules under which a record is filed.

    Attributes:
        results: root of the public records.
        private: the organiser's folder.
        phase: None files it as it is, in a phase without rules.
        reason: why a number of volumes scored before has changed; empty where none is replaced.
        is_reference: an oracle's row, which no team handed in: no quota counts it.
    """

    results: Path
    private: Path
    phase: Phase | None = None
    reason: str = ""
    is_reference: bool = False

    def require_reason(self) -> None:
        """Refuse a reason that cannot be shown.

        Raises:
            BenchError: E_REASON.
        """
        if "\n" in self.reason or not is_clean_text(self.reason, MAX_REASON):
            expected = f"at most {MAX_REASON} printable characters in one line"
            raise BenchError("E_REASON", "the reason cannot be shown", where="--reason", expected=expected)

    def require_room(self, submission: Submission, digest: str) -> None:
        """Refuse what would go beyond the team's quota; what was scored before counts once.

        Args:
            submission: whose team is counted, under all its slugs.
            digest: of the generator, before it is run, or of all volumes, before they are scored.

        Raises:
            BenchError: E_QUOTA, exit code 6.
        """
        if self.phase is None or self.phase.quota is None or self.reason or self.is_reference:
            return
        if submission.team in self.phase.exempt:
            return
        runs = scored_runs(self.results, self.phase, submission.team)
        used = {run["volumes_hash"] for run in runs}
        if digest not in used | {run["generator_hash"] for run in runs} and len(used) >= self.phase.quota:
            raise BenchError(
                "E_QUOTA",
                f"team {submission.team} has used its quota in phase {self.phase.name}",
                expected=f"at most {self.phase.quota} different submissions, over all its methods and slugs",
                found=f"{len(used)} scored",
                exit_code=ExitCode.LIMIT_EXCEEDED,
            )

    def file(self, result: Result, submission: Submission, per_case: str) -> Path:
        """File the public record, and the public table of cases where the phase discloses it.

        Args:
            result: the record with every digit.
            submission: whose it is.
            per_case: the private table of values per case.

        Returns:
            the path of the record: of the earlier one where this one says nothing new.

        Raises:
            BenchError: E_QUOTA; E_REASON where volumes scored before got other numbers and nobody says why.
        """
        with self._team_lock(submission.team):
            rule = Disclosure.of(result)
            public = public_record(result, rule)
            folder = _folder(self.results, public)
            earlier = _records_of(folder, public["run"]["volumes_hash"])
            last = max(earlier, key=_number, default=None)
            if last is not None and _without_reason(earlier[last]) == canonical_json(public):
                path = last
            else:
                path = self._publish(public, submission, last, folder)
            note_filing(path)
            if rule and rule.per_case:
                write_text(cases_path(path), rule.public_cases(per_case))
            return path

    def _publish(self, public: Result, submission: Submission, last: Path | None, folder: Path) -> Path:
        if self.reason or (self.phase and last):
            public = public | {"supersedes": self._supersedes(last, folder)}
        else:
            self.require_room(submission, public["run"]["volumes_hash"])
        return publish(public, submission, self.results)

    def _supersedes(self, last: Path | None, folder: Path) -> dict[str, str]:
        if last is None:
            raise BenchError(
                "E_REASON",
                "no record of these volumes is there to be replaced",
                where=folder,
                fix="leave --reason out: these are other volumes",
            )
        if not self.reason:
            raise BenchError(
                "E_REASON",
                "these volumes were scored before, with other numbers",
                where=last,
                expected="a reason for the public",
                fix='say why the numbers changed: --reason "..."; the old record stays',
            )
        return {"record": last.stem, "sha256": sha256_file(last), "reason": self.reason}

    @contextlib.contextmanager
    def _team_lock(self, team: str) -> Iterator[None]:
        """One record of a team at a time: two methods scored at once must not both take the last place."""
        if self.phase is None:
            yield
            return
        place = self.private / min(slugs_of(team, read_teams(self.results)))
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = FileLock(place / ".quota-lock")
        try:
            with lock.acquire(timeout=LOCK_SECONDS):
                yield
        except Timeout:
            raise BenchError("E_LOCKED", "another process files a record of this team", where=place) from None


def scored_runs(results: Path, phase: Phase, team: str) -> list[dict[str, Any]]:
    """The `run` table of everything that a team had scored in a phase, under any of its slugs."""
    place = f"*/results/{phase.dataset}-{phase.version}/{phase.name}"
    slugs = slugs_of(team, read_teams(results))
    folders = [folder for slug in slugs for folder in sorted((results / slug).glob(place))]
    return [read_result(path)["run"] for folder in folders for path in list_records(folder)]


def _folder(results: Path, result: Result) -> Path:
    entry, dataset = result["entry"], result["dataset"]
    place = f"results/{dataset['name']}-{dataset['version']}/{result['phase']}"
    return results / f"{entry['team']}/{entry['method']}/{place}"


def _records_of(folder: Path, volumes_hash: str) -> dict[Path, Result]:
    """Every record of the same volumes, oldest first."""
    records = {path: read_result(path) for path in list_records(folder)}
    return {path: record for path, record in records.items() if record["run"]["volumes_hash"] == volumes_hash}


def _number(path: Path) -> int:
    named = RESULT_NAME.fullmatch(path.name)
    return int(named[1]) if named else 0


def _without_reason(record: Mapping[str, Any]) -> str:
    return canonical_json({key: value for key, value in record.items() if key != "supersedes"})
