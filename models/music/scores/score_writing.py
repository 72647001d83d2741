"""Notes on a grid as written notes: MusicXML by music21, and its picture by verovio.

Each beat of a part is written in sixteenths or in triplets of eighths, whichever its notes are nearer to. A part is cut
wherever a note of it begins or ends, and what sounds on is tied: nothing of the music is lost, whatever its voices do.
"""

import dataclasses
import itertools
import re
from collections import defaultdict
from fractions import Fraction
from typing import Any

import numpy as np
from note_seq.protobuf import music_pb2

from solferino.hparams.errors import SolferinoError
from solferino.hparams.words import readable
from solferino.models.music import extras
from solferino.models.music.pictures.drum_names import drum_name
from solferino.models.music.pieces import timeline

MOST_NOTES, MOST_QUARTERS = 20_000, 20_000
_GRIDS = (4, 3)  # steps to a quarter
_NEAR = 0.04  # quarters between a note and the grid
_LEAST_NEAR = 0.9  # of the notes, so that they can be said to be on it
_UNITS = (1, 2, 4, 8, 16, 32)  # denominators of metres
_SPLIT, _LOW, _HIGH = 60, 52, 67  # a part that reaches below the one and above the other has two staves
# Where kinds of drums stand, and their heads; others stand with the snare.
_DRUMS = {
    'bass drum': ('F4', 'normal'),
    'low tom': ('A4', 'normal'),
    'snare': ('C5', 'normal'),
    'mid tom': ('D5', 'normal'),
    'high tom': ('E5', 'normal'),
    'ride': ('F5', 'x'),
    'closed hat': ('G5', 'x'),
    'open hat': ('G5', 'circle-x'),
    'crash': ('A5', 'x'),
}


class NotWrittenError(SolferinoError):
    """Music that cannot be written as notes."""


@dataclasses.dataclass(frozen=True)
class _Note:
    """A note in quarters."""

    pitch: int
    start: Fraction
    end: Fraction


def musicxml(sequence: music_pb2.NoteSequence, title: str = '') -> bytes:
    """Returns a MusicXML file of a NoteSequence; the same music gives the same bytes.

    Raises:
      NotWrittenError: it has no notes, too many, or they are not on a grid.
      SolferinoError: music21 is not there.
    """
    music21 = extras.load('music21', extras.SCORE)
    time = timeline.read(sequence)
    parts: defaultdict[tuple[int, bool], list[int]] = defaultdict(list)
    for k, note in enumerate(sequence.notes):
        if np.isfinite(time.starts[k]) and 0 <= note.pitch < 128 and note.velocity > 0:
            parts[note.instrument, note.is_drum].append(k)
    total = sum(map(len, parts.values()))
    if not total:
        raise NotWrittenError('There are no notes to be written.')
    if total > MOST_NOTES:
        raise NotWrittenError(f'It has {total:,} notes; scores of more than {MOST_NOTES:,} are not written.')
    if (length := float(np.nanmax(time.ends))) > MOST_QUARTERS:
        raise NotWrittenError(f'It lasts {length:,.0f} quarters; scores have {MOST_QUARTERS:,} at most.')
    near = np.mean([_is_near(time.starts[k]) for rows in parts.values() for k in rows])
    if near < _LEAST_NEAR:
        raise NotWrittenError(
            f'Of its notes {near:.0%} begin on sixteenths or triplets: scores are written of music on a grid, as most '
            'models make it, and not of a performance.'
        )
    score = music21.stream.Score()
    score.metadata = music21.metadata.Metadata(title=readable(title) or 'Music', composer='')
    names = {info.instrument: readable(info.name).strip() for info in sequence.instrument_infos}
    for (instrument, is_drum), rows in sorted(parts.items(), key=lambda part: (part[0][1], part[0][0])):
        pitches = [sequence.notes[k].pitch for k in rows]
        name = names.get(instrument) or ('Drums' if is_drum else '')
        wide = not is_drum and min(pitches) < _LOW and max(pitches) > _HIGH
        for above in (True, False) if wide else (None,):
            own = [k for k in rows if above is None or (sequence.notes[k].pitch >= _SPLIT) == above]
            notes = _written([(sequence.notes[k].pitch, time.starts[k], time.ends[k]) for k in own], is_drum)
            score.append(_part(music21, sequence, time, notes, is_drum, name, first=not score.parts))
    try:
        return _exported(music21, sequence, score)
    except music21.exceptions21.Music21Exception as error:
        raise NotWrittenError(f'music21 cannot write it: {error}.') from None


def _exported(music21: Any, sequence: music_pb2.NoteSequence, score: Any) -> bytes:
    _add_key(music21, sequence, score)
    for number, part in enumerate(score.parts, start=1):
        part.id = f'P{number}'
        player = music21.instrument.Instrument(part.partName)
        player.partId, player.instrumentId = f'P{number}', f'I{number}'  # else music21 takes random names
        part.insert(0, player)
    text = music21.musicxml.m21ToXml.GeneralObjectExporter(score).parse().decode()
    return re.sub(r'\s*<encoding-date>.*?</encoding-date>', '', text).encode()


def svg(music: bytes) -> bytes:
    """Returns a picture of a MusicXML file, all of it one below the other, as an SVG file."""
    verovio = extras.load('verovio', extras.SCORE)
    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()
    toolkit.setOptions(
        {
            'adjustPageHeight': True,
            'pageHeight': 60_000,
            'pageWidth': 2400,
            'scale': 40,
            'footer': 'none',
            'breaks': 'auto',
            'xmlIdSeed': 1,
        }
    )
    if not toolkit.loadData(music.decode()):
        raise NotWrittenError('verovio cannot draw the score.')
    picture: str = toolkit.renderToSVG(1)
    return picture.encode()


