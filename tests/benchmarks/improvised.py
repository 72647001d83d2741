"""Improvisations of jazz_rnn beside the songs that they were learned from, and a Markov chain of the same tokens.

    .venv/bin/python tests/benchmarks/improvised.py --songs='songs/*.mid' --runs=out [--outputs=5]

`out/<name of a song>/run` is a run directory that `jazz_rnn_improvise` made of the song. Measures, as of lead sheets:

    H1, H4    entropy in bits of the pitch classes of one bar, of four (Wu and Yang, "The Jazz Transformer on the front
              line", ISMIR 2020)
    GS        grooving similarity: the share of steps at which two bars both have an onset or both have none, of all
              pairs of bars (the same)
    strong    share of chord tones among the notes on the first and the third quarter of a bar
    length    mean length of a note in quarters
    copied    most notes on end that are in the song, too, with these intervals and lengths; of the song itself those
              that it has twice
"""

import argparse
import collections
import dataclasses
import glob
import itertools
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from solferino.bin.generate import read_music
from solferino.models import load
from solferino.models.jazz_rnn import performance, vocabulary
from solferino.models.music.jazz import lead_sheet, playing, tokens
from solferino.models.music.jazz.chords import Changes
from solferino.models.music.jazz.lead_sheet import STEPS_PER_QUARTER, LeadSheet
from solferino.models.music.jazz.tokens import Note
from solferino.models.music.metrics import descriptive
from solferino.models.music.originality import copies
from solferino.models.music.pieces import piece

TEMPERATURES = (0.5, 0.8, 1.1)
_BAR = 4 * STEPS_PER_QUARTER
_BARS = 16


@dataclasses.dataclass(frozen=True)
class Measures:
    """See the module's docstring."""

    h1: float
    h4: float
    gs: float
    strong: float
    length: float
    copied: float


