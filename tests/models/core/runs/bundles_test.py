"""Bundles come back as they were saved; anything else is refused with the file's name."""

import dataclasses
import socket
from pathlib import Path

import numpy as np
import pytest
from note_seq.protobuf import generator_pb2

from solferino.hparams.errors import SolferinoError
from solferino.models.core.runs import bundles
from solferino.models.core.runs.bundles import Bundle

BUNDLE = Bundle(
    {'family': 'drums_rnn', 'config': 'drum_kit'},
    {'logits/kernel': np.arange(6, dtype=np.float32).reshape(2, 3)},
    'my_id',
    'My drums.',
    'Trained on 3 files.',
)


def test_round_trip(tmp_path: Path) -> None:
    bundles.write(tmp_path / 'x.mag', BUNDLE)
    read = bundles.read(tmp_path / 'x.mag')
    assert (read.settings, read.generator_id, read.description) == (BUNDLE.settings, 'my_id', 'Trained on 3 files.')
    np.testing.assert_array_equal(read.weights['logits/kernel'], BUNDLE.weights['logits/kernel'])
    assert [p.name for p in tmp_path.iterdir()] == ['x.mag']


def test_the_file_is_a_generator_bundle(tmp_path: Path) -> None:
    bundles.write(tmp_path / 'x.mag', BUNDLE)
    proto = generator_pb2.GeneratorBundle.FromString((tmp_path / 'x.mag').read_bytes())
    assert proto.generator_details.description == 'My drums.'
    assert not proto.metagraph_file


@pytest.mark.parametrize('value', [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(tmp_path: Path, value: float) -> None:
    weights = {'logits/kernel': np.array([[1, value]], np.float32)}
    bundles.write(tmp_path / 'x.mag', dataclasses.replace(BUNDLE, weights=weights))
    with pytest.raises(
        SolferinoError, match=r'x\.mag: the model in this bundle holds weights that .*: logits/kernel\.'
    ):
        bundles.read(tmp_path / 'x.mag')


def _empty() -> bytes:
    return generator_pb2.GeneratorBundle().SerializeToString()


def _magenta() -> bytes:
    proto = generator_pb2.GeneratorBundle(checkpoint_file=[b'x'], metagraph_file=b'y')
    proto.generator_details.id = 'drum_kit'
    return proto.SerializeToString()


@pytest.mark.parametrize(
    'data, says',
    [
        (b'MThd' + bytes(40), 'not a bundle'),
        (b'', 'not a bundle'),
        (_empty(), 'not a bundle'),
        (_magenta(), 'bundle of Magenta'),
    ],
)
def test_other_files_are_refused_by_name(tmp_path: Path, data: bytes, says: str) -> None:
    path = tmp_path / 'x.mag'
    path.write_bytes(data)
    with pytest.raises(SolferinoError, match=says) as error:
        bundles.read(path)
    assert str(path) in str(error.value)


def test_no_truncation_passes_for_another_model(tmp_path: Path) -> None:
    path = tmp_path / 'x.mag'
    bundles.write(path, BUNDLE)
    data = path.read_bytes()
    refused = 0
    for length in range(len(data)):
        path.write_bytes(data[:length])
        try:
            read = bundles.read(path)
        except SolferinoError as error:
            assert 'x.mag' in str(error)
            refused += 1
        else:  # only the description, which comes last, is lost
            assert (read.settings, read.description) == (BUNDLE.settings, '')
            np.testing.assert_array_equal(read.weights['logits/kernel'], BUNDLE.weights['logits/kernel'])
    assert refused >= len(data) - 2


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SolferinoError, match='There is no bundle'):
        bundles.read(tmp_path / 'none.mag')


def test_what_is_no_regular_file_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # names of sockets are short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind('x.mag')
        with pytest.raises(SolferinoError, match=r'x\.mag is a socket or a device, not a regular file'):
            bundles.read('x.mag')
