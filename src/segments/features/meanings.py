"""What each feature says of a customer. Comes in: nothing. Goes out: a dictionary that reports and the catalog of tables read."""

from __future__ import annotations

from typing import NamedTuple

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
