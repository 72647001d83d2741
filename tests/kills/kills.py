"""Kills commands at many moments and looks at what is left: `make kills`, or `python tests/kills/kills.py train`.

A command is killed before one of its file operations, or after a random time, by turns. After each kill its inputs must
be what they were, and each older output what it was or what it was to become. After the same command again its outputs
must be those of a run that was never killed, and nothing else may lie in its folder or among the temporary files.
"""

import argparse
import dataclasses
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

# Kills the process, not its children, before its file operation of this number, and writes their number to a file.
_HOOK = """\
import os, signal, sys
_at, _log, _pid, _seen = int(os.environ.pop('KILL_AT', '0')), os.environ.pop('KILL_LOG', ''), os.getpid(), [0, False]
_CHANGES = {'os.rename', 'os.remove', 'os.mkdir', 'os.rmdir', 'os.chmod', 'os.link', 'os.truncate'}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT

def _hook(event, arguments):
    if _seen[1] or not (event in _CHANGES or event == 'open' and (arguments[2] or 0) & _WRITING):
        return
    if os.getpid() != _pid or '__pycache__' in str(arguments[0]) or str(arguments[0]).startswith('/dev/'):
        return
    _seen[0] += 1
    if _seen[0] == _at:
        os.kill(_pid, signal.SIGKILL)
    _seen[1] = True
    if _log:
        with open(_log, 'w') as file:
            file.write(str(_seen[0]))
    _seen[1] = False

if _at or _log:
    sys.addaudithook(_hook)
"""
# What is another in the names of each run: the time, and a number where play finds a WAV file.
_STAMP = re.compile(r'\d{4}-\d\d-\d\d_\d{6}|(_\d+)?\.wav$')
_TIMES = re.compile(rb'"(created|heartbeat|pid|begun)": ("[^"]*"|[\d.]+)')
_BIN = 'solferino.bin.'


@dataclasses.dataclass(frozen=True)
class Command:
    """A command, run in a folder in which `inputs` are those of the commands before it.

    Attributes:
      name: of the command.
      arguments: module and flags.
      inputs, output: the folders that it reads, and the one that it writes, relative to where it runs.
      older: flags with which it has run before, so that outputs are there; none where there may be none.
    """

    name: str
    arguments: tuple[str, ...]
    inputs: tuple[str, ...]
    output: str
    older: tuple[str, ...] = ()


