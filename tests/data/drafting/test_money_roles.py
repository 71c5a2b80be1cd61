"""Which columns are taken for money, and what is asked rather than guessed."""

from __future__ import annotations

import pandas as pd
import pytest

from segments.data.drafting.money_roles import money_roles

MANY = 40
PAID = [round(row * 1.37 + 2, 2) for row in range(MANY)]
UNITS = [row % 7 + 1 for row in range(MANY)]
PRICES = [round(row % 5 + 0.99, 2) for row in range(MANY)]
LINES = [round(n * each, 2) for n, each in zip(UNITS, PRICES, strict=True)]

LESS = [round(paid * (1 - 0.2 * (row % 2)), 2) for row, paid in enumerate(LINES)]  # a fifth off every second line


def roles(**columns: list[float]):
    return money_roles({name: pd.Series(values, dtype="float64") for name, values in columns.items()})


def said(found) -> dict:
    return {key: value for key, value in vars(found).items() if value not in (None, [], False, "")}


@pytest.mark.parametrize(
    ("columns", "parts"),
    [
        ({"Quantity": UNITS, "UnitPrice": PRICES}, {"quantity": "Quantity", "price": "UnitPrice"}),
        ({"Menge": UNITS, "Einzelpreis": PRICES}, {"quantity": "Menge", "price": "Einzelpreis"}),
        *(
            ({name: PAID}, {"amount": name})
            for name in (
                *("purchase_amount", "Purchase Amount (USD)", "total_purchase", "Montant achat"),
                *("Einkaufsbetrag", "kwota zakupu", "alışveriş tutarı", "importe compra", "importo acquisto"),
            )
        ),
        *(
            ({name: PAID}, {"amount": name, "remark": " # CHECK: is this what was paid?"})
            for name in (
                *(
                    "Purchase",
                    "amt",
                    "trans_amt",
                    "spent",
                    "Payment",
                    "monetary",
                    "cost",
                    "GMV",
                    "bill",
                    "fare",
                    "usd",
                    "sale",
                ),
                *("donation", "Achat", "Dépense", "Kosten", "gasto", "spesa", "Оплата"),
            )
        ),
        ({"total": PAID, "cost": LESS, "deposit": LESS}, {"amount": "total"}),
        *(  # what the shop paid beside what customers do
            ({"qty": UNITS, cost: LESS, price: PRICES}, {"quantity": "qty", "price": price})
            for cost, price in (
                *(("Purchase Price", "Selling Price"), ("Cost Price", "Unit Price"), ("Buying rate", "Unit price")),
                *(("Precio de compra", "Precio de venta"), ("Prezzo d'acquisto", "Prezzo di vendita")),
                *(("Preço de compra", "Preço de venda"), ("Prix d'achat", "Prix de vente")),
                *(("Cena zakupu", "Cena sprzedaży"), ("Alış fiyatı", "Satış fiyatı"), ("Einkaufspreis", "VK-Preis")),
            )
        ),
        (
            {"qty": UNITS, "Amount": LINES, "Purchase Price": LESS},
            {"amount": "Amount"},
        ),
        (
            {"qty": UNITS, "Wholesale Price": PRICES, "Retail Price": LESS},
            {"quantity": "qty", "price": "Wholesale Price", "others": ["Retail Price"]},
        ),
        (
            {"qty": UNITS, "MRP": LESS, "Price": PRICES},
            {"quantity": "qty", "price": "Price", "list_price": "MRP"},
        ),
        ({"qty": UNITS, "Price": PRICES, "Unit Price": PRICES}, {"quantity": "qty", "price": "Price"}),
        ({"qty": UNITS, "unit_price": PRICES, "line_total": LINES}, {"amount": "line_total"}),
        (
            {"qty": UNITS, "price": PRICES, "list_price": PAID},
            {"quantity": "qty", "price": "price", "list_price": "list_price"},
        ),
        (
            {"Sales": LINES, "Quantity": UNITS, "Discount": [0, 0.2] * 20},
            {"amount": "Sales", "discount_rate": "Discount", "discount_unit": "share"},
        ),
        (
            {"Betrag": PAID, "Rabatt_Prozent": [0, 20] * 20},
            {"amount": "Betrag", "discount_rate": "Rabatt_Prozent", "discount_unit": "percent"},
        ),
        ({"total": PAID, "discount": [0.35, 12.5] * 20}, {"amount": "total", "discounts": ["discount"]}),
        ({"total": PAID, "coupon_value": UNITS}, {"amount": "total", "coupons": ["coupon_value"]}),
        ({"sales_value": PAID, "profit_value": [0.1] * MANY}, {"amount": "sales_value"}),
        ({"total_price": PAID, "quantity": UNITS}, {"amount": "total_price"}),
        (
            {"qty": UNITS, "price": PRICES, "discount_rate": [0, 20] * 20, "total": LESS},
            {"amount": "total", "discount_rate": "discount_rate", "discount_unit": "percent"},
        ),
        (
            {"Menge": UNITS, "Preis": PRICES, "Brutto": [round(1.19 * paid, 2) for paid in LINES], "Netto": LINES},
            {"amount": "Netto", "others": ["Brutto"]},
        ),
        (
            {
                "qty": UNITS,
                "price": PRICES,
                "Tax 5%": [round(0.05 * paid, 2) for paid in LINES],
                "Total": [paid + round(0.05 * paid, 2) for paid in LINES],
            },
            {
                "amount": "Total",
                "remark": ' # CHECK: "Tax 5%" is in it; without, write quantity: "qty" and price: "price"',
            },
        ),
        (
            {"Amount incl. Tax": PAID, "Amount excl. Tax": LINES, "Tax": PRICES},
            {"amount": "Amount incl. Tax", "others": ["Amount excl. Tax"]},
        ),
        ({"Montant TVA": PRICES, "Montant": PAID}, {"amount": "Montant"}),
        ({"Себестоимость": PAID, "Количество": UNITS, "Цена": PRICES}, {"quantity": "Количество", "price": "Цена"}),
        ({"Valor unitário": PRICES, "Qtde": UNITS}, {"quantity": "Qtde", "price": "Valor unitário"}),
        ({"IVA": PRICES, "Total con IVA": PAID}, {"amount": "Total con IVA"}),
        # what the shop paid for it, and what it earned by it, is not what was paid
        ({"EK-Preis": PAID, "Menge": UNITS, "Preis": PRICES}, {"quantity": "Menge", "price": "Preis"}),
        ({"gross income": PAID, "cogs": PAID, "Ilość": UNITS, "Cena": PRICES}, {"quantity": "Ilość", "price": "Cena"}),
        (
            {"price": PRICES, "Price before Discount": PAID, "qty": UNITS},
            {"quantity": "qty", "price": "price", "list_price": "Price before Discount"},
        ),
        ({"net_amount": LINES, "gross_amount": PAID}, {"amount": "net_amount", "others": ["gross_amount"]}),
        ({"Netto": LINES, "Lordo": PAID}, {"amount": "Netto", "others": ["Lordo"]}),
        ({"Peso lordo": LINES, "Poids brut": LINES, "Montant": PAID}, {"amount": "Montant"}),
        ({"Menge": UNITS, "Prezzo lordo": PRICES}, {"quantity": "Menge", "price": "Prezzo lordo"}),
        ({"amount": LINES, "gross_weight": PRICES, "total_items": UNITS}, {"amount": "amount"}),
        # net or gross, a price is of one; so is what says so
        *(
            ({"Menge": UNITS, each: PRICES}, {"quantity": "Menge", "price": each})
            for each in ("E-Preis netto (€)", "Gross price", "Unit Amount", "Betrag pro Stück", "Montant unitaire")
        ),
        (
            {"qty": UNITS, "price": PAID, "discounted price": PRICES},
            {"quantity": "qty", "price": "discounted price", "list_price": "price"},
        ),
        ({"unit sales": UNITS, "price": PRICES, "sales": LINES}, {"amount": "sales"}),
        ({"amount_due": PAID, "amount_paid": LINES}, {"amount": "amount_paid", "others": ["amount_due"]}),
        ({"charge": PAID}, {"amount": "charge"}),
        # what is some whole number of times another figure is of the line, whatever the three are called
        ({"Amount": PRICES, "Total_Purchases": UNITS, "Value": LINES}, {"amount": "Value"}),
        ({"Amount": PRICES, "Total_Purchases": UNITS, "Value": PAID}, {"amount": "Amount", "others": ["Value"]}),
        # nothing is any number of times nothing, and once is no number of times
        (
            {"Amount": PAID, "Gift Value": [0] * (MANY - 1) + [9.5], "Returns": [0] * (MANY - 1) + [2]},
            {"amount": "Amount", "others": ["Gift Value"]},
        ),
        (
            {"Amount": PAID, "Paid": [PAID[0] + 1, *PAID[1:]], "Returns": [2, *[1] * (MANY - 1)]},
            {"amount": "Amount", "others": ["Paid"]},
        ),
    ],
)
def test_parts_are_known_by_name_and_values(columns, parts):
    assert said(roles(**columns)) == parts


