"""What the benchmarks work on: drum performances and melodies, and what is made of them once for both sides.

Everything is made when it is first asked for, with our commands, so that one stage does not wait for another's needs.
"""

import contextlib
import dataclasses
import functools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from measure import Side
from note_seq.protobuf import music_pb2

from solferino.hparams import overrides
from solferino.hparams.spec import Config
from solferino.models import registry
from solferino.models.core.storage import records
from solferino.models.core.training import data

CONVERT = 'convert_dir_to_note_sequences'


@dataclasses.dataclass(frozen=True)
class Training:
    """Examples that fill one batch, in both forms.

    Attributes:
      compact, dense: TFRecord files with the same examples.
      tracks: how many.
      events: how many are predicted in all.
    """

    compact: Path
    dense: Path
    tracks: int
    events: int

    def __str__(self) -> str:
        return f'batches of {self.tracks} tracks with {self.events:,} events'

    def of(self, side: Side) -> Path:
        """The form that a side reads; Magenta's reads dense ones alone."""
        return self.compact if side.is_ours else self.dense


@dataclasses.dataclass(frozen=True)
class Corpus:
    """A folder of MIDI files, and larger ones that hold it several times.

    Attributes:
      ours: whose commands prepare.
      folder: of MIDI files.
      work: folder for what is made of them.
      repeat: how often the larger folder holds each file; what is done in no time cannot be measured.
    """

    ours: Side
    folder: Path
    work: Path
    repeat: int

    @functools.cached_property
    def one_file(self) -> Path:
        """A folder with the smallest of the files."""
        folder = self.work / 'one_file'
        folder.mkdir(parents=True)
        shutil.copy(min(self.folder.rglob('*.mid'), key=os.path.getsize), folder)
        return folder

    @functools.cached_property
    def many(self) -> Path:
        """A folder with copies under other names."""
        folder = self.work / 'many'
        for i in range(self.repeat):
            shutil.copytree(self.folder, folder / f'{i:03}')
        return folder

    @functools.cached_property
    def sequences(self) -> Path:
        """The NoteSequences of the folder."""
        return self._convert(self.folder, 'notes.tfrecord')

    @functools.cached_property
    def many_sequences(self) -> Path:
        """The NoteSequences of the larger folder."""
        return self._convert(self.many, 'many.tfrecord')

    @functools.cached_property
    def one_sequence(self) -> Path:
        """A file with the longest of the NoteSequences, of which every config makes an example."""
        longest = max(records.read(str(self.sequences)), key=lambda r: music_pb2.NoteSequence.FromString(r).total_time)
        return write(self.work / 'longest.tfrecord', [longest])

    def folder_of(self, side: Side) -> Path:
        """What a side converts: Magenta's rate does not depend on the number of files, and its time is long enough."""
        return self.many if side.is_ours else self.folder

    def sequences_of(self, side: Side) -> Path:
        """What a side makes examples of."""
        return self.many_sequences if side.is_ours else self.sequences

    def describe(self) -> str:
        """How large they are, in words."""
        files, notes = count_notes(self.sequences)
        return f'{files} files with {notes:,} notes; ours has each of them {self.repeat} times, under other names'

    def _convert(self, folder: Path, name: str) -> Path:
        self.work.mkdir(parents=True, exist_ok=True)
        path = self.work / name
        self.ours.run(CONVERT, input_dir=folder, recursive=True, output_file=path)
        return path