_COMMANDS = (
    (
        'convert',
        'convert_dir_to_note_sequences --input_dir=songs --output_file=notes/notes.tfrecord',
        'songs',
        'notes',
        '--max_file_mb=0.0014',
    ),
    (
        'create_dataset',
        'drums_rnn_create_dataset --config=drum_kit --input=notes/notes.tfrecord --output_dir=dataset --eval_ratio=0.3',
        'notes',
        'dataset',
        '--eval_ratio=0.5',
    ),
    (
        'train',
        'drums_rnn_train --run_dir=run --sequence_example_file=dataset/training_drum_tracks.tfrecord '
        '--eval_file=dataset/eval_drum_tracks.tfrecord --hparams=rnn_layer_sizes=[8,8],batch_size=8 '
        '--num_training_steps=6 --eval_frequency=2 --seed=1',
        'dataset',
        'run',
        '',
    ),
    (
        'bundle',
        'drums_rnn_generate --run_dir=run --save_generator_bundle --bundle_file=bundle/b.mag',
        'run',
        'bundle',
        '--bundle_description=older',
    ),
    (
        'generate',
        'drums_rnn_generate --bundle_file=bundle/b.mag --output_dir=music --num_outputs=5 --num_steps=32 --seed=1',
        'bundle',
        'music',
        '',
    ),
    (
        'export',
        'solferino_export --format=magentajs --bundle_file=bundle/b.mag --output_dir=web',
        'bundle',
        'web',
        '',
    ),
    (
        'export_savedmodel',
        'solferino_export --format=savedmodel --bundle_file=bundle/b.mag --output_dir=saved',
        'bundle',
        'saved',
        '',
    ),
    (
        'convert_voices',
        'convert_dir_to_note_sequences --input_dir=voices --recursive --output_file=voice_notes/notes.tfrecord',
        'voices',
        'voice_notes',
        '',
    ),
    (
        'jazz_create_dataset',
        'jazz_rnn_create_dataset --input=voice_notes/notes.tfrecord --output_dir=jazz_dataset --eval_ratio=0.3 '
        '--labels_from_folders',
        'voice_notes',
        'jazz_dataset',
        '--eval_ratio=0.5',
    ),
    (
        'jazz_train',
        'jazz_rnn_train --run_dir=jazz_run --sequence_example_file=jazz_dataset/training_solos.tfrecord '
        '--eval_file=jazz_dataset/eval_solos.tfrecord --hparams=rnn_layer_sizes=[8,8],batch_size=8,averaging=0.9 '
        '--num_training_steps=6 --eval_frequency=2 --seed=1',
        'jazz_dataset',
        'jazz_run',
        '',
    ),
    (
        'jazz_generate',
        'jazz_rnn_generate --run_dir=jazz_run --output_dir=jazz_music --num_outputs=5 --num_measures=4 --seed=1 '
        '--label=early',
        'jazz_run',
        'jazz_music',
        '',
    ),
    (
        'jazz_improvise',
        'jazz_rnn_improvise voices --output_dir=improvised --num_training_steps=4 --hparams=rnn_layer_sizes=[8] '
        '--num_outputs=3 --num_measures=4 --seed=1',
        'voices',
        'improvised',
        '',
    ),
    (
        'musegan_create_dataset',
        'musegan_create_dataset --input=voice_notes/notes.tfrecord --output_dir=gan_dataset --eval_ratio=0.3 '
        '--hparams=num_bars=1',
        'voice_notes',
        'gan_dataset',
        '--eval_ratio=0.5',
    ),
    (
        'musegan_train',
        'musegan_train --run_dir=gan_run --sequence_example_file=gan_dataset/training_quartets.tfrecord '
        '--eval_file=gan_dataset/eval_quartets.tfrecord --num_training_steps=4 --eval_frequency=2 --seed=1 '
        '--hparams=batch_size=4,latent_size=4,temporal_size=5,bar_sizes=[8,4,4,4],critic_sizes=[3,4,4,5],'
        'critic_steps=1',
        'gan_dataset',
        'gan_run',
        '',
    ),
    (
        'musegan_generate',
        'musegan_generate --run_dir=gan_run --output_dir=gan_music --num_outputs=3 --num_pieces=2 --seed=1',
        'gan_run',
        'gan_music',
        '',
    ),
    (
        'generate_more',
        'drums_rnn_generate --bundle_file=bundle/b.mag --output_dir=heard --num_outputs=3 --best=2 --num_steps=32 '
        '--seed=1 --render=mp3,png,musicxml --draw --originality=notes/notes.tfrecord',
        'bundle notes',
        'heard',
        '',
    ),
    (
        'render',
        'solferino_render songs/1.mid songs/2.mid --output_dir=rendered --format=ogg,mp3,pdf,svg,musicxml,score.svg',
        'songs',
        'rendered',
        '',
    ),
    ('play', 'solferino_play songs/1.mid songs/2.mid --output_dir=played', 'songs', 'played', ''),
    (
        'metrics',
        'solferino_metrics songs songs/1.mid --output=measures/metrics.json',
        'songs',
        'measures',
        '--structure',
    ),
    (
        'evaluate',
        'solferino_evaluate songs --bundle_file=bundle/b.mag --run_dir=run --output=scores/scores.json',
        'songs bundle run',
        'scores',
        '--checkpoint=newest',
    ),
    (
        'report',
        'solferino_report songs notes/notes.tfrecord --run_dir=run --num_shown=2 --output=page/report.html',
        'songs notes run',
        'page',
        '--title=older',
    ),
)
COMMANDS = tuple(
    Command(name, tuple(line.split()), tuple(reads.split()), writes, tuple(older.split()))
    for name, line, reads, writes, older in _COMMANDS
)


