"""Sampling from gru_nade: many outputs at a time, frame by frame, and sounding key by sounding key."""

from collections.abc import Sequence

import numpy as np

from solferino.models.core.cpu.thread_pool import one_thread
from solferino.models.core.events.event_sampling import draw
from solferino.models.piano_rnn.nade import key_network
from solferino.models.piano_rnn.nade.key_network import Extent
from solferino.models.piano_rnn.nade.nade import Nade


def sample(
    nade: Nade,
    primers: Sequence[np.ndarray],
    length: int,
    temperature: float,
    top_k: int,
    seed: int,
) -> np.ndarray:
    """Continues primers, bool [steps, W], to `length` frames; returns bool [primers, length, W].

    A frame is drawn as the lowest key that sounds, then the next one above it, and so on, until no other key sounds;
    where the model tells it, right after each that sounds on whether it is struck again. `temperature` and `top_k`
    apply to these choices. The random numbers of output k depend on the seed and k alone.
    """
    with one_thread():
        return _Sampler(nade, primers, length, seed).run(temperature, top_k)


class _Sampler:
    """Samples some outputs together, frame by frame."""

    def __init__(self, nade: Nade, primers: Sequence[np.ndarray], length: int, seed: int) -> None:
        self._nade = nade
        batch, keys, steps = len(primers), nade.keys, nade.memory + 1
        self._starts = np.array([len(primer) for primer in primers])
        self.frames = np.zeros((batch, length, nade.width), bool)
        for k, primer in enumerate(primers):
            self.frames[k, : len(primer)] = primer
        self._rngs = [np.random.default_rng([seed, k]) for k in range(batch)]
        self._past = key_network.pasts(batch, keys)
        # The frames that keys see; the last one is being drawn.
        self._seen = key_network.unobserved(batch, steps, keys, keys)

    def run(self, temperature: float, top_k: int) -> np.ndarray:
        """See `sample`."""
        batch, length, _ = self.frames.shape
        state = self._nade.initial_state(batch)
        for t in range(length):
            h, state = self._nade.advance(self.frames[:, t - 1] if t else None, state)
            for part in (self._seen.notes, self._seen.again, self._seen.counts):
                part[:, :-1] = part[:, 1:]
            # The past that keys see does not depend on frame t, which is still empty here.
            past = [key_network.Past(*(part.copy() for part in past)) for past in self._past]
            key_network.observe_next(self.frames[:, t], past, self._seen)
            rows = np.flatnonzero(t >= self._starts)
            if len(rows):
                self._draw(t, rows, h[rows], temperature, top_k)
            key_network.observe_next(self.frames[:, t], self._past, self._seen)
        return self.frames

    def _draw(self, t: int, rows: np.ndarray, h: np.ndarray, temperature: float, top_k: int) -> None:
        """Draws frame t of the outputs `rows`."""
        nade = self._nade
        preactivations, base = nade.start(h, rows)
        # At most one choice for each key, and one that there is no other; then one for each that sounds on.
        uniform = np.stack([self._rngs[k].random(nade.width + 1) for k in rows])
        position = np.zeros(len(rows), np.int64)  # keys below are decided
        number = 0
        while True:
            logits = base + self._given_below(rows, preactivations, number)
            choice = _next_key(logits[:, : nade.keys], position, uniform[:, number], temperature, top_k)
            going = choice < nade.keys
            if not going.any():
                return
            rows, preactivations, base, uniform, choice, logits = (
                x[going] for x in (rows, preactivations, base, uniform, choice, logits)
            )
            self.frames[rows, t, choice] = True
            again = np.zeros(len(rows), bool)
            if nade.width > nade.keys and t:
                of_key = logits[np.arange(len(rows)), nade.keys + choice]
                struck = _is_struck(of_key, uniform[:, nade.keys + 1 + number], temperature, top_k)
                again = struck & self.frames[rows, t - 1, choice]
                self.frames[rows, t, nade.keys + choice] = again
            self._seen.notes[rows, -1, number] = choice
            self._seen.again[rows, -1, number] = again
            self._seen.counts[rows, -1] = number + 1
            preactivations = preactivations + nade.below(choice, again)
            position = choice + 1
            number += 1

    def _given_below(self, rows: np.ndarray, preactivations: np.ndarray, number: int) -> np.ndarray:
        """The part of the logits that depends on the `number` keys drawn so far, [rows, W]; valid for higher keys."""
        from_hidden, given = self._nade.of_hidden(preactivations, rows)
        steps = self._seen.counts.shape[1]
        room = np.zeros((len(rows), steps, number + 1, self._nade.channels), np.float32)
        room[:, -1, number] = given
        last = Extent(np.full(len(rows), steps - 1, np.int32), np.full(len(rows), steps, np.int32))
        return from_hidden + self._nade.shared(self._seen.take(rows), last, room)[:, -1]


def _next_key(
    logits: np.ndarray, position: np.ndarray, uniform: np.ndarray, temperature: float, top_k: int
) -> np.ndarray:
    """Draws the lowest sounding key from `position` on; K if none sounds. All [rows], logits [rows, K]."""
    keys = logits.shape[1]
    logits = logits.astype(np.float64)
    silent = np.where(np.arange(keys) < position[:, None], 0, -np.logaddexp(0, logits))
    before = np.pad(silent.cumsum(axis=1), [(0, 0), (1, 0)])  # log-probability of silence below each key
    scores = before.copy()
    scores[:, :keys] += np.where(np.arange(keys) < position[:, None], -np.inf, -np.logaddexp(0, -logits))
    labels, _ = draw(scores, uniform, temperature, top_k)
    return labels


def _is_struck(logits: np.ndarray, uniform: np.ndarray, temperature: float, top_k: int) -> np.ndarray:
    """Draws which of some keys that sound on are struck again, bool [rows], from logits [rows]."""
    scores = np.stack([np.zeros_like(logits), logits], axis=1).astype(np.float64)
    labels, _ = draw(scores, uniform, temperature, top_k)
    return labels > 0
