"""The course of call and response, by a clock of the test's own: seconds are quarters, unless a test says otherwise."""

import math
from concurrent.futures.process import BrokenProcessPool

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mido import Message

from solferino.hparams.errors import SolferinoError
from solferino.pipelines.live import session as sessions
from solferino.pipelines.live.beat_clock import PULSES, MidiClock, TempoClock
from solferino.pipelines.live.calls import LiveNote

BAR = ((0.0, 0.5, 60), (1.0, 1.5, 62), (2.0, 2.5, 64), (3.0, 3.5, 65))


def test_silence_ends_a_call_and_the_response_is_as_long_and_begins_on_the_bar_line(stage):
    s = stage()
    s.play(*BAR)
    assert s.session.state == sessions.LISTENING
    s.until(20)
    assert s.heard() == [(8.0, 70), (9.0, 70), (10.0, 70), (11.0, 70)]
    assert s.told == ['listening', 'responding', 'idle']
    assert not s.hanging()
    [request] = s.answers.requests
    assert [note.pitch for note in request.call.notes] == [60, 62, 64, 65]
    assert request.call.quarters == request.quarters == 4.0


def test_a_call_that_ends_early_gets_its_response_at_the_next_bar_line(stage):
    s = stage()
    s.play((4.0, 4.5, 60), (5.0, 5.5, 62))
    s.until(20)
    assert s.heard()[0] == (8.0, 70)
    assert s.answers.requests[0].call.notes[0].start == 0.0


def test_it_is_computed_before_the_call_is_over(stage):
    s = stage()
    s.play(*BAR)
    s.until(4.4)
    assert not s.answers.requests
    s.until(4.6)
    assert len(s.answers.requests) == 1


def test_a_call_that_goes_on_is_asked_about_again(stage):
    s = stage()
    s.play(*BAR)
    s.until(5.2)
    s.play((5.2, 5.9, 67))
    s.until(30)
    first, second = s.answers.requests
    assert (first.call.quarters, second.call.quarters) == (4.0, 8.0)
    assert s.heard()[0] == (8.0, 70) and len(s.heard()) == 8


def test_a_key_that_is_held_is_no_silence(stage):
    s = stage()
    s.receive(0.0, Message('note_on', note=60))
    s.until(11.0)
    assert s.session.state == sessions.LISTENING
    s.receive(11.0, Message('note_off', note=60))
    s.until(16.5)
    assert s.heard()[0] == (16.0, 70)


def test_a_control_ends_a_call_with_keys_down(stage):
    s = stage(end_call_control_number=64, silence_beats=0.0)
    s.receive(1.0, Message('note_on', note=60))
    s.until(10.5)
    assert s.session.state == sessions.LISTENING
    s.press(10.5, 64)
    s.until(12.0)
    assert s.heard() == [(12.0, 70)]
    [request] = s.answers.requests
    assert request.call.notes == (LiveNote(60, 64, 1.0, 10.5),) and request.call.quarters == 12.0


def test_an_empty_call_gets_no_response(stage):
    s = stage(end_call_control_number=64)
    s.press(1.0, 64)
    s.until(20)
    assert not s.answers.requests and not s.sent
    assert s.told == ['Nothing was played: there is nothing to respond to.']


def test_a_call_has_a_least_and_a_greatest_length(stage):
    s = stage(min_listen_ticks=2)
    s.play(*BAR)
    s.until(10)
    assert s.told[1:] == ['The call was 1 bar long, too short for a response.', 'idle']
    s = stage(max_listen_ticks=1, silence_beats=0.0)
    s.play(*BAR, (3.9, 20.0, 60))
    assert s.answers.requests[0].call.quarters == 4.0


def test_the_greatest_length_can_be_set_while_a_call_is_longer_and_no_note_goes_on_with_it(stage):
    s = stage(max_listen_ticks_control_number=5, silence_beats=0.0, end_call_control_number=6)
    s.receive(0.0, Message('note_on', note=60))
    s.until(9.0)
    s.press(9.0, 5, 1)
    s.play((10.0, 10.5, 62))
    s.until(13.0)
    assert s.heard() == [(12.0, 70), (13.0, 70)]
    [request] = s.answers.requests
    assert request.call.notes == (LiveNote(60, 64, 0.0, 9.0),)


def test_a_response_has_the_length_that_is_wanted(stage):
    s = stage(response_ticks=2, response_ticks_control_number=20)
    s.play(*BAR)
    s.until(17)
    assert len(s.heard()) == 8 and s.session.state == sessions.IDLE
    s.press(17, 20, 3)
    s.play((20.0, 20.5, 60))
    s.until(60)
    assert len(s.heard()) == 8 + 12


