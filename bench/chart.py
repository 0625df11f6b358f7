"""The chart of the results, for the README."""

import itertools
import math
from collections.abc import Mapping
from xml.etree import ElementTree

import pygal  # type: ignore[import-untyped]
from pygal.etree import etree  # type: ignore[import-untyped]
from pygal.style import Style  # type: ignore[import-untyped]

from bench.plan import Plan
from bench.results import Summaries
from bench.servers import CEILING, DEFAULTS, FAST, FLOOR, PROJECT, STOCK

# Readable on white and on dark: a transparent ground, text in a grey between the two, bars of
# medium lightness.
GREY = "#7d8590"
COLOURS: Mapping[str, str] = {
    PROJECT: "#d9480f",
    DEFAULTS: "#f08c5a",
    FAST: "#f4b183",
    STOCK: "#e8a33d",
    "websockets-sync": "#2f9e77",
    "websockets-asyncio": "#74b816",
    "aiohttp": "#3b82c4",
    "gunicorn-asgi": "#7c6fd0",
    "picows": "#c2559d",
    FLOOR: GREY,
}
DECADES = [10**power for power in range(7)]


def write_chart(plan: Plan, summaries: Summaries) -> bytes:
    """Return an SVG: a group of bars per load, a bar per server, messages per second (log)."""
    etree.to_etree()  # Also if lxml is installed, whose elements ElementTree cannot serialise.
    loads = [load for load in plan.loads if load.unit != "connections opened"]
    servers = [server for server in plan.servers if server.name != CEILING]
    bars = {
        server.name: [_rate(summaries, load.name, server.name) for load in loads]
        for server in servers
    }
    chart = pygal.Bar(
        style=_style([COLOURS[name] for name in bars]),
        title="Messages per second (open-close: connections); logarithmic",
        logarithmic=True,
        width=1100,
        height=460,
        js=[],
        legend_at_bottom=True,
        legend_at_bottom_columns=4,
        range=(1, 1.2 * max(filter(None, itertools.chain(*bars.values())), default=10.0)),
        zero=1,
        value_formatter=lambda value: f"{value:,.0f}",
    )
    chart.uuid = "results"  # Not a random one, so that equal results are an equal file.
    chart.y_labels = DECADES
    chart.x_labels = [load.name for load in loads]
    for name, values in bars.items():
        chart.add(name, values)
    return _without_scripts(chart.render_tree())


def _without_scripts(svg: ElementTree.Element) -> bytes:
    """Serialise the picture without pygal's scripts, which no README would run."""
    definitions = svg.find("defs")
    assert definitions is not None
    for script in definitions.findall("script"):
        definitions.remove(script)
    picture: bytes = ElementTree.tostring(svg, encoding="utf-8")
    return picture


def _rate(summaries: Summaries, load: str, server: str) -> float | None:
    """Return the bar's value; None, no bar, where there is nothing a logarithm could show."""
    summary = summaries.get((load, server))
    if summary is None or summary.figures is None or summary.cpu_says_more:
        return None
    rate = summary.figures.rate
    return None if math.isnan(rate) or rate < 1 else rate


def _style(colours: list[str]) -> Style:
    return Style(
        background="transparent",
        plot_background="transparent",
        foreground=GREY,
        foreground_strong=GREY,
        foreground_subtle=GREY,
        guide_stroke_color=GREY,
        major_guide_stroke_color=GREY,
        colors=tuple(colours),
        opacity="1",
        font_family="sans-serif",
        title_font_size=18,
        label_font_size=14,
        major_label_font_size=14,
        legend_font_size=14,
    )
