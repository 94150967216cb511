"""Finding a generator by each of its four names, what is said when there is none, and when its content hash changes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from plugin_folders import write_plugin

from fundus2oct.benchmark import generator_reference
from fundus2oct.benchmark.generator_reference import NamedGenerator, folder_hash, named_generators, resolve, slug
from fundus2oct.metrics.errors import BenchError

RIDGE = "fundus2oct.baselines.ridge:make_generator"


def hash_of(folder: Path) -> str:
    return resolve(str(folder)).content_hash


def install(site: Path, distribution: str, name: str, target: str) -> None:
    """Put a distribution's metadata into a folder, as an installer would."""
    info = site / f"{distribution}-2.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 2.0\n")
    (info / "entry_points.txt").write_text(f"[fundus2oct.generators]\n{name} = {target}\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder on the import path."""
    (tmp_path / "site").mkdir()
    monkeypatch.syspath_prepend(tmp_path / "site")
    return tmp_path / "site"


def test_every_built_in_generator_is_found_by_name_and_by_full_name() -> None:
    built_in = {g.name: g.target for g in named_generators() if g.distribution == "fundus2oct"}
    assert built_in["ridge"] == RIDGE
    assert all(resolve(name).target == resolve(f"fundus2oct/{name}").target for name in built_in)


def test_a_folder_is_found_and_its_submission_read(tmp_path: Path) -> None:
    found = resolve(str(write_plugin(tmp_path / "plugin", team="kyoto", method="flow")))
    assert (found.submission.name, found.target) == ("kyoto/flow", "toy_plugin:make_generator")
    assert found.import_paths == (str(tmp_path / "plugin"),)


def test_a_module_and_callable_are_found_in_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_plugin(tmp_path)
    monkeypatch.chdir(tmp_path)
    before = resolve("toy_plugin:make_generator")
    (tmp_path / "toy_plugin.py").write_text("changed = 1")
    assert before.submission.name == "local/toy_plugin"
    assert before.content_hash != resolve("toy_plugin:make_generator").content_hash


def test_weights_named_with_a_folder_are_hashed_and_bring_their_submission(tmp_path: Path) -> None:
    write_plugin(tmp_path / "weights", team="kyoto", method="ridge")
    before = resolve("ridge", folder=tmp_path / "weights")
    (tmp_path / "weights/more.npy").write_bytes(b"1")
    assert (before.submission.name, before.target) == ("kyoto/ridge", RIDGE)
    assert before.content_hash != resolve("ridge", folder=tmp_path / "weights").content_hash


def test_a_working_folder_with_a_generators_name_does_not_hide_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ridge").mkdir()
    monkeypatch.chdir(tmp_path)
    assert resolve("ridge").target == RIDGE


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("rigde", "did you mean ridge"),
        ("fundus2oct/rigde", "did you mean fundus2oct/ridge"),
        ("constnat", "did you mean constant"),
        ("zzz", "`bench list` shows the names"),
        ("module:", "module:callable"),
        ("a b:c", "module:callable"),
        ("no/such/folder", "a folder with submission.toml"),
        ("nul\0byte", "`bench list`"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_ones(text: str, hint: str) -> None:
    with pytest.raises(BenchError, match=r"^E_GENERATOR: no generator called") as caught:
        resolve(text)
    assert hint in caught.value.line()


def test_two_distributions_with_one_name_are_told_apart(site: Path) -> None:
    install(site, "Kyoto.Flow", "ridge", "kyoto_flow:make")
    with pytest.raises(BenchError, match=r"E_GENERATOR: 'ridge' is ambiguous .*fundus2oct/ridge, kyoto-flow/ridge"):
        resolve("ridge")
    assert resolve("kyoto-flow/ridge").target == "kyoto_flow:make"
    assert resolve("kyoto-flow/ridge").submission.name == "kyoto-flow/ridge"


def test_a_failed_discovery_is_not_remembered(site: Path) -> None:
    with pytest.raises(BenchError, match="no generator called 'flow'"):
        resolve("flow")
    install(site, "kyoto", "flow", "kyoto_flow:make [extra]")
    assert resolve("flow").target == "kyoto_flow:make"
    (site / "kyoto_flow.py").write_text("make = 1")
    with_code = resolve("flow").content_hash
    (site / "kyoto_flow.py").write_text("make = 22")
    assert with_code != resolve("flow").content_hash


def test_weights_inside_an_installed_package_count(site: Path) -> None:
    install(site, "kyoto", "flow", "kyoto_flow.model:make")
    (site / "kyoto_flow").mkdir()
    (site / "kyoto_flow/__init__.py").touch()
    (site / "kyoto_flow/weights.npy").write_bytes(b"1")
    before = resolve("flow").content_hash
    (site / "kyoto_flow/weights.npy").write_bytes(b"2")
    assert resolve("flow").content_hash != before


def test_nothing_is_imported_to_find_a_generator(tmp_path: Path) -> None:
    plugin = write_plugin(tmp_path / "plugin", top="raise SystemExit('imported')")
    assert resolve(str(plugin)).target == "toy_plugin:make_generator"


def test_a_folder_without_a_generator_is_refused(tmp_path: Path) -> None:
    (tmp_path / "submission.toml").write_text('team = "a"\nmethod = "b"\n')
    with pytest.raises(BenchError, match=r"E_MANIFEST: names no generator .*submission\.toml .*module:callable"):
        resolve(str(tmp_path))


def test_a_folder_without_submission_toml_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"E_MISSING: .*submission\.toml"):
        resolve(str(tmp_path))


@pytest.mark.parametrize("name", ["weights.npy", "net/layer.py", "net/results/best.npy", ".hidden", "linked/w.npy"])
def test_a_new_file_changes_the_hash(tmp_path: Path, name: str) -> None:
    plugin = write_plugin(tmp_path / "plugin")
    (tmp_path / "elsewhere").mkdir()
    (plugin / "linked").symlink_to(tmp_path / "elsewhere")
    before = hash_of(plugin)
    (plugin / name).parent.mkdir(parents=True, exist_ok=True)
    (plugin / name).write_bytes(b"1")
    assert hash_of(plugin) != before


@pytest.mark.parametrize("name", ["results/toy-1/a.json", "__pycache__/m.pyc", "net/__pycache__/m.pyc", ".git/HEAD"])
def test_results_and_caches_do_not_change_the_hash(tmp_path: Path, name: str) -> None:
    plugin = write_plugin(tmp_path / "plugin")
    before = hash_of(plugin)
    (plugin / name).parent.mkdir(parents=True, exist_ok=True)
    (plugin / name).write_bytes(b"1")
    assert hash_of(plugin) == before


def test_a_renamed_file_changes_the_hash_and_a_moved_folder_does_not(tmp_path: Path) -> None:
    plugin = write_plugin(tmp_path / "plugin")
    (plugin / "a.npy").write_bytes(b"1")
    before = hash_of(plugin)
    plugin.rename(tmp_path / "moved")
    assert hash_of(tmp_path / "moved") == before
    (tmp_path / "moved/a.npy").rename(tmp_path / "moved/b.npy")
    assert hash_of(tmp_path / "moved") != before


def test_a_file_that_claims_a_tebibyte_is_refused_unread(tmp_path: Path) -> None:
    plugin = write_plugin(tmp_path / "plugin")
    with open(plugin / "weights.npy", "wb") as file:
        file.truncate(2**40)
    with pytest.raises(BenchError, match=r"E_SIZE: the folder is too large .*<= 68719476736 bytes"):
        resolve(str(plugin))


def test_links_in_a_circle_and_odd_names_are_hashed(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "nowhere").symlink_to(tmp_path / "missing")
    with open(os.fsencode(tmp_path) + b"/\xff", "w"):
        pass
    assert len(folder_hash(tmp_path)) == 64


@pytest.mark.parametrize(
    ("text", "expected"), [("My.Method", "my-method"), ("__a", "a"), ("網", "unnamed"), ("x" * 99, "x" * 64)]
)
def test_a_slug_is_always_a_valid_name(text: str, expected: str) -> None:
    assert slug(text) == expected


def test_an_entry_point_knows_its_full_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generator_reference, "named_generators", lambda: [NamedGenerator("kyoto", "1", "a", "m:f")])
    assert resolve("kyoto/a").submission.name == "kyoto/a"
