"""--best keeps the best of the outputs."""

from pathlib import Path

import pytest

from solferino.bin import drums_rnn_generate


def _generate(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    arguments = ('--bundle_file=b.mag', '--num_outputs=6', '--num_bars=4', '--seed=2', *arguments)
    monkeypatch.setattr('sys.argv', ['drums_rnn_generate', *arguments])
    drums_rnn_generate.console_entry_point()


def test_the_best_are_kept_and_told(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _generate(monkeypatch, '--output_dir=all')
    _generate(monkeypatch, '--output_dir=best', '--best=2')
    told = capsys.readouterr().out
    every, best = (sorted(Path(name).glob('*.mid')) for name in ('all', 'best'))
    assert (len(every), len(best)) == (6, 2)
    assert {path.read_bytes() for path in best} <= {path.read_bytes() for path in every}
    rows = told[told.index('bars heard before') :].splitlines()[1:7]
    assert [row.split()[-1] for row in rows] == [best[0].name, best[1].name, '-', '-', '-', '-']
    first = int(rows[0].split()[0])
    assert best[0].read_bytes() == every[first - 1].read_bytes()


def test_more_than_there_are(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        _generate(monkeypatch, '--best=7')
    assert '--best=7 of --num_outputs=6' in capsys.readouterr().err
