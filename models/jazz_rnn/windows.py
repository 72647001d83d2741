"""What an example of jazz_rnn holds: a window of the tokens of a solo, and the chords under it.

- roles, durations, bounds int [tokens]: places in ROLES, steps, and places in BOUNDS, -1 for none
- begins int [1]: 1 where the solo begins with the window
- place int [1]: steps from the bar line at which the solo begins to the window
- chords int [changes, 2]: for how many steps each chord sounds, the last one to its end, and its code;
  a chord of a bar is two of half a bar
- progression int [changes, 2]: likewise all chords of the piece, in its first window; else none
- metre int [1, 2]: numerator and denominator of the piece's metre where it has its progression, else none; examples of
  earlier versions do not tell it
- label int [bytes]: the label of the piece in UTF-8; only where pieces have labels
"""

import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from solferino.hparams.jazz_rnn import label_named
from solferino.models.core.family import Example
from solferino.models.music.jazz import chords as chord_tools
from solferino.models.music.jazz.chords import Changes
from solferino.models.music.jazz.tokens import BOUNDS, LONGEST, ROLES, Token
from solferino.models.music.pieces.piece import Piece

_MOST_STEPS = 64 * 4 * 12  # of a progression that is kept: 64 bars
_BAR = 4 * 12  # steps
FOUR_FOUR = (4, 4)
_NO_FOLDER = 'none'  # the label of music of which it is not known in which folder it was


class Window(NamedTuple):
    """An example; see above."""

    tokens: list[Token]
    begins: bool
    place: int
    changes: Changes
    progression: Changes | None
    metre: tuple[int, int]
    label: str | None


def label_of(piece: Piece) -> str:
    """Returns the name of the folder that a piece was in: of its file's, or of the one that was converted."""
    return label_named(pathlib.PurePath(piece.filename).parent.name or piece.collection_name) or _NO_FOLDER


def cut(
    tokens: Sequence[Token],
    changes: Changes,
    start: int,
    size: int,
    first: bool,
    label: str | None = None,
    metre: tuple[int, int] = FOUR_FOUR,
) -> Iterator[Example]:
    """Yields windows that predict up to `size` tokens each, every token once.

    Args:
      tokens: of a whole solo.
      changes: the chords of its piece.
      start: the step at which it begins.
      size: tokens.
      first: whether it is the first solo of its piece.
      label: of the piece, if it has one.
      metre: of the piece.
    """
    places = start + np.cumsum([0, *(token.duration for token in tokens)])
    halves = halved(changes)
    for begin in range(0, len(tokens), size):
        # The first window has the beginning of the solo before its tokens, the others a token that is given.
        here = tokens[max(0, begin - 1) : begin + size]
        # Where the window ends nothing must tell, or it told how long its last token is, which is to be predicted.
        end = halves.end(int(places[min(begin + size, len(tokens))]) - 1)
        under = halves.cut(int(places[max(0, begin - 1)]), end)
        yield {
            'roles': np.array([ROLES.index(token.role) for token in here], np.int32),
            'durations': np.array([token.duration for token in here], np.int32),
            'bounds': np.array([BOUNDS.index(token.bounds) if token.bounds else -1 for token in here], np.int32),
            'begins': np.array([begin == 0], np.int32),
            'place': np.array([places[max(0, begin - 1)] - start], np.int32),
            'chords': _stored(under),
            'progression': _stored(changes.cut(0, min(changes.length, _MOST_STEPS)) if first and not begin else None),
            'metre': np.array([metre] if first and not begin else [], np.int32).reshape(-1, 2),
            **({} if label is None else {'label': np.array([*label.encode()], np.int32)}),
        }


def halved(changes: Changes) -> Changes:
    """Chords as examples have them, and as the network sees them: those of 48 steps or more in halves."""
    return changes.halved(_BAR)


def read(example: Example) -> Window:
    """Returns what `cut` has stored. Raises ValueError if it is none of it."""
    try:
        roles, durations, bounds = (example[name].tolist() for name in ('roles', 'durations', 'bounds'))
        tokens = [
            Token(ROLES[role], duration, None if bound < 0 else BOUNDS[bound])
            for role, duration, bound in zip(roles, durations, bounds, strict=True)
        ]
        if min(roles) < 0 or min(durations) < 1 or max(durations) > LONGEST:
            raise ValueError
        changes, progression = (_restored(example[name]) for name in ('chords', 'progression'))
        if changes is None:
            raise ValueError
        label = bytes(example['label'].tolist()).decode() if 'label' in example else None
        ((numerator, denominator),) = example['metre'].tolist() if progression and 'metre' in example else [FOUR_FOUR]
        begins, place = bool(example['begins'][0]), int(example['place'][0])
        return Window(tokens, begins, place, changes, progression, (numerator, denominator), label)
    except (KeyError, IndexError, ValueError):
        raise ValueError('it does not hold a window of a solo') from None


def texts(changes: Changes) -> tuple[str, ...]:
    """Chords as a config keeps them: 'Dm7*24' lasts 24 steps."""
    return tuple(f'{chord.name}*{stop - start}' for start, stop, chord in changes.between(0, changes.length))


def of_texts(given: Sequence[str]) -> Changes:
    """What `texts` was made of. Raises ValueError if it is damaged."""
    pairs = [text.split('*') for text in given]
    return chord_tools.progression([(max(1, int(steps)), chord_tools.parse(name)) for name, steps in pairs])


def counts(window: Window) -> Mapping[str, int]:
    """How often each token is to be predicted in a window."""
    found: dict[str, int] = {}
    for token in window.tokens[not window.begins :]:
        found[token.text] = found.get(token.text, 0) + 1
    return found


def _stored(changes: Changes | None) -> np.ndarray:
    if changes is None:
        return np.zeros((0, 2), np.int32)
    return np.array([(stop - start, chord.code) for start, stop, chord in changes.between(0, changes.length)], np.int32)


def _restored(array: np.ndarray) -> Changes | None:
    """Raises ValueError."""
    if array.ndim != 2 or array.shape[1] != 2 or (array[:, 0] < 1).any():
        raise ValueError
    if not len(array):
        return None
    return chord_tools.progression([(steps, chord_tools.of_code(code)) for steps, code in array.tolist()])