class Kills:
    """Runs commands in a folder of its own and kills them.

    Args:
      folder: an empty one.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        hook = folder / 'hook'
        hook.mkdir()
        (hook / 'sitecustomize.py').write_text(_HOOK)
        self._path = os.pathsep.join(filter(None, [str(hook), os.environ.get('PYTHONPATH', '')]))
        self._clean = folder / 'clean'
        self._clean.mkdir()
        self._ready: dict[str, tuple[int, float]] = {}  # file operations and seconds of a whole run
        _write_songs(self._clean / 'songs')
        _write_voices(self._clean / 'voices')

    def prepare(self, command: Command) -> tuple[int, float]:
        """Runs a command to its end, for others to be compared with; those that make its inputs before."""
        if command.name not in self._ready:
            for other in COMMANDS:
                if other.output in command.inputs:
                    self.prepare(other)
            before = self._older(command)
            if command.older:
                before.mkdir()
                self._copy_inputs(command, before)
                self._finish(command, before, (*command.arguments, *command.older))
            started = time.monotonic()
            log = self._folder / 'operations'
            self._finish(command, self._clean, command.arguments, KILL_LOG=str(log))
            self._ready[command.name] = int(log.read_text()), time.monotonic() - started
        return self._ready[command.name]

    def kill(self, command: Command, at: int = 0, after: float = 0) -> list[str]:
        """Kills a command before a file operation, or after so many seconds; returns what is wrong then."""
        self.prepare(command)
        place, temporary = self._folder / 'place', self._folder / 'temporary'
        for folder in (place, temporary):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        self._copy_inputs(command, place)
        if command.older:
            shutil.copytree(self._older(command) / command.output, place / command.output)
        process = self._start(command.arguments, place, temporary, KILL_AT=str(at))
        if after:
            time.sleep(after)
            process.kill()
        process.communicate()
        wrong = list(self._destroyed(command, place))
        process = self._start(command.arguments, place, temporary)
        said = process.communicate()[0].decode(errors='replace')
        # What was killed as it had done its work may be refused a second time.
        if process.returncode and 'is not empty' not in said:
            wrong.append(f'the second run failed: {said.splitlines()[-1:]}')
        wrong += self._not_the_same(command, place)
        wrong += [f'left behind: {path.relative_to(self._folder)}' for path in temporary.rglob('*')]
        return wrong

    def _copy_inputs(self, command: Command, place: Path) -> None:
        for name in command.inputs:
            shutil.copytree(self._clean / name, place / name)

    def _older(self, command: Command) -> Path:
        return self._folder / f'older-{command.name}'

    def _start(self, arguments: tuple[str, ...], place: Path, temporary: Path, **more: str) -> subprocess.Popen:
        environment = os.environ | more | {'PYTHONPATH': self._path, 'TMPDIR': str(temporary)}
        script = [sys.executable, '-m', _BIN + arguments[0], *arguments[1:]]
        return subprocess.Popen(
            script, cwd=place, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, close_fds=True
        )

    def _finish(self, command: Command, place: Path, arguments: tuple[str, ...], **more: str) -> None:
        temporary = self._folder / 'temporary'
        temporary.mkdir(exist_ok=True)
        process = self._start(arguments, place, temporary, **more)
        said = process.communicate()[0].decode(errors='replace')
        if process.returncode:
            raise RuntimeError(f'{command.name} fails, without any kill:\n{said}')

    def _destroyed(self, command: Command, place: Path) -> Iterator[str]:
        for name in command.inputs:
            if _contents(place / name) != _contents(self._clean / name):
                yield f'the input {name} is not what it was'
        if command.older:
            old, new = _contents(self._older(command) / command.output), _contents(self._clean / command.output)
            for name, data in _contents(place / command.output).items():
                if not _is_hidden(name) and data not in (old.get(name), new.get(name)):
                    yield f'the output {name} is neither the older one nor the new one'

    def _not_the_same(self, command: Command, place: Path) -> Iterator[str]:
        expected, found = _contents(self._clean / command.output), _contents(place / command.output)
        names = {_STAMP.sub('NOW', name): data for name, data in expected.items()}
        counts: dict[str, int] = dict.fromkeys(names, 0)
        for name, data in found.items():
            plain = _STAMP.sub('NOW', name)
            if plain not in names:
                yield f'left behind: {name}'
                continue
            counts[plain] += 1
            # Pictures and scores have the name of the music, with its time, as their title.
            titled = plain != name and name.endswith(('.png', '.musicxml'))
            if data != names[plain] and not titled:
                yield f'{name} is not the same'
        # Music may be there twice: the killed run's, complete, and the second one's. What is made of a piece after that
        # (sound, pictures) may be there for some of the killed run's.
        music = {times for name, times in counts.items() if 'NOW' in name and name.endswith('.mid')}
        made = {times for name, times in counts.items() if 'NOW' in name and not name.endswith('.mid')}
        others = {times for name, times in counts.items() if 'NOW' not in name}
        if not others <= {1} or not made <= {1, 2} or music not in (set(), {1}, {2}):
            yield f'some outputs are missing: {counts}'
        for path in place.iterdir():
            if path.name not in (*command.inputs, command.output):
                yield f'left behind: {path.name}'


def _contents(folder: Path) -> dict[str, bytes]:
    """The files in a folder by name, but for the times in them; TensorBoard's, which each run adds, are left out."""
    return {
        str(path.relative_to(folder)): _TIMES.sub(b'', path.read_bytes())
        if path.suffix == '.json'
        else path.read_bytes()
        for path in sorted(folder.rglob('*'))
        if path.is_file() and not path.name.startswith('events.out')
    }


