"""`segments describe`: drafts are saved, several files are pinned one by one, and --check counts without writing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from segments.app.cli import main

CHECKOUT = Path(__file__).resolve().parents[3]


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The least that is a project."""
    shutil.copytree(CHECKOUT / "conf", tmp_path / "project/conf")
    shutil.copyfile(CHECKOUT / "dvc.yaml", tmp_path / "project/dvc.yaml")
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path


@pytest.mark.slow
def test_a_draft_agrees_with_its_file_and_not_with_another(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    people = made / "people.csv"
    people.write_text(
        "CLIENTNUM,age,spend\n" + "".join(f"{700 + n},{20 + n * 7 % 40},{n * n % 37}\n" for n in range(40)) + ",,\n" * 9
    )
    assert main(["describe", str(people)]) == 0
    Path("conf/source/people.yaml").write_text(capsys.readouterr().out)
    assert main(["fetch", "source=people", f"from={people}"]) == 0
    capsys.readouterr()
    assert main(["describe", "--check", "people"]) == 0
    said = capsys.readouterr().out
    assert "customers: 40 of 40 rows are clean" in said and "9 rows of people.csv have nothing" in said
    assert "age: 20 to 59, mean 39.5, missing 0" in said and said.endswith(
        "conf/source/people.yaml agrees with its files.\n"
    )
    people.write_text("CLIENTNUM,years,spend\n1,2,3\n")
    assert main(["describe", str(people), "--check", "people"]) == 2
    assert "missing column: 'age'" in capsys.readouterr().err
    assert not Path("artifacts").exists()


@pytest.mark.slow
def test_one_file_a_day_is_one_log_and_each_is_pinned(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    days = made / "days"
    days.mkdir()
    for day in (1, 2):
        rows = "".join(f"c{n % 8},2024-01-{day:02},{n}.50\n" for n in range(16))
        (days / f"d{day}.csv").write_text("customer,date,amount\n" + rows)
    assert main(["describe", str(days / "*.csv")]) == 0
    Path("conf/source/days.yaml").write_text(capsys.readouterr().out)
    assert main(["fetch", "source=days", f"from={days}"]) == 0
    assert Path("data.dvc").read_text().count("path: data/days/d") == 2
    capsys.readouterr()
    assert main(["describe", "--check", "days"]) == 0
    assert "8 customers, 16 orders, 256.00 in all, from 2024-01-01" in capsys.readouterr().out
    shutil.copyfile("data/days/d1.csv", "data/days/d3.csv")
    assert main(["data", "source=days"]) == 2
    assert "data/days/d3.csv is not pinned" in capsys.readouterr().err
    Path("data/days/d3.csv").unlink()
    Path("data/days/d2.csv").unlink()
    assert main(["data", "source=days"]) == 2
    assert "the raw file data/days/d2.csv is missing" in capsys.readouterr().err
