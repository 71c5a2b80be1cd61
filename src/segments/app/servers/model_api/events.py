"""New purchases of a customer -> his segment after them. Comes in: the body of one request. Goes out: features and the model's answer; nothing is kept.

The features are those that the pipeline would make of the last run's clean log with these lines in it (:mod:`segments.features.update`). The next run reads the purchases
from the raw files, as any others: were they kept here too, they would count twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pyarrow.parquet as pq

from segments.app.servers.model_api import invocations, known_customers
from segments.app.servers.model_api.invocations import RefusedError
from segments.config.features import RFM_SCORES
from segments.config.root import Config
from segments.config.source import Source
from segments.errors import SegmentsError, first_line
from segments.features.derived import derive
from segments.features.purchases import LARGEST_AMOUNT
from segments.features.table import rfm_scores
from segments.features.update import CustomerLog
from segments.io.store import catalog
from segments.io.store.files import read_made
from segments.model.segmentation import Segmentation

_KEYS = ("customer_id", "events", "as_of")
_MONEY = ("amount", "discount", "coupon")
_YEARS = (1900, 9000)  # that a purchase may lie in
_1970 = datetime(1970, 1, 1)


@dataclass(frozen=True)
class EventsAsked:
    """A request that is understood.

    Parameters
    ----------
    customer_id : str
        Who.
    events : list of dict
        The lines, their times as seconds since 1970.
    as_of : date
        The "today" of the features.
    """

    customer_id: str
    events: list[dict[str, Any]]
    as_of: date


class EventLog:
    """The last run's log and customers, to look a customer up in: read when it is first asked for, and anew when a run has made other tables."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._of: int | None = None
        self._reading = asyncio.Lock()
        self._log: CustomerLog
        self._cuts: dict[str, list[float]] = {}
        self._people: pd.DataFrame | None = None

    async def ready(self) -> None:
        """Have the tables of the last run.

        Raises
        ------
        RefusedError
            If the source has no log, or there are no tables of it.
        """
        source = self._config.source
        if source.transactions is None:
            raise RefusedError(404, f"the source {source.name} has no log of purchases")
        async with self._reading:
            try:
                made = catalog.path_of(catalog.CLEAN_TRANSACTIONS).stat().st_mtime_ns
                if made != self._of:
                    await asyncio.to_thread(self._read)
                    self._of = made
            except FileNotFoundError:
                raise RefusedError(
                    404, "there is no log here: run `dvc repro` in this project, then ask again"
                ) from None
            except SegmentsError as error:
                raise RefusedError(404, f"{first_line(error)}: {error.fix}") from error

    def _read(self) -> None:
        catalog.check_source(catalog.CLEANING_REPORT, self._config.source.name)
        path = catalog.path_of(catalog.CLEAN_TRANSACTIONS)
        self._log = read_made(path, lambda: CustomerLog(pq.read_table(path)))
        self._cuts = catalog.read(catalog.RFM_CUTS)
        people = self._config.source.customers
        self._people = (
            None if people is None else catalog.read(catalog.CLEAN_CUSTOMERS).set_index("customer_id", drop=False)
        )

    def answer(self, body: bytes, content_type: str, segmentation: Segmentation, max_rows: int) -> bytes:
        """The body of the reply to one request, once the tables are :meth:`ready`.

        Raises
        ------
        RefusedError
            If the request is not understood, or the customer cannot be scored.
        """
        source = self._config.source
        asked = read_events(invocations.parsed(body, content_type), self._log.columns, source, max_rows)
        lines = self._log.lines_of_events(asked.events)
        features = self._log.features(asked.customer_id, lines, asked.as_of, self._config.features)
        if features is None:
            raise RefusedError(400, f"the customer has no purchase that was kept by {asked.as_of}")
        known: dict[str, Any] = dict(features)
        wanted = segmentation.space.columns
        if any(name in RFM_SCORES for name in wanted):
            known |= rfm_scores(pd.DataFrame([features]), self._cuts).iloc[0].to_dict()
        if any(name not in known for name in wanted):
            known |= self._person(asked)
        if absent := [name for name in wanted if name not in known]:
            raise RefusedError(400, f"{absent[0]} is not known from purchases")
        cells = {name: known_customers.plain_cell(known[name]) for name in wanted}
        (prediction,) = invocations.answers_of(segmentation, [[cell] for cell in cells.values()])
        reply = {
            "customer_id": asked.customer_id,
            "as_of": str(asked.as_of),
            "features": cells,
            "prediction": orjson.Fragment(prediction),
        }
        return orjson.dumps(reply)

    def _person(self, asked: EventsAsked) -> dict[str, Any]:
        """What the customers table says of him, its days and ages as of that day; all missing of a stranger."""
        spec = self._config.source.customers
        if spec is None or self._people is None:
            return {}
        row = self._people.reindex([asked.customer_id])
        return {str(name): cells.iloc[0] for name, cells in derive(row, spec, str(asked.as_of), []).items()}


