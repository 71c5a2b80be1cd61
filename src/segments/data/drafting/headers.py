"""What headers say. Comes in: a header. Goes out: whether it is an id, a key for YAML, words and a unit for people."""

from __future__ import annotations

import re

import yaml

from segments.config.source import CUSTOMER_ID
from segments.data.rows import normal_header

NAMELESS = re.compile(r"column \d+|unnamed: \d+|index|")
# What headers tend to be called, letters only, the most telling word first.
CUSTOMER = (
    *("household", "customer", "client", "member", "shopper", "user", "account", "kunde", "kdnr", "mitglied", "nutzer"),
    *(
        "käufer",
        "acheteur",
        "abonn",
        "adhérent",
        "cliente",
        "klant",
        "klient",
        "kontrahent",
        "клиент",
        "покупател",
        "müşteri",
    ),
    *("kunnr", "soldto", "relatienummer", "cust"),
    *("顧客", "顾客", "客户", "客戶", "会员", "會員", "会員", "用户", "고객", "회원"),
    *(
        "debitor",
        "buyer",
        "loyaltyid",
        "loyaltycard",
        "loyaltyn",
        "kartennr",
        "kartennummer",
        "cardnumber",
        "cardno",
        "cardid",
    ),
)
# Of ids alone: "guests" or "players" are as often how many.
PERSON = ("subscriber", "donor", "patron", "passenger", "patient", "player", "visitor", "guest", "student", "holder", "payer", "purchaser", "tenant", "person")  # fmt: skip
ABOUT_CUSTOMERS = (  # not who they are
    r"(type|typ|segment|group|gruppe|class|klasse|category|kategorie|status|gender|sex|age|alter|since|(?<!ac)count|city|country|region|state"
    r"|value|balance|score|rating|points|punkte|spend|spent|revenue|lifetime|tenure|income|orders|visits|days|months|years|level|tier|plan"
    r"|prefix|language|(?<!mail_)address|note|tags)$|^(type|kind|class|level|status|age|value|number|city|country)_of_"
)
OF_THE_HOUSE = r"manager|agent|advis[eo]r|consultant|(^|_)(sales_)?rep(_|$)|berater|betreuer|vertreter|vendeur|gestor|vendedor"  # not who bought
ABOUT_ORDERS = (  # not which one
    r"(status|state|type|typ|art|kind|class|channel|source|currency|country|method|priority|name|zip|city|street|company|phone|province|note"
    r"|total|amount|value|count|quantity|items|discount|weight|date|time|hour)$|^billing(?!_doc)|empfänger|recipient|destinat|adress"
)
ORDER = (
    *("basket", "order", "invoice", "receipt", "ticket", "transaction", "bill"),
    *(
        "beleg",
        "bestell",
        "rechnung",
        "auftrag",
        "quittung",
        "bon",
        "commande",
        "facture",
        "panier",
        "pedido",
        "factura",
    ),
    *(
        "ordine",
        "fattura",
        "scontrino",
        "bestel",
        "factuur",
        "encomenda",
        "fatura",
        "notafiscal",
        "zamówieni",
        "faktur",
        "paragon",
    ),
    *("заказ", "чек", "sipariş", "fiş", "vbeln", "document", "incrementid", "saleid"),
    *(
        "invno",
        "txn",
        "trx",
        "transid",
        "transnum",
        "docket",
        "docno",
        "docnum",
        "numdoc",
        "saleno",
        "salesno",
        "cartid",
    ),
    *(
        "rgnr",
        "checkno",
        "checknum",
        "lieferschein",
        "reservation",
        "bookingid",
        "bookingno",
        "bookingref",
        "paymentid",
        "chargeid",
    ),
    *("订单", "訂單", "注文", "伝票", "小票", "주문"),
)
TIME = (
    "timestamp",
    "datetime",
    "date",
    "time",
    "day",
    "datum",
    "fecha",
    "zeit",
    "jour",
    "heure",
    "created",
    "purchased",
    *("tarih", "дата"),
    *("日期", "时间", "時間", "日時", "日付", "購入日", "注文日", "날짜", "일자"),
)
YEAR_FIRST = r"(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(([01]\d|2[0-3])[0-5]\d([0-5]\d)?)?"  # a day written as one number, or its time
# Times that are not when it was bought, where there is another.
LATER = (
    r"ship|deliver|liefer|versand|livraison|(^|_)due|fällig|paid|payment|zahl|updat|modif|geändert|expect|estimat|approv|cancel|storn"
    r"|expédi|envío|entrega|spedizione|consegna|lever|verzend|wysył|dostaw|достав|отгруз|kargo|teslim"
    r"|paiement|pago|pagamento|betaal|płatno|оплат|actualiz|gewijzigd"
    r"|refund|return|login|sign_?up|regist|join|member|since|expir|valid|(^|_)end(_|$)|closed|fulfil|export|print|load"
)
PRODUCT = (
    *("product", "sku", "stockcode", "article", "item", "artikel", "produkt", "produit", "商品", "产品", "상품"),
    *("barcode", "gtin", "ean", "upc", "plu", "isbn", "asin", "partno", "partnumber", "prodcd", "artnr", "codart"),
    *(
        "description",
        "bezeichnung",
        "désignation",
        "descripción",
        "descrizione",
        "omschrijving",
        "наименование",
    ),
    *(
        "material",
        "matnr",
        "artículo",
        "articolo",
        "prodotto",
        "producto",
        "produto",
        "товар",
        "артикул",
        "ürün",
        "stok",
        "stokkodu",
        "towar",
        "menuitem",
    ),
)
# What was bought, of some shops; of others an order's reference, a customer's plan, a promotion or Mr and Mrs. The lines tell.
MAYBE_PRODUCT = (
    r"(sku|item|product|artikel|style|model|service|course|variant|offer|plan|tariff)_(name|code|no|id|title)|prod|style|variante?"
    r"|r[ée]f|r[ée]f[ée]rence|referencia|referência|riferimento|referentie|code|código|codigo|codice|kod|cod"
    r"|model|modell|modèle|modelo|modello|title|titel|titre|título|titolo|tytuł|course|kurs|cours|curso|corso"
    r"|services?|leistung|prestation|servicio|serviço|servizio|dienst|usługa|dish|gericht|plat|plato|piatto|gerecht"
    r"|offer|angebot|offre|oferta|offerta|plan|tariff?|tarifa|tariffa|treatment|behandlung"
)
STORE = (
    *("store", "shop", "branch", "outlet", "filiale", "magasin", "boutique", "店舗", "门店", "매장"),
    *("tienda", "sucursal", "negozio", "winkel", "loja", "sklep", "магазин", "mağaza"),
)
HOW_MANY = r"^(n|nº|nr|numer|número|numéro|numero)_|s_(no|nr|num|number)$"  # n_orders, numero_figli, kids_no
LINE_NUMBER = r"(line|row|position|pos|posnr|zeile|ligne|order_item)_?(no|nr|num|number|id)?$"
LONGEST_KEY = 60
ADDRESS = r"(^|_)(plz|zip|cp|postal|postcode|zipcode|pincode|postleitzahl|phone|telefon|tel|iban|email|mail)(_|$)"
BIRTH = r"(^|_)(birth|born|dob|yob|geburt\w*|geboren|naissance|nacimiento|nascita|nascimento|urodzenia|рождения|doğum|jahrgang|birthday|birthdate|birthyear)(_|$)"
OUTCOME = (
    r"(^|_)(churn|churned|attrition|attrited|exited|response|target|outcome|segment|segmentation|cluster|classifier"
    r"|predicted|prediction)(_|$)|^(is_)?(cancell?ed|storniert|annul[ée]e?)$|^(y|label)$"
)
# Words for a line that was never paid, or was paid back, and ids that stand for whoever has none.
NO_PURCHASE = (
    r"cancel|ann?ul|storn|refund|return(?!ing)|retour|erstatt|rembours|credit[ _]?(?:note|memo)|gutschrift|charge_?back|dispute"
    r"|failed|fehlgeschlagen|declined|void|unpaid|abandon|geannuleerd|отмен|iptal"
    r"|rückgabe|rücknahme|^avoir|devol|^abono|\breso\b|nota di credito|creditnota|estorno|zwrot|korekta|возврат|iade"
)
# Of these, words for money that was paid back, and headers that say what a line is, not how it went with its order.
PAID_BACK = (
    r"refund|return|retour|erstatt|rembours|credit[ _]?(?:note|memo)|gutschrift|charge_?back"
    r"|rückgabe|rücknahme|^avoir|devol|^abono|\breso\b|nota di credito|creditnota|estorno|zwrot|korekta|возврат|iade"
)
LINE_KIND = r"(^|_)(type|tipo|typ|тип|tür|soort|kind|art|\w*art|event|event_name|vorgang|nature)(_|$)"
CENTS = r"(^|_)(cents?|centimes?|céntimos|pence|grosze|kuruş|minor)(_|$)"
# Of what happened in a shop: what is a purchase, and what only led to it.
BOUGHT = r"purchase|bought|sale|^order|kauf|achat|compra|paid"
LOOKED_AT = r"view|cart|basket|warenkorb|wish|search|click|visit|impression|session|browse|checkout|login|remove"
REFUND = r"refund|erstatt|rembours|reembols|rimbors|terugbet|zwrot|возврат|iade|credited"
CURRENCY_NAME = (
    r"(^|_)(currency|waehrung|währung|währ|waers|devise|moneda|divisa|moeda|valuta|waluta|валюта|waerk)(_|$)"
)
NOBODY = r"0+|-1|9{5,}|guest|gast|invité|anonymous|anonym|unknown|unbekannt|none|no_?customer"
_GROUPS = (
    "type|typ|channel|kanal|region|country|state|city|education|occupation|profession|job|class|category|kategorie|group|gruppe|code"
    "|sex|gender|geschlecht|marital|branch|bundesland|familienstand|beruf|catégorie|région|ville|pays|sexe|categor[ií]a|regi[oó]n|ciudad|pa[ií]s|sexo"
    "|ocupaci[oó]n|profesi[oó]n|tipo|canal|categoria|regione|città|professione|sesso|regio|beroep|geslacht|soort|kategoria|zawod|płeć|plec|categorie"
)
# Of what a whole number is the code of a group, and no amount; and what stays so of many different numbers.
CODES = rf"(^|_)({_GROUPS}|area|location|status|plan|tier|level|settlement)(_|$)"
MANY_CODES = (
    r"^(?!(.*_)?(by|per|of|in|je|pro|par|por|amount|spend|spent|sum|total|count|number)_)"
    rf"(.*_)?({_GROUPS})(_?(code|cd|id|no|nr|key|\d+))*$"
)
# Whole numbers that begin again: their names, and the first and the last of them.
TURNS = {
    "a day of the month": (r"day|tag|jour|d[ií]a|giorno|\w*day_?of_?(the_)?month|monatstag", 1, 31),
    "a day of the week": (r"\w*weekday|\w*day_?of_?(the_)?week|(\w+_)?dow|wochentag|jour_semaine", 0, 7),
    "a month of the year": (r"month|monat|mois|mes|mese|\w*month_?of_?(the_)?year", 1, 12),
    "a week of the year": (r"week|woche|kw|semaine|semana|\w*week_?(of_?(the_)?year|number|num|no|nr)", 0, 53),
    "an hour of the day": (r"hour|stunde|heure|hora|\w*hour_?of_?(the_)?day", 0, 24),
}
OF_YEARS = r"(^|_)(year|jahr|ann[ée]e|año|anno|ano|jaar|rok|год|yıl)(_|$)"
# What short words in headers stand for, at the beginning of a header and anywhere.
_BEGINNINGS = {"mnt": "spent on", "num": "number of", "nb": "number of", "cnt": "number of", "nr": "number of"}
_SHORT = {"avg": "mean", "amt": "amount", "qty": "quantity", "pct": "percent", "trx": "transactions", "tot": "total"}
_SHORT |= {"bal": "balance", "prods": "products", "cust": "customer", "yrs": "years", "acct": "account"}
_CURRENCIES = {"usd": "USD", "eur": "EUR", "gbp": "GBP", "chf": "CHF", "inr": "INR", "brl": "BRL"}


