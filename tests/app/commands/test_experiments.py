"""What experiments changed and brought, laid out; from real experiments it is read in test_entry_points."""

from __future__ import annotations

from pathlib import Path

import pytest

from segments.app.commands.experiments import compared, run
from segments.errors import SegmentsError

ABOUT = {"Experiment": "", "typ": "", "Created": "2026-01-01"}
SCALERS = "['standard', 'minmax', 'robust', 'power', 'quantile']"
BASE = {**ABOUT, "rev": "main", "passed": "66", "agreement_min": "0.2896622378585669", "sweep.scalers": SCALERS}


def test_many_experiments_fit_120_columns_in_parts_that_begin_with_the_commit() -> None:
    others = [BASE | {"Experiment": f"number-{i}", "rev": f"a{i}", "passed": str(i)} for i in range(5)]
    text = compared([BASE | {"rev": "workspace"}, BASE, *others])
    assert max(map(len, text.splitlines())) <= 120
    first, second = text.split("\n\n")
    assert first.splitlines()[0].split() == ["main", "number-0", "number-1", "number-2"]
    assert second.splitlines()[0].split() == ["main", "number-3", "number-4"]
    assert "agreement_min" in second
    assert "0.28966" in second
    assert "'" not in text
    for scaler in ("standard", "minmax", "robust", "power", "quantile"):
        assert scaler in first


def test_a_changed_folder_stands_beside_its_commit() -> None:
    text = compared([BASE | {"rev": "workspace", "passed": "7"}, BASE])
    assert text.splitlines()[0].split() == ["main", "workspace"]
    assert text.splitlines()[-2].split() == ["passed", "66", "7"]
    # without an experiment DVC leaves the column of their names out
    rows = [
        {name: one for name, one in row.items() if name != "Experiment"}
        for row in (BASE | {"rev": "workspace", "passed": "7"}, BASE)
    ]
    assert compared(rows) == text


def test_of_the_defaults_only_what_differs_is_shown() -> None:
    one = BASE | {"defaults": "['_self_', {'source': 'mall'}, {'experiment': None}]"}
    other = one | {"Experiment": "shop", "defaults": "['_self_', {'source': 'shop'}, {'experiment': None}]"}
    [line] = [line for line in compared([one, one, other]).splitlines() if "defaults" in line]
    assert line.split() == ["defaults", "source=mall", "source=shop"]


def test_an_edited_file_is_shown_by_the_beginning_of_its_hash() -> None:
    one = BASE | {"conf/settings/explore.yaml": "7387d846a3abae89dba70d751c14a711"}
    text = compared([one, one, one | {"conf/settings/explore.yaml": "", "Experiment": "gone"}])
    assert "  conf/settings/explore.yaml  7387d84 " in text
    assert "a711" not in text


def test_without_an_experiment_it_says_how_to_make_one() -> None:
    assert "dvc exp run -S" in compared([BASE | {"rev": "workspace"}, BASE])


@pytest.mark.slow
def test_what_dvc_complains_of_is_one_clear_error(root: Path) -> None:
    with pytest.raises(SegmentsError, match="not inside of a DVC repository") as error:
        run()
    assert error.value.where == "dvc exp show"
