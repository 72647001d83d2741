"""A trained model to play with from Python.

from solferino.models import load

model = load('drums.mag')
for sequence in model.generate(num_steps=64, num_outputs=4, temperature=1.1):
    ...
"""

import dataclasses
import itertools
import logging
import pathlib
from collections.abc import Mapping
from typing import Any

from note_seq.protobuf import music_pb2

from solferino.hparams import generation, overrides
from solferino.hparams.dynamics import LEARNED
from solferino.hparams.errors import SolferinoError
from solferino.hparams.spec import Config
from solferino.models import registry
from solferino.models.core import settings
from solferino.models.core.cpu import memory
from solferino.models.core.events.event_family import EventFamily
from solferino.models.core.family import Family, Weights
from solferino.models.core.generation import lengths
from solferino.models.core.runs import bundles, stored_models
from solferino.models.core.runs.stored_models import StoredModel
from solferino.models.core.storage import checkpoints, provenance
from solferino.models.core.training import temperature
from solferino.models.music.pieces import accents, dynamics
from solferino.models.music.pieces import piece as pieces

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Model:
    """A trained model: its family, its config with the hyperparameters it was trained with, and its weights.

    Attributes:
      source: the file it was read from.
      checkpoint: that file in words, if it is a checkpoint of a training run of ours: with its step and held-out loss.
      step: training steps done, if that is known.
      generator_id, generator_description: what it calls itself.
      description: what its maker wrote about it.
      recommended_temperature: at which its music is most like the music held out from training; None if unknown.
      held_out_music: what that music is like, see `temperature.MUSIC`; empty if unknown.
      seed: that it was trained with, if that is known.

    >>> model = load('drums.mag')
    >>> model.generator_id, model.recommended_temperature
    ('drum_kit', 0.9)
    """

    family: Family
    config: Config
    weights: Weights
    source: str
    generator_id: str
    generator_description: str
    description: str = ''
    checkpoint: str = ''
    step: int | None = None
    recommended_temperature: float | None = None
    held_out_music: Mapping[str, float] = dataclasses.field(default_factory=dict)
    seed: int | None = None

    @property
    def name(self) -> str:
        """For names of files: that of its bundle, or of its config and the step.

        >>> load('drums.mag').name, load('run').name
        ('drums', 'drum_kit-1000')
        """
        return pathlib.Path(self.source).stem if self.step is None else f'{self.config.name}-{self.step}'

    def generate(self, primer: Any = None, num_outputs: int = 1, **options: Any) -> list[Any]:
        """Generates music in one batch.

        Args:
          primer: what every output begins with: a NoteSequence, an event sequence of note-seq, or None for the
            family's default.
          num_outputs: how many.
          **options: fields of the family's GenerateOptions: num_steps (or num_bars, or seconds), temperature, seed,
            ...; temperature='auto' is `auto_temperature`.

        Returns:
          A list of NoteSequences.

        Raises:
          SolferinoError: a primer or an option that cannot be used.

        >>> model = load('drums.mag')
        >>> beats = model.generate(num_outputs=4, num_bars=2, temperature='auto', accents=True, seed=1)
        >>> len(beats), beats[0].total_time <= 4.0  # seconds
        (4, True)

        To go on from a file for two bars more:

        >>> from note_seq import midi_io
        >>> two_bars = midi_io.midi_file_to_note_sequence('beat.mid')
        >>> [longer] = model.generate(two_bars, num_bars=4)
        """
        return self.generate_with(self.options(primer, **options), primer, num_outputs)

    def options(self, primer: Any = None, **options: Any) -> Any:
        """Returns the family's GenerateOptions with `options`, as `generate` takes them; the length is in steps.

        >>> load('drums.mag').options(num_bars=2, seed=1).num_steps
        32
        """
        if options.get('temperature') == generation.AUTO:
            options['temperature'] = self.auto_temperature()
        chosen = generation.replace(self.family.spec.generation, **options)
        for music in (primer, *lengths.music_in(chosen)):
            if isinstance(music, music_pb2.NoteSequence):
                pieces.require(music)
                self._tell(music)
        return lengths.in_steps(self.family, self.config, primer, chosen)

    def generate_with(self, options: Any, primer: Any, num_outputs: int) -> list[Any]:
        """As `generate`, with what `options` returned: for several batches with the same options.

        >>> model = load('drums.mag')
        >>> options = model.options(num_bars=2, seed=1)
        >>> model.generate_with(options, None, num_outputs=2) == model.generate(num_outputs=2, num_bars=2, seed=1)
        True
        """
        if num_outputs < 1:
            raise SolferinoError(f'--num_outputs={num_outputs} must be at least 1.')
        memory.require(
            num_outputs * options.num_steps * options.bytes_of_a_step,
            f'Generating --num_outputs={num_outputs} of {options.length}',
            'Ask for less at a time.',
        )
        made = self.family.generate(self.weights, self.config, [primer] * num_outputs, options)
        self.play(made, options, primer)
        return made

    def play(self, made: list[Any], options: Any, primer: Any) -> None:
        """Makes generated music as loud as the options say; `generate` has done so.

        Notes of a primer and of other given music that are in it stay as loud as they are there, unless all are to be
        alike.

        >>> model = load('drums.mag')
        >>> beats = model.generate(num_bars=2, seed=1)
        >>> model.play(beats, model.options(velocity='100'), None)
        >>> {note.velocity for note in beats[0].notes}
        {100}
        """
        if options.fixed_velocity:
            for note in itertools.chain.from_iterable(sequence.notes for sequence in made):
                note.velocity = options.fixed_velocity
        learned = options.velocity == LEARNED
        begin = 0.0
        if options.exclude_primer:  # the music begins where it ends
            rate = self._rate(lengths.tempo(self.family, self.config, primer, options), options)
            begin = self.family.primer_steps(primer, self.config, options) / rate
        for number, sequence in enumerate(made):
            if options.accents:
                accents.apply(sequence, begin)
            elif learned and self.config.dynamics.curves:
                kinds = self.family.loudness_kinds(pieces.of(sequence).notes, self.config)
                if kinds is not None:
                    dynamics.apply(sequence, kinds, self.config.dynamics, (options.seed, number), begin)
            if learned:
                self._restore(sequence, options, primer, begin)

    def _restore(self, sequence: Any, options: Any, primer: Any, begin: float) -> None:
        """Makes given notes in generated music as loud as they were; it begins at `begin` seconds of its primer."""
        given = [music for music in lengths.music_in(options) if isinstance(music, music_pb2.NoteSequence)]
        by_notes = isinstance(primer, music_pb2.NoteSequence)
        if not given and not (by_notes and not options.exclude_primer):
            return
        marks = self.family.marks(sequence, primer, self.config, options)
        # A note that begins with the first step after the primer is not the primer's.
        rows = [k for k, note in enumerate(sequence.notes) if note.start_time < marks.primer_end - 1e-6]
        qpm = sequence.tempos[0].qpm if sequence.tempos else generation.DEFAULT_QPM
        for music, places in ((primer if by_notes else None, rows), *((music, marks.kept) for music in given)):
            if music is None or not places:
                continue
            notes = self.family.settled(music, self.config).notes
            own = self.family.beat(music, self.config).qpm or generation.DEFAULT_QPM
            starts = notes['start'] * self._rate(own, options) / self._rate(qpm, options) - begin
            dynamics.restore(sequence, places, starts, notes)

    def _rate(self, qpm: float, options: Any) -> float:
        """Steps a second."""
        return float(self.family.steps_per_second(self.config, options, qpm))

    def infill(
        self, music: Any, start: float, end: float, num_outputs: int = 1, candidates: int = 16, **options: Any
    ) -> list[Any]:
        """Makes a stretch of given music anew; every note outside of it stays as it is.

        What is made is played by the instrument that played there. Where the model makes what several play, and they
        differ, it is an instrument of its own. Notes of other instruments stay in the stretch, too.

        Args:
          music: a NoteSequence of one tempo and metre.
          start, end: seconds; of notes, those count that start there on the model's grid.
          num_outputs: how many.
          candidates: continuations of what stands before, among which one is drawn by how well what stands after
            follows it; a family with a way of its own draws none.
          **options: as of `generate`, without a length.

        Returns:
          A list of NoteSequences, each as long as the music.

        Raises:
          SolferinoError: this model cannot, or the stretch is not in the music, or music or an option cannot be used.

        >>> model = load('drums.mag')
        >>> [beat] = model.generate(num_bars=4, seed=1)
        >>> others = model.infill(beat, start=4.0, end=6.0, num_outputs=3, seed=1)  # the third bar
        >>> [len(others), max(note.start_time for note in others[0].notes) < 8.0]
        [3, True]
        """
        from solferino.models import infilling

        return infilling.infill(self, music, start, end, num_outputs, options, candidates)

    def _tell(self, music: music_pb2.NoteSequence) -> None:
        """Says in one line what of given music is not used, or not as it is, if there is any such."""
        told = self.family.remarks(music, self.config)
        if told:
            _log.warning('%s: %s.', pathlib.Path(music.filename).name or 'The primer', '; '.join(told))

    def seconds(self, options: Any, primer: Any = None) -> float:
        """How long the music is that `generate_with` makes, if `options.num_steps` says it.

        >>> model = load('drums.mag')
        >>> model.seconds(model.options(num_bars=2, qpm=120.0))
        4.0
        """
        return float(options.num_steps / self._rate(lengths.tempo(self.family, self.config, primer, options), options))

    def auto_temperature(self) -> float:
        """Returns the recommended temperature, or the family's default, and says so, if the model carries none.

        >>> load('drums.mag').auto_temperature()
        0.9
        """
        if self.recommended_temperature is not None:
            return self.recommended_temperature
        default: float = self.family.spec.generation.temperature
        _log.info(
            '%s carries no recommended temperature: %s is taken. %s_train --find_temperature --eval_file=... finds one '
            'for a run, with examples held out from it.',
            self.source,
            default,
            self.family.spec.name,
        )
        return default

    def log_likelihood(self, sequence: Any) -> float:
        """Returns the log-probability in nats of the events after the first of a NoteSequence or an event sequence.

        An event sequence is scored as it stands, trailing silence included.

        >>> model = load('drums.mag')
        >>> likeliest = max(model.generate(num_outputs=10, num_bars=2), key=model.log_likelihood)
        """
        if isinstance(sequence, music_pb2.NoteSequence):
            pieces.require(sequence)
        return self.family.log_likelihood(self.weights, self.config, sequence)

    def save_bundle(self, path: str | pathlib.Path, description: str = '') -> None:
        """Writes the model as one `.mag` file; raises SolferinoError if something else than a bundle has the name.

        >>> load('run').save_bundle('mine.mag', description='My own drums.')
        >>> load('mine.mag').description
        'My own drums.'
        """
        record = settings.record_of(self.family.spec, self.config)
        if self.recommended_temperature is not None:
            record[temperature.KEY] = self.recommended_temperature
        if self.held_out_music:
            record[temperature.MUSIC] = dict(self.held_out_music)
        record |= provenance.of(str(path), self._files(), seed=self.seed, is_shared=True)
        bundle = bundles.Bundle(
            record, self.weights, self.generator_id, self.generator_description, description or self.description
        )
        bundles.write(path, bundle)

    def _files(self) -> list[str]:
        return [self.source] if pathlib.Path(self.source).is_file() else []


