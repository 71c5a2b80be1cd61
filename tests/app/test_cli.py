"""The `segments` command: help, dispatch, exit codes."""

from __future__ import annotations

import os
import pickle
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from segments.app import cli, load
from segments.config.root import Config
from segments.errors import SegmentsError


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == cli.main(["--help"]) == 0
    out = capsys.readouterr().out
    for name in (*cli.STAGES, *cli.COMMANDS):
        assert f"\n  {name} " in out
        assert cli.main([name, "--help"]) == 0
        assert f"Usage: segments {name}" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["describe", "server"])
def test_help_promises_no_overrides_where_there_are_none(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main([name, "--help"])
    assert "KEY=VALUE" not in capsys.readouterr().out
    assert cli.main([name, "raw.csv", "--database=postgresql:///x", "source=mall"]) == 2
    assert "segments" in capsys.readouterr().err


def test_help_imports_nothing_heavy() -> None:
    code = "import sys; from segments.app.cli import main; main(['--help']); print(sorted({'mlflow','sklearn','pandas','numpy','matplotlib','hydra','dvc'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[]\n")


def test_a_near_miss_is_suggested(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["swep"]) == 2
    err = capsys.readouterr().err
    assert "segments swep: no such command 'swep'. Did you mean 'sweep'?" in err


def test_a_stray_word_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, project: Path
) -> None:
    monkeypatch.chdir(project)
    assert cli.main(["sweep", "mall"]) == 2
    assert "'mall' is not an override" in capsys.readouterr().err


def test_a_name_may_hold_an_equals_sign(capsys: pytest.CaptureFixture[str]) -> None:
    assert given("rename", "S1", "Price = value", "--because", "they say so")["name"] == "Price = value"
    assert cli.main(["rename", "S1", "a=b", "--because", "they say so"]) == 2
    assert "missing argument 'NAME'. 'a=b' was taken for a setting" in capsys.readouterr().err


def test_words_options_and_overrides_stand_in_any_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = [
        "source=mall",
        "in.csv",
        "read.encoding=cp1251",
        "-o",
        "a=b.csv",
        "~x",
        "--model=models:/m@a",
        "--no-record",
    ]
    assert given("score", *words) == {
        "input": str(tmp_path / "in.csv"),
        "output": str(tmp_path / "a=b.csv"),
        "model": "models:/m@a",
        "record": False,
        "encoding": "cp1251",
        "overrides": ["source=mall", "~x"],
        "multirun": False,
        "timings": False,
    }
    promoted = given("promote", "3", "--because", "k=5 is enough", "registry.model=m", "-m")
    assert (promoted["because"], promoted["overrides"]) == ("k=5 is enough", ["registry.model=m"])
    assert given("migration", "to=2", "from=1")["start"] == given("migration", "--from", "1")["start"] == "1"
    assert given("export", "segment=", "columns=[a,b]").keys() == {"columns", "overrides", "multirun", "timings"}


def given(command: str, *words: str) -> dict[str, Any]:
    """What a command is called with."""
    return cli.app.commands[command].make_context(command, list(words)).params


def test_what_may_not_be_left_out_may_not_be_empty(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["promote", "", "--because", "it is better"]) == 2
    assert "segments promote: missing argument 'VERSION'\n  where: segments promote\n" in capsys.readouterr().err


# What bash, zsh and fish hand over; bash takes words apart at '='.
@pytest.mark.parametrize(
    ("shell", "words", "at", "found"),
    [
        ("bash", "segments swe", 1, ["sweep"]),
        ("zsh", "segments fit source=", 2, ["source=completejourney", "source=mall", "source=webshop"]),
        ("bash", "segments fit -m k=2 source = ma", 6, ["mall"]),
        ("bash", "segments export tracking", 2, ["tracking=server", "tracking"]),
        ("fish", "segments fit --mu", 2, ["--multirun"]),
    ],
)
def test_the_shell_completes_commands_and_choices(
    project: Path, shell: str, words: str, at: int, found: list[str]
) -> None:
    """The last of `export` is a file's name, which the shell completes by itself."""
    current = words.split()[at] if shell == "fish" else str(at)
    asked = {"_SEGMENTS_COMPLETE": f"{shell}_complete", "COMP_WORDS": words, "COMP_CWORD": current}
    code = "import sys; from segments.app.cli import main; main(); print(sorted({'mlflow', 'pandas', 'numpy', 'hydra', 'yaml'} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=project, env=os.environ | asked, capture_output=True, text=True, check=True
    )
    *lines, imported = done.stdout.splitlines()
    assert imported == "[]"
    if shell == "zsh":  # type, word and help stand on lines of their own
        lines = [line for line in lines if "=" in line]
    assert [re.sub(r"^(plain|file),|\t.*", "", line) for line in lines] == found


