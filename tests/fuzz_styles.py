"""Purchase logs whose truth is known, each written in a house style of its own: ``make fuzz``. No draft may lead to a wrong number without a word.

From a seed comes a log (who bought what, when, for how many cents) and a style: what the columns are called, how money, days and ids are written,
how the file lies there. :func:`checked` drafts its source, reads the file by it as the stage `data` does, and compares money, orders and last purchase
of every customer with the truth. ``python tests/fuzz_styles.py SEED COUNT`` shows what is found, by kind; with one number, that file and its draft.
"""

from __future__ import annotations

import csv
import io
import random
import re
import sys
import tempfile
import traceback
import uuid
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from pydantic import TypeAdapter, ValidationError

from house_words import LANGUAGES, SYSTEMS
from segments.config.source import Source
from segments.data.cleaning.transactions import clean_transactions
from segments.data.drafting.draft import describe_file
from segments.data.reading import files
from segments.errors import DataError

COUNT, SEED = 400, 5
# What a draft, a file and its truth may come to.
RIGHT, ASKED, NEEDLESS, SAID, WRONG = (
    "right",
    "asked",
    "asked though plain",
    "wrong, with a word",
    "WRONG WITHOUT A WORD",
)
BROKEN = "an answer does not help"
OUTCOMES = [RIGHT, ASKED, NEEDLESS, SAID, BROKEN, WRONG]


@dataclass
class Line:
    """A line of the log: units are below zero where something came back; `each` is the cents of one before `off` percent."""

    customer: int
    order: int
    at: datetime
    product: int
    units: int
    each: int
    off: int = 0
    called: str = ""  # its order
    state: str = ""  # word for what it is
    counts: bool = True
    refunded: int = 0
    cells: dict[str, Any] = field(default_factory=dict)

    @property
    def paid(self) -> int:
        """Its cents, below zero for what came back."""
        return self.units * self.each * (100 - self.off) // 100


@dataclass
class Made:
    """A file in its style, and the truth about it.

    Parameters
    ----------
    files : dict of str to bytes
        What lies in the folder; `path` is what is described.
    parts : dict of str to str
        Header -> what the column truly is.
    lines : list of Line
        The truth.
    money : list of str
        What may be called the money of a line, by columns that hold cents; the first is what a person would say.
    answers : dict, optional
        What a person who knows answers; None where no key of a source can say it.
    unknown : set of str
        What nobody can know from the file.
    """

    files: dict[str, bytes]
    path: str
    parts: dict[str, str]
    lines: list[Line]
    money: list[str]
    answers: dict[str, Any] | None
    unknown: set[str]
    traits: dict[str, str]
    who: dict[str, int]
    to_day: bool


# --- the truth ------------------------------------------------------------------------------------------------------------


