"""What a machine lacks: left out with one line, or a failure where CI=true. And commands that start warm are commands like any other."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from dvc.utils.serialize import modify_yaml, parse_yaml
from ruamel.yaml import YAML

import dealing
import machine
import warm
from small_project import CHECKOUT, SmallProject

TESTS = Path(__file__).parent


def test_what_is_missing_is_said_in_one_line() -> None:
    assert machine.lacking(["tmp_path", "browser"], {"chromium", "postgresql"}) == ["chromium"]
    assert machine.lacking(["postgres", "browser"], {"postgresql"}) == ["postgresql"]
    assert machine.lacking(["postgres", "browser"], set()) == machine.lacking(["tmp_path"], {"chromium"}) == []
    said = machine.left_out(machine.count([["chromium"], ["chromium"], ["postgresql"]]))
    assert said == (
        "Left out: 2 tests of pages in a browser (no chromium), 1 tests of a database (no postgresql)."
        " `make system` installs what they need."
    )
    assert (
        machine.left_out({"spark": 3})
        == "Left out: 3 tests of Spark (no spark). `make system spark` installs what they need."
    )
    assert machine.left_out({}) == ""


def test_every_file_that_is_dealt_out_in_its_own_way_is_there() -> None:
    """A renamed file would quietly lose its place."""
    assert {*dealing.FIRST, *dealing.SPREAD} <= {path.stem for path in TESTS.rglob("test_*.py")}
    assert dealing.unit("tests/test_mlflow_team.py::test_a") == dealing.unit("tests/test_mlflow_team.py::test_b[x::y]")
    assert dealing.unit("tests/test_pipeline.py::test_a") != dealing.unit("tests/test_pipeline.py::test_b")


@pytest.mark.slow
@pytest.mark.parametrize(("workers", "ci"), [([], "true"), (["-n", "1"], "false")], ids=["alone", "with a worker"])
def test_without_a_browser_the_suite_is_green_and_says_so_or_fails_in_ci(
    tmp_path: Path, pytestconfig: pytest.Config, workers: list[str], ci: str
) -> None:
    """With this suite's own conftest, and no Chromium on PATH."""
    if workers and not pytestconfig.pluginmanager.hasplugin("xdist"):
        pytest.skip("needs pytest-xdist, which the lock has")
    for name in ("conftest.py", "dealing.py", "machine.py", "remembered.py", "small_project.py", "warm.py"):
        (tmp_path / name).symlink_to(TESTS / name)
    (tmp_path / "test_it.py").write_text(
        "import pytest\n@pytest.fixture\ndef browser(): pass\ndef test_page(browser): pass\ndef test_other(): pass\n"
    )
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rA", *workers]
    variables = {**os.environ, "CI": ci, "PATH": str(Path(sys.executable).parent)}
    done = subprocess.run(words, cwd=tmp_path, env=variables, capture_output=True, text=True)
    if ci == "true":
        assert done.returncode == 1
        assert "CI must run this too, and there is no chromium: run `make system`" in done.stdout
        assert "1 passed, 1 error" in done.stdout
    else:
        assert done.returncode == 0, done.stdout
        assert done.stdout.count("Left out: 1 tests of pages in a browser (no chromium)") == 1
        assert "1 passed" in done.stdout


# --- commands that need not import ---------------------------------------------------------------------------------


def command(*words: str, **options: object) -> subprocess.CompletedProcess[str]:
    """A warm command, started as a test would."""
    variables = {**os.environ, "PATH": f"{warm.folder()}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(words, env=variables, capture_output=True, text=True, **options)  # type: ignore[call-overload, no-any-return]


@pytest.mark.slow
def test_a_warm_command_is_a_process_of_its_own(tmp_path: Path) -> None:
    """Its words, folder, streams, exit code and end are the caller's; nothing stays for the next."""
    assert command("segments", "--version").stdout.startswith("segments ")
    assert command("dvc", "--version").stdout[0].isdigit()
    refused = command("segments", "data", cwd=tmp_path)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "this is not a segments project" in refused.stderr
    assert command("segments", "swep").returncode == 2
    with (tmp_path / "out").open("w") as out:
        process = subprocess.Popen([str(warm.folder() / "segments"), "--help"], stdout=out)
        assert process.wait() == 0
    assert (tmp_path / "out").read_text().lower().startswith("usage: segments")


@pytest.mark.slow
def test_a_signal_reaches_a_warm_command(tmp_path: Path) -> None:
    """A command that asks a server which says nothing waits until it is told to end."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        uri = f"tracking.uri=http://127.0.0.1:{silent.getsockname()[1]}"
        words = [str(warm.folder() / "segments"), "verify", uri, "tracking.timeout_seconds=300"]
        with subprocess.Popen(words, cwd=CHECKOUT, stderr=subprocess.PIPE, text=True) as process:
            asking, _ = silent.accept()  # it has begun
            process.send_signal(signal.SIGINT)
            _, err = process.communicate()
            asking.close()
    assert process.returncode == 130
    assert "interrupted" in err


def test_dvc_reads_a_lock_by_libyaml_as_it_would_without(project: Path) -> None:
    lock = (project / "dvc.lock").read_text()
    words = ["1e5", "010", "0o10", "1_000", "12:30", "yes", "off", "~", "2024-03-09", "'1e5'", "1.0e+3", ".5", "größe"]
    with_all = lock + "words:\n" + "".join(f"- {word}\n" for word in words) + "in_a_row: [01, no, {a: 1e-07}]\n"
    plain = YAML(typ="safe", pure=True)
    assert YAML(typ="safe").Parser is not plain.Parser, "libyaml is not used: dvc takes three times as long to read"
    assert parse_yaml(with_all, "dvc.lock") == plain.load(with_all)


@pytest.mark.slow
def test_a_warm_dvc_writes_the_lock_that_dvc_would(reproduced: SmallProject, tmp_path: Path) -> None:
    written = []
    for modify in (warm.modified_lock, modify_yaml):
        path = tmp_path / "dvc.lock"
        shutil.copyfile(reproduced / "dvc.lock", path)
        with modify(path) as lock:
            lock["stages"]["data"]["params"]["conf/decisions.yaml"] = {"erased": {"c": 1e-07}}
        with modify(path) as lock:
            lock["stages"]["data"]["deps"][0]["md5"] = "1" * 20 + "e" + "1" * 11  # as a hash may be
            lock["stages"]["data"]["params"]["conf/config.yaml"] = {"a": None, "b": 1e-05, "c": "größe", "d": []}
        written.append(path.read_text())
    assert written[0] == written[1] != (reproduced / "dvc.lock").read_text()
