"""Voices for a given one: of many pieces, that whose own voice is most like the given one, which takes its place.

The paper trains an encoder for this ("track-conditional generation"). Here the generator stays as it is, and many
pieces are made for each stretch of the given voice: where a piece has nearly that voice, its others go with it.
"""

import numpy as np

from solferino.hparams.errors import SolferinoError
from solferino.hparams.musegan import STEPS_PER_BAR, MuseGanConfig
from solferino.models.musegan.classes import Classes
from solferino.models.music.pieces import keys, sections, voices
from solferino.models.music.pieces.piece import Piece

_SAME, _OCTAVE = 1.0, 0.5  # what a step counts in which both sound the same pitch, or its pitch class


def given_voice(piece: Piece, config: MuseGanConfig) -> tuple[np.ndarray, int]:
    """Returns the one voice of music, int [steps, 1] in whole pieces, and the semitones by which it was moved.

    It is in a key that the model knows then.

    Raises SolferinoError: it has several voices, or does not fit.
    """
    flag = f'--accompany_midi={piece.filename}' if piece.filename else '--accompany_midi'
    instruments = voices.parts(piece, by_register=True)
    if len(instruments) != 1:
        raise SolferinoError(
            f'{flag} must have one voice beside drums; it has {len(instruments)} instruments with notes.'
        )
    try:
        section = sections.quantize(piece, config.steps_per_quarter)
        if section.metre.name != '4/4':
            raise ValueError(f'its metre is {section.metre.name}, and pieces are in 4/4')
        length = config.hparams.num_bars * STEPS_PER_BAR
        found = voices.of_section(section, instruments, -(-int(section.ends.max()) // length) * length)
    except ValueError as error:
        raise SolferinoError(f'{flag} cannot be used: {error}.') from None
    up = keys.to_common(voices.key(found)) if config.extraction.common_key else 0
    found = voices.transpose(found, up)
    if not Classes.of(config.extraction).fits(found):
        raise SolferinoError(f'{flag} has pitches that the model does not know. Transpose it.')
    return found, up


def choose(voice: np.ndarray, pieces: np.ndarray, track: int) -> np.ndarray:
    """Returns the music for a stretch of a voice.

    Args:
      voice: [steps], a stretch as long as a piece.
      pieces: voices [pieces, steps, tracks].
      track: which of them the given voice is.
    """
    wanted = voices.sounding(voice[:, None])[:, 0]
    made = np.array([voices.sounding(piece)[:, track] for piece in pieces])
    both = (made >= 0) & (wanted >= 0)
    alike = np.where(made == wanted, _SAME, np.where(both & (made % 12 == wanted % 12), _OCTAVE, 0.0))
    chosen: np.ndarray = pieces[int(alike.sum(axis=1).argmax())].copy()
    chosen[:, track] = voice
    return chosen


def track_index(config: MuseGanConfig, track: int) -> int:
    """Returns the index of a track that is counted from 1. Raises SolferinoError if there is none."""
    if not 1 <= track <= config.hparams.num_tracks:
        raise SolferinoError(f'--accompany_track={track} must be from 1 to {config.hparams.num_tracks}.')
    return track - 1
