"""Where a source's engine runs is typed by a person; what would be a secret, or code, or a place on this disk is refused."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from segments.config.engine import Engine
from segments.config.source import Source

LOG: dict[str, Any] = {"path": "data/shop/*.parquet", "customer": "who", "time": "at", "amount": "paid"}


def source(**more: Any) -> Source:
    return TypeAdapter(Source).validate_python({"name": "shop", "as_of": "2024-12-31", "transactions": LOG, **more})


@pytest.mark.parametrize(
    "connect",
    ["local[*]", "local[2]", "sc://host", "sc://10.0.0.7:15002", "sc://h:443/;use_ssl=true;x-databricks-cluster-id=7"],
)
def test_a_place_spark_runs_at(connect: str) -> None:
    assert Engine(connect=connect).is_remote == connect.startswith("sc")


@pytest.mark.parametrize(
    ("connect", "said"),
    [
        ("yarn", "no place Spark runs at"),
        ("local[0]", "no place Spark runs at"),
        ("sc://host --conf a=b", "no place Spark runs at"),
        ("sc://anna:word@host", "holds a user or a secret"),
        ("sc://host/;use_ssl=true; Token=abc", "holds a user or a secret"),
    ],
)
def test_any_other_is_refused(connect: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Engine(connect=connect)


def test_a_folder_is_the_clusters() -> None:
    assert Engine(connect="sc://host", folder="s3a://bucket/segments").folder == "s3a://bucket/segments"
    for connect, folder in (
        ("local[2]", "s3a://b/c"),
        ("sc://host", "/etc"),
        ("sc://host", "s3a://key:word@b/c"),
        ("sc://host", "file:///etc"),
    ):
        with pytest.raises(ValidationError, match="is no place for a cluster's tables"):
            Engine(connect=connect, folder=folder)


def test_what_only_an_engine_finds_is_no_raw_file() -> None:
    engine = {"connect": "sc://host"}
    table = {key: value for key, value in LOG.items() if key != "path"} | {"table": "sales.shop.lines"}
    products = {"path": "data/shop/products.csv", "id": "item"}
    found = source(engine=engine, transactions=table | {"product": "item", "products": products})
    assert found.raw_paths == ["data/shop/products.csv"]
    assert source(engine=engine, transactions=LOG | {"path": "s3a://shop/lines"}).raw_paths == []
    assert source(engine=engine).raw_paths == ["data/shop/*.parquet"]
    for log in (table, LOG | {"path": "s3a://shop/lines"}):
        with pytest.raises(ValidationError, match="lies where only an engine finds it"):
            source(transactions=log)
    for elsewhere in ("file:///etc/passwd", "jar:file:///a.jar!/x", "FILE://x/y", "https://example.org/x.parquet"):
        assert source(engine=engine, transactions=LOG | {"path": elsewhere}).raw_paths == [elsewhere], (
            "a path, and refused as one"
        )
    with pytest.raises(ValidationError, match="is no name of a table"):
        source(engine=engine, transactions=table | {"table": "lines; drop table lines"})
    with pytest.raises(ValidationError, match="this source has none"):
        TypeAdapter(Source).validate_python({"name": "shop", "engine": engine, "customers": {"path": "data/c.csv"}})
