"""Notes on a grid as MusPy has them, and its metrics of them."""

from typing import Any

import muspy
import numpy as np

from solferino.models.music.metrics.grid import Grid


def music_of(notes: Grid) -> Any:
    """The same notes, a track of drums and one of others."""
    tracks = []
    for is_drum in (False, True):
        mine = np.flatnonzero(notes.is_drum == is_drum)
        tracks.append(
            muspy.Track(
                is_drum=is_drum,
                notes=[
                    muspy.Note(int(notes.starts[k]), int(notes.pitches[k]), int(notes.ends[k] - notes.starts[k]), 64)
                    for k in mine
                ],
            )
        )
    return muspy.Music(resolution=notes.steps_per_quarter, tracks=[track for track in tracks if track.notes])


def metric(name: str, music: Any, steps_per_bar: int) -> float:
    """The value of MusPy's metric that ours of this name is to be equal to."""
    extra: dict[str, dict[str, Any]] = {
        'pitch_in_scale_rate': {'root': 0, 'mode': 'major'},
        'drum_in_pattern_rate': {'meter': 'duple'},
        'empty_measure_rate': {'measure_resolution': steps_per_bar},
        'groove_consistency': {'measure_resolution': steps_per_bar},
    }
    return float(getattr(muspy, name)(music, **extra.get(name, {})))
