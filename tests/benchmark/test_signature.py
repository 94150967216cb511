"""Detached signatures: a good one is taken, and everything that only looks like one is refused with exit code 5."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from scored_folders import make_result

from fundus2oct.benchmark import cli, signature
from fundus2oct.benchmark.attestation_file import badges, read_attestations
from fundus2oct.benchmark.result_file import publish_result
from fundus2oct.metrics.errors import BenchError, ExitCode

needs_ssh = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed: make system")
needs_minisign = pytest.mark.skipif(shutil.which("minisign") is None, reason="minisign is not installed")


def make_key(folder: Path, name: str) -> Path:
    key = folder / name
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(key)], check=True)
    return key


def sign(key: Path, path: Path, *, namespace: str = signature.NAMESPACE) -> Path:
    made = path.with_name(f"{path.name}.sig")
    made.unlink(missing_ok=True)
    command = ["ssh-keygen", "-q", "-Y", "sign", "-f", str(key), "-n", namespace, str(path)]
    subprocess.run(command, check=True, capture_output=True)
    return made


@pytest.fixture
def record(tmp_path: Path) -> Path:
    """A filed record of the team `team`."""
    return publish_result(make_result("flow", {"fvd": 1.0}, "submission"), tmp_path / "results")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """The team's private key."""
    return make_key(tmp_path, "key")


@pytest.fixture
def signers(tmp_path: Path, key: Path) -> Path:
    """The organiser's file of allowed signers: the team and its key."""
    path = tmp_path / "allowed_signers"
    path.write_text(f"team {key.with_suffix('.pub').read_text('utf-8')}", "utf-8")
    return path


@needs_ssh
def test_a_good_signature_is_taken_and_attested(record: Path, key: Path, signers: Path) -> None:
    options = ["--signature", sign(key, record), "--allowed-signers", signers, "--attest", "Organiser"]
    assert cli.run(["--quiet", "verify", str(record), *map(str, options)]) == 0
    (attestation,) = read_attestations(record)
    assert attestation["signature"]["identity"] == "team"
    assert attestation["signature"]["key"].startswith("SHA256:")
    assert badges([attestation]) == ("signed",)


def another_key(record: Path, key: Path, signers: Path) -> Path:
    return sign(make_key(key.parent, "other"), record)


def another_purpose(record: Path, key: Path, signers: Path) -> Path:
    return sign(key, record, namespace="git")


def another_file(record: Path, key: Path, signers: Path) -> Path:
    other = record.with_name("other.json")
    other.write_bytes(record.read_bytes().replace(b"1.0", b"2.0"))
    return sign(key, other)


def another_team(record: Path, key: Path, signers: Path) -> Path:
    signers.write_text(signers.read_text("utf-8").replace("team ", "rival ", 1), "utf-8")
    return sign(key, record)


def no_signature(record: Path, key: Path, signers: Path) -> Path:
    path = record.with_name("letter.sig")
    path.write_text("yours sincerely", "utf-8")
    return path


def half_a_signature(record: Path, key: Path, signers: Path) -> Path:
    path = sign(key, record)
    path.write_bytes(path.read_bytes()[:150])
    return path


@needs_ssh
@pytest.mark.parametrize(
    "forge", [another_key, another_purpose, another_file, another_team, no_signature, half_a_signature]
)
def test_what_only_looks_like_a_signature_is_refused(
    forge: Callable[[Path, Path, Path], Path], record: Path, key: Path, signers: Path
) -> None:
    made = forge(record, key, signers)
    with pytest.raises(BenchError, match="E_SIGNATURE") as raised:
        signature.check_signature(record, made, signers, identity="team")
    assert raised.value.exit_code is ExitCode.VERIFICATION_MISMATCH
    assert read_attestations(record) == ()


@needs_minisign
def test_minisign_is_taken_too(record: Path, tmp_path: Path) -> None:
    secret, public, made = tmp_path / "m.key", tmp_path / "m.pub", tmp_path / "m.minisig"
    subprocess.run(["minisign", "-G", "-W", "-p", public, "-s", secret], check=True, capture_output=True)
    subprocess.run(["minisign", "-S", "-s", secret, "-m", record, "-x", made], check=True, capture_output=True)
    assert signature.check_signature(record, made, public, identity="team")["scheme"] == "minisign"
    record.write_bytes(record.read_bytes() + b"\n")
    with pytest.raises(BenchError, match="E_SIGNATURE"):
        signature.check_signature(record, made, public, identity="team")


def test_a_missing_program_is_named_with_its_package(
    record: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    made = tmp_path / "x.sig"
    made.write_bytes(signature.SSH_START)
    with pytest.raises(BenchError, match=r"E_PROGRAM: ssh-keygen is not installed .* apt-get install openssh-client"):
        signature.check_signature(record, made, made, identity="team")
