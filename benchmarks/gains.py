"""How often a campaign that did nothing is said to have brought spend, and how often the interval holds what one did bring."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import duckdb
import numpy as np
from numpy.typing import NDArray
from scipy.stats import ttest_ind

import stages
from segments.action.intervals import difference_of_means, without_habit
from segments.action.target_list import HABIT_DAYS

CAMPAIGNS, CONTROL = 400, 0.1
LIFT = 1.1  # what the campaign that works makes of everybody's spend


def table(seed: int = 0) -> list[str]:
    """Campaigns that did nothing, and that raised spend by a tenth, in random weeks and months of the bundled log; a tenth is control."""
    head = "| spend of | customers | Welch: false gains | ours: false gains | beyond habit: false gains | false losses | coverage, nothing | coverage, a tenth more | narrower than without habit |"
    lines = [
        f"{CAMPAIGNS} campaigns a row, seed {seed}; 2.5 % of false gains are promised, coverage 95 %; figures of so many campaigns are themselves within 1.5 and 2.1 points (95 %).",
        "",
        head,
        "|---" * 9 + "|",
    ]
    with tempfile.TemporaryDirectory() as folder:
        project = stages.fresh_copy(Path(folder))
        stages.seconds([str(Path(sys.executable).parent / "segments"), "data"], project)
        path = project / "artifacts" / "data" / "transactions.parquet"
        days = duckdb.sql(
            f"SELECT customer_id, date_diff('day', TIMESTAMP '2017-01-01', purchased_at) AS day, sum(amount) AS spend FROM '{path}' GROUP BY ALL"
        ).df()
    of, names = days["customer_id"].factorize()[0], days["customer_id"].nunique()
    spend = np.zeros((names, 366))
    np.add.at(spend, (of, days["day"].to_numpy()), days["spend"].to_numpy())
    for length, called in ((7, "a week"), (28, "four weeks")):
        for size in (len(spend), 600, 300):
            lines.append(_row(spend, length, called, size, np.random.default_rng([seed, length, size])))
            print(lines[-1], flush=True)
    return lines


def _row(spend: NDArray[np.float64], length: int, called: str, size: int, random: np.random.Generator) -> str:
    found: dict[str, list[float]] = {
        name: [] for name in ("welch", "plain", "beyond", "loss", "nothing", "more", "narrower")
    }
    for _ in range(CAMPAIGNS):
        start = int(random.integers(HABIT_DAYS, 365 - length))
        own = spend[random.choice(len(spend), size, replace=False)]
        during, before = own[:, start : start + length].sum(axis=1), own[:, start - HABIT_DAYS : start].sum(axis=1)
        control = random.random(size) < CONTROL
        welch = ttest_ind(during[~control], during[control], equal_var=False).confidence_interval()
        plain = difference_of_means(during[~control], during[control])
        beyond = without_habit(during, before)
        made = difference_of_means(beyond[~control], beyond[control])
        raised = without_habit(np.where(control, during, LIFT * during), before)
        lifted = difference_of_means(raised[~control], raised[control])
        found["welch"].append(welch.low > 0)
        found["plain"].append(plain.low > 0)
        found["beyond"].append(made.low > 0)
        found["loss"].append(made.high < 0)
        found["nothing"].append(made.low <= 0 <= made.high)
        found["more"].append(lifted.low <= (LIFT - 1) * during.mean() <= lifted.high)
        found["narrower"].append(1 - (made.high - made.low) / (plain.high - plain.low))
    shares = " | ".join(f"{np.mean(values):.1%}" for values in found.values())
    return f"| {called} | {size:,} | {shares} |"
