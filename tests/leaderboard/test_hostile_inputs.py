"""Fifty hostile inputs, by number: each is refused in one line, or built into one site and opened in a browser.

There it may open no dialog, ask for nothing elsewhere and add no element, and the row must still be read.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fundus2oct.benchmark.entry_status import FILE_NAME as STATUS_NAME
from fundus2oct.benchmark.filing_date import filed_path
from fundus2oct.benchmark.result_file import Result, publish_result
from fundus2oct.benchmark.submission_file import FILE_NAME, Submission, read_submission, write_submission
from fundus2oct.leaderboard.results_tree import read_entries
from fundus2oct.leaderboard.site import build_site
from fundus2oct.metrics import catalogue
from fundus2oct.metrics.errors import BenchError

MakeResult = Callable[..., Result]
CASES = (
    "script element", "image with onerror", "double quote and handler", "single quote and handler",
    "end of title", "end of script in JSON", "open comment", "template syntax", "javascript: link",
    "JaVaScRiPt: link", "javascript: with a tab", "leading space and control", "data: link", "vbscript: link",
    "//evil link", "/\\evil link", "user info in a link", "homograph host", "broken IPv6 host", "file: link",
    "blob: link", "SVG with onload", "SVG use", "MathML", "base element", "meta refresh", "form action",
    "iframe srcdoc", "style import", "style value", "U+2028 in JSON", "U+202E in a name",
    "zero-width twin of another team", "100,000 characters", "empty or space-only name", "emoji, right-to-left, CJK",
    "NUL byte", "lone surrogate", "formula in CSV", "__proto__ or constructor as team", "clobbering id",
    "../../index as slug", "two teams, one slug", "NaN, 1e999 or a text as score", "year 9999 or negative",
    "year as string", "Markdown link", "backslash or newline in BibTeX", "path or address in an error text",
    "sort attribute with quotes",
)  # fmt: skip
"""Case n is the n-th."""

TEXTS = {
    1: "<script>alert(1)</script>",
    2: "<img src=https://evil.example/x onerror=alert(1)>",
    3: '" onmouseover="alert(1)',
    4: "' autofocus onfocus='alert(1)",
    5: "</title><script>alert(1)</script>",
    6: "</script><script>alert(1)</script>",
    7: "<!-- the rest is gone",
    8: "{{7*7}}{% raw %}",
    22: "<svg onload=alert(1)></svg>",
    23: "<svg><use href=//evil.example/x.svg#a /></svg>",
    24: '<math href="javascript:alert(1)">x</math>',
    25: "<base href=//evil.example/>",
    26: "<meta http-equiv=refresh content=0;url=//evil.example>",
    27: "<form action=//evil.example><button>x",
    28: '<iframe srcdoc="<script>alert(1)</script>">',
    29: "<style>@import '//evil.example/x.css'</style>",
    30: "red;background:url(//evil.example/x)",
    31: "two\u2028lines",
    32: "gnp\u202eeod",
    36: "網膜 🔬 عين شبكية",
    37: "a\x00b",
    39: '=HYPERLINK("https://evil.example","x")',
    47: "[x](javascript:alert(1))",
    48: "a\\input{/etc/passwd}\n}, url={https://evil.example",
    50: '"\'><b data-value="9',
}
"""Texts that a stranger may write, wherever the schema lets them."""

SHOWN = TEXTS | {
    31: "two\N{REPLACEMENT CHARACTER}lines",
    32: "gnp\N{REPLACEMENT CHARACTER}eod",
    37: "a\N{REPLACEMENT CHARACTER}b",
    48: "a\\input{/etc/passwd} }, url={https://evil.example",
}
"""How a row must show them."""

LINKS = {
    9: "javascript:alert(1)",
    10: "JaVaScRiPt:alert(1)",
    11: "java\tscript:alert(1)",
    12: " \x01javascript:alert(1)",
    13: "data:text/html,<script>alert(1)</script>",
    14: "vbscript:msgbox(1)",
    15: "//evil.example/x",
    16: "/\\evil.example/x",
    17: "https://good.example@evil.example/",
    18: "https://\N{CYRILLIC SMALL LETTER A}pple.example/",
    19: "https://[::1",
    20: "file:///etc/passwd",
    21: "blob:https://evil.example/1",
}
COVERED: set[int] = set()


def covers(*numbers: int) -> Callable[[Any], Any]:
    """Mark a test with the numbers of the cases that it tries."""
    COVERED.update(numbers)
    return lambda test: test


@pytest.fixture(scope="module")
def hostile_site(make_record: MakeResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One site of all hostile entries that may be filed. Read it, never write there."""
    folder = tmp_path_factory.mktemp("hostile")
    for number, text in TEXTS.items():
        publish_result(hostile_record(make_record, number, text), folder / "results")
    for number, link in LINKS.items():
        record = make_record(f"case-{number:02d}", 100.0 + number, title=f"link {number}", links=[link])
        publish_result(record, folder / "results")
    publish_result(make_record("case-35", 135.0, title=" \N{NO-BREAK SPACE} "), folder / "results")
    publish_result(make_record("case-40", 140.0, team="constructor"), folder / "results")
    for name in ("content", "board-caption", "getelementbyid"):
        publish_result(make_record(name, 141.0), folder / "results")
    publish_result(leaking_record(make_record), folder / "results")
    build_site(folder / "results", folder / "site", cards=catalogue.CARDS, ranking_metric="fvd")
    return folder / "site"


