"""Where MusicXML says that the music goes on elsewhere: bar lines, <sound>, or else signs and words."""

import re
from collections.abc import Iterator
from fractions import Fraction
from xml.etree.ElementTree import Element

from solferino.models.music.reading import repeats
from solferino.models.music.reading.repeats import Marks

_NUMBER = re.compile(r'[+-]?(\d{1,20}(\.\d{0,20})?|\.\d{1,20})')
_JUMPS = ('dacapo', 'dalsegno', 'segno', 'coda', 'tocoda', 'fine')
_DA_CAPO = re.compile(r'\b(d\.? ?c\.?|da capo)(\s|$|\b)', re.IGNORECASE)
_DAL_SEGNO = re.compile(r'\b(d\.? ?s\.?|dal segno)(\s|$|\b)', re.IGNORECASE)
_TO_CODA = re.compile(r'^\W*(to|al) coda\b', re.IGNORECASE)
_FINE = re.compile(r'^\W*fine\W*$', re.IGNORECASE)


def text(element: Element | None, path: str = '.') -> str:
    """The text of what stands in an element; '' if there is none."""
    found = None if element is None else element.find(path)
    return '' if found is None else found.text or ''


def number(element: Element, path: str = '.') -> Fraction | None:
    """A number in an element, exactly; None if it is missing or blank. Raises ValueError of what is no number."""
    value = text(element, path).strip()
    if value and not _NUMBER.fullmatch(value):  # not 1e999999999
        raise ValueError(f'<{element.tag}> has "{value[:40]}" for a number')
    return Fraction(value) if value else None


def numbers(value: str) -> frozenset[int]:
    """'1, 2-4' as numbers."""
    found: set[int] = set()
    for first, last in re.findall(r'(\d{1,3})(?:\s*-\s*(\d{1,3}))?', value):
        found |= set(range(int(first), int(last or first) + 1)) - {0}
    return frozenset(found)


def mark(marks: list[Marks], measures: list[Element]) -> None:
    """Fills in the marks of a part's measures."""
    endings: frozenset[int] = frozenset()
    for one, measure in zip(marks, measures, strict=True):
        closes = False
        for line in measure.iterfind('barline'):
            repeat, ending = line.find('repeat'), line.find('ending')
            if repeat is not None and repeat.get('direction') == 'forward':
                one.begins_repeat = True
            elif repeat is not None:
                times = repeat.get('times', '')
                one.times = int(times) if times.isdigit() else 2
            if ending is not None and ending.get('type') == 'start':
                endings = numbers(ending.get('number', '')) or numbers(ending.text or '') or frozenset({1})
            elif ending is not None:
                closes = True
        one.endings = endings
        if closes:
            endings = frozenset()
    sounds = [list(measure.iter('sound')) for measure in measures]
    if any(sound.get(jump) for measure in sounds for sound in measure for jump in _JUMPS):
        for one, measure_sounds in zip(marks, sounds, strict=True):
            for sound in measure_sounds:
                _mark_by_sound(one, sound)
    else:
        _mark_by_signs(marks, measures)


def _mark_by_sound(one: Marks, sound: Element) -> None:
    one.begins_repeat |= sound.get('forward-repeat') == 'yes'
    one.is_segno |= bool(sound.get('segno'))
    one.is_coda |= bool(sound.get('coda'))
    one.to_coda |= bool(sound.get('tocoda'))
    one.is_fine |= bool(sound.get('fine'))
    if sound.get('dacapo') == 'yes':
        one.jump = repeats.TO_BEGINNING
    elif sound.get('dalsegno'):
        one.jump = repeats.TO_SEGNO


def _mark_by_signs(marks: list[Marks], measures: list[Element]) -> None:
    """As a player reads them. The first of two coda signs says where to leave, the second where to go."""
    codas = []
    for one, measure in zip(marks, measures, strict=True):
        words = list(_words(measure))
        one.to_coda |= any(_TO_CODA.search(word) for word in words)
        for word in words:
            mark_by_words(one, word)
        one.is_segno |= next(measure.iter('segno'), None) is not None and not one.jump
        if next(measure.iter('coda'), None) is not None and not one.to_coda:
            codas.append(one)
    if codas:
        codas[-1].is_coda = True
        for one in codas[:-1]:
            one.to_coda = True


def mark_by_words(one: Marks, words: str) -> None:
    """Words over the music: Fine, D.C. al Fine, dal segno."""
    one.is_fine |= bool(_FINE.search(words))
    if _DA_CAPO.search(words):
        one.jump = repeats.TO_BEGINNING
    elif _DAL_SEGNO.search(words):
        one.jump = repeats.TO_SEGNO


def _words(measure: Element) -> Iterator[str]:
    for direction in measure.iterfind('direction'):
        for words in direction.iterfind('direction-type/words'):
            yield (words.text or '').strip()