def test_a_note_ends_a_response_and_begins_a_call(stage):
    s = stage()
    s.play(*BAR)
    s.until(9.2)
    assert s.hanging() == {(0, 70)}
    s.play((9.2, 9.6, 50))
    assert not s.hanging()
    s.until(30)
    assert s.heard() == [(8.0, 70), (9.0, 70), (12.0, 70), (13.0, 70), (14.0, 70), (15.0, 70)]


def test_with_overlap_a_response_goes_on_and_the_next_one_follows_it(stage):
    s = stage(allow_overlap=True)
    s.play(*BAR)
    s.play((8.0, 8.5, 50), (9.0, 9.3, 52))
    s.until(30)
    assert [at for at, _ in s.heard()] == [8, 9, 10, 11, 12, 13, 14, 15]
    assert len(s.answers.requests) == 2
    assert s.answers.requests[1].call.notes[0].pitch == 50


def test_a_response_without_end_is_computed_in_parts_while_the_last_one_plays(stage):
    s = stage(response_ticks=0)
    s.play(*BAR)
    s.until(8.01)
    assert len(s.answers.requests) == 2
    assert s.answers.requests[1].call.quarters == 8.0
    s.until(60.5)
    assert s.heard() == [(float(8 + k), 70) for k in range(53)]
    assert s.answers.requests[-1].call.quarters == 8 * 4  # what is before is forgotten
    assert s.told == ['listening', 'responding']
    s.play((60.7, 61.0, 40))
    assert not s.hanging() and s.session.state == sessions.LISTENING


def test_a_control_ends_a_response_without_end(stage):
    s = stage(response_ticks=0, end_call_control_number=3)
    s.play(*BAR)
    s.press(30.2, 3)
    s.until(60)
    assert s.heard()[-1] == (30.0, 70) and s.session.state == sessions.IDLE and not s.hanging()


def test_a_response_that_is_not_ready_comes_a_bar_later(stage):
    s = stage()
    s.answers.at_once = False
    s.play(*BAR)
    s.until(8.5)
    assert not s.heard() and s.session.late == 1
    s.until(13)
    s.answers.answer()
    s.until(40)
    assert s.heard()[0] == (16.0, 70) and s.session.late == 1
    assert s.told.count('The response is not ready: it comes a bar later.') == 1


def test_models_are_switched_while_one_plays_and_while_one_is_asked(stage):
    s = stage(generator_select_control_number=9)
    s.play(*BAR)
    s.press(9.5, 9)  # this response stays
    s.play((16.0, 16.5, 60))
    s.until(19)
    s.press(19, 9, 63)  # the response that is due is computed anew
    s.until(30)
    assert [pitch for _, pitch in s.heard()] == [70] * 8
    assert [request.model for request in s.answers.requests] == [0, 1, 0]
    assert s.told.count('Model: two') == 1
    s.press(31, 9, 64)
    s.play((32.0, 32.5, 60))
    s.until(40)
    assert s.heard()[-1][1] == 71


def test_the_tempo_changes_while_a_response_plays(stage):
    s = stage(tempo_control_number=5)
    s.play(*BAR)
    s.press(9.0, 5, 60)  # 120: the rest takes half the time
    s.until(30)
    assert s.heard() == [(8.0, 70), (9.0, 70), (9.5, 70), (10.0, 70)]
    s.play((20.0, 20.2, 60))
    s.until(30)
    assert s.answers.requests[-1].qpm == 120.0


def test_the_temperature_is_a_control(stage):
    s = stage(temperature_control_number=5)
    s.play(*BAR)
    s.until(14)
    for value, wanted in ((0, 0.1), (127, 2.0)):
        s.press(s.now, 5, value)
        s.play((s.now, s.now + 0.1, 60))
        s.until(s.now + 14)
        assert s.answers.requests[-1].temperature == pytest.approx(wanted)
    assert s.answers.requests[0].temperature is None


def test_a_response_is_repeated_until_the_control_is_off(stage):
    s = stage(loop_control_number=5)
    s.press(0.0, 5)
    s.play(*BAR)
    s.until(18)
    s.press(18, 5, 0)
    s.until(40)
    assert [at for at, _ in s.heard()] == list(range(8, 20))
    assert len(s.answers.requests) == 1


def test_a_response_to_the_response_follows_it(stage):
    s = stage(mutate_control_number=5)
    s.press(0.0, 5)
    assert s.told == ['There is no response yet to respond to.']
    s.play(*BAR)
    s.press(9.0, 5)
    s.until(40)
    assert [at for at, _ in s.heard()] == list(range(8, 16))
    assert [note.pitch for note in s.answers.requests[1].call.notes] == [70] * 4


