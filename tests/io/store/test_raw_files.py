"""Edge `fetch`: raw files get into place byte for byte, and never change behind their pins."""

from __future__ import annotations

import io
import subprocess
import sys
import urllib.error
from pathlib import Path

import pytest
import yaml
from pydantic import TypeAdapter

from segments.config.source import Customers, Fetch, Source, Transactions
from segments.errors import ConfigError, DataError, SegmentsError
from segments.io.store import raw_files as room
from segments.io.store.raw_files import Pin, check_pins, fetch, pin_of, read_pins

ONE, TWO = "data/shop/one.csv", "data/shop/two.csv"
TEXT = b"id\r\n1\r\n"
OTHER = b"id\n2\n3\n4\n"


def source(raw: int = 1, **fetching) -> Source:
    log = Transactions(TWO, customer="c", time="t", amount="a") if raw == 2 else None
    return Source("shop", as_of="2024-01-01", customers=Customers(ONE), transactions=log, fetch=Fetch(**fetching))


def put(project: Path, content: bytes = TEXT, path: str = ONE) -> Path:
    (project / path).parent.mkdir(parents=True, exist_ok=True)
    (project / path).write_bytes(content)
    return project / path


@pytest.fixture
def package(tmp_path, monkeypatch) -> str:
    """An installed package whose code must never run."""
    folder = tmp_path / "site" / "bundled_data"
    (folder / "data").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('imported')")
    (folder / "data" / "one.csv").write_bytes(TEXT)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return "bundled_data"


