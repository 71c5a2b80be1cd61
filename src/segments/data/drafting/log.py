"""The draft of a log. Comes in: a sample, and which column plays which part. Goes out: the YAML of its transactions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

import pandas as pd

from segments.config.source import Policy
from segments.data.days import main_days
from segments.data.drafting.cells import BOOKING_SIDES, FEW_VALUES, Sample, several_currencies
from segments.data.drafting.headers import (
    BOUGHT,
    CENTS,
    CURRENCY_NAME,
    LINE_KIND,
    LOOKED_AT,
    NAMELESS,
    NO_PURCHASE,
    NOBODY,
    PAID_BACK,
    REFUND,
    words_of,
)
from segments.data.drafting.money_roles import QUANTITY
from segments.data.drafting.roles import Roles, repeated_in_orders
from segments.data.drafting.scales import YES
from segments.data.drafting.texts import comment, one_line, quote
from segments.data.reading.cells import CURRENCY_SIGN
from segments.data.rows import normal_header

MEANS = r"pay|card|karte|zahl|method|carte"  # with what was paid: a debit card is no side
MANY_TIMES = 5  # as many lines as the median customer: a number that may stand for nobody then does


def as_of_line(days: Sequence[tuple[date, int]], today: date) -> str:
    """Draft the as-of date of a log: the last day of it that can be one.

    Parameters
    ----------
    days : sequence of (date, int)
        Its days and their lines, in order.
    today : date
        No purchase lies after it.

    Examples
    --------
    >>> days = [(date(2024, 1, day), 5) for day in range(1, 31)]
    >>> as_of_line(days, date(2024, 6, 1))
    'as_of: "2024-01-30" # the last purchase in the log: all of that day is known, nothing after it'
    >>> as_of_line([*days, (date(2204, 1, 1), 1)], date(2024, 6, 1))
    'as_of: "2024-01-30" # CHECK: 1 line lies after it, up to 2204-01-01, and would be left out: this is the last day before a gap, or before tomorrow'
    """
    _, last = main_days([(day, lines) for day, lines in days if day <= today] or days)
    later = sum(lines for day, lines in days if day > last)
    if not later:
        return f'as_of: "{last}" # the last purchase in the log: all of that day is known, nothing after it'
    return (
        f'as_of: "{last}" # CHECK: {later:,} line{"s lie" if later != 1 else " lies"} after it, up to {days[-1][0]}, '
        "and would be left out: this is the last day before a gap, or before tomorrow"
    )


def log_lines(sample: Sample, path: str, roles: Roles, days: Sequence[tuple[date, int]], read: list[str]) -> list[str]:
    """Write the YAML from the as-of date on.

    Parameters
    ----------
    sample : Sample
        Of the log.
    path : str
        Where the raw file will lie.
    roles : Roles
        Of its columns.
    days : sequence of (date, int)
        Days of the whole log and their lines, in order.
    read : list of str
        Lines that say how the file is read.
    """
    money = roles.money
    left_out, refunds = _left_out(sample, roles)
    asked = _of_money(sample, roles)
    lines, returns = [as_of_line(days, date.today())], _below_zero(sample, roles)
    if returns:
        header, share = max(returns.items(), key=lambda item: item[1])
        lines += [
            f"# {one_line(header)} is below zero on {share:.2%} of the lines: returns, which are netted (policy.returns: net, drop or keep);",
            "# rfm_net is rfm with a logarithm that takes money below zero",
        ]
    lines.append(
        f"feature_sets: [{'rfm_net' if returns or refunds else 'rfm'}] # those of conf/feature_set you want swept"
    )
    lines += ["transactions:", f"  path: {quote(path)}"]
    lines += [f"  # QUESTION: {comment(question)}" for question in [*money.questions, *asked]]
    is_doubtful = money.is_doubtful or bool(asked)
    if is_doubtful or not money.knows_money:
        lines.append("  # amount: until this is known, the source is refused")
    parts = {key: getattr(roles, key) for key in ("customer", "time")}
    parts |= {key: getattr(money, key) for key in ("amount", "quantity", "price", "list_price", "discount_rate")}
    parts |= {key: getattr(roles, key) for key in ("order", "line", "product", "store")}
    for key, header in parts.items():
        if header is not None:
            guess = " # a guess: the file has no header" if NAMELESS.fullmatch(header.casefold()) else ""
            if key == ("price" if money.amount is None else "amount") and money.others and not money.is_doubtful:
                guess += f" # CHECK: or {', '.join(map(quote, money.others[:3]))}?"
            guess += money.remark if key == "amount" else ""
            if header in money.paid and (re.search(CENTS, words_of(header)) or _may_be_cents(sample, header)):
                guess += " # CHECK: in cents? As drafted, each counts as one of the currency; a query can divide"
            asks = "# " if is_doubtful and header in money.paid else ""
            lines.append(f"  {asks}{key}: {quote(header)}{guess}{roles.doubts.get(key, '')}")
        if key == "price" and money.quantity is not None:
            lines[-1] += " # the money of a line is quantity x price"
        if key == "discount_rate" and header is not None:
            lines.append(
                f"  discount_unit: {money.discount_unit} # a fifth is {'0.2' if money.discount_unit == 'share' else '20'}"
            )
        if key == "order" and header is None:
            lines.append("  # order: no order or basket id found; a purchase day counts as one order")
    if roles.other_time_format is not None:
        either = f"{quote(roles.time_format or '')} or {quote(roles.other_time_format)}"
        lines.append(
            f"  # time_format: write {either}: every day of the file can be read in both orders, so only you know"
        )
    elif roles.time_format is not None:
        lines.append(f"  time_format: {quote(roles.time_format)}")
    for key, headers in (("discounts", money.discounts), ("coupons", money.coupons)):
        if headers:
            lines.append(f"  {key}: [{', '.join(map(quote, headers))}]")
    return lines + left_out + read + _of_lines(sample, roles)


def _may_be_cents(sample: Sample, header: str) -> bool:
    """Whether money is whole numbers without a sign, and other money beside it has both."""
    numbers = sample.numbers(header)
    signed = re.compile(rf"-?{CURRENCY_SIGN}\s?[\d.,\s]*\d[.,]\d\d")
    with_cents = (name for name in sample.headers if sample.present(name).str.fullmatch(signed).mean() > 0.9)
    return bool((numbers.dropna() % 1 == 0).all()) and next(with_cents, header) != header


def _refunded(sample: Sample, roles: Roles, headers: list[str], beside: bool) -> list[str]:
    """What was paid back, by columns of its amount; `beside` returns that are lines of their own it may be theirs."""
    amounts = {header: sample.numbers(header).abs() for header in headers}
    amounts = {header: amount.where(amount > 0) for header, amount in amounts.items()}
    of_all = [header for header in (roles.customer, roles.time) if header]
    repeated = set() if roles.order is None else repeated_in_orders(sample, roles.order, of_all, amounts)
    lines, drafted = [], False
    for header, amount in amounts.items():
        some = f"{one_line(header)} is above 0 on {amount.count():,} lines"
        if header in repeated:
            lines.append(
                f"  # CHECK: {some}, the same on all of an order, and is not taken off what was paid; a query can take it off one of them (docs/your-data.md)"
            )
        elif beside or drafted:
            lines.append(
                f"  # CHECK: {some}: is it paid back besides what other lines or columns take off? Then write refunded: {quote(header)}"
            )
        else:
            drafted = True
            lines.append(f"  refunded: {quote(header)} # CHECK: {some}: it is taken off what was paid for them")
    return lines


def _left_out(sample: Sample, roles: Roles) -> tuple[list[str], bool]:
    """Lines that say of themselves that they are no purchase, or nobody's, or money paid back (whether there are such); and what else an amount alone does not say."""
    played = {getattr(roles, key) for key in ("customer", "time", "order", "line", "product", "store")}
    money = roles.money
    named = [money.amount, money.quantity, money.price, money.list_price, *money.discounts, *money.coupons]
    paid = [header for header in named[:3] if header is not None]
    below = sample.numbers(paid[0]) if paid else pd.Series(dtype="float64")
    back = set(below[below < 0].index)
    found: dict[str, list[str]] = {}
    refunds: dict[str, list[str]] = {}
    paid_back: list[str] = []
    lines: list[str] = []
    if paid and (lacks := 1 - len(sample.present(paid[0])) / max(1, len(sample.cells))) > Policy().max_bad_share:
        lines.append(
            f"  # QUESTION: {one_line(paid[0])} is missing on {lacks:.0%} of the lines: does it stand once for each order? "
            f"Then leave the others out with policy: {{max_bad_share: {min(lacks + 0.05, 0.95):.2f}}}; if not, name what was paid for each line"
        )
    for header in sample.headers:
        values = sample.present(header)
        if header == roles.customer:
            words = _nobodies(values)
            if "0" not in words and (values == "0").any():
                lines.append(f"  # CHECK: {one_line(header)} 0: nobody, or the first of all? As drafted, a customer")
        elif header in played or header in named or values.nunique() > FEW_VALUES:
            words = []
        else:
            codes = values[~values.index.isin(back)]  # money below zero is a return, which is netted
            is_none = codes.str.contains(NO_PURCHASE, case=False) & ~codes.str.contains("part|teil", case=False)
            if re.search(NO_PURCHASE, words_of(header)) and "able" not in header.casefold() and values.nunique() <= 2:
                is_none |= codes.str.casefold().isin(YES)  # Returned: Yes
            if re.search(LINE_KIND, words_of(header)) and codes.str.contains(BOUGHT, case=False).any():
                is_none |= codes.str.contains(LOOKED_AT, case=False) & ~codes.str.contains(BOUGHT, case=False)
            telling = codes[is_none]
            words = [str(word) for word in telling.value_counts().index]
            back_words = [word for word in words if re.search(PAID_BACK, word, re.IGNORECASE)]
            if back_words and _stand_alone(sample, roles, header, telling[telling.isin(back_words)]):
                refunds[header] = back_words
                words = [word for word in words if word not in back_words]
        if words:
            found[header] = words
        units = re.search(QUANTITY, normal_header(header))
        if (
            header not in played
            and not units
            and re.search(REFUND, words_of(header))
            and (sample.numbers(header).abs() > 0).any()
        ):
            paid_back.append(header)
    lines += _refunded(sample, roles, paid_back, beside=bool(back or refunds))
    for key, by_header, asked in (
        (
            "exclude",
            found,
            "no purchases, or nobody's? ({}) Money paid back in a line of its own is taken off by refunds",
        ),
        ("refunds", refunds, "money paid back in lines of its own? ({}) It is taken off, whatever its sign"),
    ):
        if by_header:
            counts = {header: int(sample.present(header).isin(words).sum()) for header, words in by_header.items()}
            said = ", ".join(f"{one_line(header)} on {count:,} lines" for header, count in counts.items())
            listed = ", ".join(
                f"{quote(header)}: [{', '.join(map(quote, words))}]" for header, words in by_header.items()
            )
            lines.append(f"  {key}: {{{listed}}} # CHECK: {asked.format(said)}")
            if once := [header for header in by_header if _stands_once(sample, roles, header)]:
                lines.append(
                    f"  # CHECK: {', '.join(map(one_line, once))} stands on one line of each order only, and speaks for that line alone: "
                    "where what was paid stands on every line, fill it in by a query (docs/your-data.md)"
                )
    return lines, bool(refunds)


