"""What only jazz_rnn knows: its events are tokens of notes over chords."""

import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from note_seq.protobuf import music_pb2

from solferino.hparams.errors import SolferinoError
from solferino.hparams.generation import DEFAULT_QPM
from solferino.hparams.jazz_rnn import SPEC, STEPS_PER_QUARTER, Grammar, JazzGeneration
from solferino.hparams.reasons import BAD_TIME, MELODY_TOO_SHORT, NO_MELODY, NO_TRACK, Reject
from solferino.hparams.spec import Config
from solferino.models.core.events import event_sampling
from solferino.models.core.events.event_family import EventModels
from solferino.models.core.export.browser_events import BrowserEvents
from solferino.models.core.family import Beat, Example, Weights, beat_of
from solferino.models.jazz_rnn import performance, vocabulary, windows
from solferino.models.jazz_rnn.token_encoding import TokenEncoding
from solferino.models.music.encodings.event_encodings import Inputs
from solferino.models.music.jazz import chords, lead_sheet, playing, tokens
from solferino.models.music.jazz.chords import Changes
from solferino.models.music.jazz.lead_sheet import LeadSheet
from solferino.models.music.jazz.tokens import Note
from solferino.models.music.pictures.page import NO_MARKS, Marks
from solferino.models.music.pieces import piece as pieces
from solferino.models.music.pieces import sections
from solferino.models.music.pieces.piece import Piece

# What all of a piece's chords are counted as among the traits of its first window.
_PROGRESSION = 'chords of a piece: '
_LABEL = 'label of a window: '  # likewise
_USUAL = 'Dm7 G7 Cmaj7 Cmaj7'  # where a model knows no song


class Beginning(NamedTuple):
    """What generation begins with.

    Attributes:
      classes: of its tokens, the beginning before them.
      notes: its melody.
      steps: how many it takes.
      changes: its chords; None if it has none.
      beat: its tempo and metre.
    """

    classes: np.ndarray
    notes: tuple[Note, ...] = ()
    steps: int = 0
    changes: Changes | None = None
    beat: Beat = Beat(None, None)


