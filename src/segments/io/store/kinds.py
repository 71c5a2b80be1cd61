"""Kinds of artifacts. Comes in: what one is called and holds. Goes out: objects that read and write it, typed and checked.

An artifact is a file that a stage hands on: a table, a JSON document, a text, or the pictures of a stage.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from segments.io.store.files import (
    artifact,
    read_csv,
    read_json,
    read_made,
    read_table,
    read_text,
    remove,
    write_bytes,
    write_csv,
    write_json,
    write_table,
    write_text,
)

if TYPE_CHECKING:
    import pandas as pd
    from pydantic import TypeAdapter

Content = TypeVar("Content")
SUFFIXES = ("png", "svg")  # of pictures
TEXT, WHOLE, NUMBER, FLAG, TIME, EITHER = "text", "whole number", "number", "yes/no", "time", "number or text"


@dataclass(frozen=True)
class TableColumn:
    """One column of a table, or a family of columns.

    Parameters
    ----------
    name : str
        Its name. What stands in angle brackets differs from data to data: ``<feature>_mean`` are many columns.
    kind : {"text", "whole number", "number", "yes/no", "time", "number or text"}
        What its values are.
    meaning : str
        In words.
    unit : str
        Of the values, where they have one.
    gaps : bool
        Whether values may be missing.
    always : bool
        Whether every such table has it.
    """

    name: str
    kind: str
    meaning: str
    unit: str = ""
    gaps: bool = False
    always: bool = True

    def covers(self, name: str) -> bool:
        """Whether a column of this name is meant.

        Examples
        --------
        >>> TableColumn("<feature>_mean", NUMBER, "mean").covers("age_mean"), TableColumn("age", NUMBER, "age").covers("age_mean")
        (True, False)
        """
        return re.fullmatch(re.sub("<[^>]*>", ".+", self.name), name) is not None

    @property
    def is_family(self) -> bool:
        """Whether it stands for any number of columns."""
        return "<" in self.name


@dataclass(frozen=True)
class Artifact(ABC, Generic[Content]):
    """A file that a stage hands on.

    Parameters
    ----------
    stage, file : str
        It is ``artifacts/<stage>/<file>``, made by ``segments <stage>``.
    grain : str
        What one row of it is, or what it holds.
    absent : str
        When it is not there; "" where the stage always makes it.
    """

    stage: str
    file: str
    grain: str
    absent: str = ""

    @property
    def path(self) -> Path:
        """Where it lies, seen from the project."""
        return artifact(self.stage, self.file)

    def covers(self, name: str) -> bool:
        """Whether a file of the stage's folder is (one of) this artifact."""
        return name == self.file

    def files(self) -> list[Path]:
        """Its file, or none."""
        return [self.path] if self.path.is_file() else []

    def files_to_show(self) -> list[Path]:
        """Those of its files that MLflow shows."""
        return self.files()

    def exists(self) -> bool:
        """Whether it is there."""
        return bool(self.files())

    def remove(self) -> None:
        """Remove it, if it is there."""
        remove(self.path)

    @abstractmethod
    def load(self) -> Content:
        """What it holds."""

    @abstractmethod
    def dump(self, content: Content) -> None:
        """Write it, atomically."""


@dataclass(frozen=True)
class Table(Artifact["pd.DataFrame"]):
    """A table: parquet, or CSV by its suffix.

    Parameters
    ----------
    columns : tuple of TableColumn
        All it may have; a name that is written out goes before families.
    """

    columns: tuple[TableColumn, ...] = ()

    def column(self, name: str) -> TableColumn | None:
        """What the catalog says of a column of this name."""
        exact = (column for column in self.columns if column.name == name)
        return next(exact, None) or next((column for column in self.columns if column.covers(name)), None)

    def load(self) -> pd.DataFrame:
        """The whole table, checked."""
        read = read_csv if self.path.suffix == ".csv" else read_table
        needed = [column.name for column in self.columns if column.always and not column.is_family]
        return read_made(self.path, lambda: self.checked(read(self.path), needed))

    def load_columns(self, names: list[str]) -> pd.DataFrame:
        """Some columns of it, checked."""
        return read_made(self.path, lambda: self.checked(read_table(self.path, names), names))

    def dump(self, content: pd.DataFrame) -> None:
        """Write the table; a wrong one is an error of the stage (ValueError), which no user can mend."""
        if unnamed := [name for name in content.columns if self.column(name) is None]:
            raise ValueError(f"the catalog does not know column {', '.join(unnamed)} of {self.path}")
        self.checked(content, [column.name for column in self.columns if column.always and not column.is_family])
        if self.path.suffix == ".csv":
            write_csv(self.path, content)
        else:
            write_table(self.path, content)

    def checked(self, table: pd.DataFrame, needed: Iterable[str]) -> pd.DataFrame:
        """The table itself.

        Raises
        ------
        ValueError
            If a needed column is missing, or one holds something else than it should.
        """
        if lacking := [name for name in needed if name not in table]:
            raise ValueError(f"column {', '.join(lacking)} is missing")
        # Two questions of a column are no work for pandera, whose import is a third of a second of every stage.
        for name, values in table.items():
            if (column := self.column(str(name))) is None:
                continue
            if (gaps := values.isna()).any():
                if not column.gaps:
                    raise ValueError(f"column {name} has missing values")
                values = values[~gaps]
            if not _is(column.kind, values):
                raise ValueError(f"column {name} is no {column.kind}")
        return table