def _of_money(sample: Sample, roles: Roles) -> list[str]:
    """Why the money of a line may not be what was paid for it: questions that only a person can answer."""
    money, asked = roles.money, []
    played = {roles.customer, roles.time, roles.order, roles.product, roles.store, *money.paid}
    for header in sample.headers:
        if header in played or sample.cells[header].nunique() > FEW_VALUES + len(sample.missing):
            continue
        values = sample.present(header)
        if not 1 < values.nunique() <= FEW_VALUES:
            continue
        several = ", ".join(map(one_line, values.value_counts().index[:5]))
        if re.search(CURRENCY_NAME, words_of(header)):
            asked.append(
                f"{one_line(header)} has {several}: money of several currencies is added up as it stands; choose one by exclude, or convert in a query"
            )
        if set(values.str.casefold()) in BOOKING_SIDES and not re.search(MEANS, words_of(header)):
            asked.append(
                f"{one_line(header)} has {several}: on which side is money paid back? Write it as refunds: {{{quote(header)}: [...]}}"
            )
    if not money.paid:
        return asked
    for header in money.paid:
        if question := several_currencies(header, sample.present(header)):
            asked.append(question)
    paid = sample.numbers(money.paid[0])
    if (below := float((paid < 0).mean())) > 0.5:  # most
        asked.append(
            f"{one_line(money.paid[0])} is below zero on {below:.0%} of the lines: are these what customers paid, seen from the other side? A query can turn the sign"
        )
    if money.amount is not None and roles.order is not None:
        of_all = [header for header in (roles.customer, roles.time) if header]
        if repeated_in_orders(sample, roles.order, of_all, {money.amount: paid}):
            asked.append(
                f"{one_line(money.amount)} is the same on every line of an order: is it what the whole order cost? Then name what was paid for each line, "
                f"or make one line of each order by a query (docs/your-data.md); if it is of the line, write amount: {quote(money.amount)}"
            )
    return asked


