"""What columns of a purchase log are called, in shops and languages: words for :mod:`fuzz_styles`."""

from __future__ import annotations

# Language -> part of a line -> headers, as systems and people write them.
_LANGUAGES = {
    "English": """
customer: Customer ID|CustomerID|Customer No.|Client Number|User ID|Member ID|Cust No|Account Number|Shopper ID|Household Key|Buyer ID
name: Customer Name|Client|Billing Name|Full Name|Customer
email: Email|Customer Email|E-mail Address|Billing Email
order: Order ID|Order Number|Invoice No|Transaction ID|Receipt Number|Order No.|Basket ID|Invoice|Document Number|Sale ID|Order
line: Line No|Order Line|Row ID|Position|Line ID
product: Product ID|SKU|Item Code|Article Number|Stock Code|Lineitem SKU|UPC
item: Product Name|Description|Item|Lineitem name|Product
category: Category|Department|Product Category|Product line
store: Store ID|Branch|Shop|Location|Store
time: Date|Order Date|Invoice Date|Transaction Date|Purchase Date|Created at|Timestamp|Sale Date|Posting Date
clock: Time|Order Time|Time of Sale
units: Quantity|Qty|Units|Units Sold|Order Quantity|Lineitem quantity|Quantity Ordered|No. of Items|Pieces|Items
price: Unit Price|Price|Price per Unit|Price Each|Item Price|Lineitem price|Cost per Item|Rate|Selling Price
list_price: List Price|Regular Price|Original Price|MSRP|Price before Discount
line_total: Amount|Total|Line Total|Sales|Total Price|Sales Amount|Revenue|Net Sales|Amount Paid|Subtotal|Extended Price|Total Amount|Turnover|Value
order_total: Order Total|Total|Invoice Total|Grand Total|Order Value|Payment Value|Basket Total|Total Paid
rate: Discount|Discount %|Discount Rate|Disc. Pct|Discount Percent|Discount Applied
off: Discount|Discount Amount|Lineitem discount|Rebate|Markdown
net: Net Amount|Net|Net Sales|Amount excl. Tax
gross: Gross Amount|Gross|Amount incl. Tax|Gross Sales
tax: Tax|VAT|Tax 5%|Tax Amount|Taxes|GST
tax_rate: Tax Rate|VAT Rate|VAT %
shipping: Shipping|Freight|Shipping Cost|Delivery Fee|Freight Value
status: Status|Order Status|Financial Status
type: Type|Transaction Type|Document Type
refunded: Refunded Amount|Amount Refunded|Refund
currency: Currency
cents: amount_cents|Amount (cents)|total_cents
shipped: Ship Date|Shipped at|Delivery Date
updated: Updated at|Last Modified|Paid at
born: Birth Date|Date of Birth|DOB
cost: Unit Cost|Cost|COGS
margin: Margin|Profit|Gross Margin|Gross Income
weight: Weight|Weight (kg)|Total Weight
stock: Stock|On Hand|Inventory
rating: Rating|Review Score|Customer Rating
latitude: Latitude|lat
longitude: Longitude|lng
zip: Zip|Postal Code|Billing Zip
phone: Phone|Phone Number
code: Discount Code|Coupon Code|Promo Code
views: Page Views|Sessions
points: Loyalty Points|Points Earned
age: Age|Customer Age
country: Country|Region|City
method: Payment Method|Payment
year: Year|month: Month|day: Day
""",
    "German": """
customer: Kundennummer|Kunden-Nr.|KdNr|Kunde|Kundennr|Debitor|Debitorennummer|Kartennummer
name: Kundenname|Name|Rechnungsempfänger
email: E-Mail|E-Mail-Adresse
order: Bestellnummer|Auftragsnummer|Belegnummer|Rechnungsnummer|Rechnung|Beleg-Nr.|Bon-Nr.|Bestell-Nr
line: Position|Pos.|Zeile
product: Artikelnummer|Art.-Nr.|Artikel-Nr|Materialnummer|Material
item: Bezeichnung|Artikelbezeichnung|Artikel
category: Warengruppe|Kategorie
store: Filiale|Filialnummer|Werk
time: Datum|Bestelldatum|Belegdatum|Rechnungsdatum|Buchungsdatum|Kaufdatum|Verkaufsdatum|Auftragsdatum
clock: Uhrzeit|Zeit
units: Menge|Anzahl|Stück|Stückzahl|Stueck
price: Einzelpreis|Preis|Stückpreis|VK-Preis|Preis pro Stück|E-Preis
list_price: Listenpreis|UVP|Regulärer Preis
line_total: Betrag|Umsatz|Gesamtpreis|Summe|Positionsbetrag|Gesamt|Zeilenbetrag|Warenwert|Wert|Endbetrag
order_total: Rechnungsbetrag|Bestellsumme|Auftragssumme|Gesamtsumme|Bestellwert
rate: Rabatt %|Rabatt|Rabattsatz|Rabatt in Prozent
off: Rabatt|Rabattbetrag|Nachlass
net: Netto|Nettobetrag|Netto-Umsatz
gross: Brutto|Bruttobetrag|Brutto-Umsatz
tax: MwSt|USt|Steuerbetrag|MwSt.-Betrag
tax_rate: MwSt-Satz|Steuersatz|USt %
shipping: Versandkosten|Fracht|Porto
status: Status|Bestellstatus
type: Belegart|Vorgangsart|Typ
refunded: Erstattet|Erstattungsbetrag
currency: Währung
shipped: Lieferdatum|Versanddatum
updated: Geändert am|Zahlungsdatum
born: Geburtsdatum
cost: Einkaufspreis|EK-Preis|Selbstkosten
margin: Deckungsbeitrag|Marge|Rohertrag
weight: Gewicht
stock: Bestand|Lagerbestand
rating: Bewertung
zip: PLZ|Postleitzahl
phone: Telefon
code: Gutscheincode|Aktionscode
age: Alter
country: Land|Ort
method: Zahlungsart
year: Jahr|month: Monat|day: Tag
""",
    "French": """
customer: N° client|Code client|Numéro client|Client|Id client|Référence client
name: Nom du client|Nom
email: E-mail|Adresse e-mail|Courriel
order: N° commande|Numéro de commande|Facture|N° facture|Commande|N° ticket
line: Ligne
product: Référence|Code article|Réf. produit|Article
item: Désignation|Libellé|Produit
category: Catégorie|Rayon|Famille
store: Magasin|Boutique
time: Date|Date de commande|Date facture|Date d'achat|Date vente
clock: Heure
units: Quantité|Qté|Nombre
price: Prix unitaire|Prix|PU|Prix unitaire TTC
list_price: Prix catalogue|Prix avant remise
line_total: Montant|Total|Prix total|Montant ligne|Montant TTC|CA|Chiffre d'affaires
order_total: Total commande|Montant total|Total facture
rate: Remise %|Remise|Taux de remise
off: Remise|Montant remise
net: Montant HT|Total HT
gross: Montant TTC|Total TTC
tax: TVA|Montant TVA
tax_rate: Taux TVA
shipping: Frais de port|Livraison
status: Statut|État
type: Type|Nature
refunded: Montant remboursé|Remboursé
currency: Devise
shipped: Date de livraison|Date d'expédition
updated: Date de paiement|Modifié le
born: Date de naissance
cost: Prix d'achat|Coût
margin: Marge
weight: Poids
stock: Stock
zip: Code postal
phone: Téléphone
code: Code promo
age: Âge
country: Pays|Ville
method: Mode de paiement
year: Année|month: Mois|day: Jour
""",
    "Spanish": """
customer: Cliente|ID Cliente|Código cliente|Nº cliente|Número de cliente
name: Nombre|Nombre del cliente|Razón social
email: Correo|Correo electrónico|Email
order: Pedido|Nº pedido|Número de pedido|Factura|Nº factura|ID Pedido
product: Referencia|Código artículo|SKU|Código producto
item: Descripción|Artículo|Producto
category: Categoría|Familia
store: Tienda|Sucursal
time: Fecha|Fecha de pedido|Fecha factura|Fecha de compra
clock: Hora
units: Cantidad|Unidades|Uds.
price: Precio unitario|Precio|P. unitario
line_total: Importe|Total|Monto|Importe total|Ventas|Valor
order_total: Total pedido|Total factura
rate: Descuento|% Descuento|Dto %
off: Descuento|Importe descuento
net: Base imponible|Importe neto
gross: Importe bruto|Total con IVA
tax: IVA|Impuesto
shipping: Envío|Gastos de envío|Portes
status: Estado
type: Tipo
refunded: Importe reembolsado|Reembolso
currency: Moneda|Divisa
shipped: Fecha de envío|Fecha de entrega
updated: Fecha de pago|Actualizado
born: Fecha de nacimiento
cost: Coste|Precio de coste
margin: Margen|Beneficio
weight: Peso
zip: Código postal|CP
phone: Teléfono
age: Edad
country: País|Ciudad
year: Año|month: Mes|day: Día
""",
    "Italian": """
customer: Cliente|Codice cliente|ID cliente|N. cliente
name: Nome|Ragione sociale
order: Ordine|Numero ordine|N. ordine|Fattura|N. fattura|Scontrino
product: Codice articolo|Articolo|Cod. prodotto
item: Descrizione|Prodotto
time: Data|Data ordine|Data fattura|Data acquisto|Data documento
clock: Ora
units: Quantità|Qtà|Pezzi|Q.tà
price: Prezzo|Prezzo unitario|Prezzo unit.
line_total: Importo|Totale|Totale riga|Fatturato|Imponibile
order_total: Totale ordine|Totale fattura
rate: Sconto|Sconto %
off: Sconto|Importo sconto
net: Netto|Importo netto
gross: Lordo|Importo lordo
tax: IVA|Imposta
shipping: Spedizione|Spese di trasporto
status: Stato
type: Tipo|Tipo documento
refunded: Importo rimborsato|Rimborso
currency: Valuta
shipped: Data spedizione|Data consegna
updated: Data pagamento
born: Data di nascita
cost: Costo
margin: Margine|Utile
zip: CAP
country: Paese|Città
year: Anno|month: Mese|day: Giorno
""",
    "Dutch": """
customer: Klantnummer|Klant|Klant-ID|Klantnr|Debiteurnummer|Relatienummer
name: Klantnaam|Naam
order: Ordernummer|Bestelnummer|Factuurnummer|Bonnummer|Bestelling
product: Artikelnummer|Artikelcode|Productcode
item: Omschrijving|Artikel
time: Datum|Orderdatum|Besteldatum|Factuurdatum|Aankoopdatum
clock: Tijd
units: Aantal|Hoeveelheid|Stuks
price: Prijs|Stukprijs|Prijs per stuk|Eenheidsprijs
line_total: Bedrag|Totaal|Omzet|Totaalprijs|Regelbedrag|Totaalbedrag
order_total: Ordertotaal|Factuurbedrag|Totaal bestelling
rate: Korting %|Kortingspercentage|Korting
off: Korting|Kortingsbedrag
net: Netto|Bedrag excl. btw
gross: Bruto|Bedrag incl. btw
tax: Btw|Btw-bedrag
shipping: Verzendkosten
status: Status
type: Soort|Type
refunded: Terugbetaald|Terugbetaald bedrag
currency: Valuta
shipped: Leverdatum|Verzenddatum
updated: Betaaldatum|Gewijzigd
born: Geboortedatum
cost: Inkoopprijs|Kostprijs
margin: Marge|Winst
zip: Postcode
country: Land|Plaats
year: Jaar|month: Maand|day: Dag
""",
    "Portuguese": """
customer: Cliente|Código do cliente|ID do cliente|Nº cliente
name: Nome|Nome do cliente
order: Pedido|Nº do pedido|Número do pedido|Encomenda|Fatura|Nota fiscal
product: Código do produto|SKU|Referência
item: Descrição|Produto
time: Data|Data do pedido|Data da compra|Data da venda
clock: Hora
units: Quantidade|Qtd|Qtde
price: Preço|Preço unitário|Valor unitário
line_total: Valor|Valor total|Total|Montante|Faturamento
order_total: Total do pedido|Valor do pedido
rate: Desconto|Desconto %
off: Desconto|Valor do desconto
tax: Imposto|IVA|ICMS
shipping: Frete|Portes
status: Situação|Estado
type: Tipo
refunded: Valor reembolsado|Reembolso
currency: Moeda
shipped: Data de envio|Data de entrega
updated: Data de pagamento
born: Data de nascimento
cost: Custo
margin: Margem|Lucro
zip: CEP
country: País|Cidade
year: Ano|month: Mês|day: Dia
""",
    "Polish": """
customer: Klient|Nr klienta|ID klienta|Numer klienta|Kod klienta|Kontrahent
name: Nazwa klienta|Imię i nazwisko
order: Zamówienie|Nr zamówienia|Numer zamówienia|Faktura|Nr faktury|Paragon
product: Kod produktu|Indeks|Symbol
item: Nazwa towaru|Produkt|Towar
time: Data|Data zamówienia|Data sprzedaży|Data zakupu|Data faktury
clock: Godzina
units: Ilość|Liczba sztuk|Sztuk
price: Cena|Cena jednostkowa|Cena jedn.
line_total: Kwota|Wartość|Suma|Razem|Wartość brutto
order_total: Wartość zamówienia|Kwota zamówienia
rate: Rabat|Rabat %
off: Rabat|Kwota rabatu
net: Netto|Wartość netto
gross: Brutto|Wartość brutto
tax: VAT|Podatek
shipping: Koszt wysyłki|Dostawa
status: Status
type: Typ
refunded: Kwota zwrotu|Zwrot
currency: Waluta
shipped: Data wysyłki|Data dostawy
updated: Data płatności
born: Data urodzenia
cost: Koszt
margin: Marża|Zysk
zip: Kod pocztowy
country: Kraj|Miasto
year: Rok|month: Miesiąc|day: Dzień
""",
    "Russian": """
customer: Клиент|ID клиента|Код клиента|Номер клиента|Покупатель
name: Имя клиента|ФИО
order: Заказ|Номер заказа|Чек|Номер чека|ID заказа
product: Артикул|Код товара
item: Наименование|Товар
time: Дата|Дата заказа|Дата покупки|Дата продажи
clock: Время
units: Количество|Кол-во
price: Цена|Цена за единицу
line_total: Сумма|Стоимость|Итого|Выручка
order_total: Сумма заказа|Сумма чека
rate: Скидка %|Скидка
off: Скидка|Сумма скидки
tax: НДС
shipping: Доставка|Стоимость доставки
status: Статус
type: Тип
refunded: Сумма возврата|Возврат
shipped: Дата доставки|Дата отгрузки
updated: Дата оплаты
born: Дата рождения
cost: Себестоимость
margin: Прибыль|Маржа
country: Город|Страна
year: Год|month: Месяц|day: День
""",
    "Turkish": """
customer: Müşteri No|Müşteri|Müşteri ID|Müşteri Kodu
name: Müşteri Adı
order: Sipariş No|Sipariş|Fatura No|Fiş No
product: Ürün Kodu|Stok Kodu
item: Ürün|Ürün Adı
time: Tarih|Sipariş Tarihi|Fatura Tarihi
clock: Saat
units: Adet|Miktar
price: Fiyat|Birim Fiyat
line_total: Tutar|Toplam|Toplam Tutar
order_total: Sipariş Tutarı|Fatura Toplamı
off: İndirim|İskonto
tax: KDV
shipping: Kargo
year: Yıl|month: Ay|day: Gün
""",
    "Japanese": """
customer: 顧客ID|顧客番号|会員番号
order: 注文番号|注文ID|伝票番号
product: 商品コード
item: 商品名
time: 注文日|購入日|日付
units: 数量
price: 単価
line_total: 金額|売上金額|合計
""",
    "Chinese": """
customer: 客户编号|会员编号|用户ID
order: 订单编号|订单号
product: 商品编号
item: 商品名称
time: 日期|下单时间|订单日期
units: 数量
price: 单价
line_total: 金额|销售额|实付金额
""",
}