class JazzRnn(EventModels):
    """See Family."""

    spec = SPEC

    def encoding(self, config: Config) -> TokenEncoding:
        """See EventModels."""
        return _encoding(config.learned, config.hparams.chord_input)

    def examples(self, piece: Piece, config: Config, reject: Reject) -> Iterator[Example]:
        """See Family; what an example holds is told in `windows.py`."""
        settings = config.extraction
        try:
            sheet = lead_sheet.read(piece, settings.melody_track, settings.tracks)
        except KeyError:
            reject(NO_TRACK)
            return
        except ValueError:
            reject(BAD_TIME)
            return
        if sheet is None:
            reject(NO_MELODY)
            return
        label = windows.label_of(piece) if settings.labels_from_folders else None
        metre = beat_of(sections.settled(self.chosen(piece, config))).metre
        first = True
        for line in sheet.lines(settings.gap_bars):
            if len(line.notes) < settings.min_notes:
                reject(MELODY_TOO_SHORT)
                continue
            solo = tokens.analyze(line.notes, sheet.changes, line.begin)
            yield from windows.cut(solo, sheet.changes, line.begin, settings.window, first, label, _usable(metre))
            first = False

    def num_steps(self, example: Example, config: Config) -> int:
        """See Family."""
        return int(example['durations'].sum())

    def loudness_kinds(self, notes: np.ndarray, config: Config) -> None:
        """See Family: the melody is louder than the chords."""

    def traits(self, example: Example, config: Config) -> Mapping[str, int]:
        """See Family: the tokens, the label, and with the first window of a piece its chords and metre."""
        window = windows.read(example)
        counts = dict(windows.counts(window))
        if window.progression:
            numerator, denominator = window.metre
            counts[_PROGRESSION + ' '.join([*windows.texts(window.progression), f'{numerator}/{denominator}'])] = 1
        if window.label is not None:
            counts[_LABEL + window.label] = 1
        return counts

    def learn(
        self, config: Config, training: Mapping[str, int], evaluation: Mapping[str, int]
    ) -> tuple[Config, Mapping[str, float]]:
        """See Family: vocabulary, labels, and the chords of the piece that is most often there, or first by name."""
        sides = {
            side: {text: count for text, count in counts.items() if not text.startswith((_PROGRESSION, _LABEL))}
            for side, counts in (('training', training), ('evaluation', evaluation))
        }
        known = vocabulary.build(sides['training'], config.extraction.vocabulary_size)
        songs, labels = (_most_frequent(training, prefix) for prefix in (_PROGRESSION, _LABEL))
        *song, metre = songs[0].split(' ') if songs else [Grammar.metre]
        learned = Grammar(known, tuple(song), labels, metre)
        return dataclasses.replace(config, learned=learned), {
            'different tokens in training examples': len(sides['training']),
            'of them in the vocabulary': len(known),
            **{
                f'percent of {side} tokens in the vocabulary': vocabulary.coverage(known, counts)
                for side, counts in sides.items()
                if counts
            },
            **{f'training examples of {label}': training[_LABEL + label] for label in labels},
        }

    def to_sequence(self, example: Example, config: Config) -> music_pb2.NoteSequence:
        """See Family: one of the melodies that its tokens mean, with its chords as symbols."""
        window = windows.read(example)
        melody = playing.play(window.tokens, window.changes, np.random.default_rng(0))
        end = self.num_steps(example, config)
        return performance.play(melody, window.changes, 0, end, DEFAULT_QPM, chord_notes=False)

    def classes_of(self, example: Example, config: Config) -> np.ndarray:
        """See EventModels; a token that is not known is the nearest that is."""
        window = windows.read(example)
        classes = vocabulary.of(config.learned).classes(window.tokens)
        return np.insert(classes, 0, vocabulary.BEGINNING) if window.begins else classes

    def inputs_of(self, example: Example, events: np.ndarray, config: Config) -> Inputs:
        """See EventModels: from the place in a bar on at which the window begins."""
        window, encoding = windows.read(example), self.encoding(config)
        state = encoding.start(1, window.place, config.learned.number(window.label), window.changes)
        return encoding.advance(state, events)[0]

    def model(self, config: Config, seed: int) -> Any:
        """See Family."""
        from solferino.models.jazz_rnn.token_rnn import TokenRnn  # imports TensorFlow

        return TokenRnn(config.hparams, self.encoding(config), seed)

    def parse_primer(self, flag: str, text: str, config: Config) -> Any:
        """See Family: there are no such flags."""
        raise SolferinoError(f'--{flag}: {self.spec.name} has no primers that are text. Give a file, --primer_midi.')

    def generate(
        self, weights: Weights, config: Config, primers: Sequence[Any], options: JazzGeneration
    ) -> list[music_pb2.NoteSequence]:
        """See Family. Raises SolferinoError for a primer without melody or too long, and for odd chords or labels."""
        distinct = {id(given): given for given in primers}
        read = {key: self._beginning(given, config) for key, given in distinct.items()}
        known = [read[id(given)] for given in primers]
        longest = max(known, key=lambda beginning: beginning.steps)
        if longest.steps >= options.num_steps:
            first = longest.notes[0].start
            silence = f', {first} of them silence before it,' if first else ''
            raise SolferinoError(
                f'The primer takes {longest.steps} steps{silence} and {options.length} counts them: nothing is left '
                f'to generate. Give a shorter primer or {options.enough(longest.steps + 16 * STEPS_PER_QUARTER)}.'
            )
        sampled = self._sample(weights, config, known, options)
        return [
            self._sequence(beginning, classes, config, options, number)
            for number, (beginning, classes) in enumerate(zip(known, sampled, strict=True))
        ]

    def primer_steps(self, primer: Any, config: Config, options: JazzGeneration) -> int:
        """See Family: until its melody ends."""
        return self._beginning(primer, config).steps

    def chosen(self, piece: Piece, config: Config) -> Piece:
        """See Family: all but drums, as chords are heard in all of it."""
        return dataclasses.replace(piece, notes=piece.notes[~piece.notes['is_drum']])

    def metre(self, music: Any, config: Config, options: JazzGeneration) -> tuple[int, int] | None:
        """See Family: of the song that it learned from, where its chords are played."""
        if isinstance(music, music_pb2.NoteSequence) or options.backing_chords or not config.learned.chords:
            return super().metre(music, config, options)
        return config.learned.beats

    def around(
        self, music: music_pb2.NoteSequence, config: Config, options: JazzGeneration
    ) -> tuple[Config, JazzGeneration]:
        """See Family: the melody of the whole, over the chords of the whole, whoever plays them there."""
        track = self._sheet(music, config, 'music').track
        extraction = dataclasses.replace(config.extraction, melody_track=track)
        given = {'chord_notes': False} | ({} if options.chords_midi else {'chords_midi': music})
        return dataclasses.replace(config, extraction=extraction), dataclasses.replace(options, **given)

    def renewed(self, piece: Piece, config: Config) -> Piece:
        """See Family: the melody, of which `around` has found the track; what accompanies it stays."""
        chosen = self.chosen(piece, config)
        return dataclasses.replace(
            chosen, notes=chosen.notes[lead_sheet.melody(chosen, config.extraction.melody_track)]
        )

    def log_likelihood(self, weights: Weights, config: Config, sequence: Any) -> float:
        """See Family: of the tokens of its melody, by the label of its folder if it is known."""
        given = self._beginning(sequence, config)
        encoding = self._seeing(windows.label_of(pieces.of(sequence)), given.changes, config)
        return event_sampling.log_likelihood(self._forward(weights, config), encoding, given.classes)

    def event_meanings(self, config: Config) -> Mapping[str, Any]:
        """See EventModels."""
        known = enumerate(config.learned.tokens, start=1)
        return {'0': 'a solo begins; never predicted'} | {str(number): text for number, text in known}

    def browser_events(self, config: Config) -> BrowserEvents:
        """See EventModels."""
        raise SolferinoError(
            f'@magenta/music cannot run a model of {config.name}: its tokens are played over chords, which the package '
            'does not do. Take --format=savedmodel.'
        )

    def draw(self, sequence: music_pb2.NoteSequence, config: Config, marks: Marks = NO_MARKS) -> Any:
        """A piano roll."""
        from solferino.models.music.pictures import roll_pictures  # imports matplotlib

        return roll_pictures.draw_notes(sequence, config.steps_per_quarter, marks=marks)

    def _beginning(self, given: Any, config: Config) -> Beginning:
        if given is None:
            return Beginning(np.array([vocabulary.BEGINNING], np.int32))
        sheet = self._sheet(given, config, 'primer')
        found = tokens.analyze(sheet.notes, sheet.changes)
        classes = np.insert(vocabulary.of(config.learned).classes(found), 0, vocabulary.BEGINNING)
        return Beginning(classes, sheet.notes, sheet.notes[-1].end, sheet.changes, self.beat(given, config))

    def _sheet(self, given: Any, config: Config, what: str) -> LeadSheet:
        """The lead sheet of given music; tracks are found if it has not those of the examples."""
        if not isinstance(given, music_pb2.NoteSequence):
            raise TypeError(f'A {what} is a NoteSequence, not {type(given).__name__}.')
        piece, settings = self.settled(given, config), config.extraction
        there = set(piece.notes['instrument'][piece.notes['velocity'] > 0].tolist())
        melody = settings.melody_track if settings.melody_track in there else -1
        try:
            sheet = lead_sheet.read(piece, melody, settings.tracks if there.issuperset(settings.tracks) else ())
        except ValueError as error:
            raise SolferinoError(f'The {what} cannot be used: {error}.') from error
        if sheet is None:
            raise SolferinoError(f'The {what} has no notes beside drums.')
        return sheet

    def _sample(
        self, weights: Weights, config: Config, known: Sequence[Beginning], options: JazzGeneration
    ) -> list[np.ndarray]:
        """Returns the classes that follow each beginning, enough of them; those of one length and chords as a batch."""
        network, label = self._forward(weights, config), config.learned.chosen(options.label)
        shortest = vocabulary.of(config.learned).shortest
        sampled: list[np.ndarray] = [np.empty(0)] * len(known)
        kinds = [(len(one.classes), one.steps, self._backing(one, config, options)[1]) for one in known]
        for kind in dict.fromkeys(kinds):
            rows = [k for k in range(len(known)) if kinds[k] == kind]
            given, steps, changes = kind
            encoding = self._seeing(label, changes, config)
            total = given + -(-(options.num_steps - steps) // shortest)
            primers = np.stack([known[k].classes for k in rows])
            for k, row in zip(
                rows, event_sampling.sample(network, encoding, primers, total, options, rows), strict=True
            ):
                sampled[k] = row[given:]
        return sampled

    def _seeing(self, label: str | None, changes: Changes | None, config: Config) -> TokenEncoding:
        """The encoding of music of a label over chords."""
        encoding = self.encoding(config)
        number = config.learned.number(label)
        return dataclasses.replace(
            encoding, condition=number, changes=windows.halved(changes) if changes else encoding.changes
        )

    def _sequence(
        self, beginning: Beginning, classes: np.ndarray, config: Config, options: JazzGeneration, number: int
    ) -> music_pb2.NoteSequence:
        begin, end = beginning.steps, options.num_steps
        beat, changes = self._backing(beginning, config, options)
        found = vocabulary.of(config.learned).tokens_of(classes)
        ends = begin + np.cumsum([token.duration for token in found])
        found = found[: int(ends.searchsorted(end)) + 1]
        melody = playing.play(
            found,
            changes,
            np.random.default_rng([options.seed, number, 1]),  # apart from the numbers that the network draws
            begin,
            beginning.notes[-1].pitch if beginning.notes else None,
            options.lowest_pitch,
            options.highest_pitch,
            options.max_repeats,
            options.max_leap,
        )
        return performance.play(
            [*beginning.notes, *melody],
            changes,
            begin if options.exclude_primer else 0,
            end,
            beginning.beat.qpm or options.qpm or DEFAULT_QPM,
            options.swing,
            beat.metre,
            options.chord_notes,
        )

    def _backing(self, beginning: Beginning, config: Config, options: JazzGeneration) -> tuple[Beat, Changes]:
        """The metre and the chords to play over."""
        beat, changes = beginning.beat, beginning.changes
        if options.chords_midi is not None:
            changes = self._sheet(options.chords_midi, config, 'music of --chords_midi').changes
            beat = beat if beat.metre else self.beat(options.chords_midi, config)
        if options.backing_chords:
            numerator, denominator = beat.metre or (4, 4)
            try:
                steps_per_bar = max(1, round(4 * numerator / denominator * STEPS_PER_QUARTER))
                return beat, chords.parse_bars(options.backing_chords, steps_per_bar)
            except ValueError as error:
                raise SolferinoError(f'--backing_chords="{options.backing_chords}": {error}.') from error
        if changes:
            return beat, changes
        if config.learned.chords:
            try:
                return beat._replace(metre=config.learned.beats), windows.of_texts(config.learned.chords)
            except ValueError as error:
                raise SolferinoError(f'The chords that the model learned from are damaged: {error}.') from error
        return beat, chords.parse_bars(_USUAL, 4 * STEPS_PER_QUARTER)


@functools.lru_cache(maxsize=8)
def _encoding(grammar: Grammar, chord_input: str) -> TokenEncoding:
    known = vocabulary.of(grammar)
    return TokenEncoding(len(known), tokens=tuple(known.tokens), conditions=grammar.labels, chord_input=chord_input)


def _usable(metre: tuple[int, int] | None) -> tuple[int, int]:
    """A metre that a MIDI file can name."""
    numerator, denominator = metre or windows.FOUR_FOUR
    can_be = 0 < numerator < 256 and 0 < denominator < 256 and denominator.bit_count() == 1
    return (numerator, denominator) if can_be else windows.FOUR_FOUR


def _most_frequent(counts: Mapping[str, int], prefix: str) -> tuple[str, ...]:
    """Returns the traits of a prefix, without it, most frequent first; of equals the first by name."""
    found = sorted((-count, trait) for trait, count in counts.items() if trait.startswith(prefix))
    return tuple(trait.removeprefix(prefix) for _, trait in found)
