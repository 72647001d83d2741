"""Generation: note-state matrices, sampled by Gibbs chains.

A window is sampled as a whole. Longer music is made of windows that overlap by half: the first half of a window is held
to the second half of the one before.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from solferino.hparams.errors import SolferinoError
from solferino.hparams.rbm import RbmGeneration
from solferino.models.rbm.chains import gibbs
from solferino.models.rbm.chains.gibbs import Machine
from solferino.models.rbm.note_states import NoteStates

STEPS = 128  # length of the music if no other is given: 16 seconds


@dataclasses.dataclass(frozen=True)
class Given:
    """Music to begin with or to keep.

    Attributes:
      matrix: bool [steps, width].
      qpm: its tempo, if it has one.
      metre: its time signature (numerator, denominator), if it has one.
      struck: bool [steps, pitches], where its notes begin, which a matrix without articulation cannot tell.
    """

    matrix: np.ndarray
    qpm: float | None = None
    metre: tuple[int, int] | None = None
    struck: np.ndarray | None = None


def generate(
    machine: Machine,
    layout: NoteStates,
    window: int,
    primers: Sequence[Given | None],
    clamped: Given | None,
    options: RbmGeneration,
) -> np.ndarray:
    """Returns a matrix for each primer, bool [primers, steps, width].

    Args:
      machine: of windows.
      layout: of a step.
      window: steps of a window.
      primers: what each chain begins with; `options.start` decides for None.
      clamped: what is kept, as `options.clamp` says.
      options: the others.

    Raises:
      SolferinoError: music that is given is longer than `options.num_steps`, or contradicts another option.
    """
    if options.exclude_primer:
        raise SolferinoError(
            '--exclude_primer: the Gibbs chain of this model begins with the primer but does not keep it, so that '
            'there is nothing to leave out. --clamp_midi keeps given notes.'
        )
    if options.start != 'zeros' and any(primers):
        raise SolferinoError(f'--start={options.start} and a primer both say what the chain begins with. Give one.')
    steps = num_steps(window if clamped else max(window, STEPS), primers, clamped, options)
    overlap = window // 2
    num_windows = 1 + max(0, -(-(steps - window) // (window - overlap)))
    length = window + (num_windows - 1) * (window - overlap)
    state = beginning(len(primers), length, layout.width, options)
    for k, primer in enumerate(primers):
        if primer:
            state[k, : len(primer.matrix)] = primer.matrix
    held = hold(state, clamped, layout, options.clamp)

    def fill(state: np.ndarray, held: np.ndarray, number: int) -> np.ndarray:
        """Samples windows [chains, window, width], all at once."""
        return gibbs.sample(
            machine,
            state.reshape(len(state), -1),
            options.gibbs_steps,
            held=held.reshape(-1, window * layout.width),
            temperature=options.temperature,
            mean_field=options.last_step == 'mean_field',
            seed=(options.seed, number),
        ).reshape(state.shape)

    if not overlap:  # no window depends on another: they are one batch
        chains = state.reshape(-1, window, layout.width)
        state = fill(chains, np.tile(held, (len(primers), 1)), 0).reshape(state.shape)
    else:
        for number in range(num_windows):
            here = slice(number * (window - overlap), number * (window - overlap) + window)
            state[:, here] = fill(state[:, here], held[here], number)
            held[: here.stop] = True
    return state[:, :steps]


def beginning(chains: int, steps: int, width: int, options: RbmGeneration) -> np.ndarray:
    """The initial state of chains without a primer, bool [chains, steps, width]."""
    if options.start == 'zeros':
        return np.zeros((chains, steps, width), bool)
    return np.stack([np.random.default_rng([options.seed, k]).random((steps, width)) < 0.5 for k in range(chains)])


def hold(state: np.ndarray, clamped: Given | None, layout: NoteStates, clamp: str) -> np.ndarray:
    """Writes the cells to keep of given music into `state` [chains, steps, width]; returns which, [steps, width]."""
    held = np.zeros(state.shape[1:], bool)
    if clamped:
        matrix = np.zeros_like(held)
        matrix[: len(clamped.matrix)] = clamped.matrix
        held = _held(matrix, layout, clamp)
        state[:, held] = matrix[held]
    return held


def num_steps(least: int, primers: Sequence[Given | None], clamped: Given | None, options: RbmGeneration) -> int:
    """The length of the outputs: `options.num_steps`, or if 0 the longest given music and at least `least`."""
    wanted = options.num_steps
    named = [('The primer', primer) for primer in primers] + [('--clamp_midi', clamped)]
    longest = 0
    for name, given in named:
        taken = len(given.matrix) if given else 0
        if wanted and taken > wanted:
            raise SolferinoError(
                f'{name} takes {taken} steps, more than {options.length}. Give shorter music or leave the length out.'
            )
        longest = max(longest, taken)
    return wanted or max(least, longest)


def _held(matrix: np.ndarray, layout: NoteStates, clamp: str) -> np.ndarray:
    """Which cells [steps, width] of given music, and of the silence beside its notes, are kept."""
    roll = layout.roll(matrix)
    sounding = roll.sounding
    # A key that sounds right before a note that is not struck, or right after any note, would make it longer. One that
    # is struck again would not, but "sounds only if struck" cannot be held: cells are held one by one.
    beside = np.zeros_like(sounding)
    beside[:-1] = sounding[1:] & ~roll.struck[1:]
    beside[1:] |= sounding[:-1]
    # A given note sounds as long as before, and is struck at its beginning only.
    kept = sounding.any(axis=1, keepdims=True) if clamp == 'steps' else sounding
    return np.tile(kept | beside, (1, layout.planes))
