"""Small valid files of all kinds, made by the commands: what the harness damages."""

import dataclasses
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from note_seq.protobuf import music_pb2

from solferino.models import registry
from solferino.models.core.generation import midi_bytes
from solferino.models.core.storage import records

_LAYERS = 'batch_size=4,rnn_layer_sizes=[6,5]'
# Family, config, and hyperparameters that make it tiny.
CONFIGS: Mapping[str, tuple[str, str]] = {
    'drum_kit': ('drums_rnn', f'{_LAYERS},attn_length=4'),
    'lookback_rnn': ('melody_rnn', _LAYERS),
    'gru_attention': ('piano_rnn', 'batch_size=4,embedding_size=9,rnn_layer_sizes=[8,7],attention_size=4'),
    'gru_nade': ('piano_rnn', f'{_LAYERS},nade_size=5,key_size=4,lags=[1,2],span=3'),
    'phrases': ('rbm', 'batch_size=4,hidden_units=6,persistent=false,cd_steps=1'),
    'rnn_rbm': ('rbm', 'batch_size=4,hidden_units=6,rnn_units=5,cd_steps=1,ais_steps=100'),
    'jazz_rnn': ('jazz_rnn', _LAYERS),
    'musegan_small': (
        'musegan',
        'batch_size=4,num_tracks=2,latent_size=4,temporal_size=5,bar_sizes=[8,4,4,4],critic_sizes=[3,4,4,5]',
    ),
}


@dataclasses.dataclass(frozen=True)
class SmallFiles:
    """A folder of files.

    Attributes:
      folder: the folder.
      configs: of those models that are there, each with a dataset, a run and a bundle: 'drum_kit/data', '/run', '.mag'.
    """

    folder: Path
    configs: Sequence[str]

    @property
    def midi(self) -> Path:
        """MIDI files."""
        return self.folder / 'midi'

    @property
    def short(self) -> Path:
        """A bar of one of them, which sounds at once."""
        return self.folder / 'short.mid'

    @property
    def one(self) -> Path:
        """The same bar as a NoteSequence."""
        return self.folder / 'one.tfrecord'

    @property
    def notes(self) -> Path:
        """Their NoteSequences."""
        return self.folder / 'notes.tfrecord'

    @property
    def exported(self) -> Path:
        """A model for web pages; there is one with drum_kit."""
        return self.folder / 'js'

    def bundle(self, config: str) -> Path:
        """A trained model."""
        return self.folder / f'{config}.mag'

    def run(self, config: str) -> Path:
        """The run directory that it is of."""
        return self.folder / config / 'run'

    def checkpoint(self, config: str) -> Path:
        """A checkpoint of the run."""
        return next((self.run(config) / 'train').glob('model.ckpt-*.safetensors'))

    def examples(self, config: str) -> Path:
        """What it was trained on."""
        family = CONFIGS[config][0]
        return self.folder / config / 'data' / f'training_{registry.get(family).spec.records}.tfrecord'


def make(folder: Path, configs: Sequence[str] = tuple(CONFIGS)) -> SmallFiles:
    """Makes what is not there yet."""
    made = SmallFiles(folder, configs)
    if not made.notes.exists():
        shutil.rmtree(made.midi, ignore_errors=True)
        made.midi.mkdir(parents=True)
        for seed in range(6):
            (made.midi / f'{seed}.mid').write_bytes(midi_bytes.midi_bytes(song(seed)))
        _run('convert_dir_to_note_sequences', input_dir=made.midi, output_file=made.notes)
    bar = song(0, num_bars=1)
    made.short.write_bytes(midi_bytes.midi_bytes(bar))
    with records.Writer(str(made.one)) as writer:
        writer.write(bar.SerializeToString(deterministic=True))
    for config in configs:
        if not made.bundle(config).exists():
            _train(made, config)
    return made


def _train(made: SmallFiles, config: str) -> None:
    family, hparams = CONFIGS[config]
    folder = made.folder / config
    shutil.rmtree(folder, ignore_errors=True)
    _run(
        f'{family}_create_dataset', config=config, hparams=hparams, input=made.notes, output_dir=folder / 'data',
        eval_ratio=0,
    )  # fmt: skip
    _run(
        f'{family}_train', config=config, hparams=hparams, run_dir=folder / 'run', num_training_steps=1,
        sequence_example_file=made.examples(config),
    )  # fmt: skip
    _run(f'{family}_generate', '--save_generator_bundle', run_dir=folder / 'run', bundle_file=made.bundle(config))
    if config == 'drum_kit':
        shutil.rmtree(made.exported, ignore_errors=True)
        _run('solferino_export', format='magentajs', bundle_file=made.bundle(config), output_dir=made.exported)


def song(seed: int, num_bars: int = 8) -> music_pb2.NoteSequence:
    """Bars with drums and a melody over chords."""
    rng = np.random.default_rng(seed)
    sequence = music_pb2.NoteSequence(ticks_per_quarter=220)
    sequence.tempos.add(qpm=100)
    sequence.time_signatures.add(numerator=4, denominator=4)
    step = 60 / 100 / 4
    for position in range(0, num_bars * 16, 2):
        common = {'velocity': 80, 'start_time': position * step, 'end_time': (position + 2) * step}
        sequence.notes.add(pitch=int(rng.integers(60, 72)), instrument=0, **common)
        if position % 8 == 0:
            sequence.notes.add(pitch=int(rng.integers(48, 55)), instrument=1, **common)
        for drum in rng.choice([36, 38, 42, 46, 49], size=2, replace=False):
            sequence.notes.add(pitch=int(drum), instrument=9, is_drum=True, **common)
    sequence.total_time = num_bars * 16 * step
    return sequence


def _run(command: str, *flags: str, **values: object) -> None:
    arguments = [*flags, *(f'--{name}={value}' for name, value in values.items())]
    done = subprocess.run(
        [sys.executable, '-m', f'solferino.bin.{command}', *arguments],
        env=os.environ | {'CUDA_VISIBLE_DEVICES': '-1'},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f'{command} {" ".join(arguments)}\n{done.stdout}{done.stderr}')
