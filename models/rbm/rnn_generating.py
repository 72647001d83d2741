"""Generation with the RNN-RBM: frame by frame, by Gibbs chains of each frame's machine, given the frames before."""

from collections.abc import Sequence

import numpy as np

from solferino.hparams.errors import SolferinoError
from solferino.hparams.rbm import RbmGeneration
from solferino.models.core.cpu.thread_pool import one_thread
from solferino.models.rbm import generating
from solferino.models.rbm.chains import gibbs
from solferino.models.rbm.chains.gibbs import Machine
from solferino.models.rbm.generating import STEPS, Given
from solferino.models.rbm.note_states import NoteStates
from solferino.models.rbm.rnn_rbm_recurrence import Recurrence


def generate(
    recurrence: Recurrence,
    layout: NoteStates,
    primers: Sequence[Given | None],
    clamped: Given | None,
    options: RbmGeneration,
) -> np.ndarray:
    """Returns a matrix for each primer, bool [primers, steps, width], all sampled in one batch.

    A primer's frames stay, and the music goes on after them. The chain of a later frame begins as `options.start` says.
    Clamped notes are kept in all frames; they replace the primer where both are given.

    Raises:
      SolferinoError: music that is given is longer than `options.num_steps`, or primers leave nothing to generate.
    """
    known = np.array([len(primer.matrix) if primer else 0 for primer in primers])
    # A melody alone is harmonized as far as it goes.
    least = 1 if clamped and not known.any() else int(known.max()) + STEPS
    steps = generating.num_steps(least, primers, clamped, options)
    begin = generating.beginning(len(primers), steps, layout.width, options)
    if known.max() >= steps:
        raise SolferinoError(
            f'The primer takes all of the {steps} steps: nothing is left to generate. Give a shorter primer or '
            f'{options.enough(steps + STEPS)}, which counts its steps, or leave the length out.'
        )
    for k, primer in enumerate(primers):
        if primer:
            begin[k, : known[k]] = primer.matrix
    held = generating.hold(begin, clamped, layout, options.clamp)
    frames = np.zeros_like(begin)
    state = recurrence.initial_state(len(primers))
    with one_thread():
        for t in range(steps):
            frames[:, t] = begin[:, t]
            free = t >= known
            if free.any():
                sampled = gibbs.sample(
                    Machine(recurrence.weights, *recurrence.biases(state)),
                    begin[:, t],
                    options.gibbs_steps,
                    held=held[t],
                    temperature=options.temperature,
                    mean_field=options.last_step == 'mean_field',
                    seed=(options.seed, t),
                )
                frames[free, t] = sampled[free]
            state = recurrence.advance(frames[:, t], state)
    return frames
