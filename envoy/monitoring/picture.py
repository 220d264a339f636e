#!/usr/bin/env python3
"""Draws the dashboard's time series as one SVG, from what a running Prometheus has.

    python3 envoy/monitoring/picture.py --minutes 15 --out envoy/monitoring/dashboard.svg
"""
import argparse
import html
import json
import pathlib
import time
import urllib.parse
import urllib.request

WIDTH, HEIGHT, LEFT, TOP, LINE = 560, 210, 84, 34, 14
COLOURS = ["#1f77b4", "#d62728", "#2ca02c", "#ff7f0e", "#9467bd", "#8c564b", "#17becf", "#7f7f7f"]
VARIABLES = {"$instance": ".*", "$api": ".*", "$product": ".*", "$subscription": ".*", "$__rate_interval": "1m"}


def series(prometheus, query, start, end):
    """Each series of a query over the time: its labels, and (second, value) pairs."""
    step = max((end - start) / 200, 0.25)
    words = urllib.parse.urlencode({"query": query, "start": start, "end": end, "step": f"{step:.3f}"})
    with urllib.request.urlopen(f"{prometheus}/api/v1/query_range?{words}") as answer:
        found = json.load(answer)["data"]["result"]
    return [(each["metric"], [(at, float(value)) for at, value in each["values"]]) for each in found]


def legend(form, labels):
    for name, value in labels.items():
        form = form.replace("{{%s}}" % name, value)
    # Prometheus leaves out a label that is empty.
    return " ".join(word for word in form.split() if not word.startswith("{{")) or "(none)"


def scaled(value, unit):
    if unit == "percentunit":
        return f"{value * 100:.3g} %"
    short = f"{value / 1000:.3g} k" if value >= 1000 else f"{value:.3g}"
    return f"{short} " + {"reqps": "calls/s", "ms": "ms", "Bps": "B/s"}.get(unit, "")


def draw(panel, x, y, prometheus, start, end):
    unit = panel["fieldConfig"]["defaults"]["unit"]
    lines = []
    for target in panel["targets"]:
        query = target["expr"]
        for name, value in VARIABLES.items():
            query = query.replace(name, value)
        lines += [(legend(target["legendFormat"], labels), points) for labels, points in series(prometheus, query, start, end)]
    # A ratio of nothing is not a number, and no point.
    lines = [(name, [(at, value) for at, value in points if value == value]) for name, points in lines]
    most = max((value for _, points in lines for _, value in points), default=0) or 1
    right, bottom = WIDTH - 16, HEIGHT - 52
    span = f'<text x="{right}" y="20" text-anchor="end">{(end - start) / 60:g} minutes</text>'
    out = [f'<g transform="translate({x},{y})">', f'<text x="{LEFT}" y="20" class="title">{html.escape(panel["title"])}</text>', span]
    for part in (0, 0.5, 1):
        level = bottom - part * (bottom - TOP)
        out.append(f'<path d="M{LEFT} {level:.1f}H{right}" class="grid"/>')
        out.append(f'<text x="{LEFT - 5}" y="{level + 4:.1f}" text-anchor="end">{html.escape(scaled(most * part, unit))}</text>')
    for number, (name, points) in enumerate(lines[:8]):
        places = " ".join(
            f"{LEFT + (at - start) / (end - start) * (right - LEFT):.1f},{bottom - value / most * (bottom - TOP):.1f}"
            for at, value in points)
        colour = COLOURS[number % len(COLOURS)]
        out.append(f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        column, row = number % 3, number // 3
        out.append(f'<text x="{LEFT + column * 158}" y="{bottom + 18 + row * LINE}" fill="{colour}">{html.escape(name)}</text>')
    return out + ["</g>"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prometheus", default="http://127.0.0.1:9090", metavar="URL")
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    arguments = parser.parse_args()
    dashboard = json.loads(pathlib.Path(__file__).with_name("dashboard.json").read_text(encoding="utf-8"))
    panels = [panel for panel in dashboard["panels"] if panel["type"] == "timeseries"]
    end = time.time()
    height = (len(panels) + 1) // 2 * HEIGHT
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * WIDTH} {height}" font-family="sans-serif" font-size="11">',
        "<style>.title{font-size:13px;font-weight:bold}.grid{stroke:#ddd}</style>",
        '<rect width="100%" height="100%" fill="#fff"/>',
    ]
    for number, panel in enumerate(panels):
        x, y = number % 2 * WIDTH, number // 2 * HEIGHT
        out += draw(panel, x, y, arguments.prometheus, end - arguments.minutes * 60, end)
    arguments.out.write_text("\n".join([*out, "</svg>"]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