_NUMBERED = tuple(
    f"{word}{link}{end}"  # German words are linked by a letter: Kundennr, Auftragsnr
    for word in (*CUSTOMER, *ORDER, *PRODUCT, *STORE)
    for link in ("", "n", "s")
    for end in ("id", "num", "nr", "no")
)


def id_like(header: str) -> bool:
    """Whether a header is called like an id, or a code or number of something."""
    ends = r"(^|_)(id|uid|cid|uuid|guid|msisdn|code|no|nr|num|number|nummer|numero|numéro|upc|key|kdnr|recnum|rownum|rowid|recno)$|nummer$|(编号|编码|号|番号|コード|번호|(?<=[^\x00-\x7f])id)$"
    ends += r"|^(id|n|nº|code|codice|cod|código|kod|nr|numer|número|numéro|numero|référence|номер|код)_(?!of_|de_|di_)"
    is_number = header.rstrip().endswith("#")  # Check #
    return is_number or re.search(ends, words_of(header)) is not None or normal_header(header).endswith(_NUMBERED)


def key_of(header: str, taken: set[str]) -> str:
    """The name of a column in a YAML, unlike those `taken`, which grow by it."""
    key = words_of(header)[:LONGEST_KEY] or "column"
    if key[0].isdigit() or not isinstance(yaml.safe_load(key), str):  # `null`, `yes`: YAML has values of these names
        key = f"c_{key}"
    unique, number = key, 2
    while unique in (*taken, CUSTOMER_ID):
        unique, number = f"{key}_{number}", number + 1
    taken.add(unique)
    return unique


