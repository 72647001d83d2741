"""What only drums_rnn knows: its events are the drums hit at each step."""

import ast
import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from note_seq.drums_lib import DrumTrack
from note_seq.protobuf import music_pb2

from solferino.hparams import words
from solferino.hparams.drums_rnn import SPEC, DrumConfig
from solferino.hparams.errors import SolferinoError
from solferino.hparams.reasons import NO_DRUMS, Reject
from solferino.models.core.events.event_family import EventFamily
from solferino.models.core.export.browser_events import BrowserEvents
from solferino.models.music.encodings.event_encodings import EventEncoding
from solferino.models.music.pictures.page import NO_MARKS, Marks
from solferino.models.music.pieces import drums, sections
from solferino.models.music.pieces import piece as pieces
from solferino.models.music.pieces.piece import Piece

BASS_DRUM = 36
_CLASSES = {'any': drums.ANY_DRUM, 'kit': drums.DRUM_KIT}


class DrumsRnn(EventFamily):
    """See EventFamily."""

    spec = SPEC

    def encoding(self, config: DrumConfig) -> EventEncoding:
        """The combination of drums as one class, and a counter of the position."""
        return EventEncoding(_CLASSES[config.drum_classes].num_classes, config.counter_bits)

    def event_classes(self, piece: Piece, config: DrumConfig, reject: Reject) -> Iterator[np.ndarray]:
        """Of the drum tracks of each section of one tempo and metre."""
        settings = config.extraction
        rows = np.flatnonzero(piece.notes['is_drum'] | settings.ignore_is_drum)
        if not len(rows):
            reject(NO_DRUMS)
            return
        for section in sections.quantized_sections(piece, config.steps_per_quarter, reject, rows):
            for track in drums.extract(
                section, reject, min_bars=settings.min_bars, max_steps=settings.max_steps, gap_bars=settings.gap_bars
            ):
                yield _CLASSES[config.drum_classes].encode(track)

    def loudness_kinds(self, notes: np.ndarray, config: DrumConfig) -> np.ndarray:
        """See Family: kinds of drums."""
        return _CLASSES[config.drum_classes].kinds(notes['pitch'])

    def chosen(self, piece: Piece, config: DrumConfig) -> Piece:
        """The notes on channel 10; where there are none, all notes, so that a primer may be played on any channel."""
        is_drum = piece.notes['is_drum']
        return dataclasses.replace(piece, notes=piece.notes[is_drum | ~is_drum.any()])

    def remarks(self, music: music_pb2.NoteSequence, config: DrumConfig) -> list[str]:
        """See Family: and what the model does not hear as a drum."""
        told, pitches = super().remarks(music, config), self.chosen(pieces.of(music), config).notes['pitch']
        if not any(note.is_drum for note in music.notes):
            told.append('no notes are on channel 10, so that all are taken for drums')
        known = set(itertools.chain(*_CLASSES[config.drum_classes].pitches))
        unknown = [pitch for pitch in pitches.tolist() if pitch not in known]
        if unknown:
            names = ', '.join(map(str, sorted(set(unknown))))
            told.append(f'{words.counted(len(unknown), "hits")} of drums that the model does not know: pitch {names}')
        return told

    def whole_track(self, piece: Piece, config: DrumConfig) -> DrumTrack:
        """See EventFamily."""
        section = sections.quantize(piece, config.steps_per_quarter)
        track = next(drums.tracks(section, gap_bars=float('inf')), None)
        if track is None:
            raise ValueError('all its notes have velocity 0')
        # Up to the last note's end, which may be rests after the last hit.
        end = max(section.ends.max(), section.step(piece.total_time))
        track = track.cut(max(track.length, end - track.start_step))
        return DrumTrack(
            track.events(),
            start_step=track.start_step,
            steps_per_bar=track.steps_per_bar,
            steps_per_quarter=config.steps_per_quarter,
        )

    def default_primer(self, config: DrumConfig, rng: np.random.Generator) -> DrumTrack:
        """One hit of the bass drum."""
        return DrumTrack([frozenset([BASS_DRUM])], steps_per_quarter=config.steps_per_quarter)

    def classes(self, track: Iterable[frozenset[int]], config: DrumConfig) -> np.ndarray:
        """See DrumClasses."""
        return _CLASSES[config.drum_classes].encode(drums.Hits.of(list(track)))

    def track(
        self, events: list[frozenset[int]], classes: np.ndarray, like: DrumTrack, config: DrumConfig
    ) -> DrumTrack:
        """See EventFamily."""
        return DrumTrack(
            events + _CLASSES[config.drum_classes].decode(classes),
            steps_per_bar=like.steps_per_bar,
            steps_per_quarter=config.steps_per_quarter,
        )

    def notes(self, track: DrumTrack, qpm: float, start_time: float) -> music_pb2.NoteSequence:
        """See EventFamily."""
        return drums.to_sequence(track, qpm, start_time)

    def event_meanings(self, config: DrumConfig) -> Mapping[str, Any]:
        """See EventFamily."""
        return {
            'meaning': 'bit k of the class, the lowest first, is set if a drum of kind k is hit; 0 is no hit',
            'kinds': 'MIDI pitches of each kind; the first stands for it in generated music',
            'pitches': [list(pitches) for pitches in _CLASSES[config.drum_classes].pitches],
        }

    def browser_events(self, config: DrumConfig) -> BrowserEvents:
        """One bit for each kind of drum."""
        pitches = [list(pitches) for pitches in _CLASSES[config.drum_classes].pitches]
        # The package adds the bits up: a second drum of a kind would set the bit of another.
        advice = 'Begin with pitches that config.json lists, and with at most one of each of its lists at a step.'
        return BrowserEvents({'type': 'DrumsOneHotConverter', 'args': {'pitchClasses': pitches}}, advice)

    def parse_primer(self, flag: str, text: str, config: DrumConfig) -> DrumTrack:
        """Reads "[(36,42),(),(42,)]": the pitches hit at each step."""
        example = 'Write the pitches hit at each step, such as "[(36,42),(),(42,),()]".'
        try:
            steps = ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            raise SolferinoError(f'--{flag}={text}: this is not a list. {example}') from None
        if not isinstance(steps, (list, tuple)) or not steps:
            raise SolferinoError(f'--{flag}={text}: this is not a list of at least one step. {example}')
        events = []
        for number, step in enumerate(steps, start=1):
            if not isinstance(step, (list, tuple, set, frozenset)) or not all(_is_pitch(p) for p in step):
                raise SolferinoError(
                    f'--{flag}: step {number} is {step!r}; a step is a tuple of pitches from 0 to 127, () for none and '
                    f'(36,) for one. {example}'
                )
            events.append(frozenset(step))
        return DrumTrack(events, steps_per_quarter=config.steps_per_quarter)

    def draw(self, sequence: music_pb2.NoteSequence, config: DrumConfig, marks: Marks = NO_MARKS) -> Any:
        """A grid of drums and steps."""
        from solferino.models.music.pictures import track_pictures  # imports matplotlib

        return track_pictures.draw_drums(sequence, config.steps_per_quarter, marks=marks)


def _is_pitch(value: object) -> bool:
    return type(value) is int and 0 <= value <= 127
