"""The nine kinds of drums that a kit model tells apart: names for people, and their order from the floor up."""

from note_seq.drums_encoder_decoder import DEFAULT_DRUM_TYPE_PITCHES

# A name for each of note-seq's kinds, in its order.
KIT_NAMES = ('bass drum', 'snare', 'closed hat', 'open hat', 'low tom', 'mid tom', 'high tom', 'crash', 'ride')
# Their places in a picture, lowest first, as drum music is written: feet, snare, toms, cymbals.
_HEIGHTS = ('bass drum', 'snare', 'low tom', 'mid tom', 'high tom', 'closed hat', 'open hat', 'ride', 'crash')

_KIND_OF_PITCH = {pitch: kind for kind, pitches in enumerate(DEFAULT_DRUM_TYPE_PITCHES) for pitch in pitches}


def drum_name(pitch: int) -> str:
    """The name of the kind of drums that a MIDI pitch belongs to, or 'pitch 99' if it belongs to none."""
    kind = _KIND_OF_PITCH.get(pitch)
    return f'pitch {pitch}' if kind is None else KIT_NAMES[kind]


def drum_height(pitch: int) -> int:
    """Where the drum of a MIDI pitch stands in a picture, 0 lowest; pitches of no kind stand above the kit."""
    name = drum_name(pitch)
    return _HEIGHTS.index(name) if name in _HEIGHTS else len(_HEIGHTS) + pitch
