"""A voice of a tune in ABC notation: from its lines to bars."""

import collections
import copy
import re
from collections.abc import Callable
from fractions import Fraction

from solferino.models.music.reading import abc_fields, musicxml_marks, notation, repeats
from solferino.models.music.reading.notation import Bar, Note
from solferino.models.music.reading.remarks import NOT_UNDERSTOOD, Refused

_NOTE = r"(?P<accidental>\^\^|__|\^/?|_/?|=)?(?P<letter>[A-Ga-g])(?P<octave>[,']*)(?P<length>\d*(?:/+\d*)?)"
_TOKENS = re.compile(
    rf"""
    (?P<space>[\s`*$;?@\#\\]+)
    |(?P<field>\[(?P<name>[A-Za-z]):(?P<value>[^\[\]]*)\])
    |(?P<text>"(?P<words>[^"]*)"?)
    |(?P<last>(?:H|!fermata!)(?=\s*(?:\[?\||:)))
    |(?P<sign>!(?P<decoration>[^!\s|]*)!|\+(?P<decoration_of_old>[A-Za-z.()<>]+)\+)
    |(?P<grace>\{{[^}}]*\}}?)
    |(?P<invisible>\[\|\])
    |(?P<bar>(?P<line>(?:\[\||\|\]|\||:)+)(?:\s*\[?\s*(?P<ending>\d[\d,.\-]*))?)
    |(?P<bracket>\[\s*(?P<numbers>\d[\d,.\-]*))
    |(?P<chord>\[(?P<notes>[^\[\]|]*)\](?P<times>\d*(?:/+\d*)?))
    |(?P<tuplet>\((?P<p>\d)(?::(?P<q>\d{{0,3}}))?(?::(?P<r>\d{{0,3}}))?)
    |(?P<note>{_NOTE})
    |(?P<rests>[ZX](?P<bars>\d{{0,6}}))
    |(?P<rest>[zx](?P<rest_length>\d*(?:/+\d*)?))
    |(?P<spacer>y\d*)
    |(?P<broken>>+|<+)
    |(?P<tie>-)
    |(?P<overlay>&)
    |(?P<symbol>[~.H-Wh-w])
    |(?P<other>.)
    """,
    re.VERBOSE,
)
_NOTES = re.compile(_NOTE + r'(?P<tie>-?)')
_UNQUOTED = re.compile(r'"[^"]*"|![^!]*!|\{[^{}]*\}')
_STEPS = {'C': 0, 'D': 2, 'E': 4, 'F': 5, 'G': 7, 'A': 9, 'B': 11}
_ALTERATIONS = abc_fields.ALTERATIONS | {'^/': 1, '_/': 0}  # quarter tones are rounded up
_MIDDLE_C = 60  # C, and c is the one above it
# How many notes' time a tuplet of a number takes; 5, 7 and 9 take two, in compound metres three.
_TUPLETS = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}
_WORD = re.compile(r'[A-Za-z]{4,}')
_NO_NOTES = re.compile('[h-tw]')
# What note-seq's reader does not know: it leaves the tune out.
_NOT_READ = frozenset(('chord', 'rest', 'rests', 'tuplet', 'overlay', 'bracket', 'field', 'sign', 'last', 'spacer'))
_UNKNOWN = frozenset('#$*;?@`IJKNQRUVWYhijklmnopqrstw')  # to it likewise
_CHORD_SYMBOL = re.compile(r'[A-G][#b]?(?:m|min|maj|dim|aug|sus|add|[-+o#b()\d])*(?:/[A-G][#b]?)?')
_MOST_RESTS = 1000  # bars


