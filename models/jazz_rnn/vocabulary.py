"""From tokens to event classes and back: class 0 is that a solo begins, the others are the tokens that are known."""

import functools
from collections.abc import Mapping, Sequence

import numpy as np

from solferino.hparams.jazz_rnn import Grammar
from solferino.models.music.jazz import tokens as token_tools
from solferino.models.music.jazz.tokens import Token

BEGINNING = 0
_OF_ROLE, _OF_TIME = 1000, 10  # what another role counts in a distance, and a step more or less; a semitone counts 1
_UNBOUND = (-6, 6)  # what a token without bounds is compared by


def build(counts: Mapping[str, int], size: int) -> tuple[str, ...]:
    """Returns the `size` most frequent tokens, most frequent first; of equals the first in the alphabet."""
    return tuple(sorted(counts, key=lambda text: (-counts[text], text))[:size])


def coverage(known: Sequence[str], counts: Mapping[str, int]) -> float:
    """The share of the tokens counted, in percent, that are known."""
    return 100 * sum(counts[text] for text in known if text in counts) / sum(counts.values())


@functools.lru_cache(maxsize=8)
def of(grammar: Grammar) -> 'Vocabulary':
    """The vocabulary of a grammar, made once. Raises ValueError if it is damaged."""
    return Vocabulary(grammar)


class Vocabulary:
    """Finds tokens among those known; one that is not is taken for the nearest that is: its role counts most.

    Attributes:
      tokens: by class less 1.
    """

    def __init__(self, grammar: Grammar) -> None:
        self.tokens = [token_tools.parse(text) for text in grammar.tokens]
        self._classes = {token: number for number, token in enumerate(self.tokens, start=1)}

    def __len__(self) -> int:
        """Classes: the tokens, and the beginning."""
        return 1 + len(self.tokens)

    @property
    def shortest(self) -> int:
        """Steps that the shortest token takes."""
        return min(token.duration for token in self.tokens)

    def classes(self, tokens: Sequence[Token]) -> np.ndarray:
        """Returns the class int32 [tokens] of each. Raises ValueError if no token is known."""
        if not self.tokens:
            raise ValueError('its vocabulary is empty')
        for token in tokens:
            if token not in self._classes:
                nearest = min(range(len(self.tokens)), key=lambda k: _distance(token, self.tokens[k]))
                self._classes[token] = 1 + nearest  # the most frequent of equals
        return np.array([self._classes[token] for token in tokens], np.int32)

    def tokens_of(self, classes: np.ndarray) -> list[Token]:
        """The tokens of classes; a beginning amid a solo, which no model has seen there, is the most frequent token."""
        return [self.tokens[max(number - 1, 0)] for number in classes.tolist()]


def _distance(one: Token, other: Token) -> int:
    bounds = zip(one.bounds or _UNBOUND, other.bounds or _UNBOUND, strict=True)
    return (
        _OF_ROLE * (one.role != other.role)
        + _OF_TIME * abs(one.duration - other.duration)
        + sum(abs(a - b) for a, b in bounds)
    )
