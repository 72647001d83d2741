"""What the families that predict the next event share; each says only what its events are."""

import abc
import dataclasses
import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from note_seq import events_lib
from note_seq.protobuf import music_pb2

from solferino.hparams.errors import SolferinoError
from solferino.hparams.generation import DEFAULT_QPM
from solferino.hparams.networks.event_rnn import EventGeneration
from solferino.hparams.reasons import Reject
from solferino.hparams.spec import FamilySpec
from solferino.models.core.cpu.thread_pool import one_thread
from solferino.models.core.events import event_forward, event_sampling
from solferino.models.core.events.event_forward import Forward
from solferino.models.core.export.browser_events import BrowserEvents
from solferino.models.core.family import Events, Example, Family, Feature, Weights, add_metre, beat_of
from solferino.models.music.encodings.event_encodings import Encoding, Inputs, to_dense
from solferino.models.music.pieces.piece import Piece

_NO_TRACK = 'it does not hold the events of a track'
_TOO_SHORT = 'A sequence of one event has no events after the first to be scored.'


@dataclasses.dataclass(frozen=True)
class Primer:
    """What generation begins with.

    Attributes:
      track: an event sequence; its start_step is the silence before it.
      qpm: its tempo, if it has one.
      metre: its time signature (numerator, denominator), if it has one.
    """

    track: Any
    qpm: float | None = None
    metre: tuple[int, int] | None = None


class EventModels(Family):
    """What families have in common whose model is the event network, whatever their events are."""

    spec: FamilySpec

    @abc.abstractmethod
    def encoding(self, config: Any) -> Encoding:
        """How the network sees the events."""

    @abc.abstractmethod
    def classes_of(self, example: Example, config: Any) -> np.ndarray:
        """Returns the event classes int32 [events] of a stored example. Raises ValueError if it has none."""

    def inputs_of(self, example: Example, events: np.ndarray, config: Any) -> Inputs:
        """What the network sees of all but the last of an example's event classes, [1, events]."""
        return self.encoding(config).inputs(events)

    @abc.abstractmethod
    def event_meanings(self, config: Any) -> Mapping[str, Any]:
        """What the event classes mean, in words, as JSON types."""

    def browser_events(self, config: Any) -> BrowserEvents:
        """How @magenta/music makes the network's inputs. Raises SolferinoError that says why it cannot."""
        raise SolferinoError(
            f'--format=magentajs: the npm package @magenta/music does not know the events of {self.spec.name}. '
            '--format=savedmodel writes a model for TensorFlow.'
        )

    def features(self, config: Any) -> Mapping[str, Feature]:
        """See Family: the batch of `EventRnn`."""
        encoding = self.encoding(config)
        features = {
            'ones': Feature((None, encoding.slots), 'int32'),
            'dense': Feature((None, encoding.dense_size), 'float32'),
            'labels': Feature((None,), 'int32'),
        }
        if encoding.lookbacks:  # else a label is an event
            features['meanings'] = Feature((None, 1 + len(encoding.lookbacks)), 'int32')
        return features

    def encode(self, example: Example, config: Any) -> Example:
        """See Family. Raises ValueError if the example is not of this config's encoding."""
        encoding = self.encoding(config)
        events = self.classes_of(example, config)
        if events.ndim != 1 or len(events) < 2:
            raise ValueError(_NO_TRACK)
        if events.min() < 0 or events.max() >= encoding.num_events:
            raise ValueError(f'its events are not numbers from 0 to {encoding.num_events - 1}')
        batch = events[None].astype(np.int32)
        inputs = self.inputs_of(example, batch[:, :-1], config)
        encoded = {'ones': inputs.ones[0], 'dense': inputs.dense[0], 'labels': encoding.labels(batch)[0]}
        return encoded | ({'meanings': encoding.meanings(batch)[0]} if encoding.lookbacks else {})

    def events(self, example: Example, config: Any) -> Events:
        """See Family."""
        return Events(self.classes_of(example, config), self.encoding(config).num_events)

    def scores(self, weights: Weights, config: Any, examples: Sequence[Example]) -> np.ndarray:
        """See Family: of many examples in a batch, on all cores."""
        forward, encoding = self._forward(weights, config), self.encoding(config)
        tracks = []
        for example in examples:
            batch = self.classes_of(example, config)[None].astype(np.int32)
            tracks.append((self.inputs_of(example, batch[:, :-1], config), encoding.labels(batch)[0]))
        return event_sampling.scores(forward, tracks)

    def weight_shapes(self, config: Any) -> Mapping[str, tuple[int, ...]]:
        """See Family."""
        encoding = self.encoding(config)
        return event_forward.weight_shapes(config.hparams, encoding.input_size, encoding.num_classes)

    def model(self, config: Any, seed: int) -> Any:
        """See Family."""
        from solferino.models.core.events.event_rnn import EventRnn  # imports TensorFlow

        return EventRnn(config.hparams, self.encoding(config), seed)

    def export(self, weights: Weights, config: Any, format: str, folder: pathlib.Path) -> None:
        """See Family."""
        if format == 'magentajs':
            from solferino.models.core.export import magentajs

            magentajs.write(weights, config, self.encoding(config), self.browser_events(config), folder)
        elif format == 'savedmodel':
            from solferino.models.core.export import saved_model  # imports TensorFlow

            saved_model.write(weights, config, self.encoding(config), self.event_meanings(config), folder)
        else:
            raise SolferinoError(f'--format={format}: {self.spec.name} has magentajs and savedmodel.')

    def _forward(self, weights: Weights, config: Any) -> Forward:
        with one_thread():
            return Forward(weights, config.hparams.attn_length, config.hparams.residual_connections)