def test_panic_ends_everything(stage):
    s = stage(panic_control_number=5, passthrough=True)
    s.play(*BAR)
    s.until(9.1)
    s.press(9.1, 5)
    assert not s.hanging() and s.session.state == sessions.IDLE
    assert sum(m.type == 'control_change' and m.control == 123 for _, m in s.sent) == 16
    heard = len(s.heard())
    s.until(40)
    assert len(s.heard()) == heard


def test_what_is_played_is_passed_on_and_ended(stage):
    s = stage(passthrough=True, end_call_control_number=64)
    for message in (
        Message('note_on', note=60, channel=3),
        Message('pitchwheel', pitch=100),
        Message('control_change', control=1, value=4),
        Message('control_change', control=64, value=0),
        Message('sysex', data=(1, 2)),
        Message('active_sensing'),
    ):
        s.receive(0.5, message)
    assert [m.type for _, m in s.sent] == ['note_on', 'pitchwheel', 'control_change']
    s.session.close()
    assert not s.hanging()


def test_closing_ends_what_sounds_and_the_clock(stage):
    s = stage(enable_metronome=True, clock_out=True, passthrough=True)
    s.play(*BAR)
    s.until(9.05)
    assert len(s.hanging()) == 2  # the response's note and the click
    s.session.close()
    assert not s.hanging()
    assert s.sent[0][1].type == 'start' and s.sent[-1][1].type == 'stop'


def test_clicks_and_pulses_come_in_time(stage):
    s = stage(enable_metronome=True, clock_out=True)
    s.until(8.5)
    clicks = s.heard()
    assert clicks == [(float(k), 77 if k % 4 else 76) for k in range(9)]
    pulses = [at for at, m in s.sent if m.type == 'clock']
    assert len(pulses) == 8.5 * PULSES + 1
    assert pulses == pytest.approx([k / PULSES for k in range(len(pulses))])


def test_an_error_of_the_model_is_said_and_the_next_call_is_heard(stage):
    s = stage()
    s.answers.at_once = False
    s.play(*BAR)
    s.until(5)
    s.answers.answer(error=SolferinoError('The primer has no notes.'))
    s.until(9)
    assert s.told == ['listening', 'No response: The primer has no notes.', 'idle']
    s.answers.at_once = True
    s.play((12.0, 12.5, 60))
    s.until(30)
    assert s.heard()[0] == (16.0, 70)


def test_a_process_that_is_gone_ends_it(stage):
    s = stage()
    s.answers.at_once = False
    s.play(*BAR)
    s.until(5)
    s.answers.answer(error=BrokenProcessPool())
    with pytest.raises(SolferinoError, match='was ended, perhaps for want of memory'):
        s.until(9)


def test_voices_have_channels(stage):
    notes = [LiveNote(36, 90, 0, 1, True, 0), LiveNote(60, 90, 0, 1, False, 1), LiveNote(64, 90, 0, 1, False, 9)]
    for settings, channels in ({}, {9, 1, 10}), ({'playback_channel': 16}, {15}):
        s = stage(**settings)
        s.answers.at_once = False
        s.play(*BAR)
        s.until(5)
        s.answers.answer(notes=notes)
        s.until(8.5)
        assert {channel for channel, _ in s.hanging()} == channels
        s.until(20)
        assert not s.hanging()


def test_the_state_is_sent(stage):
    s = stage(state_control_number=17)
    s.play(*BAR)
    s.until(20)
    assert [(m.control, m.value) for _, m in s.sent if m.type == 'control_change'] == [(17, 1), (17, 2), (17, 0)]


class Follower:
    """A stage that follows a clock of 60 quarters a minute, which begins at second 10."""

    def __init__(self, stage, **settings):
        self.stage = stage(MidiClock(), clock_in=True, **settings)
        self.pulse = 0

    def message(self, seconds, kind, **values):
        self.stage.receive(seconds, Message(kind, **values))

    def pulses(self, begin, number):
        for k in range(number):
            self.message(begin + k / PULSES, 'clock')


def test_nothing_is_due_before_the_clock_starts(stage):
    f = Follower(stage, enable_metronome=True)
    assert f.stage.session.next_time() == math.inf
    f.stage.play((1.0, 1.5, 60))
    f.stage.until(9)
    assert not f.stage.sent and f.stage.session.state == sessions.IDLE
    f.message(9.99, 'start')
    f.pulses(10.0, 4 * PULSES)
    assert [at for at, _ in f.stage.heard()] == pytest.approx([10.0, 11.0, 12.0, 13.0], abs=1e-3)


