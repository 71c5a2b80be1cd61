"""What each feature says of a customer, in words and figures for people. Comes in: what the source calls its columns. Goes out: labels, numbers as text."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:  # the catalog names meanings, and `segments summary` needs no pydantic
    from segments.config.columns import Label

CURRENCY = "currency of the source"
SCORE = "1 to 5, 5 is best"


class FeatureMeaning(NamedTuple):
    """One feature in words: a short label, what exactly it is, and its unit ("" is a share or a bare number)."""

    label: str
    meaning: str
    unit: str = ""


FEATURE_WORDS = {
    "recency_days": FeatureMeaning("days since last purchase", "from the LAST purchase to the as-of date", "days"),
    "frequency": FeatureMeaning("orders", "distinct orders", "orders"),
    "purchase_days": FeatureMeaning("days with a purchase", "distinct days with a purchase", "days"),
    "monetary": FeatureMeaning("money spent", "money paid, returns taken off", CURRENCY),
    "tenure_days": FeatureMeaning("days since first purchase", "from the first purchase to the as-of date", "days"),
    "basket_value": FeatureMeaning("basket value", "monetary / frequency", f"{CURRENCY} per order"),
    "gap_days_mean": FeatureMeaning(
        "days between purchases",
        "mean time from one purchase day to the next; of a single purchase day, tenure_days",
        "days",
    ),
    "gap_days_std": FeatureMeaning(
        "irregularity of purchases (days)",
        "standard deviation of those times; of fewer than two, gap_days_mean",
        "days",
    ),
    "departments": FeatureMeaning("departments bought from", "distinct departments", "departments"),
    "products": FeatureMeaning("different products", "distinct products", "products"),
    "stores": FeatureMeaning("stores visited", "distinct stores", "stores"),
    "weekend_share": FeatureMeaning("spent at weekends", "share of spend on Saturdays and Sundays"),
    "morning_share": FeatureMeaning("spent in the morning", "share of spend before hour `features.morning_until`"),
    "evening_share": FeatureMeaning("spent in the evening", "share of spend from hour `features.evening_from` on"),
    "private_label_share": FeatureMeaning("spent on store brands", "share of spend on store brands"),
    "discount_share": FeatureMeaning("price reductions", "discount / (spend + discount)"),
    "coupon_share": FeatureMeaning("paid with coupons", "coupon / (spend + coupon)"),
    "trend": FeatureMeaning(
        "trend of spending (−1 to 1)",
        "(spend of the recent half of the log − spend of the earlier half) / both, -1 to 1",
    ),
    "r_score": FeatureMeaning("recency score", "fifth of recency_days, the most recent highest", SCORE),
    "f_score": FeatureMeaning("frequency score", "fifth of frequency", SCORE),
    "m_score": FeatureMeaning("money score", "fifth of monetary", SCORE),
}

Labels: TypeAlias = "Mapping[str, Label]"
NONE: Labels = MappingProxyType({})


def called(feature: str, labels: Labels = NONE) -> str:
    """What the source calls a column, or else its name without underscores.

    Examples
    --------
    >>> from segments.config.columns import Label
    >>> called("mnt_wines", {"mnt_wines": Label(label="wine")}), called("kids_home")
    ('wine', 'kids home')
    """
    return (labels[feature].label if feature in labels else "") or feature.replace("_", " ")


def label(feature: str, labels: Labels = NONE, *, unit: bool = True) -> str:
    """A feature in words, with its unit.

    Examples
    --------
    >>> from segments.config.columns import Label
    >>> label("recency_days"), label("annual_income", {"annual_income": Label(unit="k$")}), label("spend_on_fuel")
    ('days since last purchase', 'annual income (k$)', 'spent on fuel')
    """
    said, known = labels.get(feature), FEATURE_WORDS.get(feature)
    words = (said.label if said else "") or (
        known.label if known else called(feature.replace("spend_on_", "spent on "))
    )
    return f"{words} ({said.unit})" if said and said.unit and unit else words


def number(feature: str, value: float, labels: Labels = NONE) -> str:
    """A figure of a feature: as the source says; shares in percent, large numbers without decimals.

    Examples
    --------
    >>> number("coupon_share", 0.125), number("monetary", 1861.5), number("stores", 4.22)
    ('12 %', '1,862', '4.2')
    >>> from segments.config.columns import Label
    >>> number("rate", 0.125, {"rate": Label(format=".1%")})
    '12.5%'
    """
    if value is None or math.isnan(value):
        return "–"
    if feature in labels and labels[feature].format:
        return format(value, labels[feature].format).replace("-", "−")
    if _is_share(feature):
        near_an_end = 0 < abs(value) < 0.0995 or 0.9905 < value < 1
        return (f"{value:.1%}" if near_an_end else f"{value:.0%}").replace("%", " %")
    places = 0 if abs(value) >= 100 or value == round(value) else 1 if abs(value) >= 1 else 2
    return f"{value:,.{places}f}".replace("-", "−")


def limit(feature: str, value: float, labels: Labels = NONE) -> str:
    """A limit of a rule: all of its digits, of a share in percent.

    Examples
    --------
    >>> limit("coupon_share", 0.32838), limit("monetary", 1234567.5)
    ('32.838 %', '1,234,567.5')
    """
    written = labels[feature].format if feature in labels else ""
    if written.endswith("%") or (not written and _is_share(feature)):
        return f"{value * 100:,.12g} %"
    return f"{value:,.12g}"


def money_text(value: float, currency: str) -> str:
    """An amount for a person, in whole units; a dash where it is not known.

    Examples
    --------
    >>> money_text(964708.3, "$"), money_text(-5.2, "EUR"), money_text(1234.5, ""), money_text(float("nan"), "$")
    ('$964,708', '-5 EUR', '1,234', '–')
    """
    if not math.isfinite(value):
        return "–"
    amount = f"{abs(value):,.0f}"
    sign = "-" if value < 0 and amount != "0" else ""
    # a sign stands before the number, a word after it
    return f"{sign}{amount} {currency}" if currency.isalpha() else f"{sign}{currency}{amount}"


def _is_share(feature: str) -> bool:
    return feature.endswith("_share") or feature.startswith("spend_on_")