class EventFamily(EventModels):
    """Implements `solferino.models.core.family.Family` for event sequences.

    An event sequence is a note_seq EventSequence (DrumTrack, Melody, ...; SimpleEventSequence where there is no other).
    Its `start_step` is the silence before it, in steps from a bar line. The encoding is usually an `EventEncoding`, in
    which class 0 means that nothing happens. Its spec has `has_dense_form=True`: Magenta's tools can read the examples.
    """

    @abc.abstractmethod
    def event_classes(self, piece: Piece, config: Any, reject: Reject) -> Iterator[np.ndarray]:
        """Yields the event classes int32 [steps] of each track of a piece, for training. See Family.examples."""

    @abc.abstractmethod
    def whole_track(self, piece: Piece, config: Any) -> Any:
        """Returns a settled piece as one event sequence, up to its last note's quantized end. Raises ValueError."""

    @abc.abstractmethod
    def default_primer(self, config: Any, rng: np.random.Generator) -> Any:
        """Returns the event sequence to begin with when none is given."""

    @abc.abstractmethod
    def classes(self, track: Iterable[Any], config: Any) -> np.ndarray:
        """Returns the event classes int32 [steps] of an event sequence."""

    @abc.abstractmethod
    def track(self, events: list[Any], classes: np.ndarray, like: Any, config: Any) -> Any:
        """Returns the event sequence of `events`, then of the event `classes`, with the metre of the track `like`."""

    def notes(self, track: Any, qpm: float, start_time: float) -> music_pb2.NoteSequence:
        """Returns the notes of an event sequence that begins at `start_time` seconds.

        To be overridden for event sequences without `to_sequence`.
        """
        return track.to_sequence(qpm=qpm, sequence_start_time=start_time)

    def examples(self, piece: Piece, config: Any, reject: Reject) -> Iterator[Example]:
        """See Family: the event classes of each track as 'events' int32 [steps]."""
        for classes in self.event_classes(piece, config, reject):
            yield {'events': classes}

    def classes_of(self, example: Example, config: Any) -> np.ndarray:
        """See EventModels."""
        if 'events' not in example:
            raise ValueError(_NO_TRACK)
        return example['events']

    def to_dense(self, example: Example, config: Any) -> tuple[np.ndarray, np.ndarray]:
        """See Family."""
        return to_dense(self.encoding(config), example['events'])

    def from_dense(self, inputs: np.ndarray, labels: np.ndarray, config: Any) -> Example:
        """See Family."""
        return {'events': self.encoding(config).events_of_dense(inputs, labels)}

    def to_sequence(self, example: Example, config: Any) -> music_pb2.NoteSequence:
        """See Family."""
        empty = self.default_primer(config, np.random.default_rng(0))
        empty.set_length(0)
        return self.notes(self.track([], example['events'], empty, config), DEFAULT_QPM, 0.0)

    def generate(
        self, weights: Weights, config: Any, primers: Sequence[Any], options: EventGeneration
    ) -> list[music_pb2.NoteSequence]:
        """See Family. Raises SolferinoError for a primer that is silent, too long, or does not fit the config."""
        known = [
            self._primer(given, config, np.random.default_rng([options.seed, k])) for k, given in enumerate(primers)
        ]
        for primer in known:
            used = primer.track.start_step + len(primer.track)
            if used >= options.num_steps:
                silence = f', {primer.track.start_step} of them silence before it,' if primer.track.start_step else ''
                raise SolferinoError(
                    f'The primer takes {used} steps{silence} and {options.length} counts them: nothing is left '
                    f'to generate. Give a shorter primer or {options.enough(used + 64)}.'
                )
        sampled = self._sample(weights, config, [primer.track for primer in known], options)
        return [
            self._sequence(primer, classes, config, options) for primer, classes in zip(known, sampled, strict=True)
        ]

    def primer_steps(self, primer: Any, config: Any, options: EventGeneration) -> int:
        """See Family: with the silence before it."""
        track = self._primer(primer, config, np.random.default_rng(0)).track
        return int(track.start_step) + len(track)

    def log_likelihood(self, weights: Weights, config: Any, sequence: Any) -> float:
        """See Family."""
        track = self._primer(sequence, config, np.random.default_rng(0)).track
        if len(track) < 2:
            raise SolferinoError(_TOO_SHORT)
        network, classes = self._forward(weights, config), self.classes(track, config)
        return event_sampling.log_likelihood(network, self.encoding(config), classes)

    def log_likelihoods(self, weights: Weights, config: Any, sequences: Sequence[Any]) -> list[float]:
        """See Family: in a batch."""
        rng, encoding, tracks = np.random.default_rng(0), self.encoding(config), []
        for sequence in sequences:
            batch = self.classes(self._primer(sequence, config, rng).track, config)[None].astype(np.int32)
            if batch.shape[1] < 2:
                raise SolferinoError(_TOO_SHORT)
            tracks.append((encoding.inputs(batch[:, :-1]), encoding.labels(batch)[0]))
        return [float(score) for score in event_sampling.scores(self._forward(weights, config), tracks)]

    def _primer(self, given: Any, config: Any, rng: np.random.Generator) -> Primer:
        if given is None:
            return Primer(self.default_primer(config, rng))
        if isinstance(given, events_lib.EventSequence):
            if not len(given):
                raise SolferinoError('The primer has no steps. Give it one at least.')
            return Primer(given)
        if not isinstance(given, music_pb2.NoteSequence):
            raise TypeError(f'A primer is a NoteSequence or an event sequence, not {type(given).__name__}.')
        if not given.notes:
            raise SolferinoError('The primer has no notes.')
        piece = self.settled(given, config)
        try:
            track = self.whole_track(piece, config)
        except ValueError as error:
            raise SolferinoError(f'The primer cannot be used: {error}.') from error
        return Primer(track, *beat_of(piece))

    def _sample(self, weights: Weights, config: Any, tracks: list[Any], options: EventGeneration) -> list[np.ndarray]:
        """Returns the event classes that follow each of `tracks`; those of one length are sampled in one batch."""
        network, encoding = self._forward(weights, config), self.encoding(config)
        sampled: list[np.ndarray] = [np.empty(0)] * len(tracks)
        shapes = [(track.start_step, len(track)) for track in tracks]
        for shape in sorted(set(shapes)):
            rows = [k for k in range(len(tracks)) if shapes[k] == shape]
            start_step, length = shape
            primers = np.stack([self.classes(tracks[k], config) for k in rows])
            total = options.num_steps - start_step
            events = event_sampling.sample(network, encoding, primers, total, options, rows)
            for k, row in zip(rows, events, strict=True):
                sampled[k] = row[length:]
        return sampled

    def _sequence(
        self, primer: Primer, classes: np.ndarray, config: Any, options: EventGeneration
    ) -> music_pb2.NoteSequence:
        events = [] if options.exclude_primer else list(primer.track)
        track = self.track(events, classes, primer.track, config)
        start = 0 if options.exclude_primer else primer.track.start_step
        qpm = primer.qpm or options.qpm or DEFAULT_QPM
        seconds_per_step = 60 / qpm / config.steps_per_quarter
        sequence = self.notes(track, qpm, start * seconds_per_step)
        add_metre(sequence, primer.metre)
        return sequence
