"""Is generated music like the music that a model was trained on? Pictures to look at, and numbers.

    .venv/bin/python tests/benchmarks/generated.py --model=run --notes=chorales.tfrecord [--generate="--num_steps=256"]

A trained model, a run directory or a bundle, generates some outputs by its family's command, and they are drawn. Their
pitch range, polyphony, note density and pitch-class entropy stand beside those of the NoteSequences that its examples
were made of: of whole pieces, and of stretches of them as long as an output is, as most of these numbers depend on how
much music they are taken of. Everything is in bench/generated/<name>; bench/generated.md tells all models so far.
"""

import argparse
import dataclasses
import json
import shlex
import shutil
import statistics as averages
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import measure
import numpy as np
import report

from solferino.models import load
from solferino.models.core.storage import records
from solferino.models.music.pieces import piano_rolls, piece, statistics
from solferino.models.music.pieces.piece import Piece
from solferino.pipelines import parsing

ROOT = Path(__file__).parent.parent.parent


def main() -> None:
    """Generates, draws, measures."""
    args = _arguments()
    name = args.name or f'{load(args.model).config.name}-{args.notes.stem}'
    folder = args.work / 'generated' / name
    shutil.rmtree(folder, ignore_errors=True)
    commands = _generate(args, folder)
    outputs = list(midi_pieces(sorted(folder.glob('*.mid'))))
    known = [with_pedal(piece.read(data)) for data in records.read(str(args.notes))]
    seconds = averages.median(output.total_time for output in outputs)
    collections = {
        'pieces': statistics.of_sequences(known),
        f'{seconds:.0f} s of them': statistics.of_sequences(s for p in known for s in stretches(p, seconds)),
        'generated': statistics.of_sequences(outputs),
    }
    text = f'**{name}**\n\n```\n{statistics.side_by_side(collections)}\n```\n\n' + '\n'.join(
        f'- `{line}`' for line in commands
    )
    numbers = {title: dataclasses.asdict(found) for title, found in collections.items()}
    _keep(args.work / 'generated', name, {'text': text, 'collections': numbers})
    print(text)
    print(f'Written: {folder}/*.mid, {folder}/pictures/*.png, {args.work / "generated.md"} and .json')


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--model', type=Path, required=True, help='run directory or bundle')
    parser.add_argument('--notes', type=Path, required=True, help='NoteSequences that its examples were made of')
    parser.add_argument('--name', default='', help="what to call the results; the config's and the file's if not given")
    parser.add_argument('--num_outputs', type=int, default=5)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--generate', default='', help='more flags of the generate command')
    parser.add_argument('--work', type=Path, default=ROOT / 'bench', help='folder for all that is written')
    args = parser.parse_args()
    for flag in ('model', 'notes'):
        if not getattr(args, flag).exists():
            parser.error(f'--{flag}: there is no {getattr(args, flag)}')
    return args


def _generate(args: argparse.Namespace, folder: Path) -> list[str]:
    """Writes MIDI files and pictures; returns the commands as they would be typed."""
    family = load(args.model).family.spec.name
    source = 'run_dir' if args.model.is_dir() else 'bundle_file'
    generate = [f'{family}_generate', f'--{source}={args.model}', f'--output_dir={folder}',
                f'--num_outputs={args.num_outputs}', f'--seed={args.seed}', *shlex.split(args.generate)]  # fmt: skip
    draw = ['solferino_draw', f'--input={folder}/*.mid', f'--output_dir={folder / "pictures"}']
    for name, *words in (generate, draw):
        measure.run([sys.executable, '-m', f'solferino.bin.{name}', *words], measure.TIMEOUT_S)
    return [shlex.join(generate), shlex.join(draw)]


def midi_pieces(paths: Sequence[Path]) -> Iterator[Piece]:
    """Yields the music of MIDI files. Raises SystemExit for one that cannot be read."""
    with parsing.Parser(parsing.Limits()) as parser:
        for path in paths:
            answer = parser.parse_midi(path)
            if isinstance(answer, parsing.LeftOut):
                raise SystemExit(f'{path}: {answer.reason}')
            yield piece.read(answer.data)


def with_pedal(music: Piece) -> Piece:
    """The same with notes as long as they sound."""
    return dataclasses.replace(music, notes=piano_rolls.sustained(music))


def stretches(music: Piece, seconds: float) -> Iterator[Piece]:
    """Yields a piece cut into stretches one after the other; what is left at its end is left out.

    A note that goes on into the next stretch begins anew there: it sounds there, too.
    """
    starts, ends = music.notes['start'], music.notes['end']
    for number in range(int(music.total_time / seconds + 1e-9)):
        begin, end = number * seconds, (number + 1) * seconds
        notes = music.notes[(starts < end) & (ends > begin)].copy()
        notes['start'] = np.maximum(notes['start'] - begin, 0)
        notes['end'] = np.minimum(notes['end'], end) - begin
        tempos = tuple(dataclasses.replace(t, time=max(t.time - begin, 0.0)) for t in _valid_until(music.tempos, begin))
        yield dataclasses.replace(music, notes=notes, tempos=tempos, total_time=seconds)


def _valid_until(tempos: Sequence[Any], time: float) -> list[Any]:
    """The tempo at a time, if one has been given by then, and those after it."""
    ordered = sorted(tempos, key=lambda t: t.time)
    before = [t for t in ordered if t.time <= time]
    return before[-1:] + ordered[len(before) :]


def _keep(path: Path, name: str, result: dict[str, Any]) -> None:
    """Puts a result beside those of other models."""
    file = path.with_suffix('.json')
    results = json.loads(file.read_text(encoding='utf-8')) if file.exists() else {}
    results[name] = result
    report.write(path, results, '\n\n'.join(r['text'] for r in results.values()))


if __name__ == '__main__':
    main()
