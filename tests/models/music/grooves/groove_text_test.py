"""Drum styles as text: there and back, and what is said about mistakes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from solferino.hparams.errors import SolferinoError
from solferino.models.music.grooves.groove_text import CELLS, DRUM_PITCHES, Grid, Style, format_style, parse_style

ROCK = """title: Rock
about: Eighths.
metre: 4/4
tempo: 100-140
grid: 1/16
crash: 85%

pattern A
  # counts are comments
  closed hat |X-x-X-x-X-x-X-x-|
  snare      |----X--~----X---|

fill end
  snare      |xxXX|
"""


def grids(draw, bar: int, kind: str) -> tuple[Grid, ...]:
    names = draw(
        st.lists(st.from_regex(r'[a-z0-9]+( [a-z0-9]+)?', fullmatch=True), min_size=1, max_size=3, unique=True)
    )
    result = []
    for name in names:
        length = bar * draw(st.integers(1, 3)) if kind == 'pattern' else draw(st.integers(1, bar))
        drums = draw(st.lists(st.sampled_from(list(DRUM_PITCHES)), min_size=1, max_size=5, unique=True))
        row = st.text(CELLS, min_size=length, max_size=length)
        result.append(Grid(name, tuple((drum, draw(row)) for drum in drums)))
    return tuple(result)


@st.composite
def styles(draw) -> Style:
    denominator, grid = draw(st.sampled_from([(2, 4), (4, 8), (4, 16), (8, 8), (8, 16), (16, 16)]))
    metre = (draw(st.integers(1, 12)), denominator)
    bar = metre[0] * grid // denominator
    words = st.from_regex(r'\w[\w :|#-]*\w', fullmatch=True)
    low, high = sorted(draw(st.tuples(st.integers(1, 999), st.integers(1, 999))))
    return Style(
        'any', draw(words), draw(words), metre, (low, high), grid, draw(st.integers(0, 100)),
        grids(draw, bar, 'pattern'), draw(st.sampled_from([(), None])) or grids(draw, bar, 'fill'),
    )  # fmt: skip


@given(styles())
def test_what_is_written_is_read_as_it_was(style: Style) -> None:
    text = format_style(style)
    assert parse_style(text, style.name) == style
    assert format_style(parse_style(text, style.name)) == text


def test_a_style_is_read() -> None:
    style = parse_style(ROCK, 'rock')
    assert (style.title, style.metre, style.tempo, style.grid, style.crash) == ('Rock', (4, 4), (100, 140), 16, 85)
    assert (style.cells_per_bar, style.quarters_per_cell) == (16, 0.25)
    assert style.patterns == (Grid('A', (('closed hat', 'X-x-' * 4), ('snare', '----X--~----X---'))),)
    assert style.fills == (Grid('end', (('snare', 'xxXX'),)),)
    assert parse_style(format_style(style), 'rock') == style


@pytest.mark.parametrize(
    ('old', 'new', 'line', 'message'),
    [
        ('title: Rock\n', '', 13, 'title: is missing'),
        ('title: Rock', 'titel: Rock', 1, "cannot read 'titel: Rock'. Here stand title:, about:"),
        ('title: Rock', 'title:', 1, 'nothing follows title:'),
        ('about: Eighths.', 'title: Again', 2, 'title: is given twice'),
        ('metre: 4/4', 'metre: 4/5', 8, "metre: '4/5' cannot be read. Write for example metre: 4/4"),
        ('metre: 4/4', 'metre: 7/16', 10, 'a bar of 7/16 is 7 characters of 1/16; here are 16.'),
        ('grid: 1/16', 'grid: 1/12', 8, "grid: '1/12' cannot be read"),
        ('4/4\ntempo: 100-140\ngrid: 1/16', '7/8\ntempo: 1-2\ngrid: 1/4', 8, 'a bar of 7/8 is no whole number of 1/4'),
        ('tempo: 100-140', 'tempo: 100', 14, "tempo: '100' cannot be read"),
        ('tempo: 100-140', 'tempo: 140-100', 14, 'tempo: 140 is above 100'),
        ('crash: 85%', 'crash: 101%', 14, "crash: '101%' cannot be read"),
        ('closed hat |', 'hat |', 10, "there is no drum 'hat'. The drums are: crash, ride,"),
        ('X-x-|', 'X-x-', 10, 'Write a drum and its hits between bar lines'),
        ('X-x-|', 'X-y-|', 10, "'y' is no hit. Use X (accent)"),
        ('X-x-|', 'X-x|', 10, 'a bar of 4/4 is 16 characters of 1/16; here are 15.'),
        ('X-x-|', 'X-x-|X-x-|', 10, 'here are 16 and 4.'),
        ('X---|\n', 'X---|----------------|\n', 11, 'snare has 32 characters where closed hat has 16.'),
        ('closed hat |', 'snare |', 11, 'snare has two lines in pattern A.'),
        ('|xxXX|', '|xxXX|xxXX|', 14, 'fill end must be one bar or a part of one: 1 to 16 characters.'),
        ('  snare      |xxXX|\n', '', 13, 'fill end has no drums.'),
        ('fill end', 'pattern A', 13, "there are two patterns called 'A'"),
        ('pattern A', 'fill start', 14, 'there is no pattern.'),
    ],
)
def test_mistakes_are_named_with_their_line(old: str, new: str, line: int, message: str) -> None:
    assert old in ROCK
    with pytest.raises(SolferinoError) as error:
        parse_style(ROCK.replace(old, new, 1), 'rock', 'my/rock.txt')
    assert str(error.value).startswith(f'my/rock.txt, line {line}: ')
    assert message in str(error.value)


def test_an_empty_text_is_a_mistake() -> None:
    with pytest.raises(SolferinoError, match=r'rock\.txt, line 0: there is no pattern'):
        parse_style('', 'rock')
