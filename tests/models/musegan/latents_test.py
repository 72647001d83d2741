import dataclasses

import numpy as np
import pytest

from solferino.hparams.errors import SolferinoError
from solferino.hparams.musegan import SPEC, MuseGanHparams
from solferino.models.musegan import latents

HPARAMS = MuseGanHparams()
OPTIONS = dataclasses.replace(SPEC.generation, seed=3)


def _draw(outputs: int = 2, pieces: int = 3, **options: object) -> latents.Latents:
    return latents.draw(HPARAMS, outputs, pieces, dataclasses.replace(OPTIONS, **options))  # type: ignore[arg-type]


def test_they_are_standard_normal_and_all_different() -> None:
    drawn = _draw(40, 5)
    assert drawn.chords.shape == drawn.style.shape == (200, 32)
    assert drawn.melody.shape == drawn.groove.shape == (200, 4, 32)
    rows = np.concatenate([part.reshape(-1, 32) for part in drawn])
    assert len(np.unique(rows[:, 0])) == len(rows)
    assert abs(rows.mean()) < 0.02 and abs(rows.std() - 1) < 0.02


def test_an_output_is_the_same_whatever_is_beside_it() -> None:
    few, many = _draw(2, 3), _draw(5, 3)
    for one, other in zip(few, many, strict=True):
        np.testing.assert_array_equal(one, other[:6])


@pytest.mark.parametrize('name', ['chords', 'style', 'melody', 'groove'])
def test_a_latent_can_be_held(name: str) -> None:
    held, free = _draw(**{f'{name}_seed': '7'}), _draw()
    for which, one in held._asdict().items():
        other = getattr(free, which)
        if which == name:
            assert (one == one[0]).all()
        else:
            np.testing.assert_array_equal(one, other)


def test_tracks_can_be_held_one_by_one() -> None:
    one, other = _draw(1, 1, melody_seed='7,7,7,7'), _draw(1, 1, melody_seed='7,7,7,8')
    assert (one.melody[0, :3] == other.melody[0, :3]).all() and (one.melody[0, 3] != other.melody[0, 3]).all()
    np.testing.assert_array_equal(one.melody, _draw(1, 1, melody_seed='7').melody)
    for text in ('1,2', '1,2,3,4,5'):
        with pytest.raises(SolferinoError, match='one number or 4'):
            _draw(melody_seed=text)


def test_the_way_from_one_seed_to_another_stays_on_the_sphere() -> None:
    way = latents.draw(HPARAMS, 1, 9, dataclasses.replace(OPTIONS, interpolate='1:2:9'))
    ends = [latents.draw(HPARAMS, 1, 2, dataclasses.replace(OPTIONS, interpolate=f'{k}:3:2')) for k in (1, 2)]
    np.testing.assert_allclose(way.style[[0, 8]], [end.style[0] for end in ends], atol=1e-5)
    lengths = np.linalg.norm(way.style, axis=1)
    assert (np.abs(lengths / lengths.mean() - 1) < 0.25).all()
    steps = np.linalg.norm(np.diff(way.style, axis=0), axis=1)
    assert steps.max() < 1.5 * steps.min()


def test_temperature_is_their_size() -> None:
    np.testing.assert_allclose(_draw(temperature=0.5).style, 0.5 * _draw().style)
