"""MIDI files for tests, which import it: written byte by byte, and drawn by hypothesis."""

import struct

from hypothesis import strategies as st

END = b'\x00\xff\x2f\x00'


def vlq(number, longer=0):
    """A variable-length number, with leading zeros that make it longer."""
    digits = [number & 0x7F]
    while number := number >> 7:
        digits.append(number & 0x7F | 0x80)
    return bytes([*longer * [0x80], *reversed(digits)])


def chunk(events):
    """A track."""
    return b'MTrk' + struct.pack('>I', len(events)) + events


def midi(*tracks, resolution=480, kind=1):
    """A file."""
    return b'MThd' + struct.pack('>IHHH', 6, kind, len(tracks), resolution) + b''.join(map(chunk, tracks))


def meta(kind, data):
    """A meta event without its delta time."""
    return bytes([0xFF, kind]) + vlq(len(data)) + data


def tempo(qpm):
    """An event that sets the tempo."""
    return meta(0x51, round(6e7 / qpm).to_bytes(3))


def note(delta, pitch, on=True, channel=0):
    """A note-on, or one that ends a note, after its delta time."""
    return vlq(delta) + bytes([0x90 | channel, pitch, 64 * on])


def of_data_bytes(statuses, *values):
    """Channel events."""
    return st.tuples(st.sampled_from(statuses), st.sampled_from([0, 1, 9]), *values).map(
        lambda event: bytes([event[0] | event[1], *event[2:]])
    )


# Few values, so that notes meet: on the same pitch, in the same tick.
PITCH, VALUE = st.sampled_from([0, 60, 61]), st.sampled_from([0, 1, 64, 127])
EVENTS = st.one_of(
    of_data_bytes([0x80, 0x90], PITCH, VALUE),
    of_data_bytes([0x80, 0x90], PITCH, VALUE),
    of_data_bytes([0xA0, 0xB0, 0xE0], VALUE, VALUE),
    of_data_bytes([0xB0], st.sampled_from([120, 121, 123]), VALUE),
    of_data_bytes([0xC0, 0xD0], VALUE),
    st.sampled_from([1, 0x7F_FF, 500_000, 500_000, 0xFF_FF_FF]).map(lambda tempo: meta(0x51, tempo.to_bytes(3))),
    st.tuples(st.integers(1, 255), st.integers(0, 7)).map(lambda metre: meta(0x58, bytes([*metre, 24, 8]))),
    st.tuples(st.integers(-7, 7), st.integers(0, 1)).map(lambda key: meta(0x59, struct.pack('bb', *key))),
    # Names, texts, ends, and a kind whose delta time mido forgets.
    st.tuples(st.sampled_from([1, 3, 3, 5, 0x2F, 0x60, 0x7F]), st.binary(max_size=3)).map(lambda m: meta(*m)),
    st.sampled_from([b'\xf0\x02\x01\xf7', b'\xf0\x00', b'\xf7\x81\x00' + bytes(128)]),
)
DELTA = st.tuples(st.sampled_from([0, 0, 0, 1, 2, 127, 128, 20_000]), st.sampled_from([0, 0, 0, 1])).map(
    lambda d: vlq(*d)
)


@st.composite
def tracks(draw, events=EVENTS):
    """A track's bytes, in which statuses run now and then."""
    content, status = b'', None
    for delta, event, runs in draw(st.lists(st.tuples(DELTA, events, st.booleans()), min_size=1, max_size=30)):
        content += delta + event[runs and event[0] == status :]
        if event[0] != 0xFF:  # meta events leave the running status, in mido too
            status = event[0] if event[0] < 0xF0 else None
    return content + draw(st.sampled_from([b'', END]))


SONGS = st.lists(tracks(), min_size=1, max_size=3)
RESOLUTIONS = st.sampled_from([1, 96, 480, 32_767])


@st.composite
def clean_tracks(draw, first=False):
    """A track in which every note is ended, none of its pitch before; the first one has the tempos, metres and keys."""
    events = [(0, b'\xc0' + bytes([draw(st.integers(0, 127))])), (0, meta(3, draw(st.sampled_from([b'Piano', b'']))))]
    if first:
        for tick in draw(st.lists(st.integers(0, 900), unique=True, max_size=3)):
            events += [(tick, tempo(draw(st.integers(20, 300)))), (tick, meta(0x58, b'\x03\x02\x18\x08'))]
    free = dict.fromkeys((60, 61, 62), 0)
    for pitch, wait, length in draw(
        st.lists(st.tuples(st.sampled_from([60, 61, 62]), st.integers(0, 300), st.integers(1, 300)), max_size=12)
    ):
        start = free[pitch] + wait
        events += [(start, bytes([0x90, pitch, 70])), (start + length, bytes([0x80, pitch, 0]))]
        free[pitch] = start + length + 1
    events.sort(key=lambda event: event[0])
    ticks = [0, *(tick for tick, _ in events)]
    return b''.join(vlq(tick - before) + event for before, (tick, event) in zip(ticks, events, strict=False)) + END


@st.composite
def clean_songs(draw):
    """Tracks in which no two readings should differ."""
    others = draw(st.lists(clean_tracks(), max_size=2))
    return [draw(clean_tracks(first=True)), *others]
