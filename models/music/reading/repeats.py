"""In which order the bars of written music are played: repeats, endings, da capo, dal segno, coda and fine."""

import dataclasses

from solferino.models.music.reading.remarks import NOT_UNDERSTOOD, Refused

_MOST_BARS = 100_000  # that are played

# Where a jump leads.
TO_BEGINNING, TO_SEGNO = 'da capo', 'dal segno'


@dataclasses.dataclass
class Marks:
    """What stands at a bar's two bar lines and over it.

    Attributes:
      begins_repeat: at its left.
      times: how often what ends at its right is played, if a repeat ends there; else 0.
      endings: the times through at which it is played, if it stands under a bracket ("1.", "2.").
      is_segno, is_coda: at its left.
      to_coda, is_fine: at its right; they count after a jump.
      jump: '' or where to go from its right.
    """

    begins_repeat: bool = False
    times: int = 0
    endings: frozenset[int] = frozenset()
    is_segno: bool = False
    is_coda: bool = False
    to_coda: bool = False
    is_fine: bool = False
    jump: str = ''

    def merge(self, other: 'Marks') -> None:
        """Adds what stands at the same bar in another part."""
        self.begins_repeat |= other.begins_repeat
        self.times = max(self.times, other.times)
        self.endings |= other.endings
        self.is_segno |= other.is_segno
        self.is_coda |= other.is_coda
        self.to_coda |= other.to_coda
        self.is_fine |= other.is_fine
        self.jump = self.jump or other.jump


def order(marks: list[Marks]) -> list[tuple[int, int]]:
    """Returns the bars as they are played: number of the bar, from 0, and the times through its repeat, from 1.

    A repeat that begins nowhere begins after the one before, or with the piece. Brackets without a repeat sign between
    them are played as if there were one. After a jump nothing is repeated and the last ending is played, as is usual.
    Raises Refused if there is no end of it.
    """
    groups = _groups(marks)
    codas, segnos = _next_codas(marks), _last_segnos(marks)
    played: list[tuple[int, int]] = []
    i, begin, count, jumped = 0, 0, 1, False
    taken: set[int] = set()
    while i < len(marks):
        mark, group = marks[i], groups[i]
        if len(played) > _MOST_BARS:
            raise Refused(NOT_UNDERSTOOD, f'more than {_MOST_BARS:,} bars with all repeats')
        if mark.begins_repeat and i > begin:
            begin, count = i, 1
        if group and not group.plays(mark.endings, group.last_count if jumped else count):
            i += 1
            if i == group.end:
                begin, count = i, 1
            continue
        played.append((i, count))
        total = max(mark.times, group.total if group else 0)
        returns = mark.times or (group is not None and i + 1 < group.end and marks[i + 1].endings != mark.endings)
        if returns and count < total and not jumped:
            count += 1
            i = begin
            continue
        if (returns and not group) or (group and i + 1 == group.end):
            begin, count = i + 1, 1
        coda = codas[i]
        if jumped and mark.is_fine:
            break
        if jumped and mark.to_coda and coda is not None:
            i, jumped = coda, False
            begin, count = i, 1
        elif mark.jump and i not in taken:
            taken.add(i)
            i, jumped = segnos[i] if mark.jump == TO_SEGNO else 0, True
            begin, count = i, 1
        else:
            i += 1
    return played


def _next_codas(marks: list[Marks]) -> list[int | None]:
    """For each bar the next one after it that begins with a coda."""
    following: list[int | None] = []
    coda = None
    for i in reversed(range(len(marks))):
        following.append(coda)
        coda = i if marks[i].is_coda else coda
    return following[::-1]


def _last_segnos(marks: list[Marks]) -> list[int]:
    """For each bar the last one up to it that begins with a segno, or else the first of all, or the first bar."""
    segno = next((i for i, mark in enumerate(marks) if mark.is_segno), 0)
    last = []
    for i, mark in enumerate(marks):
        segno = i if mark.is_segno else segno
        last.append(segno)
    return last


@dataclasses.dataclass
class _Group:
    """Endings that follow each other: the numbers of each bar's, and the bar after the last."""

    endings: list[frozenset[int]]
    end: int

    @property
    def total(self) -> int:
        return max(max(ending) for ending in self.endings)

    @property
    def last_count(self) -> int:
        """The time through at which it is left for good: one more if there is a first ending only."""
        return self.total if len(set(self.endings)) > 1 else self.total + 1

    def plays(self, ending: frozenset[int], count: int) -> bool:
        """Whether this ending of the group is played at this time through."""
        if count > self.total:
            count = self.last_count
        if not any(count in other for other in self.endings):
            return count <= self.total  # there is no ending of this number: all are played
        return count in ending


def _groups(marks: list[Marks]) -> list[_Group | None]:
    """For each bar the group of endings that it belongs to. Another group begins with another first ending."""
    groups: list[_Group | None] = []
    for i, mark in enumerate(marks):
        before = groups[-1] if groups else None
        if not mark.endings:
            groups.append(None)
        elif before and (mark.endings == before.endings[-1] or min(mark.endings) > min(before.endings[-1])):
            before.endings.append(mark.endings)
            before.end = i + 1
            groups.append(before)
        else:
            groups.append(_Group([mark.endings], i + 1))
    return groups
