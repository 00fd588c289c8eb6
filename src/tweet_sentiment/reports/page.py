"""The report's page: style, script and template. They are Python, so that a change of them is one of the code."""

STYLE = """
:root{color-scheme:light}
body{font:16px/1.55 system-ui,sans-serif;color:#1f1f1f;background:#fff;max-width:70rem;margin:2rem auto;padding:0 1rem}
h1,h2{line-height:1.2} h2{margin-top:2.5rem;border-bottom:1px solid #d4d4d4;padding-bottom:.2rem}
a{color:#08415c} :focus-visible{outline:3px solid #08415c;outline-offset:2px}
.skip{position:absolute;left:-99rem} .skip:focus{left:1rem;top:.5rem;background:#fff;padding:.3rem}
nav ul{list-style:none;padding:0;display:flex;flex-wrap:wrap;gap:.2rem 1rem;margin:0}
#summary p{font-size:1.15rem;max-width:60rem}
figure{margin:1rem 0} figcaption{font-size:.85rem;color:#555}
.drawing{width:100%;overflow-x:auto}
.table{overflow-x:auto;max-height:32rem} table{border-collapse:collapse;font-size:.85rem}
caption{text-align:left;font-weight:600;padding:.8rem 0 .3rem}
th,td{padding:.25rem .6rem;border-bottom:1px solid #e4e4e4;text-align:left;vertical-align:top}
td{font-variant-numeric:tabular-nums} tbody th{font-weight:400}
pre{background:#f5f5f5;padding:.8rem;overflow-x:auto}
details{margin:.5rem 0} summary{cursor:pointer}
@media print{
 body{max-width:none;margin:0;font-size:10pt} nav,.skip{display:none}
 h2{break-after:avoid} figure,tr,pre{break-inside:avoid} pre{white-space:pre-wrap}
 .table{max-height:none;overflow:visible} table{font-size:7.5pt} td,th{padding:.1rem .3rem;overflow-wrap:anywhere}
 a{color:inherit;text-decoration:none}
}
"""

SCRIPT = r"""
"use strict";
// A drawing holds its figure as JSON; Plotly draws it when it comes into sight, or before the page is printed.
const settings = {displayModeBar: false, responsive: true};

function draw(place) {
  if (place.dataset.drawn) return;
  place.dataset.drawn = "yes";
  const figure = JSON.parse(place.nextElementSibling.textContent);
  Plotly.newPlot(place, figure.data, figure.layout, settings);
  document.getElementById("js-plotly-tester")?.setAttribute("aria-hidden", "true");  // Plotly's, to measure texts with
}

const places = Array.from(document.querySelectorAll(".drawing"));
const sight = new IntersectionObserver(
  (seen) => seen.filter((one) => one.isIntersecting).forEach((one) => draw(one.target)), {rootMargin: "600px"}
);
places.forEach((place) => sight.observe(place));

window.addEventListener("beforeprint", () => {
  document.querySelectorAll("details").forEach((one) => { one.open = true; });
  places.forEach(draw);
  places.forEach((place) => Plotly.relayout(place, {width: 680}));
});
window.addEventListener("afterprint", () => places.forEach((place) => Plotly.relayout(place, {width: null})));
"""

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title><style>{{ style | safe }}</style><script>{{ plotly | safe }}</script></head>
<body>
<a class="skip" href="#s1">Skip to the report</a>
<h1>{{ title }}</h1>
<nav aria-label="Sections"><ul>
{% for section in sections %}
<li><a href="#s{{ loop.index }}">{{ section.title }}</a></li>
{% endfor %}
</ul></nav>
<main>
{% for section in sections %}
<section id="{{ 'summary' if loop.first else 'section-' ~ loop.index }}">
<h2 id="s{{ loop.index }}">{{ section.title }}</h2>
{% for paragraph in section.paragraphs %}
<p>{{ paragraph }}</p>
{% endfor %}
{% if section.commands %}
<pre tabindex="0">{{ section.commands | join("\n") }}</pre>
{% endif %}
{% for caption, figure in section.figures %}
<details{% if loop.first or section.figures | length <= 3 %} open{% endif %}><summary>{{ caption }}</summary>
<figure>
<div role="img" aria-label="{{ alt(figure, caption) }}">
<div class="drawing" aria-hidden="true" style="min-height:{{ height(figure) }}px"></div>
<script type="application/json">{{ json(figure) | safe }}</script>
</div>
<figcaption aria-hidden="true">{{ alt(figure, caption) }}</figcaption>
</figure>
</details>
{% endfor %}
{% for table in section.tables %}
<div class="table" role="region" aria-label="{{ table.caption }}" tabindex="0">
<table><caption>{{ table.caption }}</caption>
<thead><tr>{% for cell in table.header %}<th scope="col">{{ cell }}</th>{% endfor %}</tr></thead>
<tbody>
{% for row in table.rows %}
<tr><th scope="row">{{ row[0] }}</th>{% for cell in row[1:] %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}
</tbody></table></div>
{% endfor %}
</section>
{% endfor %}
</main>
<script>{{ script | safe }}</script>
</body></html>
"""
