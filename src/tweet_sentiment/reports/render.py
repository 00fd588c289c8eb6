"""The report as Markdown, and as one HTML page that needs no network."""

from typing import Any

from tweet_sentiment.reports.inputs import Section
from tweet_sentiment.reports.page import PAGE, SCRIPT, STYLE
from tweet_sentiment.reports.tables import markdown


def as_markdown(title: str, sections: list[Section]) -> str:
    """Write the report without its figures."""
    lines = [f"# {title}"]
    for section in sections:
        if section.paragraphs or section.tables:
            lines += ["", f"## {section.title}"]
        for paragraph in section.paragraphs:
            lines += ["", paragraph]
        if section.commands:
            lines += ["", "```", *section.commands, "```"]
        for table in section.tables:
            lines += ["", f"{table.caption}:", "", *markdown(table.header, table.rows)]
    return "\n".join([*lines, ""])


def as_html(title: str, sections: list[Section]) -> str:
    """Write the report as one page: style, script and figures inside, every text escaped.

    The first section is the summary. A figure is drawn when it comes into sight, and all are before printing.
    """
    from jinja2 import Environment
    from plotly.offline import get_plotlyjs

    page = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(PAGE)
    return page.render(
        title=title,
        style=STYLE,
        script=SCRIPT,
        plotly=get_plotlyjs(),
        sections=sections,
        json=_json,
        alt=_alt,
        height=lambda figure: figure.layout.height or 430,
    )


def _alt(figure: Any, caption: str) -> str:
    """Return the figure's text alternative; of one that has none, its title or caption."""
    return str((figure.layout.meta or {}).get("alt") or figure.layout.title.text or caption)


def _json(figure: Any) -> str:
    """Return the figure as JSON that may stand in a script element: "</script>" cannot occur in it."""
    return str(figure.to_json()).replace("<", "\\u003c")
