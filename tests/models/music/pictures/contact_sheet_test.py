"""Contact sheets: what is on them, whatever the number and kind of pieces."""

import numpy as np
import pytest
from matplotlib.collections import PatchCollection, PolyCollection
from note_seq.protobuf import music_pb2

from solferino.models.music.pictures import contact_sheet
from solferino.models.music.pictures.contact_sheet import Item
from solferino.models.music.pictures.page import KEPT_COLOURS, Marks, shade, to_png
from solferino.models.music.pictures.roll_pictures import draw_notes
from solferino.models.music.pictures.track_pictures import draw_drums


def _music(bars: int, pitch: int = 60, is_drum: bool = False) -> music_pb2.NoteSequence:
    """A note on each beat, at 120 quarters a minute."""
    sequence = music_pb2.NoteSequence()
    sequence.tempos.add(qpm=120)
    for beat in range(4 * bars):
        time = {'start_time': beat / 2, 'end_time': beat / 2 + 0.25}
        sequence.notes.add(pitch=pitch, velocity=80, is_drum=is_drum, instrument=9 * is_drum, **time)
    sequence.total_time = 2.0 * bars
    return sequence


def _texts(figure) -> str:
    return ' '.join(text.get_text() for text in figure.texts)


def _collections(figure, kind) -> list[int]:
    """How many shapes of a kind each axes has."""
    return [sum(len(c.get_paths()) for c in axes.collections if isinstance(c, kind)) for axes in figure.axes]


@pytest.mark.parametrize('is_drum', [False, True])
@pytest.mark.parametrize(('pieces', 'columns'), [(1, 1), (4, 1), (5, 2), (10, 2), (24, 3), (40, 4)])
def test_each_piece_is_there_in_columns_that_have_room(pieces: int, columns: int, is_drum: bool) -> None:
    items = [Item(_music(8, 36 + k % 20, is_drum), f'piece {k}') for k in range(pieces)]
    figure = contact_sheet.draw(items, 'All')
    assert len(figure.axes) == pieces
    assert len({round(axes.get_position().x0, 4) for axes in figure.axes}) == columns
    assert _collections(figure, PatchCollection if is_drum else PolyCollection) == [32] * pieces
    assert all(f'piece {k}' in _texts(figure) for k in range(pieces))
    boxes = [axes.get_position() for axes in figure.axes]
    assert all(0 <= box.x0 < box.x1 <= 1 and 0 <= box.y0 < box.y1 <= 1 for box in boxes)
    overlaps = [a.overlaps(b) for k, a in enumerate(boxes) for b in boxes[:k]]
    assert not any(overlaps)
    assert f'{pieces} piece' in _texts(figure) and '120 quarters' in _texts(figure)


def test_all_are_on_one_scale() -> None:
    items = [Item(_music(4, 40), 'low'), Item(_music(8, 80), 'high'), Item(_music(4, 36, is_drum=True), 'drums')]
    low, high, drums = contact_sheet.draw(items, 'All').axes
    assert low.get_ylim() == high.get_ylim()
    assert low.get_position().width == pytest.approx(high.get_position().width / 2)
    assert drums.get_position().width == pytest.approx(low.get_position().width)
    assert drums.get_ylim() == (0, 3)


def test_a_piece_that_is_much_longer_is_cut_and_says_so() -> None:
    items = [Item(_music(8), str(k)) for k in range(40)] + [Item(_music(100), 'long')]
    figure = contact_sheet.draw(items, 'All')
    assert 'long (bars 1 to 15 of 100)' in _texts(figure) or 'long (bars 1 to 16 of 100)' in _texts(figure)
    assert len({axes.get_position().x0 for axes in figure.axes}) == 4
    assert len({axes.get_position().x0 for axes in contact_sheet.draw(items[-1:] * 9, 'All').axes}) == 1


def test_no_more_are_drawn_than_can_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contact_sheet, 'MOST', 3)
    figure = contact_sheet.draw([Item(_music(1), str(k)) for k in range(5)], 'All')
    assert len(figure.axes) == 3
    assert 'not drawn: all after the first 3' in _texts(figure)


@pytest.mark.parametrize('is_drum', [False, True])
def test_silence_is_drawn_as_the_others_are(is_drum: bool) -> None:
    silence, music = Item(music_pb2.NoteSequence(), 'silence'), Item(_music(2, 36, is_drum), 'music')
    first, second = contact_sheet.draw([silence, music], 'All').axes
    assert first.get_ylim() == second.get_ylim()
    assert to_png(contact_sheet.draw([silence], 'All'))


def _spans(axes) -> list[tuple[float, float]]:
    """From where to where the primer is shaded."""
    tint = (0xFB / 255, 0xE9 / 255, 0xC3 / 255)
    patches = [patch for patch in axes.patches if np.allclose(patch.get_facecolor()[:3], tint)]
    return [
        (float(box.x0), float(box.x1))
        for box in (patch.get_path().get_extents(patch.get_transform() - axes.transData) for patch in patches)
    ]


