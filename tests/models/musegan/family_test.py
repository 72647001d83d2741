import dataclasses
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from note_seq.protobuf import music_pb2

from solferino.hparams import overrides
from solferino.hparams.errors import SolferinoError
from solferino.hparams.musegan import SPEC, MuseGanLearned
from solferino.hparams.reasons import NOT_4_4, OTHER_VOICES, OUT_OF_RANGE, PART_OF_WINDOW
from solferino.models.loading import Model
from solferino.models.musegan import FAMILY
from solferino.models.music.pieces import piece, voices

TINY = 'latent_size=4,temporal_size=5,bar_sizes=[8,4,4,4],critic_sizes=[3,4,4,5]'
LOWEST = (67, 60, 52, 41)  # of soprano, alto, tenor and bass


def _quartet(bars: int = 4, seed: int = 0) -> music_pb2.NoteSequence:
    """Four voices of quarters, each within an octave."""
    rng = np.random.default_rng(seed)
    music = np.full((16 * bars, 4), voices.HOLD)
    music[::4] = np.array(LOWEST) + rng.integers(0, 8, (4 * bars, 4))
    sequence = voices.to_sequence(music, 4, 100.0, 80, [0] * 4)
    sequence.time_signatures.add(numerator=4, denominator=4)
    return sequence


def _config(more: str = '', **extraction: Any) -> Any:
    """Of a tiny network; music stays in its key unless it is said."""
    config, extraction = SPEC.configs['musegan'], {'common_key': False, **extraction}
    return dataclasses.replace(
        config,
        hparams=overrides.parse(config.hparams, f'{TINY},{more}'.strip(',')),
        extraction=dataclasses.replace(config.extraction, **extraction),
    )


def _examples(sequence: music_pb2.NoteSequence, config: Any) -> tuple[list[np.ndarray], list[str]]:
    reasons: list[str] = []
    found = [example['classes'] for example in FAMILY.examples(piece.of(sequence), config, reasons.append)]
    return found, reasons


def test_pieces_follow_one_another_or_overlap() -> None:
    sequence = _quartet(6)
    plain, reasons = _examples(sequence, _config())
    assert [one.shape for one in plain] == [(32, 4)] * 3 and not reasons
    hopping, reasons = _examples(sequence, _config(hop_bars=1))
    assert len(hopping) == 5 and not reasons
    np.testing.assert_array_equal(hopping[2], plain[1])
    assert _config(hop_bars=1).for_evaluation().extraction.hop_bars == 0


@pytest.mark.parametrize('config', ['musegan', 'musegan_small'])
def test_music_comes_back_in_the_common_key(config: str) -> None:
    settings = SPEC.configs[config]
    for example in FAMILY.examples(piece.of(_quartet(2)), settings, lambda reason: None):
        sequence = FAMILY.to_sequence(example, settings)
        (again,), _ = _examples(sequence, settings)
        np.testing.assert_array_equal(again, example['classes'])


def test_pieces_are_all_in_c_major_or_a_minor() -> None:
    found = set()
    for up in range(-6, 7):
        music = np.full((32, 4), voices.HOLD)
        music[::8] = np.array([[72, 67, 64, 48], [72, 69, 65, 53], [71, 67, 62, 55], [72, 67, 64, 48]]) + up
        sequence = voices.to_sequence(music, 4, 100.0, 80, [0] * 4)
        ((classes,), _) = _examples(sequence, _config(common_key=True))
        found.add(classes.tobytes())
    assert len(found) == 2  # an octave apart
    assert {tuple(c % 12 for c in np.frombuffer(one, np.int32)[:4] - 2) for one in found} == {(0, 7, 4, 0)}


def test_the_highest_voice_is_the_first() -> None:
    sequence = _quartet()
    for note in sequence.notes:
        note.instrument = 3 - note.instrument
    ((first, _), _), ((turned, _), _) = (_examples(s, _config()) for s in (_quartet(), sequence))
    np.testing.assert_array_equal(first, turned)
    ((as_it_is, _), _) = _examples(sequence, _config(voice_order='file'))
    np.testing.assert_array_equal(as_it_is, first[:, ::-1])


def test_what_does_not_fit_is_counted() -> None:
    assert _examples(_quartet(), _config('num_tracks=3')) == ([], [OTHER_VOICES])
    waltz = _quartet()
    waltz.time_signatures[0].numerator = 3
    assert _examples(waltz, _config()) == ([], [NOT_4_4])
    assert _examples(_quartet(), _config(lowest_pitch=60, num_pitches=48)) == ([], [OUT_OF_RANGE])
    chords = _quartet()
    note = chords.notes.add()
    note.CopyFrom(chords.notes[0])
    note.pitch += 1
    assert _examples(chords, _config()) == ([], [OTHER_VOICES])
    found, reasons = _examples(_quartet(3), _config())
    assert (len(found), reasons) == (1, [PART_OF_WINDOW])


