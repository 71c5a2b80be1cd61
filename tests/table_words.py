"""What columns of a customers table are called and hold, in houses and languages: words for :mod:`fuzz_tables`."""

from __future__ import annotations

import re

# Part -> headers, by language; what a language lacks it says in English.
_WORDS = {
    "English": """
money: Annual Income|Income|Estimated Salary|Balance|Credit Limit|Total Spend|TotalCharges|MonthlyCharges|MntWines|Lifetime Value|ARPU|MRR|Annual_Premium|Total_Trans_Amt
kilo: Annual Income (k$)|Budget|Turnover|Company Revenue|Net Worth|Deal Size
count: Number of Visits|NumWebPurchases|Total Orders|Visits Frequency|Total_Trans_Ct|campaign|previous|Logins|Tickets|Employees|Nights|Total Intl Minutes
tenure: tenure|Months_on_book|Tenure Months|Vintage|Membership Months|Recency
age: Age|Customer Age|age
score: Spending Score (1-100)|Score|CIBIL Score|Satisfaction|NPS|Fitness Index|Rating
share: Open Rate|Discount Share|BALANCE_FREQUENCY|Avg_Utilization_Ratio|PRC_FULL_PAYMENT|Occupancy|Email Click Rate
measure: Weight|Height|Distance|Contract Length|Subscription Length|Data Usage|Session Duration|Delivery Time|Stay
sex: Gender|Sex|Genre
married: Marital Status|Marital|Ever Married|Family Status
group: Preferred Channel|Country|Geography|Job|Profession|Device|PaymentMethod|Internet Service|Industry|Workout Type|Room Type|Lead Source
flag: Partner|HasCrCard|housing|loan|default|Newsletter|Opt-in|IsActiveMember|AcceptedCmp3|Driving_License|Smoker|PaperlessBilling|Complain|Vehicle_Damage
level: Education|Satisfaction Level|Loyalty Tier|Contract|Usage|T-Shirt Size|Income_Category|Visit Frequency
since: Dt_Customer|Sign-up Date|Customer Since|Join Date|Registration Date|Policy Start|created_at|Enrollment Date|First Purchase
last: Last Login|Last Purchase Date|Last Visit|last_order_date|Last Contact|Renewal Date
year: Year_Birth|Birth Year|YOB|Year of Birth
born: Date of Birth|DOB|Birthday|Birth Date
code: Education|Region_Code|Policy_Sales_Channel|Occupation|City_Code|Settlement size|Type of Client|Job Code
outcome: Churn|Exited|Response|Attrition_Flag|Target|Segmentation|Cluster|Segment|y|Churn Label
ref: Branch No|Agent Code|Store Number|Policy Number|Account Manager ID|Region ID|Plan Code|Contract No.|Employee ID|Postal Area Code
survey: Q1. How satisfied are you with our service?|How likely are you to recommend us (1-5)?|Overall satisfaction, all things considered|Q7_1
mixed: Last Campaign|Tags|Interests|Loyalty Card
month: Cohort|First Order Month|Billing Month|Quarter
counter: RowNumber|Row|index|Unnamed: 0|S.No.|No.|Row ID|#
surname: Surname|Last Name|Full Name|Customer Name|Company
note: Comments|Notes|Remarks|Feedback
""",
    "German": """
money: Jahreseinkommen|Umsatz|Guthaben|Gehalt|Kontostand|Bestellwert gesamt|Jahresbeitrag
kilo: Jahresbudget|Firmenumsatz
count: Anzahl Besuche|Bestellungen|Anzahl Käufe|Mitarbeiter|Übernachtungen
tenure: Vertragsmonate|Dauer in Monaten|age: Alter|score: Punkte|Bewertung|Zufriedenheit (1-100)
share: Öffnungsrate|Rabattanteil|Auslastung|measure: Gewicht|Entfernung|Vertragslaufzeit|Lieferzeit
sex: Geschlecht|Anrede|married: Familienstand|group: Kanal|Land|Beruf|Zahlungsart|Branche
flag: Newsletter|Einwilligung|Aktiv|Raucher|Kundenkarte|level: Bildung|Nutzung|Stufe|Zufriedenheit
since: Kunde seit|Anmeldedatum|Registriert am|Eintrittsdatum|last: Letzter Kauf|Letzte Bestellung|Letzter Besuch
year: Geburtsjahr|Jahrgang|born: Geburtsdatum|Geburtstag|counter: Nr.|Zeile|Lfd. Nr.|surname: Nachname|Firma|Name|note: Bemerkung|Notizen
""",
    "French": """
money: Revenu annuel|Chiffre d'affaires|Solde|Dépenses totales|count: Nombre de visites|Commandes|Nb achats|age: Âge|score: Score|Note
share: Taux d'ouverture|measure: Poids|Distance|sex: Sexe|Civilité|married: Situation familiale|group: Pays|Canal|Profession|Secteur
flag: Abonné newsletter|Actif|Fumeur|level: Satisfaction|Niveau|since: Date d'inscription|Client depuis|last: Dernier achat|Dernière visite
year: Année de naissance|born: Date de naissance|counter: N°|Ligne|surname: Nom|Société|note: Remarques
""",
    "Spanish": """
money: Ingresos anuales|Saldo|Gasto total|Salario|count: Número de visitas|Pedidos|Compras|age: Edad|score: Puntuación|share: Tasa de apertura
measure: Peso|Distancia|sex: Sexo|Género|married: Estado civil|group: País|Canal|Profesión|flag: Boletín|Activo|Fumador|level: Satisfacción|Nivel
since: Fecha de alta|Cliente desde|last: Última compra|Último acceso|year: Año de nacimiento|born: Fecha de nacimiento|surname: Apellido|Empresa
""",
    "Polish": """
money: Dochód roczny|Saldo|Suma zakupów|count: Liczba wizyt|Zamówienia|age: Wiek|score: Punkty|Ocena|sex: Płeć|group: Kraj|Kanał|Zawód|flag: Newsletter|Aktywny
since: Data rejestracji|Klient od|last: Ostatni zakup|year: Rok urodzenia|born: Data urodzenia|surname: Nazwisko|Firma|counter: Lp.
""",
    "Russian": """
money: Доход|Баланс|Сумма покупок|count: Количество визитов|Заказы|age: Возраст|score: Баллы|Оценка|sex: Пол|group: Страна|Город|Канал|flag: Рассылка|Активен
since: Дата регистрации|Клиент с|last: Последняя покупка|year: Год рождения|born: Дата рождения|surname: Фамилия|Компания|counter: №
""",
}
WORDS = {
    language: {part: names.split("|") for part, names in re.findall(r"(?:^|\|)(\w+): (.+?)(?=\|\w+: |$)", text, re.M)}
    for language, text in _WORDS.items()
}
SEXES = {"English": ["Male|Female", "M|F", "male|female", "Male|Female|Other"], "German": ["männlich|weiblich", "m|w", "m|w|d", "Herr|Frau"],
         "French": ["Homme|Femme", "H|F", "M.|Mme"], "Spanish": ["Hombre|Mujer", "H|M"], "Polish": ["K|M", "kobieta|mężczyzna"], "Russian": ["м|ж", "Мужской|Женский"]}  # fmt: skip