@pytest.mark.slow
def test_combinations_come_together_only_under_the_launcher_that_runs_them_one_by_one(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    calls: list[list[int]] = []

    def task(*configs: Config) -> None:
        calls.append([config.k for config in configs])

    load.multirun(["k=2,3"], task, together=True)
    load.multirun(["k=2,3"], task)
    monkeypatch.setattr(load, "BASIC_LAUNCHER", "another one")
    load.multirun(["k=2,3"], task, together=True)
    assert calls == [[2, 3], [2], [3], [2], [3]]


def test_outside_a_project(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["data"]) == 2
    assert "not a segments project" in capsys.readouterr().err


def test_every_error_says_what_where_and_what_to_do() -> None:
    error = SegmentsError("k is 1", where="sweep.k_min", fix="choose 2")
    assert str(error).splitlines() == ["k is 1", "  where: sweep.k_min", "  do:    choose 2"]


def test_an_error_is_short_and_shows_what_a_terminal_would_obey() -> None:
    error = SegmentsError("a\nb\x1b[31m", where="x" * 9000, fix="y", listed=["one\r", "two"])
    assert str(error).splitlines()[:3] == ["a\\nb\\x1b[31m", "  - one\\r", "  - two"]
    assert str(error).splitlines()[3] == f"  where: {'x' * 600}… (8,400 more)"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


@pytest.mark.parametrize(
    "said",
    [
        "'postgresql://bob:hunter2@h/d' is not a known value",
        "'host=h password=hunter2' is not a known value",
        "{'password': 'hunter2', 'x': 1}",
        "PGPASSWORD=hunter2 psql",
        "Password: hunter2",
    ],
)
def test_an_error_repeats_no_password(said: str) -> None:
    shown = str(SegmentsError("a", where=said, fix=said, listed=[said]))
    assert "hunter2" not in shown
    assert shown.count("***") == 3
    assert (
        str(SegmentsError("see ~/.pgpass: it holds no password; write one"))
        == "see ~/.pgpass: it holds no password; write one"
    )


@pytest.mark.parametrize(
    "words",
    [
        ["a" * 9000],
        ["data", "a" * 9000 + "=1"],
        ["data", "--" + "a" * 9000],
        ["data", "x=\n\x1b[0m"],
        ["describe", "n" * 300 + ".csv"],
    ],
)
def test_what_is_wrong_is_said_in_a_few_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, project: Path, words: list[str]
) -> None:
    monkeypatch.chdir(project)
    assert cli.main(words) == 2
    err = capsys.readouterr().err
    assert len(err) < 2500
    assert [line[:8] for line in err.splitlines()] == ["segments", "  where:", "  do:   "]
    assert "\x1b" not in err


def test_errors_survive_the_trip_between_processes() -> None:
    error = pickle.loads(pickle.dumps(SegmentsError("a", where="b", fix="c")))
    assert (error.what, error.where, error.fix) == ("a", "b", "c")


@pytest.mark.parametrize(
    "words", [["select", "abc"], ["rename", "S1", "x"], ["promote", "1"], ["rollback"]], ids=lambda words: str(words[0])
)
def test_a_reason_that_says_nothing_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, project: Path, words: list[str]
) -> None:
    monkeypatch.chdir(project)
    assert cli.main([*words, "--because", " \t "]) == 2
    assert f"segments {words[0]}: --because is missing or blank" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_end_that_python_would_swallow_comes_all_the_same(number: signal.Signals) -> None:
    """A finaliser is a place where Python prints what is raised, and goes on."""

    class SignalAtItsEnd:
        def __del__(self) -> None:
            signal.raise_signal(number)

    def handler(signum: int, frame: object) -> None:
        raise SystemExit(143)

    before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)}
    signal.signal(signal.SIGTERM, handler)
    try:
        with pytest.raises(KeyboardInterrupt if number == signal.SIGINT else SystemExit), cli.nothing_swallowed():
            held = SignalAtItsEnd()
            del held
            threading.Event().wait(900)  # it goes on
    finally:
        for one, was in before.items():
            signal.signal(one, was)
