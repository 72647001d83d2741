"""Reads MusicXML scores as they sound.

Every part is an instrument of its own. Grace notes and cue notes are left out; what is hidden from print sounds.

Elements: https://www.w3.org/2021/06/musicxml40/musicxml-reference/elements/.
"""

import collections
import math
import re
from fractions import Fraction
from typing import NamedTuple
from xml.etree.ElementTree import Element

from solferino.models.music.reading import musicxml_document, musicxml_marks, notation
from solferino.models.music.reading.midi_notes import Instrument, Music
from solferino.models.music.reading.musicxml_marks import number, text
from solferino.models.music.reading.notation import Bar, Note

_STEPS = {'C': 0, 'D': 2, 'E': 4, 'F': 5, 'G': 7, 'A': 9, 'B': 11}
_TYPES = ('maxima', 'long', 'breve', 'whole', 'half', 'quarter', 'eighth', '16th', '32nd', '64th', '128th', '256th')
# Quarters of each type of note.
LENGTHS = {name: Fraction(32, 2**i) for i, name in enumerate((*_TYPES, '512th', '1024th'))}
# Modes by their names: how far the tonic is above that of the major key with the same signature, and NoteSequence's
# number.
_MODES = {
    'major': (0, 0), 'minor': (9, 1), 'ionian': (0, 0), 'dorian': (2, 4), 'phrygian': (4, 5), 'lydian': (5, 6),
    'mixolydian': (7, 3), 'aeolian': (9, 1), 'locrian': (11, 7),
}  # fmt: skip
# Drums by their places on a staff with a treble clef's names, where a file does not say which they are.
_DRUMS = {
    'D4': 44, 'E4': 35, 'F4': 36, 'G4': 43, 'A4': 41, 'B4': 45, 'C5': 38, 'D5': 47, 'E5': 48, 'F5': 51, 'G5': 42,
    'A5': 49, 'B5': 57, 'C6': 55,
}  # fmt: skip
_SNARE, _DRUM_CHANNEL = 38, 10
_ROOTS = ('C', 'Db', 'D', 'Eb', 'E', 'F', 'Gb', 'G', 'Ab', 'A', 'Bb', 'B')
# Kinds of chords, and how they are written after a root.
_CHORD_KINDS = {
    'major': '', 'minor': 'm', 'augmented': 'aug', 'diminished': 'dim', 'dominant': '7', 'major-seventh': 'maj7',
    'minor-seventh': 'm7', 'diminished-seventh': 'dim7', 'augmented-seventh': 'aug7', 'half-diminished': 'm7b5',
    'major-minor': 'mmaj7', 'major-sixth': '6', 'minor-sixth': 'm6', 'dominant-ninth': '9', 'major-ninth': 'maj9',
    'minor-ninth': 'm9', 'dominant-11th': '11', 'minor-11th': 'm11', 'dominant-13th': '13', 'major-13th': 'maj13',
    'minor-13th': 'm13', 'suspended-second': 'sus2', 'suspended-fourth': 'sus4',
}  # fmt: skip
_ODD_HARMONY = re.compile('other|.*1[13]th|[A-Z].*')  # to Magenta, which leaves the score out


class _Player(NamedTuple):
    """What a <score-instrument> sounds like: a program from 0; a pitch if it is a drum of one."""

    program: int = 0
    is_drum: bool = False
    pitch: int | None = None


def read(content: bytes) -> Music:
    """Returns the music of a file, packed or not.

    Raises what musicxml_document.parts raises; its DAMAGE is also what breaks the format.
    """
    parts = musicxml_document.parts(content)
    remarks: collections.Counter[str] = collections.Counter()
    instruments: list[Instrument] = []
    read_parts = []
    for identity, measures in parts.measures.items():
        part = _Part(parts.listed.get(identity), instruments, remarks)
        read_parts.append([part.read(measure) for measure in measures])
        musicxml_marks.mark([bar.marks for bar in read_parts[-1]], measures)
    if parts.is_unusual or any(not bar.length for part in read_parts for bar in part):
        remarks[notation.NOT_READ] += 1
    channels = [text(parts.listed.get(identity), 'midi-instrument/midi-channel') for identity in parts.measures]
    if not any(bar.metre and bar.metre[0] for part in read_parts for bar in part):
        remarks[notation.NOT_READ] += 1
    if len(set(channels)) < len(channels):
        remarks[notation.PARTS] += len(channels)
    return notation.play([_beside(read_parts)], instruments, remarks)