def _model(config: Any) -> Model:
    counts: Counter[str] = Counter()
    for example in FAMILY.examples(piece.of(_quartet()), config, lambda reason: None):
        counts.update(FAMILY.traits(example, config))
    config = FAMILY.learn(config, counts, {})[0]
    weights = {name: np.array(v.numpy()) for name, v in FAMILY.model(config, 0).named_weights().items()}
    return Model(FAMILY, config, weights, 'here', config.name, config.description)


def test_a_track_is_played_in_its_range() -> None:
    model = _model(_config())
    learned = model.config.learned
    assert all(low <= least for low, least in zip(LOWEST, learned.lowest, strict=True))
    for sequence in model.generate(num_outputs=4, seed=2):
        for note in sequence.notes:
            assert learned.lowest[note.instrument] <= note.pitch <= learned.highest[note.instrument]


def test_a_track_without_notes_cannot_be_learned() -> None:
    with pytest.raises(SolferinoError, match='Track 2 has no note'):
        FAMILY.learn(_config(), {'0:60': 3, '2:50': 1, '3:40': 1}, {})


@pytest.mark.parametrize('common_key', [False, True])
def test_a_given_voice_is_kept(common_key: bool) -> None:
    model = _model(_config(common_key=common_key))
    given = _quartet(3, seed=4)
    alto = [(n.pitch, n.start_time, n.end_time) for n in given.notes if n.instrument == 1]
    kept = [note for note in given.notes if note.instrument == 1]
    del given.notes[:]
    given.notes.extend(kept)
    options = {'accompany_midi': given, 'accompany_track': 2, 'accompany_tries': 8}
    one, other = model.generate(num_outputs=2, seed=1, **options)
    for made in (one, other):
        assert [(n.pitch, n.start_time, n.end_time) for n in made.notes if n.instrument == 1] == alto
        assert made.tempos[0].qpm == 100
    assert one != other
    assert model.generate(num_outputs=2, seed=1, **options) == [one, other]
    assert model.generate(num_outputs=1, seed=1, **options, num_steps=20)[0].total_time <= 20 * 0.15 + 1e-6
    for wrong in (
        {'accompany_track': 5},
        {'accompany_midi': _quartet()},
        {'accompany_tries': 0},
    ):
        with pytest.raises(SolferinoError):
            model.generate(**{**options, **wrong})


def test_music_is_transposed() -> None:
    model = _model(_config())
    (made,), (moved,) = (model.generate(num_outputs=1, seed=2, transpose=up) for up in (0, -3))
    assert [note.pitch - 3 for note in made.notes] == [note.pitch for note in moved.notes]
    for wrong in (-25, 25):
        with pytest.raises(SolferinoError, match='--transpose'):
            model.generate(transpose=wrong)
    config = dataclasses.replace(_config(lowest_pitch=0), learned=MuseGanLearned((0,) * 4, (11,) * 4))
    with pytest.raises(SolferinoError, match='beyond the pitches of MIDI'):
        dataclasses.replace(model, config=config).generate(seed=2, transpose=-24)


def test_interpolation_and_programs() -> None:
    model = _model(_config())
    (made,) = model.generate(interpolate='1:2:5', programs='40,41,42,43')
    assert {(note.instrument, note.program) for note in made.notes} <= {(k, 40 + k) for k in range(4)}
    assert made.notes and made.total_time <= 5 * 2 * 2
    assert set(FAMILY.plot('grid', model.weights, model.config, made, model.options())) == {'latents'}


def test_the_chorales_can_all_be_learned(shared: Path) -> None:
    """Each of the 229, without a pitch out of range; of a few the last bar is left over."""
    from solferino.models.music.reading import note_sequence_bytes, voice_tables

    left_over = 0
    tables = voice_tables.read((shared / 'data/chorales/jsb16_separated_dev.json').read_bytes())
    for table in tables:
        data = note_sequence_bytes.write(table.music, 'id', 'x', 'x', 'voices')
        reasons: list[str] = []
        found = list(FAMILY.examples(piece.read(data), SPEC.configs['musegan'], reasons.append))
        assert found
        assert set(reasons) <= {PART_OF_WINDOW}
        left_over += len(reasons)
    assert len(tables) == 229
    assert left_over < len(tables)
