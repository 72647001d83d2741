import pytest
from mido import Message

from solferino.pipelines.live.sounding import Sounding


def test_what_sounds_is_ended_once():
    sent = []
    sounding = Sounding(lambda message: sent.append((message.type, message.channel, message.note)))
    for kind, channel, note, velocity in (
        ('note_on', 0, 60, 90),
        ('note_on', 9, 36, 90),
        ('note_on', 0, 62, 90),
        ('note_off', 0, 62, 0),
        ('note_on', 0, 64, 90),
        ('note_on', 0, 64, 0),
        ('note_off', 0, 70, 0),  # which never sounded: passed on, as it may have begun before us
    ):
        sounding.send(Message(kind, channel=channel, note=note, velocity=velocity))
    del sent[:]
    sounding.close()
    assert sent == [('note_off', 0, 60), ('note_off', 9, 36)]
    sounding.close()
    assert len(sent) == 2


def test_a_note_that_is_struck_again_is_ended_first():
    sent = []
    sounding = Sounding(lambda message: sent.append(message.type))
    for _ in range(2):
        sounding.send(Message('note_on', note=60))
    assert sent == ['note_on', 'note_off', 'note_on']


@pytest.mark.parametrize('ended_by', ['send', 'close'])
def test_a_note_whose_end_was_interrupted_is_ended_later(ended_by):
    sent = []

    def send(message):
        if message.type == 'note_off' and not sent.count('interrupted'):
            sent.append('interrupted')
            raise KeyboardInterrupt
        sent.append(message.type)

    sounding = Sounding(send)
    sounding.send(Message('note_on', note=60))
    with pytest.raises(KeyboardInterrupt):
        sounding.send(Message('note_off', note=60)) if ended_by == 'send' else sounding.close()
    sounding.close()
    assert sent == ['note_on', 'interrupted', 'note_off']
