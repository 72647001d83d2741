"""The command that plays with a musician: what is typed wrong, and how it ends."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from solferino.bin import command, solferino_midi

# A backend of mido with two ports that lead nowhere, in a folder of the test's.
BACKEND = """
import sys
from mido.ports import BaseInput, BaseOutput

class Input(BaseInput):
    def _open(self, **_): pass

class Output(BaseOutput):
    def _open(self, **_): pass
    def _send(self, message): print(message, file=sys.stderr, flush=True)

def get_devices(**_):
    return [{'name': name, 'is_input': True, 'is_output': True} for name in ('Pads', 'Synth')]
"""


def run(*arguments: str) -> int:
    try:
        command.run(solferino_midi.__doc__, solferino_midi.define, solferino_midi.main, ['midi', *arguments])
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


@pytest.fixture
def nowhere(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    Path('nowhere.py').write_text(BACKEND)
    monkeypatch.syspath_prepend(str(place))
    monkeypatch.setenv('MIDO_BACKEND', 'nowhere')
    return place


def test_ports_are_listed(nowhere: Path, capsys: pytest.CaptureFixture) -> None:
    assert run('--list_ports') == 0
    assert capsys.readouterr().out == '--input_ports:\n  Pads\n  Synth\n--output_ports:\n  Pads\n  Synth\n'


@pytest.mark.parametrize(
    'arguments, message',
    [
        ([], '--bundle_files is required, or --list_ports'),
        (['--bundle_files='], '--bundle_files= is empty'),
        (['--bundle_files=no.mag'], 'no.mag'),
        (['--bundle_files=damaged.mag'], 'damaged.mag'),
        (['--bundle_files=b.mag', '--input_ports=Organ'], '--input_ports=Organ is none of the ports. There are: Pads'),
        (['--bundle_files=b.mag,b.mag'], 'name the controller that chooses among them'),
        (['--bundle_files=b.mag', '--qpm=1e300'], '--qpm=1e+300 must be from 20 to 400'),
        (['--bundle_files=b.mag', '--qpm=nan'], '--qpm=nan is not a finite number'),
        (['--bundle_files=b.mag', '--qpm=fast'], '--qpm=fast is not a number'),
        (['--bundle_files=b.mag', '--response_ticks=99999999999999999999'], '--response_ticks='),
        (['--bundle_files=b.mag', '--response_ticks=-1'], '--response_ticks=-1 must be from 0 to 1000'),
        (['--bundle_files=b.mag', '--max_listen_ticks=1001'], '--max_listen_ticks=1001 must be from 0 to 1000'),
        (['--bundle_files=b.mag', '--beats_per_bar=0'], '--beats_per_bar=0 must be from 1 to 16'),
        (['--bundle_files=b.mag', '--temperature=0'], '--temperature=0 must be above 0'),
        (['--bundle_files=b.mag', '--seed=-1'], '--seed=-1'),
        (['--bundle_files=b.mag', '--playback_channel=0'], '--playback_channel=0 must be from 1 to 16'),
        (['--bundle_files=b.mag', '--metronome_channel=17'], '--metronome_channel=17 must be from 1 to 16'),
        (['--bundle_files=b.mag', '--panic_control_number=128'], '--panic_control_number=128 must be from 0 to 127'),
        (
            ['--bundle_files=b.mag', '--panic_control_number=7', '--tempo_control_number=7'],
            '--panic_control_number=7 and --tempo_control_number=7 are one controller',
        ),
        (['--bundle_files=b.mag', '--clock_in', '--tempo_control_number=7'], 'the tempo is that of the clock'),
        (['--bundle_files=b.mag', '--clock_in', '--qpm=90'], 'the tempo is that of the clock'),
        (['--bundle_files=b.mag', '--silence_beats=0'], 'no call would ever be over'),
        (['--bundle_files=b.mag', '--respons_ticks=1'], 'Did you mean --response_ticks?'),
    ],
)
def test_what_is_wrong_is_said(
    nowhere: Path, capsys: pytest.CaptureFixture, arguments: list[str], message: str
) -> None:
    Path('damaged.mag').write_bytes(Path('b.mag').read_bytes()[:-100])
    assert run(*arguments) == 1
    captured = capsys.readouterr()
    assert message in captured.err and captured.err.startswith('error: ') and captured.err.count('\n') == 1


@pytest.mark.parametrize('number, code', [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_it_ends_with_a_signal_and_leaves_no_note_and_no_process(nowhere: Path, number: int, code: int) -> None:
    script = [sys.executable, '-W', 'ignore', '-m', 'solferino.bin.solferino_midi']
    process = subprocess.Popen(
        [*script, '--bundle_files=b.mag', '--input_ports=pads', '--output_ports=synth', '--qpm=400', '--clock_out'],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env=os.environ | {'PYTHONPATH': os.pathsep.join([str(nowhere), *filter(None, sys.path)])},
    )  # fmt: skip
    assert process.stdout and process.stderr
    assert process.stdout.readline() == 'From Pads to Synth. Loading the models ...\n'
    assert process.stdout.readline() == 'b (one_drum): play. Ctrl-C ends it.\n'
    rows = []
    while not any(row.startswith('note_on') for row in rows):
        rows.append(process.stderr.readline())
    os.killpg(process.pid, number)  # as a terminal does, to the child as well
    _, rest = process.communicate(timeout=60)
    sent = ''.join(rows) + rest
    assert process.returncode == code
    rows = [row for row in sent.splitlines() if row.startswith(('note_', 'clock', 'start', 'stop'))]
    assert rows[0] == 'start time=0' and rows[-1] == 'stop time=0'
    notes = [row.split()[0] for row in rows if row.startswith('note')]
    assert notes and notes.count('note_on') == notes.count('note_off')
    assert 'Traceback' not in sent
    deadline = time.monotonic() + 60
    while _living(process.pid):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _living(group: int) -> list[str]:
    """The processes of a group that have not ended."""
    found = []
    for path in Path('/proc').glob('[0-9]*/stat'):
        with contextlib.suppress(OSError):
            state, _, its_group = path.read_text().rpartition(')')[2].split()[:3]
            if int(its_group) == group and state != 'Z':
                found.append(path.parent.name)
    return found
