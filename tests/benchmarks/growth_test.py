"""The tool that measures growth: its files are music, and it sees what processes take."""

import json
import subprocess
import sys

import growth
import growth_training
import pytest
from growth import Cost, Footprint, made, slope

from solferino.pipelines.parsing import Converted, Limits, Parser


def test_made_files_are_music(tmp_path):
    contents = [made(seed) for seed in range(5)]
    assert len(set(contents)) == 5
    assert made(3) == contents[3]
    with Parser(Limits()) as parser:
        for content in contents:
            (tmp_path / 'made.mid').write_bytes(content)
            answer = parser.parse_midi(tmp_path / 'made.mid')
            assert isinstance(answer, Converted)
            assert 32 <= answer.notes <= 64
            assert answer.milliseconds == 8000


_HOLDS_AND_STARTS_ANOTHER = """
import subprocess, sys, time
held = b'1' * 50_000_000
others = int(sys.argv[1])
if others:
    subprocess.run([sys.executable, '-c', sys.orig_argv[2], str(others - 1)], check=True)
while time.process_time() < 0.5:
    pass
time.sleep(1)
"""


def test_footprint_sees_all_processes():
    with Footprint() as footprint:
        subprocess.run([sys.executable, '-c', _HOLDS_AND_STARTS_ANOTHER, '2'], check=True)
    assert 150 < footprint.memory_mb < 250
    assert 50 < footprint.peaks_mb['command'] < 80
    assert 1 < footprint.processor_seconds < 2


def test_slope():
    costs = [Cost(files, {'seconds': seconds}, {}) for files, seconds in ((1, 5.0), (10, 6.0), (1000, 600.0))]
    assert slope(costs, 'seconds') == pytest.approx(1)
    assert slope(costs[:1], 'seconds') != slope(costs[:1], 'seconds')


def test_every_stop_that_reads_the_corpus_is_measured_at_each_size(tmp_path, monkeypatch):
    files = []

    def cost(side, size, command, **flags):
        files.append(len(list((tmp_path / 'growth/midi').glob('*/*.mid'))))
        return Cost(size, dict.fromkeys((growth._SECONDS, growth._CPU, growth._MEMORY), float(size)), {})

    monkeypatch.setattr(growth, '_cost', cost)
    monkeypatch.setattr(sys, 'argv', ['growth', '--sizes=1,3', '--workers=1,2', f'--work={tmp_path}'])
    growth.main()
    found = json.loads((tmp_path / 'growth.json').read_text())
    assert {name: [cost['files'] for cost in line] for name, line in found.items()} == {
        'convert_dir_to_note_sequences, 1 worker': [1, 3],
        'convert_dir_to_note_sequences, 2 workers': [1, 3],
        'drums_rnn_create_dataset, 1 worker': [1, 3],
        'drums_rnn_create_dataset, 2 workers': [1, 3],
        'drums_rnn_train, one step': [1, 3],
    }
    assert files == [1] * 10 + [3] * 5  # the first turn is not counted
    assert (tmp_path / 'growth.png').exists()
    assert not (tmp_path / 'growth').exists()


def test_the_two_commands_do_not_share_a_folder(tmp_path, monkeypatch):
    (tmp_path / 'growth').mkdir()
    folders = []

    def point(config, varied, length, batch, hparams, work, runs):
        folders.append(work)
        (work / 'tracks.tfrecord').write_bytes(b'')
        return growth_training.Point(config, varied, length, batch, 1.0, 1.0)

    monkeypatch.setattr(growth_training, 'point', point)
    flags = ['--configs=one_drum', '--lengths=8', '--batches=2', f'--work={tmp_path}', f'--picture={tmp_path}/p.png']
    monkeypatch.setattr(sys, 'argv', ['growth_training', *flags])
    growth_training.main()
    assert set(folders) == {tmp_path / 'growth_training'}
    assert sorted(path.name for path in tmp_path.iterdir()) == ['growth', 'growth_training.json', 'p.png']