@pytest.fixture(scope="module")
def make_record(request: pytest.FixtureRequest) -> MakeResult:
    """The maker of records with the catalogue's own cards."""
    make: MakeResult = request.getfixturevalue("maker_of_records")
    three = tuple(catalogue.card(name) for name in ("fvd", "ssim", "psnr"))
    return lambda method, value, **changes: make(method, value, **({"cards": three, "spread": 5.0} | changes))


def hostile_record(make_record: MakeResult, number: int, text: str) -> Result:
    """A record in which a stranger wrote ``text`` wherever the schema lets them."""
    record = make_record(f"case-{number:02d}", 100.0 + number, title=text, description=text, reasons=[text])
    record["entry"] |= {"licence": text, "external_data": text, "alias": text, "compute": text}
    record["run"]["generator"] = text
    record["flags"] = [text]
    record["run"]["versions"][text] = text
    record["cases"]["failures"][text] = 1
    return record


def leaking_record(make_record: MakeResult) -> Result:
    """A record whose reasons hold what an error knew of a machine and a person."""
    told = "cannot read /home/ann/held-out/eye-7.npy, ask ann@hospital.example"
    record = make_record("case-49", 149.0, eligible=False, reasons=[told])
    record["metrics"]["ssim"] |= {"value": None, "reason": told, "uncertainty": None}
    record["cases"]["failures"] = {f"E_READ {told}": 1}
    return record


def pages(site: Path) -> dict[str, str]:
    """Every page and download of a site as text."""
    kinds = ("html", "json", "csv", "bib", "tex", "xml", "md")
    return {
        p.relative_to(site).as_posix(): p.read_text("utf-8") for kind in kinds for p in sorted(site.rglob(f"*.{kind}"))
    }


def test_every_case_of_the_list_has_a_test() -> None:
    assert sorted(COVERED) == list(range(1, len(CASES) + 1))
    assert len(CASES) == 50


@pytest.mark.browser
@covers(*TEXTS, *LINKS, 35, 40, 41, 49)
def test_hostile_pages_open_no_dialog_ask_for_nothing_and_show_their_rows(
    running_browser: Any, hostile_site: Path
) -> None:
    page = running_browser.new_page()
    wrong: list[str] = []
    asked: list[str] = []
    page.on("dialog", lambda dialog: (wrong.append(dialog.message), dialog.dismiss()))
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    tags = set()
    for path in sorted(hostile_site.rglob("*.html")):
        page.goto(path.as_uri())
        tags |= set(page.evaluate("[...document.querySelectorAll('body *')].map(e => e.localName)"))
        assert page.locator("#content").evaluate("e => e.localName") == "main"
    assert wrong == []
    assert all(address.startswith(hostile_site.as_uri()) for address in asked)
    assert not tags & {"script", "iframe", "form", "style", "base", "meta", "math", "use", "object"}
    page.goto((hostile_site / "index.html").as_uri())
    for key in ("method", "fvd", "filed"):
        page.locator(f'th[data-sort="{key}"] .sort').click()
    titles = page.evaluate("[...document.querySelectorAll('.board .method a')].map(a => a.textContent)")
    page.close()
    assert {" ".join(text.split()) for text in SHOWN.values()} <= {" ".join(title.split()) for title in titles}
    assert {f"link {number}" for number in LINKS} | {"case-35", "case-40", "content"} <= set(titles)
    assert wrong == []


