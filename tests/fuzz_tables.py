"""Customers tables whose truth is known, each written in a house style of its own: ``make fuzz``. No draft may lead to a wrong value without a word.

From a seed comes a table (who, how old, since when, what they spend, what they answered) and a style, as :mod:`fuzz_styles` has one for logs: headers,
money, days, ids, words for "no value", the file. :func:`checked` drafts its source and its feature set, reads the file as the stages `data` and `features`
do, and compares ids, values and roles with the truth. ``python tests/fuzz_tables.py SEED COUNT`` shows what is found, by kind; with one number, that file.
"""

from __future__ import annotations

import io
import random
import re
import sys
import tempfile
import traceback
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from pydantic import TypeAdapter, ValidationError

from fuzz_styles import (
    ASKED,
    ASKS,
    NEEDLESS,
    OUTCOMES,
    RIGHT,
    SAID,
    WRONG,
    Line,
    Outcome,
    files_of,
    id_writer,
    money_writer,
    shaped,
    time_writer,
)
from house_words import LANGUAGES
from segments.config.features import FeaturesConfig
from segments.config.source import Column, Source
from segments.data.cleaning.customers import clean_customers
from segments.data.drafting.draft import Draft, describe_file
from segments.data.reading import files
from segments.errors import DataError
from segments.features.table import build_features, check_complete
from table_words import (
    FLAGS,
    GROUPS,
    LEVELS,
    MARRIED,
    MIXED,
    MONTHS,
    NEVER,
    NOTHING,
    OUTCOMES_OF,
    SEXES,
    SURVEYS,
    WORDS,
)

COUNT, SEED = 200, 5
Cells = tuple[list[Any], list[str]]  # what is true of every customer, and how it is written

UNITS = ["kg", "km", "months", "days", "GB", "min", "years", "h", "mins", "cm"]
MANY = ["customer", "zip", "phone", "email", "latitude"]  # words of LANGUAGES


@dataclass
class Trait:
    """One column and the truth about it.

    Parameters
    ----------
    part, style : str
        What it is, and how it is written.
    role : {"id", "number", "text", "date", "year", "code", "outcome", "nothing"}
        What a person would make of it; of `nothing` no feature may be made.
    truth : list
        Per customer its value; None where there is none.
    cells : list of str
        The same, as written.
    open : bool
        Whether the file cannot tell, so that a question is right.
    """

    part: str
    role: str
    truth: list[Any]
    cells: list[str]
    style: str = ""
    open: bool = False
    header: str = ""


@dataclass
class Made:
    """A file in its style, and the truth about it: traits by header, and how often each customer stands there."""

    files: dict[str, bytes]
    path: str
    people: int
    traits: list[Trait]
    style: dict[str, str]
    unknown: set[str] = field(default_factory=set)


# --- the truth, and how it is written --------------------------------------------------------------------------------------


