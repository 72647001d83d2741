"""--log=ERROR: every command says its results on stdout, and on stderr nothing but errors."""

import subprocess
import sys
from pathlib import Path

from note_seq import midi_io

from solferino.models.music.grooves.groove_library import style
from solferino.models.music.grooves.groove_songs import song

# Readers warn of the second title and of the tempo in words.
_TUNE = 'X:{0}\nT:One\nM:4/4\nL:1/4\nQ:"Fast"\nK:C\nCDEF|GABc|\nT:Two\ncBAG|FEDC|\nCDEF|\n\n'


def _run(name: str, *flags: str, code: int = 0) -> str:
    """Runs a command of the project; returns what it said on stderr."""
    command = [sys.executable, '-m', f'solferino.bin.{name}', *flags]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done.stderr


def test_nothing_but_errors_is_said(tmp_path: Path) -> None:
    """Of music that readers and commands have something to say about at other times."""
    music, quiet = tmp_path / 'music', '--log=ERROR'
    music.mkdir()
    (music / 'book.abc').write_text(''.join(_TUNE.format(number) for number in range(1, 4)) + 'X:9\nK:C\n[broken|\n')
    (music / 'bad.mid').write_bytes(b'MThd')
    (music / 'score.xml').write_text('<score-partwise><part-list/></score-partwise>')
    for number in range(3):
        midi_io.note_sequence_to_midi_file(song(style('rock'), number), str(music / f'{number}.mid'))
    notes, data, run = tmp_path / 'notes.tfrecord', tmp_path / 'data', tmp_path / 'run'
    for reading in ('--magenta_reading', '--nomagenta_reading'):
        assert not _run(
            'convert_dir_to_note_sequences', f'--input_dir={music}', f'--output_file={notes}', reading, quiet
        )
    assert not _run('drums_rnn_create_dataset', f'--input={notes}', f'--output_dir={data}', '--eval_ratio=0.5', quiet)
    files = [f'--{flag}={data}/{side}_drum_tracks.tfrecord' for flag, side in (
        ('sequence_example_file', 'training'), ('eval_file', 'eval'),
    )]  # fmt: skip
    tiny = ['--num_training_steps=2', '--hparams=batch_size=2,rnn_layer_sizes=[4],attn_length=0']
    assert not _run('drums_rnn_train', *files, f'--run_dir={run}', *tiny, quiet)
    primer = [f'--primer_midi={music}/book.abc', '--qpm=33']
    assert not _run('drums_rnn_generate', f'--run_dir={run}', '--num_outputs=1', *primer, quiet)
    assert 'are taken for drums' in _run('drums_rnn_generate', f'--run_dir={run}', '--num_outputs=1', *primer)
    error = _run('drums_rnn_generate', f'--run_dir={run}', f'--primer_midi={music}/bad.mid', quiet, code=1)
    assert error.startswith('error: --primer_midi=') and error.count('\n') == 1
