"""Metrics of pieces a second: ours beside MusPy's, which ours are equal to.

    .venv/bin/python tests/benchmarks/beside_muspy.py --input=FOLDER [--pieces=100] [--rounds=3]

Each side takes the fourteen metrics that both define, of the same files, spread over the folder and those below it:
first of notes that it holds already, each as it likes them (ours a `Grid`, MusPy a `Music`), which are the same notes;
then with reading the file and putting it on a grid of 24 steps a quarter, where MusPy reads as it reads. The sides take
turns; seconds are of CPU, medians of the rounds.
"""

import argparse
import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import reading
import report

from solferino.models.music.metrics import descriptive, grid
from solferino.models.music.metrics.grid import Grid
from solferino.models.music.pieces import piece
from solferino.pipelines import parsing

sys.path.append(str(Path(__file__).parent.parent / 'models/music'))
import muspy
import muspy_music

OURS, THEIRS = 'Solferino', 'MusPy'
ALONE, WHOLE = 'pieces/s', 'pieces/s with reading'
# What a side does of notes that it holds, and with reading; both give the values.
Work = Callable[[], list[float]]
Side = tuple[Work, Work]


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--input', type=Path, required=True)
    parser.add_argument('--pieces', type=int, default=100)
    parser.add_argument('--rounds', type=int, default=3)
    args = parser.parse_args()
    there, paths = reading.spread(args.input, ['midi'], args.pieces)
    with contextlib.ExitStack() as stack:
        both = sides(paths, stack)
        measured: dict[str, list[dict[str, float]]] = {name: [] for name in both}
        for _ in range(args.rounds):
            for name, side in both.items():
                measured[name].append(measure(side, len(paths)))
        defined, alike = equal(both)
    print(f'{len(paths)} of {there} files; of {defined} values that both define of the same notes {alike} are equal')
    print(report.comparison(measured))
    print(f'\n{report.machine()}')


def sides(paths: Sequence[Path], stack: contextlib.ExitStack) -> dict[str, Side]:
    """What each side does; ours reads in a child process that ends with the stack."""
    parser = stack.enter_context(parsing.Parser(parsing.Limits()))

    def read() -> Iterator[Grid]:
        for path in paths:
            for answer in parser.parse_file(path):
                if isinstance(answer, parsing.Converted):
                    yield grid.read(piece.read(answer.data))

    grids = list(read())
    held = [(muspy_music.music_of(notes), notes.steps_per_bar) for notes in grids]

    def theirs_with_reading() -> list[float]:
        music = (muspy.read_midi(path).adjust_resolution(grid.STEPS_PER_QUARTER) for path in paths)
        bars = (notes.steps_per_bar for notes in grids)
        return [value for pair in zip(music, bars, strict=True) for value in theirs(*pair)]

    return {
        OURS: (
            lambda: [value for notes in grids for value in ours(notes)],
            lambda: [value for notes in read() for value in ours(notes)],
        ),
        THEIRS: (lambda: [value for pair in held for value in theirs(*pair)], theirs_with_reading),
    }


def ours(notes: Grid) -> list[float]:
    """All fourteen."""
    return [function(notes) for function in descriptive.METRICS.values()]


def theirs(music: 'muspy.Music', steps_per_bar: int) -> list[float]:
    """The same by MusPy."""
    return [muspy_music.metric(name, music, steps_per_bar) for name in descriptive.METRICS]


def measure(side: Side, pieces: int) -> dict[str, float]:
    """One turn of a side: its rates."""
    return {what: pieces / reading.cpu_seconds_of(work)[0] for what, work in zip((ALONE, WHOLE), side, strict=True)}


def equal(both: dict[str, Side]) -> tuple[int, int]:
    """How many values both define of the same notes, and how many of these are equal."""
    found = {name: np.array(alone()) for name, (alone, _) in both.items()}
    defined = np.isfinite(found[OURS]) & np.isfinite(found[THEIRS])
    alike = np.isclose(found[OURS][defined], found[THEIRS][defined], rtol=0, atol=1e-12)
    return len(alike), int(alike.sum())


if __name__ == '__main__':
    main()
