"""How many notes of a recording are found, and how many of those that are found are there.

    .venv/bin/python tests/benchmarks/audio.py --input=FOLDER [--files=20] [--seconds=40] [--work=bench/audio]

Of each corpus some files are drawn, and the beginning of each is rendered as `solferino_render` does and then heard as
`convert_dir_to_note_sequences --audio` does. Both are kept in --work. A note is found if one is heard at its pitch
within 50 ms of its onset (mir_eval, without offsets); two parts that strike the same key at once count
as one. Thresholds are chosen on every second file, by the mean of the corpora, and all are measured on the others, with
bootstrap intervals over files.
"""

import argparse
import itertools
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import mir_eval
import numpy as np
import soundfile
from note_seq.protobuf import music_pb2

from solferino.models.music.listening import decoding, note_creation, posteriorgrams
from solferino.models.music.listening.note_creation import Thresholds
from solferino.models.music.listening.posteriorgrams import Posteriorgrams
from solferino.pipelines import parsing

CORPORA = ('piano', 'melodies', 'chorales', 'multitrack')
CHOIR = 'jsb_midi'  # its files ask for choir voices: they are measured with these, and once more on a piano
ON_A_PIANO = 'jsb_midi on a piano'
RATE = 44100
SAME = 0.02  # seconds between onsets of one key that count as one
BASIC_PITCH = Thresholds(onset=0.5, frame=0.3, shortest=11, rises=True, unstruck=True)
GRID = [
    *(
        Thresholds(*each)
        for each in itertools.product((0.5, 0.6, 0.65, 0.7), (0.3, 0.4, 0.5), (5, 8, 11), (False,), (False,))
    ),
    *(Thresholds(*each) for each in itertools.product((0.5, 0.6, 0.7), (0.3,), (11,), (False, True), (True,))),
]


class Piece(NamedTuple):
    """What was played, intervals [notes, 2] in seconds and frequencies [notes] in Hz, and what was heard."""

    corpus: str
    group: str  # the folder of the file
    intervals: np.ndarray
    pitches: np.ndarray
    heard: Posteriorgrams