def _beside(parts: list[list[Bar]]) -> list[Bar]:
    """Parts as one row of bars; each is as long as the longest of a part. Metre and key are the first part's."""
    bars: list[Bar] = []
    metre = (0, 0)
    for i in range(max(map(len, parts))):
        bar = Bar()
        for part in parts:
            if i < len(part):
                one = part[i]
                bar.length = max(bar.length, one.length)
                bar.notes += one.notes
                bar.tempos += [tempo for tempo in one.tempos if tempo not in bar.tempos]
                bar.chords += [chord for chord in one.chords if chord not in bar.chords]
                bar.metre = bar.metre or one.metre
                bar.key = bar.key or one.key
                bar.marks.merge(one.marks)
        metre = bar.metre or metre
        whole = Fraction(4 * metre[0], metre[1] or 1)
        if whole and (not bar.length or _has_too_many_rests(bar, whole, [part[i] for part in parts if i < len(part)])):
            bar.length = whole
        bars.append(bar)
    return bars


def _has_too_many_rests(bar: Bar, whole: Fraction, parts: list[Bar]) -> bool:
    """Whether a bar is longer than its metre by rests alone, and one of the parts fills the metre exactly."""
    return (
        bar.length > whole
        and any(part.length == whole for part in parts)
        and all(note.start + note.length <= whole for note in bar.notes)
    )