def _is_hidden(name: str) -> bool:
    return any(part.startswith('.') for part in Path(name).parts)


def _write_songs(folder: Path) -> None:
    from note_seq import midi_io
    from note_seq.protobuf import music_pb2

    folder.mkdir()
    for song in range(1, 13):
        rng, sequence = random.Random(song), music_pb2.NoteSequence(ticks_per_quarter=220)
        sequence.tempos.add(qpm=120)
        sequence.time_signatures.add(numerator=4, denominator=4)
        for step in range(16 * (6 + song)):
            for pitch in rng.sample((36, 38, 42, 46), rng.randint(0, 2)):
                start = step / 8
                sequence.notes.add(pitch=pitch, velocity=90, start_time=start, end_time=start + 0.1, is_drum=True)
        sequence.total_time = 2 * (6 + song)
        midi_io.note_sequence_to_midi_file(sequence, str(folder / f'{song}.mid'))


def _write_voices(folder: Path) -> None:
    """Four voices in each of two folders: a melody over chords, for some."""
    from note_seq import midi_io
    from note_seq.protobuf import music_pb2

    for song in range(1, 13):
        rng, sequence = random.Random(song), music_pb2.NoteSequence(ticks_per_quarter=220)
        sequence.tempos.add(qpm=120)
        sequence.time_signatures.add(numerator=4, denominator=4)
        for voice, lowest in enumerate((67, 60, 53, 43)):
            for eighth in range(8 * (4 + song)):
                pitch, start = lowest + rng.choice((0, 2, 4, 5, 7)), eighth / 4
                note = sequence.notes.add(pitch=pitch, velocity=90, start_time=start, end_time=start + 0.25)
                note.instrument = voice
        sequence.total_time = 2 * (4 + song)
        path = folder / ('early', 'late')[song % 2] / f'{song}.mid'
        path.parent.mkdir(parents=True, exist_ok=True)
        midi_io.note_sequence_to_midi_file(sequence, str(path))


def moments(operations: int, seconds: float, number: int, seed: int) -> Iterator[dict[str, float]]:
    """When to kill: by turns before an operation, spread evenly over all of them, and after a random time."""
    rng = random.Random(seed)
    half = (number + 1) // 2
    for kill in range(number):
        if kill % 2:
            yield {'after': rng.uniform(0.01, seconds)}
        else:
            yield {'at': 1 + (kill // 2) * operations // half}


def main() -> int:
    """Kills all commands, or those that are named; returns how many kills did harm."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('commands', nargs='*', choices=[*[command.name for command in COMMANDS], []])
    parser.add_argument('--kills', type=int, default=100, help='of each command')
    parser.add_argument('--seed', type=int, default=0)
    options = parser.parse_args()
    harm = 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix='kills-') as folder:
        kills = Kills(Path(folder))
        for command in COMMANDS:
            if options.commands and command.name not in options.commands:
                continue
            operations, seconds = kills.prepare(command)
            failed = 0
            for moment in moments(operations, seconds, options.kills, options.seed):
                wrong = kills.kill(command, **moment)
                failed += bool(wrong)
                for what in wrong:
                    print(f'  {command.name} {moment}: {what}', flush=True)
            print(
                f'{command.name:20} {options.kills} kills, {operations} file operations, {failed} did harm', flush=True
            )
            harm += failed
    return harm


if __name__ == '__main__':
    sys.exit(1 if main() else 0)