def turn_of(header: str, low: float, high: float) -> str:
    """What of the calendar or the clock whole numbers are, by their header and range; nothing where they are no such thing.

    Examples
    --------
    >>> turn_of("day", 1, 31), turn_of("Order_DayOfWeek", 0, 6), turn_of("day", 1, 400), turn_of("Days", 1, 31)
    ('a day of the month', 'a day of the week', '', '')
    """
    words = words_of(header)
    fits = (
        turn
        for turn, (name, first, last) in TURNS.items()
        if first <= low and high <= last and re.fullmatch(name, words)
    )
    return next(fits, "")


def words_of(header: str) -> str:
    """Its words in small letters, joined by underscores.

    Examples
    --------
    >>> words_of("Year_Birth (y)"), words_of("CustomerIDs"), words_of("IDКлиента")
    ('year_birth_y', 'customer_ids', 'id_клиента')
    """
    parted = ""
    for at, sign in enumerate(header):
        before, behind = header[at - 1 : at], header[at + 1 : at + 3]
        begins = before.islower() or (before.isupper() and len(behind) == 2 and behind.islower())  # YearBirth, IDNumber
        parted += "_" * (sign.isupper() and begins) + sign
    return re.sub(r"[\W_]+", "_", parted.lower()).strip("_")


def label_of(header: str) -> tuple[str, str]:
    """What people would call a column, and its unit where the header tells it.

    Examples
    --------
    >>> label_of("MntWines"), label_of("Annual Income (k$)"), label_of("Spending Score (1-100)"), label_of("mrr_usd")
    (('spent on wines', ''), ('annual income', 'k$'), ('spending score', ''), ('mrr', 'USD'))
    """
    unit = ""
    if bracket := re.fullmatch(r"(.*\S)\s*[(\[]([^()\[\]]+)[)\]]\s*", header):
        header, inside = bracket.groups()
        unit = "" if re.search(r"\d\D+\d", inside) else inside.strip()  # a range is no unit
    first, *words = words_of(header).split("_")
    if words and words[-1] in _CURRENCIES:
        unit = unit or _CURRENCIES[words.pop()]
    begins = _BEGINNINGS.get(first, first) if words else first
    return " ".join(_SHORT.get(word, word) for word in (begins, *words)), unit