@covers(*LINKS)
@pytest.mark.parametrize("number", LINKS)
def test_an_unsafe_link_is_no_address_and_is_refused_when_handed_in(
    hostile_site: Path, tmp_path: Path, number: int
) -> None:
    (path,) = hostile_site.glob(f"boards/*/entries/team-a/case-{number:02d}.html")
    links = re.findall(r"<dt>Links</dt>.*?</div>", path.read_text("utf-8"), re.S)
    assert links == [], "none of its links may be one"
    method = tmp_path / "team-a" / "m"
    write_submission(method, Submission(team="team-a", method="m"))
    text = (method / FILE_NAME).read_text("utf-8")
    (method / FILE_NAME).write_text(text.replace("links = []", f"links = [{json.dumps(LINKS[number])}]"), "utf-8")
    with pytest.raises(BenchError, match="E_LINK"):
        read_submission(method)


@covers(22)
def test_a_logo_is_not_taken_at_all(tmp_path: Path) -> None:
    write_submission(tmp_path, Submission(team="team-a", method="m"))
    with (tmp_path / FILE_NAME).open("a") as file:
        file.write('logo = "logo.svg"\n')
    with pytest.raises(BenchError, match="E_MANIFEST"):
        read_submission(tmp_path)


@covers(6, 31)
def test_the_download_is_sound_json_and_no_page_ends_a_script_early(hostile_site: Path) -> None:
    (path,) = hostile_site.glob("boards/*/data.json")
    text = path.read_text("utf-8")
    assert json.loads(text)
    assert "\u2028" not in text
    html = "".join(found for name, found in pages(hostile_site).items() if name.endswith(".html"))
    assert html.count("</script") == html.count("defer></script>")


@covers(33)
def test_a_zero_width_twin_of_a_team_is_seen_as_another(make_record: MakeResult, tmp_path: Path) -> None:
    twin = make_record("m", 1.0, team="team-b")
    twin["entry"]["alias"] = "team\u200b-a"
    publish_result(twin, tmp_path)
    (entry,) = read_entries(tmp_path)
    assert entry.team_name == "team\N{REPLACEMENT CHARACTER}-a (team-b)"


@covers(34, 40, 42)
@pytest.mark.parametrize(
    "changes",
    [
        {"title": "x" * 100_000},
        {"team": "x" * 100_000},
        {"team": "__proto__"},
        {"team": "../../index"},
        {"team": "a/b"},
    ],
    ids=["title", "team", "prototype", "climbing", "folder"],
)
def test_a_name_that_no_schema_allows_is_refused(
    make_record: MakeResult, tmp_path: Path, changes: dict[str, str]
) -> None:
    with pytest.raises(BenchError, match="E_SCHEMA"):
        publish_result(make_record("m", 1.0, **changes), tmp_path)


@covers(43)
def test_two_teams_cannot_share_a_slug(make_record: MakeResult, tmp_path: Path) -> None:
    publish_result(make_record("m", 1.0), tmp_path)
    (tmp_path / "teams.toml").write_text(
        '[one]\nname = "One"\nslugs = ["team-a"]\n[two]\nname = "Two"\nslugs = ["team-a"]\n'
    )
    with pytest.raises(BenchError, match="E_TEAMS"):
        read_entries(tmp_path)


@covers(38, 44)
@pytest.mark.parametrize("score", ["NaN", "1e999", '"9"', "-Infinity", "true", '"\\ud800"'])
def test_what_is_no_number_is_no_score(make_record: MakeResult, tmp_path: Path, score: str) -> None:
    path = publish_result(make_record("m", 123.456), tmp_path)
    text = path.read_text("utf-8").replace('"value": 123.456', f'"value": {score}', 1)
    file_again(path, text)
    with pytest.raises(BenchError, match=r"E_FORMAT|E_SCHEMA"):
        read_entries(tmp_path)


