"""A few of the files that `make fuzz` makes by the thousand."""

from __future__ import annotations

from pathlib import Path

import pytest

import fuzz_styles
import fuzz_tables
from fuzz_files import damaged, fuzz_raw, judged
from small_project import SmallProject


@pytest.mark.slow
def test_strange_raw_files_get_a_draft_that_loads_or_one_error(shared_data: Path, tmp_path: Path) -> None:
    assert fuzz_raw(tmp_path, shared_data, 60, seed=3) == []


@pytest.mark.slow
@pytest.mark.parametrize("number", [91_000_101, 91_000_133, 91_000_150])  # each was read wrong without a word once
def test_files_in_the_styles_of_strangers_are_read_to_the_cent(tmp_path: Path, number: int) -> None:
    found = fuzz_styles.checked(fuzz_styles.made(number), tmp_path)
    assert found.outcome == fuzz_styles.RIGHT, found


@pytest.mark.slow
def test_a_reading_that_is_not_the_truth_is_found(tmp_path: Path) -> None:
    one = fuzz_styles.made(91_000_133)
    for line in one.lines:
        line.cells.update(dict.fromkeys(one.money, 7))
    found = fuzz_styles.checked(one, tmp_path)
    assert found.outcome == fuzz_styles.WRONG and "money" in found.kind


@pytest.mark.slow
@pytest.mark.parametrize("number", [306_000_024, 306_000_039, 306_000_047])  # each was read wrong or asked about once
def test_tables_in_the_styles_of_strangers_are_read_to_the_last_cell(tmp_path: Path, number: int) -> None:
    found = fuzz_tables.checked(fuzz_tables.made(number), tmp_path)
    assert fuzz_tables.worst(found).outcome == fuzz_styles.RIGHT, found


@pytest.mark.slow
def test_a_cell_that_is_not_the_truth_is_found(tmp_path: Path) -> None:
    one = fuzz_tables.made(300_000_000)
    number = next(trait for trait in one.traits if trait.part == "money")
    number.truth[7] = 7.125
    [found] = fuzz_tables.checked(one, tmp_path)
    assert found.outcome == fuzz_styles.WRONG and found.kind.startswith("another number: money")


def test_what_counts_as_a_finding() -> None:
    assert judged(0, "") == judged(2, "segments data: no row is left") == judged(3, "") == ""
    assert judged(1, "") and judged(0, "Traceback (most recent call last)") and judged(2, "x" * 5000)


def test_the_damage_is_by_the_seed(reproduced: SmallProject) -> None:
    one, again, other = (list(damaged(reproduced, 20, seed)) for seed in (1, 1, 2))
    assert one == again != other
    assert all(content != (reproduced / path).read_bytes() for path, content, _ in one)
