"""What each feature says of a customer. Comes in: nothing. Goes out: a dictionary that reports and the catalog of tables read."""

from __future__ import annotations

from typing import NamedTuple

MONEY = "currency of the source"
SCORE = "1 to 5, 5 is best"


class Feature(NamedTuple):
    """One feature in words: a short label, what exactly it is, and its unit ("" is a share or a bare number)."""

    label: str
    meaning: str
    unit: str = ""


FEATURES = {
    "recency_days": Feature("days since last purchase", "from the LAST purchase to the as-of date", "days"),
    "frequency": Feature("orders", "distinct orders", "orders"),
    "purchase_days": Feature("days with a purchase", "distinct days with a purchase", "days"),
    "monetary": Feature("money spent", "money paid, returns taken off", MONEY),
    "tenure_days": Feature("days since first purchase", "from the first purchase to the as-of date", "days"),
    "basket_value": Feature("basket value", "monetary / frequency", f"{MONEY} per order"),
    "gap_days_mean": Feature(
        "days between purchases",
        "mean time from one purchase day to the next; of a single purchase day, tenure_days",
        "days",
    ),
    "gap_days_std": Feature(
        "irregularity of purchases (days)",
        "standard deviation of those times; of fewer than two, gap_days_mean",
        "days",
    ),
    "departments": Feature("departments bought from", "distinct departments", "departments"),
    "products": Feature("different products", "distinct products", "products"),
    "stores": Feature("stores visited", "distinct stores", "stores"),
    "weekend_share": Feature("spent at weekends", "share of spend on Saturdays and Sundays"),
    "morning_share": Feature("spent in the morning", "share of spend before hour `features.morning_until`"),
    "evening_share": Feature("spent in the evening", "share of spend from hour `features.evening_from` on"),
    "private_label_share": Feature("spent on store brands", "share of spend on store brands"),
    "discount_share": Feature("price reductions", "discount / (spend + discount)"),
    "coupon_share": Feature("paid with coupons", "coupon / (spend + coupon)"),
    "trend": Feature(
        "trend of spending (−1 to 1)",
        "(spend of the recent half of the log − spend of the earlier half) / both, -1 to 1",
    ),
    "r_score": Feature("recency score", "fifth of recency_days, the most recent highest", SCORE),
    "f_score": Feature("frequency score", "fifth of frequency", SCORE),
    "m_score": Feature("money score", "fifth of monetary", SCORE),
}
