"""What `bench score` does about a phase around scoring: rules and moments are read, its own run is attested."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fundus2oct.benchmark.progress import say

if TYPE_CHECKING:
    from fundus2oct.benchmark.phase_file import Phase
    from fundus2oct.benchmark.volume_source import VolumeSource


def read_moment(text: str | None) -> datetime:
    """A moment with its offset, in UTC; now where there is none."""
    if text is None:
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a moment such as 2026-03-01T12:00:00Z") from None
    if moment.tzinfo is None:
        raise click.BadParameter(f"{text!r} has no offset: add Z for UTC")
    return moment.astimezone(UTC)


def phase_rules(phase: str | None) -> Phase | None:
    """The rules of a phase that is named by its file."""
    from fundus2oct.benchmark.phase_file import read_phase

    return read_phase(Path(phase)) if phase is not None and phase.endswith(".toml") else None


def split_of(rules: Phase, split: str) -> str:
    """The phase's split; another one on the command line is a mistake."""
    source = click.get_current_context().get_parameter_source("split")
    if source is not click.core.ParameterSource.DEFAULT and split != rules.split:
        raise click.UsageError(f"phase {rules.name} scores split {rules.split!r}, not {split!r}")
    return rules.split


def attest_run(path: Path, rules: Phase, source: VolumeSource, device: str) -> None:
    """Attest that the organiser generated the volumes; pictures that were handed in are not."""
    from fundus2oct.benchmark.attestation_file import make_attestation, write_attestation
    from fundus2oct.benchmark.generate_command import choose_device

    if source.provenance["generator_hash"] is None:
        return
    device = choose_device(device)
    document = make_attestation("organiser-run", path, who=rules.organiser, outcome="generated", device=device)
    say(f"written: {write_attestation(path, document)}")