class Material:
    """See the module's docstring.

    Args:
      ours: our commands.
      folder: with drums/groove and melodies in it.
      work: folder for all that is written; emptied first.
      repeat: see Corpus.
      max_steps: length of the tracks to train on.
      hparams: text of `--hparams` for every training, to try the tool out; '' for the configs as they are.
    """

    def __init__(self, ours: Side, folder: Path, work: Path, repeat: int, max_steps: int, hparams: str) -> None:
        fresh(work).mkdir(parents=True)
        self._ours = _quiet(ours)
        self._corpora = {
            family: Corpus(self._ours, folder / name, work / name.replace('/', '_'), repeat)
            for family, name in FOLDERS.items()
        }
        self.folder, self.work, self.hparams = folder, work, hparams
        self._max_steps = max_steps

    def corpus(self, config: str) -> Corpus:
        """The music that a config is for."""
        return self._corpora[registry.family_of_config(config).spec.name]

    def config(self, name: str) -> Config:
        """A config with the hyperparameters that are used."""
        config = registry.family_of_config(name).spec.configs[name]
        return dataclasses.replace(config, hparams=overrides.parse(config.hparams, self.hparams))

    def out(self, side: Side) -> Path:
        """A folder of the side's own to write to."""
        folder = self.work / side.name
        folder.mkdir(exist_ok=True)
        return folder

    def dataset(self, config: str, side: Side) -> Path:
        """The TFRecord file with all examples of the corpus in full length, made by the side's own command."""
        return self._examples(_quiet(side), config, self.work / f'{config}_of_{side.name}')

    def examples(self, config: str) -> data.Dataset:
        """The same for programs."""
        return self._load(config, self.dataset(config, self._ours))

    def training(self, config: str) -> Training:
        """One batch of tracks, all of the full length if there is such a track."""
        paths = {form: self.work / f'{config}_{form}.tfrecord' for form in ('compact', 'dense')}
        if not all(path.exists() for path in paths.values()):
            batch_size = self.config(config).hparams.batch_size
            for form, path in paths.items():
                flags = {'max_steps': self._max_steps, 'format': form}
                everything = self._examples(self._ours, config, self.work / f'{config}_{form}', **flags)
                if form == 'compact':
                    lengths = self._load(config, everything).lengths
                    longest = np.resize(np.flatnonzero(lengths == lengths.max()), batch_size)  # repeated as needed
                found = list(records.read(str(everything)))
                write(path, [found[i] for i in longest])
        lengths = self._load(config, paths['compact']).lengths
        return Training(paths['compact'], paths['dense'], len(lengths), int(lengths.sum()))

    def trained(self, config: str, side: Side) -> Path:
        """A run directory of the side after one step: what a model has learned does not make it faster."""
        run_dir = self.work / f'{config}_trained_by_{side.name}'
        if not run_dir.exists():
            _quiet(side).run(
                f'{registry.family_of_config(config).spec.name}_train',
                config=config,
                **hparams_flag(self.hparams),
                sequence_example_file=self.training(config).of(side),
                run_dir=run_dir,
                num_training_steps=1,
            )
        return run_dir

    def _examples(self, side: Side, config: str, folder: Path, **flags: object) -> Path:
        spec = registry.family_of_config(config).spec
        path = folder / f'training_{spec.records}.tfrecord'
        if not path.exists():
            flags = {'input': self.corpus(config).sequences, 'output_dir': folder, 'eval_ratio': 0.0, **flags}
            side.run(f'{spec.name}_create_dataset', config=config, **flags)
        return path

    def _load(self, config: str, path: Path) -> data.Dataset:
        return data.load(registry.family_of_config(config), self.config(config), str(path))


# Where in --data the music of a family is.
FOLDERS = {'drums_rnn': 'drums/groove', 'melody_rnn': 'melodies'}


def _quiet(side: Side) -> Side:
    """For commands that are not among those measured."""
    return dataclasses.replace(side, typed=[])


def hparams_flag(*parts: str) -> dict[str, str]:
    """`--hparams` if there is anything to say."""
    text = ','.join(part for part in parts if part)
    return {'hparams': text} if text else {}


def count_notes(path: Path) -> tuple[int, int]:
    """Returns the number of NoteSequences in a file and of their notes."""
    counts = [len(music_pb2.NoteSequence.FromString(record).notes) for record in records.read(str(path))]
    return len(counts), sum(counts)


def count_examples(folder: Path) -> tuple[int, int]:
    """Returns the number of examples in a dataset and its bytes."""
    paths = list(folder.glob('*.tfrecord'))
    return sum(records.count(str(path)) for path in paths), sum(path.stat().st_size for path in paths)


def fresh(path: Path) -> Path:
    """Removes a folder of an earlier run."""
    shutil.rmtree(path, ignore_errors=True)
    return path


@contextlib.contextmanager
def scratch(path: Path) -> Iterator[Path]:
    """Yields a folder, empty, that is there for the time of the block alone."""
    fresh(path).mkdir(parents=True)
    try:
        yield path
    finally:
        fresh(path)


def write(path: Path, contents: list[bytes]) -> Path:
    """Writes a TFRecord file."""
    with records.Writer(str(path)) as writer:
        for record in contents:
            writer.write(record)
    return path
