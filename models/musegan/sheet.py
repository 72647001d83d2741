"""A sheet of small piano rolls that shows what each latent changes: a row varies one and holds the others."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from solferino.hparams.musegan import STEPS_PER_BAR
from solferino.models.music.pictures.page import FAINT, INK, LINE
from solferino.models.music.pieces import voices as music

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLOURS = ('#c2185b', '#1f6fb2', '#3f8f2d', '#cf8411', '#6b4bb8', '#128a84', '#8a5f40', '#8d8492')
_WIDTH, _HEIGHT, _LABEL, _HEADER, _GAP, _DPI = 1.8, 1.25, 1.1, 0.7, 0.1, 110  # inches, dots an inch


def draw(rows: Mapping[str, Sequence[np.ndarray]]) -> 'Figure':
    """Draws voices int [steps, tracks]: by the name of the latent that is varied, the pieces of a row.

    A track has a colour, time goes to the right, with lines at bars, and pitch upwards.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.collections import PatchCollection
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    columns = max(map(len, rows.values()))
    width = _LABEL + columns * (_WIDTH + _GAP) + _GAP
    height = _HEADER + len(rows) * (_HEIGHT + _GAP) + _GAP
    figure = Figure(figsize=(width, height), dpi=_DPI, facecolor='white')
    FigureCanvasAgg(figure)
    figure.text(_GAP / width, 1 - 0.3 / height, 'What each latent changes', fontsize=13, color=INK, weight='bold')
    words = 'in a row one latent is drawn anew for each piece, all others are those of the first piece'
    figure.text(_GAP / width, 1 - 0.52 / height, words, fontsize=7.5, color=FAINT)
    struck = np.concatenate([piece.ravel() for pieces in rows.values() for piece in pieces])
    struck = struck[struck >= 0]
    low, high = (int(struck.min()), int(struck.max())) if len(struck) else (48, 72)
    for i, (name, pieces) in enumerate(rows.items()):
        bottom = 1 - (_HEADER + (i + 1) * (_HEIGHT + _GAP)) / height
        figure.text(_GAP / width, bottom + _HEIGHT / 2 / height, name, fontsize=9, color=INK, va='center')
        for j, piece in enumerate(pieces):
            left = (_LABEL + j * (_WIDTH + _GAP)) / width
            axes = figure.add_axes((left, bottom, _WIDTH / width, _HEIGHT / height))
            axes.set(xlim=(0, len(piece)), ylim=(low - 1, high + 2), xticks=[], yticks=[])
            for spine in axes.spines.values():
                spine.set_color(LINE)
            for bar in range(STEPS_PER_BAR, len(piece), STEPS_PER_BAR):
                axes.axvline(bar, color=LINE, lw=0.8)
            for track in range(piece.shape[1]):
                boxes = [Rectangle((a, p), b - a - 0.15, 1) for a, b, p in music.notes(piece[:, track])]
                colour = _COLOURS[min(track, len(_COLOURS) - 1)]
                axes.add_collection(PatchCollection(boxes, facecolor=colour, lw=0))
    return figure
