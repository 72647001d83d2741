"""Names of drums: General MIDI's percussion map, and the nine kinds of drums that a kit model tells apart."""

from note_seq.drums_encoder_decoder import DEFAULT_DRUM_TYPE_PITCHES

# General MIDI 1 (35 to 81) and 2 (the rest): channel 10, each pitch an instrument.
GM_DRUMS = {
    27: 'high Q',
    28: 'slap',
    29: 'scratch push',
    30: 'scratch pull',
    31: 'sticks',
    32: 'square click',
    33: 'metronome click',
    34: 'metronome bell',
    35: 'acoustic bass drum',
    36: 'bass drum',
    37: 'side stick',
    38: 'snare',
    39: 'hand clap',
    40: 'electric snare',
    41: 'low floor tom',
    42: 'closed hi-hat',
    43: 'high floor tom',
    44: 'pedal hi-hat',
    45: 'low tom',
    46: 'open hi-hat',
    47: 'low-mid tom',
    48: 'high-mid tom',
    49: 'crash',
    50: 'high tom',
    51: 'ride',
    52: 'Chinese cymbal',
    53: 'ride bell',
    54: 'tambourine',
    55: 'splash',
    56: 'cowbell',
    57: 'crash 2',
    58: 'vibraslap',
    59: 'ride 2',
    60: 'high bongo',
    61: 'low bongo',
    62: 'mute high conga',
    63: 'open high conga',
    64: 'low conga',
    65: 'high timbale',
    66: 'low timbale',
    67: 'high agogo',
    68: 'low agogo',
    69: 'cabasa',
    70: 'maracas',
    71: 'short whistle',
    72: 'long whistle',
    73: 'short guiro',
    74: 'long guiro',
    75: 'claves',
    76: 'high wood block',
    77: 'low wood block',
    78: 'mute cuica',
    79: 'open cuica',
    80: 'mute triangle',
    81: 'open triangle',
    82: 'shaker',
    83: 'jingle bell',
    84: 'bell tree',
    85: 'castanets',
    86: 'mute surdo',
    87: 'open surdo',
}

# One name for each of note-seq's kinds, in its order.
KIT_NAMES = ('bass drum', 'snare', 'closed hat', 'open hat', 'low tom', 'mid tom', 'high tom', 'crash', 'ride')
# From the feet up, as drum music is written: the place of each kind in a picture, lowest first.
KIT_HEIGHTS = (0, 1, 5, 6, 2, 3, 4, 8, 7)

_KIND_OF_PITCH = {pitch: kind for kind, pitches in enumerate(DEFAULT_DRUM_TYPE_PITCHES) for pitch in pitches}


def kind_of(pitch: int) -> int | None:
    """The number of the kind of drums that a MIDI pitch belongs to, an index of KIT_NAMES, or None."""
    return _KIND_OF_PITCH.get(pitch)


def drum_name(pitch: int) -> str:
    """General MIDI's name of a MIDI pitch on the drum channel, or 'pitch 99'."""
    return GM_DRUMS.get(pitch, f'pitch {pitch}')
