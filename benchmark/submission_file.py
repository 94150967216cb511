"""`submission.toml`: who hands in what. A generator is a folder with this file, code and weights."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import tomli_w

from fundus2oct.benchmark import picture_file
from fundus2oct.metrics.durable_file import write_text
from fundus2oct.metrics.errors import BenchError, BenchErrors

FILE_NAME = "submission.toml"
SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
LINK = re.compile(
    r"https://(?!-)[A-Za-z0-9.-]{1,253}(:\d{1,5})?(/[\x21\x23-\x26\x28-\x3b\x3d\x3f-\x5b\x5d\x5f-\x7e]*)?"
)
SHA256 = re.compile(r"[0-9a-f]{64}")
MAX_NAME = 80
MAX_TEXT = 2000
MAX_PARAMETERS = 10**15
MAX_WEIGHTS = 256
MAX_TOLERANCE = 16
"""Grey levels: a generator that repeats itself no better has no stable output to verify."""

KINDS = ("submission", "baseline", "trivial", "oracle", "degraded-truth")
RANKED_KINDS = ("submission", "baseline")

LONGEST = {
    "title": MAX_NAME,
    "alias": MAX_NAME,
    "licence": MAX_NAME,
    "description": MAX_TEXT,
    "external_data": 400,
    "compute": 400,
    "python": 400,
    "requirements": 400,
}
"""Texts, and how many characters each may have."""


@dataclass(frozen=True, kw_only=True)
class Submission:
    """The content of a `submission.toml`.

    Attributes:
        team: slug of the team, ``[a-z0-9][a-z0-9_-]{0,63}``.
        method: slug of the method.
        kind: submission and baseline are ranked; trivial, oracle and degraded-truth are shown in order.
        title: the method's name for readers; the slug when empty.
        alias: the team's name for readers; the slug when empty.
        description: a paragraph for readers.
        licence: SPDX expression.
        external_data: what else it was trained on; empty means only the training split.
        compute: what it was trained on and for how long, as the team reports it.
        parameters: number of parameters, as the team reports it; 0 = not told.
        links: https links (paper, code).
        generator: ``module:callable``; empty for a submission of images.
        batch: whether the generator takes several photographs at once.
        weights: file below the folder -> its sha256.
        python: the interpreter its worker runs in; relative to the folder, or absolute.
        requirements: a file of requirements below the folder, from which an environment is made for its worker.
        tolerance_grey: by how many grey levels a pixel may differ when a case is generated again; 0 = not at all.
        tolerance_share: share of a volume's pixels that may differ then, 0..1.
    """

    team: str
    method: str
    kind: str = "submission"
    title: str = ""
    alias: str = ""
    description: str = ""
    licence: str = ""
    external_data: str = ""
    compute: str = ""
    parameters: int = 0
    links: tuple[str, ...] = ()
    generator: str = ""
    batch: bool = False
    weights: Mapping[str, str] = field(default_factory=dict)
    python: str = ""
    requirements: str = ""
    tolerance_grey: int = 0
    tolerance_share: float = 0.0

    @property
    def name(self) -> str:
        """``team/method``."""
        return f"{self.team}/{self.method}"

    def without_machine(self) -> Submission:
        """What may be published: without the environment, whose paths belong to one machine."""
        return replace(self, python="", requirements="")


def tracks(submission: Submission, *, images: bool) -> tuple[str, ...]:
    """The tracks that an entry competes in, in words.

    >>> tracks(Submission(team="a", method="b", batch=True), images=False)
    ('code', 'no external data', 'batch')
    """
    handed_in = "images" if images else "code"
    data = "external data" if submission.external_data else "no external data"
    return (handed_in, data, *(["batch"] if submission.batch else []))


def read_submission(folder: Path) -> Submission:
    """Read and check `submission.toml` in ``folder``.

    Raises:
        BenchError: one problem, or BenchErrors with all of them; exit code 3.
    """
    path = folder / FILE_NAME
    try:
        document = tomllib.loads(picture_file.read_bytes(path, max_bytes=2**18).decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BenchError("E_MANIFEST", "not valid TOML", where=path, found=str(error)) from None
    return submission_from(document, path)


def submission_from(document: dict[str, Any], path: Path) -> Submission:
    """The submission that a parsed file describes; raises what `read_submission` does, naming ``path``."""
    problems = submission_problems(document, path)
    if problems:
        raise problems[0] if len(problems) == 1 else BenchErrors(problems, where=path)
    return Submission(**{**document, "links": tuple(document.get("links", ()))})


def write_submission(folder: Path, submission: Submission) -> None:
    """Write `submission.toml` into ``folder``, whole or not at all."""
    values = {key: value for key, value in asdict(submission).items() if value}
    write_text(folder / FILE_NAME, tomli_w.dumps(values | {"links": list(submission.links)}))


def submission_problems(document: dict[str, Any], path: Path) -> list[BenchError]:
    """Every broken rule of a parsed `submission.toml`, one error each."""
    fields = Submission.__dataclass_fields__

    def problem(code: str, key: str, expected: str) -> BenchError:
        found = repr(document[key])[:120] if key in document else "nothing"
        return BenchError(code, f"key {key!r}", where=path, expected=expected, found=found)

    unknown = [problem("E_MANIFEST", key, f"one of {', '.join(fields)}") for key in sorted(document.keys() - fields)]
    known = {key: document[key] for key in document.keys() & fields}
    mistyped = [problem("E_MANIFEST", key, kind) for key, kind in sorted(_wrong_types(known).items())]
    if unknown or mistyped:
        return unknown + mistyped
    return [problem(code, key, expected) for code, key, expected in _broken_rules(document)]


def _wrong_types(known: Mapping[str, Any]) -> dict[str, str]:
    """Key -> the type it should have; links and weights are judged by their rules."""
    texts = known.keys() - {"links", "weights", "batch", "parameters", "tolerance_grey", "tolerance_share"}
    wrong = {key: "text" for key in texts if not isinstance(known[key], str)}
    if not isinstance(known.get("batch", False), bool):
        wrong["batch"] = "true or false"
    for key in ("parameters", "tolerance_grey"):
        if type(known.get(key, 0)) is not int:
            wrong[key] = "a whole number"
    if type(known.get("tolerance_share", 0.0)) not in (int, float):
        wrong["tolerance_share"] = "a number"
    return wrong


def _broken_rules(document: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(code, key, what is expected) of every broken rule; the types are right already."""
    for key in ("team", "method"):
        if not SLUG.fullmatch(document.get(key, "")):
            yield "E_NAME", key, SLUG.pattern
    if document.get("kind", "submission") not in KINDS:
        yield "E_MANIFEST", "kind", " or ".join(KINDS)
    for key, longest in LONGEST.items():
        if not is_clean_text(document.get(key, ""), longest):
            yield "E_NAME", key, f"at most {longest} printable characters in Unicode NFC"
    if document.get("generator") and not TARGET.fullmatch(document["generator"]):
        yield "E_MANIFEST", "generator", "module:callable"
    if not are_safe_links(document.get("links", [])):
        yield "E_LINK", "links", "at most 8 https links of at most 500 ASCII characters"
    if not 0 <= document.get("parameters", 0) <= MAX_PARAMETERS:
        yield "E_MANIFEST", "parameters", "0 or more"
    if not 0 <= document.get("tolerance_grey", 0) <= MAX_TOLERANCE:
        yield "E_MANIFEST", "tolerance_grey", f"0 to {MAX_TOLERANCE} grey levels"
    if not 0 <= document.get("tolerance_share", 0.0) <= 1:
        yield "E_MANIFEST", "tolerance_share", "0 to 1"
    if not are_weights(document.get("weights", {})):
        yield "E_MANIFEST", "weights", "a table: path below the folder = 64 hexadecimal digits of its sha256"
    if document.get("python") and document.get("requirements"):
        yield "E_MANIFEST", "requirements", "either python or requirements, not both"
    if document.get("requirements") and not is_inner_path(document["requirements"]):
        yield "E_PATH", "requirements", "a file below the folder"


