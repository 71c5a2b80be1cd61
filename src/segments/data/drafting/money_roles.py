"""Which columns of an unknown log say what was paid. Comes in: columns of numbers. Goes out: their parts, and what only a person can know."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import pandas as pd

from segments.data.rows import normal_header

# What headers tend to be called, letters only, the most telling word first.
AMOUNT = (
    *(
        "amount",
        "salesvalue",
        "linetotal",
        "totalprice",
        "sales",
        "revenue",
        "spend",
        "paid",
        "total",
        "value",
        "dollar",
    ),
    *(
        "betrag",
        "umsatz",
        "erlös",
        "summe",
        "montant",
        "prixtotal",
        "importe",
        "importo",
        "金额",
        "销售额",
        "合計",
        "合计",
        "金額",
        "売上",
        "금액",
        "gross",
        "brutto",
        "netto",
        "lordo",
        "bruto",
        "brut",
    ),
    *(
        "bedrag",
        "totaal",
        "omzet",
        "totale",
        "fatturato",
        "faturamento",
        "imponibile",
        "monto",
        "valor",
        "kwota",
        "wartość",
        "suma",
        "razem",
    ),
    *(
        "сумма",
        "стоимость",
        "итого",
        "выручка",
        "tutar",
        "toplam",
        "gesamt",
        "wert",
        "turnover",
        "charge",
        "netwr",
        "extended",
        "ventas",
        "ventes",
        "vendas",
    ),
)
PRICE = "price|msrp|^mrp|mrp$|rrp|uvp|preis|prix|precio|preço|prezzo|prijs|cena|цена|fiyat|valorunit|vlrunit|(cost|rate)per|单价|単価|단가"
# What the shop paid for it. A purchase without a price is the customer's.
COST = (
    "einkauf(?=s?(preis|kosten))|себестоим|ekpreis|(?<=prix)d?achat|coste|cost(?=price)|(purchase|buying)(?=price|cost|rate)|inkoop|kostprijs"
    "|(?<=cena)zakupu|закуп|alış(?=fiyat)|(?<=precio)(de)?compra|(?<=preço)(de)?compra|(?<=prezzo)(d|di)?acquisto"
)
# what it may be called where no column is surely what was paid
PERHAPS = (
    "^amt|amt$|spent|^payments?$|monetary|^money|^(total)?costs?$|gmv|^bill$|fare$|donation|pledge|premium|^rent$|deposit|^sum$|^val$|^sale$|^cash$"
    "|^(usd|eur|gbp|chf|dollars?|euros?|pounds?)$|topup|recharge|^(bet|stake|wager)$|expenditure|^expenses?$|^ticket$|^net$|^rev$|^ca$|chiffred?affaires?"
    "|dépense|gasto|^ventas?$|receita|spesa|incasso|^kosten$|ausgabe|оплата|harcama|uitgave|wydatek"
    "|^(purchase|einkauf|achat|compra|acquisto|aankoop|zakup|покупка|alışveriş)$"
)
LIST = "list|regulär|regular|original|msrp|^mrp|mrp$|rrp|uvp|catalog|before|avant|normal"
QUANTITY = (
    "quantity|quantit|qty|units|menge|anzahl|stueck|stück|cantidad|unidades|^uds|quantid|qtd|qt[àaé]|pezzi|aantal|hoeveelheid|stuks|ilość|sztuk|^items$|ofitems"
    "|количеств|колво|adet|miktar|kwmeng|fkimg|pieces|pcs|数量|個数|수량"
)
# where nothing is called so: short for it, or what is sold by measure
HOW_MUCH = (
    "^(anz|stk|stck|ve|nbr?|nombre|nombrearticles|nbarticles|cant|pz|szt|quant|q|num|count|volume|kg|weightkg|lit(er|re)s?"
    "|met(er|re)s|hours|nights|seats|tickets|licen[sc]es|cases|bottles)$"
)
DISCOUNT = "disc|rebate|markdown|rabat|remise|nachlass|s[kc]onto|descuento|desconto|^dto|korting|скидк|indirim"
RATE = "rate|percent|pct|prozent|ratio|share|margin|score|rating"
# money, but not what was paid for goods
TAX = "tax|vat|tva|iva|mwst|btw|kdv|ндс|gst|icms"
NO_PAY = (
    f"^(freight|fracht|shipping|delivery|versand|livraison|(sales|gross)?tax|{TAX}|steuer|imp[uo]e?sto|imposta|podatek|profit|gewinn|margin)"
    "|shipping|freight|versand|refund|erstatt|rembours|reembols|rimbors|terugbet|zwrot|возврат|fees?$|weight|gewicht|peso|poids|waga|profit|margin|income|cost$|cogs"
    "|bewertung|envío|spedizione|frete|verzend|wysyłki|dostaw|достав|kargo|marge|marża|utile|zysk|winst|прибыл"
    f"|(?<!incl)(?<!excl)(?<!inkl)(?<!exkl)(?<!with)(?<!without)(?<!con)(?<!mit)(?<!ohne)(?<!com)({TAX})(es|amount|betrag|bedrag)?$"
)
COUNT = f"count|number|requests|visits|nights|items|points|{QUANTITY}"
FEW_COUNTS = 12  # different whole numbers, of many lines: codes or counts, not money
MANY_LINES = 30
RISES = 0.3  # correlation of ranks: of unit prices it is about 0, or below where many are cheaper
CHANCE = 3  # standard errors of it, that few lines reach by chance
UNIT = "unit|einzel|stück|stueck|each|per"
# What one of them cost, whatever else it is called; unit sales are how many were sold.
OF_ONE = r"unit(?!s)|einzel|(je|pro|per)(stück|stueck|stk|stuk|piece|item|pezzo|unité|unidad|unidade)|each$|jedn|birim"
OF_LINE = "total|totaal|gesamt|summe|soma|suma|razem|итого|toplam|合計|合计|extended|line|zeile"
OWED = "due$|owed|outstanding|balance|unpaid|remaining|offen|fällig|dovut|adeud|restant"
AFTER_DISCOUNT = (
    "discounted|reduced|afterdisc|nachrabatt|reduziert|aprèsremise|réduit|rebajado|condescuento|comdesconto|scontato"
)


@dataclass(frozen=True)
class MoneyRoles:
    """What the columns of a log seem to say of money; the fields are headers.

    Parameters
    ----------
    amount, quantity, price, list_price, discount_rate : str, optional
        As in :class:`~segments.config.source.Transactions`; with an amount there is neither quantity nor price.
    discount_unit : {"share", "percent"}, optional
        How the rate is written.
    discounts, coupons : list of str
        Price reductions and coupon values, in money.
    questions : list of str
        What cannot be known from the file, for a person.
    others : list of str
        Other columns that may be what was paid: amounts beside an amount, prices beside a price.
    is_doubtful : bool
        Whether it is a question if these columns say what was paid for a line at all.
    remark : str
        What a person should look at, of the amount.
    """

    amount: str | None = None
    quantity: str | None = None
    price: str | None = None
    list_price: str | None = None
    discount_rate: str | None = None
    discount_unit: Literal["share", "percent"] | None = None
    discounts: list[str] = field(default_factory=list)
    coupons: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    is_doubtful: bool = False
    remark: str = ""

    @property
    def paid(self) -> list[str]:
        """The columns that what was paid is made of."""
        return [header for header in (self.amount, self.quantity, self.price, self.list_price) if header is not None]

    @property
    def knows_money(self) -> bool:
        """Whether it is known what was paid for a line."""
        return self.amount is not None or self.quantity is not None


def money_roles(numbers: Mapping[str, pd.Series[float]], of_orders: Collection[str] = ()) -> MoneyRoles:
    """Guess which columns say what was paid; never a unit price alone, a rate or a count.

    Parameters
    ----------
    numbers : mapping of str to Series
        Values of each column of numbers that plays no other part, by header; on one index where a line has several.
    of_orders : collection of str
        Those that are the same on every line of an order.

    Examples
    --------
    >>> columns = {"Quantity": [6, 2], "UnitPrice": [2.55, 3.39]}
    >>> roles = money_roles({name: pd.Series(values, dtype="float64") for name, values in columns.items()})
    >>> roles.quantity, roles.price, roles.amount
    ('Quantity', 'UnitPrice', None)
    >>> alone = money_roles({"UnitPrice": pd.Series([2.55, 3.39])})
    >>> alone.knows_money, alone.questions
    (False, ['what was paid for a line? "UnitPrice" is what one unit costs, and no column of units was found: write amount: "UnitPrice" only if every line is one unit'])
    """
    questions: list[str] = []
    called = {name: normal_header(name) for name in numbers}
    coupons = [name for name in numbers if "coupon" in called[name]]
    free = [name for name in numbers if name not in coupons]
    reduced = [name for name in free if re.search(DISCOUNT, called[name]) and not _is_price(called[name])]
    discounts, rate, unit = _discounts({name: numbers[name] for name in reduced}, questions)
    free = [name for name in free if name not in reduced]
    price, listed, prices = _prices(free, called)
    quantities = (
        name for how in (QUANTITY, HOW_MUCH) for name in free if re.search(how, called[name]) and name not in prices
    )
    quantity = next(quantities, None)
    named = _amounts([name for name in free if name not in (*prices, quantity)], called, of_orders)
    if is_unsure := not named and not prices:
        price = next((name for name in free if _is_price(re.sub(COST, "", called[name]))), None)
        named = [name for name in free if price is None and name != quantity and re.search(PERHAPS, called[name])]
    amount = next((name for name in named if not _no_money(called[name], numbers[name])), None)
    times = {name: one for name in named if (one := _counted(name, named, numbers)) is not None}
    amount = next(iter(times), amount)
    if amount in of_orders and quantity is not None and (price or listed) not in (None, *of_orders):
        amount = None
    for name in named:
        if amount is None and (why := _no_money(called[name], numbers[name])):
            questions.append(
                f'is "{name}" money? It holds {why}; if it is what was paid for a line, write amount: "{name}"'
            )
    if quantity is not None and amount is not None and price is not None:
        fitting = (name for name in named if _differ(numbers[name], numbers[quantity] * numbers[price]) < 0.05)
        amount = next(fitting, amount)  # net and gross: the one that is of a line for certain
    by_units = amount is None and quantity is not None and (price or listed) is not None
    paid = amount or price or listed or ""
    found = MoneyRoles(
        amount=amount,
        quantity=quantity,
        price=price,
        list_price=listed,
        discount_rate=rate,
        discount_unit=unit if rate else None,
        discounts=discounts,
        coupons=coupons,
        others=[
            name
            for name in (named if amount is not None else prices if by_units else [])
            if name not in (paid, listed, times.get(paid)) and not _no_money(called[name], numbers[name])
            if _differ(numbers[name], numbers[paid])
        ],
    )
    doubt, remark = _doubt(found, numbers, called, free)
    if is_unsure and amount is not None:
        remark += " # CHECK: is this what was paid?"
    if amount is None and quantity is None and (alone := price or listed):
        what = "what one unit costs" if re.search(UNIT, called[alone]) else "a price, perhaps of one unit"
        questions.append(
            f'what was paid for a line? "{alone}" is {what}, and no column of units was found: '
            f'write amount: "{alone}" only if every line is one unit'
        )
    return replace(
        found,
        quantity=quantity if by_units else None,
        price=price if by_units else None,
        # beside an amount it may be of the line or of one unit: only with units is that known
        list_price=listed if by_units and not (price and rate) else None,
        questions=[*questions, *([doubt] if doubt else [])],
        is_doubtful=bool(doubt),
        remark=remark,
    )


def _prices(free: Sequence[str], called: Mapping[str, str]) -> tuple[str | None, str | None, list[str]]:
    """Of the columns of prices, the one that was paid, the one before discounts, and all of them."""
    prices = [name for name in free if _is_price(called[name])]
    prices.sort(key=lambda name: re.search(AFTER_DISCOUNT, called[name]) is None)
    listed = next((name for name in prices if _is_list(called[name])), None)
    price = next((name for name in prices if name != listed), None)
    if listed is None and price is not None and re.search(AFTER_DISCOUNT, called[price]):
        listed = next((name for name in prices if name != price), None)
    return price, listed, prices


def _amounts(free: Sequence[str], called: Mapping[str, str], of_orders: Collection[str]) -> list[str]:
    """Columns that are called like what was paid, the most telling first."""
    named = dict.fromkeys(name for word in AMOUNT for name in free if word in called[name])
    # what is of the line before what is of its order, the whole before a part of it, what was paid before what was asked for
    return sorted(
        (name for name in named if not re.search(f"{NO_PAY}|{COST}", called[name])),
        key=lambda name: (
            name in of_orders,
            "subtotal" in called[name],
            re.search(OWED, called[name]) is not None,
        ),
    )


def _doubt(
    found: MoneyRoles, numbers: Mapping[str, pd.Series[float]], called: Mapping[str, str], free: Sequence[str]
) -> tuple[str, str]:
    """A question where these columns may not say what was paid for a line; and a remark where they say a little more."""
    amount, quantity, price, listed = found.amount, found.quantity, found.price, found.list_price
    if quantity is None:
        return "", ""
    if amount is not None and price is not None:
        extra = [name for name in free if re.search(NO_PAY, called[name])]
        return _whole_or_parts(numbers, amount, quantity, price, found.discounts, found.discount_rate, extra)
    if amount is not None:
        is_known = re.search(OF_LINE, called[amount]) is not None
        is_of_one = listed is None and not is_known and _is_of_one(numbers[amount], numbers[quantity])
        return _one_or_line(amount, quantity) if is_of_one else "", ""
    reduction = found.discount_rate or next(iter(found.discounts), None)
    if price is not None:
        if re.search(COST, called[price]):
            return f'who paid "{price}"? If customers did, write quantity: "{quantity}" and price: "{price}"', ""
        is_known = re.search(UNIT, called[price]) is not None
        if "salesprice" in called[price] or (not is_known and _rises(numbers[price], numbers[quantity])):
            return _one_or_line(price, quantity), ""
        if listed is None and reduction is not None:
            said = f'discount_rate: "{reduction}"' if found.discount_rate else f'discounts: ["{reduction}"]'
            return (
                f'is "{price}" before "{reduction}" or after it? Before: write quantity: "{quantity}", list_price: "{price}" and {said}; '
                f'after: quantity: "{quantity}" and price: "{price}"'
            ), ""
    elif listed is not None and reduction is None:
        return (
            f'what was paid for a line? "{listed}" is a price before discounts, and no column of these was found: '
            f'write quantity: "{quantity}" and list_price: "{listed}" only if there were none'
        ), ""
    return "", ""


def _is_price(called: str) -> bool:
    """Whether a header speaks of what one costs, not of what was paid for a line."""
    if re.search(f"{COST}|{NO_PAY}", called):
        return False
    is_money = any(word in called for word in AMOUNT)
    if re.search(PRICE, called):
        # the sales price may be of a unit, so is a valor unitário, and a price is net or gross
        rest = re.sub("sales(?=price)|valor(?=unit)|gross|brut+o?|netto|lordo", "", called)
        is_discount = re.search(DISCOUNT, called) and not re.search(AFTER_DISCOUNT, called)
        return not any(word in rest for word in AMOUNT) and (not is_discount or _is_list(called))
    return is_money and re.search(OF_ONE, called) is not None and not re.search("unitsales|unitssold", called)


def _one_or_line(money: str, quantity: str) -> str:
    return (
        f'is "{money}" of one unit? Then write quantity: "{quantity}" and price: "{money}"; '
        f'if it is of the whole line, amount: "{money}"'
    )


def _whole_or_parts(
    numbers: Mapping[str, pd.Series[float]],
    amount: str,
    quantity: str,
    price: str,
    discounts: Sequence[str],
    rate: str | None,
    extra: Sequence[str],
) -> tuple[str, str]:
    """A question where an amount is another figure than units x price, less what is off it; a remark where it is with what is added."""
    whole = numbers[quantity] * numbers[price]
    off = [numbers[name].abs() for name in discounts]
    fits = [whole, *(whole - one for one in off), *([whole - sum(off)] if len(off) > 1 else [])]
    if rate is not None:
        fits += [whole - whole * numbers[rate], whole - whole * numbers[rate] / 100]
    other = min(_differ(numbers[amount], one) for one in fits)
    if other <= 0.05:
        return "", ""
    more = next((name for name in extra if _differ(numbers[amount], whole + numbers[name]) < 0.05), None)
    if more is not None:
        return "", f' # CHECK: "{more}" is in it; without, write quantity: "{quantity}" and price: "{price}"'
    return (
        f'is "{amount}" what was paid for a line? "{quantity}" x "{price}" is another figure on {other:.0%} of the lines: '
        f'write amount: "{amount}", or quantity: "{quantity}" and price: "{price}"'
    ), ""


def _is_of_one(money: pd.Series[float], units: pd.Series[float]) -> bool:
    """Whether money seems to be of one unit: by the line it does not rise with the units, and divided by them it falls."""
    both = pd.DataFrame({"money": money.abs(), "units": units.abs()}).dropna()
    both = both[both["units"] > 0]
    by_line, by_one = (one.rank().corr(both["units"].rank()) for one in (both["money"], both["money"] / both["units"]))
    return bool(by_one < -CHANCE / max(1, len(both)) ** 0.5 and by_line < -by_one / 2)


def _counted(whole: str, named: Sequence[str], numbers: Mapping[str, pd.Series[float]]) -> str | None:
    """Another column of money of which this one is a whole number of times, by a column of such numbers; whatever they are called."""
    paid = numbers[whole][numbers[whole].abs() > 0]  # nothing is any number of times nothing
    counts = [one for one in numbers.values() if (one.dropna() % 1 == 0).all()]
    for name in (name for name in named if name != whole):
        for count in counts:
            own, times = paid.align((numbers[name] * count).dropna(), join="inner")
            is_most = 2 * len(own) > len(numbers[whole])
            if is_most and _differ(own, times) < 0.05 <= _differ(own, numbers[name].reindex(own.index)):
                return name
    return None


def _is_list(called: str) -> bool:
    return re.search(PRICE, called) is not None and re.search(LIST, called) is not None


def _rises(price: pd.Series[float], units: pd.Series[float]) -> bool:
    """Whether a price is the higher the more units there are: then it is rather of all of them."""
    both = pd.DataFrame({"price": price, "units": units}).dropna().abs()
    rises = both["price"].rank().corr(both["units"].rank())
    return bool(rises > max(RISES, CHANCE / max(1, len(both)) ** 0.5))


def _differ(one: pd.Series[float], other: pd.Series[float]) -> float:
    """On which share of the lines two figures are not the same."""
    return float(((one - other).abs() > 0.01).mean())


def _discounts(
    numbers: Mapping[str, pd.Series[float]], questions: list[str]
) -> tuple[list[str], str | None, Literal["share", "percent"] | None]:
    """Reductions in money, the one that is a rate, and how this is written."""
    money: list[str] = []
    rates: dict[str, Literal["share", "percent"]] = {}
    for name, values in numbers.items():
        off = values.abs()
        off = off[off > 0]
        if not len(off):
            money.append(name)
        elif off.max() <= 1:
            rates[name] = "share"
        elif off.max() <= 100 and re.search(f"{RATE}|%", name.lower()):
            rates[name] = "percent"
        elif off.max() <= 100 and (off % 5 == 0).all():
            questions.append(
                f'is "{name}" money or percent? It holds {off.min():g} to {off.max():g}: write discounts: ["{name}"], '
                f'or discount_rate: "{name}" and discount_unit: percent'
            )
        else:
            money.append(name)
    chosen = next(iter(rates), None)
    questions += [
        f'"{name}" seems to be a second rate of discount: only "{chosen}" is used' for name in list(rates)[1:]
    ]
    return money, chosen, rates[chosen] if chosen else None


def _no_money(called: str, values: pd.Series[float]) -> str:
    """Why a column that is called like money seems to be none, or nothing."""
    span = f"({values.min():g} to {values.max():g})"
    if values.abs().max() <= 1 or (re.search(RATE, called) and values.abs().max() <= 100):
        return f"rates {span}"
    whole = bool((values % 1 == 0).all())
    few = len(values) >= MANY_LINES and values.nunique() <= FEW_COUNTS
    if whole and (few or re.search(COUNT, called)):
        return f"counts or codes {span}"
    return ""
