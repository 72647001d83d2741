"""Draws what is found in a file, in the colours of the other pictures."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from solferino.models.core.runs.curves import Curve
from solferino.models.music.pictures.page import FAINT, INK, LINE, VELOCITY_COLOURS
from solferino.pipelines.inspection.findings import Chart, Finding

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = {'training': VELOCITY_COLOURS[2], 'evaluation': '#1f6fb2', '': VELOCITY_COLOURS[2]}
_MOST_PANELS = 6
_MANY = 14  # bars with names of their own on the left; more stand upright
_PANEL = (5.2, 2.9)  # inches
# What is looked for first in a run.
_FIRST = ('loss', 'metrics/perplexity', 'metrics/accuracy', 'metrics/event_accuracy', 'metrics/no_event_accuracy')


def draw(finding: Finding) -> Any:
    """Returns a figure of the music itself, or of curves and histograms; None if there is nothing to be drawn."""
    if finding.picture:
        return finding.picture()
    panels: list[Chart | tuple[str, Mapping[str, Curve]]] = [*finding.charts]
    names = sorted(finding.curves, key=lambda name: (_FIRST.index(name) if name in _FIRST else len(_FIRST), name))
    panels += [(name, finding.curves[name]) for name in names]
    return _page(finding, panels[:_MOST_PANELS]) if panels else None


def _page(finding: Finding, panels: list[Any]) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = min(2, len(panels))
    rows = math.ceil(len(panels) / columns)
    height = rows * _PANEL[1] + 0.7
    figure = Figure(figsize=(columns * _PANEL[0] + 0.6, height), dpi=120, facecolor='white', layout='constrained')
    figure.get_layout_engine().set(rect=(0, 0, 1, 1 - 0.7 / height), w_pad=0.15, h_pad=0.12)  # type: ignore[union-attr,call-arg]  # of the constrained layout
    FigureCanvasAgg(figure)
    left = 0.2 / figure.get_figwidth()
    figure.text(
        left, 1 - 0.34 / height, finding.path[-70:], fontsize=14, fontweight='bold', color=INK, parse_math=False
    )
    figure.text(left, 1 - 0.56 / height, finding.kind, fontsize=8.5, color=FAINT, parse_math=False)
    for number, panel in enumerate(panels, start=1):
        axes = figure.add_subplot(rows, columns, number)
        for name, spine in axes.spines.items():
            spine.set_visible(name in ('left', 'bottom'))
            spine.set_color(LINE)
        axes.tick_params(length=0, labelsize=7.5, labelcolor=INK)
        if isinstance(panel, Chart):
            _bars(axes, panel)
        else:
            _curves(axes, *panel)
    return figure


def _bars(axes: 'Axes', chart: Chart) -> None:
    names, counts = zip(*chart.bars, strict=True)
    positions = range(len(names))
    axes.set_title(chart.title, fontsize=9, color=INK, loc='left')
    if len(names) > _MANY:
        black = [VELOCITY_COLOURS[3] if '#' in name else VELOCITY_COLOURS[2] for name in names]
        axes.bar(positions, counts, width=0.85, color=black)
        octaves = [
            position
            for position in positions
            if names[position][0] == 'C' and names[position][1:].lstrip('-').isdigit()
        ]
        shown = octaves or [*positions][:: max(1, len(names) // 8)]
        axes.set_xticks(shown, [names[position] for position in shown])
        axes.yaxis.grid(True, color=LINE, lw=0.6)
        axes.set_axisbelow(True)
    else:
        axes.barh(positions, counts, height=0.75, color=VELOCITY_COLOURS[2])
        axes.set_yticks(positions, names, parse_math=False)
        axes.invert_yaxis()
        axes.xaxis.grid(True, color=LINE, lw=0.6)
        axes.set_axisbelow(True)


def _curves(axes: 'Axes', name: str, sides: Mapping[str, Curve]) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_title(name, fontsize=9, color=INK, loc='left', parse_math=False)
    for side, (steps, values) in sides.items():
        mark = 'o' if len(steps) < 30 else None
        axes.plot(steps, values, color=_COLOURS[side], lw=1.3, marker=mark, markersize=2.5, label=side)
    axes.grid(True, color=LINE, lw=0.6)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))  # steps
    if any(sides):
        axes.legend(fontsize=7.5, frameon=False, labelcolor=INK)