# Exports and data sets that everybody has met; what one does not name is called as its language does.
_SYSTEMS = {
    "Online Retail": "order=InvoiceNo product=StockCode item=Description units=Quantity time=InvoiceDate price=UnitPrice customer=CustomerID country=Country",
    "Online Retail II": "order=Invoice product=StockCode item=Description units=Quantity time=InvoiceDate price=Price customer=Customer_ID country=Country",
    "Superstore": "line=Row_ID order=Order_ID time=Order_Date shipped=Ship_Date customer=Customer_ID name=Customer_Name product=Product_ID line_total=Sales units=Quantity rate=Discount margin=Profit zip=Postal_Code",
    "Shopify": "order=Name email=Email status=Financial_Status time=Created_at updated=Paid_at currency=Currency line_total=Total units=Lineitem_quantity price=Lineitem_price item=Lineitem_name product=Lineitem_sku off=Lineitem_discount order_total=Total shipping=Shipping tax=Taxes name=Billing_Name refunded=Refunded_Amount code=Discount_Code",
    "WooCommerce": "order=order_id time=order_date status=status customer=customer_user email=billing_email line_total=line_total order_total=order_total units=qty price=item_price shipping=order_shipping tax=order_tax refunded=refunded_amount off=discount_total",
    "Magento": "order=increment_id time=created_at updated=updated_at status=status customer=customer_id email=customer_email order_total=base_grand_total line_total=row_total units=qty_ordered price=price product=sku off=discount_amount tax=tax_amount shipping=shipping_amount refunded=amount_refunded",
    "Stripe": "order=id time=Created_(UTC) line_total=Amount refunded=Amount_Refunded currency=Currency customer=Customer_ID email=Customer_Email status=Status cents=amount",
    "Square": "time=Date clock=Time gross=Gross_Sales off=Discounts net=Net_Sales tax=Tax line_total=Total_Collected order=Transaction_ID customer=Customer_ID name=Customer_Name units=Qty item=Item product=SKU category=Category type=Event_Type",
    "Lightspeed": "order=Sale_ID time=Completed_Time customer=Customer_ID line_total=Total units=Qty item=Item price=Price off=Discounts cost=Cost margin=Profit",
    "SAP": "customer=KUNNR order=VBELN line=POSNR product=MATNR time=AUDAT units=KWMENG line_total=NETWR currency=WAERK country=LAND1",
    "SAP names": "customer=Sold-to_party order=Billing_Document line=Item product=Material time=Billing_Date units=Billed_Quantity line_total=Net_Value currency=Document_Currency",
    "Olist": "order=order_id customer=customer_unique_id time=order_purchase_timestamp shipped=order_delivered_customer_date status=order_status product=product_id price=price shipping=freight_value order_total=payment_value line_total=price line=order_item_id",
    "dunnhumby": "customer=household_key order=BASKET_ID product=PRODUCT_ID units=QUANTITY line_total=SALES_VALUE store=STORE_ID off=RETAIL_DISC time=date",
    "Ta-Feng": "time=TRANSACTION_DT customer=CUSTOMER_ID age=AGE_GROUP zip=PIN_CODE category=PRODUCT_SUBCLASS product=PRODUCT_ID units=AMOUNT cost=ASSET line_total=SALES_PRICE",
    "H&M": "time=t_dat customer=customer_id product=article_id line_total=price method=sales_channel_id",
    "CDNOW": "customer=customer_id time=date units=quantity line_total=amount",
    "supermarket_sales": "order=Invoice_ID store=Branch country=City customer=Customer_ID category=Product_line price=Unit_price units=Quantity tax=Tax_5% line_total=Total time=Date clock=Time method=Payment cost=cogs margin=gross_income rating=Rating",
    "istanbul": "order=invoice_no customer=customer_id age=age category=category units=quantity price=price method=payment_method time=invoice_date store=shopping_mall",
    "retail_sales": "order=Transaction_ID time=Date customer=Customer_ID age=Age category=Product_Category units=Quantity price=Price_per_Unit line_total=Total_Amount",
    "Brazilian till": "order=num_pedido customer=id_cliente time=data_venda units=qtd price=vlr_unitario line_total=vlr_total",
    "Lexware": "order=Belegnr. customer=KundenNr. time=Datum line_total=Gesamt_netto units=Menge price=VK-Preis product=ArtikelNr.",
}


def _parts(text: str) -> dict[str, list[str]]:
    pairs = [
        line.split(": ", 1) for line in text.strip().replace("|month", "\nmonth").replace("|day", "\nday").splitlines()
    ]
    return {part: headers.split("|") for part, headers in pairs}


LANGUAGES = {language: _parts(text) for language, text in _LANGUAGES.items()}
SYSTEMS = {
    system: {part: header.replace("_", " ") if "_" in header and header[0].isupper() and not header.isupper() and system != "Online Retail II" else header
             for part, header in (pair.split("=", 1) for pair in text.split(" "))}
    for system, text in _SYSTEMS.items()
}  # fmt: skip
