"""How well two bars that a model makes anew fit between those around them, by the number of candidates.

    python tests/benchmarks/infilled.py --bundle_file=demo/drums.mag --music=demo/midi

Of each piece the first eight bars are taken, and the fourth and fifth made anew; the table tells the model's
log-likelihood of the eight bars.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from note_seq import midi_io, sequences_lib

from solferino.models import load

_CANDIDATES = (1, 4, 16, 64)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--bundle_file', required=True)
    parser.add_argument('--music', required=True, help='A folder of MIDI files.')
    parser.add_argument('--pieces', type=int, default=12)
    parser.add_argument('--num_outputs', type=int, default=8)
    asked = parser.parse_args()
    model = load(asked.bundle_file)
    paths = sorted(Path(asked.music).rglob('*.mid'))
    chosen = np.random.default_rng(0).permutation(len(paths))
    music = []
    for k in chosen:
        sequence = midi_io.midi_file_to_note_sequence(str(paths[k]))
        bar = 240 / sequence.tempos[0].qpm  # of 4/4
        if sequence.total_time >= 8 * bar and len({tempo.qpm for tempo in sequence.tempos}) == 1:
            music.append((bar, sequences_lib.extract_subsequence(sequence, 0, 8 * bar)))
        if len(music) == asked.pieces:
            break
    real = np.array([model.log_likelihood(piece) for _, piece in music])
    print(f'{len(music)} pieces, as they are: {real.mean():.1f} nats')
    first = None
    for candidates in _CANDIDATES:
        began, told = time.monotonic(), []
        for bar, piece in music:
            made = model.infill(
                piece, 3 * bar, 5 * bar, num_outputs=asked.num_outputs, candidates=candidates, seed=1, temperature=1.0
            )
            told.append(np.mean([model.log_likelihood(one) for one in made]))
        seconds = (time.monotonic() - began) / len(music) / asked.num_outputs
        found = np.array(told)
        first = found if first is None else first
        error = (found - first).std(ddof=1) / len(music) ** 0.5
        print(
            f'{candidates:3} candidates: {found.mean():.1f} nats, {(found - first).mean():+.1f} (standard error '
            f'{error:.1f}), {seconds:.2f} s each'
        )


if __name__ == '__main__':
    main()
