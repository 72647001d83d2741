"""Piano rolls: what is on them, for music of every shape."""

import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from note_seq import Melody, sequences_lib
from note_seq.protobuf import music_pb2

from solferino.models.music.pictures.page import to_file, to_png
from solferino.models.music.pictures.roll_pictures import draw_notes
from solferino.models.music.pieces import timeline
from solferino.models.music.pieces.bars import MAX_BARS


def boxes(figure) -> list[np.ndarray]:
    """Corners of what is drawn, note by note."""
    collections = (c for axes in figure.axes for c in axes.collections if isinstance(c, PolyCollection))
    return [path.vertices for collection in collections for path in collection.get_paths()]


def texts(figure) -> str:
    return ' '.join(text.get_text() for text in figure.texts)


def labels(figure) -> list[str]:
    return [label.get_text() for label in figure.axes[0].get_yticklabels()]


def music(*notes: tuple[float, float, int], **more) -> music_pb2.NoteSequence:
    """Notes as (start, end, pitch), in seconds, at 60 quarters a minute."""
    sequence = music_pb2.NoteSequence()
    sequence.tempos.add(qpm=60)
    for start, end, pitch in notes:
        sequence.notes.add(start_time=start, end_time=end, pitch=pitch, velocity=80, **more)
    sequence.total_time = max((end for _, end, _ in notes), default=0)
    return sequence


def test_notes_lie_at_their_pitch_and_time() -> None:
    figure = draw_notes(music((0, 1, 60), (2.5, 3, 67)), title='Two notes')
    ((first, second),) = [boxes(figure)]
    assert first[:, 0].min() == 0
    assert 0.9 < first[:, 0].max() < 1
    assert np.floor([first[:, 1].min(), second[:, 1].min()]).tolist() == [60, 67]
    assert second[:, 0].min() == 2.5
    assert {'C4', 'G4'} <= set(labels(figure))
    assert 'Two notes' in texts(figure)
    assert '1 bar ' in texts(figure) and '60 quarters' in texts(figure)


@pytest.mark.parametrize(('bars', 'systems'), [(1, 1), (4, 1), (5, 2), (24, 6), (25, 4), (64, 8), (65, 8), (2000, 8)])
def test_long_music_wraps_onto_systems_and_ends_at_a_limit(bars: int, systems: int) -> None:
    figure = draw_notes(music(*((4 * bar, 4 * bar + 1, 60 + bar % 12) for bar in range(bars))))
    assert len(figure.axes) == systems
    assert len(boxes(figure)) == min(bars, MAX_BARS)
    assert (f'bars 1 to {MAX_BARS} of {bars}' in texts(figure)) == (bars > MAX_BARS)


def test_a_note_across_the_end_of_a_system_is_on_both() -> None:
    assert len(boxes(draw_notes(music((0, 40, 60), (39, 40, 60))))) == 4  # of three systems, and the second note


def test_tempos_and_metres_that_change_are_followed() -> None:
    sequence = music((0, 1, 60), (4, 4.5, 62), (5.5, 6, 64))
    sequence.tempos.add(qpm=120, time=4)
    sequence.time_signatures.add(numerator=4, denominator=4)
    sequence.time_signatures.add(numerator=3, denominator=4, time=4)
    time = timeline.read(sequence)
    assert time.starts.tolist() == [0, 4, 7]
    assert [(bar.start, bar.end, bar.metre.name) for bar in time.bars] == [
        (0, 4, '4/4'), (4, 7, '3/4'), (7, 10, '3/4'),
    ]  # fmt: skip
    figure = draw_notes(sequence)
    assert [text.get_text() for text in figure.axes[0].texts] == ['1   4/4', '2   3/4', '3']
    assert '60 to 120 quarters' in texts(figure)


def test_a_metre_may_begin_within_a_bar() -> None:
    sequence = music((0, 1, 60), (5, 6, 60))
    sequence.time_signatures.add(numerator=4, denominator=4)
    sequence.time_signatures.add(numerator=2, denominator=4, time=5)
    assert [(bar.start, bar.end) for bar in timeline.read(sequence).bars] == [(0, 4), (4, 5), (5, 7)]


def test_quantized_music_is_drawn_by_its_steps() -> None:
    sequence = Melody([60, -2, -1, 64], steps_per_quarter=4).to_sequence(qpm=97)
    quantized = sequences_lib.quantize_note_sequence(sequence, 4)
    np.testing.assert_allclose(timeline.read(quantized).starts, [0, 0.75])
    np.testing.assert_allclose(timeline.read(sequence).starts, [0, 0.75])


