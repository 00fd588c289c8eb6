"""The report as Markdown, and as one HTML page that needs no network."""

from typing import Any

from tweet_sentiment.reports.sections import Section
from tweet_sentiment.reports.tables import markdown

STYLE = """
body{font:16px/1.5 system-ui,sans-serif;color:#222;max-width:70rem;margin:2rem auto;padding:0 1rem}
h1,h2{line-height:1.2} h2{margin-top:2.5rem;border-bottom:1px solid #ddd}
p:first-of-type{font-size:1.15rem} nav a{margin-right:1rem}
table{border-collapse:collapse;font-size:.85rem;display:block;overflow-x:auto}
caption{text-align:left;font-weight:600;padding:.6rem 0}
th,td{padding:.25rem .6rem;border-bottom:1px solid #eee;text-align:left}
td{font-variant-numeric:tabular-nums} details{margin:.5rem 0} summary{cursor:pointer}
"""
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{{ title }}</title><style>{{ style }}</style><script>{{ plotly | safe }}</script></head><body>
<h1>{{ title }}</h1>
<nav>{% for section in sections %}<a href="#s{{ loop.index }}">{{ section.title }}</a> {% endfor %}</nav>
{% for section in sections %}<h2 id="s{{ loop.index }}">{{ section.title }}</h2>
{% for paragraph in section.paragraphs %}<p>{{ paragraph }}</p>
{% endfor %}{% for table in section.tables %}<table><caption>{{ table.caption }}</caption>
<thead><tr>{% for cell in table.header %}<th>{{ cell }}</th>{% endfor %}</tr></thead>
<tbody>{% for row in table.rows %}<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</tbody></table>
{% endfor %}{% for caption, figure in section.figures %}<details{% if section.figures | length <= 3 %} open{% endif %}>
<summary>{{ caption }}</summary>{{ draw(figure) | safe }}</details>
{% endfor %}{% endfor %}</body></html>
"""


def as_markdown(title: str, sections: list[Section]) -> str:
    """Write the report without its figures."""
    lines = [f"# {title}"]
    for section in sections:
        if section.paragraphs or section.tables:
            lines += ["", f"## {section.title}"]
        for paragraph in section.paragraphs:
            lines += ["", paragraph]
        for table in section.tables:
            lines += ["", f"{table.caption}:", "", *markdown(table.header, table.rows)]
    return "\n".join([*lines, ""])


def as_html(title: str, sections: list[Section]) -> str:
    """Write the report as one page: style, script and figures inside, every text escaped."""
    from jinja2 import Environment
    from plotly.offline import get_plotlyjs

    page = Environment(autoescape=True).from_string(PAGE)
    return page.render(title=title, style=STYLE, plotly=get_plotlyjs(), sections=sections, draw=_draw)


def _draw(figure: Any) -> str:
    return str(figure.to_html(full_html=False, include_plotlyjs=False, default_height="420px"))