def test_calls_and_responses_follow_the_clock(stage):
    f = Follower(stage)
    f.message(9.99, 'start')
    begin = 10.0
    notes = {0: 'note_on', 12: 'note_off', 24: 'note_on', 36: 'note_off'}
    for k in range(8 * PULSES):
        f.message(begin + k / PULSES, 'clock')
        if k in notes:
            f.message(begin + k / PULSES + 0.001, notes[k], note=60)
    assert [at for at, _ in f.stage.heard()] == pytest.approx([14.0, 15.0, 16.0, 17.0], abs=1e-3)


def test_a_clock_that_stops_ends_all_and_continues_where_it_was(stage):
    f = Follower(stage, enable_metronome=True, clock_out=True)
    f.message(9.99, 'start')
    f.pulses(10.0, PULSES + 12)  # one and a half quarters
    f.message(11.47, 'note_on', note=60)
    f.message(11.49, 'stop')
    f.stage.until(20)
    assert not f.stage.hanging() and f.stage.session.state == sessions.IDLE
    f.message(30.0, 'continue')
    f.pulses(30.01, 24)
    clicks = [at for at, pitch in f.stage.heard() if pitch in (76, 77)]
    assert clicks == pytest.approx([10.0, 11.0, 30.51], abs=1e-2)
    assert [m.type for _, m in f.stage.sent if m.type in ('start', 'stop', 'continue')] == ['start', 'stop', 'continue']


def test_a_clock_that_is_lost_ends_all(stage):
    f = Follower(stage)
    f.message(9.99, 'start')
    f.pulses(10.0, 30)
    f.message(11.3, 'note_on', note=60)
    f.stage.until(13)
    assert f.stage.told == ['listening', 'The MIDI clock does not come any more: waiting for it.', 'idle']
    f.message(20.0, 'start')
    f.pulses(20.0, 3)
    assert f.stage.session.next_time() == math.inf  # nothing to do, but time goes on
    assert f.stage.clock.running


def test_a_clock_out_of_our_own_tempo_follows_changes(stage):
    s = stage(clock_out=True, tempo_control_number=1)
    s.press(1.0, 1, 60)
    s.until(2.0)
    pulses = [at for at, m in s.sent if m.type == 'clock']
    assert len([at for at in pulses if 0 <= at < 1 - 1e-9]) == PULSES
    assert len([at for at in pulses if 1 - 1e-9 <= at < 2 - 1e-9]) == 2 * PULSES
    assert isinstance(s.clock, TempoClock)


@st.composite
def performances(draw):
    """Any settings, and what a musician and a clock may send."""
    settings = {
        'silence_beats': draw(st.sampled_from((0.5, 2.0))),
        'beats_per_bar': draw(st.integers(1, 4)),
        'max_listen_ticks': draw(st.integers(0, 3)),
        'response_ticks': draw(st.sampled_from((None, 0, 1, 3))),
        **{name: draw(st.booleans()) for name in ('allow_overlap', 'passthrough', 'enable_metronome', 'clock_out')},
        'end_call_control_number': 11,
        'panic_control_number': 12,
        'mutate_control_number': 13,
        'loop_control_number': 14,
        'generator_select_control_number': 15,
    }
    controls = st.tuples(st.just('control_change'), st.integers(11, 15), st.sampled_from((0, 64, 127)))
    notes = st.tuples(st.sampled_from(('note_on', 'note_off')), st.integers(60, 62), st.sampled_from((0, 90)))
    clocks = st.tuples(st.sampled_from(('clock', 'clock', 'start', 'stop', 'continue')), st.just(0), st.just(0))
    others = st.just(('pitchwheel', 0, 0))
    events = st.lists(st.tuples(st.floats(0, 6), st.one_of(notes, controls, clocks, others)), max_size=40)
    return settings, draw(st.booleans()), draw(events), draw(st.integers(0, 2))


@given(performances())
def test_whatever_happens_nothing_hangs_and_time_goes_on(stage, performance):
    settings, follows, events, delay = performance
    s = stage(MidiClock() if follows else None, clock_in=follows, **settings)
    s.answers.at_once = False
    for pause, (kind, number, value) in events:
        s.until(s.now + pause)
        if len(s.answers.futures) > delay:
            s.answers.answer_all()
        values = {'note_on': {'note': number, 'velocity': value}, 'note_off': {'note': number}}
        values['control_change'] = {'control': number, 'value': value}
        s.receive(s.now, Message(kind, **values.get(kind, {})))
        assert s.session.next_time() > s.now - 1e-3  # nothing that was due is left
        assert (s.session.state == sessions.RESPONDING) <= (s.clock.running)
    s.session.close()
    assert not s.hanging()
    times = [at for at, _ in s.sent]
    assert times == sorted(times)
