"""Drum styles as text that a drummer can read, and write: parsed, checked, and written back.

A style is a text file (see styles/rock.txt). First what holds for all of it:

    title: Rock
    about: Eighths on the hat or the ride, backbeat on two and four.
    metre: 4/4
    tempo: 100-140         quarter notes a minute, slowest and fastest, whatever the metre
    grid: 1/16             the note value of one character
    crash: 85%             how often a new section or the end of a fill is marked by a crash cymbal

then its patterns of one or more bars and its fills, which replace the end of a bar:

    pattern A
      # 1e&a2e&a3e&a4e&a
      closed hat |X-x-X-x-X-x-X-x-|
      snare      |----X--~----X---|
      kick       |X-----x-X-?-----|

    fill one beat
      snare      |xxXX|

`X` is an accent, `x` a hit, `o` a ghost note, `-` silence; `?` is a hit and `~` a ghost note that come and go.
A line that begins with `#` is a comment.
"""

import dataclasses
import re
from typing import NoReturn

from solferino.hparams.errors import SolferinoError

# The drums of the grids and their General MIDI pitches.
DRUM_PITCHES = {
    'crash': 49,
    'ride': 51,
    'bell': 53,  # the cup of the ride
    'open hat': 46,
    'closed hat': 42,
    'foot hat': 44,
    'tambourine': 54,
    'high tom': 50,
    'mid tom': 48,
    'low tom': 45,
    'floor tom': 43,
    'snare': 38,
    'rim': 37,  # the stick laid across the snare
    'clap': 39,
    'kick': 36,
}
CELLS = 'Xxo?~-'

_FIELDS = ('title', 'about', 'metre', 'tempo', 'grid', 'crash')
_BLOCK = re.compile(r'(pattern|fill) (\S.*)')
_ROW = re.compile(r'([^|]*?)\s*\|(.*)\|')
_METRE = re.compile(r'([1-9]\d?)/(2|4|8|16)')
_GRID = re.compile(r'1/(4|8|16)')
_TEMPO = re.compile(r'([1-9]\d{0,2})-([1-9]\d{0,2})')
_CRASH = re.compile(r'(\d{1,2}|100)%')


@dataclasses.dataclass(frozen=True)
class Grid:
    """A pattern or a fill.

    Attributes:
      name: what follows the word pattern or fill.
      rows: drum (a key of DRUM_PITCHES) and cells (characters of CELLS, all bars together) of each line.
    """

    name: str
    rows: tuple[tuple[str, str], ...]

    @property
    def num_cells(self) -> int:
        """Its length in grid cells."""
        return len(self.rows[0][1])


@dataclasses.dataclass(frozen=True)
class Style:
    """A way to play the drums.

    Attributes:
      name: one word, such as 'bossa_nova'; the stem of its file.
      title: its name for people.
      about: one sentence.
      metre: numerator and denominator.
      tempo: slowest and fastest, in quarter notes a minute.
      grid: the note value of a cell, as a denominator: 16 for sixteenths.
      crash: percentage of section starts that a crash cymbal marks.
      patterns: what is played; each is a whole number of bars.
      fills: what may replace the end of a bar; at most a bar each.
    """

    name: str
    title: str
    about: str
    metre: tuple[int, int]
    tempo: tuple[int, int]
    grid: int
    crash: int
    patterns: tuple[Grid, ...]
    fills: tuple[Grid, ...]

    @property
    def cells_per_bar(self) -> int:
        """Grid cells in a bar."""
        return self.metre[0] * self.grid // self.metre[1]

    @property
    def quarters_per_cell(self) -> float:
        """Length of a grid cell in quarter notes."""
        return 4 / self.grid


def parse_style(text: str, name: str, file: str | None = None) -> Style:
    """Reads a style.

    Args:
      text: as described at the top of this module.
      name: the style's name.
      file: what error messages call the text; `<name>.txt` if None.

    Raises:
      SolferinoError: something is missing or wrong, with the number of the line.
    """
    return _Parser(name, file or f'{name}.txt').parse(text)


def format_style(style: Style) -> str:
    """Writes a style as `parse_style` reads it."""
    lines = [
        f'title: {style.title}',
        f'about: {style.about}',
        f'metre: {style.metre[0]}/{style.metre[1]}',
        f'tempo: {style.tempo[0]}-{style.tempo[1]}',
        f'grid: 1/{style.grid}',
        f'crash: {style.crash}%',
    ]
    bar = style.cells_per_bar
    for kind, grids in ('pattern', style.patterns), ('fill', style.fills):
        for grid in grids:
            lines += ['', f'{kind} {grid.name}']
            width = max(len(drum) for drum, _ in grid.rows)
            for drum, cells in grid.rows:
                bars = '|'.join(cells[i : i + bar] for i in range(0, len(cells), bar))
                lines.append(f'  {drum:{width}} |{bars}|')
    return '\n'.join(lines) + '\n'


