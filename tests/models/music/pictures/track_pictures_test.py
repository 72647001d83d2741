"""Drum grids: what is on them, for music of every shape."""

import io

import pytest
from matplotlib import image
from matplotlib.collections import PatchCollection
from note_seq import DrumTrack, sequences_lib
from note_seq.protobuf import music_pb2

from solferino.models.music.grooves.groove_library import style, style_names
from solferino.models.music.grooves.groove_songs import song
from solferino.models.music.pictures.track_pictures import MAX_BARS, draw_drums, to_png


def rows(figure) -> list[str]:
    return [label.get_text() for label in figure.axes[0].get_yticklabels()]


def num_cells(figure) -> int:
    return sum(len(c.get_paths()) for axes in figure.axes for c in axes.collections if isinstance(c, PatchCollection))


def texts(figure) -> str:
    return ' '.join(text.get_text() for text in figure.texts)


def music(steps: list[int], pitch: int = 36, metre: tuple[int, int] = (4, 4)) -> music_pb2.NoteSequence:
    """Hits at the given sixteenths at 60 quarters a minute."""
    sequence = music_pb2.NoteSequence()
    sequence.tempos.add(qpm=60)
    sequence.time_signatures.add(numerator=metre[0], denominator=metre[1])
    for step in steps:
        sequence.notes.add(pitch=pitch, velocity=80, start_time=step / 4, end_time=step / 4 + 0.1, is_drum=True)
    sequence.total_time = max(steps, default=0) / 4 + 0.1
    return sequence


def test_every_hit_is_a_cell_and_every_kind_a_row() -> None:
    events = [frozenset({36, 42}), frozenset(), frozenset({38, 40}), frozenset({49, 99})]  # 38 and 40 are both snares
    figure = draw_drums(DrumTrack(events, steps_per_bar=16, steps_per_quarter=4).to_sequence(), title='Four steps')
    assert rows(figure) == ['bass drum', 'snare', 'closed hat', 'crash', 'pitch 99']
    assert num_cells(figure) == 5
    assert 'Four steps' in texts(figure)
    assert '1 bar ' in texts(figure)


@pytest.mark.parametrize(('bars', 'systems'), [(1, 1), (4, 1), (5, 2), (24, 6), (25, 4), (64, 8), (65, 8), (2000, 8)])
def test_long_music_wraps_onto_systems_and_ends_at_a_limit(bars: int, systems: int) -> None:
    figure = draw_drums(music([16 * bar for bar in range(bars)]))
    assert len(figure.axes) == systems
    assert num_cells(figure) == min(bars, MAX_BARS)
    assert figure.get_figwidth() < 16
    assert (f'bars 1 to {MAX_BARS} of {bars}' in texts(figure)) == (bars > MAX_BARS)


ONE_OF_EACH_METRE = {style(name).metre: name for name in style_names()}.values()


@pytest.mark.parametrize('name', ONE_OF_EACH_METRE)
def test_every_metre_is_drawn(name: str) -> None:
    sequence = song(style(name))
    quantized = sequences_lib.quantize_note_sequence(sequence, 4)
    figure = draw_drums(sequence)
    assert style(name).title in texts(figure)
    assert num_cells(figure) == num_cells(draw_drums(quantized)) > 30


def test_each_section_begins_a_bar() -> None:
    sequence = music([0, 4, 8])
    sequence.time_signatures.add(numerator=3, denominator=4, time=2.0)
    sequence.tempos.add(qpm=120, time=2.0)
    figure = draw_drums(sequence)
    labels = [text.get_text() for text in figure.axes[0].texts]
    assert labels == ['1   4/4', '2   3/4']
    assert '60 to 120 quarters a minute' in texts(figure)


def test_sections_off_the_grid_are_said_to_be_missing() -> None:
    figure = draw_drums(music([0, 1], metre=(3, 32)))
    assert 'not drawn' in texts(figure)


def test_notes_of_other_channels_are_drawn_on_request() -> None:
    sequence = music([0, 3])
    sequence.notes[0].is_drum = False
    assert num_cells(draw_drums(sequence)) == 1
    assert num_cells(draw_drums(sequence, ignore_is_drum=True)) == 2


@pytest.mark.parametrize('sequence', [music_pb2.NoteSequence(), music([])])
def test_silence_is_an_empty_bar(sequence: music_pb2.NoteSequence) -> None:
    assert num_cells(draw_drums(sequence)) == 0


def test_a_note_in_a_thousand_years_is_no_problem() -> None:
    assert num_cells(draw_drums(music([0, 10**11]))) == 1


def test_png_is_a_picture_and_repeats() -> None:
    title = r'a$b_{$ ' + 'long ' * 100
    first, second = (to_png(draw_drums(music([0, 5]), title=title)) for _ in range(2))
    assert first == second
    height, width, _ = image.imread(io.BytesIO(first), format='png').shape
    assert 100 < height < width
