"""A made-up log of the layout most logs on the web have: UCI's *Online Retail* (a British wholesaler of gifts, December 2010 to December 2011).

Faithful in what makes it hard: quantity and unit price, cancellations under ``C...`` with another number and of a part or all of what was bought,
a quarter of the lines without a customer, postage and other codes that are no goods, equal lines, prices of nothing, stock adjustments,
a debt written off, times as an American writes them, and customer 12346, who bought 74,215 of one thing and sent them back 16 minutes later.

``python tests/online_retail.py data.csv 541909`` writes one of the original size.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd

COLUMNS = ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"]
LAST_MINUTE = 373 * 24 * 60
NOT_GOODS = {"POST": "POSTAGE", "M": "Manual", "D": "Discount", "BANK CHARGES": "Bank Charges"}


def online_retail(lines: int, seed: int = 0) -> pd.DataFrame:
    """So many lines, in the order of time, each cell as the file writes it."""
    draw = np.random.default_rng(seed)
    bought = round(lines * 0.972)
    orders, customers, products = max(bought // 21, 8), max(lines // 124, 12), max(lines // 135, 20)
    order = np.sort(draw.integers(0, orders, bought))
    starts = np.sort(draw.integers(0, LAST_MINUTE, orders))
    loyal = draw.pareto(1.5, customers) + 0.6
    who = draw.choice(customers, orders, p=loyal / loyal.sum())
    unknown = draw.random(orders) < 0.25
    code = np.minimum(draw.zipf(1.2, bought), 10**9) % products
    price = np.round(draw.lognormal(0.7, 0.8, products) + 0.01, 2)
    quantity = np.maximum(np.minimum(draw.lognormal(1.3, 1.2, bought), 4000).astype(int), 1)
    table = pd.DataFrame(
        {
            "InvoiceNo": (536365 + order).astype(str),
            "StockCode": [f"{22000 + one}{'A' if one % 7 == 0 else ''}" for one in code],
            "Description": [f"GIFT NO {one}, RED" for one in code],
            "Quantity": quantity,
            "minute": starts[order],
            "UnitPrice": price[code],
            "CustomerID": np.where(unknown[order], "", (12347 + who[order]).astype(str)),
            "Country": np.where(who[order] % 9 == 0, "Germany", "United Kingdom"),
        }
    )
    for position, (name, words) in enumerate(NOT_GOODS.items()):
        rows = draw.random(bought) < 0.003 / (position + 1)
        table.loc[rows, ["StockCode", "Description"]] = [name, words]
        table.loc[rows, "Quantity"] = -1 if name == "D" else 1
        table.loc[rows, "UnitPrice"] = [18.0, 40.99, 27.5, 15.0][position]
    table.loc[draw.random(bought) < 0.005, "UnitPrice"] = 0.0
    # Sent back: a whole line, some of it, all of it in two parts, or what was bought before the log began.
    back = table[(table["StockCode"].str.len() > 4) & (table["UnitPrice"] > 0)].sample(
        round(lines * 0.014), random_state=seed
    )
    kind = draw.integers(0, 4, len(back))
    half = (back["Quantity"] // 2).clip(lower=1)
    first = back.assign(Quantity=-back["Quantity"].where(kind < 2, half).where(kind < 3, back["Quantity"] * 3))
    second = first[(kind == 2) & (back["Quantity"] > half)]
    second = second.assign(Quantity=-(back["Quantity"] - half).loc[second.index])
    returned = pd.concat([first, second], ignore_index=True)
    returned["minute"] = (returned["minute"] + draw.integers(1, 60 * 24 * 40, len(returned))).clip(upper=LAST_MINUTE)
    returned["InvoiceNo"] = [f"C{600000 + number}" for number in range(len(returned))]
    odd = pd.DataFrame(
        [
            ("541431", "23166", "MEDIUM CERAMIC TOP STORAGE JAR", 74215, 69 * 1440, 1.04, "12346", "United Kingdom"),
            (
                "C541433",
                "23166",
                "MEDIUM CERAMIC TOP STORAGE JAR",
                -74215,
                69 * 1440 + 16,
                1.04,
                "12346",
                "United Kingdom",
            ),
            ("A563186", "B", "Adjust bad debt", 1, 300 * 1440, -11062.06, "", "United Kingdom"),
            ("540000", "22001", "damaged", -70, 80 * 1440, 0.0, "", "United Kingdom"),
        ],
        columns=table.columns,
    )
    table = pd.concat([table, returned, odd], ignore_index=True)
    table = pd.concat([table, table.sample(lines - len(table), random_state=seed + 1)])  # equal lines
    table = table.sort_values(["minute", "InvoiceNo"], kind="stable", ignore_index=True)
    day = pd.Timestamp("2010-12-01") + pd.to_timedelta(table.pop("minute"), unit="min")
    text = day.dt.month.astype(str) + "/" + day.dt.day.astype(str) + "/" + day.dt.strftime("%Y %H:%M")
    return table.assign(InvoiceDate=text)[COLUMNS]


if __name__ == "__main__":
    online_retail(int(sys.argv[2])).to_csv(sys.argv[1], index=False)
