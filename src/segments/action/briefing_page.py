"""The page of the report, as a Jinja template: comes in what :mod:`segments.action.report` prepares, goes out HTML. Texts are escaped by the engine."""

from __future__ import annotations

PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>{{ b.title }}</title>
<style>
:root { --paper: #ffffff; --panel: #f6f7f9; --ink: #1b1f24; --soft: #56606b; --line: #d9dee4; --accent: #0b5cad; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #14171b; --panel: #1e2329; --ink: #eceff2; --soft: #aab4bf; --line: #363e47; --accent: #7db8f0; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main, header, footer { max-width: 1080px; margin: 0 auto; padding: 0 24px; }
header { padding-top: 44px; }
h1 { font-size: 1rem; letter-spacing: .06em; text-transform: uppercase; color: var(--soft); margin: 0 0 6px; font-weight: 600; }
.headline { font-size: 1.95rem; line-height: 1.25; font-weight: 650; margin: 0 0 10px; text-wrap: balance; }
.source { color: var(--soft); margin: 0 0 22px; }
h2 { font-size: 1.35rem; margin: 52px 0 10px; padding-top: 14px; border-top: 2px solid var(--ink); }
h3 { font-size: 1.1rem; margin: 0; line-height: 1.3; }
h4 { font-size: .8rem; margin: 16px 0 4px; color: var(--soft); text-transform: uppercase; letter-spacing: .05em; }
p { margin: 8px 0; }
.lead { max-width: 760px; }
nav ul { list-style: none; padding: 0; margin: 24px 0 0; display: flex; flex-wrap: wrap; gap: 6px 18px; font-size: .92rem; }
a { color: var(--accent); }
.bars { display: grid; grid-template-columns: max-content 1fr; gap: 6px 12px; align-items: center; font-size: .9rem; }
.bar { display: flex; height: 34px; border-radius: 6px; overflow: hidden; background: var(--panel); }
.bar span { display: block; min-width: 2px; border-right: 2px solid var(--paper); text-align: center; font-size: .8rem; font-weight: 600; line-height: 34px; overflow: hidden; white-space: nowrap; }
.bar b { background: rgba(255,255,255,.9); color: #1b1f24; border-radius: 4px; padding: 1px 5px; font-weight: 600; }
.key { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 10px 0 0; padding: 0; list-style: none; font-size: .9rem; }
.dot { display: inline-block; width: .8em; height: .8em; border-radius: 50%; margin-right: .4em; border: 1px solid var(--soft); vertical-align: -.05em; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 480px), 1fr)); gap: 20px; }
.cards.threes { grid-template-columns: repeat(auto-fit, minmax(min(100%, 320px), 1fr)); }
.card { background: var(--panel); border: 1px solid var(--line); border-top-width: 6px; border-radius: 10px; padding: 18px 20px; break-inside: avoid; }
.facts { display: flex; flex-wrap: wrap; gap: 4px 26px; margin: 10px 0 0; }
.facts div { min-width: 0; }
.facts strong { display: block; font-size: 1.35rem; line-height: 1.2; }
.facts span { color: var(--soft); font-size: .85rem; }
.card img { width: 100%; max-width: 340px; display: block; margin: 12px auto 0; }
.card ul { margin: 4px 0 0; padding-left: 1.1em; }
.card li { margin: 3px 0; }
.tag { font-size: .75rem; color: var(--soft); border: 1px solid var(--line); border-radius: 4px; padding: 0 4px; white-space: nowrap; }
.soft { color: var(--soft); font-size: .88rem; }
figure { margin: 18px 0 26px; break-inside: avoid; }
figure img { max-width: 100%; height: auto; }
img { background: #ffffff; border-radius: 8px; padding: 6px; }
figcaption { color: var(--soft); font-size: .9rem; max-width: 760px; margin-bottom: 8px; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .88rem; min-width: 100%; }
caption { text-align: left; color: var(--soft); padding: 6px 0; }
th, td { text-align: left; padding: 6px 10px 6px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
thead th { border-bottom: 2px solid var(--soft); vertical-align: bottom; }
td.n, th.n { text-align: right; padding-right: 22px; font-variant-numeric: tabular-nums; }
th[scope=row] { font-weight: 600; }
details { margin: 14px 0; }
summary { cursor: pointer; color: var(--accent); font-weight: 600; }
dl { display: grid; grid-template-columns: minmax(120px, max-content) 1fr; gap: 6px 18px; }
dt { font-weight: 600; } dd { margin: 0; }
.todo { border-left: 4px solid var(--line); padding-left: 12px; color: var(--soft); }
code { background: var(--panel); border: 1px solid var(--line); border-radius: 4px; padding: 0 4px; }
footer { color: var(--soft); font-size: .85rem; padding-top: 40px; padding-bottom: 40px; }
@media (max-width: 560px) { .bar .narrow { display: none; } .headline { font-size: 1.5rem; } dl { grid-template-columns: 1fr; } dd { margin-bottom: 8px; } }
@media print {
  :root { --paper: #fff; --panel: #fff; --ink: #000; --soft: #444; --line: #bbb; --accent: #000; }
  body { font-size: 10.5pt; } nav { display: none; } h2 { break-after: avoid; margin-top: 28px; } .cards { grid-template-columns: 1fr 1fr; gap: 12px; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
</style>
</head>
<body>
{% macro picture(key, alt, caption) %}
{% if key in images %}
<figure><figcaption>{{ caption }}</figcaption><img src="data:image/png;base64,{{ images[key] }}" alt="{{ alt }}"></figure>
{% endif %}
{% endmacro %}
{% macro tested(rows) %}
<div class="wide"><table>
<caption>Kruskal-Wallis tests, adjusted for their number after Holm; ε² is the share of the ranks' variation that segments account for.</caption>
<thead><tr><th scope="col">What</th><th scope="col" class="n">ε²</th><th scope="col">Effect</th><th scope="col" class="n">p, adjusted</th><th scope="col">From the lowest segment to the highest</th><th scope="col">Note</th></tr></thead>
<tbody>
{% for t in rows %}<tr><th scope="row">{{ t.label }}</th><td class="n">{{ t.effect }}</td><td>{{ t.size }}</td><td class="n">{{ t.p }}</td><td>{{ t.where or "no difference shown" }}</td><td>{{ t.note }}</td></tr>
{% endfor %}
</tbody></table></div>
{% endmacro %}
<header>
<h1>{{ b.title }}</h1>
<p class="headline">{{ headline }}</p>
<p class="source">{{ b.description }}{% if b.as_of %}, as of {{ b.as_of }}{% endif %} · {{ b.customers|whole }} customers</p>
<div class="bars">
<span>Customers</span>
<div class="bar" role="img" aria-label="Share of customers: {% for c in cards %}{{ c.name }} {{ c.share|percent }}{{ ", " if not loop.last }}{% endfor %}">
{% for c in cards %}<span style="width: {{ (100 * c.share)|round(2) }}%; background: {{ c.colour }}">{% if c.share >= 0.05 %}<b{% if c.share < 0.12 %} class="narrow"{% endif %}>{{ c.share|percent }}</b>{% endif %}</span>{% endfor %}
</div>
{% if cards[0].revenue_share is not none %}
<span>Revenue</span>
<div class="bar" role="img" aria-label="Share of revenue: {% for c in cards %}{{ c.name }} {{ c.revenue_share|percent }}{{ ", " if not loop.last }}{% endfor %}">
{% for c in cards %}<span style="width: {{ (100 * [c.revenue_share, 0]|max)|round(2) }}%; background: {{ c.colour }}">{% if c.revenue_share >= 0.05 %}<b{% if c.revenue_share < 0.12 %} class="narrow"{% endif %}>{{ c.revenue_share|percent }}</b>{% endif %}</span>{% endfor %}
</div>
{% endif %}
</div>
<ul class="key" aria-label="Colours of the segments">
{% for c in cards %}<li><span class="dot" style="background: {{ c.colour }}"></span>{{ c.name }}</li>{% endfor %}
</ul>
<nav aria-label="Sections"><ul>
<li><a href="#segments">The segments</a></li><li><a href="#next">What to do, and what it is worth</a></li><li><a href="#compared">Compared</a></li>
{% if categories %}<li><a href="#people">Who they are</a></li>{% endif %}
<li><a href="#differences">What else differs</a></li>
{% if rfm %}<li><a href="#rfm">Beside RFM</a></li>{% endif %}
<li><a href="#chosen">How it was chosen</a></li><li><a href="#glossary">Glossary</a></li>
</ul></nav>
</header>
<main>
<section id="segments">
<h2>The segments</h2>
{% if cards[0].radar in images %}<p class="soft">The figures show where a segment's customers rank among all, on average; the dashed ring is the middle, 50 %.</p>{% endif %}
<div class="cards{{ " threes" if cards|length is divisibleby 3 }}">
{% for c in cards %}
<article class="card" style="border-top-color: {{ c.colour }}">
<h3><span class="dot" style="background: {{ c.colour }}"></span>{{ c.name }}</h3>
<div class="facts">
<div><strong>{{ c.size|whole }}</strong><span>customers, {{ c.share|percent }}</span></div>
{% if c.revenue_share is not none %}<div><strong>{{ c.revenue_share|percent }}</strong><span>of revenue</span></div>
<div><strong>{{ money }}{{ c.per_customer }}</strong><span>per customer so far</span></div>{% endif %}
{% if c.value %}<div><strong>{{ c.value.churn_risk|percent }}</strong><span>risk of leaving</span></div>
<div><strong>{{ money }}{{ c.value.expected_value|whole }}</strong><span>expected in {{ b.forecast.horizon_days }} days, in all</span></div>{% endif %}
</div>
<h4>What sets them apart</h4>
{% if c.apart %}
<ul>
{% for a in c.apart %}<li><strong>{{ a.label }}: {{ a.side }}</strong>, typically {{ a.typical }}; all customers {{ a.overall }}</li>
{% endfor %}
</ul>
{% else %}<p>Like the average customer in everything that is known.</p>{% endif %}
{% if c.radar in images %}<img src="data:image/png;base64,{{ images[c.radar] }}" alt="Radar of {{ c.name }}: {% for a in c.apart %}{{ a.label }} {{ a.side }}{{ ", " if not loop.last }}{% endfor %}">{% endif %}
<h4>Who is in it, as a rule</h4>
{% if c.rules %}
<ul>
{% for r in c.rules %}<li>{{ r.words }}. <span class="soft">Finds {{ r.coverage|percent }} of them; {{ r.precision|percent }} of those it finds are theirs.</span></li>
{% endfor %}
</ul>
{% else %}<p>No rule of this few questions tells them from the others.</p>{% endif %}
{% if c.reasons %}<p class="soft">What decided, against the next segment: {{ c.reasons|join("; ") }}.</p>{% endif %}
{% if c.playbook %}
<h4>What to do: {{ c.playbook.name }}</h4>
<p>{{ c.playbook.goal }}</p>
<ul>{% for line in c.playbook.do %}<li>{{ line }}</li>{% endfor %}{% for line in c.playbook.avoid %}<li>Not: {{ line }}</li>{% endfor %}</ul>
<p class="soft">Channel: {{ c.playbook.channel }}. Offer: {{ c.playbook.offer }}. Measured by: {{ c.playbook.kpi }}.</p>
{% endif %}
</article>
{% endfor %}
</div>
<p class="soft">The rules together put {{ b.rules.fidelity|percent }} of all customers into their segment{% if b.rules.fidelity_unseen is not none %}, and {{ b.rules.fidelity_unseen|percent }} of customers they were not made from{% endif %}. They describe the segments; the segments themselves were made by distance.</p>
</section>

<section id="next">
<h2>What to do, and what it is worth</h2>
{% if b.playbooks %}<p>What to do stands on each segment's card.</p>{% else %}<p class="todo">What to do with each segment: <code>segments playbook</code> makes it.</p>{% endif %}
{% if b.value %}
<div class="wide"><table><caption>Expected in the next {{ b.forecast.horizon_days }} days{% if b.as_of %}, from {{ b.as_of }}{% endif %}</caption>
<thead><tr><th scope="col">Segment</th><th scope="col" class="n">Risk of leaving</th><th scope="col" class="n">Expected value</th><th scope="col" class="n">Revenue at risk</th></tr></thead>
<tbody>{% for c in cards %}<tr><th scope="row">{{ c.name }}</th><td class="n">{{ c.value.churn_risk|percent }}</td><td class="n">{{ money }}{{ c.value.expected_value|whole }}</td><td class="n">{{ money }}{{ c.value.at_risk_revenue|whole }}</td></tr>{% endfor %}</tbody></table></div>
{% for sentence in b.forecast.plain %}<p class="lead">{{ sentence }}</p>
{% endfor %}
<details><summary>How good the forecasts are, and whether segments help them</summary>
{% for sentence in b.forecast.recommendation + b.forecast.segments_help %}<p class="lead">{{ sentence }}</p>
{% endfor %}
{{ picture("calibration", "Predicted against observed share that left, in groups of customers by rising risk", "On the dashed line, as many left as were expected to. Each dot is a group of customers, its line the 95 % interval.") }}
</details>
{% elif b.why_no_forecast %}<p class="todo">Risk of leaving and expected value are not shown: {{ b.why_no_forecast }}.</p>
{% else %}<p class="todo">Who is about to leave, and what they are worth: <code>segments prediction</code> makes it.</p>{% endif %}
</section>

<section id="compared">
<h2>Compared</h2>
{{ picture("heat_map", "Heat map of indices: every feature in every segment, 100 is the average customer; the figures stand in the table of all features", "Index of each segment's mean: 100 is the average of all customers, 200 twice, 50 half of it.") }}
{{ picture("snake", "Profile plot: mean rank of every segment on every feature", "Where the typical customer of a segment ranks among all customers. 50 % is the middle; a line far to the right is high.") }}
{{ picture("bubble", "Bubbles: customers across, revenue per customer up, share of revenue as area", "Size against value. The area of a bubble, and the figure on it, are the segment's share of revenue.") }}
{{ picture("certainty", "Customers in a plane, paler the less certain their segment is, and the share of every segment near another one, out of range, or elsewhere in some resamples", "How clearly customers belong: pale is less certain, hollow is near another segment, a cross is farther out than nearly all customers of its segment.") }}
{% if "bubble" not in images %}<p class="todo">Size against value is not shown: these data have no revenue.</p>{% endif %}
</section>

{% if categories %}
<section id="people">
<h2>Who they are</h2>
<p class="lead">Nothing here was used to make the segments. {{ known }}
<strong>Of {{ categories|length }} compared, {{ differing if differing else "none" }} {{ "is" if differing < 2 else "are" }} shown to differ between segments.</strong></p>
{{ picture("make_up", "Dots: share of each level of each category in every segment; the figures stand in the table of the make-up", "Share of each segment's customers. The grey tick is all customers; hollow dots stand for fewer than 30 known.") }}
<div class="wide"><table>
<caption>Do the segments differ in who they are? Chi-square tests, adjusted for their number after Holm.</caption>
<thead><tr><th scope="col">What</th><th scope="col" class="n">Known for</th><th scope="col">Differs</th><th scope="col" class="n">p, adjusted</th><th scope="col" class="n">Cramér's V</th><th scope="col">Effect</th><th scope="col">Note</th></tr></thead>
<tbody>
{% for t in categories %}<tr><th scope="row">{{ t.label }}</th><td class="n">{{ t.known|whole }}</td><td>{{ "yes" if t.differs else "not shown" }}</td><td class="n">{{ t.p }}</td><td class="n">{{ t.effect }}</td><td>{{ t.size }}</td><td>{{ t.note }}</td></tr>
{% endfor %}
</tbody></table></div>
<details><summary>The make-up in figures</summary>
<div class="wide"><table>
<caption>Customers, and share among those known</caption>
<thead><tr><th scope="col">Segment</th><th scope="col">What</th><th scope="col">Level</th><th scope="col" class="n">Customers</th><th scope="col" class="n">Share</th><th scope="col" class="n">All</th></tr></thead>
<tbody>
{% for r in b.make_up.to_dict("records") %}<tr><th scope="row">{{ r.segment }}</th><td>{{ r.descriptor.replace("_", " ") }}</td><td>{{ r.value }}</td><td class="n">{{ r.customers|whole }}</td><td class="n">{{ r.share|percent }}</td><td class="n">{{ r.overall_share|percent }}</td></tr>
{% endfor %}
</tbody></table></div></details>
</section>
{% endif %}

<section id="differences">
<h2>What else differs</h2>
<p class="lead">The segments were made from {{ clustered|join(", ") }}. They differ in those by construction, so no test is made of them. Below is what they were <em>not</em> made from, largest effect first.
With many customers even a tiny difference is certain: read the effect before the p-value.</p>
{% if numbers.told %}{{ tested(numbers.told) }}
{% else %}<p>{{ "No other number differs much." if numbers.folded else "No other numbers are known." }}</p>{% endif %}
{% if numbers.folded %}<details><summary>What differs little, or says the same in other words</summary>
{{ tested(numbers.folded) }}
</details>{% endif %}
<details><summary>All features in all segments</summary>
<div class="wide"><table>
<caption>Mean (median), index, and effect against all others (Cliff's delta, −1 to 1). Clustered: the segments were made from it; derived: it follows from those.</caption>
<thead><tr><th scope="col">Feature</th><th scope="col">Role</th><th scope="col" class="n">All</th>{% for c in cards %}<th scope="col">{{ c.name }}</th>{% endfor %}</tr></thead>
<tbody>
{% for f in features %}<tr><th scope="row">{{ f.label }}</th><td>{{ f.role }}</td><td class="n">{{ f.overall }}</td>{% for x in f.cells %}<td>{{ x.mean }} ({{ x.median }})<br><span class="soft">{{ x.index }} · {{ x.effect }}</span></td>{% endfor %}</tr>
{% endfor %}
</tbody></table></div></details>
</section>

{% if rfm %}
<section id="rfm">
<h2>Beside RFM</h2>
<p class="lead">The classic segments by scores of recency, frequency and money, and where their customers are found among ours.</p>
<div class="wide"><table>
<caption>Customers of each RFM segment in each of our segments (share of the row)</caption>
<thead><tr><th scope="col">RFM segment</th><th scope="col" class="n">Customers</th><th scope="col" class="n">Revenue</th>{% for c in cards %}<th scope="col" class="n"><span class="dot" style="background: {{ c.colour }}"></span>{{ c.name }}</th>{% endfor %}</tr></thead>
<tbody>
{% for r in rfm %}<tr><th scope="row">{{ r.rfm_segment }}{% if r.note %}<br><span class="soft">{{ r.note }}</span>{% endif %}</th><td class="n">{{ r.customers|whole }}</td><td class="n">{{ r.revenue_share|percent }}</td>{% for x in r.cells %}<td class="n">{{ x.customers|whole }}{% if x.customers %} <span class="soft">({{ x.share|percent }})</span>{% endif %}</td>{% endfor %}</tr>
{% endfor %}
</tbody></table></div>
</section>
{% endif %}

<section id="chosen">
<h2>How it was chosen</h2>
<p class="lead">{{ b.swept }} were compared, and these segments have the best evidence of those that passed every test.</p>
{% if b.evidence %}<p class="lead"><strong>Grade: {{ b.evidence.grade }}.</strong> {{ grades[b.evidence.grade] }}</p>
{% else %}<p class="todo">Whether these groups exist, or cut a continuum into useful pieces: <code>segments evidence</code> makes it.</p>{% endif %}
<details><summary>For analysts: the rule, the runner-up and the figures</summary>
<p class="lead">{{ b.choice.rule }}</p>
<p class="lead">{{ b.choice.reason }}</p>
</details>
</section>

<section id="glossary">
<h2>Glossary</h2>
<details><summary>What the words mean</summary>
<dl>
<dt>Index</dt><dd>A segment's mean against the mean of all customers, times 100.</dd>
<dt>Typical</dt><dd>The median: half of the customers have more, half have less.</dd>
<dt>Mean rank</dt><dd>All customers are put in order; 0 % is the lowest, 100 % the highest, 50 % the middle. Not pulled about by a few very large values.</dd>
<dt>Cliff's delta</dt><dd>How often a customer of the segment lies above one of the others, less how often below: 0 is alike, 1 is always above.</dd>
<dt>Effect</dt><dd>How large a difference is, whatever the number of customers: negligible, small, medium or large.</dd>
<dt>p, adjusted</dt><dd>How often chance alone would show a difference this large, made stricter because many are looked at. Below 0.05 counts as shown.</dd>
{% if b.value %}<dt>Risk of leaving</dt><dd>The chance that a customer buys nothing in the next {{ b.forecast.horizon_days }} days; of a segment, the mean of its customers.</dd>
<dt>Expected value</dt><dd>What the segment's customers are expected to spend in the next {{ b.forecast.horizon_days }} days.</dd>
<dt>Revenue at risk</dt><dd>What each customer spent in the last {{ b.forecast.horizon_days }} days times the risk of leaving, added up.</dd>{% endif %}
{% if b.evidence %}<dt>Grade</dt><dd>Natural: separate groups exist and are found again. Reproducible: found again, though borders are blurred. Constructive: useful cuts of a continuum. Not supported: neither.</dd>{% endif %}
{% if trend %}<dt>Trend of spending</dt><dd>Spending in the recent half of a customer's time against the half before: 1 is all of it recent, −1 none of it.</dd>
{% endif %}<dt>Rule</dt><dd>A few questions in original units that find most of a segment. A segment can have more than one.</dd>
<dt>Silhouette</dt><dd>How much closer customers are to their own segment than to the next, from −1 to 1.</dd>
{% if rfm %}<dt>RFM scores</dt><dd>Five parts, as equal as ties allow, by recency, frequency and money, 5 is best. Equal customers always have equal scores.</dd>
<dt>New or occasional</dt><dd>Bought recently and seldom: scores alone cannot tell a new customer from a rare one.</dd>{% endif %}
</dl></details>
</section>
</main>
<footer>Made by <code>segments briefing</code>. Figures are of customers in groups; no single customer is in this page.</footer>
</body>
</html>
"""
