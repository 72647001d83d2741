"""Models side by side."""

import math

import numpy as np
import pytest
from note_seq.protobuf import music_pb2

from solferino.hparams import musegan as settings
from solferino.models import registry, scoring
from solferino.models.loading import Model
from solferino.models.music.grooves.groove_library import style
from solferino.models.music.grooves.groove_songs import song
from solferino.models.scoring import ModelScore, PieceScore


def _model(config: str, scale: float = 0.0) -> Model:
    family = registry.get('drums_rnn')
    found = family.spec.config(config)
    rng = np.random.default_rng(0)
    shapes = family.weight_shapes(found)
    weights = {name: (scale * rng.normal(size=shape)).astype(np.float32) for name, shape in shapes.items()}
    return Model(family, found, weights, config, config, '')


def test_pieces_that_do_not_fit_are_counted_by_reason() -> None:
    short = music_pb2.NoteSequence(ticks_per_quarter=220, total_time=1.0)
    short.notes.add(pitch=36, velocity=80, end_time=0.1, is_drum=True)
    music = [('a', song(style('rock'))), ('b', short), ('c', music_pb2.NoteSequence())]
    found = scoring.score(_model('one_drum'), 'x', music)
    assert list(found.pieces) == ['a']
    assert sum(found.left_out.values()) == 2
    assert found.per('event').value == pytest.approx(math.log(2))
    assert '1 drum track too short' in scoring.compare([found]).table()


def test_two_pieces_of_one_name_stay_two() -> None:
    found = scoring.score(_model('one_drum'), 'x', [('a', song(style('rock')))] * 2)
    assert len(found.pieces) == 2


def test_a_model_without_likelihood_says_so() -> None:
    family = registry.get('musegan')
    sequence = music_pb2.NoteSequence(ticks_per_quarter=220, total_time=64.0)
    for config in settings.SPEC.configs.values():
        tracks = config.hparams.num_tracks
        for track in range(tracks):
            for bar in range(32):
                sequence.notes.add(
                    pitch=48 + 5 * track, velocity=80, start_time=2 * bar, end_time=2 * bar + 2, instrument=track
                )
        found = scoring.score(Model(family, config, {}, '', '', ''), 'gan', [('a', sequence)])
        assert 'tells no likelihood' in found.refusal
        assert 'tells no likelihood' in scoring.compare([found]).table()
        break


def test_differences_are_paired() -> None:
    rng = np.random.default_rng(0)
    hard = rng.uniform(10, 1000, size=30)  # pieces differ far more than models
    one = ModelScore('one', {str(k): PieceScore(v, 100, 100, 6.0) for k, v in enumerate(hard)}, {})
    other = ModelScore('other', {str(k): PieceScore(v - 5, 100, 100, 6.0) for k, v in enumerate(hard[:20])}, {})
    found = scoring.compare([one, other]).differences['other']
    assert found.pieces == 20 and found.same_events
    assert found.per['event'].value == pytest.approx(-0.05)
    assert found.per['event'].high < 0
    assert scoring.compare([one, other]).models[0].per('event').high > one.per('event').value + 0.5
