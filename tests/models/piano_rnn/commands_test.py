"""The generate command, as far as piano_rnn has what other families have not."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from solferino.bin import piano_rnn_generate
from solferino.hparams.piano_rnn import SPEC, GruAttentionHparams, Vocabulary
from solferino.models.loading import Model
from solferino.models.piano_rnn import FAMILY
from solferino.models.piano_rnn.attention import attention_plot

SMALL = {'rnn_layer_sizes': (4,), 'nade_size': 3, 'key_size': 2, 'lags': (1,), 'span': 1}


@pytest.mark.parametrize(
    'flag, says', [('--plot_attention', 'nothing to show there'), ('--random_frames=5', 'no vocabulary')]
)
def test_gru_nade_refuses_what_needs_an_attention_or_a_vocabulary(
    flag: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is generated."""
    config = SPEC.config('gru_nade')
    config = dataclasses.replace(config, hparams=dataclasses.replace(config.hparams, **SMALL))
    weights = {name: variable.numpy() for name, variable in FAMILY.model(config, 0).named_weights().items()}
    Model(FAMILY, config, weights, 'here', 'gru_nade', 'Tiny.').save_bundle(tmp_path / 'tiny.mag')
    monkeypatch.setattr(
        'sys.argv', ['piano_rnn_generate', f'--bundle_file={tmp_path}/tiny.mag', f'--output_dir={tmp_path}/out', flag]
    )
    with pytest.raises(SystemExit) as stopped:
        piano_rnn_generate.console_entry_point()
    assert stopped.value.code == 1
    assert says in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


def test_attention_is_plotted_of_what_the_model_saw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The primer is in the pictures, even if it is not in the files."""
    config = SPEC.config('gru_attention')
    hparams = GruAttentionHparams(embedding_size=3, rnn_layer_sizes=(4, 4), attention_size=2)
    config = dataclasses.replace(config, hparams=hparams, learned=Vocabulary(('60', '60,64', 'e', '67')))
    weights = {name: variable.numpy() for name, variable in FAMILY.model(config, 0).named_weights().items()}
    Model(FAMILY, config, weights, 'here', 'gru_attention', 'Tiny.').save_bundle(tmp_path / 'tiny.mag')
    shown: list[np.ndarray] = []
    draw = attention_plot.draw

    def watched(weights: np.ndarray, frames: np.ndarray, *which: int) -> Any:
        shown.append(frames)
        return draw(weights, frames, *which)

    monkeypatch.setattr(attention_plot, 'draw', watched)
    flags = ['--num_outputs=2', '--seed=4', '--num_steps=60', '--random_frames=55', '--plot_attention']
    for folder, more in (('whole', []), ('rest', ['--exclude_primer'])):
        where = [f'--bundle_file={tmp_path}/tiny.mag', f'--output_dir={tmp_path}/{folder}']
        monkeypatch.setattr('sys.argv', ['piano_rnn_generate', *where, *flags, *more])
        piano_rnn_generate.console_entry_point()
        assert len(list((tmp_path / folder).glob('*.png'))) == 2
    assert len(shown) == 4
    np.testing.assert_array_equal(shown[2:], shown[:2])
    sizes = [sum(path.stat().st_size for path in (tmp_path / name).glob('*.mid')) for name in ('whole', 'rest')]
    assert sizes[1] < sizes[0]
