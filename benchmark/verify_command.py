"""`bench verify`: is a filed record what its volumes, its generator and its signature say?

What is at hand is checked; nothing is edited; an attestation may be filed beside the record. The truth stays with the
organiser, who runs this.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fundus2oct.benchmark.generate_command import LIMITS_OPTION, SANDBOX_OPTION, choose_device, chosen_limits
from fundus2oct.benchmark.progress import say
from fundus2oct.metrics.errors import BenchError, ExitCode

if TYPE_CHECKING:
    from fundus2oct.benchmark.verification import Findings
    from fundus2oct.benchmark.verify_volumes import CaseVerdict, Tolerance

FOLDER = click.Path(path_type=Path)
SHOWN = 20
"""Differences listed; the others are counted."""


@click.command()
@click.argument("result", type=FOLDER)
@click.option("--data", type=FOLDER, help="Dataset folder; with truth, the run is scored again.")
@click.option("--run", type=FOLDER, help="The run that the record was scored from, with its volumes.")
@click.option("--generator", help="Generator that cases are generated with again; with --data.")
@click.option("--private", type=FOLDER, help="The organiser's folder: its cache and its values per case are used.")
@click.option("--cases", default=5, show_default=True, type=click.IntRange(1), help="Cases to generate again.")
@click.option("--seed", type=click.IntRange(0), help="Draws the cases. [default: from the record's hash and --nonce]")
@click.option("--nonce", default="", help="A word named after the record was filed; nobody can foresee the draw.")
@click.option("--device", default="auto", show_default=True, help="Device of the generator.")
@SANDBOX_OPTION
@LIMITS_OPTION
@click.option("--rescore/--no-rescore", default=True, show_default=True, help="Score the volumes again.")
@click.option("--signature", type=FOLDER, help="Detached signature of the record, by ssh-keygen -Y or minisign.")
@click.option(
    "--allowed-signers", type=FOLDER, help="For ssh the file of allowed signers, for minisign the public key."
)
@click.option("--identity", help="Whose signature it must be, in the file of allowed signers. [default: the team]")
@click.option("--attest", metavar="NAME", help="File what was found beside the record, in this name.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable; names cases, so keep it private.")
def verify(
    result: Path,
    data: Path | None,
    run: Path | None,
    generator: str | None,
    private: Path | None,
    cases: int,
    seed: int | None,
    nonce: str,
    device: str,
    sandbox: str,
    limits: Path | None,
    rescore: bool,
    signature: Path | None,
    allowed_signers: Path | None,
    identity: str | None,
    attest: str | None,
    as_json: bool,
) -> ExitCode:
    """Reproduce a filed record: generate some cases again, score again, check its signature.

    RESULT is the record, <NNNN>-<hash8>.json. With --generator, --data and --run, --cases random cases are generated
    again and compared with the stored volumes, under the run's limits; without --run all cases, by their one hash,
    under --limits. Where the dataset has the truth, the volumes are scored again and the record's bytes must come out.
    Exit code 5 when anything differs.

    \b
    Example:
      bench verify results/team/method/results/v1-1/test/0001-89abcdef.json --data data --run runs/a --generator team/a
    """
    from fundus2oct.benchmark.result_file import read_result
    from fundus2oct.benchmark.verification import Findings, Reproduction, reproduce
    from fundus2oct.metrics.durable_file import sha256_file

    _require_a_task(data, run, generator, signature, allowed_signers)
    record, sha256 = read_result(result), sha256_file(result)
    _check_name(result, sha256)
    signed = _check_signature(result, signature, allowed_signers, identity or record["entry"]["team"])
    found = Findings()
    if data is not None:
        _warn_of_a_foreseen_draw(run, nonce, seed)
        task = Reproduction(
            record=record,
            declared=_declared_tolerance(result),
            sha256=sha256,
            data=data,
            run=run,
            generator=generator,
            private=private,
            cases=cases,
            seed=seed,
            nonce=nonce,
            device=device,
            sandbox=sandbox,
            rescore=rescore,
            limits=chosen_limits(limits, None),
        )
        found = reproduce(task)
    _show(result, found, signed, as_json)
    if attest is not None:
        _attest(result, found, signed, who=attest, device=choose_device(device) if generator else None)
    if not found.good:
        raise _mismatch("the record is not reproduced", result, fix="the lines above say what differs")
    return ExitCode.OK


def _warn_of_a_foreseen_draw(run: Path | None, nonce: str, seed: int | None) -> None:
    if run and not nonce and seed is None:
        say("without --nonce or --seed the record alone draws the cases: whoever filed it can foresee them")


def _require_a_task(
    data: Path | None, run: Path | None, generator: str | None, signature: Path | None, signers: Path | None
) -> None:
    if data is None and signature is None:
        raise click.UsageError("nothing to check: give --data with --run or --generator, or --signature")
    if (data is None) != (run is None and generator is None):
        raise click.UsageError("--data goes with --run, --generator or both")
    if (signature is None) != (signers is None):
        raise click.UsageError("--signature goes with --allowed-signers")


def _check_name(path: Path, sha256: str) -> None:
    """A filed record carries the start of its hash in its name."""
    from fundus2oct.benchmark.result_file import RESULT_NAME

    named = RESULT_NAME.fullmatch(path.name)
    if named and not sha256.startswith(named[2]):
        what = "the record was changed after it was filed"
        raise _mismatch(what, path, expected=f"sha256 starting with {named[2]}", found=sha256[:8])


def _declared_tolerance(path: Path) -> Tolerance | None:
    """The tolerance in the `submission.toml` published with the record; None for a record that lies elsewhere."""
    from fundus2oct.benchmark.submission_file import FILE_NAME, read_submission
    from fundus2oct.benchmark.verify_volumes import Tolerance

    method_folder = path.resolve().parents[3] if len(path.resolve().parents) > 3 else path.parent
    if not (method_folder / FILE_NAME).is_file():
        return None
    return Tolerance.of(read_submission(method_folder))


def _mismatch(what: str, where: Path, **more: str) -> BenchError:
    return BenchError("E_MISMATCH", what, where=where, exit_code=ExitCode.VERIFICATION_MISMATCH, **more)


def _check_signature(path: Path, signature: Path | None, signers: Path | None, identity: str) -> dict[str, str] | None:
    from fundus2oct.benchmark.signature import check_signature

    if signature is None or signers is None:
        return None
    return check_signature(path, signature, signers, identity=identity)


def _show(path: Path, found: Findings, signed: dict[str, str] | None, as_json: bool) -> None:
    """One line a check on stdout, and under it what differs."""
    if as_json:
        click.echo(json.dumps(asdict(found) | {"signature": signed, "good": found.good}, indent=2, sort_keys=True))
        return
    click.echo(path.stem)
    if signed is not None:
        click.echo(f"  signature: good, {signed['scheme']}, {signed['identity']}, {signed['key']}")
    for problem in found.problems:
        click.echo(f"  differs: {problem}")
    if found.cases is not None:
        _show_cases(found.cases)
    for name, listed in (("record", found.record), ("values of the drawn cases", found.case_values)):
        if listed is not None:
            click.echo(f"  {name}, scored again: {f'{len(listed)} differences' if listed else 'equal'}")
            for difference in listed[:SHOWN]:
                click.echo(f"    {difference.place}: {difference.filed} filed, {difference.found} found")
    if not found.good:
        click.echo("not reproduced")
    elif found.cases is not None or found.record is not None:
        click.echo("reproduced")


def _show_cases(cases: list[CaseVerdict]) -> None:
    from fundus2oct.benchmark.verify_volumes import counts

    n = counts(cases)
    click.echo(
        f"  volumes, generated again: {n['equal']} of {n['regenerated']} equal, "
        f"{n['within_tolerance']} within the declared tolerance, {n['differing']} differing"
    )
    for case in cases:
        if case.told:
            click.echo(f"    {case.case_id}: {case.told}")


def _attest(path: Path, found: Findings, signed: dict[str, str] | None, *, who: str, device: str | None) -> None:
    """File what was found; scores alone earn no badge, so without a generator or a signature there is nothing to file.

    Raises:
        BenchError: E_ATTESTATION when nothing was found that could be attested.
    """
    from fundus2oct.benchmark.attestation_file import make_attestation, write_attestation
    from fundus2oct.benchmark.verify_volumes import counts

    documents = []
    if signed is not None:
        documents.append(make_attestation("signed", path, who=who, outcome="valid", signature=signed))
    if device is not None:
        details: dict[str, Any] = {
            "cases": None if found.cases is None else counts(found.cases),
            "rescored": None if found.record is None else not (found.record or found.case_values),
            "tolerance": None if found.tolerance is None else asdict(found.tolerance),
        }
        outcome = "reproduced" if found.good else "differs"
        documents.append(make_attestation("reproduced", path, who=who, outcome=outcome, device=device, **details))
    if not documents:
        fix = "give --generator, so that cases are generated again, or --signature"
        raise BenchError("E_ATTESTATION", "nothing was found that could be attested", where=path, fix=fix)
    for document in documents:
        say(f"written: {write_attestation(path, document)}")
