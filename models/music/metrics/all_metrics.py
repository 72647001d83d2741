"""All metrics of a piece by name, in the order of tables."""

import math

from solferino.models.music.metrics import descriptive, grid, jazz_transformer, tonal
from solferino.models.music.pieces.piece import Piece

# What each is called in tables.
TITLES = {
    'pitch_range': 'pitch range, semitones',
    'n_pitches_used': 'pitches used',
    'n_pitch_classes_used': 'pitch classes used',
    'polyphony': 'pitches at once',
    'polyphony_rate': 'steps with more than two pitches',
    'pitch_in_scale_rate': 'notes in C major',
    'scale_consistency': 'notes in their scale',
    'pitch_entropy': 'pitch entropy, bits',
    'pitch_class_entropy': 'pitch class entropy, bits',
    'empty_beat_rate': 'empty beats',
    'empty_measure_rate': 'empty bars',
    'drum_in_pattern_rate': 'drums on sixteenths',
    'drum_pattern_consistency': 'drums on sixteenths or triplets',
    'groove_consistency': 'onsets alike in neighbouring bars',
    'tonal_distance': 'tonal distance between tracks',
    'histogram_entropy_1': 'pitch class entropy of a bar (H1)',
    'histogram_entropy_4': 'pitch class entropy of four bars (H4)',
    'grooving_similarity': 'onsets alike in all bars (GS)',
    'chord_irregularity': 'different among three chords (CPI)',
    'structure_short': 'repetition of 3 to 8 s (SI)',
    'structure_middle': 'repetition of 8 to 15 s (SI)',
    'structure_long': 'repetition of 15 s or more (SI)',
}


def measure(piece: Piece, steps_per_quarter: int = grid.STEPS_PER_QUARTER, structure: bool = True) -> dict[str, float]:
    """Returns the metrics of an unquantized piece by the names of TITLES; nan where there is nothing to measure.

    `structure=False` leaves out structureness, which takes most of the time. Raises ValueError as `grid.read`.
    """
    notes = grid.read(piece, steps_per_quarter)
    found = {name: function(notes) for name, function in descriptive.METRICS.items()}
    found['tonal_distance'] = tonal.tonal_distance(notes)
    for bars in (1, 4):
        found[f'histogram_entropy_{bars}'] = jazz_transformer.histogram_entropy(notes, bars)
    found['grooving_similarity'] = jazz_transformer.grooving_similarity(notes)
    found['chord_irregularity'] = jazz_transformer.chord_irregularity(piece)
    found |= jazz_transformer.structureness(notes) if structure else dict.fromkeys(jazz_transformer.STRUCTURE, math.nan)
    return {name: found[name] for name in TITLES}