GROUPS = ["Web|Store|Catalog", "France|Spain|Germany", "Electronic check|Mailed check|Credit card (automatic)|Bank transfer", "admin.|blue-collar|technician|services|retired",
          "iOS|Android|Desktop", "DSL|Fiber optic|No internet", "A|B|C|D", "Cat_1|Cat_2|Cat_3", "Yoga|Cardio|HIIT|Strength", "N|S|E|W", "Retail, wholesale|IT & \"Cloud\"|Health"]  # fmt: skip
MARRIED = ["Single|Married|Divorced", "single|married|divorced|widow", "Yes|No"]
SURVEYS = [
    "1 - Very poor|2 - Poor|3 - Fair|4 - Good|5 - Excellent",
    "1|2|3|4|5",
    "Strongly disagree|Disagree|Neutral|Agree|Strongly agree",
    "1 (low)|2|3|4|5 (high)",
    "0|1|2|3+",
]
MIXED = [
    "sport;music|music|sport|travel;music",
    "[a, b]|[a]|[]",
    "Spring 2023|Fall 2023|Spring 2024",
    "yes|Yes|no|NO",
    "Gold |Silver| Gold",
]
MONTHS = [
    "2023-01|2023-02|2023-03|2023-11",
    "Jan 2023|Feb 2023|Dec 2023",
    "2023Q1|2023Q2|2023Q4",
    "Q1 23|Q2 23",
    "01/2023|02/2023|12/2023",
    "202301|202302|202312",
]
NEVER = ["0000-00-00", "1900-01-01", "9999-12-31", "00.00.0000", "never", "n/a"]
LEVELS = ["Low|Medium|High", "Bronze|Silver|Gold|Platinum", "Month-to-month|One year|Two year", "primary|secondary|tertiary", "Basic|Graduation|Master|PhD", "S|M|L|XL", "Basic|Standard|Premium",
          "Less than $40K|$40K - $60K|$60K - $80K|$80K - $120K|$120K +", "18-25|26-35|36-50|51+", "Never|Rarely|Sometimes|Often", "Very dissatisfied|Dissatisfied|Neutral|Satisfied|Very satisfied"]  # fmt: skip
FLAGS = {"English": ["Yes|No", "Y|N", "1|0", "TRUE|FALSE", "True|False", "yes|no", "1.0|0.0", "Yes|", "X|"], "German": ["Ja|Nein", "J|N", "1|0", "ja|nein", "WAHR|FALSCH"],
         "French": ["Oui|Non", "O|N", "1|0", "VRAI|FAUX"], "Spanish": ["Sí|No", "S|N", "1|0"], "Polish": ["Tak|Nie", "T|N", "1|0"], "Russian": ["Да|Нет", "1|0"]}  # fmt: skip
OUTCOMES_OF = ["Yes|No", "1|0", "Existing Customer|Attrited Customer", "A|B|C|D", "0|1|2|3"]
NOTHING = ["", "", "", "", "?", "N/A", "NA", "n/a", "null", "NULL", "NaN", "None", "-", "unknown", "Unknown", "#N/A", "-999", "9999", "-1", ".", "--", "missing", "not available", "(blank)", " "]  # fmt: skip
