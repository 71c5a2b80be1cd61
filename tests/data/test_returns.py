"""Which purchases were sent back as a whole: by hand, and what holds for any purchases and returns."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segments.data.returns import Line, sent_back

START = datetime(2024, 1, 1)


def lines(*events: int | tuple[int, str]) -> list[Line]:
    """One a day: units, or units and order."""
    pairs = [event if isinstance(event, tuple) else (event, None) for event in events]
    return [Line(row, START + timedelta(days=row), order, size) for row, (size, order) in enumerate(pairs)]


@pytest.mark.parametrize(
    ("events", "back"),
    [
        ([74215, -74215], {0: 1}),
        ([5, -3], {}),
        ([5, -3, -2], {0: 2}),
        ([5, -9], {0: 1}),
        ([-5, 5], {}),  # bought before the log began
        ([5, 5, -5], {1: 2}),  # the latest
        ([5, 3, -5], {0: 2}),  # the one of its size, though it is not the latest
        ([5, 3, -4], {1: 2}),  # from the latest first, then one of the five
        ([5, 3, -8], {0: 2, 1: 2}),
        ([5, 3, -8, -2], {0: 2, 1: 2}),
        ([(5, "a"), (5, "b"), (-5, "a")], {0: 2}),  # that of its order
        ([(5, "a"), (9, "b"), (-3, "a"), (-2, "a")], {0: 3}),
        ([5, -2, 3, -3, -3], {2: 3, 0: 4}),  # three were left of the five
        ([0, -1], {}),
    ],
)
def test_by_hand(events, back):
    assert sent_back(lines(*events)) == {row: START + timedelta(days=at) for row, at in back.items()}


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(-6, 6).filter(bool), st.sampled_from(["a", "b", None])), max_size=14))
def test_nothing_comes_back_before_it_was_bought_and_never_more_than_came_back(events):
    made = lines(*events)
    found = sent_back(made)
    for day in range(len(made)):
        returned = -sum(line.size for line in made[: day + 1] if line.size < 0)
        back = [row for row, at in found.items() if at <= made[day].at]
        assert sum(made[row].size for row in back) <= returned
        assert sent_back(made[: day + 1]) == {row: found[row] for row in back}, "what comes later changes nothing"
    assert all(made[row].size > 0 and made[row].at < at for row, at in found.items())
    if made and sum(line.size for line in made) < 0 and all(line.size > 0 for line in made[:-1]):
        assert len(found) == len(made) - 1, "a last return larger than all purchases takes all back"