def log_of(draw: random.Random, *, off: bool, returns: bool) -> list[Line]:
    """A year of purchases of some customers, in the order of time."""
    start = datetime(draw.choice([2011, 2019, 2022, 2023, 2024]), draw.randint(1, 12), 1)
    prices = [20 * draw.randint(5, 60) for _ in range(draw.randint(8, 25))]
    prices += [draw.randint(100, 9999) for _ in range(8)] + [20 * draw.randint(5000, 20000) for _ in range(2)]
    people, most = draw.randint(20, 60), int(100 * 6 ** (draw.random() ** 3))
    loyal = [draw.paretovariate(1.2) for _ in range(people)]
    orders = sorted(
        (start + timedelta(seconds=draw.randrange(370 * 86400)) for _ in range(most // 2)),
    )
    early = draw.random() < 0.04  # nobody bought after the twelfth of a month: day and month cannot be told apart
    lines: list[Line] = []
    for number, at in enumerate(orders):
        at = at.replace(day=min(at.day, 12), hour=at.hour // 2 + 8) if early else at.replace(hour=at.hour // 2 + 8)
        who = draw.choices(range(people), loyal)[0]
        for _ in range(draw.choice([1, 1, 2, 2, 3, 4])):
            product = draw.randrange(len(prices))
            less = draw.choice([0, 0, 5, 10, 20, 25]) if off and prices[product] % 20 == 0 else 0
            lines.append(Line(who, number, at, product, draw.choice([1, 1, 1, 2, 3, 4, 6, 12]), prices[product], less))
        if len(lines) >= most:
            break
    if returns:
        count = len(orders)
        for line in draw.sample(lines, max(2, len(lines) // 25)):
            at = line.at + timedelta(days=draw.randint(0, 20), minutes=draw.randint(1, 59))
            at = at.replace(day=min(at.day, 12)) if early else at
            lines.append(replace(line, order=count, at=max(at, line.at), units=-draw.randint(1, line.units), cells={}))
            count += 1
    return sorted(lines, key=lambda line: (line.at, line.order))


# --- how cells are written ------------------------------------------------------------------------------------------------

MARKS = {"English": [".,", ".,", ".,", "."], "Japanese": ["."], "Chinese": ["."]}
SIGNS = {"English": ["$", "£", "€", "USD"], "German": ["€", "EUR", "CHF"], "Polish": ["zł", "PLN"], "Portuguese": ["R$", "€"], "Russian": ["₽"],
         "Turkish": ["₺", "TL"], "Japanese": ["¥"], "Chinese": ["¥"]}  # fmt: skip


def money_writer(draw: random.Random, language: str, traits: dict[str, str]) -> Callable[[int], str]:
    """How this house writes cents."""
    style = draw.choice(MARKS.get(language, [",.", ",", ", ", ",\u00a0", ",."]))
    if language in ("German", "Italian") and draw.random() < 0.1:
        style = ".'"
    mark, between = style[0], style[1:]
    if language != "English" and draw.random() < 0.3:
        mark, between = ".", ""  # a machine's
    sign = draw.choice(SIGNS.get(language, ["€", "EUR"])) if draw.random() < 0.3 else ""
    before = sign in ("$", "£", "R$", "¥", "CHF", "USD") or (sign and draw.random() < 0.2)
    blank = " " if sign.isalpha() or (sign and draw.random() < 0.4) else ""
    negative = draw.choice(["-x"] * 6 + ["x-", "(x)", "−x"] + (["x CR"] if not sign and draw.random() < 0.2 else []))
    short = not sign and not between and draw.random() < 0.4  # 12.5, as programs write it
    traits["money"] = (
        f"{mark}{between} {sign}{'before' if before else 'after' if sign else ''} {negative}{' short' if short else ''}"
    )

    def write(cents: int) -> str:
        whole, rest = divmod(abs(cents), 100)
        digits = f"{whole:,}".replace(",", between)
        text = digits + (f"{mark}{rest:02}" if rest or not short else "")
        text = text.rstrip("0") if short and rest else text
        if cents < 0 and sign and before and negative == "-x":
            return f"-{sign}{blank}{text}" if len(sign) == 1 else f"{sign}{blank}-{text}"
        if cents < 0 and sign and not before and negative == "x-":
            return f"{text}-{blank}{sign}"
        text = f"{sign}{blank}{text}" if before else f"{text}{blank}{sign}"
        return negative.replace("x", text) if cents < 0 else text

    return write


NAMES = {
    "English": "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec",
    "German": "Jan. Feb. März Apr. Mai Juni Juli Aug. Sept. Okt. Nov. Dez.",
    "French": "janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc.",
    "Spanish": "ene feb mar abr may jun jul ago sep oct nov dic",
    "Italian": "gen feb mar apr mag giu lug ago set ott nov dic",
    "Dutch": "jan feb mrt apr mei jun jul aug sep okt nov dec",
    "Portuguese": "jan fev mar abr mai jun jul ago set out nov dez",
    "Polish": "sty lut mar kwi maj cze lip sie wrz paź lis gru",
    "Russian": "янв фев мар апр май июн июл авг сен окт ноя дек",
    "Turkish": "Oca Şub Mar Nis May Haz Tem Ağu Eyl Eki Kas Ara",
}
DAY_FIRST = ["%d/%m/%Y", "%d.%m.%Y", "%d.%m.%Y", "%d-%m-%Y", "%d.%m.%y", "%d/%m/%y"]
MONTH_FIRST = ["%m/%d/%Y", "%m/%d/%Y", "%m/%d/%y", "%m-%d-%Y"]


def time_writer(
    draw: random.Random, language: str, traits: dict[str, str]
) -> tuple[Callable[[datetime], str], bool, str | None, set[str]]:
    """How this house writes times, whether only days, the key ``time_format``, and what stays unknown."""
    kind = draw.choices(["iso", "local", "named", "epoch", "whole", "serial", "zoned"], [28, 42, 7, 5, 8, 2, 8])[0]
    clock = draw.choice(["", "", " %H:%M", " %H:%M:%S"])
    unknown: set[str] = set()
    if kind == "iso":
        layout: str | None = draw.choice(["%Y-%m-%d", "%Y-%m-%d", "%Y/%m/%d"]) + clock
        if clock and draw.random() < 0.2:
            layout = "%Y-%m-%dT%H:%M:%S"
        write = _layout(layout)
        key = None
    elif kind == "local":
        if language == "English":
            layout = draw.choice(MONTH_FIRST + DAY_FIRST[:2])
            clock = draw.choice([clock, " %I:%M %p"])
        else:
            layout = draw.choice(DAY_FIRST)
        layout = key = layout + clock
        bare, write = draw.random() < 0.25, _layout(layout)
        if bare:  # 1/2/2024, as Excel writes it
            padded = write

            def write(at: datetime) -> str:
                return re.sub(r"(^|[/.-])0(?=\d[/.-])", r"\1", padded(at))

    elif kind == "named":
        names = NAMES.get(language, NAMES["English"]).split()
        pattern = draw.choice(["{d} {m} {y}", "{d:02}-{m}-{y}", "{m} {d}, {y}", "{d}. {m} {y}", "{d:02} {m} {y}"])
        layout, key = (
            None,
            {
                "{d} {m} {y}": "%d %b %Y",
                "{d:02}-{m}-{y}": "%d-%b-%Y",
                "{m} {d}, {y}": "%b %d, %Y",
                "{d}. {m} {y}": "%d. %b %Y",
            }.get(pattern, "%d %b %Y"),
        )

        def write(at: datetime) -> str:
            return pattern.format(d=at.day, m=names[at.month - 1], y=at.year) + (at.strftime(clock) if clock else "")

        key += clock
        layout = f"{pattern} {language}{clock}"
    elif kind == "epoch":
        factor = draw.choice([1, 1, 1000])
        layout, key = f"epoch x {factor}", "epoch_s" if factor == 1 else "epoch_ms"
        clock = " "

        def write(at: datetime) -> str:
            return str(int((at - datetime(1970, 1, 1)).total_seconds()) * factor)

        unknown.add("zone")
    elif kind == "whole":
        layout = key = draw.choice(["%Y%m%d", "%Y%m%d", "%Y%m%d%H%M%S"])
        clock = layout[6:]
        write = _layout(layout)
    elif kind == "serial":
        layout, key, clock = "serial", None, draw.choice(["", " "])

        def write(at: datetime) -> str:
            days = (at - datetime(1899, 12, 30)) / timedelta(days=1)
            return f"{days:.5f}" if clock else str(int(days))

        unknown.add("serial")
    else:
        layout = draw.choice(
            ["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S +0000", "%Y-%m-%dT%H:%M:%S+00:00", "%Y-%m-%d %H:%M:%S UTC"]
        )
        clock, key, write = " ", None, _layout(layout)
        unknown.add("zone")
    traits["time"] = layout or ""
    return write, not clock, key, unknown


def _layout(layout: str) -> Callable[[datetime], str]:
    return lambda at: at.strftime(layout)


def id_writer(draw: random.Random, people: int, traits: dict[str, str]) -> Callable[[int], str]:
    """How this house calls its customers."""
    kind = draw.choice(
        ["number"] * 5
        + [
            "padded",
            "prefix",
            "uuid",
            "float",
            "email",
            "hash",
            "prefix",
            "thousands",
            "rounded" if draw.random() < 0.15 else "number",
        ]
    )
    first = draw.choice([1, 1001, 12346, 10_000_001])
    traits["id"] = f"{kind} from {first}"
    own = random.Random(first)
    keys = [own.getrandbits(128) for _ in range(people)]
    prefix = draw.choice(["C-", "CUST", "K", "AB-"])
    return {
        "number": lambda who: str(first + who),
        "padded": lambda who: f"{first + who:010}",
        "prefix": lambda who: f"{prefix}{first + who:05}",
        "uuid": lambda who: str(uuid.UUID(int=keys[who])),
        "float": lambda who: f"{first + who}.0",
        "email": lambda who: f"person{who}@example.org",
        "hash": lambda who: f"{keys[who]:032x}",
        "thousands": lambda who: f"{first + who:,}",
        "rounded": lambda who: f"{4.00123 + who * 1e-5:.5f}E+11",
    }[kind]


# --- a style --------------------------------------------------------------------------------------------------------------

MONEY = {
    "total": 16, "total and units": 12, "units x price": 20, "units x price and total": 14, "list price and rate": 5, "list, rate and total": 6, "price less off": 5,
    "price, off and total": 5, "list beside paid": 4, "order total only": 4, "line and order total": 5, "units x price and order total": 5,
    "net, tax and gross": 5, "price, tax and total": 4, "cents": 2, "one line an order": 10, "price alone": 2,
}  # fmt: skip
TYPES = {
    "English": ["Sale|Return", "Sale|Refund", "Payment|Refund", "Invoice|Credit Memo", "Invoice|Credit Note"],
    "German": ["Verkauf|Retoure", "Rechnung|Gutschrift", "Verkauf|Rückgabe"],
    "French": ["Vente|Retour", "Facture|Avoir", "Vente|Remboursement"],
    "Spanish": ["Venta|Devolución", "Factura|Abono"],
    "Italian": ["Vendita|Reso", "Fattura|Nota di credito"],
    "Dutch": ["Verkoop|Retour", "Factuur|Creditnota"],
    "Portuguese": ["Venda|Devolução", "Venda|Estorno"],
    "Polish": ["Sprzedaż|Zwrot"],
    "Russian": ["Продажа|Возврат"],
    "Turkish": ["Satış|İade"],
}
STATES = {
    "English": [
        "Completed|Cancelled",
        "paid|voided",
        "complete|canceled",
        "delivered|canceled",
        "Paid|Refunded",
        "wc-completed|wc-cancelled",
    ],
    "German": ["Abgeschlossen|Storniert", "bezahlt|storniert"],
    "French": ["Payée|Annulée"],
    "Spanish": ["Completado|Cancelado", "Pagado|Anulado"],
    "Italian": ["Completato|Annullato"],
    "Dutch": ["Voltooid|Geannuleerd"],
    "Portuguese": ["Concluído|Cancelado"],
    "Polish": ["Zrealizowane|Anulowane"],
    "Russian": ["Выполнен|Отменён"],
    "Turkish": ["Tamamlandı|İptal"],
}
FLAGS = [
    "Returned|Yes|No",
    "Is Return|TRUE|FALSE",
    "Cancelled|1|0",
    "Refunded|true|false",
    "Returned|Yes|",
    "is_cancelled|Y|N",
]
BACK = {"none": 32, "negative": 30, "C invoices": 8, "type": 10, "state": 8, "flag": 4, "refunded": 4}
ENCODINGS = {
    "English": ["utf-8"], "Polish": ["cp1250", "utf-8"], "Russian": ["cp1251", "utf-8", "koi8-r"], "Turkish": ["cp1254", "utf-8"], "Japanese": ["shift_jis", "utf-8"],
    "Chinese": ["gb18030", "utf-8"],
}  # fmt: skip
TITLES = ["Sales report 2024", "Export\n", "Company Ltd\nSales by customer\n", "Report,generated,2024-05-01"]
EXTRAS = ["shipping", "tax_rate", "cost", "margin", "weight", "stock", "rating", "latitude", "longitude", "zip", "phone", "code", "views", "points", "age",
          "country", "method", "category", "store", "item", "name", "email", "born", "shipped", "updated", "line", "tax", "constant", "currency"]  # fmt: skip


@dataclass
class House:
    """What the columns of one file are called."""

    draw: random.Random
    words: dict[str, list[str]]
    shape: str
    parts: dict[str, str] = field(default_factory=dict)

    def header(self, part: str) -> str | None:
        """A header for a part that no other column has; None where there is none."""
        known = {re.sub(r"\W|_", "", header.casefold()) for header in self.parts}
        names, others = self.words.get(part, []), LANGUAGES["English"].get(part, [part])
        for name in [*self.draw.sample(names, len(names)), *self.draw.sample(others, len(others))]:
            header = shaped(name, self.shape)
            if re.sub(r"\W|_", "", header.casefold()) not in known:
                self.parts[header.strip()] = part
                return header
        return None


def shaped(name: str, shape: str) -> str:
    words = re.split(r"[ _/-]+", name)
    return {
        "as it is": name,
        "snake": "_".join(words).lower(),
        "upper": name.upper(),
        "UPPER_SNAKE": "_".join(words).upper(),
        "lower": name.lower(),
        "Camel": "".join(word[:1].upper() + word[1:] for word in words),
        "dotted": ".".join(words),
        "spaced": f" {name} ",
    }[shape].strip(" " if shape != "spaced" else "\0")


def made(seed: int) -> Made:
    """The file of a seed."""
    draw = random.Random(seed)
    traits: dict[str, str] = {}
    language, system = draw.choice([*LANGUAGES, *["English"] * 5, *["German"] * 2]), ""
    words = LANGUAGES[language]
    if draw.random() < 0.35:
        system = draw.choice(list(SYSTEMS))
        language = {"Brazilian till": "Portuguese", "Lexware": "German"}.get(system, "English")
        words = LANGUAGES[language] | {part: [name] for part, name in SYSTEMS[system].items()}
    traits["house"] = system or language
    shape = (
        "as it is"
        if system or draw.random() < 0.4
        else draw.choice(["snake", "upper", "UPPER_SNAKE", "lower", "Camel", "dotted", "spaced"])
    )
    house = House(draw, words, shape)
    money = draw.choices(list(MONEY), list(MONEY.values()))[0]
    back = draw.choices(list(BACK), list(BACK.values()))[0]
    if back == "refunded" and "tax" in money:  # with the tax or without it?
        back = "none"
    if money in ("order total only", "one line an order", "price alone") and back in ("C invoices", "type"):
        back = "negative"
    if money in ("order total only", "units x price and order total", "line and order total") and back == "negative":
        back = "none"
    if language in ("Japanese", "Chinese") and back in ("type", "state", "flag"):
        back = "none"
    traits |= {"paid": money, "back": back}
    off = money in (
        "list price and rate",
        "list, rate and total",
        "price less off",
        "price, off and total",
        "list beside paid",
    )
    lines = log_of(draw, off=off, returns=back in ("negative", "C invoices", "type"))
    if money == "price alone":
        for line in lines:
            line.units = 1 if line.units > 0 else -1
    unknown: set[str] = set()
    answers: dict[str, Any] | None = {}
    people = 1 + max(line.customer for line in lines)
    if money == "one line an order":
        lines = [Line(some[0].customer, some[0].order, some[0].at, some[0].product, 1 if some[0].units > 0 else -1, abs(sum(line.paid for line in some)))
                 for some in _orders(lines).values()]  # fmt: skip

    # orders
    first, prefix = draw.choice([1, 1001, 536365, 4500000001]), draw.choice(["", "", "", "#", "INV-", "A"])
    for line in lines:
        line.called = f"{prefix}{first + line.order}"
    if back == "C invoices":
        first, prefix = 536365, ""
        for line in lines:
            line.called = f"{'C' if line.units < 0 else ''}{first + line.order}"
    write_id = id_writer(draw, people, traits)
    nobody, share = draw.choice(["", "", "Guest", "0", "NULL", "nan", "guest", "-"]), draw.choice([0, 0, 0, 0.03, 0.25])
    if share:
        guests = {line.order for line in lines if draw.random() < share / 2 and line.units > 0}
        for line in lines:
            line.customer = -1 if line.order in guests else line.customer
        traits["nobody"] = f"{nobody!r} {share}"
    if "rounded" in traits["id"]:
        unknown.add("rounded")
        answers = None
    columns: list[tuple[str, str, Callable[[Line], str]]] = []

    def add(part: str, cell: Callable[[Line], Any]) -> str | None:
        header = house.header(part)
        if header is not None:
            columns.append((part, header, cell))
        return header and header.strip()

    customer = add("customer", lambda line: nobody if line.customer < 0 else write_id(line.customer))
    answers_of: dict[str, Any] = {"customer": customer}
    if (
        draw.random() < 0.9
        or back == "C invoices"
        or money in ("one line an order", "line and order total", "order total only", "units x price and order total")
    ):
        answers_of["order"] = add("order", lambda line: line.called)
    if draw.random() < 0.6:
        code = draw.choice(["{}", "P{:04}", "{:08}"])
        add("product", lambda line: code.format(20000 + line.product))

    # when
    write_time, to_day, key, more = time_writer(draw, language, traits)
    unknown |= more
    if traits["time"].startswith(("%d", "%m")) and all(line.at.day <= 12 for line in lines):
        unknown.add("day or month")
    if key is not None:
        answers_of["time_format"] = key
    if draw.random() < 0.05:
        for part in ("year", "month", "day"):
            add(part, lambda line, part=part: str(getattr(line.at, part)))
        unknown.add("three columns")
        unknown -= more
        traits["time"], to_day = "three columns", True
        answers_of.pop("time_format", None)
    else:
        answers_of["time"] = add("time", lambda line: write_time(line.at))
        if to_day and draw.random() < 0.15:
            add("clock", lambda line: line.at.strftime("%H:%M"))
            traits["time"] += " and a clock"
    if unknown & {"serial", "three columns"}:
        answers = None

    # what was paid
    write = money_writer(draw, language, traits)
    share_kind = draw.choice(["share", "percent", "percent sign"])
    sums = {order: sum(line.paid for line in some) for order, some in _orders(lines).items()}
    above = back in ("type", "state", "flag")  # money paid back is written above zero
    vat = draw.choice([5, 7, 19, 20, 21])

    def sign(line: Line, cents: int) -> int:
        return abs(cents) if above else cents

    cells: dict[str, Callable[[Line], int]] = {
        "line_total": lambda line: line.paid,
        "order_total": lambda line: sums[line.order],
        "off": lambda line: abs(line.units * line.each) - abs(line.paid),
        "net": lambda line: line.paid,
        "tax": lambda line: line.paid * vat // 100,
        "gross": lambda line: line.paid + line.paid * vat // 100,
    }

    def pay(part: str) -> str | None:
        for line in lines:
            line.cells[part] = cells[part](line)
        return add(part, lambda line: write(sign(line, line.cells[part])))

    def units() -> str | None:
        return add("units", lambda line: str(sign(line, line.units)))

    def price(part: str = "price", paid: bool = True) -> str | None:
        return add(part, lambda line: write(line.each * (100 - line.off) // 100 if paid else line.each))

    def rate() -> str | None:
        one = {
            "share": lambda line: f"{line.off / 100:g}",
            "percent": lambda line: str(line.off),
            "percent sign": lambda line: f"{line.off}%",
        }[share_kind]
        traits["rate"] = share_kind
        if "," in traits["money"][:1]:
            return add("rate", lambda line: one(line).replace(".", ","))
        return add("rate", one)

    meant = ["line_total"]
    of_units = lambda: {"quantity": units(), "price": price()}  # noqa: E731
    of_total = lambda: {"amount": pay("line_total")}  # noqa: E731
    if money == "total":
        answers_of |= of_total()
    elif money == "total and units":
        units()
        answers_of |= of_total()
    elif money == "units x price":
        answers_of |= of_units()
    elif money == "units x price and total":
        of_units()
        answers_of |= of_total()
    elif money == "list price and rate":
        plain = draw.random() < 0.4
        answers_of |= {
            "quantity": units(),
            "list_price": price("list_price" if plain else "price", paid=False),
            "discount_rate": rate(),
        }
        answers_of["discount_unit"] = "percent" if share_kind == "percent" else "share"
        unknown |= set() if plain else {"before or after"}
    elif money == "list, rate and total":
        units(), price(draw.choice(["list_price", "price"]), paid=False), rate()
        answers_of |= of_total()
    elif money == "price less off":
        plain = draw.random() < 0.4
        answers_of |= {
            "quantity": units(),
            "list_price": price("list_price" if plain else "price", paid=False),
            "discounts": [pay("off")],
        }
        unknown |= set() if plain else {"before or after"}
    elif money == "price, off and total":
        units(), price(paid=False), pay("off")
        answers_of |= of_total()
    elif money == "list beside paid":
        answers_of |= {"quantity": units(), "list_price": price("list_price", paid=False), "price": price()}
    elif money == "order total only":
        pay("order_total")
        unknown.add("order total")
        answers = None
    elif money == "line and order total":
        both = [of_total, lambda: pay("order_total") and {}]
        for one in draw.sample(both, 2):
            answers_of |= one()  # type: ignore[operator]
    elif money == "units x price and order total":
        answers_of |= of_units()
        pay("order_total")
    elif money == "net, tax and gross":
        if draw.random() < 0.5:
            of_units()
        meant = ["gross", "net"]
        pay("net"), pay("tax")
        answers_of["amount"] = pay("gross")
    elif money == "price, tax and total":
        of_units(), pay("tax")
        meant = ["gross", "line_total"]
        for line in lines:
            line.cells["gross"] = cells["gross"](line)
        answers_of["amount"] = add("line_total", lambda line: write(sign(line, line.cells["gross"])))
    elif money == "cents":
        add("cents", lambda line: str(sign(line, line.paid)))
        unknown.add("cents")
        answers = None
    elif money == "one line an order":
        answers_of["amount"] = pay(draw.choice(["line_total", "order_total"]))
    elif money == "price alone":
        cells["price"] = lambda line: line.paid
        answers_of["amount"] = pay("price")
        unknown.add("price alone")
    for line in lines:
        line.cells["line_total"] = line.paid

    # what is no purchase
    if back == "type":
        sold, brought = draw.choice(TYPES[language]).split("|")
        header = add("type", lambda line: brought if line.units < 0 else sold)
        answers_of["refunds"] = {header: [brought]}
    elif back == "state":
        done, undone = draw.choice(STATES[language]).split("|")
        gone = {line.order for line in lines if draw.random() < 0.04}
        for line in lines:
            line.counts = line.order not in gone
        header = add("status", lambda line: done if line.counts else undone)
        answers_of["exclude"] = {header: [undone]}
        traits["back"] = f"state {done}|{undone}"
    elif back == "flag":
        name, yes, no = draw.choice(FLAGS).split("|")
        gone = {line.order for line in lines if draw.random() < 0.04}
        for line in lines:
            line.counts = line.order not in gone
        house.parts[name] = "flag"
        columns.append(("flag", name, lambda line: no if line.counts else yes))
        answers_of["exclude"] = {name: [yes]}
        traits["back"] = f"flag {name}|{yes}|{no}"
    elif back == "refunded":
        for line in draw.sample(lines, max(2, len(lines) // 25)):
            line.refunded = line.paid
        if (name := add("refunded", lambda line: write(line.refunded))) is not None:
            answers_of["refunded"] = name
    if nobody in ("Guest", "0", "guest") and share:
        answers_of.setdefault("exclude", {})[customer] = [nobody]

    _extras(draw, house, lines, add, partial(_extra, write, write_time), traits)
    if (
        draw.random() < 0.03
        and "currency" not in house.parts.values()
        and "before" not in traits["money"]
        and "after" not in traits["money"]
    ):
        add("currency", lambda line: "USD" if line.customer % 3 == 0 else "EUR")
        unknown.add("currencies")
        traits["currency"] = "several"
        answers = None
    if draw.random() < 0.03 and answers_of.get("order"):  # who bought stands in another file, by the order
        of_order = ("customer", "time", "clock", "name", "email", "born", "shipped", "updated", "year", "month", "day")
        columns = [column for column in columns if column[0] not in of_order]
        traits["joined"] = "by a query"
        unknown.add("two files")
        answers = None
    if draw.random() < 0.7:
        columns = draw.sample(columns, len(columns))
    if draw.random() < 0.1:
        columns.insert(0, ("index", "", lambda line: str(line.cells["row"])))
        traits["index"] = "yes"
    for row, line in enumerate(lines):
        line.cells["row"] = row
    if any(part == "line_total" and re.search("(?i)^(sales_)?price$", header) for part, header, _ in columns):
        unknown.add("of a unit or of a line")
    content, path = files_of(draw, columns, lines, language, traits, answers_of)
    who = (
        {write_id(one): one for one in range(people)}
        | {f"person{one}@example.org": one for one in range(people)}
        | {_name(one): one for one in range(people)}
    )
    who |= {key.removesuffix(".0"): one for key, one in list(who.items())}
    who |= {key.replace(",", ""): one for key, one in list(who.items())}
    if answers is not None:
        answers = {key: value for key, value in answers_of.items() if value is not None}
    return Made(content, path, house.parts, lines, meant, answers, unknown, traits, who, to_day)


def _orders(lines: Sequence[Line]) -> dict[int, list[Line]]:
    orders: dict[int, list[Line]] = defaultdict(list)
    for line in lines:
        orders[line.order].append(line)
    return orders


FIRST = ["Ann", "Bob", "Eve", "Joe", "Kim", "Lea", "Max"]
LAST = ["Adams", "Brown", "Clark", "Davis", "Evans", "Frost", "Green", "Hill", "Irwin"]


def _name(who: int) -> str:
    return f"{FIRST[who % 7]} {LAST[who // 7]}"


def _extras(
    draw: random.Random,
    house: House,
    lines: list[Line],
    add: Callable[..., Any],
    cell: Callable[..., str],
    traits: dict[str, str],
) -> None:
    """Columns that say something else."""
    for part in draw.sample(EXTRAS, draw.randint(0, 7)):
        signed = re.search(r"[^\d.,' x()−-]", traits["money"].split(" ")[1])
        if part in house.parts.values() or (part == "currency" and signed):
            continue
        if part == "born" and re.search("epoch|serial", traits["time"]):
            continue
        own = random.Random(draw.random())
        of_order, of_person = (
            {key: own.random() for key in keys}
            for keys in ({line.order for line in lines}, {line.customer for line in lines})
        )
        add(part, partial(cell, part, own, of_order, of_person))


def _extra(
    write: Callable[[int], str],
    when: Callable[[datetime], str],
    part: str,
    own: random.Random,
    of_order: dict[int, float],
    of_person: dict[int, float],
    line: Line,
) -> str:
    """A cell of such a column."""
    order, person, known = of_order[line.order], of_person[line.customer], line.customer >= 0
    return {
        "shipping": lambda: write(int(order * 3) * 495),
        "tax_rate": lambda: "19",
        "cost": lambda: write(line.each * 6 // 10),
        "margin": lambda: write(line.paid * 3 // 10),
        "weight": lambda: f"{line.product * 0.35 + 0.2:.2f}",
        "stock": lambda: str(own.randint(0, 500)),
        "rating": lambda: f"{own.randint(30, 100) / 10:g}",
        "latitude": lambda: f"{50 + person:.5f}",
        "longitude": lambda: f"{7 + person:.5f}",
        "zip": lambda: f"{int(person * 90000) + 10000}",
        "phone": lambda: f"+49 30 {int(person * 1e7):07}",
        "code": lambda: own.choice(["", "", "", "WELCOME10", "SUMMER"]),
        "views": lambda: str(own.randint(1, 40)),
        "points": lambda: str(abs(line.paid) // 100),
        "age": lambda: str(18 + int(person * 60)),
        "country": lambda: ["Germany", "France", "United Kingdom", "Spain"][int(person * 4)],
        "method": lambda: ["Cash", "Credit card", "Ewallet", "Debit"][int(order * 4)],
        "category": lambda: ["Food", "Home", "Toys", "Office"][line.product % 4],
        "store": lambda: str(int(order * 5) + 1),
        "item": lambda: f"Product {line.product}, red" if line.product % 3 else f"Product {line.product}",
        "name": lambda: _name(line.customer) if known else "",
        "email": lambda: f"person{line.customer}@example.org" if known else "",
        "born": lambda: when(datetime(1950, 1, 1) + timedelta(days=int(person * 18000))) if known else "",
        "shipped": lambda: when(line.at + timedelta(days=2 + int(order * 5))),
        "updated": lambda: when(line.at + timedelta(days=int(order * 3), hours=1)),
        "line": lambda: str(line.cells["row"] + 1),
        "tax": lambda: write(line.paid * 7 // 100),
        "constant": lambda: "1",
        "currency": lambda: "EUR",
    }[part]()


def files_of(
    draw: random.Random,
    columns: list[tuple[str, str, Callable[[Line], str]]],
    lines: list[Line],
    language: str,
    traits: dict[str, str],
    answers: dict[str, Any],
) -> tuple[dict[str, bytes], str]:
    """How the file lies there: its separator, letters, titles, tail; in parts; in a workbook."""
    header, rows = [column[1] for column in columns], [[column[2](line) for column in columns] for line in lines]
    layout = draw.choices(["one", "parts", "workbook"], [84, 10, 6])[0]
    traits["layout"] = layout
    half = len(rows) // 2
    if layout == "workbook":
        from openpyxl import Workbook

        book = Workbook()
        book.remove(book.active)
        plain = draw.random() < 0.6  # figures are figures, days days
        for name, some in (
            {"2023": rows[:half], "2024": rows[half:]}.items() if draw.random() < 0.5 else {"Sheet1": rows}.items()
        ):
            sheet = book.create_sheet(name)
            sheet.append(header)
            for row in some:
                sheet.append([_typed(cell) if plain else cell for cell in row])
        out = io.BytesIO()
        book.save(out)
        traits["layout"] += " typed" if plain else " texts"
        return {"sales.xlsx": out.getvalue()}, "sales.xlsx"
    separator = draw.choice(
        [",", ",", ";", "\t", "|"] if "," not in traits["money"][:1] else [";", ";", "\t", "|", ","]
    )
    quoting = draw.choice([csv.QUOTE_MINIMAL, csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
    end = draw.choice(["\n", "\r\n"])
    encodings = ENCODINGS.get(language, ["cp1252", "latin-1", "utf-8", "utf-8"])
    encoding = draw.choice(
        [*encodings, "utf-8", "utf-8-sig", "utf-8-sig", "utf-16"] if draw.random() < 0.5 else encodings
    )
    traits["file"] = f"{separator!r} {encoding}"
    above = draw.choice(TITLES) if draw.random() < 0.08 else ""
    tail = draw.choice(["total", "empty", "trailing"]) if draw.random() < 0.15 else ""
    traits["frame"] = f"{above!r} {tail}"

    def written(order: Sequence[int], some: list[list[str]]) -> bytes:
        out = io.StringIO(newline="")
        writer = csv.writer(out, delimiter=separator, quoting=quoting, lineterminator=end)
        extra = [""] if tail == "trailing" else []
        if above:
            out.write(above.replace("\n", end) + end)
        writer.writerow([*(header[at] for at in order), *extra])
        writer.writerows([*(row[at] for at in order), *extra] for row in some)
        if tail == "total":
            at = {part: place for place, (part, *_) in enumerate(columns)}
            of_money = next((at[part] for part in ("line_total", "gross", "net") if part in at), None)
            totals = ["" for _ in header]
            if of_money is not None:
                totals[of_money] = f"{sum(line.paid for line in lines) / 100:.2f}".replace(".", traits["money"][0])
                totals[next(place for place in range(len(header)) if place != of_money)] = draw.choice(
                    ["Total", "Grand Total"]
                )
                writer.writerow([totals[at] for at in order])
        elif tail == "empty":
            out.write((separator * (len(header) - 1) + end) * 5)
        try:
            return out.getvalue().encode(encoding)
        except UnicodeEncodeError:
            return out.getvalue().encode("utf-8")

    usual = list(range(len(header)))
    if layout == "one":
        return {"sales.csv": written(usual, rows)}, "sales.csv"
    tail = "" if tail == "total" else tail
    other = draw.sample(usual, len(usual)) if draw.random() < 0.4 else usual
    return {"sales_1.csv": written(usual, rows[:half]), "sales_2.csv": written(other, rows[half:])}, "sales_*.csv"


def _typed(cell: str) -> Any:
    """What a spreadsheet makes of a cell."""
    if re.fullmatch(r"-?(0|[1-9]\d*)(\.\d+)?", cell):
        return float(cell) if "." in cell else int(cell)
    if re.fullmatch(r"\d{4}-\d\d-\d\d( \d\d:\d\d(:\d\d)?)?", cell):
        return datetime.fromisoformat(cell)
    return cell or None


# --- the check ------------------------------------------------------------------------------------------------------------

Totals = dict[int, tuple[int, int, datetime]]


def truth(one: Made, meant: str) -> Totals:
    """Cents, orders and last purchase of every customer."""
    found: dict[int, list[Line]] = defaultdict(list)
    for line in one.lines:
        if line.counts and line.customer >= 0 and line.refunded != line.paid:
            found[line.customer].append(line)
    return {
        who: (
            sum(line.cells[meant] - line.refunded for line in some),
            len({line.called for line in some if line.paid > 0}),
            max((line.at for line in some if line.paid > 0), default=datetime.min),
        )
        for who, some in found.items()
    }


def read(source: Source, folder: Path, one: Made) -> Totals:
    """The same, as the stage `data` reads it."""
    assert source.transactions is not None
    source = replace(source, transactions=replace(source.transactions, path=one.path))
    with files.open_log(source, folder) as raw:
        lines = clean_transactions(raw, source)[0].df()
    found = {}
    for key, some in lines.groupby("customer_id"):
        bought = some[some["amount"] > 0]
        cents = round(some["amount"].sum() * 100)
        who = one.who.get(str(key), -2 if str(key) not in ("Guest", "guest", "0") else -1)
        last = bought["purchased_at"].max() if len(bought) else datetime.min
        found[who] = (cents, bought["order_id"].nunique(), pd.Timestamp(last).to_pydatetime() if len(bought) else last)
    return found


def differs(one: Made, found: Totals, source: Source) -> dict[str, str]:
    """In what a reading is not the truth: part -> an example."""
    first: dict[str, str] = {}
    for meant in one.money:
        wrong: dict[str, str] = {}
        known = truth(one, meant)
        if set(known) != set(found):
            wrong["customer"] = f"{len(known)} customers, read {len(found)}: {sorted(set(known) ^ set(found))[:5]}"
        for who in set(known) & set(found):
            (cents, orders, last), (cents_, orders_, last_) = known[who], found[who]
            if cents != cents_:
                wrong.setdefault("money", f"customer {who} paid {cents / 100}, read {cents_ / 100}")
            if source.transactions is not None and source.transactions.order is not None and orders != orders_:
                wrong.setdefault("order", f"customer {who} has {orders} orders, read {orders_}")
            fine = last.date() == last_.date() if one.to_day else abs(last - last_) < timedelta(minutes=1)
            if not fine:
                wrong.setdefault("time", f"customer {who} bought last {last}, read {last_}")
        if not wrong:
            return {}
        first = first or wrong
    return first


ASPECTS = {
    "money": "line_total order_total units price list_price rate off net gross tax cents status type flag refunded currency",
    "order": "order status flag type line",
    "time": "time clock updated shipped year month day status flag",
    "customer": "customer name email status flag",
}


def words_about(draft: str, one: Made, wrong: dict[str, str]) -> bool:
    """Whether every part that is wrong has a loud word beside it: a CHECK that names a column of this part."""
    loud = [
        line for line in draft.splitlines() if "CHECK" in line or line.startswith("# Note: no column tells customers")
    ]
    loud = [line for line in loud if not line.startswith(("  exclude:", "  refunds:"))]  # these say what was done
    return all(
        any(
            header in line
            for line in loud
            for header, part in one.parts.items()
            if header.strip() and part in ASPECTS[aspect].split()
        )
        for aspect in wrong
    )


ASKS = re.compile(r"# QUESTION: (.*)|# (time_format|decimal): write|# (amount): until")


@dataclass(frozen=True)
class Outcome:
    """What came of a file: outcome, its kind in a few words, and all that is known."""

    outcome: str
    kind: str
    detail: str


def checked(one: Made, folder: Path) -> Outcome:
    """Draft, read, compare."""
    for name, content in one.files.items():
        (folder / name).write_bytes(content)
    draft = ""
    try:
        try:
            draft = describe_file(folder / one.path).text
        except DataError as error:
            return Outcome(ASKED if one.unknown else NEEDLESS, f"refused: {_plain(str(error), one)}", str(error))
        asked = [next(filter(None, found)) for found in ASKS.findall(draft)]
        if asked:
            kind = "; ".join(sorted({_plain(question, one) for question in asked}))
            if answer := _answered(one, draft, folder):
                return Outcome(BROKEN, f"{answer} <- {kind}", draft)
            return Outcome(
                ASKED if one.unknown - {"zone"} or ("time_zone" in kind and one.unknown) else NEEDLESS, kind, draft
            )
        source = TypeAdapter(Source).validate_python(yaml.safe_load(draft))
        if source.transactions is None:
            outcome = SAID if "# Note: no column tells customers" in draft else WRONG
            return Outcome(outcome, "not seen as a log", draft)
        try:
            found = read(source, folder, one)
        except DataError as error:
            return Outcome(
                ASKED if one.unknown else NEEDLESS, f"refused when read: {_plain(str(error), one)}", f"{error}\n{draft}"
            )
        wrong = differs(one, found, source)
        roles = _roles(one, source)
        if not wrong:
            lacks = "order" in one.parts.values() and source.transactions.order is None
            return Outcome(SAID if lacks else RIGHT, "no order" if lacks else "", draft)
        said = words_about(draft, one, wrong)
        return Outcome(SAID if said else WRONG, f"{'+'.join(sorted(wrong))}: {roles}", f"{wrong}\n{draft}")
    except (ValidationError, AssertionError, KeyError):
        return Outcome(WRONG, f"crash {traceback.format_exc().splitlines()[-1][:120]}", draft + traceback.format_exc())
    finally:
        for name in one.files:
            (folder / name).unlink()


def _answered(one: Made, draft: str, folder: Path) -> str:
    """What is wrong once a person who knows has answered; nothing where no key says it, or all is right."""
    if one.answers is None:
        return ""
    given = yaml.safe_load(draft)
    if "customers" in given:
        given["as_of"] = str(max(line.at for line in one.lines).date())
        given["transactions"] = {"path": one.path, "read": given.pop("customers").get("read", {})}
        given["feature_sets"] = ["rfm"]
        given.setdefault("policy", {})["max_bad_share"] = 0.5
    log = given["transactions"]
    keys = (
        "amount",
        "quantity",
        "price",
        "list_price",
        "discount_rate",
        "discount_unit",
        "discounts",
        "refunds",
        "exclude",
        "order",
        "customer",
        "time",
        "time_format",
    )
    for key in keys:
        log.pop(key, None)
    log |= one.answers
    log.setdefault("read", {})["decimal"] = one.traits["money"][0]
    try:
        source = TypeAdapter(Source).validate_python(given)
        wrong = differs(one, read(source, folder, one), source)
    except (DataError, ValidationError) as error:
        if "missing column" in str(error) and "which is a guess" in draft:  # letters of another encoding
            return ""
        return f"refused: {_plain(str(error), one)}"
    return "wrong " + "+".join(sorted(wrong)) if wrong else ""


def _roles(one: Made, source: Source) -> str:
    """Which columns truly play which parts in a draft, where a person would say otherwise."""
    log = source.transactions
    assert log is not None
    keys = ["customer", "time", "order", "amount", "quantity", "price", "list_price", "discount_rate", "time_format"]
    meant, found = one.answers or {}, {}
    for key in keys:
        header, other = getattr(log, key), meant.get(key)
        if header != other:
            found[key] = f"{key}={one.parts.get(header or '', header)} not {one.parts.get(other or '', other)}"
    for key in ("refunds", "exclude"):
        if getattr(log, key) != meant.get(key, {}):
            found[key] = f"{key}={getattr(log, key)} not {meant.get(key, {})}"
    return ", ".join(found.values()) or f"({one.traits['paid']}, {one.traits['back']}, {one.traits['money']})"


def _plain(text: str, one: Made) -> str:
    """A message without its headers and figures: the kind of it."""
    for header, part in sorted(one.parts.items(), key=lambda item: -len(item[0])):
        if header.strip():
            text = text.replace(f'"{header}"', f"<{part}>").replace(f"'{header}'", f"<{part}>")
            text = re.sub(rf"(?<![\w<]){re.escape(header.strip())}(?![\w>])", f"<{part}>", text)
    text = re.sub(r"\(see [^)]*\)|/\S+|sales\S*", "", text)
    return re.sub(r"'[^']*'", "'…'", re.sub(r"\d[\d.,]*", "9", text))[:110]


def fuzz(folder: Path, count: int, seed: int) -> list[tuple[int, Outcome]]:
    """So many files: the number of each, and what came of it."""
    numbers = range(seed * 1_000_000, seed * 1_000_000 + count)
    return [(number, checked(made(number), folder)) for number in numbers]


def main(seed: int, count: int) -> int:
    """Print what is found, by kind."""
    with tempfile.TemporaryDirectory() as folder:
        if not count:
            one = made(seed)
            found = checked(one, Path(folder))
            for name, content in one.files.items():
                print(name, content[:900])
            print(found.detail, found.outcome, found.kind, one.traits, one.parts, one.unknown, one.answers, sep="\n")
            return 0
        results = fuzz(Path(folder), count, seed)
    print({outcome: sum(one.outcome == outcome for _, one in results) for outcome in OUTCOMES})
    kinds: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number, one in results:
        kinds[(one.outcome, one.kind)].append(number)
    for (outcome, kind), numbers in sorted(
        kinds.items(), key=lambda item: (-OUTCOMES.index(item[0][0]), -len(item[1]))
    ):
        if outcome not in (RIGHT,):
            print(f"{len(numbers):4} {outcome}: {kind} {numbers[:3]}")
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]) if sys.argv[2:] else 0))