def load(path: str | pathlib.Path, config: str | None = None, checkpoint: str | None = None) -> Model:
    """Loads a bundle file, a run directory or a checkpoint file: ours, or Magenta's.

    Args:
      path: of the file or directory.
      config: for a model of Magenta that does not tell its config's name, or calls itself something else.
      checkpoint: which one of a run directory, 'newest' or 'best' (the one with the lowest held-out loss); None for the
        best where there is one, else the newest.

    Raises:
      SolferinoError: there is no model at `path`, or it is damaged or of something else; the message names the file.

    >>> from solferino.models import load
    >>> load('drums.mag').generator_id
    'drum_kit'
    >>> load('run', checkpoint='newest').step
    1000
    """
    return _model(stored_models.read(str(path), checkpoint), config)


def load_bundle(path: str | pathlib.Path, config: str | None = None) -> Model:
    """Loads a bundle file. See `load`."""
    return _model(stored_models.read_bundle(path), config)


def load_checkpoint(path: str | pathlib.Path, config: str | None = None, choice: str | None = None) -> Model:
    """Loads a checkpoint file, or one of a run directory by `choice`. See `load`."""
    return _model(stored_models.read_checkpoint(path, choice), config)


def _model(stored: StoredModel, name: str | None) -> Model:
    """Returns the model that a file holds, once its weights are those of a config."""
    family, config = _identify(stored, name) if stored.by_magenta else _restore(stored)
    return Model(
        family,
        config,
        stored.weights,
        stored.source,
        config.name if stored.generator_id is None else stored.generator_id,
        config.description if stored.generator_description is None else stored.generator_description,
        stored.description,
        stored.checkpoint,
        stored.step,
        temperature.of_record(stored.record),
        temperature.music_of_record(stored.record),
        _seed(stored.record),
    )


