"""How loud the notes of training music are, as a config stores it; `models.music.pieces.dynamics` uses it."""

import dataclasses
import re

LEARNED, FLAT = 'learned', 'flat'  # values of --velocity
SHARES = (5, 20, 35, 50, 65, 80, 95)  # percent of the notes that are softer, for each velocity of a curve
_CURVE = re.compile(rf'([\w/]+(?: \d+){{1,2}}):((?: \d{{1,3}}){{{len(SHARES)}}})')
_LOUDEST = 127


@dataclasses.dataclass(frozen=True)
class Dynamics:
    """Velocities by kind of note and place in the bar; nothing where the music is all alike.

    Attributes:
      curves: each a place and the velocities there, at each of SHARES, as '4/4 1 3: 20 31 40 45 52 60 75': in bars of
        4/4 the notes of kind 1 in the fourth step of the bar, four steps to a quarter; 'level 1 2: ...': those of kind
        1 in any metre at places of level 2, see `models.music.pieces.dynamics`; 'all 1: ...': all of kind 1.
    """

    curves: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for curve in self.curves:
            if not _CURVE.fullmatch(curve) or any(not 0 < v <= _LOUDEST for v in map(int, curve.split(':')[1].split())):
                raise ValueError(f'dynamics: {curve[:60]!r} is no place with {len(SHARES)} velocities from 1 to 127.')