class _Part:
    """Reads a part, measure by measure."""

    def __init__(self, listed: Element | None, instruments: list[Instrument], remarks: 'collections.Counter[str]'):
        self._name = text(listed, 'part-name').strip()
        self._instruments, self._remarks = instruments, remarks
        self._players = _players(listed)
        remarks[notation.PROGRAMS] += any(player.program for player in self._players.values())
        self._numbers: dict[tuple[int, bool], int] = {}  # of instruments, by program and whether it is a drum
        self._divisions = Fraction(1)  # of a quarter
        self._transpositions: dict[str, int] = {}  # semitones by staff; '' is all of them
        self._percussion: set[str] = set()  # staves with its clef
        self._velocity = notation.DEFAULT_VELOCITY
        self._measures: list[Bar] = []
        self._copies = 0  # of how many measures those are repetitions that are now read, as a sign says
        self._whole = Fraction(0)  # quarters of a measure by its metre; 0 of free metre
        self._bar = Bar()
        self._place = Fraction(0)  # quarters from the beginning of the measure
        self._chord = Fraction(0)  # where a note begins that has <chord>
        self._written = Fraction(0)  # the place by the numbers in the file, which may be rounded
        self._exact: dict[Fraction, Fraction] = {}  # by the written place the true one, where notes have met it

    def read(self, measure: Element) -> Bar:
        """Reads the next measure."""
        self._bar = Bar()
        self._place = self._chord = self._written = Fraction(0)
        self._exact = {Fraction(0): Fraction(0)}
        for element in measure:
            match element.tag:
                case 'note':
                    self._read_note(element)
                case 'backup':
                    self._jump(-self._duration(element)[0])
                case 'forward':
                    self._jump(self._duration(element)[0])
                case 'attributes':
                    self._read_attributes(element)
                case 'direction' | 'sound':
                    self._read_direction(element)
                case 'harmony':
                    self._remarks[notation.NOT_READ] += bool(_ODD_HARMONY.match(text(element, 'kind')))
                    self._read_harmony(element)
        if self._copies and not self._bar.notes and len(self._measures) >= self._copies:
            self._bar.notes = self._measures[-self._copies].notes
            self._remarks[notation.NOT_READ] += 1
        self._measures.append(self._bar)
        return self._bar

    def _jump(self, written: Fraction) -> None:
        """Goes forward or back by quarters as they are written, to a place that notes have met if there is one."""
        self._written = max(self._written + written, Fraction(0))
        otherwise = self._place + written if written > 0 else self._written
        self._place = self._exact.get(self._written, otherwise)
        self._bar.length = max(self._bar.length, self._place)

    def _duration(self, element: Element) -> tuple[Fraction, Fraction]:
        """Quarters of a note or a move: as written, and as meant where the divisions of a quarter do not allow it."""
        duration = number(element, 'duration')
        length = LENGTHS.get(text(element, 'type').strip(), Fraction(0))
        if duration is not None:
            self._remarks[notation.NOT_READ] += '.' in text(element, 'duration')
            written = max(duration, Fraction(0)) / self._divisions
            if not length or (written / length).denominator == 1:
                return written, written
        length *= 2 - Fraction(1, 2 ** len(element.findall('dot')))
        actual = number(element, 'time-modification/actual-notes') or Fraction(1)
        length = length * (number(element, 'time-modification/normal-notes') or Fraction(1)) / actual
        if duration is None:
            return length, length
        is_rounded = (length * self._divisions).denominator > 1 and abs(length - written) < 1 / self._divisions
        return written, length if is_rounded else written

    def _read_note(self, note: Element) -> None:
        if note.find('grace') is not None:
            self._remarks[notation.GRACE_NOTES] += note.find('rest') is None
            return
        written, length = self._duration(note)
        rest = note.find('rest')
        if rest is not None and rest.get('measure') == 'yes' and 0 < self._whole < length:
            length = self._whole  # a whole rest by its looks, in three-four time say
            self._remarks[notation.NOT_READ] += 1
        start = self._chord if note.find('chord') is not None else self._place
        if note.find('chord') is None:
            self._chord = self._place
            self._place += length
            self._written += written
            self._exact.setdefault(self._written, self._place)
        self._bar.length = max(self._bar.length, start + length)
        if rest is not None:
            return
        if note.find('cue') is not None:
            self._remarks[notation.CUE_NOTES] += 1
            return
        velocity = self._velocity
        if note.get('dynamics'):
            velocity = _velocity(note.get('dynamics', ''), velocity)
        sound = self._sound(note)
        if sound and velocity:
            player, pitch = sound
            self._bar.notes.append(Note(start, length, pitch, velocity, player, _is_tied(note), _passes(note)))

    def _sound(self, note: Element) -> tuple[int, int] | None:
        """Who plays a note, and its pitch."""
        instrument, staff = note.find('instrument'), text(note, 'staff').strip()
        identity = '' if instrument is None else instrument.get('id', '')
        player = self._players.get(identity, self._players[''])
        pitched, unpitched = note.find('pitch'), note.find('unpitched')
        if unpitched is not None:
            player = player._replace(is_drum=True)
            place = text(unpitched, 'display-step').strip() + text(unpitched, 'display-octave').strip()
            pitch = _DRUMS.get(place, _SNARE) if player.pitch is None else player.pitch
        elif pitched is not None:
            if staff in self._percussion or (not staff and '1' in self._percussion):
                player = player._replace(is_drum=True)
            pitch = _pitch(pitched)
            self._remarks[notation.NOT_READ] += (number(pitched, 'alter') or Fraction(0)).denominator > 1
            if not player.is_drum:
                pitch += self._transpositions.get(staff or '1', self._transpositions.get('', 0))
            elif player.pitch is not None:
                pitch = player.pitch
        else:
            return None
        self._remarks[notation.DRUMS] += player.is_drum
        key = (0 if player.is_drum else player.program, player.is_drum)
        if key not in self._numbers:
            self._numbers[key] = len(self._instruments)
            self._instruments.append(Instrument(*key, self._name))
        return self._numbers[key], pitch

    def _read_attributes(self, attributes: Element) -> None:
        self._divisions = number(attributes, 'divisions') or self._divisions
        if self._divisions < 0:
            raise ValueError('negative divisions of a quarter')
        for transpose in attributes.iterfind('transpose'):
            self._remarks[notation.NOT_READ] += transpose.find('octave-change') is not None
            octaves = (number(transpose, 'octave-change') or 0) - (transpose.find('double') is not None)
            semitones = round((number(transpose, 'chromatic') or 0) + 12 * octaves)
            self._transpositions[transpose.get('number', '')] = semitones
        for clef in attributes.iterfind('clef'):
            if text(clef, 'sign').strip() in ('percussion', 'TAB-percussion'):
                self._percussion.add(clef.get('number', '1'))
            else:
                self._percussion.discard(clef.get('number', '1'))
        for key in attributes.iterfind('key'):
            self._read_key(key)
        for time in attributes.iterfind('time'):
            self._bar.metre = _metre(time) or self._bar.metre
            beats = [beats.text or '' for beats in time.iterfind('beats')]
            self._remarks[notation.NOT_READ] += len(beats) > 1 or '+' in ''.join(beats)
            self._whole = Fraction(4 * self._bar.metre[0], self._bar.metre[1] or 1) if self._bar.metre else self._whole
        for sign in attributes.iterfind('measure-style/measure-repeat'):
            self._copies = int(number(sign) or 1) if sign.get('type') == 'start' else 0

    def _read_key(self, key: Element) -> None:
        fifths = number(key, 'fifths')
        self._remarks[notation.NOT_READ] += fifths is None
        if fifths is not None and not self._bar.key:  # else one that is made of single accidentals, or a staff's own
            above, mode = _MODES.get(text(key, 'mode').strip().lower(), (0, 0))
            sounding = self._transpositions.get('', self._transpositions.get('1', 0))
            self._bar.key = (int(fifths) * 7 + above + sounding) % 12, mode

    def _read_harmony(self, harmony: Element) -> None:
        """A chord symbol; degrees that are added to its kind are not read."""
        step = text(harmony, 'root/root-step').strip().upper()
        kind = _CHORD_KINDS.get(text(harmony, 'kind').strip())
        if step not in _STEPS or kind is None:
            return
        sounding = self._transpositions.get('', self._transpositions.get('1', 0))

        def name(step: str, alter: str) -> str:
            return _ROOTS[(_STEPS[step] + round(number(harmony, alter) or 0) + sounding) % 12]

        place = self._place + (number(harmony, 'offset') or 0) / self._divisions
        bass = text(harmony, 'bass/bass-step').strip().upper()
        over = f'/{name(bass, "bass/bass-alter")}' if bass in _STEPS else ''
        self._bar.chords.append((max(place, Fraction(0)), name(step, 'root/root-alter') + kind + over))

    def _read_direction(self, direction: Element) -> None:
        sound = direction if direction.tag == 'sound' else direction.find('sound')
        qpm = None
        if sound is not None:
            qpm = _finite(sound.get('tempo', ''))
            for change in sound.iterfind('midi-instrument'):
                before = self._players.get(change.get('id', ''), self._players[''])
                self._players[change.get('id', '')] = _player(change, before)
        if not qpm:
            qpm = next((pace for mark in direction.iter('metronome') if (pace := _metronome(mark))), None)
            self._remarks[notation.TEMPOS] += qpm is not None
        if qpm and qpm > 0:
            later = _offset(direction, sound) / self._divisions
            self._remarks[notation.TEMPOS] += later != 0 or direction.tag == 'sound'
            self._bar.tempos.append((max(self._place + later, Fraction(0)), qpm))
        marks = [mark.tag for dynamics in direction.iterfind('direction-type/dynamics') for mark in dynamics]
        self._velocity = next((notation.VELOCITIES[m] for m in marks if m in notation.VELOCITIES), self._velocity)
        if sound is not None and sound.get('dynamics'):
            self._velocity = _velocity(sound.get('dynamics', ''), self._velocity)


