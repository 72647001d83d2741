"""The generate command, as far as the configs of piano_rnn differ in what it may be asked for."""

import dataclasses
from pathlib import Path

import pytest

from solferino.bin import piano_rnn_generate
from solferino.hparams.piano_rnn import SPEC
from solferino.models.loading import Model
from solferino.models.piano_rnn import FAMILY

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
