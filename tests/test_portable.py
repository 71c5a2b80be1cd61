"""Every file that stages hand on is the same on an older processor, whatever computes there; `make portable` asks many more."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pandas as pd
import pytest

import portable
from small_project import write_shop

# The scaler with most to compute, and few of everything, on a log of a few thousand lines: `make portable` has all, on the bundled data.
SMALLER = [
    "experiment=smoke",
    "source=shop",
    "sweep.scalers=[power]",
    "sweep.feature_sets=[rfm]",
    "sweep.k_max=3",
    "selection.min_k=2",
    "prediction.bootstrap=20",
    "prediction.horizon_days=30",
    "prediction.models=[recency,linear,mbg_nbd]",
]
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.mark.slow
def test_the_pipeline_makes_the_same_bytes_on_an_older_processor(tmp_path: Path) -> None:
    richest = portable.runnable(portable.flags_here())[0]
    chosen = [(HERE, richest, "all there is", "host", 2), (HERE, "Nehalem", "no AVX2", "generic", 1)]
    stages = [
        name for name in portable.STAGES if name not in ("explore", "briefing", "registry")
    ]  # pictures and copies
    assert portable.compared(tmp_path, chosen, SMALLER, stages, lambda root: write_shop(root, 400)) == []


def test_no_processor_is_asked_for_what_it_cannot_run() -> None:
    assert portable.runnable("fpu sse4_2 avx avx2 avx512f") == ["SkylakeX", "Haswell", "Zen", "Nehalem"]
    assert portable.runnable("fpu sse4_2 avx avx2 fma") == ["Haswell", "Zen", "Nehalem"]
    assert portable.runnable("fpu sse4_2 avx2x") == portable.runnable("") == ["Nehalem"]


def test_a_difference_is_named_with_column_row_and_size(tmp_path: Path) -> None:
    one, other = tmp_path / "one.parquet", tmp_path / "other.parquet"
    pd.DataFrame({"k": [2, 3], "wcss": [10.0, 5.0]}).to_parquet(one)
    pd.DataFrame({"k": [2, 3], "wcss": [10.0, 5.25]}).to_parquet(other)
    assert portable.difference(one, other) == "1 columns: wcss in 1 of 2 rows, first 1 (5.0 and 5.25), at most 0.25"
    one, other = tmp_path / "one.json", tmp_path / "other.json"
    one.write_text(json.dumps({"a": {"b": [1, 2]}}))
    other.write_text(json.dumps({"a": {"b": [1, 3]}}))
    assert portable.difference(one, other) == "1 columns: a.b.1 in 1 of 1 rows, first 0 (2 and 3), at most 1"
