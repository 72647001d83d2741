"""The music that presets are measured on: no side knows another's."""

from collections import Counter
from pathlib import Path

import presets
import pytest


@pytest.mark.parametrize('family', presets.CORPORA)
def test_no_two_sides_share_a_drummer_composer_or_work(family: str, shared: Path) -> None:
    files = presets._files(family, shared / 'data')
    assert len(files) == sum(
        1 for folder in presets.CORPORA[family].folders for _ in (shared / 'data' / folder).rglob('*.mid')
    )
    of = presets.CORPORA[family].group or (lambda path: path.parts[-3])
    sides: dict[str, set[str]] = {}
    for path, side in files.items():
        sides.setdefault(of(path), set()).add(side)
    assert all(len(found) == 1 for found in sides.values())
    shares = Counter(files.values())
    assert shares['training'] > shares['validation'] > 0 and all(shares[part] > 0 for part in presets.TEST_PARTS)


def test_the_table_of_results() -> None:
    result = {
        'family': 'drums_rnn', 'config': 'drum_kit', 'preset': 'two_minutes', 'steps': 1000, 'best_step': 200,
        'seconds': 50.0, 'processor_seconds': 76.0, 'loss': 1.5, 'table': 2.0, 'temperature': 0.7,
        'music': {
            'data': {'repetition': 0.4, 'likeness': 0.5, 'leap': float('nan')},
            'auto': {'repetition': 0.44, 'likeness': 0.2, 'leap': float('nan')},
            '1.0': {'repetition': 0.0, 'likeness': 0.1, 'leap': float('nan')},
        },
    }  # fmt: skip
    page = presets.markdown({'drum_kit-two_minutes': result})
    assert '200 of 1000 | 50 s (76) | 1.500 | 2.000 | 25% | 0.7 |' in page
    assert '| 0.40 | 0.00 | 0.44 | +10 % | yes |' in page
    assert '| 0.50 | 0.10 | 0.20 | -60 % | no |' in page
    assert 'nan' not in page