def main() -> None:
    """Renders, listens, chooses and prints tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--input', type=Path, required=True, help='folder with a folder for each corpus')
    parser.add_argument('--files', type=int, default=20, help='of each corpus')
    parser.add_argument('--seconds', type=float, default=40)
    parser.add_argument('--work', type=Path, default=Path('bench/audio'))
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    pieces: dict[str, list[Piece]] = {}
    for corpus in CORPORA:
        files = sorted((args.input / corpus).rglob('*.mid'))
        random.Random(17).shuffle(files)
        for number, path in enumerate(files[: args.files]):
            piece = prepare(args.work / f'{corpus}_{number:02d}', path, args.seconds, on_a_piano=False)
            pieces.setdefault(piece.group, []).append(piece)
            if piece.group == CHOIR:
                piece = prepare(args.work / f'{corpus}_{number:02d}_piano', path, args.seconds, on_a_piano=True)
                pieces.setdefault(ON_A_PIANO, []).append(piece)
    chosen = choose([piece for group, found in pieces.items() if group != CHOIR for piece in found[::2]])
    print(f'\nChosen: {chosen}. In force: {Thresholds()}.\n')
    print("| corpus | files | notes | precision | recall | onset F1 | with basic-pitch's thresholds |")
    print('| --- | --- | --- | --- | --- | --- | --- |')
    for group, found in sorted(pieces.items()):
        others = found[1::2]
        ours, theirs = (np.array([measure(piece, each) for piece in others]) for each in (chosen, BASIC_PITCH))
        low, high = interval(ours[:, 2])
        notes = sum(len(piece.pitches) for piece in others)
        print(
            f'| {group} | {len(others)} | {notes:,} | {ours[:, 0].mean():.3f} | {ours[:, 1].mean():.3f} | '
            f'{ours[:, 2].mean():.3f} ({low:.3f} to {high:.3f}) | {theirs[:, 2].mean():.3f} |'
        )
    print('\n| keys struck at once | files | onset F1 |\n| --- | --- | --- |')
    for name, found in by_density([p for group, each in pieces.items() if group != CHOIR for p in each[1::2]]):
        print(f'| {name} | {len(found)} | {np.mean([measure(piece, chosen)[2] for piece in found]):.3f} |')


def prepare(place: Path, path: Path, seconds: float, on_a_piano: bool) -> Piece:
    """Renders and hears the beginning of a MIDI file, if that has not been done."""
    played, sound, heard = (place.with_name(place.name + ending) for ending in ('.npz', '.flac', '.post.npz'))
    if not sound.exists() or not played.exists():
        _render(path, seconds, on_a_piano, sound, played)
    if not heard.exists():
        begin = time.process_time()
        grams = posteriorgrams.listen(decoding.Recording(sound.read_bytes()).blocks())
        length = len(grams.frames) * posteriorgrams.HOP / decoding.RATE
        print(f'{path.name}: {length:.0f} s heard in {time.process_time() - begin:.1f} s of a core', flush=True)
        np.savez(heard, frames=grams.frames, onsets=grams.onsets)
    notes, grams = np.load(played), Posteriorgrams(**np.load(heard))
    kept, last = [], dict[int, float]()
    for index in np.argsort(notes['start'], kind='stable'):
        pitch, start = int(notes['pitch'][index]), float(notes['start'][index])
        if start - last.get(pitch, -1) > SAME:
            kept.append(index)
            last[pitch] = start
    intervals = np.stack([notes['start'], np.maximum(notes['end'], notes['start'] + 0.01)], axis=1)[kept]
    group = ON_A_PIANO if on_a_piano else path.parent.name
    return Piece(place.name.partition('_')[0], group, intervals, mir_eval.util.midi_to_hz(notes['pitch'][kept]), grams)


def _render(path: Path, seconds: float, on_a_piano: bool, sound: Path, played: Path) -> None:
    from solferino.models.music.sound import rendering

    with parsing.Parser(parsing.Limits()) as parser:
        answer = parser.parse_midi(path)
    if isinstance(answer, parsing.LeftOut):
        raise SystemExit(f'{path}: {answer.reason}')
    sequence = music_pb2.NoteSequence.FromString(answer.data)
    kept = [note for note in sequence.notes if note.start_time < seconds]
    del sequence.notes[:]
    sequence.notes.extend(kept)
    for note in sequence.notes:
        note.end_time = min(note.end_time, seconds + 2)
        if on_a_piano:
            note.program = 0
    sequence.total_time = max(note.end_time for note in sequence.notes)
    soundfile.write(sound, rendering.render(sequence).frames, RATE)
    fields = {'start': 'start_time', 'end': 'end_time', 'pitch': 'pitch'}
    np.savez(played, **{name: [getattr(note, field) for note in sequence.notes] for name, field in fields.items()})


def measure(piece: Piece, thresholds: Thresholds) -> tuple[float, float, float]:
    """Precision, recall and F1 of onsets."""
    notes = note_creation.create(piece.heard, thresholds)
    if not len(notes.key):
        return 0.0, 0.0, 0.0
    found = np.stack([posteriorgrams.seconds(notes.begin), posteriorgrams.seconds(notes.end)], axis=1)
    pitches = mir_eval.util.midi_to_hz(notes.key + posteriorgrams.LOWEST)
    measures = mir_eval.transcription.precision_recall_f1_overlap
    return measures(piece.intervals, piece.pitches, found, pitches, offset_ratio=None)[:3]


def choose(pieces: list[Piece]) -> Thresholds:
    """Those of the grid with the highest F1, in the mean of the corpora."""
    corpora = [[piece for piece in pieces if piece.corpus == corpus] for corpus in CORPORA]
    scores = {
        each: float(np.mean([np.mean([measure(piece, each)[2] for piece in found]) for found in corpora if found]))
        for each in GRID
    }
    best = sorted(scores, key=scores.__getitem__, reverse=True)
    for each in [*best[:5], Thresholds(), BASIC_PITCH]:
        print(f'{scores.get(each, float("nan")):.4f} on the files chosen by: {each}')
    return best[0]


def interval(scores: np.ndarray) -> tuple[float, float]:
    """95 % of the mean, by the bootstrap."""
    draws = np.random.default_rng(0).choice(scores, (10_000, len(scores))).mean(axis=1)
    return float(np.quantile(draws, 0.025)), float(np.quantile(draws, 0.975))


def by_density(pieces: list[Piece]) -> Iterator[tuple[str, list[Piece]]]:
    """Pieces by how many keys are struck at a time, in the mean."""
    bounds = (1, 1.2, 1.8, 2.6, 20)
    for low, high in itertools.pairwise(bounds):
        found = [piece for piece in pieces if low <= together(piece) < high]
        if found:
            yield f'{low:g} to {high:g}' if high < bounds[-1] else f'more than {low:g}', found


def together(piece: Piece) -> float:
    """How many keys are struck at a time."""
    return len(piece.intervals) / len(np.unique((piece.intervals[:, 0] / SAME).round()))


if __name__ == '__main__':
    main()