def main() -> None:
    """Measures all songs, and prints the means as a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--songs', required=True, help='Pattern of the songs.')
    parser.add_argument('--runs', type=Path, required=True, help='Folder of folders that have the names of the songs.')
    parser.add_argument('--outputs', type=int, default=5, help='Outputs at each temperature.')
    args = parser.parse_args()
    found: dict[str, list[Measures]] = collections.defaultdict(list)
    songs = 0
    for song in map(Path, sorted(glob.glob(args.songs, recursive=True))):
        if not (args.runs / song.stem / 'run/train').is_dir():
            continue
        music = read_music(song.name, str(song))
        songs += 1
        for name, sheets in _sheets(music, args.runs / song.stem / 'run', args.outputs).items():
            own = sheets[0] if name == 'song' else lead_sheet.read(piece.of(music))
            found[name] += [measure(sheet, own) for sheet in sheets if len(sheet.notes) > 1]
    print(f'{songs} songs, {args.outputs} outputs of {_BARS} bars each\n')
    print(table(found))


def table(found: Mapping[str, Sequence[Measures]]) -> str:
    """The mean of each measure, as Markdown."""
    names = [field.name for field in dataclasses.fields(Measures)]
    rows = [f'| music | {" | ".join(names)} |', f'|{" --- |" * (len(names) + 1)}']
    for name, measured in found.items():
        means = (statistics.fmean(getattr(one, field) for one in measured) for field in names)
        rows.append(f'| {name} | {" | ".join(f"{mean:.2f}" for mean in means)} |')
    return '\n'.join(rows)


def measure(sheet: LeadSheet, song: LeadSheet) -> Measures:
    """Returns the measures of music that was learned from `song`, or of the song itself."""
    bars = _by_bar(sheet.notes)
    fours = [list(itertools.chain(*bars[k : k + 4])) for k in range(0, len(bars) - 3, 4)] or [list(sheet.notes)]
    strong = [note for note in sheet.notes if note.start % _BAR in (0, _BAR // 2)] or list(sheet.notes)
    return Measures(
        h1=statistics.fmean(entropy(bar) for bar in bars if bar),
        h4=statistics.fmean(entropy(four) for four in fours if four),
        gs=grooving(bars),
        strong=statistics.fmean(_is_chord_tone(note, sheet.changes) for note in strong),
        length=statistics.fmean(note.duration for note in sheet.notes) / STEPS_PER_QUARTER,
        copied=longest_copy(sheet.notes, song.notes, itself=sheet is song),
    )


def entropy(notes: Iterable[Note]) -> float:
    """Of the pitch classes, in bits."""
    return descriptive.entropy(np.bincount([note.pitch % 12 for note in notes]))


def grooving(bars: Sequence[Sequence[Note]]) -> float:
    """Grooving similarity of all pairs of bars."""
    onsets = np.zeros((len(bars), _BAR), bool)
    for number, bar in enumerate(bars):
        onsets[number, [note.start % _BAR for note in bar]] = True
    pairs = list(itertools.combinations(range(len(bars)), 2))
    return statistics.fmean(1 - float((onsets[a] ^ onsets[b]).mean()) for a, b in pairs) if pairs else 1.0


def longest_copy(notes: Sequence[Note], song: Sequence[Note], itself: bool = False) -> int:
    """The most notes on end that are also in the song; `itself` for the most that a song has at two places."""
    if itself:
        return copies.longest_repeat(_moves(song)) + 1
    lengths, _ = copies.matches([_moves(notes), _moves(song)], [0, 1], [False, True])
    return int(lengths[: len(notes)].max(initial=0)) + 1


def _moves(notes: Sequence[Note]) -> np.ndarray:
    """The interval to each note and the time from the one before, as a number above 0."""
    moves = [
        (after.pitch - before.pitch + 128) << 16 | (after.start - before.start)
        for before, after in itertools.pairwise(notes)
    ]
    return np.array(moves, np.int64)


def _by_bar(notes: Sequence[Note]) -> list[list[Note]]:
    bars: list[list[Note]] = [[] for _ in range(notes[-1].start // _BAR + 1)]
    for note in notes:
        bars[note.start // _BAR].append(note)
    return bars


def _is_chord_tone(note: Note, changes: Changes) -> bool:
    return note.pitch % 12 in changes.at(note.start).tones


def _sheets(music: Any, run: Path, outputs: int) -> dict[str, list[LeadSheet]]:
    """The song, what the model makes of it, and what the chain does, by name."""
    model = load(run)
    song = lead_sheet.read(piece.of(music))
    made = {
        f'model, {temperature:g}': model.generate(
            None, outputs, chords_midi=music, num_bars=_BARS, temperature=temperature, seed=1
        )
        for temperature in TEMPERATURES
    }
    made['Markov chain'] = [_of_chain(song, model.config, number) for number in range(outputs)]
    return {
        'song': [song],
        **{name: [lead_sheet.read(piece.of(one)) for one in sequences] for name, sequences in made.items()},
    }


def _of_chain(song: LeadSheet, config: Any, number: int) -> Any:
    """A walk through the tokens of a song, of which each follows the one before as often as it does in the song."""
    known, rng = vocabulary.of(config.learned), np.random.default_rng(number)
    follows: dict[int, list[int]] = collections.defaultdict(list)
    for line in song.lines(config.extraction.gap_bars):
        if len(line.notes) >= config.extraction.min_notes:
            classes = known.classes(tokens.analyze(line.notes, song.changes, line.begin)).tolist()
            for before, after in itertools.pairwise([vocabulary.BEGINNING, *classes]):
                follows[before].append(after)
    walk, steps, last = [], 0, vocabulary.BEGINNING
    while steps < _BARS * _BAR:
        options = follows[last] or follows[vocabulary.BEGINNING]
        last = options[int(rng.integers(len(options)))]
        (token,) = known.tokens_of(np.array([last]))
        walk.append(token)
        steps += token.duration
    melody = playing.play(walk, song.changes, rng, max_repeats=2, max_leap=12)
    return performance.play(melody, song.changes, 0, _BARS * _BAR, 130.0)


if __name__ == '__main__':
    main()
