"""`phase.toml`: one round of a challenge, as its organiser fixes it before it opens.

::

    name = "final"
    organiser = "Kyoto Eye Challenge"
    dataset = "phantom-v1"
    version = "1"
    split = "test"
    inputs_hash = "..."        # of this split: any record of it holds both
    truth_hash = "..."
    opens = 2026-03-01T00:00:00Z
    closes = 2026-04-01T00:00:00Z
    quota = 3                  # different submissions of a team; leave it out for any number
    exempt = ["fundus2oct"]    # teams without a quota, such as the organiser's own

    [disclosure]
    per_case = false
    pictures = false
    labels = false             # scores by labels of the sidecar; may be left out
    digits = 3

Read with the same strictness as every file; `bench score --phase phase.toml` keeps its rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fundus2oct.benchmark import disclosure
from fundus2oct.benchmark.case_table import CASE_ID
from fundus2oct.benchmark.dataset import VERSION, Dataset
from fundus2oct.benchmark.disclosure import Disclosure
from fundus2oct.benchmark.strict_toml import Key, raise_all, read_toml, table_problems
from fundus2oct.benchmark.submission_file import MAX_NAME, SHA256, SLUG, is_clean_text
from fundus2oct.metrics.errors import BenchError

CODE = "E_PHASE"


def _matching(pattern: re.Pattern[str]) -> Key:
    return Key(str, pattern.pattern, lambda value: bool(pattern.fullmatch(value)))


def _are_slugs(value: list[Any]) -> bool:
    return all(isinstance(slug, str) and SLUG.fullmatch(slug) for slug in value)


_MOMENT = Key(
    datetime, "a moment with its offset, such as 2026-03-01T00:00:00Z", lambda value: value.tzinfo is not None
)

KEYS = {
    "name": _matching(SLUG),
    "organiser": Key(
        str,
        f"1 to {MAX_NAME} printable characters in one line",
        lambda value: bool(value) and "\n" not in value and is_clean_text(value, MAX_NAME),
    ),
    "dataset": _matching(CASE_ID),
    "version": _matching(VERSION),
    "split": _matching(CASE_ID),
    "inputs_hash": _matching(SHA256),
    "truth_hash": _matching(SHA256),
    "opens": _MOMENT,
    "closes": _MOMENT,
    "quota": Key(int, "1 or more", lambda value: value >= 1, required=False),
    "exempt": Key(list, f"a list of {SLUG.pattern}", _are_slugs, required=False),
    "disclosure": Key(dict, "a table"),
}


@dataclass(frozen=True, kw_only=True)
class Phase:
    """The content of a `phase.toml`.

    Attributes:
        name: slug under which results are filed.
        organiser: who runs it, for readers.
        dataset: name of the dataset.
        version: its version.
        split: the split that is scored.
        inputs_hash: of that split.
        truth_hash: of that split.
        opens: from when on submissions are taken, UTC.
        closes: from when on no longer, UTC.
        quota: different submissions that a team may have scored, whatever their kind; None for any number.
        exempt: slugs of teams without a quota.
        disclosure: what the public is told.
    """

    name: str
    organiser: str
    dataset: str
    version: str
    split: str
    inputs_hash: str
    truth_hash: str
    opens: datetime
    closes: datetime
    quota: int | None = None
    exempt: tuple[str, ...] = ()
    disclosure: Disclosure

    def require_dataset(self, dataset: Dataset) -> None:
        """Refuse a dataset that is not the phase's.

        Raises:
            BenchError: E_PHASE naming what differs.
        """
        expected = {"dataset": self.dataset, "version": self.version}
        found = {"dataset": dataset.name, "version": dataset.version}
        if expected == found:
            expected = {"inputs_hash": self.inputs_hash, "truth_hash": self.truth_hash}
            found = {"inputs_hash": dataset.inputs_hash(self.split), "truth_hash": dataset.truth_hash(self.split)}
        for key in expected:
            if expected[key] != found[key]:
                what = f"the dataset's {key} is not the phase's"
                raise BenchError(CODE, what, where=dataset.folder, expected=expected[key], found=found[key])

    def require_open(self, received: datetime) -> None:
        """Refuse what was handed in before the phase opens or after it closes.

        Raises:
            BenchError: E_CLOSED with the dates.
        """
        if not self.opens <= received < self.closes:
            raise BenchError(
                "E_CLOSED",
                f"phase {self.name} is not open",
                expected=f"handed in from {_moment(self.opens)} to {_moment(self.closes)}",
                found=_moment(received),
                fix="where it was handed in in time, say when: --received",
            )


def read_phase(path: Path) -> Phase:
    """Read and check a `phase.toml`.

    Raises:
        BenchError: E_PHASE with the one problem, or BenchErrors with all of them.
    """
    document = read_toml(path, code=CODE)
    raise_all(_problems(document, path), path)
    moments = {key: document[key].astimezone(UTC) for key in ("opens", "closes")}
    exempt = tuple(document.get("exempt", ()))
    told = Disclosure(**document["disclosure"])
    return Phase(**{**document, **moments, "exempt": exempt, "disclosure": told})


def _problems(document: dict[str, Any], path: Path) -> Iterator[BenchError]:
    problems = list(table_problems(document, KEYS, where=path, code=CODE))
    if isinstance(document.get("disclosure"), dict):
        where = f"{path}, [disclosure]"
        problems += table_problems(document["disclosure"], disclosure.KEYS, where=where, code=CODE)
    yield from problems
    if not problems and document["opens"] >= document["closes"]:
        yield BenchError(CODE, "the phase closes before it opens", where=path, expected="opens < closes")


def _moment(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
