"""A report on one board for a paper: Markdown under the headings of the BIAS checklist, filled from the records.

BIAS: Maier-Hein et al., Transparent reporting of biomedical image analysis challenges, Medical Image Analysis 66, 2020.
The headings follow the checklist, the words are ours. What no record holds is left for the organisers, marked as such
and listed again at the end, so that nobody takes silence for an answer. Called by `exports`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from fundus2oct.benchmark.submission_file import RANKED_KINDS
from fundus2oct.leaderboard.board import Board
from fundus2oct.leaderboard.board_facts import (
    badges_text,
    disclosure_text,
    isolation_text,
    training_text,
    versions_text,
)
from fundus2oct.leaderboard.board_uncertainty import uncertainties
from fundus2oct.leaderboard.board_view import make_cell, protocol_texts
from fundus2oct.leaderboard.export_text import markdown_text
from fundus2oct.leaderboard.groups_view import groups_text
from fundus2oct.leaderboard.lead import judge_lead
from fundus2oct.leaderboard.number_text import counted, percent
from fundus2oct.leaderboard.pair_table import PairTable
from fundus2oct.leaderboard.rank_words import rule_sentences
from fundus2oct.leaderboard.ranking import MAX_FAILED_PERCENT, Row

TO_ADD = "**To add by the organisers:**"
SOURCE = "Maier-Hein et al., Medical Image Analysis 66 (2020) 101796, doi:10.1016/j.media.2020.101796"

Lines = Iterator[str]


def bias_report(board: Board, site_title: str) -> str:
    """The whole report as Markdown; equal boards give equal bytes."""
    parts = (_summary, _organisation, _mission, _data, _assessment, _outcome, _limits)
    lines = [f"# {_word(board.title)}: report on a challenge", "", _head(site_title), ""]
    for part in parts:
        lines += [*part(board), ""]
    lines += _left_open(lines)
    return "\n".join(lines) + "\n"


def _word(value: object) -> str:
    return markdown_text(str(value))


def _head(site_title: str) -> str:
    return (
        f"Written by `bench export` from the records of *{_word(site_title)}*, under the headings of the BIAS "
        f"checklist ({SOURCE}). Every number is one of a record. Lines that begin with {TO_ADD} name what no record "
        "holds."
    )


def _fact(label: str, text: str) -> str:
    return f"- **{label}.** {text}"


def _add(what: str) -> str:
    return f"- {TO_ADD} {what}"


def _summary(board: Board) -> Lines:
    dataset, lead = board.dataset, judge_lead(board)
    submitted = [row for row in board.rows if row.entry.kind == "submission"]
    yield "## 1 Summary"
    yield ""
    yield _fact("Title", _word(board.title))
    yield _fact("Task", "one colour fundus photograph in, six radial OCT B-scans of the same eye out")
    yield _fact("Test set", f"{counted(dataset['n_cases'], 'eye')} of {counted(dataset['n_patients'], 'patient')}")
    entries = (
        f"{len(submitted)} by teams, {len(board.rows)} rows with baselines and controls, {len(board.ranked)} ranked"
    )
    yield _fact("Entries", entries)
    yield _fact("Result", _word(" ".join([f"{lead.verdict}.", *lead.sentences])))
    yield _add("the abstract, keywords, and the clinical question behind the task")


def _organisation(board: Board) -> Lines:
    yield "## 2 Challenge organisation"
    yield ""
    yield _fact("Phase", _word(board.any_result["phase"]))
    yield _fact(
        "Submission",
        "a generator as code, run by the organiser behind walls without network, or volumes as pictures; how each row "
        f"was run: {_word(isolation_text(board))}",
    )
    yield _fact("Who checked the records", _word(badges_text(board)))
    yield _fact("Evaluation code", f"public: {_word(versions_text(board))}")
    yield _fact("Disclosure", disclosure_text(board))
    for what in (
        "organisers, affiliations and contact; the venue or publication it belongs to",
        "life cycle: once, repeated or open for ever",
        "who may take part: members of the organisers' institutes, automatic methods alone, other training data",
        "schedule: release of training data, opening and closing of the phase, publication of results",
        "prizes; whose results are announced; who may publish what, and when; who is an author",
        "ethics approval for the data, with its number, or why none is needed",
        "data usage agreement and the licence under which participants may use the data",
        "whether participants' code is public, and where",
        "conflicts of interest: sponsors, and who had access to the test truth",
    ):
        yield _add(what)


def _mission(board: Board) -> Lines:
    yield "## 3 Mission"
    yield ""
    yield _fact("Task category", "image synthesis across modalities, from 2D to a sparse 3D volume")
    yield _fact(
        "Modalities", "input: colour fundus photography; output: optical coherence tomography, six radial lines"
    )
    yield _fact("Context given with each image", "the side of the eye, left or right; nothing else")
    yield _fact("Challenge cohort", _word(board.dataset["description"]) or "not described by the dataset")
    yield _fact("Assessment aim", f"{_word(board.ranking_card.title)}: {_word(board.ranking_card.summary)}")
    yield _add("the field of application, such as screening, and what a generated scan would be used for")
    yield _add("the target cohort: the patients on whom a generator would be used, and how they differ from these")


def _data(board: Board) -> Lines:
    dataset = board.dataset
    yield "## 4 Data"
    yield ""
    yield _fact("Dataset", f"{_word(dataset['name'])} {_word(dataset['version'])}, split {_word(dataset['split'])}")
    size = f"{counted(dataset['n_cases'], 'eye')} of {counted(dataset['n_patients'], 'patient')}"
    yield _fact("Test cases", f"{size}; no patient is in two splits")
    yield _fact("Training cases", training_text(board) or f"not in any record. {TO_ADD} their number")
    yield _fact("What a case is", "one photograph of one eye, with the six B-scans of that eye as truth")
    yield _fact(
        "Format that is scored",
        "6 B-scans of 320 x 448 pixels, 8 bit; container " + _word(board.any_result["protocol"]["container"]),
    )
    yield _fact("Licence", _word(dataset["licence"]) or "not stated")
    yield _fact("Pictures", "may be published" if dataset["pictures_may_be_published"] else "may not be published")
    yield _fact("Hashes", f"inputs `{_word(dataset['inputs_hash'])}`, truth `{_word(dataset['truth_hash'])}`")
    for what in (
        "devices, sites, operators and dates of acquisition; time between photograph and scan",
        "how cases were chosen and split; distribution of age, sex, disease and device in both splits",
        "inclusion and exclusion; image quality, and who judged it",
        "annotation: none is used for ranking; where strata name a disease, who made that diagnosis and how",
        "preprocessing before the fixed format: cropping, registration, denoising",
        "known sources of error: fixation, torsion, segmentation of Bruch's membrane, labels of the eye side",
    ):
        yield _add(what)


def _assessment(board: Board) -> Lines:
    yield "## 5 Assessment"
    yield ""
    yield "### Metrics"
    yield ""
    header = ("Metric", "Role", "Better", "Level", "Version")
    rows = [
        (f"{card.title} ({card.abbreviation})", card.role, card.direction, card.level, card.version)
        for card in board.cards
    ]
    yield from _table(header, rows)
    yield ""
    yield from _ranking_rule(board)
    yield ""
    yield "### Missing data"
    yield ""
    for policy in protocol_texts(board, "failure_policy"):
        yield _word(policy)
    yield f"A row with more than {MAX_FAILED_PERCENT} % failed cases is not ranked; one without a number stands last."
    yield ""
    yield from _uncertainty(board)


def _ranking_rule(board: Board) -> Lines:
    yield "### Ranking"
    yield ""
    yield _fact("Order", _word(" ".join(rule_sentences(board.ranking))))
    yield _fact("Who is ranked", f"rows of kind {' and '.join(RANKED_KINDS)}; controls stand in order without a rank")
    yield _fact(
        "Eligibility",
        "an entry is ranked unless it was found to ignore the photograph (shuffled-fundus gap in central thickness "
        "error) or to repeat its training eyes; one that nobody has assessed is ranked provisionally",
    )
    if board.pairwise is not None:
        rules = board.pairwise["rules"]
        yield _fact("Rank intervals", _word(rules["ranks"]))
        yield _fact("Tiers", _word(rules["tiers"]))
        yield _fact("Family of tests", f"{_word(rules['family'])}; level {percent(rules['level'])}")
    else:
        yield _fact("Tests between entries", "none: no pairwise comparison was filed for this board")


def _uncertainty(board: Board) -> Lines:
    yield "### Uncertainty"
    yield ""
    found = uncertainties(board)
    for names, method, estimand in found:
        yield _fact(_word(names), f"{_word(method)}: {_word(estimand)}")
    if not found:
        yield "No interval was computed."
    yield _fact("Not covered", "training seed, generation seed, choice of data set, devices and clinics")
    if groups := groups_text(board):
        yield _fact("Results by group", f"told on the board and in its JSON file for {_word(groups)}; not tested")
    yield _add("further analyses, such as results by disease, device or site, beyond those of the board")


def _outcome(board: Board) -> Lines:
    cards = board.columns
    yield "## 6 Outcome"
    yield ""
    yield "### Results"
    yield ""
    header = ["Rank", "Interval", "Tier", "Method", "Kind", *(_unit(card.abbreviation, card.unit) for card in cards)]
    yield from _table(header, [_result_cells(row, board) for row in board.rows])
    yield ""
    yield _word(board.pairwise_note) or "Rank intervals and tiers come from the comparisons of all pairs."
    yield "Rows without a rank are controls, or:"
    yield ""
    refused = [row for row in board.rows if row.reasons]
    for row in refused:
        yield _fact(_word(row.entry.title), _word("; ".join(row.reasons)))
    if not refused:
        yield "- no entry was refused a rank"
    yield ""
    yield from _tests(board)
    yield "### Submissions"
    yield ""
    for row in board.rows:
        if row.entry.kind in RANKED_KINDS:
            told = row.entry.submission
            about = _word(told.description) or "no description"
            yield _fact(f"{_word(row.entry.title)} ({_word(told.name)})", about)
    yield _add("what each team did, in the teams' own words; how many registered and did not hand in")


def _result_cells(row: Row, board: Board) -> list[str]:
    interval = "–".join(str(end) for end in row.rank_interval) if row.rank_interval else ""
    cells = (make_cell(row.entry, card) for card in board.columns)
    values = [f"{cell.value} {cell.interval}".strip() for cell in cells]
    return [str(row.rank or ""), interval, str(row.tier or ""), row.entry.title, row.entry.kind, *values]


def _tests(board: Board) -> Lines:
    """How many of the ranked entries each ranked one is significantly better than; nothing without comparisons."""
    table = PairTable.of(board)
    if table is None or len(board.ranked) < 2:
        return
    yield f"### Tests between ranked entries in {_word(board.ranking_card.abbreviation)}"
    yield ""
    header = ("Method", "Better than", "Worse than", "Not told apart", "Not compared")
    yield from _table(header, [_tally(row, board, table) for row in board.ranked])
    yield ""
    yield f"Significant in the family of all pairs, at {percent(1 - table.level)}. Not told apart is not equal."
    yield ""


def _tally(row: Row, board: Board, table: PairTable) -> list[str]:
    pairs = [table.pair(board.ranking_card.name, row, other) for other in board.ranked if other is not row]
    sides = [pair.better for pair in pairs if pair is not None]
    counts = [sides.count(side) for side in ("first", "second", None)]
    return [row.entry.title, *map(str, (*counts, pairs.count(None)))]


def _limits(board: Board) -> Lines:
    card = board.ranking_card
    yield "## 7 Limits"
    yield ""
    for trap in card.traps:
        yield f"- {_word(card.abbreviation)}: {_word(trap)}"
    yield f"- {counted(board.dataset['n_patients'], 'patient')}: differences that these cannot show may still exist."
    yield "- Each entry drew one volume a photograph; another training or generation seed may give another order."
    yield "- Nothing here is a statement about the care of patients."
    yield _add("what the results do not allow to conclude for the target cohort")


def _left_open(lines: Sequence[str]) -> Lines:
    """Everything that is marked in the report, once more as a list to tick off."""
    yield "## Still to add by hand"
    yield ""
    yield from (f"- [ ] {line.split(TO_ADD, 1)[1].strip()}" for line in lines if _is_open(line))


def _is_open(line: str) -> bool:
    return line.startswith("- ") and TO_ADD in line


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Lines:
    yield "| " + " | ".join(map(_word, header)) + " |"
    yield "|" + "---|" * len(header)
    for row in rows:
        yield "| " + " | ".join(map(_word, row)) + " |"


def _unit(name: str, unit: str) -> str:
    return f"{name} ({unit})" if unit else name
