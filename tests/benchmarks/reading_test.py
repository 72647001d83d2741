"""Readers and metrics that are measured side by side do the same work."""

import contextlib

import growth
import pytest
import reading
import stages


@pytest.fixture
def files(tmp_path):
    """Small MIDI files, and one that is none."""
    for seed in range(3):
        (tmp_path / f'{seed}.mid').write_bytes(growth.made(seed))
    (tmp_path / 'none.mid').write_bytes(b'no music')
    (tmp_path / 'other.txt').write_bytes(b'')
    return tmp_path


def test_all_readers_find_the_same_notes(files, monkeypatch):
    monkeypatch.setattr(reading, 'LEAST_SECONDS', 0.0)
    number, paths = reading.spread(files, ['midi'], 10)
    assert number == len(paths) == 4
    with contextlib.ExitStack() as stack:
        found = {name: reading.measure(reader, paths) for name, reader in reading.midi_readers(stack).items()}
    assert list(found)[:3] == [reading.CONVERTED, reading.ARRAYS, reading.NOTE_SEQ]
    assert len({result.notes for result in found.values()}) == 1
    assert all(result.tunes == 3 and result.failed == 1 and result.seconds >= 0 for result in found.values())


def test_files_are_spread_over_the_folder(files):
    assert [path.name for path in reading.spread(files, ['midi'], 2)[1]] == ['0.mid', '2.mid']


def test_seconds_are_those_of_once(monkeypatch):
    clock = iter(range(100))
    monkeypatch.setattr(reading, '_cpu_seconds', lambda: float(next(clock)))
    monkeypatch.setattr(reading, 'LEAST_SECONDS', 3.0)
    done = []
    seconds, last = reading.cpu_seconds_of(lambda: done.append(1) or len(done))
    assert last == len(done) == 3
    assert seconds == 4 / 3  # the last look counts, too


def test_metrics_are_those_of_muspy(files):
    pytest.importorskip('muspy')
    import beside_muspy

    (files / '0.mid').write_bytes(growth.made(0).replace(b'\x99', b'\x90').replace(b'\x89', b'\x80'))  # not drums
    paths = reading.spread(files, ['midi'], 10)[1][:3]
    with contextlib.ExitStack() as stack:
        both = beside_muspy.sides(paths, stack)
        defined, alike = beside_muspy.equal(both)
        assert defined == alike >= 12 + 2 * 4  # most of the one, and those of drums of the others
        assert len(both[beside_muspy.OURS][1]()) == len(both[beside_muspy.THEIRS][1]()) == 42


def test_the_stages_are_those_of_what_is_installed():
    found = {stage.name: stage for stage in stages.all_stages(()) if stage.group in ('reading', 'metrics')}
    assert len(found) == 4
    for stage in found.values():
        assert stage.sides[0].name == reading.CONVERTED
