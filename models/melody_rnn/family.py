"""What only melody_rnn knows: its events are those of one voice."""

import ast
import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from note_seq.constants import MELODY_NO_EVENT, MELODY_NOTE_OFF
from note_seq.melodies_lib import Melody
from note_seq.protobuf import music_pb2

from solferino.hparams import words
from solferino.hparams.errors import SolferinoError
from solferino.hparams.melody_rnn import SPEC, MelodyConfig
from solferino.hparams.reasons import NO_MELODY, Reject
from solferino.models.core.events.event_family import EventFamily
from solferino.models.core.export.browser_events import BrowserEvents
from solferino.models.music.encodings.event_encodings import Encoding, EventEncoding
from solferino.models.music.encodings.key_encoding import KeyEncoding
from solferino.models.music.pictures.page import NO_MARKS, Marks
from solferino.models.music.pieces import melodies, sections
from solferino.models.music.pieces.piece import Piece

_BARS = (16, 32)  # steps of one and two bars of 4/4: how far the repeats look back
# What an encoding tells the network beside the last event.
_SHOWN = {
    'lookback': 'what was played one and two bars ago, and whether it is repeated',
    'key': 'what sounds, the direction, the likely keys, and whether music of one and two bars ago is repeated',
}
_NO_INSTRUMENT = np.iinfo(np.int32).max
_RANDOM_NOTES = (48, 84)  # where a voice may begin, whatever the range


