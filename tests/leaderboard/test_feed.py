"""The feed and the sitemap: what they hold, that a clock enters neither, that no stranger's word becomes markup."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fundus2oct.benchmark import cli
from fundus2oct.benchmark.attestation_file import make_attestation, write_attestation
from fundus2oct.benchmark.result_file import publish_result
from fundus2oct.leaderboard.feed import UNKNOWN_DAY
from fundus2oct.leaderboard.site import build_site
from fundus2oct.metrics import catalogue
from fundus2oct.metrics.errors import ExitCode

MakeResult = Callable[..., dict[str, Any]]
ATOM = {"a": "http://www.w3.org/2005/Atom"}
ADDRESS = "https://eyes.example/board"


def build(tmp_path: Path, *, name: str = "site", address: str | None = None) -> Path:
    build_site(tmp_path / "results", tmp_path / name, cards=catalogue.CARDS, ranking_metric="fvd", address=address)
    return tmp_path / name


def entries(site: Path) -> list[ET.Element]:
    return ET.parse(site / "feed.xml").getroot().findall("a:entry", ATOM)


def texts(entry: ET.Element) -> dict[str, str]:
    return {name: entry.findtext(f"a:{name}", "", ATOM) for name in ("title", "id", "updated", "summary")}


def attest(record: Path, day: str) -> None:
    when = datetime.fromisoformat(day).replace(tzinfo=UTC)
    write_attestation(
        record, make_attestation("reproduced", record, who=f"Reader of {day}", outcome="reproduced", when=when)
    )


def test_every_record_is_an_entry_and_none_has_a_made_up_day(tmp_path: Path, result: MakeResult) -> None:
    publish_result(result("a", 1.0), tmp_path / "results")
    publish_result(result("a", 2.0), tmp_path / "results")
    publish_result(result("b", 3.0), tmp_path / "results")
    found = [texts(entry) for entry in entries(build(tmp_path))]
    assert len({entry["id"] for entry in found}) == 3
    assert {entry["updated"] for entry in found} == {UNKNOWN_DAY}
    assert all("the day is not known" in entry["summary"] for entry in found)


def test_an_attested_record_has_the_day_of_its_first_attestation_and_stands_first(
    tmp_path: Path, result: MakeResult
) -> None:
    publish_result(result("a", 1.0), tmp_path / "results")
    record = publish_result(result("b", 3.0), tmp_path / "results")
    attest(record, "2026-03-05")
    attest(record, "2026-03-02")
    site = build(tmp_path)
    first = texts(entries(site)[0])
    assert (first["title"][:1], first["updated"]) == ("b", "2026-03-02T00:00:00Z")
    assert "not known" not in first["summary"]
    assert ET.parse(site / "feed.xml").getroot().findtext("a:updated", "", ATOM) == "2026-03-02T00:00:00Z"


def test_ids_stay_when_the_site_moves_and_when_others_enter(tmp_path: Path, result: MakeResult) -> None:
    publish_result(result("a", 1.0), tmp_path / "results")
    before = texts(entries(build(tmp_path))[0])["id"]
    publish_result(result("b", 0.5), tmp_path / "results")
    after = [texts(entry)["id"] for entry in entries(build(tmp_path, name="moved", address=ADDRESS))]
    assert before in after
    assert before.startswith("urn:uuid:")


def test_equal_results_give_equal_feeds(tmp_path: Path, result: MakeResult) -> None:
    publish_result(result("a", 1.0), tmp_path / "results")
    one, two = build(tmp_path, name="one", address=ADDRESS), build(tmp_path, name="two", address=ADDRESS)
    assert all((one / name).read_bytes() == (two / name).read_bytes() for name in ("feed.xml", "sitemap.xml"))


@pytest.mark.parametrize("text", ["</title><script>x</script>", "]]>&<", '" onx="', "a\x00\u2028\u202eb", "]]>"])
def test_a_strangers_words_stay_words(tmp_path: Path, result: MakeResult, text: str) -> None:
    publish_result(result("a", 1.0, title=text), tmp_path / "results")
    (entry,) = entries(build(tmp_path))
    assert sorted(child.tag.split("}")[1] for child in entry) == ["id", "link", "summary", "title", "updated"]
    assert texts(entry)["title"].endswith("(team-a/a), record " + texts(entry)["title"].rsplit(" ", 1)[1])


def test_links_of_the_feed_lead_to_pages(tmp_path: Path, result: MakeResult) -> None:
    publish_result(result("a", 1.0), tmp_path / "results")
    site = build(tmp_path)
    (link,) = entries(site)[0].findall("a:link", ATOM)
    assert (site / link.attrib["href"]).is_file()


def test_the_sitemap_names_every_page_and_needs_an_address(tmp_path: Path, result: MakeResult) -> None:
    publish_result(result("a", 1.0), tmp_path / "results")
    assert not (build(tmp_path) / "sitemap.xml").exists()
    site = build(tmp_path, name="known", address=ADDRESS + "/")
    named = [element.text or "" for element in ET.parse(site / "sitemap.xml").getroot().iter() if element.text]
    paths = {address.removeprefix(f"{ADDRESS}/") for address in named if address.startswith("https")}
    assert paths == {path.relative_to(site).as_posix() for path in site.rglob("*.html")}


@pytest.mark.parametrize(
    "address",
    ["http://eyes.example", "https://me@eyes.example", "https://eyes.example/?x", "https://eyes example", "x"],
)
def test_a_bad_address_is_the_users_mistake(
    address: str, tmp_path: Path, result: MakeResult, capsys: pytest.CaptureFixture[str]
) -> None:
    publish_result(result("a", 1.0), tmp_path / "results")
    options = ["--out", str(tmp_path / "site"), "--address", address]
    assert cli.run(["leaderboard", "build", str(tmp_path / "results"), *options]) == ExitCode.USAGE
    assert capsys.readouterr().err.startswith("E_ADDRESS: bad address of the site | where: --address")
    assert not (tmp_path / "site").exists()