class Voice:
    """Reads a voice; one without notes holds what the header says for all of them.

    Attributes:
      name: '' if it has none.
      players: program and whether it is drums, by the numbers of the notes' players.
      parts: the labels of parts, and the bars that they begin with.
    """

    def __init__(self, remarks: 'collections.Counter[str]'):
        self.name = ''
        self.players: list[tuple[int, bool]] = []
        self.parts: list[tuple[str, int]] = []
        self._remarks = remarks
        self._unit: Fraction | None = None  # of a length, in whole notes; None as long as the metre decides
        self._metre = (0, 0)
        self._key = abc_fields.Key({}, None)
        self._octave = self._clef_octave = self._semitones = 0
        self._program, self._is_drum = 0, False
        self._drums: dict[tuple[str, int, int], int] = {}  # pitches, by letter, octave and alteration
        self._symbols = {'S': 'segno', 'O': 'coda'}  # decorations of one letter
        self._velocity = notation.DEFAULT_VELOCITY
        self._propagation = 'pitch'
        self._bars: list[Bar] = []
        self._bar = Bar()
        self._place = Fraction(0)  # quarters from the beginning of the bar
        self._next = Bar()  # metre and key that begin with the next bar
        self._endings: frozenset[int] = frozenset()
        self._is_open = False  # a repeat has begun
        self._section = 0  # the bar after the last double bar line, where a repeat begins that has no sign for it
        self._accidentals: dict[tuple[str, int], int] = {}  # in this bar, by letter and octave
        self._tied: dict[tuple[str, int], int] = {}  # alterations of notes that are tied to the next
        self._last: tuple[Fraction, int] | None = None  # length of the last note, chord or rest, and its first note
        self._sounding: list[tuple[str, int, int]] = []  # letter, octave, alteration of the last notes
        self._broken = Fraction(1)  # what > and < make of the next note
        self._tuplet = (0, Fraction(1))  # how many notes more, and the factor of their lengths

    def copy(self) -> 'Voice':
        """A voice that begins as this one."""
        remarks, self._remarks = self._remarks, collections.Counter()
        other = copy.deepcopy(self)
        self._remarks = other._remarks = remarks
        return other

    # Fields and directives.

    def read_field(self, name: str, value: str) -> None:
        """M:, L:, Q:, K: or P:, in header, body or music."""
        if name == 'M':
            metre = abc_fields.metre(value)
            if metre is not None:
                self._metre = metre
                self._remarks[notation.NOT_READ] += '(' in value or '+' in value
                self._here().metre = metre
        elif name == 'L':
            self._unit = abc_fields.unit_length(value) or self._unit
        elif name == 'Q':
            qpm = abc_fields.tempo(value, self._unit_length())
            if qpm:
                self._bar.tempos.append((self._place, qpm))
            elif value and '"' not in value:
                self._remarks[notation.NOT_READ] += 1
        elif name == 'K':
            self.read_properties(value)
            key = abc_fields.key(value)
            if key is not None:
                self._key = key
                self._remarks[notation.NOT_READ] += key.signature is None
                self._here().key = key.signature or self._here().key
        elif name == 'U' and (found := re.match(r'([H-Wh-w~])\s*=\s*[!+]?([^!+]*)', value)):
            self._symbols[found[1]] = found[2].strip()
        elif name == 'P' and value:
            self.parts.append((value[0], len(self._bars) + (self._place > 0)))

    def settle(self) -> None:
        """Ends the header: a metre that comes later does not change the unit of lengths (section 3.1.7)."""
        self._unit = self._unit_length()

    def _here(self) -> Bar:
        """The bar that a metre or key begins with."""
        return self._next if self._place else self._bar

    def read_properties(self, text: str) -> None:
        """What V: and K: say beside a name and a key: clef, octave, transpose, name."""
        for name, value in re.findall(r'([a-z]+)=("[^"]*"|\S+)', text):
            value = value.strip('"')
            if name == 'octave' and re.fullmatch(r'[+-]?\d', value):
                self._octave = int(value)
            elif name == 'transpose' and re.fullmatch(r'[+-]?\d{1,2}', value):
                self._semitones = int(value)
            elif name in ('name', 'nm'):
                self.name = value
        bare = re.sub(r'(?!clef)\b[a-z]+=("[^"]*"|\S+)', ' ', text)  # a name may be that of a clef
        clef = re.search(r'(?:clef="?|\b)(treble|alto|tenor|bass|perc)[1-5]?([+-]8)?', bare)
        if clef:
            self._clef_octave = int(clef[2][0] + '1') if clef[2] else 0
            self._is_drum = clef[1] == 'perc'

    def directive(self, words: list[str]) -> None:
        """%%MIDI, its drummap too, and %%propagate-accidentals."""
        if len(words) >= 2 and words[0] == 'propagate-accidentals':
            self._propagation = words[1]
            self._remarks[notation.NOT_READ] += words[1] != 'pitch'
        if len(words) < 3 or words[0] != 'MIDI' or not re.fullmatch(r'[+-]?\d{1,3}', words[-1]):
            return
        value = int(words[-1])
        if words[1] == 'program' and 0 <= value <= 127:
            self._program = value
            self._remarks[notation.NOT_READ] += value > 0
        elif words[1] == 'channel':
            self._is_drum = value == 10
        elif words[1] == 'transpose':
            self._semitones = value
        elif words[1] == 'drummap' and (note := re.fullmatch(_NOTE, words[2])) and 0 <= value <= 127:
            place = note['letter'].upper(), _octave(note)
            self._drums[(*place, _ALTERATIONS.get(note['accidental'], 0))] = value

    # Music.

    def read(self, line: str, number: int, read_field: Callable[[str, str], None]) -> None:
        """Reads a line of music; fields within it go to `read_field`. Raises Refused."""
        _check_is_music(line, number)
        end = 0
        while end < len(line):
            token = _TOKENS.match(line, end)
            assert token
            end = token.end()
            is_letter = token.lastgroup in ('space', 'symbol')
            if token.lastgroup in _NOT_READ or (is_letter and not _UNKNOWN.isdisjoint(token[0])):
                self._remarks[notation.NOT_READ] += 1
            match token.lastgroup:
                case 'note':
                    self._read_note(token)
                case 'bar':
                    self._read_bar_line(token['line'], token['ending'] or '')
                case 'chord':
                    self._read_chord(token)
                case 'rest':
                    self._rest(self._item(token['rest_length']))
                case 'rests':
                    self._read_rests(int(token['bars'] or 1))
                case 'broken':
                    self._break(token['broken'])
                case 'tie':
                    self._tie()
                case 'tuplet':
                    self._read_tuplet(token)
                case 'field':
                    read_field(token['name'], token['value'].strip())
                case 'bracket':
                    self._begin_ending(token['numbers'])
                case 'overlay':
                    self._place = Fraction(0)
                case 'text':
                    musicxml_marks.mark_by_words(self._bar.marks, token['words'].lstrip('^_<>@'))
                    if _CHORD_SYMBOL.fullmatch(token['words'].strip()) and not self._semitones % 12:
                        self._bar.chords.append((self._place, token['words'].strip()))
                case 'sign':
                    self._read_sign(token['decoration'] or token['decoration_of_old'] or '')
                case 'last':  # a fermata over a bar line is where a da capo ends
                    self._bar.marks.is_fine = True
                case 'symbol':
                    self._read_sign(self._symbols.get(token['symbol'], ''))
                case 'grace':
                    self._remarks[notation.GRACE_NOTES] += len(_NOTES.findall(token['grace']))
                case 'other' if token['other'] not in '()!+]}\x00':
                    self._remarks[notation.STRANGE] += 1

    def _unit_length(self) -> Fraction:
        if self._unit is not None:
            return self._unit
        numerator, denominator = self._metre
        return Fraction(1, 16 if numerator and Fraction(numerator, denominator) < Fraction(3, 4) else 8)

    def _item(self, length: str) -> Fraction:
        """Quarters of the next note, chord or rest, by what stands before it."""
        left, factor = self._tuplet
        quarters = 4 * self._unit_length() * abc_fields.fraction(length, Fraction(1)) * self._broken
        if left:
            quarters *= factor
            self._tuplet = (left - 1, factor)
        self._broken = Fraction(1)
        return quarters

    def _advance(self, length: Fraction, notes: int) -> None:
        """Goes on after something that has so many notes."""
        self._last = length, len(self._bar.notes) - notes
        self._place += length
        self._bar.length = max(self._bar.length, self._place)

    def _rest(self, length: Fraction) -> None:
        self._tied = {}
        self._sounding = []
        self._advance(length, 0)

    def _read_rests(self, bars: int) -> None:
        """Rests of whole bars."""
        if bars > _MOST_RESTS:
            raise Refused(NOT_UNDERSTOOD, f'a rest of {bars} bars')
        numerator, denominator = self._metre if self._metre[0] else (4, 4)
        for i in range(bars):
            if i:
                self._read_bar_line('|', '')
            self._rest(Fraction(4 * numerator, denominator))

    def _read_note(self, token: 're.Match[str]') -> None:
        self._sounding = []
        length = self._item(token['length'])
        self._sound(token, length, False)
        self._tied = {}
        self._advance(length, 1)

    def _read_chord(self, token: 're.Match[str]') -> None:
        notes = list(_NOTES.finditer(_UNQUOTED.sub('', token['notes'])))
        if not notes:
            return
        self._sounding = []
        unit = self._item(token['times'])  # of the lengths of its notes
        lengths = [abc_fields.fraction(note['length'], Fraction(1)) * unit for note in notes]
        tied = {}
        for note, length in zip(notes, lengths, strict=True):
            who = self._sound(note, length, bool(note['tie']))
            if note['tie']:
                tied[who[:2]] = who[2]
        self._tied = tied
        self._advance(lengths[0], len(notes))

    def _sound(self, note: 're.Match[str]', length: Fraction, is_tied: bool) -> tuple[str, int, int]:
        """Adds a note. Returns its letter, octave and alteration."""
        letter = note['letter'].upper()
        octave = _octave(note)
        place = letter, octave
        held = place if self._propagation == 'octave' else (letter, 0)
        if note['accidental']:
            alteration = _ALTERATIONS[note['accidental']]
            self._remarks[notation.NOT_READ] += len(note['accidental']) > 1
            if self._propagation != 'not':
                self._accidentals[held] = alteration
        elif place in self._tied:
            alteration = self._tied[place]
        else:
            alteration = self._accidentals.get(held, self._key.alterations.get(letter, 0))
        pitch = _MIDDLE_C + 12 * octave + _STEPS[letter] + alteration
        self._remarks[notation.DRUMS] += self._is_drum
        if self._is_drum:
            pitch = self._drums.get((letter, octave, alteration), pitch)
        else:
            shift = 12 * (self._octave + self._clef_octave) + self._semitones
            self._remarks[notation.NOT_READ] += shift != 0
            pitch += shift
        player = (0 if self._is_drum else self._program), self._is_drum
        if player not in self.players:
            self.players.append(player)
        who = self.players.index(player)
        self._bar.notes.append(Note(self._place, length, pitch, self._velocity, who, is_tied))
        self._sounding.append((letter, octave, alteration))
        return self._sounding[-1]

    def _tie(self) -> None:
        """Ties the last note, or all of the last chord, to what comes."""
        if self._last and self._sounding:
            notes, first = self._bar.notes, self._last[1]
            if first < len(notes):
                notes[first:] = [note._replace(is_tied=True) for note in notes[first:]]
            elif self._bars:  # a bar line stands between
                before = self._bars[-1].notes
                before[-len(self._sounding) :] = [n._replace(is_tied=True) for n in before[-len(self._sounding) :]]
            self._tied = {(letter, octave): alteration for letter, octave, alteration in self._sounding}

    def _break(self, signs: str) -> None:
        """Broken rhythm: lengthens the last note by what it takes of the next, or the other way."""
        self._remarks[notation.NOT_READ] += len(signs) > 1
        short = Fraction(1, 2 ** min(len(signs), 8))
        before, self._broken = (2 - short, short) if signs[0] == '>' else (short, 2 - short)
        if not self._last or not self._place:
            return
        length, first = self._last
        notes = self._bar.notes
        notes[first:] = [note._replace(length=note.length * before) for note in notes[first:]]
        is_longest = self._place == self._bar.length
        self._place += length * (before - 1)
        self._bar.length = self._place if is_longest else max(self._place, self._bar.length)
        self._last = length * before, first

    def _read_tuplet(self, token: 're.Match[str]') -> None:
        p = int(token['p'])
        if p < 2:
            return
        in_threes = self._metre[1] == 8 and self._metre[0] % 3 == 0
        q = int(token['q'] or 0) or _TUPLETS.get(p, 3 if in_threes else 2)
        self._tuplet = int(token['r'] or 0) or p, Fraction(q, p)

    def _read_sign(self, name: str) -> None:
        """A decoration: what is a jump, or loudness."""
        marks = self._bar.marks
        self._velocity = notation.VELOCITIES.get(name, self._velocity)
        match name.lower().replace('.', ''):
            case 'segno':
                marks.is_segno = True
            case 'coda':
                marks.is_coda = True
            case 'fine':
                marks.is_fine = True
            case 'tocoda' | 'dacoda':
                marks.to_coda = True
            case 'dc' | 'dacapo' | 'dcalfine' | 'dcalcoda':
                marks.jump = repeats.TO_BEGINNING
            case 'ds' | 'dsalfine' | 'dsalcoda':
                marks.jump = repeats.TO_SEGNO

    # Bar lines.

    def _read_bar_line(self, line: str, ending: str) -> None:
        """|, ||, |], :|, |:, ::, with the number of an ending that begins there."""
        bare = line.replace('[', '').replace(']', '')
        if bare == ':':
            return
        if '|' in bare:
            ends, begins = len(bare) - len(bare.lstrip(':')), len(bare) - len(bare.rstrip(':'))
            between = bare.strip(':').count(':')
        else:
            ends, begins, between = (len(bare) + 1) // 2, len(bare) // 2, 0
        if between == 1 and not ends and not begins:  # |:|
            ends, begins = int(self._is_open), int(not self._is_open)
        elif between:
            ends, begins = max(ends, 1), max(begins, 1)
        self._end_bar(ends + 1 if ends else 0)
        if ends and not self._is_open and self._section < len(self._bars):
            self._bars[self._section].marks.begins_repeat = True
        if ends or begins or ending or '||' in bare or line != bare:
            self._endings = frozenset()
            if not ending:
                self._section = len(self._bars)
        if ends or begins:
            self._is_open = bool(begins)
        if ending:
            self._endings = musicxml_marks.numbers(ending)
        self._bar.marks.begins_repeat |= bool(begins)
        self._bar.marks.endings = self._endings

    def _begin_ending(self, numbers: str) -> None:
        """An ending whose number stands apart from the bar line."""
        self._end_bar(0)
        self._endings = self._bar.marks.endings = musicxml_marks.numbers(numbers)

    def _end_bar(self, times: int) -> None:
        """Ends the bar, if there is something in it; what stands at its right belongs to the one before otherwise."""
        self._accidentals = {}
        marks = self._bar.marks
        if self._bar.length:
            marks.times = max(marks.times, times)
            self._bars.append(self._bar)
            self._bar, self._next, self._place = self._next, Bar(), Fraction(0)
            self._bar.marks.endings = self._endings
        elif self._bars:
            before = self._bars[-1].marks
            before.times = max(before.times, times)
            before.jump = before.jump or marks.jump
            before.is_fine |= marks.is_fine
            before.to_coda |= marks.to_coda
            marks.jump, marks.is_fine, marks.to_coda = '', False, False

    def finish(self) -> list[Bar]:
        """Returns all bars."""
        # A repeat that begins at the very end is one that ends there, |:| say.
        self._read_bar_line(':|' if self._bar.marks.begins_repeat and not self._bar.length else '|', '')
        return self._bars


def _octave(note: 're.Match[str]') -> int:
    """Of a note, from that of middle C."""
    return int(note['letter'].islower()) + note['octave'].count("'") - note['octave'].count(',')


def _check_is_music(line: str, number: int) -> None:
    """Raises Refused of prose, whose letters would be taken for notes."""
    words = _WORD.findall(_UNQUOTED.sub(' ', line))
    if len(words) > 2 and '|' not in line and 2 * sum(bool(_NO_NOTES.search(word)) for word in words) > len(words):
        raise Refused(NOT_UNDERSTOOD, f'text among the notes, line {number}: {line[:40]}')
