"""A run on disk: what was planned, one record and one volume a case, and `run.json`, whose presence means complete.

::

    RUN/plan.json             what will be done: cases, seeds, generator, dataset, limits, versions
    RUN/volumes/<case>.npy    uint8 (6, 320, 448)
    RUN/cases/<case>.json     ok with the volume's digest, or failed with a public code
    RUN/run.json              written last
    RUN/timing.jsonl          seconds a case; not part of what is compared
    RUN/private.log           stderr and tracebacks of the generator: for the organiser only

`benchmark.generation` and `benchmark.archive_import` fill it, scoring reads it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from fundus2oct.benchmark import picture_file
from fundus2oct.benchmark.case_table import Case
from fundus2oct.benchmark.dataset import Dataset
from fundus2oct.benchmark.folder_lock import only_process
from fundus2oct.benchmark.steps import step
from fundus2oct.benchmark.submission_file import Submission
from fundus2oct.benchmark.volume import Volume, read_volume, volume_digest, volumes_hash, write_volume
from fundus2oct.metrics.durable_file import canonical_json, remove_temporaries, write_json
from fundus2oct.metrics.errors import BenchError

PLAN_SCHEMA = "fundus2oct-plan"
RUN_SCHEMA = "fundus2oct-run"
VERSION = 1

SeedRule = Literal["case", "photograph"]
"""What a case's seed follows from besides the run's: its id, or its photograph (docs/decisions/0013)."""


@dataclass(frozen=True)
class CaseRecord:
    """The outcome of one case: the digest of its volume, or the public code of its failure."""

    case_id: str
    digest: str | None
    code: str | None
    constant: bool = False

    @property
    def ok(self) -> bool:
        """Whether a volume came out."""
        return self.digest is not None

    @property
    def checksum(self) -> str:
        """Hexadecimal sha256 of the record: a flipped bit on disk is noticed."""
        return record_checksum(vars(self))


def case_seed(seed: int, name: str, sample: int = 0) -> int:
    """The seed of one case: from the run's seed and the case alone, 0 .. 2**63 - 1.

    Args:
        seed: of the run.
        name: the case's id, or its photograph's hash, as the `SeedRule` says.
        sample: reserved for several volumes a photograph.

    >>> case_seed(0, "a") == case_seed(0, "a"), case_seed(0, "a") == case_seed(1, "a")
    (True, False)
    """
    digest = hashlib.sha256(canonical_json(["fundus2oct-seed", seed, name, sample]).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def make_plan(
    *,
    dataset: Dataset,
    split: str,
    submission: Submission,
    generator: Mapping[str, Any],
    seed: int | None,
    container: str,
    limits: Mapping[str, Any],
    versions: Mapping[str, str],
    seeds: SeedRule = "case",
) -> dict[str, Any]:
    """The content of `plan.json`: everything that decides what the run's bytes will be."""
    cases = dataset.split(split)

    def seed_of(case: Case) -> int | None:
        name = case.case_id if seeds == "case" else picture_file.picture_digest(dataset.folder / case.fundus)
        return None if seed is None else case_seed(seed, name)

    return {
        "schema": PLAN_SCHEMA,
        "schema_version": VERSION,
        "dataset": {"name": dataset.name, "version": dataset.version, "inputs_hash": dataset.inputs_hash(split)},
        "split": split,
        "submission": {**vars(submission), "links": list(submission.links)},
        "generator": dict(generator),
        "seed": seed,
        "container": container,
        "limits": dict(limits),
        "versions": dict(versions),
        "cases": [{"case_id": case.case_id, "seed": seed_of(case)} for case in cases],
    }