def test_instruments_have_colours_and_names() -> None:
    sequence = music((0, 1, 60), (1, 2, 62))
    sequence.notes.add(start_time=0, end_time=1, pitch=40, velocity=80, instrument=1, program=32)
    figure = draw_notes(sequence)
    assert 'Acoustic Grand Piano' in texts(figure) and 'Acoustic Bass' in texts(figure)
    assert 'loud' not in texts(figure)
    sequence.instrument_infos.add(instrument=1, name='Contrabass\n')
    assert 'Contrabass' in texts(draw_notes(sequence))
    (collection,) = [c for c in figure.axes[0].collections if isinstance(c, PolyCollection)]
    assert len(np.unique(collection.get_facecolors(), axis=0)) == 2


def test_more_instruments_than_colours() -> None:
    sequence = music()
    for instrument in range(20):
        sequence.notes.add(start_time=0, end_time=1, pitch=40 + instrument, velocity=80, instrument=instrument)
    assert len(boxes(draw_notes(sequence))) == 20


def test_drums_are_a_strip_at_the_foot() -> None:
    sequence = music((0, 1, 60))
    assert 'drums' not in labels(draw_notes(sequence))
    for pitch in (36, 42, 99):
        sequence.notes.add(start_time=0, end_time=1, pitch=pitch, velocity=80, is_drum=True, instrument=9)
    figure = draw_notes(sequence)
    assert 'drums' in labels(figure)
    assert len(boxes(figure)) == 4
    assert 'loud' in texts(figure)  # of pitches there is one instrument only
    assert len(boxes(draw_notes(music((0, 1, 36), is_drum=True)))) == 1


@pytest.mark.parametrize('sequence', [music_pb2.NoteSequence(), music()])
def test_silence_is_an_empty_bar(sequence: music_pb2.NoteSequence) -> None:
    figure = draw_notes(sequence)
    assert not boxes(figure)
    assert '1 bar' in texts(figure)


def test_damaged_music_is_no_problem() -> None:
    sequence = music((0, 1, 60), (1e11, 1e11 + 1, 60), (float('nan'), 1, 60), (2, 1, 127), (float('inf'), 1, 0))
    sequence.time_signatures.add(numerator=0, denominator=0)
    sequence.tempos.add(qpm=0, time=1)
    sequence.notes[0].velocity = 0
    figure = draw_notes(sequence)
    assert len(boxes(figure)) == 2
    assert 'metre does not exist' in texts(figure)
    assert to_png(figure) == to_png(draw_notes(sequence))


def chords(figure) -> list[list[str]]:
    """The names above each line of music."""
    return [[t.get_text() for t in axes.texts if t.get_fontsize() == 8] for axes in figure.axes]


def test_chords_stand_where_they_begin_and_again_at_a_new_line() -> None:
    sequence = music(*((4 * bar, 4 * bar + 4, 60) for bar in range(8)))
    for time, name in ((0, 'C'), (4, 'Am7'), (12, 'G$7'), (18, 'N.C.')):
        sequence.text_annotations.add(time=time, text=name, annotation_type=1)
    sequence.text_annotations.add(time=8, text='a remark')
    figure = draw_notes(sequence)
    assert len(figure.axes) == 2
    assert chords(figure) == [['C', 'Am7', 'G$7'], ['G$7']]
    places = [text.xy[0] for text in figure.axes[0].texts if text.get_fontsize() == 8]
    assert places == [0, 4, 12]
    assert to_png(figure) == to_png(draw_notes(sequence))


def test_chords_that_change_too_fast_to_be_read_are_not_written_over_one_another() -> None:
    sequence = music(*((4 * bar, 4 * bar + 4, 60) for bar in range(4)))
    for step in range(64):
        sequence.text_annotations.add(time=step / 4, text='Cmaj7', annotation_type=1)
    [names] = chords(draw_notes(sequence))
    assert 10 < len(names) < 40


@pytest.mark.parametrize('format, start', [('png', b'\x89PNG'), ('svg', b'<?xml'), ('pdf', b'%PDF')])
def test_formats_of_pictures_repeat_their_bytes(format: str, start: bytes) -> None:
    sequence = music((0, 1, 60), (1, 2, 67))
    first, second = (to_file(draw_notes(sequence), format) for _ in range(2))
    assert first.startswith(start) and first == second
