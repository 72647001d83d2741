"""What the benchmarks work on: one folder of MIDI files, and what is made of it once for both sides."""

import dataclasses
import itertools
import os
import shutil
from pathlib import Path

from measure import Side
from note_seq.protobuf import music_pb2

from solferino.hparams import overrides
from solferino.hparams.drums_rnn import SPEC
from solferino.models.core import records, sequence_examples


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


@dataclasses.dataclass(frozen=True)
class Material:
    """See the module's docstring.

    Attributes:
      folder: of MIDI files.
      files, notes: how many there are in it.
      one_file: a folder with one of the files.
      sequences: the NoteSequences of all.
      one_sequence: the longest of them.
      training: by config.
      hparams: text of `--hparams`.
      work: folder for all that is written.
      out: folder for what is measured.
    """

    folder: Path
    files: int
    notes: int
    one_file: Path
    sequences: Path
    one_sequence: Path
    training: dict[str, Training]
    hparams: str
    work: Path
    out: Path

    def of(self, side: Side) -> 'Material':
        """With a folder of the side's own to write to."""
        out = self.work / side.name
        out.mkdir(exist_ok=True)
        return dataclasses.replace(self, out=out)


def prepare(ours: Side, folder: Path, work: Path, max_steps: int, hparams: str) -> Material:
    """Makes the material with our commands; `work` is emptied first."""
    fresh(work).mkdir(parents=True)
    ours = dataclasses.replace(ours, typed=[])  # these commands are not among those measured
    sequences = work / 'notes.tfrecord'
    ours.run('convert_dir_to_note_sequences', input_dir=folder, recursive=True, output_file=sequences)
    one_file = work / 'one_file'
    one_file.mkdir()
    shutil.copy(min(folder.rglob('*.mid'), key=os.path.getsize), one_file)
    longest = max(records.read(str(sequences)), key=lambda r: music_pb2.NoteSequence.FromString(r).total_time)
    one_sequence = work / 'longest.tfrecord'
    _write(one_sequence, [longest])
    files, notes = count_notes(sequences)
    training = {config: _training(ours, config, sequences, work, max_steps, hparams) for config in SPEC.configs}
    return Material(folder, files, notes, one_file, sequences, one_sequence, training, hparams, work, work)


def _training(ours: Side, config: str, sequences: Path, work: Path, max_steps: int, hparams: str) -> Training:
    """Fills one batch, with examples repeated if there are too few."""
    batch_size = overrides.parse(SPEC.configs[config].hparams, hparams).batch_size
    paths, tracks = {}, []
    for form in ('compact', 'dense'):
        folder = work / f'{config}_{form}'
        flags = {'config': config, 'input': sequences, 'output_dir': folder, 'eval_ratio': 0.0, 'max_steps': max_steps}
        ours.run('drums_rnn_create_dataset', **flags, format=form)
        everything = list(records.read(str(folder / 'training_drum_tracks.tfrecord')))
        chosen = list(itertools.islice(itertools.cycle(everything), batch_size))
        paths[form] = work / f'{config}_{form}.tfrecord'
        _write(paths[form], chosen)
        if form == 'compact':
            tracks = [sequence_examples.parse(record)['events'] for record in chosen]
    return Training(paths['compact'], paths['dense'], len(tracks), sum(len(track) - 1 for track in tracks))


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


def _write(path: Path, contents: list[bytes]) -> None:
    with records.Writer(str(path)) as writer:
        for data in contents:
            writer.write(data)
