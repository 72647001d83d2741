"""Does a model of piano_rnn stay as dense as the music, once it is on its own?

    .venv/bin/python tests/benchmarks/continued.py --model=run --examples=data/eval_frames.tfrecord

It goes on from the frames before held-out examples, at most 96 of them. How many keys sound at once and how many notes
a second there are, from so many frames after the last that was given, stands beside the same of the held-out music.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from solferino.hparams.piano_rnn import PianoGeneration
from solferino.models import load
from solferino.models.core.storage import records, sequence_examples
from solferino.models.piano_rnn import frames as frame_tools
from solferino.models.piano_rnn.attention import gru_attention
from solferino.models.piano_rnn.nade import gru_nade

_GIVEN, _MOST = 40, 96  # frames to go on from; outputs
_NETWORKS = {'gru_attention': gru_attention, 'gru_nade': gru_nade}
_AFTER = ((1, 8), (15, 45), (60, 100), (100, 121))


def main() -> None:
    """Reads, goes on, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--model', type=Path, required=True, help='run directory or bundle')
    parser.add_argument('--examples', type=Path, required=True, help='held-out frames of a dataset like its own')
    parser.add_argument('--temperature', type=float, default=1.0)
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args()
    model = load(str(args.model))
    articulation = model.config.extraction.articulation
    given, music = [], []
    for data in records.read(str(args.examples)):
        example = sequence_examples.parse(data)
        frames, context = frame_tools.of_example(example, articulation)
        music.append(frames[context:])
        if context >= _GIVEN:
            given.append(frames[context - _GIVEN : context])
    chosen = np.unique(np.linspace(0, len(given) - 1, _MOST).astype(int))
    length = _GIVEN + max(end for _, end in _AFTER)
    options = PianoGeneration(num_steps=length, temperature=args.temperature, seed=args.seed)
    made = _NETWORKS[model.config.name].sample(model.weights, model.config, [given[k] for k in chosen], length, options)
    rate = model.config.extraction.frames_per_second
    _tell('the music', [np.concatenate(music)], rate)
    for start, end in _AFTER:
        _tell(f'{start} to {end} frames after', made[:, _GIVEN + start - 1 : _GIVEN + end], rate)


def _tell(what: str, pieces: Sequence[np.ndarray], rate: float) -> None:
    """Prints the means of pieces, bool [steps, W], whose first frames are only seen; of keys the error, too."""
    keys, struck = [], []
    for frames in pieces:
        roll = frame_tools.to_roll(frames)
        on = frame_tools.sounds_on(roll.sounding)
        keys.append(roll.sounding[1:].sum(axis=1).mean())
        struck.append((roll.sounding & (~on | roll.struck))[1:].sum(axis=1).mean() * rate)
    error = f' +- {np.std(keys) / len(keys) ** 0.5:.2f}' if len(keys) > 1 else ''
    print(f'{what}: {np.mean(keys):.2f}{error} keys at once, {np.mean(struck):.2f} notes a second')


if __name__ == '__main__':
    main()
