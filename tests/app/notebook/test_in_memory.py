"""Three lines in a notebook: a DataFrame in, the chosen segments and the reason out, nothing written."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import segments
from segments.app.load import load
from segments.app.notebook.given import read_given
from segments.app.notebook.in_memory import SweepResult, sweep
from segments.config.evidence import EvidenceConfig, SelectionConfig
from segments.config.sweep import Feature, FeatureSet
from segments.errors import ConfigError, DataError, SweepError
from small_project import SmallProject

QUICK = EvidenceConfig(bootstraps=10, splits=3, nulls=99, references=3, starts=3)
RANDOM = np.random.default_rng(3)
CENTRES = np.repeat([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]], 30, axis=0)
PEOPLE = pd.DataFrame(CENTRES + RANDOM.normal(size=(90, 2)), columns=["visits", "spend"])
PEOPLE.insert(0, "client_id", [f"c{i:02}" for i in range(90)])

LINES = pd.DataFrame(
    {
        "customer": [f"c{i % 30}" for i in range(90)],
        "day": pd.date_range("2026-01-01", periods=90),
        "amount": RANDOM.random(90).round(2),
    }
)


@pytest.fixture(scope="module")
def result() -> SweepResult:
    found: SweepResult = segments.sweep(PEOPLE, k=range(2, 5), scalers=["standard", "none"], evidence=QUICK)
    return found


def test_public_names() -> None:
    assert set(segments.__all__) == {"Project", "SegmentationModel", "SweepResult", "sweep", "__version__"}
    for name in segments.__all__:
        found = getattr(segments, name)
        assert name in dir(segments)
        assert isinstance(found, str) or len(found.__doc__) > 100, name
    with pytest.raises(AttributeError, match="no attribute 'Sweep'"):
        segments.Sweep  # noqa: B018


def test_importing_it_brings_nothing_heavy() -> None:
    script = "import sys, segments; print(sorted({'numpy', 'pandas', 'sklearn', 'mlflow', 'hydra'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_groups_that_are_there_are_found(result: SweepResult) -> None:
    assert result.best is not None
    assert (result.best["k"], result.best["grade"]) == (3, "natural")
    assert result.labels.index.tolist() == PEOPLE["client_id"].tolist(), "the column that is called like an id"
    assert result.labels.groupby(np.repeat([0, 1, 2], 30)).nunique().tolist() == [1, 1, 1]
    assert result.table["k"].tolist() == [2, 3, 4, 2, 3, 4]
    assert result.notes == ["'client_id' tells customers apart, and plays no other part"]
    assert str(result.why()).startswith(result.choice.reason)
    assert repr(result.why()) == str(result.why()), "line by line"
    means = result.segments().set_index("segment")["spend_mean"]
    assert means.idxmax() == "high-spend, low-visits customers"
    assert result.model.predict(PEOPLE)["cluster"].tolist() == result.labels.tolist()


def test_what_a_notebook_shows(result: SweepResult) -> None:
    html = result._repr_html_()
    assert result.choice.reason in html
    assert html.count("<tr") == 7, "a heading and the finalists"
    assert "natural" in repr(result)
    strange = segments.sweep(PEOPLE.rename(columns={"visits": "<b>"}), k=3, scalers="none", evidence=QUICK)
    assert "<b>Of" not in strange._repr_html_()
    titles = []
    for figure in (result.plot_elbow(), result.plot_silhouette(k=2), result.plot_clusters(cell="all · none")):
        assert figure._repr_png_().startswith(b"\x89PNG")
        titles.append(figure.axes[0].get_title())
    assert titles[0].startswith("all · ")
    with pytest.raises(ConfigError, match="all · standard has no k=9"):
        result.plot_silhouette(9, "all · standard")
    with pytest.raises(ConfigError, match="there is no 'x'"):
        result.plot_elbow("x")


@pytest.mark.slow
def test_it_is_the_pipelines_sweep(reproduced: SmallProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(reproduced.root)
    config, features = load(), reproduced.table("features/customers.parquet")
    found = sweep(
        features.drop(columns="gender"),
        k=range(2, 5),
        scalers=list(config.grid_scalers),
        features=dict(config.grid_feature_sets),
        id="customer_id",
        name="mall",
        algorithm=config.algorithm,
        evidence=config.evidence,
        selection=config.selection,
    )
    theirs = reproduced.table("selection/candidates.parquet")
    same = [
        "candidate_id",
        "wcss",
        "silhouette",
        "silhouette_reference",
        "excess",
        "jaccard_min",
        "p_adjusted",
        "grade",
    ]
    pd.testing.assert_frame_equal(found.table[same], theirs[same], check_dtype=False)
    assert (
        found.labels_of(theirs["candidate_id"].iloc[0]).tolist()
        == reproduced.table("sweep/labels.parquet").iloc[:, 1].tolist()
    )


def test_only_finalists_are_evaluated_where_that_is_asked(result: SweepResult) -> None:
    few = EvidenceConfig(scope="finalists", finalists=1, bootstraps=5, splits=3, nulls=99, references=3, starts=3)
    found = sweep(PEOPLE, k=range(2, 5), scalers=["standard", "none"], evidence=few)
    assert found.table["evaluated"].sum() == 1
    assert found.table["candidate_id"].tolist() == result.table["candidate_id"].tolist()


def test_where_nothing_passes_it_says_so() -> None:
    found = sweep(PEOPLE, k=2, scalers="none", evidence=QUICK, selection=SelectionConfig(min_silhouette=1.0))
    assert found.best is None
    assert found.plot_clusters().axes[0].get_xlabel() == "visits"
    with pytest.raises(SweepError, match="None of 1 candidates passes"):
        _ = found.labels
    assert "selection=SelectionConfig(…)" in str(found.why()) and "segments select" not in str(found.why())
    assert len(found.labels_of(found.table["candidate_id"].iloc[0])) == 90


def test_nothing_is_left_out_without_a_word() -> None:
    odd = PEOPLE.assign(
        year=2024,
        name=[f"name {i}" for i in range(90)],
        born=pd.Timestamp("1990-01-01"),
        order_no=range(90),
        member=[True, False, False] * 30,
        plan=["a", "b", None] * 30,
    )
    with pytest.raises(DataError, match=r"(?s)not every row.*'plan' lacks a value in 30 of 90 rows") as caught:
        sweep(odd)
    assert "missing='median'" in str(caught.value)
    found = sweep(odd.assign(plan=["a", "b", "c"] * 30), k=3, scalers="standard", evidence=QUICK)
    said = {note.split("'")[1]: note for note in found.notes}
    assert list(said) == ["client_id", "name", "born", "order_no", "year"]
    assert "90 different values" in said["name"] and "a time" in said["born"] and "2024 for every" in said["year"]
    assert found.given.feature_sets[0].columns.keys() == {"visits", "spend", "year", "member", "plan"}
    assert all(note in found.why() for note in found.notes)


def test_what_tells_nothing_of_a_customer_is_left_out_as_describe_does() -> None:
    odd = PEOPLE.assign(
        zip=range(10_000, 19_000, 100),
        phone=range(10**9, 10**9 + 990, 11),
        churned=[0, 1, 0] * 30,
        joined=[20240100 + 1 + i % 28 for i in range(90)],
        hour=[i % 24 for i in range(90)],
        region=[1, 2, 3] * 30,
        branch_no=[1000 + i % 40 for i in range(90)],
        n_orders=[i % 17 for i in range(90)],
        income=[-999.0, *range(1000, 1089)],
        empty=np.nan,
    )
    given = read_given(odd)
    assert given.feature_sets[0].columns.keys() == {"visits", "spend", "region", "n_orders", "income"}
    said = {note.split("'")[1]: note for note in given.notes}
    assert list(said) == [
        "client_id",
        "zip",
        "phone",
        "churned",
        "joined",
        "hour",
        "region",
        "branch_no",
        "income",
        "empty",
    ]
    assert "an outcome" in said["churned"] and "pd.to_datetime" in said["joined"] and "hour of the day" in said["hour"]
    assert "replace(-999, np.nan)" in said["income"]
    assert "astype('category')" in said["region"] and "no values" in said["empty"]
    assert read_given(odd, features=["zip", "churned"]).notes == [], "who names it wants it"


def test_numbers_are_numbers_whatever_they_are_kept_in() -> None:
    plain = PEOPLE.assign(orders=[i % 17 for i in range(90)])
    text = plain["spend"].map("{:.2f}".format)
    decimals = text.map(Decimal)
    arrow = pd.Series(pd.array(decimals, dtype=pd.ArrowDtype(pa.decimal128(9, 2))))
    wanted = read_given(plain.assign(spend=text.astype(float)))
    for spend in (decimals, arrow, text.astype(float).astype(object)):
        given = read_given(plain.assign(spend=spend, orders=plain["orders"].astype(object)))
        pd.testing.assert_frame_equal(given.features, wanted.features)
        assert given.notes == wanted.notes
    lacking = decimals.where(decimals.index != 4, None)
    with pytest.raises(DataError, match="'spend' lacks a value in 1 of 90 rows"):
        read_given(plain.assign(spend=lacking))
    said = read_given(plain.assign(orders=plain["orders"].astype(str))).notes[-1]
    assert said == "'orders' is text, and is taken as a category: pd.to_numeric(df['orders']) makes numbers of it"


def test_what_cannot_be_a_feature_is_said_in_words_that_fit() -> None:
    lists = pd.Series([[1, 2]] * 90)
    given = read_given(
        PEOPLE.drop(columns="client_id").assign(
            basket=lists,
            baskets=lists.astype(pd.ArrowDtype(pa.list_(pa.int64()))),
            month=pd.period_range("2020-01", periods=90, freq="M"),
            customer_id=[1, "x"] * 45,
            price=[f"${i}.00" for i in range(90)],
            discount=[f"{i % 30}%" for i in range(90)],
            tier=pd.Categorical([1, 2, 3] * 30),
        )
    )
    assert given.feature_sets[0].columns.keys() == {"visits", "spend", "discount", "tier"}
    said = {note.split("'")[1]: note.split("' ", 1)[1] for note in given.notes}
    assert said == {
        "basket": "holds lists or objects, and is left out: make columns of what counts in them",
        "baskets": "holds lists or objects, and is left out: make columns of what counts in them",
        "month": "is a time, and is left out: make it days before a day, such as (day - df['month']).dt.days",
        "customer_id": "does not tell the rows apart, and is left out: call it otherwise if it is a category",
        "price": "is text with 90 different values, and is left out, as a category has at most 50: if these are numbers, make numbers of it first",
        "discount": "is text, and is taken as a category: if these are numbers, make numbers of it first",
    }
    with pytest.raises(DataError, match="'basket' holds lists or objects"):
        read_given(PEOPLE.assign(basket=lists), features=["basket", "spend"])


def test_lines_of_customers_are_clustered_by_who_says_so() -> None:
    assert len(read_given(LINES, features=["amount"]).features) == 90
    numbered = LINES.assign(order_id=range(90))
    assert list(read_given(numbered, id="order_id").features) == ["customer_id", "customer", "amount"]
    families = PEOPLE.assign(household_id=[f"h{i % 40}" for i in range(90)])
    assert any("'household_id'" in note for note in read_given(families).notes), "left out, and no reason to refuse"


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"df": [1, 2]}, DataError, "takes a DataFrame, not list"),
        ({"df": PEOPLE.head(0)}, DataError, "no rows"),
        ({"df": LINES}, DataError, "'customer' stands in several rows"),
        ({"df": LINES.assign(order_id=range(90))}, DataError, "if a row is a customer, say id='order_id'"),
        ({"df": PEOPLE.assign(spend=np.inf)}, DataError, "'spend' is infinite in 90 of 90 rows"),
        ({"df": PEOPLE[["client_id"]]}, DataError, "no column can be clustered on"),
        ({"df": PEOPLE.set_axis(["a", "b", "b"], axis=1)}, DataError, "two columns are called b"),
        ({"df": pd.concat([PEOPLE, PEOPLE.head(1)]), "id": "client_id"}, DataError, "c00 stands in more than one row"),
        ({"id": "nobody"}, DataError, "there is no column 'nobody'"),
        ({"features": ["visits", "age"]}, DataError, "unknown feature age"),
        ({"features": "visits"}, DataError, "not a list"),
        ({"features": []}, DataError, "is empty"),
        ({"features": ["born"], "df": PEOPLE.assign(born=pd.Timestamp("1990-01-01"))}, DataError, "'born' is a time"),
        ({"k": 1}, ConfigError, r"k is \[1\]"),
        ({"k": [2.5]}, ConfigError, "k is 2.5"),
        ({"k": 90}, SweepError, "needs more than 90 different customers"),
        ({"scalers": ["stanard"]}, ConfigError, "'stanard' is not a known value"),
        ({"seed": -1}, ConfigError, "-1 is out of range"),
    ],
)
def test_what_cannot_be_swept_is_one_clear_error(given: dict[str, Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said) as caught:
        sweep(**({"df": PEOPLE} | given))
    assert "do:" in str(caught.value)


def test_a_missing_value_may_be_stood_in_for() -> None:
    lacking = PEOPLE.assign(spend=PEOPLE["spend"].where(PEOPLE.index != 4))
    wanted = {"filled": FeatureSet("filled", {"visits": Feature(), "spend": Feature(missing="median")})}
    assert len(sweep(lacking, k=3, scalers="none", features=wanted, evidence=QUICK).labels) == 90


@pytest.mark.slow
def test_on_record_each_candidate_once(
    result: SweepResult, fresh_record: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    monkeypatch.chdir(tmp_path)
    (tmp_path / "mlflow.db").write_bytes(fresh_record.read_bytes())
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    first = result.log_to_mlflow("people", uri)
    assert result.log_to_mlflow("people", uri) == first
    client = MlflowClient(uri)
    runs = client.search_runs([client.get_experiment_by_name("people").experiment_id])
    assert sorted(run.data.tags["segments.candidate_id"] for run in runs) == sorted(result.table["candidate_id"])
    chosen = client.get_run(first)
    assert chosen.data.metrics["silhouette"] == pytest.approx(result.best["silhouette"])  # type: ignore[index]
    assert chosen.data.tags["segments.why"] == result.choice.reason
    assert not any("c00" in value for run in runs for value in {**run.data.params, **run.data.tags}.values())