@covers(38)
def test_a_lone_surrogate_in_a_name_is_refused(make_record: MakeResult, tmp_path: Path) -> None:
    path = publish_result(make_record("m", 1.0, title="lonely"), tmp_path)
    file_again(path, path.read_text("utf-8").replace("lonely", "\\ud800"))
    with pytest.raises(BenchError, match="E_FORMAT"):
        read_entries(tmp_path)


def file_again(path: Path, text: str) -> None:
    """Put other bytes in the place of a record, under the name that fits them."""
    path.unlink()
    path.with_name(f"0001-{hashlib.sha256(text.encode()).hexdigest()[:8]}.json").write_text(text, "utf-8")


@covers(39)
def test_no_cell_of_the_table_for_spreadsheets_starts_a_formula(hostile_site: Path) -> None:
    (path,) = hostile_site.glob("boards/*/board.csv")
    cells = [cell for row in csv.reader(io.StringIO(path.read_text("utf-8"))) for cell in row]
    assert any("HYPERLINK" in cell for cell in cells)
    assert not [cell for cell in cells if re.match(r"[=+@\t\r]|-(?![\d.])", cell)]


@covers(45, 46)
@pytest.mark.parametrize("day", ["9999-01-01", "-001-01-01", "2026", 2026])
def test_a_day_of_no_time_of_ours_is_refused(make_record: MakeResult, tmp_path: Path, day: object) -> None:
    path = publish_result(make_record("m", 1.0), tmp_path)
    filed_path(path).write_text(json.dumps({"schema": "fundus2oct-filed", "schema_version": 1, "filed": day}))
    with pytest.raises(BenchError, match="E_SCHEMA"):
        read_entries(tmp_path)


@covers(45, 46)
@pytest.mark.parametrize("day", ['"2026"', "2026", '"-001-01-01"', "10000-01-01"])
def test_a_decision_of_no_day_is_refused(make_record: MakeResult, tmp_path: Path, day: str) -> None:
    publish_result(make_record("m", 1.0), tmp_path)
    (tmp_path / "team-a/m" / STATUS_NAME).write_text(f'[[change]]\nstatus = "withdrawn"\nreason = "x"\ndate = {day}\n')
    with pytest.raises(BenchError, match=r"E_STATUS|E_TOML"):
        read_entries(tmp_path)


@covers(47)
def test_markdown_is_no_markup_on_a_page(hostile_site: Path) -> None:
    found = {name: text for name, text in pages(hostile_site).items() if name.endswith(".html")}
    assert not [name for name, text in found.items() if re.search(r"(href|src)=.?javascript", text, re.I)]


@covers(48)
def test_a_citation_holds_no_command_and_ends_where_ours_end(hostile_site: Path) -> None:
    (path,) = hostile_site.glob("boards/*/board.bib")
    text = path.read_text("utf-8")
    assert "\\input" not in text
    assert text.count("@misc{") == text.count("\n}\n") == len(list(hostile_site.glob("boards/*/entries/*/*.html")))


@covers(49)
def test_paths_and_addresses_of_errors_are_in_no_file_of_the_site(hostile_site: Path) -> None:
    found = pages(hostile_site)
    assert not [name for name, text in found.items() if "/home/ann" in text or "ann@hospital" in text]
    assert any("cannot read [path], ask [address]" in text for text in found.values())


@covers(50)
def test_what_rows_are_sorted_by_is_our_own(hostile_site: Path) -> None:
    text = (hostile_site / "index.html").read_text("utf-8")
    values = re.findall(r'data-(?:value|kind|sort|first|kinds)="([^"]*)"', text)
    assert len(values) > 5 * len(TEXTS)
    assert not [value for value in values if not re.fullmatch(r"[a-z0-9_ .-]*", value)]


@covers(36)
def test_a_name_in_any_script_is_shown_as_it_is(hostile_site: Path) -> None:
    assert TEXTS[36] in (hostile_site / "index.html").read_text("utf-8")
