"""Detached signatures of a record, made and checked by programs that people trust already: ssh-keygen or minisign.

A team signs with ``ssh-keygen -Y sign -f KEY -n fundus2oct RECORD``; nothing here touches a private key. The public key
comes from the organiser's own file, never from the submission.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from fundus2oct.benchmark import picture_file
from fundus2oct.metrics.errors import BenchError, ExitCode

NAMESPACE = "fundus2oct"
"""What a signature is for: one made for a git commit or a mail is refused."""

SSH_START = b"-----BEGIN SSH SIGNATURE-----"
MINISIGN_START = b"untrusted comment:"
MAX_BYTES = 2**16
SECONDS = 30


def check_signature(record: Path, signature: Path, signers: Path, *, identity: str) -> dict[str, str]:
    """Check a detached signature over the bytes of ``record``.

    Args:
        record: the file that was signed.
        signature: made by ``ssh-keygen -Y sign`` or ``minisign -S``.
        signers: the file of allowed signers (see ssh-keygen(1)), or minisign's public key.
        identity: whose signature it must be; with minisign the key alone decides.

    Returns:
        ``scheme``, ``identity`` and ``key``, as an attestation holds them.

    Raises:
        BenchError: E_SIGNATURE when it is not good, with exit code 5; E_PROGRAM where the program is not installed.
    """
    start = picture_file.read_bytes(signature, max_bytes=MAX_BYTES)
    picture_file.read_bytes(signers, max_bytes=2**20)
    if start.startswith(SSH_START):
        return _check_ssh(record, signature, signers, identity)
    if start.startswith(MINISIGN_START):
        return _check_minisign(record, signature, signers, identity)
    raise _bad(signature, "neither an ssh nor a minisign signature")


def _check_ssh(record: Path, signature: Path, signers: Path, identity: str) -> dict[str, str]:
    arguments = ["-Y", "verify", "-f", str(signers), "-I", identity, "-n", NAMESPACE, "-s", str(signature)]
    done = _run([_program("ssh-keygen", "openssh-client"), *arguments], record.read_bytes())
    if done.returncode != 0:
        raise _bad(signature, _last_line(done))
    key = re.search(r"(SHA256:[A-Za-z0-9+/=]+)", done.stdout.decode("utf-8", "replace"))
    return {"scheme": "ssh", "identity": identity, "key": key[1] if key else "not told"}


def _check_minisign(record: Path, signature: Path, signers: Path, identity: str) -> dict[str, str]:
    arguments = ["-V", "-q", "-m", str(record), "-x", str(signature), "-p", str(signers)]
    done = _run([_program("minisign", "minisign"), *arguments], b"")
    if done.returncode != 0:
        raise _bad(signature, _last_line(done))
    key = signers.read_text("utf-8").splitlines()[-1].strip()
    return {"scheme": "minisign", "identity": identity, "key": key}


def _program(name: str, package: str) -> str:
    found = shutil.which(name)
    if found is None:
        fix = f"install it: apt-get install {package}"
        raise BenchError("E_PROGRAM", f"{name} is not installed", fix=fix)
    return found


def _run(command: list[str], given: bytes) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(command, input=given, capture_output=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise BenchError("E_PROGRAM", f"{Path(command[0]).name} gave no answer", fix="run it by hand") from None


def _last_line(done: subprocess.CompletedProcess[bytes]) -> str:
    lines = (done.stdout + b"\n" + done.stderr).decode("utf-8", "replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "refused")


def _bad(signature: Path, found: str) -> BenchError:
    return BenchError(
        "E_SIGNATURE",
        "the signature is not good",
        where=signature,
        expected=f"one over the record's bytes, for {NAMESPACE}, by an allowed signer",
        found=found,
        exit_code=ExitCode.VERIFICATION_MISMATCH,
    )
