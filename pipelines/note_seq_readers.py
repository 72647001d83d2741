"""note-seq's readers of MIDI, MusicXML and ABC. Importing this takes most of a second."""

import os
import tempfile
import warnings
import zipfile
from typing import Any

from solferino.pipelines import parsing
from solferino.pipelines.parsing import Request

warnings.simplefilter('ignore')  # pretty_midi's remarks about odd files

from note_seq import abc_parser, midi_io, musicxml_parser, musicxml_reader  # noqa: E402 their imports warn too

# The tunes of a file, as what is added to its name for the id, and the NoteSequence; and errors of single tunes.
Tunes = tuple[list[tuple[str, Any]], list[Exception]]

# Errors that only wrap another.
WRAPPERS = {
    midi_io.MIDIConversionError,
    musicxml_parser.MusicXMLParseError,
    musicxml_reader.MusicXMLConversionError,
}


class _NoScoreError(Exception):
    """An XML file that holds no music."""


def _read_midi(_: Request, content: bytes) -> Tunes:
    return [('', midi_io.midi_to_note_sequence(content))], []


def _read_musicxml(request: Request, _: bytes) -> Tunes:
    path = os.fsdecode(request.path)
    if parsing.ending(request.name) != '.mxl' or path.endswith('.mxl'):
        score = musicxml_reader.musicxml_file_to_sequence_proto(path)
    else:  # note-seq unpacks a file only if its ending is in lower case
        with tempfile.TemporaryDirectory() as folder:
            link = os.path.join(folder, 'score.mxl')
            os.symlink(os.path.abspath(path), link)
            score = musicxml_reader.musicxml_file_to_sequence_proto(link)
    if not score.part_infos:  # to note-seq any XML, even a web page, is a score without parts
        raise _NoScoreError('no part of a partwise score is in it')
    return [('', score)], []


def _read_abc(_: Request, content: bytes) -> Tunes:
    try:
        book = content.decode('utf-8-sig')
    except UnicodeDecodeError:
        book = content.decode('latin-1')
    tunes, failures = abc_parser.parse_abc_tunebook(book)
    return [(f'_{number}', tune) for number, tune in tunes.items()], failures


# Errors of files that are not what their name says.
NOT_MUSICXML = (_NoScoreError, zipfile.BadZipFile)

# By kind. They raise note-seq's errors.
READERS = {'midi': _read_midi, 'musicxml': _read_musicxml, 'abc': _read_abc}