def _seed(record: Mapping[str, Any]) -> int | None:
    """The seed of a checkpoint's training, or what a bundle says of it."""
    seed: int | None = record.get('seed', (record.get(provenance.MADE_BY) or {}).get('seed'))
    return seed


def _restore(stored: StoredModel) -> tuple[Family, Config]:
    """Returns the family and config that a model of ours names. Raises SolferinoError if its weights are of others."""
    record, source = stored.record, stored.source
    if not isinstance(record.get('family'), str):
        raise SolferinoError(f'{source} does not say which model it holds: it is damaged or not ours.')
    family = registry.get(record['family'])
    config = settings.config_of(family.spec, record, source)
    checkpoints.require_weights(stored.weights, family.weight_shapes(config), source)
    return family, config


def _identify(stored: StoredModel, name: str | None) -> tuple[Family, Config]:
    """Returns the config called `name`, or what a model of Magenta calls itself, or the only one, that it fits."""
    name = name or stored.generator_id
    shapes = {weight: array.shape for weight, array in stored.weights.items()}
    fitting = {}
    for family in map(registry.get, registry.FAMILIES):
        if isinstance(family, EventFamily):  # Magenta's files that can be read hold such models
            for config in family.spec.configs.values():
                hparams = overrides.replace(config.hparams, stored.record['hparams'], stored.source)
                config = dataclasses.replace(config, hparams=hparams)
                if family.weight_shapes(config) == shapes:
                    fitting[config.name] = (family, config)
    if name is None and len(fitting) == 1:
        return next(iter(fitting.values()))
    if name not in fitting:
        called = f'does not fit a config {name!r}' if name else 'does not say which config it is of'
        remedy = f'It fits: --config={" or ".join(fitting)}.' if fitting else 'It fits none of the configs there are.'
        raise SolferinoError(f'{stored.source} is a model of Magenta that {called}. {remedy}')
    return fitting[name]