class RunFolder:
    """A run's folder; every write is whole or not at all."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def plan_path(self) -> Path:
        """`plan.json`: its presence means that this is a run's folder."""
        return self.path / "plan.json"

    @property
    def log_path(self) -> Path:
        """The private log."""
        return self.path / "private.log"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder against a second process; free again even after a kill.

        Raises:
            BenchError: E_LOCKED when another process works in it.
        """
        self._make()
        with only_process(self.path):
            for folder in (self.path, self.path / "volumes", self.path / "cases"):
                remove_temporaries(folder)
            yield

    def _make(self) -> None:
        try:
            for name in ("volumes", "cases"):
                (self.path / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BenchError("E_DISK", f"cannot make the run's folder: {error.strerror}", where=self.path) from None

    def begin(self, plan: dict[str, Any]) -> None:
        """Write the plan, or find the same one from an earlier call.

        Raises:
            BenchError: E_CHANGED naming what differs from the plan that is there.
        """
        if not self.plan_path.exists():
            if any(any((self.path / name).iterdir()) for name in ("volumes", "cases")):
                raise BenchError("E_CHANGED", "cases without a plan", where=self.path, fix="choose another folder")
            _write_record(self.plan_path, plan)
            step("plan written")
            return
        self._require_same(plan, self.plan())

    def _require_same(self, plan: dict[str, Any], old: dict[str, Any]) -> None:
        changed = sorted(key for key in plan.keys() | old.keys() if plan.get(key) != old.get(key))
        fix = "choose another --out (of `bench score`: --runs), or remove this run's folder to start anew"
        walls = [run.get("generator", {}).get("isolation") for run in (old, plan)]
        if changed == ["generator"] and old["generator"] | {"isolation": walls[1]} == plan["generator"]:
            changed, old, plan = ["isolation"], {"isolation": walls[0]}, {"isolation": walls[1]}
            fix = f"type --sandbox {walls[0]} to go on, or {fix}"
        if changed:
            raise BenchError(
                "E_CHANGED",
                f"this run was planned with another {', '.join(changed)}",
                where=self.plan_path,
                expected=_short({key: old.get(key) for key in changed}),
                found=_short({key: plan.get(key) for key in changed}),
                fix=fix,
            )

    def plan(self) -> dict[str, Any]:
        """The content of `plan.json`; what `read_record` raises."""
        return read_record(self.plan_path, PLAN_SCHEMA, fix="remove the run's folder and generate again")

    def case_ids(self) -> list[str]:
        """The cases the plan expects, sorted."""
        return [case["case_id"] for case in self.plan()["cases"]]

    def volume_path(self, case_id: str) -> Path:
        """Where the volume of a case lies."""
        return self.path / "volumes" / f"{case_id}.npy"

    def store_volume(self, case_id: str, volume: Volume) -> CaseRecord:
        """Keep the volume of a case, then its record."""
        digest = write_volume(self.volume_path(case_id), volume)
        step("volume written")
        return self._store(CaseRecord(case_id, digest, None, constant=bool(volume.min() == volume.max())))

    def store_failure(self, case_id: str, code: str) -> CaseRecord:
        """Keep the public code of a failed case; a volume that an earlier, broken record left goes."""
        self.volume_path(case_id).unlink(missing_ok=True)
        return self._store(CaseRecord(case_id, None, code))

    def _store(self, record: CaseRecord) -> CaseRecord:
        write_json(self.path / "cases" / f"{record.case_id}.json", vars(record) | {"checksum": record.checksum})
        step("record written")
        return record

    def record(self, case_id: str) -> CaseRecord | None:
        """The valid record of a case, or None when it must be done (again): absent, broken, or its volume altered."""
        path = self.path / "cases" / f"{case_id}.json"
        try:
            document = json.loads(path.read_text("utf-8"))
            checksum = document.pop("checksum")
            record = CaseRecord(**document)
        except (OSError, ValueError, TypeError, AttributeError, KeyError, RecursionError):
            return None
        if record.case_id != case_id or record.checksum != checksum or (record.ok and not self._is_intact(record)):
            return None
        return record

    def _is_intact(self, record: CaseRecord) -> bool:
        try:
            return volume_digest(read_volume(self.volume_path(record.case_id))) == record.digest
        except BenchError:
            return False

    def unfinished(self) -> list[str]:
        """The planned cases without a valid record; where there are any, the run is not complete and says so."""
        todo = [case_id for case_id in self.case_ids() if self.record(case_id) is None]
        if todo:
            (self.path / "run.json").unlink(missing_ok=True)
        return todo

    def finish(self) -> dict[str, Any]:
        """Write `run.json` from the records of every planned case; the run is complete then."""
        records = [self.record(case_id) for case_id in self.case_ids()]
        missing = [case_id for case_id, record in zip(self.case_ids(), records, strict=True) if record is None]
        if missing:
            raise BenchError("E_MISSING", f"{len(missing)} cases have no record", where=self.path, found=missing[0])
        summary = _summary([record for record in records if record is not None], self.plan())
        _write_record(self.path / "run.json", summary)
        step("run.json written")
        return summary

    def summary(self) -> dict[str, Any]:
        """The content of `run.json`.

        Raises:
            BenchError: E_INCOMPLETE when the run is not complete, and what `read_record` raises.
        """
        if not (self.path / "run.json").exists():
            fix = "run the same `bench generate` again: it goes on where it stopped"
            raise BenchError("E_INCOMPLETE", "this run is not complete", where=self.path, fix=fix)
        fix = "run the same `bench generate` again: it writes this file anew"
        return read_record(self.path / "run.json", RUN_SCHEMA, fix=fix)


def _summary(records: list[CaseRecord], plan: Mapping[str, Any]) -> dict[str, Any]:
    digests = {record.case_id: record.digest for record in records}
    codes = Counter(record.code for record in records if record.code)
    return {
        "schema": RUN_SCHEMA,
        "schema_version": VERSION,
        "generator": plan["generator"],
        "limits": plan["limits"],
        "cases": {record.case_id: {"digest": record.digest, "code": record.code} for record in records},
        "failures": dict(sorted(codes.items())),
        "flags": sorted(_flags(records)),
        "volumes_hash": volumes_hash(digests),
    }


def _flags(records: list[CaseRecord]) -> Iterator[str]:
    good = [record for record in records if record.ok]
    if any(record.constant for record in good):
        yield "constant-volumes"
    if len(good) > 1 and len({record.digest for record in good}) == 1:
        yield "same-volume-for-all-cases"


def read_record(path: Path, schema: str, *, fix: str | None = None) -> dict[str, Any]:
    """Read one of the run's own JSON files, without its checksum.

    The checksum finds accidents: a cut file, a slip of an editor. It proves nothing against intent.

    Args:
        path: `plan.json` or `run.json`.
        schema: what it must name.
        fix: what to do when it is damaged.

    Raises:
        BenchError: E_MISSING, E_FORMAT or E_VERSION, naming the file; E_CHANGED when it is not as it was written.
    """
    try:
        document = json.loads(picture_file.read_bytes(path))
    except (ValueError, RecursionError) as error:
        raise BenchError("E_FORMAT", "not JSON", where=path, found=str(error), fix=fix) from None
    if not isinstance(document, dict) or document.get("schema") != schema:
        raise BenchError("E_FORMAT", "not what it should be", where=path, expected=f"schema {schema}", fix=fix)
    if document.get("schema_version") != VERSION:
        found = str(document.get("schema_version"))
        raise BenchError("E_VERSION", "another version", where=path, expected=str(VERSION), found=found)
    found = str(document.pop("checksum", "nothing"))
    if found != record_checksum(document):
        what = "edited or damaged after it was written"
        raise BenchError("E_CHANGED", what, where=path, expected="its checksum", found=found, fix=fix)
    return document


def _write_record(path: Path, document: dict[str, Any]) -> None:
    write_json(path, document | {"checksum": record_checksum(document)})


def record_checksum(document: Mapping[str, Any]) -> str:
    """Hexadecimal sha256 of a record without its checksum."""
    try:
        text = canonical_json(document)
    except ValueError:  # a NaN, which strict JSON does not know: it was never written so
        return "none"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _short(value: Any) -> str:
    text = canonical_json(value)
    return text if len(text) <= 240 else text[:237] + "..."