@pytest.mark.parametrize(
    ("columns", "asked"),
    [
        ({"UnitPrice": PRICES}, '"UnitPrice" is what one unit costs, and no column of units'),
        ({"price": PRICES}, '"price" is a price, perhaps of one unit'),
        ({"special_requests_total": [row % 4 for row in range(MANY)]}, "counts or codes (0 to 3)"),
        ({"order_value": [row % 2 * 0.5 for row in range(MANY)]}, "rates (0 to 0.5)"),
        ({"total_rate": [row % 90 for row in range(MANY)]}, "rates (0 to 39)"),
        ({"total": PAID, "discount": [0, 5, 10, 20] * 10}, "money or percent? It holds 5 to 20"),
        ({"total": PAID, "qty": UNITS, "price": PRICES}, '"qty" x "price" is another figure on'),
        ({"qty": UNITS, "sales_price": PRICES}, 'is "sales_price" of one unit?'),
        ({"sales_price": PRICES}, '"sales_price" is a price, perhaps of one unit'),
        ({"qty": UNITS, "price": LINES}, 'is "price" of one unit?'),
        ({"qty": UNITS, "amount": PRICES}, 'is "amount" of one unit?'),
        ({"qty": UNITS, "VK netto": PRICES}, 'is "VK netto" of one unit?'),
        ({"qty": UNITS, "price": PRICES, "rebate": [0.35, 12.5] * 20}, 'is "price" before "rebate" or after it?'),
        ({"qty": UNITS, "price": PRICES, "discount": [0, 0.2] * 20}, 'is "price" before "discount" or after it?'),
        ({"qty": UNITS, "Purchase Price Per Unit": PRICES}, 'who paid "Purchase Price Per Unit"?'),
        ({"qty": UNITS, "Einkaufspreis": PRICES}, 'who paid "Einkaufspreis"?'),
        ({"qty": UNITS, "cena zakupu": PRICES}, 'who paid "cena zakupu"?'),
        ({"Purchase Price": PRICES}, '"Purchase Price" is a price, perhaps of one unit'),
        ({"qty": UNITS, "msrp": PRICES}, '"msrp" is a price before discounts, and no column of these'),
        ({"total": PAID, "disc_a": [0.1] * MANY, "disc_b": [0.2] * MANY}, "a second rate"),
    ],
)
def test_what_cannot_be_known_is_asked(columns, asked):
    found = roles(**columns)
    assert any(asked in question for question in found.questions)
    assert found.knows_money == ("total" in columns or ("qty" in columns and len(columns) > 1))


def test_money_that_some_rows_lack_can_be_compared():
    spent = pd.Series(PAID)
    found = money_roles({"net_amount": spent, "gross_amount": spent.iloc[3:] + 1})
    assert found.amount == "net_amount" and found.others == ["gross_amount"]


def test_what_is_of_a_whole_order_is_not_what_was_paid_for_a_line():
    columns = {"Order Total": PAID, "Line Total": LINES, "qty": UNITS, "price": PRICES}
    numbers = {name: pd.Series(values, dtype="float64") for name, values in columns.items()}
    assert money_roles(numbers, {"Order Total"}).amount == "Line Total"
    del numbers["Line Total"]
    assert said(money_roles(numbers, {"Order Total"})) == {"quantity": "qty", "price": "price"}
    del numbers["price"]
    assert money_roles(numbers, {"Order Total"}).amount == "Order Total", "asked about by what it says of orders"