def _stand_alone(sample: Sample, roles: Roles, header: str, back: pd.Series) -> bool:
    """Whether money is paid back in lines of its own, beside the purchase's; else the purchase's own line says that it was."""
    if re.search(LINE_KIND, words_of(header)):
        return True
    if roles.order is None:
        return False
    orders = sample.present(roles.order)
    filled = sample.present(header).index  # what says nothing of itself says nothing against it
    others = set(orders[orders.index.isin(filled) & ~orders.index.isin(back.index)])
    return float(orders[orders.index.isin(back.index)].isin(others).mean()) > 0.5  # most


def _stands_once(sample: Sample, roles: Roles, header: str) -> bool:
    """Whether a column says something on one line of an order at most, though orders have several."""
    if roles.order is None or header in {roles.customer, roles.order}:
        return False
    orders = sample.present(roles.order)
    of_column = orders[orders.index.isin(sample.present(header).index)]
    return bool(orders.duplicated().any()) and len(of_column) < len(orders) and not of_column.duplicated().any()


def _nobodies(ids: pd.Series) -> list[str]:
    """Ids that stand for whoever has none: words for it, and numbers of that kind that are no part of a count or come far more often."""
    lines = ids.value_counts()
    known = set(map(str, lines.index))
    found = []
    for word, count in lines[lines.index.str.casefold().str.fullmatch(NOBODY)].items():
        name = str(word)
        number = re.fullmatch(r"-?\d+", name)
        counted = number is not None and str(abs(int(name)) + (1 if int(name) <= 0 else -1)) in known
        if (count > 1 or "9" not in name) and (not counted or count > MANY_TIMES * lines.median()):
            found.append(name)
    return found