def read_events(asked: Any, columns: list[str], source: Source, max_rows: int) -> EventsAsked:
    """Check a request.

    Parameters
    ----------
    asked : object
        Its JSON: an object with ``customer_id``, ``events`` (a list of objects with every one of `columns`, but
        for ``order_id`` where the source names no orders) and, if it is not the day of the
        last event or the source's own, ``as_of``.
    columns : list of str
        Of the clean log, but for the customer's.
    source : Source
        Its as-of date and policy.
    max_rows : int
        Most events in a request.

    Raises
    ------
    RefusedError
        Says what is wrong, and with which event.

    Examples
    --------
    >>> from segments.config.source import Transactions
    >>> source = Source("shop", as_of="2024-06-30", transactions=Transactions("log.csv", "who", "when", "paid", order="bill"))
    >>> event = {"order_id": "a", "purchased_at": "2024-07-02T10:00", "amount": 5}
    >>> str(read_events({"customer_id": "7", "events": [event]}, list(event), source, 10).as_of)
    '2024-07-02'
    """
    if not isinstance(asked, dict) or not {"customer_id", "events"} <= asked.keys() <= set(_KEYS):
        raise RefusedError(400, "the body must be an object with customer_id, events and, if wanted, as_of")
    customer_id, events = asked["customer_id"], asked["events"]
    if not isinstance(customer_id, str) or not customer_id.strip():
        raise RefusedError(400, "customer_id must be a text that is not empty")
    if not isinstance(events, list) or not events or not all(isinstance(event, dict) for event in events):
        raise RefusedError(400, "events must be a list of objects, one per purchase line")
    if len(events) > max_rows:
        raise RefusedError(413, f"{len(events)} events are more than the {max_rows} a request may have")
    assert source.as_of is not None, "the configuration asks for it"
    lines = [_line(number, event, columns, source) for number, event in enumerate(events, start=1)]
    known = date.fromisoformat(source.as_of)
    last = max(datetime.fromisoformat(event["purchased_at"]).date() for event in events)
    if "as_of" not in asked:
        return EventsAsked(customer_id, lines, max(known, last))
    try:
        as_of = date.fromisoformat(asked["as_of"])
    except (TypeError, ValueError):
        raise RefusedError(400, "as_of must be a day, written YYYY-MM-DD") from None
    if as_of < max(known, last):
        raise RefusedError(400, f"as_of lies before {max(known, last)}, up to which purchases are known")
    if as_of.year > _YEARS[1]:
        raise RefusedError(400, "as_of lies too far ahead")
    return EventsAsked(customer_id, lines, as_of)


def _line(number: int, event: Mapping[str, Any], columns: list[str], source: Source) -> dict[str, Any]:
    """One event, checked as the stage `data` checks a line; its order is its day where the source names no orders, as there."""
    by_day = source.transactions is not None and source.transactions.order is None and "order_id" in columns
    if by_day:
        columns = [name for name in columns if name != "order_id"]
    if lacking := [name for name in columns if name not in event]:
        raise RefusedError(400, f"event {number}: {lacking[0]} is missing; an event has {', '.join(columns)}")
    if unknown := [name for name in event if name not in columns]:
        raise RefusedError(
            400, f"event {number}: {str(unknown[0])[:60]!r} is unknown; an event has {', '.join(columns)}"
        )
    line = dict(event)
    for name in columns:
        cell = event[name]
        if name in _MONEY:
            line[name] = _money(number, name, cell)
        elif name == "purchased_at":
            line[name] = _seconds(number, cell)
        elif name == "private_label":
            if cell is not None and not isinstance(cell, bool):
                raise RefusedError(400, f"event {number}: private_label is neither true nor false nor null")
        elif not (isinstance(cell, str) and cell) and not (cell is None and name != "order_id"):
            raise RefusedError(400, f"event {number}: {name} must be a text{' or null' * (name != 'order_id')}")
    if by_day:
        line["order_id"] = datetime.fromisoformat(event["purchased_at"]).strftime("%Y-%m-%d")
    if line["amount"] < 0 and source.policy.returns != "keep":
        raise RefusedError(
            400, f"event {number}: amount is below zero, and what it takes back only the next run can tell"
        )
    if line["amount"] == 0 and source.policy.zero_amounts == "drop":
        raise RefusedError(400, f"event {number}: amount is 0, and source.policy.zero_amounts leaves such lines out")
    return line


def _money(number: int, name: str, cell: Any) -> float:
    if isinstance(cell, bool) or not isinstance(cell, int | float) or not np.isfinite(float(min(abs(cell), 1e300))):
        raise RefusedError(400, f"event {number}: {name} is not a number")
    if not abs(cell) < LARGEST_AMOUNT or (cell < 0 and name != "amount"):
        raise RefusedError(400, f"event {number}: {name} is {'below zero' if cell < 0 else 'too large'}")
    return float(cell)


def _seconds(number: int, cell: Any) -> int:
    try:
        at = datetime.fromisoformat(cell)
    except (TypeError, ValueError):
        raise RefusedError(400, f"event {number}: purchased_at is no time, written as 2024-07-02T10:00") from None
    if at.tzinfo is not None:
        raise RefusedError(
            400, f"event {number}: purchased_at must be the time on the clocks of the business, without offset"
        )
    if not _YEARS[0] <= at.year <= _YEARS[1]:
        raise RefusedError(400, f"event {number}: purchased_at lies in the year {at.year}")
    return int((at - _1970).total_seconds() // 1)
