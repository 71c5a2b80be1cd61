"""Purchases go in, the segment after them comes out: as if the pipeline had run with them in the log."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import by_hand
from segmentations import segmentation
from segments.app.load import load
from segments.app.servers.model_api.application import SMALL_BODY, Serving, application
from segments.app.servers.model_api.events import EventLog, read_events
from segments.app.servers.model_api.invocations import RefusedError
from segments.clustering.space import Space
from segments.config.root import Config
from segments.config.serving import ServingConfig
from segments.config.source import Column, Customers, Policy, Source, Transactions
from segments.features.table import build_features
from segments.io.store import catalog

LOG = Transactions("log.csv", customer="c", time="t", amount="a", order="o")
PEOPLE = Customers(
    "people.csv", id="c", columns={"age": Column(), "since": Column(kind="date"), "city": Column(kind="category")}
)
SOURCE = Source("shop", as_of="2024-01-10", customers=PEOPLE, transactions=LOG)
LINES = pd.DataFrame(
    [
        ("7", "a", "2024-01-01 09:00", 10.0, "s1"),
        ("7", "b", "2024-01-06 17:00", 15.5, "s2"),
        ("8", "c", "2024-01-03 12:00", 20.0, "s1"),
        ("9", "d", "2024-01-10 12:00", 1.25, None),
    ],
    columns=["customer_id", "order_id", "purchased_at", "amount", "store_id"],
).astype({"purchased_at": "datetime64[us]"})
CUSTOMERS = pd.DataFrame(
    {
        "customer_id": ["7", "8", "9"],
        "age": [30.0, 40.0, 50.0],
        "since": ["2023-01-01", None, "2023-12-31"],
        "city": ["Ulm", "Bonn", "Ulm"],
    }
)
EVENT = {"order_id": "e", "purchased_at": "2024-01-12T18:30:00", "amount": 9.99, "store_id": "s9"}
COLUMNS = ["recency_days", "monetary", "gap_days_std", "stores", "evening_share", "trend", "f_score", "age", "since"]
SPACE = Space(COLUMNS, ["identity"] * len(COLUMNS), [1.0] * len(COLUMNS), "none", {})
MODEL = segmentation("c0", SPACE, np.vstack([np.zeros(len(COLUMNS)), np.full(len(COLUMNS), 30.0)]), ["low", "high"])


@pytest.fixture
def config(root: Path, project: Path) -> Config:
    """A project in which the pipeline has run on these lines."""
    by_hand.clean_tables_of("shop")
    write_log(LINES)
    catalog.write(catalog.CLEAN_CUSTOMERS, CUSTOMERS.astype(dict.fromkeys(("customer_id", "since", "city"), "string")))
    found = replace(load([], project), source=SOURCE)
    catalog.write(catalog.RFM_CUTS, build_features(CUSTOMERS, LINES, SOURCE, found.features).rfm_cuts)
    return found


def write_log(lines: pd.DataFrame) -> None:
    catalog.path_of(catalog.CLEAN_TRANSACTIONS).parent.mkdir(parents=True, exist_ok=True)
    lines.to_parquet(catalog.path_of(catalog.CLEAN_TRANSACTIONS), index=False)


def ask(config: Config, *bodies: Any, rows: int = 10, between: Any = None) -> list[tuple[int, Any]]:
    """Status and reply to each of these bodies, of one server."""
    app = application(Serving("toy", "3", MODEL), ServingConfig(max_rows=rows), None, EventLog(config))

    async def one(body: Any) -> tuple[int, Any]:
        sent: list[Any] = []
        headers = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")]

        async def receive() -> Any:
            return {"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await app({"type": "http", "path": "/events", "method": "POST", "headers": headers}, receive, send)
        return sent[0]["status"], json.loads(sent[1]["body"])

    async def all_() -> list[tuple[int, Any]]:
        found = []
        for body in bodies:
            found.append(await one(body))
            if between is not None:
                between()
        return found

    return asyncio.run(all_())


def whole_again(config: Config, customer: str, *more: dict[str, Any], as_of: str) -> dict[str, float]:
    """His features, all of the log summed up again with these lines; scores by the cut-points of the run."""
    from segments.features.table import rfm_scores

    lines = pd.concat(
        [LINES, pd.DataFrame(list(more)).assign(customer_id=customer).astype({"purchased_at": "datetime64[us]"})]
    )
    table = build_features(CUSTOMERS, lines, replace(SOURCE, as_of=as_of), config.features).table
    table = table.assign(**rfm_scores(table, catalog.read(catalog.RFM_CUTS)))
    row: dict[str, float] = table.set_index("customer_id").loc[customer, COLUMNS].to_dict()
    return row


@pytest.mark.parametrize("customer", ["7", "9"])
def test_the_answer_is_the_model_s_to_the_features_of_the_whole_log(config: Config, customer: str) -> None:
    early = {
        "order_id": "z",
        "purchased_at": "2023-12-30",
        "amount": 3.0,
        "store_id": None,
    }  # moves the log's first day
    (status, reply), (_, later), (_, again) = ask(
        config,
        {"customer_id": customer, "events": [EVENT, early]},
        {"customer_id": customer, "events": [EVENT], "as_of": "2024-02-01"},
        {"customer_id": customer, "events": [EVENT, early]},
    )
    assert (status, reply["customer_id"], reply["as_of"]) == (200, customer, "2024-01-12")
    expected = whole_again(config, customer, EVENT, early, as_of="2024-01-12")
    assert reply["features"] == expected
    assert reply["prediction"] == MODEL.predict(pd.DataFrame([expected])).iloc[0].to_dict()
    assert later["features"] == whole_again(config, customer, EVENT, as_of="2024-02-01")
    assert again == reply  # nothing was kept


def test_a_run_that_made_another_log_is_seen(config: Config) -> None:
    body = {"customer_id": "7", "events": [EVENT]}

    def another() -> None:
        write_log(LINES.assign(amount=100.0))
        os.utime(catalog.path_of(catalog.CLEAN_TRANSACTIONS), ns=(1, 1))

    (_, one), (_, two) = ask(config, body, body, between=another)
    assert (one["features"]["monetary"], two["features"]["monetary"]) == (35.49, 209.99)


@pytest.mark.parametrize(
    ("change", "status", "sentence"),
    [
        ({"customer_id": 7}, 400, "customer_id must be a text"),
        ({"customer_id": " "}, 400, "customer_id must be a text"),
        ({"events": []}, 400, "events must be a list"),
        ({"events": [1]}, 400, "events must be a list"),
        ({"events": [EVENT] * 11}, 413, "11 events are more than the 10"),
        ({"more": 1}, 400, "an object with customer_id, events"),
        ({"as_of": "2024-01-11"}, 400, "as_of lies before 2024-01-12"),
        ({"as_of": "2024-01-01"}, 400, "as_of lies before 2024-01-12"),
        ({"as_of": None}, 400, "as_of must be a day"),
        ({"as_of": "9999-12-31"}, 400, "too far ahead"),
        ({"customer_id": "10"}, 400, "age is missing"),  # a stranger: the customers table does not know him
        ({"customer_id": "8"}, 400, "since is missing"),
    ],
)
def test_what_cannot_be_answered_gets_one_sentence(
    config: Config, change: dict[str, Any], status: int, sentence: str
) -> None:
    ((found, reply),) = ask(config, {"customer_id": "7", "events": [EVENT]} | change)
    assert (found, set(reply)) == (status, {"error"}) and sentence in reply["error"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"amount": "9"}, "amount is not a number"),
        ({"amount": True}, "amount is not a number"),
        ({"amount": float("nan")}, "amount is not a number"),
        ({"amount": 10**400}, "amount is too large"),
        ({"amount": 0}, "amount is 0"),
        ({"amount": -1}, "below zero, and what it takes back only the next run can tell"),
        ({"purchased_at": "yesterday"}, "purchased_at is no time"),
        ({"purchased_at": 5}, "purchased_at is no time"),
        ({"purchased_at": "2024-01-12T10:00+01:00"}, "without offset"),
        ({"purchased_at": "9999-12-31"}, "in the year 9999"),
        ({"order_id": None}, "order_id must be a text"),
        ({"store_id": 5}, "store_id must be a text or null"),
        ({"colour": "red"}, "'colour' is unknown"),
    ],
)
def test_a_line_that_the_stage_data_would_not_keep_is_refused(change: dict[str, Any], sentence: str) -> None:
    asked = {"customer_id": "7", "events": [EVENT, EVENT | change]}
    with pytest.raises(RefusedError, match=r"^event 2: ") as error:
        read_events(asked, list(EVENT), SOURCE, 10)
    assert error.value.status == 400 and sentence in error.value.sentence
    with pytest.raises(RefusedError, match=r"event 1: store_id is missing"):
        read_events({"customer_id": "7", "events": [{"order_id": "e"}]}, ["order_id", "store_id"], SOURCE, 10)


def test_where_the_source_names_no_orders_a_day_is_one() -> None:
    """As in the stage `data`: nobody is asked for an id that his log does not have."""
    by_day = replace(SOURCE, transactions=replace(LOG, order=None))
    event = {"purchased_at": "2024-01-12T18:30:00", "amount": 9.99, "store_id": None}
    asked = {"customer_id": "7", "events": [event, event | {"purchased_at": "2024-01-13"}]}
    assert [line["order_id"] for line in read_events(asked, list(EVENT), by_day, 10).events] == [
        "2024-01-12",
        "2024-01-13",
    ]
    with pytest.raises(RefusedError, match="'order_id' is unknown; an event has purchased_at, amount, store_id"):
        read_events({"customer_id": "7", "events": [EVENT]}, list(EVENT), by_day, 10)


def test_the_policy_of_the_source_decides_on_returns_and_gifts() -> None:
    keeping = replace(SOURCE, policy=Policy(returns="keep", zero_amounts="keep"))
    asked = {"customer_id": "7", "events": [EVENT | {"amount": -1}, EVENT | {"amount": 0}]}
    assert [one["amount"] for one in read_events(asked, list(EVENT), keeping, 10).events] == [-1.0, 0.0]


def test_a_large_body_is_answered_in_a_thread_and_without_tables_there_is_a_sentence(config: Config) -> None:
    many = {
        "customer_id": "7",
        "events": [EVENT | {"order_id": f"{number:040}"} for number in range(SMALL_BODY // 100)],
    }
    ((status, reply),) = ask(config, many, rows=10_000)
    assert status == 200 and reply["features"]["monetary"] == pytest.approx(25.5 + 9.99 * (SMALL_BODY // 100))
    ((status, reply),) = ask(replace(config, source=replace(SOURCE, name="other")), many, rows=10_000)
    assert status == 404 and "is of source 'shop', not 'other'" in reply["error"]
    ((status, reply),) = ask(replace(config, source=replace(SOURCE, transactions=None)), many)
    assert status == 404 and "no log of purchases" in reply["error"]
    catalog.path_of(catalog.CLEAN_TRANSACTIONS).unlink()
    ((status, reply),) = ask(config, many)
    assert status == 404 and "run `dvc repro`" in reply["error"]


def test_a_body_that_is_no_json_is_refused_as_elsewhere(config: Config) -> None:
    ((status, reply),) = ask(config, [])
    assert status == 400 and "an object" in reply["error"]