def _below_zero(sample: Sample, roles: Roles) -> dict[str, float]:
    """Which of the columns that money is made of go below zero, and on which share of the lines."""
    paid = [header for header in (roles.money.amount, roles.money.quantity, roles.money.price) if header is not None]
    shares = {name: float((sample.numbers(name) < 0).mean()) for name in paid}
    return {name: share for name, share in shares.items() if share > 0}


def _of_lines(sample: Sample, roles: Roles) -> list[str]:
    """What stands in the lines that a person should decide on: codes that are no goods, returns, lines of nobody."""
    found = []
    if roles.product is not None:
        codes = sample.present(roles.product)
        wordy = codes[~codes.str.contains(r"\d")]
        if 0 < len(wordy) < 0.05 * len(codes):
            words = ", ".join(quote(word) for word in wordy.value_counts().index[:12])
            found.append(
                f"  # codes without a digit, unlike the others: if they are no goods, write exclude: {{{quote(roles.product)}: [{words}]}}"
            )
    if roles.order is not None and (equal := float(sample.cells.duplicated(keep=False).mean())) > 0.5:  # most
        found.append(
            f"  # CHECK: {equal:.0%} of the lines are equal to another: items of one kind, or the total of an order on each of its lines? As drafted, they are added up"
            + (f": {one_line(roles.money.paid[0])}" if roles.money.paid else "")
        )
    if roles.customer is not None:
        named = sample.present(roles.customer)
        nobody, people = 1 - len(named) / len(sample.cells), named.nunique()
        if people <= FEW_VALUES:
            found.insert(
                0, f"  # CHECK: {one_line(roles.customer)} has only {people} different values: does it say who bought?"
            )
        if nobody > Policy().max_bad_share:
            found.append("policy:")
            found.append(
                f"  max_bad_share: {min(nobody + 0.05, 0.95):.2f} # {nobody:.1%} of the lines name no customer ({one_line(roles.customer)}): "
                "they are left out and counted; is that as it should be?"
            )
    return found
