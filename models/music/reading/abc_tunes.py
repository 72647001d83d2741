"""Reads books of tunes in ABC notation as they sound, each tune by itself.

Standard: https://abcnotation.com/wiki/abc:standard:v2.1, and what was usual before it.
"""

import codecs
import collections
import dataclasses
import re
from typing import NamedTuple

from solferino.models.music.reading import abc_fields, notation
from solferino.models.music.reading.abc_voice import Voice
from solferino.models.music.reading.midi_notes import Instrument, Music
from solferino.models.music.reading.notation import Bar
from solferino.models.music.reading.remarks import NOT_UNDERSTOOD, Refused

_FIELD = re.compile(r'([A-Za-z+]):(?![|:])(.*)')  # d:| is music
_NUMBER = re.compile(r'X:\s*(\d{0,9})')
_CHARSET = re.compile(rb'^%%abc-charset\s+(\S+)|^I:abc-charset\s+(\S+)', re.MULTILINE)
_TEXT_BEGINS = re.compile(r'^%%begin(text|ps|svg)\b', re.MULTILINE)
_VOICE = re.compile(r'\[V:([^\[\]]*)\]')
_BROKEN = re.compile(r'\[[^\[\]|:"]*$')
_TAG = re.compile(r'</?(html|head|body|pre|p|br|hr|div|h\d|title|textarea)\b[^<>]*>')  # of books cut out of web pages
_MAX_LINE = 1000  # characters
_MARKS = (b'\xff\xfe', b'\xfe\xff')  # that UTF-16 begins with
_COMMENT = re.compile(r'(?<!\\)%.*')
# Fields that are not music, wherever they stand. In a tune's body w: and s: are lines of words and signs.
_WORDS = frozenset('ABCDFGHNORSTWZXmrsuwW')


class Tune(NamedTuple):
    """A tune of a book.

    Attributes:
      number: of its field X:, 0 without one.
      title: '' without one.
      music: None if it cannot be read.
      error: why.
    """

    number: int
    title: str
    music: Music | None
    error: Refused | None = None


def read(content: bytes) -> list[Tune]:
    """Returns all tunes of a book; one that cannot be read is among them. Raises MemoryError."""
    header, tunes, is_preceded = _split(decode(content))
    is_preceded |= content.startswith(codecs.BOM_UTF8)
    not_read = content[:2] in _MARKS or 0 in content[:8], is_preceded  # all tunes, or the first, by Magenta
    return [_read(header, lines, not_read[0] or (not i and not_read[1])) for i, lines in enumerate(tunes)]


def decode(content: bytes) -> str:
    """A book's text, whatever its encoding, with \\n after each line."""
    guesses = ['utf-8-sig', 'cp1252']
    declared = _CHARSET.search(content)
    if content[:2] in _MARKS:
        guesses = ['utf-16']
    elif content[:8].count(0) >= 2:
        guesses = ['utf-16-le' if content[1:2] == b'\0' else 'utf-16-be']
    elif declared:
        guesses.insert(1, (declared[1] or declared[2]).decode('ascii', 'replace'))
    for guess in guesses:
        try:
            text = content.decode(guess)
            break
        except (UnicodeDecodeError, LookupError):
            continue
    else:
        text = content.decode('latin-1')
    return text.replace('\r\n', '\n').replace('\r', '\n')


def _split(text: str) -> tuple[list[str], list[list[str]], bool]:
    """The lines of a book's header, which holds for all tunes, and of each tune; whether free text is before them.

    A tune begins with X: and ends at an empty line; one without X: is known by its K:. What else there is is free text.
    """
    header: list[str] = []
    tunes: list[list[str]] = []
    is_preceded, has_key = False, True  # the last tune
    for block in _blocks(_without_text_blocks(text)):
        last = tunes[-1] if tunes else ['K:']
        if block[0].startswith('X:'):
            tunes.append(block)
            has_key = _has_key(block)
        elif not has_key or (tunes and last[-1].startswith('K:') and any('|' in line for line in block)):
            last += block  # an empty line stands within the header, or after it
            has_key = has_key or _has_key(block)
        elif _has_key(block):
            tunes.append(block)
        elif not tunes and all(_FIELD.match(line) or line.startswith('%') for line in block):
            header += block
        elif not tunes:
            is_preceded = True
    return header, tunes, is_preceded


def _without_text_blocks(text: str) -> str:
    kept, place, unclosed = [], 0, set()
    while begin := _TEXT_BEGINS.search(text, place):
        kind = begin[1]
        end = -1 if kind in unclosed else text.find(f'\n%%end{kind}', begin.end())
        if end < 0:  # so for all that follow, too
            unclosed.add(kind)
            kept.append(text[place : begin.end()])
            place = begin.end()
        else:
            kept.append(text[place : begin.start()] + '%')
            after = text.find('\n', end + 1)
            place = len(text) if after < 0 else after
    return ''.join([*kept, text[place:]])


def _blocks(text: str) -> list[list[str]]:
    """Lines that belong together: up to an empty line, or one that begins a tune."""
    blocks: list[list[str]] = [[]]
    for line in text.split('\n'):
        line = line.strip()
        if (not line or line.startswith('X:')) and blocks[-1]:
            blocks.append([])
        if line:
            blocks[-1].append(line)
    return [block for block in blocks if block]


def _has_key(lines: list[str]) -> bool:
    return any(line.startswith('K:') for line in lines)


