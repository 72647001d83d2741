"""Songs played from drum styles.

    sequence = song(groove_library.style('bossa_nova'), index=0, seed=1)

A song has 8 to 24 bars in phrases of four. It settles on some of the style's optional hits, changes between the
style's patterns, leads from phrase to phrase with fills, marks new sections with a crash, and is played by hand: no
two hits are equally loud, none is exactly in time, and all are near enough to be quantized to where they are meant.
"""

import dataclasses
import hashlib
from collections.abc import Iterator, Sequence

import numpy as np
from note_seq.protobuf import music_pb2

from solferino.models.music.grooves.groove_text import DRUM_PITCHES, Grid, Style

BARS_PER_PHRASE = 4
MAX_PHRASES = 6
MAX_QUARTERS = 120  # at four steps to a quarter below the 512 steps to which drum tracks are cut
VELOCITIES = {'X': 112, 'x': 88, 'o': 42}
OPTIONAL = {'?': 'x', '~': 'o'}
HABIT = 0.5  # chance that a song has an optional hit in its groove
WHIM = 0.15  # chance in a bar to depart from that
CHANGE = 0.6  # chance that a phrase turns to another pattern
FILL_IN = 0.25  # chance that a song begins with a fill
FILL_AT_CHANGE, FILL_AT_REPEAT = 0.9, 0.4  # chance that a phrase ends in a fill
LOUDNESS_SPREAD = 5.0  # standard deviation of velocities
TIMING_SPREAD, MAX_TIMING = 0.012, 0.05  # quarter notes: standard deviation and bound; half a step is 0.125
NOTE_QUARTERS = 0.125  # drums have no length of their own, and a note must end before the next step's may begin

# What the crash replaces on its beat: the hand cannot play both.
_TIMEKEEPERS = ('ride', 'bell', 'closed hat', 'open hat', 'tambourine')

Hits = dict[str, str]  # what sounds at one cell: drum and strength, a key of VELOCITIES


def song(style: Style, index: int = 0, seed: int = 0) -> music_pb2.NoteSequence:
    """Plays a song.

    Args:
      style: what to play.
      index: number of the song; each is another.
      seed: with the style's name and `index` it decides everything; nothing else does.

    Returns:
      Drum notes with one tempo and one time signature.
    """
    digest = hashlib.sha256(f'{style.name}/{index}/{seed}'.encode()).digest()
    rng = np.random.default_rng(int.from_bytes(digest[:16], 'big'))
    qpm = int(rng.integers(style.tempo[0], style.tempo[1], endpoint=True))
    return _to_sequence(style, list(_Player(style, rng).play()), qpm, rng)


@dataclasses.dataclass
class _Player:
    """Plays a style cell by cell."""

    style: Style
    rng: np.random.Generator

    def __post_init__(self) -> None:
        self.habits: dict[tuple[str, str, int], bool] = {}

    def play(self) -> Iterator[Hits]:
        """Yields what sounds at each cell of the song."""
        bar = self.style.cells_per_bar
        fill = None
        phrases = self.choose_phrases()
        new_section = True
        whole_bar_fills = [fill for fill in self.style.fills if fill.num_cells == bar]
        if whole_bar_fills and self.chance(FILL_IN):
            fill = self.pick(whole_bar_fills)
            yield from self.read(fill, 0, bar)
        for phrase, pattern in enumerate(phrases):
            following = phrases[phrase + 1] if phrase + 1 < len(phrases) else None
            fill_at_end = self.chance(FILL_AT_REPEAT if following is pattern else FILL_AT_CHANGE)
            for number in range(BARS_PER_PHRASE):
                start = number * bar % pattern.num_cells
                cells = list(self.read(pattern, start, start + bar))
                if new_section and self.chance(self.style.crash / 100):
                    cells[0] = self.with_crash(cells[0])
                new_section = False
                if fill_at_end and number == BARS_PER_PHRASE - 1 and self.style.fills:
                    fill = self.pick([other for other in self.style.fills if other is not fill] or self.style.fills)
                    cells[bar - fill.num_cells :] = self.read(fill, 0, fill.num_cells)
                    new_section = True
                yield from cells
            new_section = new_section or following is not pattern
        yield self.with_crash({})  # the last beat, on the bar line

    def choose_phrases(self) -> list[Grid]:
        """The pattern of each phrase: at first any, then now and then the next."""
        quarters_per_phrase = BARS_PER_PHRASE * self.style.cells_per_bar * self.style.quarters_per_cell
        most = min(MAX_PHRASES, int(MAX_QUARTERS / quarters_per_phrase))
        number = int(self.rng.integers(min(2, most), most, endpoint=True))
        patterns = self.style.patterns
        place = int(self.rng.integers(len(patterns)))
        phrases = [patterns[place]]
        for _ in range(number - 1):
            place += self.chance(CHANGE)
            phrases.append(patterns[place % len(patterns)])
        return phrases

    def read(self, grid: Grid, start: int, end: int) -> Iterator[Hits]:
        """Yields what sounds at the cells from `start` to `end`, optional hits decided."""
        for cell in range(start, end):
            hits = {drum: self.decide(cells[cell], (grid.name, drum, cell)) for drum, cells in grid.rows}
            yield _playable({drum: strength for drum, strength in hits.items() if strength in VELOCITIES})

    def decide(self, strength: str, place: tuple[str, str, int]) -> str:
        """Returns a strength that is not optional, or '-'."""
        if strength not in OPTIONAL:
            return strength
        if place not in self.habits:
            self.habits[place] = self.chance(HABIT)
        return OPTIONAL[strength] if self.habits[place] != self.chance(WHIM) else '-'

    def with_crash(self, hits: Hits) -> Hits:
        """A crash is struck in place of the timekeeper and with the kick."""
        return {d: s for d, s in hits.items() if d not in _TIMEKEEPERS} | {'crash': 'X', 'kick': 'X'}

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def pick(self, grids: Sequence[Grid]) -> Grid:
        return grids[int(self.rng.integers(len(grids)))]


def _playable(hits: Hits) -> Hits:
    """A hat is either open or closed."""
    return {d: s for d, s in hits.items() if d not in ('closed hat', 'foot hat')} if 'open hat' in hits else hits


def _to_sequence(style: Style, cells: list[Hits], qpm: int, rng: np.random.Generator) -> music_pb2.NoteSequence:
    sequence = music_pb2.NoteSequence(ticks_per_quarter=480)
    sequence.sequence_metadata.title = style.title
    sequence.tempos.add(qpm=qpm)
    sequence.time_signatures.add(numerator=style.metre[0], denominator=style.metre[1])
    sequence.instrument_infos.add(instrument=0, name=style.title)
    seconds_per_quarter = 60 / qpm
    for cell, hits in enumerate(cells):
        for drum, strength in hits.items():
            velocity = round(rng.normal(VELOCITIES[strength], LOUDNESS_SPREAD))
            late = float(np.clip(rng.normal(0, TIMING_SPREAD), -MAX_TIMING, MAX_TIMING))
            start = max(0.0, cell * style.quarters_per_cell + late)  # quarter notes
            sequence.notes.add(
                pitch=DRUM_PITCHES[drum],
                velocity=min(max(velocity, 1), 127),
                start_time=start * seconds_per_quarter,
                end_time=(start + NOTE_QUARTERS) * seconds_per_quarter,
                is_drum=True,
            )
    sequence.total_time = max(note.end_time for note in sequence.notes)
    return sequence