@pytest.fixture
def home(tmp_path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


def dvc(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dvc", *arguments], cwd=project, capture_output=True, text=True, check=False
    )


class Answer(io.BytesIO):
    def __init__(self, content: bytes, url: str = "https://example.org/one.csv", length: int | None = None) -> None:
        super().__init__(content)
        self.url = url
        self.headers = {"Content-Length": str(len(content) if length is None else length)}


# --- where files come from ----------------------------------------------------------------------------------------


def test_package_files_are_copied_byte_for_byte_without_running_it(home, package):
    message = fetch(source(package=package, files={ONE: "data/one.csv"}), project=home)
    assert (home / ONE).read_bytes() == TEXT
    assert [line.split(":")[1].split()[0] for line in message] == ["fetched", "pinned"]
    assert read_pins(home) == {ONE: Pin(pin_of(home / ONE).md5, len(TEXT))}


def test_fetching_again_changes_nothing(home, package):
    fetch(source(package=package, files={ONE: "data/one.csv"}), project=home)
    before = {path: path.stat().st_mtime_ns for path in (home / ONE, home / "data.dvc")}
    assert fetch(source(package=package, files={ONE: "data/one.csv"}), project=home) == [
        f"{ONE}: already there and as pinned"
    ]
    assert before == {path: path.stat().st_mtime_ns for path in before}


@pytest.mark.parametrize("nested", [False, True])
def test_from_a_file_or_a_folder(home, tmp_path, nested):
    folder = tmp_path / "elsewhere"
    put(folder, path=ONE if nested else "one.csv")
    put(folder, OTHER, TWO if nested else "two.csv")
    fetch(source(2), folder, project=home)
    assert (home / TWO).read_bytes() == OTHER
    fetch(source(), put(tmp_path, path="any name.csv"), project=home)


def test_from_errors_name_what_is_wrong(home, tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        fetch(source(), tmp_path / "none.csv", project=home)
    with pytest.raises(DataError, match=r"there is no one.csv in"):
        fetch(source(), tmp_path, project=home)
    with pytest.raises(DataError, match="this source has several"):
        fetch(source(2), put(tmp_path, path="x.csv"), project=home)


def test_download_is_checked_and_put_in_place(home, monkeypatch):
    monkeypatch.setattr("urllib.request.urlopen", lambda url, timeout: Answer(TEXT))
    fetch(source(url="https://example.org/one.csv", md5="6e3a8a3cdb1ed4a5a8b0e6e0d0fb4e7e"), project=home, accept=True)
    assert (home / ONE).read_bytes() == TEXT


def offline(url: str, timeout: int) -> Answer:
    raise urllib.error.URLError("Name or service not known")


@pytest.mark.parametrize(
    ("url", "opened", "sentence"),
    [
        ("http://example.org/one.csv", None, "is not an https address"),
        ("file:///etc/passwd", None, "is not an https address"),
        (
            "https://example.org/one.csv",
            offline,
            "cannot download https://example.org/one.csv: Name or service not known",
        ),
        (
            "https://example.org/one.csv",
            lambda url, timeout: Answer(TEXT, "http://example.org/"),
            "leads away from https",
        ),
        ("https://example.org/one.csv", lambda url, timeout: Answer(TEXT, length=99), "broke off after 7 of 99 bytes"),
        (
            "https://example.org/one.csv",
            lambda url, timeout: Answer(b"<html>"),
            "is not the expected one: expected md5 abc",
        ),
        ("https://example.org/one.csv", lambda url, timeout: Answer(bytes(200)), "is larger than 100 bytes"),
    ],
)
def test_a_bad_download_leaves_nothing(home, monkeypatch, url, opened, sentence):
    monkeypatch.setattr(room, "MOST_BYTES", 100)
    monkeypatch.setattr("urllib.request.urlopen", opened)
    with pytest.raises(DataError, match=sentence):
        fetch(source(url=url, md5="abc"), project=home)
    assert [path for path in home.rglob("*") if path.is_file()] == []


def test_offline_tells_the_way_with_a_path(home, monkeypatch):
    monkeypatch.setattr("urllib.request.urlopen", offline)
    with pytest.raises(DataError) as error:
        fetch(source(url="https://example.org/one.csv"), project=home)
    assert "segments fetch source=shop from=PATH" in error.value.fix


def test_own_files_are_pinned_where_they_lie(home):
    put(home)
    fetch(source(), project=home)
    check_pins(source(), home)


def test_own_file_that_is_missing_is_a_sentence(home):
    with pytest.raises(DataError, match="does not say where to get it"):
        fetch(source(), project=home)


def test_missing_package_or_file_in_it(home, package):
    with pytest.raises(DataError, match="package nowhere_to_be_found is not installed"):
        fetch(source(package="nowhere_to_be_found", files={ONE: "x"}), project=home)
    with pytest.raises(DataError, match=r"has no file data/none.csv"):
        fetch(source(package=package, files={ONE: "data/none.csv"}), project=home)


def test_read_only_folder_is_one_error(home, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    put(home, path="x.csv")
    fetch(source(), home / "x.csv", project=home)
    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    assert fetch(source(), project=home) == [f"{ONE}: already there and as pinned"], "nothing to write, nothing refused"
    (home / ONE).unlink()
    for broken in ("tempfile.mkdtemp", "shutil.copyfile"):
        monkeypatch.undo()
        monkeypatch.setattr(broken, refuse)
        with pytest.raises(SegmentsError, match="Read-only file system"):
            fetch(source(), home / "x.csv", project=home)
    assert not (home / ONE).exists()


# --- nothing leaves data/ -----------------------------------------------------------------------------------------

ELSEWHERE = [
    *(
        "../x.csv",
        "data/../../x.csv",
        "data/../x.csv",
        "/etc/passwd",
        ".git/hooks/pre-commit",
        ".dvc/config",
        "conf/source/x.yaml",
    ),
    *("data", "data/", "", ".", "x.csv", "data/.git/hooks/x", "~/x.csv", "data/~root/x.csv", "C:/x.csv", "C:\\x.csv"),
    *(
        "data\\..\\x.csv",
        "https://example.org/x.csv",
        "file:///etc/passwd",
        "gopher://x/y",
        "data/x\n.csv",
        "data/x\0.csv",
        "Data/x.csv",
    ),
]


def every_file(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("path", ELSEWHERE)
def test_a_config_names_no_path_outside_data(home, tmp_path, path):
    given = put(tmp_path, path="given.csv")
    before = every_file(tmp_path)
    named = Source("shop", customers=Customers(path))
    extra = Source("shop", customers=Customers(ONE), fetch=Fetch(package="x", files={path: "x"}))
    for refuse in (
        lambda: fetch(named, given, project=home),
        lambda: fetch(named, project=home),
        lambda: fetch(extra, given, project=home),
        lambda: check_pins(named, home),
    ):
        with pytest.raises(ConfigError, match="is not a path under data/") as error:
            refuse()
        assert error.value.where == "conf/source/shop.yaml"
        assert len(str(error.value).splitlines()) == 3
    assert every_file(tmp_path) == before


@pytest.mark.parametrize("link", [ONE, "data/shop", "data"])
@pytest.mark.parametrize("folder", [".git", "conf", "../elsewhere"])
def test_a_link_does_not_leave_data(home, tmp_path, link, folder):
    """Neither of a file, nor of a folder, nor of data/ itself."""
    target = put(home, OTHER, f"{folder}/{Path(ONE).relative_to(link) if link != ONE else 'one.csv'}")
    (home / link).parent.mkdir(parents=True, exist_ok=True)
    (home / link).symlink_to(target if link == ONE else home / folder)
    given = put(tmp_path, path="given.csv")
    before = every_file(tmp_path)
    for refuse in (
        lambda: fetch(source(), given, project=home),
        lambda: fetch(source(), project=home),
        lambda: check_pins(source(), home),
    ):
        with pytest.raises(ConfigError, match="leaves data/ of the project"):
            refuse()
    assert every_file(tmp_path) == before


def test_a_link_of_dvc_into_its_cache_is_read(home):
    put(home)
    fetch(source(), project=home)
    kept = put(home, path=".dvc/cache/files/md5/ab/cd")
    (home / ONE).unlink()
    (home / ONE).symlink_to(kept)
    check_pins(source(), home)


def test_a_package_gives_its_own_files_only(home, tmp_path, package, monkeypatch):
    put(tmp_path / "site", OTHER, "secret.csv")
    (tmp_path / "site" / package / "link.csv").symlink_to(tmp_path / "site/secret.csv")
    for inside in ("../secret.csv", str(tmp_path / "site/secret.csv"), "link.csv"):
        with pytest.raises(DataError, match="has no file"):
            fetch(source(package=package, files={ONE: inside}), project=home)
    for name in (f"{package}.data", "..", f"../{package}", ""):  # a dotted name would run the code of the first part
        with pytest.raises(DataError, match="is not installed"):
            fetch(source(package=name, files={ONE: "one.csv"}), project=home)


def test_an_address_holds_no_password():
    with pytest.raises(ValueError, match="a user or a password"):
        Fetch(url="https://me:secret@example.org/x.csv")
    assert Fetch(url="https://example.org/x@1.0/x.csv").url


@pytest.mark.parametrize("url", ["https://[", "https://é é/x", "https://127.0.0.1:port/x", "https://\n"])
def test_what_is_no_address_is_one_error(home, url):
    with pytest.raises(DataError, match=r"cannot download|is not an https address"):
        fetch(source(url=url), project=home)


# --- pins ---------------------------------------------------------------------------------------------------------


def test_a_changed_file_is_refused_and_can_be_accepted(home):
    put(home)
    fetch(source(), project=home)
    pinned, first = (home / "data.dvc").read_bytes(), pin_of(home / ONE)
    put(home, OTHER)
    for refuse in (lambda: fetch(source(), project=home), lambda: check_pins(source(), home)):
        with pytest.raises(DataError) as error:
            refuse()
        for pin in (first, pin_of(home / ONE)):
            assert pin.md5 in error.value.what and f"{pin.size} bytes" in error.value.what
        assert "accept=true" in error.value.fix
    assert (home / "data.dvc").read_bytes() == pinned and (home / ONE).read_bytes() == OTHER
    fetch(source(), project=home, accept=True)
    check_pins(source(), home)


def test_a_different_origin_never_replaces_the_pinned_file(home, tmp_path):
    put(home)
    fetch(source(), project=home)
    other = put(tmp_path, OTHER, "other.csv")
    with pytest.raises(DataError, match=r"other\.csv is not the file that is expected at data/shop/one\.csv") as error:
        fetch(source(), other, project=home)
    assert f"from={other} accept=true" in error.value.fix and "delete" not in error.value.fix
    assert (home / ONE).read_bytes() == TEXT
    fetch(source(), other, project=home, accept=True)
    assert (home / ONE).read_bytes() == OTHER and other.read_bytes() == OTHER


def test_a_deleted_file_is_restored_as_pinned(home, package):
    bundled = source(package=package, files={ONE: "data/one.csv"})
    fetch(bundled, project=home)
    (home / ONE).unlink()
    with pytest.raises(DataError, match=f"raw file {ONE} is missing") as error:
        check_pins(bundled, home)
    assert error.value.fix == "run `segments fetch source=shop`"
    fetch(bundled, project=home)
    check_pins(bundled, home)


def test_unpinned_files_are_refused(home):
    put(home)
    with pytest.raises(DataError, match=r"is not pinned in data.dvc"):
        check_pins(source(), home)


def test_new_pins_go_to_the_end_and_others_stay(home):
    (home / "data.dvc").write_text(
        "desc: raw data\nouts:\n- md5: 01ab\n  size: 4\n  hash: md5\n  path: data/other.csv\n  remote: far\n"
    )
    put(home)
    fetch(source(), project=home)
    document = yaml.safe_load((home / "data.dvc").read_text())
    assert document["desc"] == "raw data"
    assert document["outs"][0] == {"md5": "01ab", "size": 4, "hash": "md5", "path": "data/other.csv", "remote": "far"}
    assert document["outs"][1] == {"md5": pin_of(home / ONE).md5, "size": 7, "hash": "md5", "path": ONE}


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    ["outs: [", "outs: 3", "[]", "outs:\n- md5: 1\n", "x: 1", "outs: 2020-13-45", f"outs: {'9' * 5000}", "[" * 3000],
)
def test_damaged_pins_are_one_error(home, text):
    (home / "data.dvc").write_text(text)
    if text == "[]":
        return  # an empty document means no pins
    with pytest.raises(DataError, match=r"data.dvc is damaged"):
        check_pins(source(), home)


# --- with DVC itself ----------------------------------------------------------------------------------------------


@pytest.fixture
def dvc_home(home) -> Path:
    subprocess.run(["git", "init", "-q"], cwd=home, check=True)
    assert dvc(home, "init", "-q").returncode == 0
    return home


@pytest.mark.slow
def test_dvc_finds_fetched_files_though_other_pinned_files_are_absent(dvc_home, tmp_path):
    (dvc_home / "data.dvc").write_text(
        "outs:\n- md5: 0123456789abcdef0123456789abcdef\n  size: 4\n  hash: md5\n  path: data/absent.csv\n"
    )
    put(dvc_home)
    fetch(source(), project=dvc_home)
    assert f"{ONE}" not in dvc(dvc_home, "status").stdout
    (dvc_home / ONE).unlink()
    assert dvc(dvc_home, "checkout", ONE).returncode == 0
    assert (dvc_home / ONE).read_bytes() == TEXT
    dvc(dvc_home, "remote", "add", "-d", "backup", str(tmp_path / "backup"))
    dvc(dvc_home, "push", ONE)
    assert any(path.read_bytes() == TEXT for path in (tmp_path / "backup").rglob("*") if path.is_file())


@pytest.mark.slow
def test_a_moved_cache_is_found(dvc_home, tmp_path):
    assert dvc(dvc_home, "cache", "dir", str(tmp_path / "big disk")).returncode == 0
    put(dvc_home)
    fetch(source(), project=dvc_home)
    assert any(path.read_bytes() == TEXT for path in (tmp_path / "big disk").rglob("*") if path.is_file())
    assert not (dvc_home / ".dvc" / "cache" / "files").exists()


# --- the sources of this project ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["mall", "completejourney"])
def test_committed_sources_load_and_their_pins_agree(project, shared_data, home, name):
    loaded = TypeAdapter(Source).validate_python(yaml.safe_load((project / f"conf/source/{name}.yaml").read_text()))
    if name == "mall":
        fetch(loaded, shared_data / "mall", project=home)
        assert read_pins(home) == {loaded.raw_paths[0]: Pin("270beafe2092a3fe6b0502d1c7603363", 3981)}
        return
    fetch(loaded, project=home)
    committed = read_pins(project)
    assert len(loaded.fetch.files) == 7
    assert {path: committed[path] for path in loaded.fetch.files} == read_pins(home)
    check_pins(loaded, home)