def _players(listed: Element | None) -> dict[str, _Player]:
    """What a part's instruments sound like by their ids; '' is the one of notes that name none."""
    players: dict[str, _Player] = {}
    if listed is not None:
        for instrument in listed.iterfind('midi-instrument'):
            players[instrument.get('id', '')] = _player(instrument, _Player())
    first = next(iter(players.values()), _Player())
    return players | {'': first._replace(pitch=first.pitch if len(players) == 1 else None)}


def _player(instrument: Element, before: _Player) -> _Player:
    """A <midi-instrument>; all of its numbers begin with 1."""
    program, pitch = number(instrument, 'midi-program'), number(instrument, 'midi-unpitched')
    channel = number(instrument, 'midi-channel')
    return _Player(
        before.program if program is None else min(max(int(program) - 1, 0), 127),
        before.is_drum if channel is None else channel == _DRUM_CHANNEL,
        before.pitch if pitch is None else int(pitch) - 1,
    )


def _pitch(pitch: Element) -> int:
    """MIDI's number; quarter tones are rounded up."""
    step, octave = text(pitch, 'step').strip().upper(), number(pitch, 'octave')
    if step not in _STEPS or octave is None:
        raise ValueError('a <pitch> without step or octave')
    return 12 * (int(octave) + 1) + _STEPS[step] + math.floor((number(pitch, 'alter') or 0) + Fraction(1, 2))


