"""Attestations: what somebody other than the team found out about one record, in a file beside it.

``<record>.attestation-<kind>.json``, then ``...-<kind>-2.json`` and so on: records are never edited and
attestations neither. Each names its record by the sha256 of its bytes. Counts only: no case is named. Written by
`bench verify` and `bench score --phase`, read by the board; loads neither torch nor numpy.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from fundus2oct.benchmark.schema_file import SchemaFile
from fundus2oct.benchmark.submission_file import is_clean_text
from fundus2oct.metrics.durable_file import sha256_file, write_json
from fundus2oct.metrics.errors import BenchError

SCHEMA_NAME = "fundus2oct-attestation"
SCHEMA_VERSION = 1
ATTESTATION_NAME = re.compile(r"(\d{4,}-[0-9a-f]{8})\.attestation-(organiser-run|reproduced|signed)(?:-\d+)?\.json")
SIGNATURE_NAME = re.compile(r"(\d{4,}-[0-9a-f]{8})\.json\.(sig|minisig)")
MAX_WHO = 80

SELF_REPORTED = "self-reported"
BADGES = ("organiser-run", "reproduced", "signed", SELF_REPORTED)
"""What a record can be called, the strongest first."""

GOOD_OUTCOMES = {"organiser-run": "generated", "reproduced": "reproduced", "signed": "valid"}
"""Kind of attestation -> the outcome that earns its badge."""

FILE = SchemaFile("attestation", SCHEMA_VERSION, max_bytes=2**16)

Attestation = dict[str, Any]


def make_attestation(
    kind: str,
    record: Path,
    *,
    who: str,
    outcome: str,
    when: datetime | None = None,
    cases: Mapping[str, int] | None = None,
    rescored: bool | None = None,
    tolerance: Mapping[str, float] | None = None,
    signature: Mapping[str, str] | None = None,
    device: str | None = None,
) -> Attestation:
    """The content of an attestation.

    Args:
        kind: organiser-run, reproduced or signed.
        record: the record it is about.
        who: who found it out, for readers.
        outcome: generated; reproduced or differs; valid.
        when: now, unless told.
        cases: ``regenerated``, ``equal``, ``within_tolerance`` and ``differing``, as counts.
        rescored: whether scoring gave the record's bytes again; None where it was not tried.
        tolerance: ``grey`` and ``share`` that the entry had declared.
        signature: ``scheme``, ``identity`` and ``key`` of a good signature.
        device: what the generator ran on.

    Raises:
        BenchError: E_NAME for a ``who`` that cannot be shown.
    """
    if not who or not is_clean_text(who, MAX_WHO) or "\n" in who:
        raise BenchError(
            "E_NAME", "bad name of who attests", expected=f"1 to {MAX_WHO} printable characters", found=who
        )
    return {
        "schema": SCHEMA_NAME,
        "schema_version": SCHEMA_VERSION,
        "kind": kind,
        "result_sha256": sha256_file(record),
        "who": who,
        "when": (when or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "outcome": outcome,
        "cases": None if cases is None else dict(cases),
        "rescored": rescored,
        "tolerance": None if tolerance is None else dict(tolerance),
        "signature": None if signature is None else dict(signature),
        "machine": machine(device),
    }


def attested_day(attestation: Attestation) -> date | None:
    """The day of an attestation in UTC; None where somebody wrote what is no day."""
    try:
        return date.fromisoformat(attestation["when"][:10])
    except ValueError:
        return None


def machine(device: str | None = None) -> dict[str, str]:
    """What the attested work ran on, without the name of a host or a person."""
    found = {
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "fundus2oct": metadata.version("fundus2oct"),
    }
    return found if device is None else found | {"device": device}


def write_attestation(record: Path, attestation: Attestation) -> Path:
    """File ``attestation`` beside its record; one that says the same, but for the time, is not filed twice."""
    FILE.check(attestation, where=record)
    stem, kind = record.name.removesuffix(".json"), attestation["kind"]
    number, path = 1, record.with_name(f"{stem}.attestation-{kind}.json")
    while path.exists():
        if _timeless(FILE.read(path)) == _timeless(attestation):
            return path
        number += 1
        path = record.with_name(f"{stem}.attestation-{kind}-{number}.json")
    write_json(path, attestation)
    return path


def read_attestations(record: Path) -> tuple[Attestation, ...]:
    """Every attestation beside one record, by kind and number.

    Raises:
        BenchError: E_ATTESTATION when one belongs to other bytes than the record's; what `SchemaFile.read` raises.
    """
    stem = record.name.removesuffix(".json")
    paths = [path for path in record.parent.iterdir() if ATTESTATION_NAME.fullmatch(path.name)]
    own = sorted((p for p in paths if p.name.startswith(f"{stem}.")), key=lambda path: (len(path.name), path.name))
    return tuple(_read(path, record) for path in own)


def _read(path: Path, record: Path) -> Attestation:
    attestation, digest = FILE.read(path), sha256_file(record)
    named = ATTESTATION_NAME.fullmatch(path.name)
    if attestation["result_sha256"] != digest or named is None or named[2] != attestation["kind"]:
        raise BenchError(
            "E_ATTESTATION",
            "the attestation is about another record or kind",
            where=path,
            expected=f"{named[2] if named else 'a kind'}, sha256 {digest}",
            found=f"{attestation['kind']}, sha256 {attestation['result_sha256']}",
            fix="remove it, and run `bench verify --attest` again",
        )
    return attestation


def badges(attestations: Iterable[Attestation]) -> tuple[str, ...]:
    """What a record may be called, the strongest first; self-reported when nobody attests anything.

    An attestation that says that a record could not be reproduced takes the badge ``reproduced`` away, unless a later
    one says otherwise.

    >>> badges(())
    ('self-reported',)
    """
    latest = {a["kind"]: a["outcome"] for a in sorted(attestations, key=lambda a: (a["when"], a["who"]))}
    earned = tuple(name for name in BADGES if latest.get(name) == GOOD_OUTCOMES.get(name, ""))
    return earned or (SELF_REPORTED,)


def _timeless(attestation: Attestation) -> Attestation:
    return {key: value for key, value in attestation.items() if key != "when"}
