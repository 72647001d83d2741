"""A self-attention's weights as a heat map: each row is a frame of the window, each column a frame that it looks at."""

from typing import TYPE_CHECKING

import numpy as np

from solferino.models.music.pictures.page import FAINT, INK
from solferino.models.piano_rnn import frames as frame_tools

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# From paper over the dye that the project is named for to its darkest shade.
_COLOURS = ('#ffffff', '#f6d3e3', '#e98ab5', '#c2185b', '#8f0d47', '#4a0527')
_CELL = 0.16  # inches
_MOST_NAMES = 4  # of a frame's keys; of more the highest are only counted


def draw(weights: np.ndarray, frames: np.ndarray, number: int, layers: int) -> 'Figure':
    """Returns a figure.

    Args:
      weights: [W, W], of the frame of a row on that of a column; rows sum to 1.
      frames: bool [W, columns], oldest first.
      number, layers: which self-attention it is, from 1, and of how many.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure

    size = len(weights) * _CELL
    left, bottom, top, right = 1.25, 1.25, 0.75, 1.0
    width, height = left + size + right, bottom + size + top
    figure = Figure(figsize=(width, height), dpi=120, facecolor='white')
    FigureCanvasAgg(figure)
    axes = figure.add_axes((left / width, bottom / height, size / width, size / height))
    colours = LinearSegmentedColormap.from_list('attention', _COLOURS)
    image = axes.imshow(weights, cmap=colours, vmin=0, vmax=float(weights.max()), interpolation='nearest')
    labels = [_label(frame) for frame in frames]
    ticks = np.arange(len(labels))
    axes.set_xticks(ticks, labels, rotation=90, fontsize=5.5, color=INK)
    axes.set_yticks(ticks, labels, fontsize=5.5, color=INK)
    axes.tick_params(length=0, pad=2)
    for spine in axes.spines.values():
        spine.set_color(FAINT)
        spine.set_linewidth(0.6)
    axes.set_xlabel('is looked at', fontsize=8.5, color=FAINT)
    axes.set_ylabel('looks', fontsize=8.5, color=FAINT)
    title = f'Self-attention {number} of {layers}'
    figure.text(left / width, 1 - 0.36 / height, title, fontsize=14, fontweight='bold', color=INK)
    facts = f'the last {len(frames)} frames, oldest first; each row sums to 1'
    figure.text(left / width, 1 - 0.58 / height, facts, fontsize=8.5, color=FAINT)
    bar = figure.add_axes(((left + size + 0.15) / width, bottom / height, 0.14 / width, size / height))
    scale = figure.colorbar(image, cax=bar)
    scale.outline.set_visible(False)
    scale.ax.tick_params(length=0, labelsize=7, labelcolor=FAINT)
    return figure


def _label(frame: np.ndarray) -> str:
    """'C4 E4 G4', a dot for silence."""
    names = frame_tools.names(frame[: frame_tools.KEYS])
    more = len(names) - _MOST_NAMES
    return ' '.join(names[:_MOST_NAMES]) + (f' +{more}' if more > 0 else '') if names else '·'