def test_primers_are_shaded() -> None:
    marks = Marks(primer_end=3.0)  # six quarters
    for is_drum, per_quarter in ((True, 4), (False, 1)):
        music = _music(8, 40, is_drum)
        figure = contact_sheet.draw([Item(music, 'a', marks), Item(music, 'b')], 'All')
        assert [_spans(axes) for axes in figure.axes] == [[(0, pytest.approx(6 * per_quarter))], []]
        assert 'primer' in _texts(figure) and 'kept' not in _texts(figure)
    for figure in (
        draw_drums(_music(16, 36, is_drum=True), marks=Marks(10.0)),
        draw_notes(_music(16), marks=Marks(10.0)),
    ):
        ends = [axes.get_xlim()[1] for axes in figure.axes]
        assert [len(_spans(axes)) for axes in figure.axes] == [1, 1, 0, 0]
        assert _spans(figure.axes[0])[0][1] == ends[0]
        assert _spans(figure.axes[1])[0][1] == pytest.approx(ends[0] * 20 / 16)
        assert 'primer' in _texts(figure)
    assert 'primer' not in _texts(draw_notes(_music(4)))


def _band(*voices: tuple[int, int, int]) -> music_pb2.NoteSequence:
    """So many notes of each instrument, as (instrument, program, notes); each has a pitch of its own."""
    sequence = music_pb2.NoteSequence()
    for instrument, program, number in voices:
        for beat in range(number):
            time = {'start_time': beat / 2, 'end_time': beat / 2 + 0.25}
            sequence.notes.add(pitch=60 + 4 * instrument, velocity=80, instrument=instrument, program=program, **time)
    return sequence


def _voices(axes) -> dict[int, tuple]:
    """The colour of each pitch."""
    (notes,) = (c for c in axes.collections if isinstance(c, PolyCollection))
    colours = [tuple(colour) for colour in notes.get_facecolors()]
    found = {(int(path.vertices[:, 1].min()), colour) for path, colour in zip(notes.get_paths(), colours, strict=True)}
    assert len(found) == len(dict(found))
    return dict(found)


def test_an_instrument_has_one_colour_in_all_pieces() -> None:
    """However many notes it has in each, and also where it is alone."""
    pieces = [_band((0, 65, 8), (1, 0, 4)), _band((0, 65, 2), (1, 0, 8)), _band((1, 0, 3))]
    figure = contact_sheet.draw([Item(piece, 'a') for piece in pieces], 'All')
    first, second, third = map(_voices, figure.axes)
    assert first == second and first[60] != first[64] == third[64]
    assert 'Alto Sax' in _texts(figure) and 'Acoustic Grand Piano' in _texts(figure) and 'soft' not in _texts(figure)
    assert _voices(draw_notes(pieces[0]).axes[0]) == _voices(draw_notes(pieces[1]).axes[0]) == first
    figure = contact_sheet.draw([Item(_band((0, 65, 8), (1, 65, 4)), 'a'), Item(_music(2, 36, True), 'b')], 'All')
    assert '1: Alto Sax' in _texts(figure) and '2: Alto Sax' in _texts(figure) and 'loud' in _texts(figure)
    figure = contact_sheet.draw([Item(_band((0, k, 8), (1, 65, 4)), 'a') for k in (0, 68)], 'All')
    assert 'track 1' in _texts(figure) and 'Alto Sax' in _texts(figure)


def test_what_is_made_is_told_from_what_is_kept() -> None:
    """The colour of kept notes is no instrument's; kept drums have it, too."""
    music = _band((0, 65, 8), (1, 0, 8), (2, 1, 8))
    one, two = Marks(kept=frozenset(range(8, 24))), Marks(kept=frozenset(range(16, 24)))
    for figure in (draw_notes(music, marks=two), contact_sheet.draw([Item(music, 'a', two)] * 2, 'All')):
        colours = _voices(figure.axes[0])
        assert len(set(colours.values())) == 3 and colours[68] == shade(80, KEPT_COLOURS)
    assert _voices(draw_notes(music, marks=one).axes[0])[60] == shade(80)
    drums = _music(1, 36, is_drum=True)
    marks = Marks(kept=frozenset([1]))
    for figure in (draw_drums(drums, marks=marks), contact_sheet.draw([Item(drums, 'a', marks)], 'All')):
        (hits,) = (c for c in figure.axes[0].collections if isinstance(c, PatchCollection))
        is_kept = [np.allclose(colour, shade(80, KEPT_COLOURS)) for colour in hits.get_facecolors()]
        assert is_kept == [False, True, False, False]


def test_kept_notes_have_a_colour_of_their_own() -> None:
    music, marks = _music(2), Marks(kept=frozenset([0, 5]))
    for figure in (draw_notes(music, marks=marks), contact_sheet.draw([Item(music, 'a', marks)], 'All')):
        (notes,) = (c for c in figure.axes[0].collections if isinstance(c, PolyCollection))
        colours = notes.get_facecolors()
        kept = [path.vertices[:, 0].min() for path, colour in zip(notes.get_paths(), colours, strict=True)
                if np.allclose(colour, shade(80, KEPT_COLOURS))]  # fmt: skip
        assert sorted(kept) == [0, 5]
        assert 'given to be kept' in _texts(figure)