def _is_tied(note: Element) -> bool:
    """Whether it is tied to the next one."""
    ties = [*note.iterfind('tie'), *note.iterfind('notations/tied')]
    return any(tie.get('type') == 'start' for tie in ties)


def _passes(note: Element) -> frozenset[int]:
    return musicxml_marks.numbers(note.get('time-only', ''))


def _finite(value: str) -> Fraction | None:
    """A number as it is written; None if there is none."""
    found = re.search(r'\d{1,6}(\.\d{1,6})?', value)
    return Fraction(found[0]) if found else None


def _velocity(percent: str, otherwise: int) -> int:
    """Loudness is written in per cent of MIDI's velocity 90."""
    value = _finite(percent)
    return otherwise if value is None else min(round(value * 90 / 100), 127)


def _offset(direction: Element, sound: Element | None) -> Fraction:
    """How much later than where it stands in the file a direction sounds, in divisions."""
    of_sound = None if sound is None else sound.find('offset')
    offset = direction.find('offset') if of_sound is None else of_sound
    if offset is None or (of_sound is None and offset.get('sound') != 'yes'):  # it is only printed there
        return Fraction(0)
    return number(offset) or Fraction(0)


def _metronome(mark: Element) -> Fraction | None:
    """Quarters per minute of a metronome mark; None of one that relates two notes."""
    pace = _finite(text(mark, 'per-minute'))
    length = LENGTHS.get(text(mark, 'beat-unit').strip())
    if pace is None or length is None:
        return None
    return pace * length * (2 - Fraction(1, 2 ** len(mark.findall('beat-unit-dot'))))


def _metre(time: Element) -> tuple[int, int] | None:
    """A time signature as one fraction, 3+2/8 as 5/8; (0, 0) of free metre; None of one that says nothing."""
    if time.find('senza-misura') is not None:
        return 0, 0
    total, largest = Fraction(0), 1
    for beats, unit in zip(time.iterfind('beats'), time.iterfind('beat-type'), strict=False):
        counted = sum(int(n) for n in re.findall(r'\d{1,3}', beats.text or ''))
        denominator = int(number(unit) or 0)
        if counted and 0 < denominator <= 1024:
            total += Fraction(counted, denominator)
            largest = max(largest, denominator)
    if not total:
        return None
    numerator = total * largest
    return (int(numerator), largest) if numerator.denominator == 1 else (total.numerator, total.denominator)
