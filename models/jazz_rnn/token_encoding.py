"""What the network sees of a token: its class, its role, duration and bounds by themselves, and where in a bar it ends.

Tokens that are rare share what is learned of their parts with those that are frequent. Where the music has labels, the
label of the piece is seen beside each token; with the hyperparameter chord_input, the chord under the next token, too.
"""

import dataclasses
import functools
from typing import NamedTuple

import numpy as np

from solferino.models.music.encodings.event_encodings import Encoding, Inputs, State
from solferino.models.music.jazz.chords import OCTAVE, QUALITIES, Changes, parse_bars
from solferino.models.music.jazz.tokens import BOUNDS, LONGEST, ROLES, Token

BAR = 48  # steps; whatever the metre
_SIZES = (len(ROLES) + 1, LONGEST + 1, len(BOUNDS) + 1, BAR)
_MEANINGS = (
    f'a one at the role, of {" ".join(ROLES)}; the last is that a solo begins',
    'a one at the duration in steps, twelfths of a quarter; 0 where a solo begins',
    'a one at the bounds of the interval, lowest first; the last is that there are none',
    'a one at the steps since the last multiple of four quarters, after this token',
)
# Of the chord under the next token.
_SEEN = {'none': 0, 'length': 1, 'all': 3}  # the last so many of these parts
_CHORD_SIZES = (len(QUALITIES), OCTAVE, BAR)
_CHORD_MEANINGS = (
    f'a one at the quality of the chord under the next token, of {", ".join(f"C{name}" for name in QUALITIES)}',
    'a one at the semitones upwards from the root of the chord under this token to that of the next one',
    'a one at the steps from the next token to the end of its chord, less 1; at most 48 steps',
)
_A_CHORD = parse_bars('C', BAR)


class Under(NamedTuple):
    """Chords by their steps, again and again.

    Attributes:
      edges: int [chords + 1], where they begin, and where the last one ends.
      qualities, roots: int [chords], places in QUALITIES and pitch classes.
    """

    edges: np.ndarray
    qualities: np.ndarray
    roots: np.ndarray

    def see(self, steps: np.ndarray, durations: np.ndarray) -> np.ndarray:
        """What is seen of the chords at `steps`, after tokens of `durations`: int [..., 3]; see _CHORD_MEANINGS."""
        before, here = (
            self.edges.searchsorted(s % self.edges[-1], side='right') - 1 for s in (steps - durations, steps)
        )
        left = np.minimum(self.edges[here + 1] - steps % self.edges[-1], BAR)
        return np.stack([self.qualities[here], (self.roots[here] - self.roots[before]) % OCTAVE, left - 1], axis=-1)


@dataclasses.dataclass(frozen=True)
class Placed(State):
    """See State.

    Attributes:
      place: int32 [batch], steps since the beginning, of which the bars matter alone.
      condition: int32 [batch], the number of each piece's label; it stays.
      step: int32 [batch], steps since the beginning of the chords.
      under: the chords, the same for all.
    """

    place: np.ndarray
    condition: np.ndarray
    step: np.ndarray
    under: Under


@dataclasses.dataclass(frozen=True)
class TokenEncoding(Encoding):
    """See Encoding.

    Attributes:
      tokens: by class less 1; class 0 is that a solo begins.
      conditions: the labels that music can have; none where they are not seen.
      condition: the number of the one that it has if `start` is not told.
      chord_input: what is seen of the chord under the next token, one of CHORD_INPUTS.
      changes: the chords if `start` is not told.
    """

    tokens: tuple[Token, ...] = ()
    conditions: tuple[str, ...] = ()
    condition: int = 0
    chord_input: str = 'none'
    changes: Changes = _A_CHORD

    @property
    def sparse_size(self) -> int:
        """See Encoding."""
        return sum(size for size, _ in self.parts())

    @property
    def slots(self) -> int:
        """See Encoding."""
        return len(self.parts())

    @property
    def dense_size(self) -> int:
        """See Encoding."""
        return 0

    def parts(self) -> list[tuple[int, str]]:
        """See Encoding."""
        found = [(self.num_events, 'a one at the class of the token'), *zip(_SIZES, _MEANINGS, strict=True)]
        if self.conditions:
            found.append((len(self.conditions), f'a one at the label of the music, of {", ".join(self.conditions)}'))
        return found + list(zip(_CHORD_SIZES, _CHORD_MEANINGS, strict=True))[len(_CHORD_SIZES) - self._chord_slots :]

    def start(self, batch: int, place: int = 0, condition: int | None = None, changes: Changes | None = None) -> Placed:
        """See Encoding.

        Args:
          batch: pieces.
          place: where in a bar the first token begins.
          condition: the number of their label.
          changes: their chords, from the first token on.
        """
        label = np.full(batch, self.condition if condition is None else condition, np.int32)
        past, step = np.zeros((batch, 0), np.int32), np.zeros(batch, np.int32)
        return Placed(0, past, np.full(batch, place, np.int32), label, step, _under(changes or self.changes))

    def advance(self, state: Placed, events: np.ndarray) -> tuple[Inputs, Placed]:
        """See Encoding."""
        parts = self._table[events]  # [batch, steps, 3]
        after = parts[:, :, 1].cumsum(axis=1)
        places, steps = state.place[:, None] + after, state.step[:, None] + after
        seen = [events[..., None], parts, places[..., None] % BAR]
        if self.conditions:
            seen.append(np.broadcast_to(state.condition[:, None, None], (*events.shape, 1)))
        if self._chord_slots:
            seen.append(state.under.see(steps, parts[:, :, 1])[..., -self._chord_slots :])
        ones = np.concatenate(seen, axis=2) + self._offsets
        moved = dataclasses.replace(
            state,
            position=state.position + events.shape[1],
            place=places[:, -1].astype(np.int32),
            step=steps[:, -1].astype(np.int32),
        )
        return Inputs(ones.astype(np.int32), np.zeros((*events.shape, 0), np.float32)), moved

    @property
    def _chord_slots(self) -> int:
        return _SEEN[self.chord_input]

    @functools.cached_property
    def _offsets(self) -> np.ndarray:
        """Where each part begins: int [slots]."""
        return np.cumsum([0, *(size for size, _ in self.parts()[:-1])])

    @functools.cached_property
    def _table(self) -> np.ndarray:
        """Role, duration and bounds of each class: int [classes, 3]."""
        return np.array(
            [(len(ROLES), 0, len(BOUNDS))]
            + [
                (ROLES.index(token.role), token.duration, BOUNDS.index(token.bounds) if token.bounds else len(BOUNDS))
                for token in self.tokens
            ]
        )

    def _first_event(self, vector: np.ndarray) -> int:
        return int(vector[: self.num_events].argmax())


@functools.lru_cache(maxsize=8)
def _under(changes: Changes) -> Under:
    edges = np.array([*changes.steps, changes.length])
    qualities, roots = zip(*((_QUALITIES.index(chord.quality), chord.root) for chord in changes.chords), strict=True)
    return Under(edges, np.array(qualities), np.array(roots))


_QUALITIES = tuple(QUALITIES)
