"""The `segments` command: help, dispatch, exit codes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from segments.app import cli
from segments.errors import SegmentsError


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == cli.main(["--help"]) == 0
    out = capsys.readouterr().out
    for name in (*cli.STAGES, *cli.COMMANDS):
        assert f"\n  {name} " in out
        assert cli.main([name, "--help"]) == 0
        assert f"usage: segments {name}" in capsys.readouterr().out


@pytest.mark.parametrize("name", cli.WITHOUT_PROJECT)
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
    assert "there is no command 'swep'" in err
    assert "did you mean 'sweep'?" in err


def test_a_stray_word_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, project: Path
) -> None:
    monkeypatch.chdir(project)
    assert cli.main(["sweep", "mall"]) == 2
    assert "'mall' is not an override" in capsys.readouterr().err


def test_a_name_may_hold_an_equals_sign(capsys: pytest.CaptureFixture[str]) -> None:
    words, overrides = cli._own_words("rename", ["S1", "Price = value", "--because", "they say so"])
    assert (words["name"], overrides) == ("Price = value", [])
    assert cli.main(["rename", "S1", "a=b", "--because", "they say so"]) == 2
    assert "name is missing ('a=b' was taken for a setting" in capsys.readouterr().err


def test_outside_a_project(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["data"]) == 2
    assert "not a segments project" in capsys.readouterr().err


def test_every_error_says_what_where_and_what_to_do() -> None:
    error = SegmentsError("k is 1", where="sweep.k_min", fix="choose 2")
    assert str(error).splitlines() == ["k is 1", "  where: sweep.k_min", "  do:    choose 2"]


def test_errors_survive_the_trip_between_processes() -> None:
    import pickle

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