class MelodyRnn(EventFamily):
    """See EventFamily."""

    spec = SPEC

    def encoding(self, config: MelodyConfig) -> Encoding:
        """Magenta's three encodings."""
        num_events = _range(config).num_classes
        if config.encoding == 'key':
            return KeyEncoding(num_events, counter_bits=7, lookbacks=_BARS, min_note=config.min_note)
        if config.encoding == 'lookback':
            return EventEncoding(num_events, counter_bits=5, lookbacks=_BARS)
        return EventEncoding(num_events)

    def event_classes(self, piece: Piece, config: MelodyConfig, reject: Reject) -> Iterator[np.ndarray]:
        """Of the melodies of each section of one tempo and metre, transposed copies where they are asked for."""
        settings, pitches = config.extraction, _range(config)
        if piece.notes['is_drum'].all():
            reject(NO_MELODY)
            return
        for section in sections.quantized_sections(piece, config.steps_per_quarter, reject):
            for line in melodies.extract(
                section,
                reject,
                min_bars=settings.min_bars,
                max_steps=settings.max_steps,
                min_unique_pitches=settings.min_unique_pitches,
                gap_bars=settings.gap_bars,
                ignore_polyphonic_notes=settings.ignore_polyphonic_notes,
            ):
                fitted, _ = pitches.fit(line.events())
                for semitones in settings.semitones:
                    yield pitches.encode(pitches.transpose(fitted, semitones))

    def chosen(self, piece: Piece, config: MelodyConfig) -> Piece:
        """The first instrument that is not drums."""
        rows = ~piece.notes['is_drum']
        instruments = piece.notes['instrument']
        return dataclasses.replace(
            piece, notes=piece.notes[rows & (instruments == instruments[rows].min(initial=_NO_INSTRUMENT))]
        )

    def unused(self, piece: Piece, config: MelodyConfig) -> Mapping[str, int]:
        """See Family: and of notes that begin together all but the highest."""
        chosen = self.chosen(piece, config)
        try:
            section = sections.quantize(sections.settled(chosen), config.steps_per_quarter)
        except ValueError:  # such music is no primer, and nobody asks
            return {}
        starts = section.starts[section.notes('velocity') > 0]
        return {'of chords': len(starts) - len(np.unique(starts)), **super().unused(piece, config)}

    def remarks(self, music: music_pb2.NoteSequence, config: MelodyConfig) -> list[str]:
        """See Family: and what the model hears in another octave."""
        told = super().remarks(music, config)
        try:
            events = _events(self.whole_track(self.settled(music, config), config))
        except ValueError:  # such music is no primer
            return told
        fitted, semitones = _range(config).fit(events)
        moved = int(((fitted != events + semitones) & (events >= 0)).sum())
        if moved:
            told.append(
                f'the model knows the pitches {config.min_note} to {config.max_note - 1} alone and hears '
                f'{words.counted(moved, "notes")} octaves away'
            )
        return told

    def whole_track(self, piece: Piece, config: MelodyConfig) -> Melody:
        """See EventFamily: of notes that begin together the highest."""
        section = sections.quantize(piece, config.steps_per_quarter)
        for instrument in melodies.instruments(section):
            for line in melodies.lines(section, instrument, gap_bars=float('inf'), ignore_polyphonic_notes=True):
                return Melody(
                    line.events().tolist(),
                    start_step=line.start_step,
                    steps_per_bar=line.steps_per_bar,
                    steps_per_quarter=config.steps_per_quarter,
                )
        raise ValueError('it has no notes beside drums')

    def default_primer(self, config: MelodyConfig, rng: np.random.Generator) -> Melody:
        """A random note in range."""
        low, high = max(config.min_note, _RANDOM_NOTES[0]), min(config.max_note, _RANDOM_NOTES[1])
        return Melody([int(rng.integers(low, high))], steps_per_quarter=config.steps_per_quarter)

    def classes(self, track: Melody, config: MelodyConfig) -> np.ndarray:
        """See EventFamily: of the melody in the config's key and range."""
        pitches = _range(config)
        return pitches.encode(pitches.fit(_events(track))[0])

    def track(self, events: list[int], classes: np.ndarray, like: Melody, config: MelodyConfig) -> Melody:
        """See EventFamily: in the key of the melody `like`."""
        pitches = _range(config)
        _, transposed = pitches.fit(_events(like))
        return Melody(
            events + pitches.decode(classes, -transposed).tolist(),
            steps_per_bar=like.steps_per_bar,
            steps_per_quarter=config.steps_per_quarter,
        )

    def event_meanings(self, config: MelodyConfig) -> Mapping[str, Any]:
        """See EventFamily."""
        highest = config.max_note - 1
        return {
            '0': 'nothing happens: a note sounds on, or silence lasts',
            '1': 'the note ends',
            f'2 to {_range(config).num_classes - 1}': f'a note of MIDI pitch {config.min_note} to {highest} begins',
        }

    def browser_events(self, config: MelodyConfig) -> BrowserEvents:
        """Of Magenta's three encodings the package has one-hot alone."""
        if config.encoding != 'one_hot':
            raise SolferinoError(
                f'@magenta/music cannot run a model of {config.name}: this network is shown more than the last event, '
                f'and the package has no data converter for that ({_SHOWN[config.encoding]}). Train basic_rnn or '
                'mono_rnn for web pages, or take --format=savedmodel.'
            )
        highest = config.max_note - 1
        advice = f'Begin with pitches {config.min_note} to {highest}; of notes that begin together the highest counts.'
        if config.transpose_to_key is not None:
            advice += '\nThe model knows music in C major or A minor alone: transpose to it what you begin with.'
        args = {'minPitch': config.min_note, 'maxPitch': highest, 'ignorePolyphony': True}
        return BrowserEvents({'type': 'MelodyConverter', 'args': args}, advice)

    def parse_primer(self, flag: str, text: str, config: MelodyConfig) -> Melody:
        """Reads "[60,-2,62,-1]": an event for each step."""
        example = f'Write an event for each step ({MELODY_NO_EVENT} nothing, {MELODY_NOTE_OFF} note off, or a pitch), '
        example += 'such as "[60,-2,62,-2]".'
        try:
            events = ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            raise SolferinoError(f'--{flag}={text}: this is not a list. {example}') from None
        if not isinstance(events, (list, tuple)) or not events:
            raise SolferinoError(f'--{flag}={text}: this is not a list of at least one step. {example}')
        for number, event in enumerate(events, start=1):
            if type(event) is not int or not MELODY_NO_EVENT <= event <= 127:
                raise SolferinoError(f'--{flag}: step {number} is {event!r}. {example}')
        return Melody(list(events), steps_per_quarter=config.steps_per_quarter)

    def draw(self, sequence: music_pb2.NoteSequence, config: MelodyConfig, marks: Marks = NO_MARKS) -> Any:
        """A piano roll."""
        from solferino.models.music.pictures import roll_pictures  # imports matplotlib

        return roll_pictures.draw_notes(sequence, config.steps_per_quarter, marks=marks)


def _range(config: MelodyConfig) -> melodies.Range:
    return melodies.Range(config.min_note, config.max_note, config.transpose_to_key)


def _events(melody: Melody) -> np.ndarray:
    return np.array(list(melody), np.int64)