class _Parser:
    """Reads the lines of one text, and knows which one it is at."""

    def __init__(self, name: str, file: str) -> None:
        self.name = name
        self.file = file
        self.line = 0
        self.fields: dict[str, str] = {}
        self.bar = 0  # cells; known once the first block begins
        self.blocks: dict[str, list[Grid]] = {'pattern': [], 'fill': []}
        self.open: tuple[str, str, list[tuple[str, str]]] | None = None  # kind, name and rows of the block being read

    def parse(self, text: str) -> Style:
        for self.line, line in enumerate(text.splitlines(), 1):
            line = line.strip()
            if line and not line.startswith('#'):
                self.read(line)
        self.close_block()
        if not self.blocks['pattern']:
            self.fail('there is no pattern. Write "pattern A" and a line for each drum below it.')
        slowest, fastest = map(int, self.match('tempo', _TEMPO, '100-140').groups())
        if slowest > fastest:
            self.fail(f'tempo: {slowest} is above {fastest}; the slower one comes first.')
        return Style(
            name=self.name,
            title=self.field('title'),
            about=self.field('about'),
            metre=self.metre(),
            tempo=(slowest, fastest),
            grid=self.grid(),
            crash=int(self.match('crash', _CRASH, '80%')[1]),
            patterns=tuple(self.blocks['pattern']),
            fills=tuple(self.blocks['fill']),
        )

    def read(self, line: str) -> None:
        if block := _BLOCK.fullmatch(line):
            self.close_block()
            self.bar = self.bar or self.cells_per_bar()
            kind, name = block.groups()
            if name in [grid.name for grid in self.blocks[kind]]:
                self.fail(f'there are two {kind}s called {name!r}. Give one another name.')
            self.open = (kind, name, [])
        elif self.open:
            self.read_row(line, *self.open)
        else:
            self.read_field(line)

    def read_field(self, line: str) -> None:
        field, colon, value = (part.strip() for part in line.partition(':'))
        if not colon or field not in _FIELDS:
            self.fail(f'cannot read {line!r}. Here stand {", ".join(f"{f}:" for f in _FIELDS)} and then the patterns.')
        if field in self.fields:
            self.fail(f'{field}: is given twice.')
        if not value:
            self.fail(f'nothing follows {field}:')
        self.fields[field] = value

    def read_row(self, line: str, kind: str, name: str, rows: list[tuple[str, str]]) -> None:
        match = _ROW.fullmatch(line)
        if not match:
            self.fail(f'cannot read {line!r}. Write a drum and its hits between bar lines: snare |----X-------X---|')
        drum, content = match.groups()
        if drum not in DRUM_PITCHES:
            self.fail(f'there is no drum {drum!r}. The drums are: {", ".join(DRUM_PITCHES)}.')
        if drum in dict(rows):
            self.fail(f'{drum} has two lines in {kind} {name}.')
        bars = content.split('|')
        for cell in ''.join(bars):
            if cell not in CELLS:
                self.fail(f'{cell!r} is no hit. Use X (accent), x (hit), o (ghost), ? or ~ (now and then), - (none).')
        self.check_length(kind, name, bars)
        cells = ''.join(bars)
        if rows and len(cells) != len(rows[0][1]):
            self.fail(f'{drum} has {len(cells)} characters where {rows[0][0]} has {len(rows[0][1])}.')
        rows.append((drum, cells))

    def check_length(self, kind: str, name: str, bars: list[str]) -> None:
        lengths = [len(bar) for bar in bars]
        if kind == 'fill':
            if len(bars) > 1 or not 0 < lengths[0] <= self.bar:
                self.fail(f'fill {name} must be one bar or a part of one: 1 to {self.bar} characters.')
        elif any(length != self.bar for length in lengths):
            found = ' and '.join(map(str, lengths))
            self.fail(f'a bar of {self.fields["metre"]} is {self.bar} characters of 1/{self.grid()}; here are {found}.')

    def close_block(self) -> None:
        if self.open:
            kind, name, rows = self.open
            if not rows:
                self.fail(f'{kind} {name} has no drums.')
            self.blocks[kind].append(Grid(name, tuple(rows)))
            self.open = None

    def metre(self) -> tuple[int, int]:
        numerator, denominator = self.match('metre', _METRE, '4/4').groups()
        return int(numerator), int(denominator)

    def grid(self) -> int:
        return int(self.match('grid', _GRID, '1/16')[1])

    def cells_per_bar(self) -> int:
        (numerator, denominator), grid = self.metre(), self.grid()
        if numerator * grid % denominator:
            self.fail(f'a bar of {numerator}/{denominator} is no whole number of 1/{grid}. Choose a finer grid:')
        return numerator * grid // denominator

    def field(self, name: str) -> str:
        if name not in self.fields:
            self.fail(f'{name}: is missing above the first pattern.')
        return self.fields[name]

    def match(self, name: str, pattern: re.Pattern[str], example: str) -> re.Match[str]:
        match = pattern.fullmatch(self.field(name))
        if not match:
            self.fail(f'{name}: {self.fields[name]!r} cannot be read. Write for example {name}: {example}')
        return match

    def fail(self, problem: str) -> NoReturn:
        raise SolferinoError(f'{self.file}, line {self.line}: {problem}')
