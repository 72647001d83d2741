from hypothesis import given
from hypothesis import strategies as st

from solferino.pipelines.live.calls import CONTEXT_BARS, DRUM_CHANNEL, Call, LiveNote, Phrase, moved


def test_a_call_begins_at_the_bar_line_before_its_first_note():
    assert [Call(at, 4).start for at in (0.0, 3.8, 3.9, 4.0, 7.0, 11.99)] == [0, 0, 4, 4, 4, 12]
    assert Call(2.95, 3).start == 3


def test_a_note_that_comes_early_is_on_the_bar_line():
    call = Call(3.9, 4)
    call.press(0, 60, 80, 3.9)
    call.release(0, 60, 4.4)
    [note] = call.phrase(5.0).notes
    assert (note.start, round(note.end, 6)) == (0.0, 0.4)


def test_its_length_is_whole_bars():
    def bars(*notes, until=100.0):
        call = Call(0.0, 4)
        for start, end in notes:
            call.press(0, 60, 80, start)
            call.release(0, 60, end)
        return call.phrase(until).quarters / 4

    assert bars((0.0, 0.1)) == 1
    assert bars((0.0, 4.1)) == 1  # held a little beyond the bar
    assert bars((0.0, 4.2)) == 2
    assert bars((3.8, 3.85)) == 1
    assert bars((3.9, 3.95)) == 2  # meant for the next one
    assert bars((3.9, 3.95), until=4.0) == 1  # which is not there when the call is over


def test_keys_that_are_down_end_with_the_call_and_a_key_struck_again_is_two_notes():
    call = Call(0.0, 4)
    call.press(0, 60, 80, 0.0)
    call.press(DRUM_CHANNEL, 36, 70, 1.0)
    call.press(0, 60, 90, 2.0)
    call.release(0, 61, 2.5)  # no such key was down
    assert call.silent_since is None
    assert call.phrase(3.0).notes == (
        LiveNote(60, 80, 0.0, 2.0),
        LiveNote(36, 70, 1.0, 3.0, is_drum=True),
        LiveNote(60, 90, 2.0, 3.0),
    )
    call.release(0, 60, 3.0)
    assert call.silent_since is None
    call.release(DRUM_CHANNEL, 36, 3.5)
    assert call.silent_since == 3.5


def test_phrases_follow_one_another_and_their_beginning_is_forgotten():
    bar = Phrase((LiveNote(60, 80, 0.0, 1.0), LiveNote(62, 80, 3.0, 4.0)), 4.0)
    both = bar.then(bar, 4)
    assert both.quarters == 8.0
    assert [note.start for note in both.notes] == [0.0, 3.0, 4.0, 7.0]
    long = bar
    for _ in range(20):
        long = long.then(bar, 4)
    assert long.quarters == 4.0 * CONTEXT_BARS
    assert long.notes == tuple(note for k in range(CONTEXT_BARS) for note in moved(bar.notes, 4.0 * k))


events = st.tuples(st.booleans(), st.integers(0, 1), st.integers(60, 62), st.floats(0.0, 3.0))


@given(st.lists(events, min_size=1, max_size=40), st.floats(0, 1000), st.integers(1, 16))
def test_whatever_is_played_is_music_in_whole_bars(played, begin, bar):
    at = begin
    call = Call(at, bar)
    for press, channel, pitch, pause in played:
        if press:
            call.press(channel, pitch, 64, at)
        else:
            call.release(channel, pitch, at)
        at += pause
    phrase = call.phrase(at)
    assert phrase.quarters % bar == 0 and 0 < phrase.quarters <= CONTEXT_BARS * bar
    assert all(0 <= note.start < note.end <= phrase.quarters for note in phrase.notes)
    starts = [note.start for note in phrase.notes]
    assert starts == sorted(starts)
