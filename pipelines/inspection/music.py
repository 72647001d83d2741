"""Music: one file of it, or a TFRecord file of NoteSequences."""

import array
import math
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from google.protobuf import message
from note_seq.protobuf import music_pb2

from solferino.hparams import words
from solferino.hparams.errors import SolferinoError
from solferino.models.core.storage import records
from solferino.models.music.pictures.drum_names import drum_height, drum_name
from solferino.pipelines import parsing
from solferino.pipelines.inspection.findings import Chart, Finding, binned, shares, spread

_OCTAVE = 12
_HIGHEST = 127  # pitch
_MOST_ROWS = 37  # pitches that text shows one by one
_FASTEST = 1000  # quarters a minute; what is above is damage


class Music:
    """Adds up what there is in any number of NoteSequences, in little memory."""

    def __init__(self) -> None:
        self.sequences = self.notes = self.silent = 0
        self.odd = 0  # notes at pitches that there are not
        self.seconds = array.array('d')
        self.pitches: Counter[int] = Counter()
        self.drums: Counter[int] = Counter()  # by pitch
        self.metres: Counter[str] = Counter()  # these by sequences that have them
        self.tempos: Counter[int] = Counter()
        self.instruments: Counter[int] = Counter()
        self.sources: Counter[str] = Counter()

    def add(self, sequence: music_pb2.NoteSequence) -> None:
        """Counts a sequence."""
        self.sequences += 1
        self.notes += len(sequence.notes)
        self.silent += not sequence.notes
        self.seconds.append(sequence.total_time if math.isfinite(sequence.total_time) else 0.0)
        there = [note for note in sequence.notes if 0 <= note.pitch <= _HIGHEST]
        self.odd += len(sequence.notes) - len(there)
        self.pitches.update(note.pitch for note in there if not note.is_drum)
        self.drums.update(note.pitch for note in there if note.is_drum)
        metres = {f'{metre.numerator}/{metre.denominator}' for metre in sequence.time_signatures}
        self.metres.update(metres or {'none given'})
        tempos = {round(max(0.0, min(tempo.qpm, _FASTEST))) for tempo in sequence.tempos if math.isfinite(tempo.qpm)}
        self.tempos.update(tempos or {120})
        self.instruments[len({note.instrument for note in sequence.notes})] += 1
        kind = sequence.id.split('/')
        self.sources[kind[2] if sequence.id.startswith('/id/') and len(kind) > 3 else 'without id'] += 1

    def facts(self) -> dict[str, Any]:
        """What is to be said."""
        one = self.sequences == 1
        return {
            'without notes': self.silent or None,
            'notes': f'{self.notes:,}' + (f', {self.drums.total():,} of them drums' if self.drums.total() else ''),
            'notes at pitches beyond 0 to 127': self.odd or None,
            'length': spread(self.seconds, 'seconds'),
            'metres': shares(self.metres, one),
            'tempos': spread(sorted(self.tempos.elements()), 'quarters a minute'),
            'instruments': spread(sorted(self.instruments.elements()), 'a piece' if not one else ''),
            'pitches': f'{pitch_name(min(self.pitches))} to {pitch_name(max(self.pitches))}' if self.pitches else None,
        }

    def note_charts(self) -> Iterator[Chart]:
        """Pitches and drums."""
        if self.pitches:
            span = range(min(self.pitches), max(self.pitches) + 1)
            bars = [(pitch_name(pitch), self.pitches[pitch]) for pitch in span]
            yield Chart('pitches', bars, bars[::-1] if len(span) <= _MOST_ROWS else self._octaves())
        if self.drums:
            kinds: Counter[tuple[int, str]] = Counter()
            for pitch, count in self.drums.items():
                kinds[drum_height(pitch), drum_name(pitch)] += count
            yield Chart('drums', [(name, kinds[height, name]) for height, name in sorted(kinds, reverse=True)])

    def charts(self) -> list[Chart]:
        """All histograms."""
        charts = [*self.note_charts(), binned('length in seconds', self.seconds)]
        charts.append(binned('tempos in quarters a minute', self.tempos.elements()))
        if len(self.metres) > 1:
            charts.append(Chart('metres', self.metres.most_common(12), []))
        return [chart for chart in charts if chart]

    def _octaves(self) -> list[tuple[str, int]]:
        counts: Counter[int] = Counter()
        for pitch, count in self.pitches.items():
            counts[pitch // _OCTAVE] += count
        octaves = range(max(counts), min(counts) - 1, -1)
        return [(f'{pitch_name(octave * _OCTAVE)} to B{octave - 1}', counts[octave]) for octave in octaves]


def pitch_name(pitch: int) -> str:
    """60 -> 'C4'"""
    names = ('C', 'C#', 'D', 'D#', 'E', 'F', 'F#', 'G', 'G#', 'A', 'A#', 'B')
    return f'{names[pitch % _OCTAVE]}{pitch // _OCTAVE - 1}'


_FILES = {'midi': 'MIDI file', 'musicxml': 'MusicXML score', 'abc': 'ABC tunes', 'voices': 'table of voices'}
_ENDINGS = {'midi': b'.mid', 'musicxml': b'.xml', 'abc': b'.abc', 'voices': b'.json'}


def inspect_file(path: str, kind: str) -> Finding:
    """Reads a music file of a kind, whatever its name ends in. Raises SolferinoError that says why it cannot."""
    name = os.fsencode(os.path.basename(path))
    if parsing.KINDS.get(parsing.ending(name)) != kind:
        name += b'.mxl' if kind == 'musicxml' and _is_zip(path) else _ENDINGS[kind]
    with parsing.Parser(parsing.Limits()) as parser:
        answers = parser.parse(parsing.Request(os.fsencode(path), name, ''))
    left_out = [answer for answer in answers if isinstance(answer, parsing.LeftOut)]
    found = [music_pb2.NoteSequence.FromString(a.data) for a in answers if isinstance(a, parsing.Converted)]
    if not found:
        detail = f' ({left_out[0].detail})' if left_out[0].detail else ''
        raise SolferinoError(f'{path} looks like music ({_FILES[kind]}), but: {left_out[0].reason}{detail}.')
    music = Music()
    for sequence in found:
        music.add(sequence)
    finding = Finding(path, _FILES[kind], charts=[] if not music.notes else music.charts())
    if len(found) == 1:
        finding.facts = _facts_of_one(found[0]) | music.facts()
        finding.picture = lambda: draw(found[0], os.path.basename(path))
    else:
        finding.facts = {'tunes': len(found)} | music.facts()
    finding.warnings = [f'a tune is not understood: {answer.detail}' for answer in left_out]
    finding.warnings += _warnings([answer for answer in answers if isinstance(answer, parsing.Converted)])
    return finding


def _warnings(answers: list[parsing.Converted]) -> list[str]:
    """What the reader noticed in a file, and why it is silent if it is."""
    counts: Counter[str] = Counter()
    for remark in (remark for answer in answers for remark in answer.remarks):
        counts[remark.what] += remark.times
    said = [words.counted(times, what) for what, times in counts.items()]
    if any(answer.differs for answer in answers):
        said.append('Magenta reads this file otherwise, as convert_dir_to_note_sequences --magenta_reading does')
    silences = sorted({answer.silence for answer in answers if not answer.notes})
    return said + [f'{reason}: {parsing.SILENCE[reason]}' for reason in silences]


def draw(sequence: music_pb2.NoteSequence, title: str) -> Any:
    """A drum grid of music that has nothing but drums, a piano roll of any other."""
    from solferino.models.music.pictures import roll_pictures, track_pictures

    if sequence.notes and all(note.is_drum for note in sequence.notes):
        return track_pictures.draw_drums(sequence, title=title)
    return roll_pictures.draw_notes(sequence, title=title)


def _facts_of_one(sequence: music_pb2.NoteSequence) -> dict[str, Any]:
    from solferino.models.music.pieces import timeline

    return {
        'title': sequence.sequence_metadata.title,
        'composers': list(sequence.sequence_metadata.composers) or None,
        'bars': timeline.read(sequence).num_bars if sequence.notes else None,
    }


def _is_zip(path: str) -> bool:
    with open(path, 'rb') as file:
        return file.read(2) == b'PK'


def is_note_sequence(data: bytes) -> bool:
    """Whether a record is one; the format has no mark, so that it is guessed by what can be read."""
    try:
        sequence = music_pb2.NoteSequence.FromString(data)
    except message.DecodeError:
        return False
    return bool(sequence.id or sequence.filename or sequence.notes or sequence.tempos)


def inspect_records(path: str, paths: Iterable[str]) -> Finding:
    """Reads TFRecord files of NoteSequences, one record after the other. Raises SolferinoError for a damaged one."""
    music = Music()
    for file in paths:
        for number, data in enumerate(records.read(file)):
            if not is_note_sequence(data):
                raise SolferinoError(f'{file} begins with NoteSequences, but record {number} is none.')
            music.add(music_pb2.NoteSequence.FromString(data))
    counts = {'NoteSequences': music.sequences, 'sources': shares(music.sources)}
    return Finding(path, 'NoteSequences (TFRecord)', counts | music.facts(), music.charts())