class House:
    """How one house writes; every method makes the truth and the cells of one column."""

    def __init__(self, draw: random.Random, people: int) -> None:
        self.draw, self.people, self.style = draw, people, dict[str, str]()
        self.language = draw.choice([*WORDS, *["English"] * 6, "German"])
        self.write_money = money_writer(draw, self.language, self.style)
        self.mark, self.between = re.match(r"([.,])(.*?) ", f"{self.style['money']} ").groups()  # type: ignore[union-attr]
        if self.style["money"][1:3] == "  ":
            self.between = " "
        self.when, self.to_day, _, self.odd = time_writer(draw, self.language, self.style)
        self.shape = draw.choice(["as it is"] * 5 + ["snake", "upper", "UPPER_SNAKE", "lower", "Camel", "dotted"])
        self.style |= {"house": self.language, "shape": self.shape}
        self.taken: set[str] = set()

    def each(self, one: Callable[[], Any]) -> list[Any]:
        return [one() for _ in range(self.people)]

    def header(self, part: str) -> str:
        """A header that no other column has."""
        words = LANGUAGES if part in MANY else WORDS
        english = words["English"][part]
        names = words[self.language].get(part, english)
        for name in [*self.draw.sample(names, len(names)), *english]:
            header = shaped(name, self.shape).strip()
            if (plain := re.sub(r"\W|_", "", header.casefold()) or header) not in self.taken:
                self.taken.add(plain)
                return header
        return ""

    def number(self, value: float, digits: int, grouped: bool = False) -> str:
        text = f"{value:,.{digits}f}" if grouped else f"{value:.{digits}f}"
        return text.replace(",", "\0").replace(".", self.mark).replace("\0", self.between)

    def trait(self, part: str) -> Trait:
        """A column of this part."""
        return getattr(self, f"of_{part}", self.of_words)(part)

    def of_money(self, part: str) -> Trait:
        high = self.draw.choice([500_00, 9_000_00, 250_000_00])
        low = -high // 5 if self.draw.random() < 0.15 else self.draw.choice([0, 1500])
        cents = self.each(lambda: self.draw.randint(low, high))
        if self.draw.random() < 0.3:
            cents = [cent // 100 * 100 for cent in cents]
            grouped = bool(self.between) and self.draw.random() < 0.5
            return Trait(part, "number", [c / 100 for c in cents], [self.number(c / 100, 0, grouped) for c in cents], f"whole {self.between if grouped else ''}")  # fmt: skip
        return Trait(
            part,
            "number",
            [c / 100 for c in cents],
            [*map(self.write_money, cents)],
            self.style["money"],
            "CR" in self.style["money"] and low < 0,
        )

    def of_kilo(self, part: str) -> Trait:
        tens = self.each(lambda: self.draw.randint(15, 1500))
        sign = self.draw.choice(["k", "K", "", "", "k €" if self.mark == "," else "K"])
        letters = self.draw.random() < 0.3 and sign in ("k", "K")  # millions stand beside thousands
        values = [ten * 100 for ten in tens] if sign else [ten / 10 for ten in tens]
        cells = [f"{self.number(ten / 10, 1)}{sign}" for ten in tens]
        if letters:
            values = [value if at % 5 else value * 1000 for at, value in enumerate(values)]
            cells = [cell if at % 5 else f"{cell[:-1]}M" for at, cell in enumerate(cells)]
        return Trait(
            part, "number", values, cells, f"kilo {sign!r}{' and M' if letters else ''}", letters or "€" in sign
        )

    def of_count(self, part: str) -> Trait:
        high = self.draw.choice([3, 9, 40, 4000])
        values = self.each(lambda: int(self.draw.random() ** 2 * high))
        style = self.draw.choice(["plain", "plain", "plain", "float", "grouped"])
        grouped = style == "grouped" and bool(self.between)
        return Trait(part, "number", values, [self.number(v, int(style == "float"), grouped) for v in values], f"count to {high} {style}")  # fmt: skip

    of_tenure = of_count

    def of_age(self, part: str) -> Trait:
        values = self.each(lambda: self.draw.randint(18, 88))
        return Trait(part, "number", values, [str(value) for value in values], "age")

    def of_score(self, part: str) -> Trait:
        digits = self.draw.choice([0, 0, 1, 2, 3])
        values = self.each(lambda: round(self.draw.uniform(1, 100), digits))
        return Trait(part, "number", values, [self.number(v, digits) for v in values], f"{digits} digits {self.mark}", digits == 3)  # fmt: skip

    def of_share(self, part: str) -> Trait:
        digits, style = self.draw.choice([1, 2, 4, 6]), self.draw.choice(["share", "percent sign", "percent blank", "percent"])  # fmt: skip
        values = self.each(lambda: round(self.draw.random(), digits + 2))
        if style == "share":
            return Trait(part, "number", values, [self.number(v, digits + 2) for v in values], f"share {self.mark}")
        sign = {"percent sign": "%", "percent blank": " %", "percent": ""}[style]
        truth = values if sign else [round(value * 100, digits) for value in values]
        return Trait(part, "number", truth, [f"{self.number(v * 100, digits)}{sign}" for v in values], f"{style} {self.mark}", not sign and digits == 3)  # fmt: skip

    def of_measure(self, part: str) -> Trait:
        unit, digits = self.draw.choice(UNITS), self.draw.choice([0, 0, 1, 2])
        blank, one = self.draw.choice(["", " ", " "]), unit in ("months", "days", "years") and self.draw.random() < 0.5
        values = self.each(lambda: round(self.draw.uniform(1, 90), digits))
        cells = [f"{self.number(v, digits)}{blank}{unit[:-1] if one and v == 1 else unit}" for v in values]
        return Trait(part, "number", values, cells, f"unit {blank}{unit if not one else 'one or several'}")

    def of_year(self, part: str) -> Trait:
        values = self.each(lambda: self.draw.randint(1938, 2005))
        return Trait(part, "year", values, [str(value) for value in values], "year")

    def _days(self, part: str, first: datetime, days: int, stray: float = 0) -> Trait:
        at = self.each(lambda: first + timedelta(seconds=self.draw.randrange(days * 86400)))
        kind = self.style["time"]
        either = kind.startswith(("%d", "%m")) and all(day.day <= 12 for day in at)
        unknown = either or (part == "born" and "%y" in kind) or bool(self.odd & {"serial"}) or "epoch" in kind
        return Trait(part, "date", [day.date() for day in at], [*map(self.when, at)], kind, unknown)

    def of_since(self, part: str) -> Trait:
        return self._days(part, datetime(2015, 1, 1), self.draw.choice([300, 3000]))

    def of_last(self, part: str) -> Trait:
        return self._days(part, datetime(2023, 3, 1), 400)

    def of_born(self, part: str) -> Trait:
        return self._days(part, datetime(1945, 1, 1), 20_000)

    def _levels(self, part: str, role: str, choices: Sequence[str]) -> Trait:
        levels = self.draw.choice(choices).split("|")
        values = self.each(lambda: self.draw.choice(levels))
        values[: len(levels)] = levels
        return Trait(part, role, [value or None for value in values], values, "|".join(levels))

    def of_sex(self, part: str) -> Trait:
        return self._levels(part, "text", SEXES[self.language])

    def of_married(self, part: str) -> Trait:
        return self._levels(part, "text", MARRIED)

    def of_group(self, part: str) -> Trait:
        return self._levels(part, "text", GROUPS)

    def of_flag(self, part: str) -> Trait:
        one = self._levels(part, "text", FLAGS[self.language])
        one.open = one.style.endswith("|")  # whether nothing means no
        return one

    def of_survey(self, part: str) -> Trait:
        return self._levels(part, "text", SURVEYS)

    def of_mixed(self, part: str) -> Trait:
        return self._levels(part, "any", MIXED)

    def of_month(self, part: str) -> Trait:
        return self._levels(part, "any", MONTHS)

    def of_level(self, part: str) -> Trait:
        return self._levels(part, "text", LEVELS)

    def of_outcome(self, part: str) -> Trait:
        return self._levels(part, "outcome", OUTCOMES_OF)

    def of_code(self, part: str) -> Trait:
        return self._levels(part, "code", ["0|1|2", "1|2|3|4", "1|2|3", "10|20|30|40", "28|26|124|152|15", "1|2|3|4|5|6|7|8|9"])  # fmt: skip

    def of_words(self, part: str) -> Trait:
        """What no feature can be made of."""
        cells = {
            "counter": [str(who + self.draw.choice([0, 1])) for who in range(self.people)],
            "surname": [f"{'ABCDEFGHK'[who % 9]}{'aeiou'[who % 5]}{who:x}son" for who in range(self.people)],
            "note": [f"called {who} times, {self.draw.random():.3f}" if who % 3 else "" for who in range(self.people)],
            "ref": self.each(lambda: str(self.draw.choice([101, 7000, 45]) + self.draw.randrange(40))),
            "zip": self.each(lambda: f"{self.draw.randrange(1000, 99999):05}"),
            "phone": self.each(lambda: self.draw.choice(["+49 30 {}", "0{}", "{}"]).format(self.draw.randrange(10**7, 10**8))),
            "email": [f"person{who}@example.org" for who in range(self.people)],
            "constant": [self.draw.choice(["1", "11", "EUR", "2024", "Y"])] * self.people,
        }[part]  # fmt: skip
        if part == "counter":
            cells = [str(int(cells[0]) + who) for who in range(self.people)]
        return Trait(part, "nothing", [*cells], cells, part)


def lacking(draw: random.Random, house: House, one: Trait) -> None:
    """Take some values away, and write what this house writes where there is none."""
    word = house.style["nothing"]
    code = re.fullmatch(r"-?\d+", word) is not None
    if one.role == "date" and (code or draw.random() < 0.3):
        word = draw.choice(["", *NEVER])
        one.open |= word.startswith(("1", "9"))  # such days may be true
    low = min((value for value in one.truth if isinstance(value, int | float)), default=0)
    high = max((value for value in one.truth if isinstance(value, int | float)), default=0)
    if code and (one.role != "number" or (word.startswith("-") and low < 0) or (word == "9999" and high > 4999)):
        word = ""
    share = draw.choice([0.01, 0.03, 0.1, 0.35])
    gone = [who for who in range(house.people) if draw.random() < share] or [0]
    one.open |= code  # it may be true
    for who in gone:
        one.truth[who], one.cells[who] = None, word
    one.style += f", none is {word!r}"


def made(seed: int) -> Made:
    """The file of a seed."""
    draw = random.Random(seed)
    people = draw.randint(40, 160)
    house = House(draw, people)
    write_id = id_writer(draw, people, house.style)
    house.style["nothing"] = draw.choice(NOTHING)
    parts = [*["money"] * draw.choice([1, 1, 2, 3]), *["count"] * draw.choice([0, 1, 2]), *["flag"] * draw.choice([0, 1, 2]), *["group"] * draw.choice([0, 1, 2])]  # fmt: skip
    others = ["kilo", "tenure", "age", "score", "share", "measure", "sex", "married", "level", "since", "last", "year", "born", "code", "outcome", "counter", "ref", "survey", "mixed", "month", "surname", "note", "zip",
              "phone", "email", "constant"]  # fmt: skip
    parts += draw.sample(others, draw.randint(2, 9))
    traits: list[Trait] = []
    for part in draw.sample(parts, len(parts)):
        one = house.trait(part)
        one.header = house.header(part) if part != "constant" else draw.choice(["Z_CostContact", "Currency", "Source", "EmployeeCount"])  # fmt: skip
        if not one.header or one.header in [other.header for other in traits]:
            continue
        if one.role not in ("nothing", "outcome") and draw.random() < 0.25:
            lacking(draw, house, one)
        traits.append(one)
    if draw.random() < 0.93:
        ids = [write_id(who) for who in range(people)]
        traits.insert(draw.choice([0, 0, 0, 1, len(traits)]), Trait("customer", "id", ids, ids, house.style["id"], "rounded" in house.style["id"], house.header("customer")))  # fmt: skip
    return _laid_out(draw, house, traits)


def _laid_out(draw: random.Random, house: House, traits: list[Trait]) -> Made:
    """The file, with what may stand around the rows."""
    odd = draw.choices(["", "twice", "total", "units", "updated"], [80, 6, 6, 3, 3])[0]
    house.style["rows"] = odd
    unknown = {odd} & {"units", "updated"}
    order = [*range(house.people)]
    if odd == "twice":
        order += draw.sample(order, 2)
    lines = [Line(who, who, datetime(2020, 1, 1), 0, 1, 0) for who in order]
    if odd == "updated":
        lines += [Line(-3, who, datetime(2020, 1, 1), 0, 1, 0) for who in draw.sample(order, 2)]
    if odd == "total":
        lines.append(Line(-1, 0, datetime(2020, 1, 1), 0, 1, 0))
    if odd == "units":
        lines.insert(0, Line(-2, 0, datetime(2020, 1, 1), 0, 1, 0))

    def cell(one: Trait, line: Line) -> str:
        if line.customer == -3:  # the customer is one, the rest is another's
            return one.cells[line.order if one.role == "id" else (line.order + 7) % house.people]
        if line.customer == -2:
            return {"number": "number", "date": "date", "id": "", "year": "year"}.get(one.role, "text")
        if line.customer == -1:
            if one is traits[0]:
                return "Total"
            known = [value for value in one.truth if value is not None]
            return house.number(sum(known), 2) if one.role == "number" and one.part in ("money", "count") else ""
        return one.cells[line.customer]

    if odd == "total" and (traits[0].role in ("number", "date", "year") or house.people < 3):
        lines.pop()
    group_only = [one for one in traits if one.role == "number" and _unsure(one.cells)]
    if group_only and not any(_sure(one.cells) for one in traits if one.role == "number"):
        for one in group_only:
            one.open = True
        unknown.add("decimal")
    if draw.random() < 0.07:
        return Made({"people.parquet": _parquet(traits)}, "people.parquet", house.people, traits, house.style)
    columns = [(one.part, one.header, lambda line, one=one: cell(one, line)) for one in traits]
    content, path = files_of(draw, columns, lines, house.language, house.style, {})
    return Made(content, path, house.people, traits, house.style, unknown)


def _unsure(cells: Sequence[str]) -> bool:
    """Whether some numbers may be thousands or decimals, and none says which."""
    return any(re.search(r"(?<!\d)\d{1,3}[.,]\d{3}(?!\d)", cell) for cell in cells) and not _sure(cells)


def _sure(cells: Sequence[str]) -> bool:
    return any(
        re.search(r"\d[.,](\d{1,2}|\d{4,})(?!\d)|\d{4,}[.,]\d|[.,]\d{3}[.,]|\b0[.,]\d{3}", cell) for cell in cells
    )


def _parquet(traits: list[Trait]) -> bytes:
    """Typed cells, as another program would have left them."""
    frame = pd.DataFrame(
        {
            one.header: pd.to_datetime(pd.Series(one.truth)) if one.role == "date" else pd.Series(one.truth)
            for one in traits
        }
    )
    out = io.BytesIO()
    frame.to_parquet(out)
    return out.getvalue()


# --- the check ------------------------------------------------------------------------------------------------------------


def checked(one: Made, folder: Path) -> list[Outcome]:
    """Draft, read, make features, compare: all that is found; :func:`worst` of it is what came of the file."""
    for name, content in one.files.items():
        (folder / name).write_bytes(content)
    try:
        return _findings(one, folder)
    except Exception:  # whatever it is, it is a finding
        return [Outcome(WRONG, f"traceback {traceback.format_exc().splitlines()[-1][:120]}", traceback.format_exc())]
    finally:
        for name in one.files:
            (folder / name).unlink()


def _findings(one: Made, folder: Path) -> list[Outcome]:
    asked = ASKED if one.unknown or any(trait.open for trait in one.traits) else NEEDLESS
    try:
        draft = describe_file(folder / one.path)
    except DataError as error:
        return [Outcome(asked, f"refused: {_plain(str(error), one)}", str(error))]
    questions = [next(filter(None, found)) for found in ASKS.findall(draft.text)]
    if questions:
        return [Outcome(asked, _plain(question, one), draft.text) for question in questions]
    try:
        source = TypeAdapter(Source).validate_python(yaml.safe_load(draft.text))
    except ValidationError as error:
        return [Outcome(WRONG, f"draft does not load: {str(error)[:100]}", draft.text)]
    if source.customers is None:
        return [Outcome(SAID if "CHECK" in draft.text else WRONG, "seen as a log", draft.text)]
    object.__setattr__(source.customers, "path", one.path)
    try:
        with files.open_customers(source, folder) as raw:
            table, report = clean_customers(raw, source)
        used = {name: ["drafted"] for name in draft.features}
        features = build_features(table, None, source, FeaturesConfig(), used)
        check_complete(features.report, source)
    except DataError as error:
        return [Outcome(asked, f"draft cannot be used: {_plain(str(error), one)}", f"{error}\n{draft.text}")]
    found = _people(one, source, table, features.table, draft)
    if not found:
        found = [each for trait in one.traits for each in _trait(trait, one, source, table, features.table, draft)]
    said = f"\n{report['reasons']}\n{report['notes']}\n{draft.text}"
    return [Outcome(each.outcome, each.kind, each.detail + said) for each in found] or [Outcome(RIGHT, "", draft.text)]


def worst(found: Sequence[Outcome]) -> Outcome:
    """The finding that counts most."""
    return max(found, key=lambda each: OUTCOMES.index(each.outcome))


def _keys(one: Made, source: Source) -> list[str] | None:
    """Ids as they should leave; None where rows are numbered though there is an id."""
    assert source.customers is not None
    own = next((trait for trait in one.traits if trait.role == "id"), None)
    if own is None:
        named = next((trait for trait in one.traits if trait.header == source.customers.id), None)
        if named is not None:  # whatever stands once in every row may be who they are
            return [str(cell) for cell in named.cells] if len(set(named.cells)) == one.people else None
        return [str(who + 1) for who in range(one.people)]
    if source.customers.id != own.header:
        return None
    typed = "typed" in one.style.get("layout", "")
    return [re.sub(r"(?<=\d)\.0$", "", cell) if typed else cell for cell in own.cells]


def _people(one: Made, source: Source, table: pd.DataFrame, features: pd.DataFrame, draft: Draft) -> list[Outcome]:
    """What is wrong with who they are."""
    keys, ids = _keys(one, source), [*table["customer_id"]]
    if keys is None:
        said = "no column tells customers apart" in draft.text or "which is a guess" in draft.text
        return [Outcome(SAID if said else WRONG, f"another id {one.style['id']}", f"id is {source.customers.id}")]  # type: ignore[union-attr]
    if source.customers.id is None and one.style["rows"] in ("twice", "updated"):
        return []  # every row is a customer, which the draft says
    if set(ids) != set(keys) or len(ids) != len(set(ids)):
        strange, gone = sorted(set(ids) - set(keys)), sorted(set(keys) - set(ids))
        # who is left out is counted under a reason
        kind = f"{'strangers' if strange else ''}{' gone' if gone else ''} ({one.style['rows']}, {one.style['id']})"
        loud = not strange or bool(one.unknown)
        return [Outcome(SAID if loud else WRONG, f"customers: {kind}", f"{strange[:5]} {gone[:5]}")]
    open_ = {key for key in draft.features for trait in one.traits if trait.header == source.customers.columns[key].raw and trait.open}  # type: ignore[union-attr]  # fmt: skip
    if len(features) < 0.949 * one.people and not open_:
        return [Outcome(SAID, "features: more than a twentieth is gone", f"{len(features)} of {one.people}")]
    return []


def _trait(
    trait: Trait, one: Made, source: Source, table: pd.DataFrame, features: pd.DataFrame, draft: Draft
) -> list[Outcome]:
    """What is wrong with one column."""
    assert source.customers is not None
    key, column = next(((key, column) for key, column in source.customers.columns.items() if column.raw == trait.header), ("", None))  # fmt: skip
    line = next((line for line in draft.text.splitlines() if f'"{trait.header}"' in line or f"left out, {trait.header} " in line), "")  # fmt: skip
    loud = (
        re.search("CHECK|only you know|lie in the future: |if that says something|a query can make", line) is not None
    )
    kind = f"{trait.part} [{trait.style}]"
    if trait.role in ("id", "any") or trait.header == source.customers.id:
        return []
    if trait.role in ("nothing", "outcome"):
        decides = key in draft.features and not (one.unknown and column is not None and column.is_text)
        return [Outcome(SAID if loud else WRONG, f"decides: {kind}", line)] if decides else []
    if not line and "which is a guess" in draft.text:  # letters of another encoding
        return []
    if column is None:
        return [] if trait.open or one.unknown else [Outcome(NEEDLESS, f"left out: {kind}", line)]
    if trait.role == "code":
        plain = column.kind == "number" and not loud and len(set(trait.truth)) <= 6
        return [Outcome(WRONG, f"code as a number: {kind}", line)] if plain else []
    bad = _differs(trait, column, [*_paired(one, source, table, key)], source.as_of)
    if not bad and key in draft.features and column.kind in ("date", "birth_year"):
        bad = _days(trait, column, [*_paired(one, source, features, key)], date.fromisoformat(str(source.as_of)))
    if not bad:
        return []
    if loud:
        return [] if trait.open else [Outcome(NEEDLESS, f"asked: {bad} {kind}", line)]
    return [Outcome(WRONG, f"{bad}: {kind}", line)]


def _paired(one: Made, source: Source, table: pd.DataFrame, key: str) -> list[tuple[int, Any]]:
    """Customer and value, of those who are there."""
    at = {name: who for who, name in enumerate(_keys(one, source) or [])}
    return [(at[name], value) for name, value in zip(table["customer_id"], table[key], strict=True) if name in at]


def _differs(trait: Trait, column: Column, pairs: list[tuple[int, Any]], as_of: str | None) -> str:
    """In what a clean column is not the truth: its kind, or a value."""
    kinds = {"number": ["number"], "text": ["category", "ordinal"], "date": ["date"], "year": ["birth_year"]}
    numbers = trait.role == "text" and all(value is None or re.fullmatch(r"[\d.]+", value) for value in trait.truth)
    if column.kind not in kinds[trait.role] and not numbers:
        few = trait.role == "number" and column.kind == "ordinal" and len(set(trait.truth) - {None}) == 2  # 0 and 1
        return "" if few else f"{trait.role} is {column.kind}"
    for who, value in pairs:
        right, word = trait.truth[who], trait.cells[who].strip()
        if pd.isna(value):
            if right is not None:
                return f"{word!r} is missing"
            continue
        if right is None:
            if trait.role != "text":
                return f"no value is {value!r}"
            continue
        if column.unit in ("k", "K"):
            right /= 1000
        if trait.role == "number" and abs(float(value) - right) > 1e-6 * max(1, abs(right)):
            return "another number"
        if trait.role == "date" and str(value)[:10] != str(right):
            return "another day"
        if trait.role == "text" and not numbers and str(value) != right.strip():
            return "another word"
        if trait.role == "year" and float(value) != right:
            return "another year"
    return ""


def _days(trait: Trait, column: Column, pairs: list[tuple[int, Any]], today: date) -> str:
    """In what days and ages are not the truth."""
    for who, value in pairs:
        right = trait.truth[who]
        if right is None or pd.isna(value):
            continue
        meant = today.year - right if column.kind == "birth_year" else (today - right).days
        if meant != value:
            return "other days"
        if column.kind == "date" and trait.part in ("since", "last") and meant < 0:
            return "days in the future"
    return ""


def _plain(text: str, one: Made) -> str:
    """A message without its headers and figures: the kind of it."""
    for trait in sorted(one.traits, key=lambda trait: -len(trait.header)):
        text = re.sub(rf"(?<![\w<]){re.escape(trait.header)}(?![\w>])", f"<{trait.part} {trait.style}>", text)
    text = re.sub(r"/\S+|(sales|people)\S*", "", text)
    return re.sub(r"\d[\d.,]*", "9", text)[:150]


def fuzz(folder: Path, count: int, seed: int) -> list[tuple[int, list[Outcome]]]:
    """So many files: the number of each, and what came of it."""
    return [(number, checked(made(number), folder)) for number in range(seed * 1_000_000, seed * 1_000_000 + count)]


def main(seed: int, count: int) -> int:
    """Print what is found, by kind."""
    with tempfile.TemporaryDirectory() as folder:
        if not count:
            one = made(seed)
            found = checked(one, Path(folder))
            for name, content in one.files.items():
                print(name, content[:900])
            print(found[0].detail, one.style, one.unknown, sep="\n")
            for each in found:
                print(each.outcome, each.kind, each.detail.split("\n")[0], sep=" | ")
            return 0
        results = fuzz(Path(folder), count, seed)
    print({outcome: sum(worst(found).outcome == outcome for _, found in results) for outcome in OUTCOMES})
    kinds: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number, found in results:
        for each in found:
            kinds[(each.outcome, each.kind)].append(number)
    for (outcome, kind), numbers in sorted(kinds.items(), key=lambda item: (-OUTCOMES.index(item[0][0]), item[0][1])):
        if outcome not in (RIGHT, ASKED):
            print(f"{len(numbers):4} {outcome}: {kind} {numbers[:3]}")
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]) if sys.argv[2:] else 0))
