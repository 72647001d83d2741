"""What the network sees of a token: its class, its role, duration and bounds by themselves, and where in a bar it ends.

Tokens that are rare share what is learned of their parts with those that are frequent. Where the music has labels, the
label of the piece is seen beside each token.
"""

import dataclasses
import functools

import numpy as np

from solferino.models.music.encodings.event_encodings import Encoding, Inputs, State
from solferino.models.music.jazz.tokens import BOUNDS, LONGEST, ROLES, Token

BAR = 48  # steps; whatever the metre
_SIZES = (len(ROLES) + 1, LONGEST + 1, len(BOUNDS) + 1, BAR)
_MEANINGS = (
    f'a one at the role, of {" ".join(ROLES)}; the last is that a solo begins',
    'a one at the duration in steps, twelfths of a quarter; 0 where a solo begins',
    'a one at the bounds of the interval, lowest first; the last is that there are none',
    'a one at the steps since the last multiple of four quarters, after this token',
)


@dataclasses.dataclass(frozen=True)
class Placed(State):
    """See State.

    Attributes:
      place: int32 [batch], steps since the beginning, of which the bars matter alone.
      condition: int32 [batch], the number of each piece's label; it stays.
    """

    place: np.ndarray
    condition: np.ndarray


@dataclasses.dataclass(frozen=True)
class TokenEncoding(Encoding):
    """See Encoding.

    Attributes:
      tokens: by class less 1; class 0 is that a solo begins.
      conditions: the labels that music can have; none where they are not seen.
      condition: the number of the one that it has.
    """

    tokens: tuple[Token, ...] = ()
    conditions: tuple[str, ...] = ()
    condition: int = 0

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
        return found

    def start(self, batch: int, place: int = 0) -> Placed:
        """See Encoding; `place` is where in a bar the first token begins."""
        past, condition = np.zeros((batch, 0), np.int32), np.full(batch, self.condition, np.int32)
        return Placed(0, past, np.full(batch, place, np.int32), condition)

    def advance(self, state: Placed, events: np.ndarray) -> tuple[Inputs, Placed]:
        """See Encoding."""
        parts = self._table[events]  # [batch, steps, 3]
        places = state.place[:, None] + parts[:, :, 1].cumsum(axis=1)
        seen = [events[..., None], parts, places[..., None] % BAR]
        if self.conditions:
            seen.append(np.broadcast_to(state.condition[:, None, None], (*events.shape, 1)))
        ones = np.concatenate(seen, axis=2) + self._offsets
        after = Placed(state.position + events.shape[1], state.past, places[:, -1].astype(np.int32), state.condition)
        return Inputs(ones.astype(np.int32), np.zeros((*events.shape, 0), np.float32)), after

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
