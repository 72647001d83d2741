"""note_seq is what it always was, but for the time that it takes."""

import subprocess
import sys

_SCRIPT = """
import sys
import solferino.models
import note_seq.protobuf.music_pb2
from note_seq import sequences_lib
assert not {'bokeh', 'pandas', 'note_seq.drums_lib'} & set(sys.modules)
try:
    note_seq.__wrapped__
except AttributeError:
    assert 'bokeh' not in sys.modules
from note_seq import DrumTrack
assert note_seq.sequences_lib is sequences_lib
assert note_seq.drums_lib.DrumTrack is DrumTrack
assert note_seq.NoteSequence is note_seq.protobuf.music_pb2.NoteSequence
assert 'bokeh' in sys.modules
try:
    note_seq.nothing_of_this_name
except AttributeError as error:
    print(error)
"""


def test_modules_of_note_seq_come_alone():
    done = subprocess.run([sys.executable, '-W', 'ignore', '-c', _SCRIPT], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, '')
    assert done.stdout == "module 'note_seq' has no attribute 'nothing_of_this_name'\n"