def _is_near(place: float) -> bool:
    return any(abs(place * grid - round(place * grid)) / grid < _NEAR for grid in _GRIDS)


def _written(found: list[tuple[int, float, float]], is_drum: bool) -> list[_Note]:
    """Puts the notes of a part onto the grid; a drum lasts until the next hit, or to the end of its beat."""
    ends: list[float] = [] if is_drum else [end for *_, end in found]
    places: defaultdict[int, list[float]] = defaultdict(list)
    for place in (*(start for _, start, _ in found), *ends):
        places[int(place + _NEAR)].append(place)
    grids = {beat: min(_GRIDS, key=lambda grid: _error(inside, grid)) for beat, inside in places.items()}

    def snap(place: float) -> Fraction:
        beat = int(place + _NEAR)
        return Fraction(beat) + Fraction(round((place - beat) * grids[beat]), grids[beat])

    notes: dict[tuple[int, Fraction], _Note] = {}
    onsets = sorted({snap(start) for _, start, _ in found})
    following = dict(itertools.pairwise(onsets))
    for pitch, start, end in sorted(found):
        begin = snap(start)
        if is_drum:
            stop = min(following.get(begin, begin + 1), Fraction(int(begin)) + 1)
        else:
            stop = max(snap(end), begin + Fraction(1, grids[int(start + _NEAR)]))
        notes[pitch, begin] = _Note(pitch, begin, stop)
    return list(notes.values())


def _error(places: list[float], grid: int) -> float:
    return sum(abs(place * grid - round(place * grid)) / grid for place in places)


def _part(
    music21: Any,
    sequence: music_pb2.NoteSequence,
    time: timeline.Timeline,
    notes: list[_Note],
    is_drum: bool,
    name: str,
    first: bool,
) -> Any:
    part = music21.stream.Part()
    part.partName = name
    clock = timeline.Clock({tempo.time: tempo.qpm for tempo in sequence.tempos if 0 < tempo.qpm < np.inf})
    metres = [metre for metre in sequence.time_signatures if metre.numerator > 0 and metre.denominator in _UNITS]
    for metre in metres or [music_pb2.NoteSequence.TimeSignature(numerator=4, denominator=4)]:
        where = Fraction(round(float(clock(np.array([metre.time]))[0]) * 4), 4)
        part.insert(where, music21.meter.TimeSignature(f'{metre.numerator}/{metre.denominator}'))
    if is_drum:
        part.insert(0, music21.clef.PercussionClef())
    if first:
        for tempo in (tempo for tempo in sequence.tempos if 0 < tempo.qpm < np.inf):
            where = Fraction(round(float(clock(np.array([tempo.time]))[0]) * 4), 4)
            part.insert(where, music21.tempo.MetronomeMark(number=round(tempo.qpm)))
        for place, chord in time.chords:
            part.insert(Fraction(round(place * 4), 4), _chord_symbol(music21, chord))
    cuts = {Fraction(0), *(n.start for n in notes), *(n.end for n in notes)}
    # A beat of triplets is a group of its own.
    cuts |= {Fraction(int(cut) + k) for cut in cuts if cut.denominator == 3 for k in (0, 1)}
    beginning: defaultdict[Fraction, list[int]] = defaultdict(list)
    for number, note in enumerate(notes):
        beginning[note.start].append(number)
    sounding: list[int] = []
    for start, end in itertools.pairwise(sorted(cuts)):
        sounding = sorted(number for number in (*sounding, *beginning[start]) if notes[number].end > start)
        part.insert(start, _slice(music21, [notes[number] for number in sounding], start, end, is_drum))
    return part


def _slice(music21: Any, notes: list[_Note], start: Fraction, end: Fraction, is_drum: bool) -> Any:
    """What sounds from `start` to `end`: a rest, a note or a chord, tied to what sounds before and after it."""
    made = []
    for note in notes:
        if is_drum:
            place, head = _DRUMS.get(drum_name(note.pitch), _DRUMS['snare'])
            one = music21.note.Unpitched(displayName=place)
            one.notehead = head
        else:
            one = music21.note.Note(note.pitch)
            if one.pitch.accidental and not one.pitch.accidental.alter:
                one.pitch.accidental = None  # else each is written
            begun, goes_on = note.start < start, note.end > end
            if begun or goes_on:
                one.tie = music21.tie.Tie('continue' if begun and goes_on else 'start' if goes_on else 'stop')
        made.append(one)
    if not made:
        element = music21.note.Rest()
    elif len(made) == 1:
        [element] = made
    else:
        element = music21.percussion.PercussionChord(made) if is_drum else music21.chord.Chord(made)
    element.quarterLength = end - start
    return element


def _chord_symbol(music21: Any, name: str) -> Any:
    """The symbol of a chord, or its name as text where music21 does not know it; it writes a flat as -."""
    try:
        return music21.harmony.ChordSymbol(re.sub(r'(?<=[A-G])b', '-', name))
    except Exception:
        return music21.expressions.TextExpression(readable(name))


def _add_key(music21: Any, sequence: music_pb2.NoteSequence, score: Any) -> None:
    """Names the key in each part: the one that the music names first, or the one that its notes are most like."""
    pitched = [part for part in score.parts if not part.recurse().getElementsByClass(music21.clef.PercussionClef)]
    if not pitched:
        return
    if sequence.key_signatures:
        sharps = (sequence.key_signatures[0].key * 7 + 5) % 12 - 5  # of the major key on that pitch
        sharps = sharps - 3 if sequence.key_signatures[0].mode == music_pb2.NoteSequence.KeySignature.MINOR else sharps
        sharps += 12 if sharps < -6 else 0
    else:
        sharps = score.analyze('key').sharps
    for part in pitched:
        part.insert(0, music21.key.KeySignature(sharps))