def are_weights(table: Any) -> bool:
    """Whether ``table`` maps paths below a folder to sha256 digests.

    >>> are_weights({"weights.npy": "0" * 64}), are_weights({"../weights.npy": "0" * 64})
    (True, False)
    """
    return (
        isinstance(table, dict)
        and len(table) <= MAX_WEIGHTS
        and all(is_inner_path(path) for path in table)
        and all(isinstance(digest, str) and SHA256.fullmatch(digest) for digest in table.values())
    )


def is_inner_path(text: str) -> bool:
    r"""Whether a path is relative, plain and does not leave its folder.

    >>> is_inner_path("net/weights.npy"), is_inner_path("/etc/passwd"), is_inner_path("a\b")
    (True, False, False)
    """
    parts = text.split("/")
    return is_clean_text(text, 400) and "\\" not in text and "\n" not in text and not {"", ".", ".."} & set(parts)


def is_clean_text(text: str, longest: int) -> bool:
    r"""Whether text is safe to show: NFC, no control, bidirectional or zero-width characters, not too long.

    >>> is_clean_text("Rétine 網膜", 80), is_clean_text("a\u202eb", 80)
    (True, False)
    """
    unseen = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    return (
        len(text) <= longest
        and unicodedata.is_normalized("NFC", text)
        and all(unicodedata.category(character) not in unseen for character in text.replace("\n", " "))
        and (not text or bool(text.strip()))
    )


def are_safe_links(links: Any) -> bool:
    """Whether ``links`` is a short list of plain https addresses.

    >>> are_safe_links(["https://arxiv.org/abs/2506.07542"]), are_safe_links(["javascript:alert(1)"])
    (True, False)
    """
    return (
        isinstance(links, list)
        and len(links) <= 8
        and all(isinstance(link, str) and len(link) <= 500 and LINK.fullmatch(link) for link in links)
    )
