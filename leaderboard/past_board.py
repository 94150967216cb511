"""The entries as they stood at the end of an earlier day: what was filed, attested or decided later is left out.

Records are append-only, so that nothing has to be kept for it but the day each was filed. A record whose day nobody
knows cannot be placed and is left out as well, and counted. Texts, such as a title, are those of today. Called by
`leaderboard.site`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from fundus2oct.benchmark.attestation_file import attested_day
from fundus2oct.leaderboard.number_text import counted
from fundus2oct.leaderboard.results_tree import Entry, Record
from fundus2oct.metrics.errors import BenchError


@dataclass(frozen=True, kw_only=True)
class Past:
    """What was left out to show an earlier day.

    Attributes:
        day: the last day that is shown, in UTC.
        later: records that were filed after it.
        undated: records whose day nobody knows.
    """

    day: date
    later: int
    undated: int

    @property
    def left_out(self) -> str:
        """What is left out, as a sentence; empty when nothing is.

        >>> Past(day=date(2026, 3, 1), later=2, undated=1).left_out.replace("\N{NO-BREAK SPACE}", " ")
        '2 later records and 1 record without a day are left out.'
        """
        parts = [counted(self.later, "later record")] if self.later else []
        parts += [f"{counted(self.undated, 'record')} without a day"] if self.undated else []
        verb = "is" if self.later + self.undated == 1 else "are"
        return f"{' and '.join(parts)} {verb} left out." if parts else ""


def entries_as_of(entries: Sequence[Entry], day: date, *, where: Path) -> tuple[tuple[Entry, ...], Past]:
    """``entries`` with what was there at the end of ``day``, and what that left out.

    Args:
        entries: all of them, with their whole history.
        day: the last day that counts.
        where: the tree that they were read from, for the message.

    Raises:
        BenchError: E_RESULTS when no record was there yet.
    """
    records = [record for entry in entries for record in entry.records]
    days = [record.known_since for record in records]
    kept = tuple(past for entry in entries if (past := _entry_as_of(entry, day)))
    if not kept:
        known = min((known for known in days if known), default=None)
        raise BenchError(
            "E_RESULTS",
            f"no record had been filed by {day.isoformat()}",
            where=where,
            expected=f"a day from {known.isoformat()} on" if known else "records with a day beside them",
            found=f"{sum(known is None for known in days)} of {len(days)} records without a day",
            fix="choose a later --as-of, or leave it out",
        )
    later = sum(known is not None and known > day for known in days)
    return kept, Past(day=day, later=later, undated=sum(known is None for known in days))


def _entry_as_of(entry: Entry, day: date) -> Entry | None:
    records = tuple(_record_as_of(record, day) for record in entry.records if _was_there(record, day))
    if not records:
        return None
    return replace(entry, records=records, changes=tuple(change for change in entry.changes if change.date <= day))


def _was_there(record: Record, day: date) -> bool:
    return record.known_since is not None and record.known_since <= day


def _record_as_of(record: Record, day: date) -> Record:
    attestations = (told for told in record.attestations if (attested_day(told) or date.max) <= day)
    return replace(record, attestations=tuple(attestations))
