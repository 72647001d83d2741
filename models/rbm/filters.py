"""A picture of what each hidden unit of a restricted Boltzmann machine is sensitive to: the columns of its weights."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from solferino.models.music.pictures.page import FAINT, INK, LINE
from solferino.models.rbm.note_states import NoteStates

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST = 64  # units that are drawn
_COLOURS = ('#1f6fb2', '#ffffff', '#c2185b')  # weights below, at and above zero
_TILE, _LABEL, _MARGIN, _HEADER, _DPI = 1.3, 0.2, 0.12, 0.75, 110  # inches, dots an inch
_WIDEST = 12.0


def draw(weights: np.ndarray, layout: NoteStates, activity: np.ndarray) -> 'Figure':
    """Draws the weights of each hidden unit as a small note-state matrix: pitch upwards, time to the right.

    Args:
      weights: [steps * width, H].
      layout: of the matrices; where there are two planes, the articulation is right of what sounds.
      activity: [H], how strongly each unit is turned on by the music in question.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure

    units = min(weights.shape[1], _MOST)
    # [steps, planes, pitches, H] to a picture [pitches, planes x steps] for each unit
    planes = weights.reshape(-1, layout.planes, layout.pitches, weights.shape[1])[..., :units]
    pictures = planes.transpose(3, 2, 1, 0)
    steps = pictures.shape[-1]
    width = float(np.clip(_TILE * layout.planes * steps / layout.pitches, 0.45, 2 * _TILE))
    columns = min(units, max(1, int(_WIDEST / (width + _MARGIN))))
    rows = math.ceil(units / columns)
    figure_width = max(columns * (width + _MARGIN) + _MARGIN, 6.0)
    figure_height = _HEADER + rows * (_TILE + _LABEL + _MARGIN)
    figure = Figure(figsize=(figure_width, figure_height), dpi=_DPI, facecolor='white')
    FigureCanvasAgg(figure)
    left = _MARGIN / figure_width
    shown = f'{units} of {weights.shape[1]}' if units < weights.shape[1] else f'{units}'
    figure.text(
        left, 1 - 0.3 / figure_height, f'Filters of {shown} hidden units', fontsize=13, color=INK, weight='bold'
    )
    limit = float(np.quantile(abs(planes), 0.999)) or 1.0
    parts = 'left what sounds, right what is struck; ' if layout.planes > 1 else ''
    figure.text(
        left,
        1 - 0.52 / figure_height,
        f'{parts}{layout.lowest} to {layout.highest} upwards, {steps} step{"s" if steps > 1 else ""} to the right; '
        f'red turns the unit on, blue off, up to {limit:.2g}; in brackets how strongly this music does',
        fontsize=7.5,
        color=FAINT,
    )
    colours = LinearSegmentedColormap.from_list('weights', _COLOURS)
    for unit, picture in enumerate(pictures):
        row, column = divmod(unit, columns)
        x = _MARGIN + column * (width + _MARGIN)
        top = _HEADER + row * (_TILE + _LABEL + _MARGIN) + _LABEL
        box = (x / figure_width, 1 - (top + _TILE) / figure_height, width / figure_width, _TILE / figure_height)
        axes = figure.add_axes(box)
        axes.imshow(
            picture.reshape(layout.pitches, -1), cmap=colours, vmin=-limit, vmax=limit, origin='lower', aspect='auto',
            interpolation='nearest',
        )  # fmt: skip
        _finish(axes, layout, steps)
        axes.set_title(f'{unit + 1}  ({activity[unit]:.2f})', fontsize=6.5, color=INK, pad=2)
    return figure


def _finish(axes: Any, layout: NoteStates, steps: int) -> None:
    for octave in range(-(-layout.lowest // 12) * 12, layout.highest + 1, 12):
        axes.axhline(octave - layout.lowest - 0.5, color=LINE, lw=0.3)
    for plane in range(1, layout.planes):
        axes.axvline(plane * steps - 0.5, color=INK, lw=0.6)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(color=LINE, linewidth=0.6)