def _read(header: list[str], lines: list[str], is_not_read: bool) -> Tune:
    number = next((int(found[1] or 0) for line in lines if (found := _NUMBER.match(line))), 0)
    title = next((line[2:].strip() for line in lines if line.startswith('T:')), '')
    remarks = collections.Counter({notation.NOT_READ: int(is_not_read)})
    try:
        tune = _Tune(remarks, any(line.startswith('K:') for line in lines))
        for line in [*header, *lines]:
            tune.read(line)
        return Tune(number, title, tune.music())
    except Refused as refusal:
        return Tune(number, title, None, refusal)
    except (ArithmeticError, LookupError, ValueError) as error:  # one bad tune must not cost the book
        return Tune(number, title, None, Refused(NOT_UNDERSTOOD, f'{type(error).__name__}: {error}'))


class _Tune:
    """Reads a tune, line by line. Its header ends with the first K:, if it `has_key`, and else with the first music."""

    def __init__(self, remarks: 'collections.Counter[str]', has_key: bool):
        self._remarks, self._has_key = remarks, has_key
        self._defaults = Voice(remarks)  # what the header says for all voices
        self._voices: dict[str, Voice] = {}
        self._voice: Voice | None = None
        self._in_header = True
        self._order = ''  # of the parts
        self._tempo = ''  # which may count unit lengths, and those may be told later
        self._broken = ''  # a line that was broken within a chord
        self._number = 0  # of the line

    def read(self, line: str) -> None:
        """Reads a line of header or body."""
        self._number += 1
        if line.startswith('%%'):
            self._directive(line[2:])
            return
        if _TAG.fullmatch(line):
            self._remarks[notation.NOT_READ] += 1
            return
        line = _COMMENT.sub('', line).strip()
        field = _FIELD.match(line)
        if field and field[1] == '+':
            return
        if field:
            self._read_field(field[1], field[2].strip())
        elif line and not (self._in_header and self._has_key):
            self._end_header()
            line = self._broken + line
            self._broken = line if _BROKEN.search(line) and len(line) < _MAX_LINE else ''
            if self._broken:
                return
            before, *voices = _VOICE.split(line)
            self._current().read(before, self._number, self._read_field)
            for voice, music in zip(voices[::2], voices[1::2], strict=True):
                self._read_voice(voice.strip())
                self._current().read(music, self._number, self._read_field)

    def _end_header(self) -> None:
        if self._in_header:
            for voice in (self._defaults, *self._voices.values()):
                voice.read_field('Q', self._tempo)
                voice.settle()
            self._in_header = False

    def _current(self) -> Voice:
        """The voice that notes and fields of the body belong to."""
        if self._voice is None:
            if not self._voices:
                self._voices['1'] = self._defaults.copy()
            self._voice = next(iter(self._voices.values()))
        return self._voice

    def _read_field(self, name: str, value: str) -> None:
        """A field of a line of its own, or in the music."""
        self._remarks[notation.NOT_READ] += name == 'P'
        if name == 'V':
            self._read_voice(value)
        elif name == 'P' and self._in_header:
            self._order = abc_fields.part_order(value)
        elif name == 'I':
            self._directive(value.replace('=', ' ', 1))
        elif name in _WORDS:
            pass
        elif self._in_header and name == 'Q':
            self._tempo = value
        elif self._in_header:
            for voice in (self._defaults, *self._voices.values()):
                voice.read_field(name, value)
            if name == 'K':
                self._end_header()
        else:
            self._current().read_field(name, value)

    def _read_voice(self, value: str) -> None:
        identity, _, properties = value.partition(' ')
        if identity not in self._voices:
            self._voices[identity] = self._defaults.copy()
        self._remarks[notation.NOT_READ] += 1
        self._voice = self._voices[identity]
        self._voice.read_properties(properties)

    def _directive(self, text: str) -> None:
        """%%MIDI program 73, %%propagate-accidentals not."""
        words = text.split()
        if self._in_header and self._voice is None:
            for voice in (self._defaults, *self._voices.values()):
                voice.directive(words)
        else:
            self._current().directive(words)

    def music(self) -> Music:
        """What has been read."""
        if self._broken:
            self._current().read(self._broken, self._number, self._read_field)
        if not self._voices:
            self._current()
        voices = list(self._voices.values())
        rows = [voice.finish() for voice in voices]
        leader = next((row for row in rows if row), [])
        labels = next((voice.parts for voice in voices if voice.parts), [])
        for bars in rows:
            for bar, other in zip(leader, bars if len(bars) == len(leader) else [], strict=False):
                bar.tempos += [tempo for tempo in other.tempos if tempo not in bar.tempos]
        streams: list[list[Bar]] = []
        instruments: list[Instrument] = []
        for voice, bars in zip(voices, rows, strict=True):
            if len(bars) == len(leader) and not any(bar.marks != type(bar.marks)() for bar in bars):
                bars = [dataclasses.replace(bar, marks=other.marks) for bar, other in zip(bars, leader, strict=True)]
            parts = voice.parts or (labels if len(bars) == len(leader) else [])
            streams.append(_in_parts(bars, parts, self._order))
            player = len(instruments)
            instruments += [Instrument(program, is_drum, voice.name) for program, is_drum in voice.players]
            for bar in bars:
                bar.notes = [note._replace(player=note.player + player) for note in bar.notes]
        return notation.play([s for s in streams if s], instruments, self._remarks)


def _in_parts(bars: list[Bar], parts: list[tuple[str, int]], order: str) -> list[Bar]:
    """The bars of parts A, B, ... in the order that the header gives, after what comes before the first part."""
    if not parts or not set(order) & {label for label, _ in parts}:
        return bars
    ends = [begin for _, begin in parts[1:]] + [len(bars)]
    sections = {label: bars[begin:end] for (label, begin), end in reversed(list(zip(parts, ends, strict=True)))}
    played = bars[: parts[0][1]]
    for label in order:
        section = sections.get(label, [])
        for bar in section[:1]:
            played.append(dataclasses.replace(bar, marks=dataclasses.replace(bar.marks, begins_repeat=True)))
        played += section[1:]
    return played