@dataclass(frozen=True)
class Document(Artifact[Content]):
    """A JSON file that is read back as what it was written from.

    Parameters
    ----------
    type_of : callable
        Gives the type; called when it is needed, because what nouns import is heavy.
    """

    type_of: Callable[[], Any] = dict

    @cached_property
    def adapter(self) -> TypeAdapter[Content]:
        """Between the type and plain data."""
        from pydantic import TypeAdapter

        return TypeAdapter(self.type_of())

    def of(self, plain: Mapping[str, Any]) -> Content:
        """The document that plain data describe.

        Raises
        ------
        ValueError
            If they describe none.
        """
        from pydantic import ValidationError

        try:
            return self.adapter.validate_python(plain)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise ValueError(f"{where or 'the document'}: {first['msg']}") from error

    def plain(self, content: Content) -> Any:
        """The document as plain data, ready for JSON."""
        return self.adapter.dump_python(content, by_alias=True, warnings="error")

    def load(self) -> Content:
        """The document, checked."""
        return read_made(self.path, lambda: self.of(read_json(self.path)))

    def dump(self, content: Content) -> None:
        """Write the document, its keys in the order of the type's fields."""
        write_json(self.path, self.plain(content))


@dataclass(frozen=True)
class Text(Artifact[str]):
    """A text file."""

    def load(self) -> str:
        """The text."""
        return read_text(self.path)

    def dump(self, content: str) -> None:
        """Write the text."""
        write_text(self.path, content)


@dataclass(frozen=True)
class Pictures(Artifact[dict[str, bytes]]):
    """All pictures of a stage, by name of the file: each as PNG, and as SVG for print and slides.

    Parameters
    ----------
    shows : mapping of str to str
        Name without suffix -> what it shows; angle brackets as in :class:`TableColumn`.
    """

    file: str = field(default="*.{png,svg}", kw_only=True)
    shows: Mapping[str, str] = ()  # type: ignore[assignment]

    def covers(self, name: str) -> bool:
        """Whether a file of the stage's folder is one of them."""
        stem, _, suffix = name.rpartition(".")
        return suffix in SUFFIXES and any(TableColumn(shown, "", "").covers(stem) for shown in self.shows)

    def files(self) -> list[Path]:
        """Those that are there, sorted by name."""
        return sorted(path for path in self.path.parent.glob("*") if self.covers(path.name))

    def files_to_show(self) -> list[Path]:
        """Those as PNG."""
        return [path for path in self.files() if path.suffix == ".png"]

    def remove(self) -> None:
        """Remove all of them."""
        self.dump({})

    def load(self) -> dict[str, bytes]:
        """Those that are there, sorted by name."""
        return {path.name: path.read_bytes() for path in self.files()}

    def dump(self, content: dict[str, bytes]) -> None:
        """Write these, and remove those that earlier data gave and these do not."""
        for name, picture in content.items():
            write_bytes(self.path.with_name(name), picture)
        for stale in self.files():
            if stale.name not in content:
                remove(stale)


def _is(kind: str, values: pd.Series[Any]) -> bool:
    """Whether a column holds what it should; without a value it has no kind that a file would keep."""
    from pandas.api import types

    if kind == NUMBER:
        return bool(types.is_numeric_dtype(values) and not types.is_bool_dtype(values)) or values.empty
    tests = {
        TEXT: types.is_string_dtype,
        WHOLE: types.is_integer_dtype,
        FLAG: types.is_bool_dtype,
        TIME: types.is_datetime64_any_dtype,
    }
    return values.empty or kind == EITHER or bool(tests[kind](values))
