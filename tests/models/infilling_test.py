"""A stretch of music made anew, between what stands around it."""

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from note_seq import midi_io
from note_seq.protobuf import music_pb2

from solferino.hparams import overrides
from solferino.hparams.errors import SolferinoError
from solferino.hparams.jazz_rnn import Grammar
from solferino.models import infilling, registry
from solferino.models.core.generation.midi_bytes import midi_bytes
from solferino.models.loading import Model

_HPARAMS = {
    ('drums_rnn', 'drum_kit'): 'rnn_layer_sizes=[4],attn_length=0',
    ('melody_rnn', 'mono_rnn'): 'rnn_layer_sizes=[4],attn_length=0',
    ('piano_rnn', 'gru_nade'): 'rnn_layer_sizes=[6,5],nade_size=5,key_size=4,lags=[1,2],span=3',
    ('rbm', 'chords'): 'hidden_units=2',
    ('rbm', 'rnn_rbm'): 'hidden_units=3,rnn_units=3,ais_steps=100',
}


def untrained(name: str, config_name: str) -> Model:
    """A model with random weights."""
    family = registry.get(name)
    config = family.spec.configs[config_name]
    config = dataclasses.replace(config, hparams=overrides.parse(config.hparams, _HPARAMS[name, config_name]))
    rng = np.random.default_rng(0)
    shapes = family.weight_shapes(config)
    weights = {key: rng.normal(0, 0.3, shape).astype(np.float32) for key, shape in shapes.items()}
    return Model(family, config, weights, 'here', config_name, '')


def music(drums: bool, late: float = 0.0) -> music_pb2.NoteSequence:
    """Four bars of 4/4 at 120, a note on each eighth, played so many seconds late; and another part below."""
    made = music_pb2.NoteSequence(ticks_per_quarter=220, total_time=8.0)
    made.tempos.add(qpm=120)
    for eighth in range(32):
        start = eighth / 4 + late * (-1) ** eighth if eighth else 0.0
        pitch = 36 + 2 * (eighth % 2) if drums else 60 + eighth % 5
        made.notes.add(
            pitch=pitch, velocity=70 + eighth, start_time=start, end_time=start + 0.2, is_drum=drums, instrument=3,
            program=0,
        )  # fmt: skip
    other = made.notes.add(pitch=40, velocity=50, start_time=0.5, end_time=7.5, instrument=5, program=33)
    other.is_drum = not drums
    return made


def notes(sequence: Any, begin: float, end: float) -> list[tuple[Any, ...]]:
    return sorted(
        (n.start_time, n.end_time, n.pitch, n.velocity, n.instrument, n.program, n.is_drum)
        for n in sequence.notes
        if begin - 0.06 <= n.start_time < end - 0.06
    )


@pytest.mark.parametrize('place', _HPARAMS)
@pytest.mark.parametrize('stretch', [(2.0, 4.0), (0.0, 2.0), (6.0, 8.0)])
def test_what_stands_around_stays_to_the_last_bit(place: tuple[str, str], stretch: tuple[float, float]) -> None:
    model, given = untrained(*place), music(place[0] == 'drums_rnn', late=0.01)
    assert infilling.can_infill(model, given)
    options = {'gibbs_steps': 5} if place[0] == 'rbm' else {}
    made = model.infill(given, *stretch, num_outputs=3, candidates=2, seed=4, **options)
    for one in made:
        assert notes(one, 0, stretch[0]) == notes(given, 0, stretch[0])
        assert notes(one, stretch[1], 9) == notes(given, stretch[1], 9)
        assert one.total_time == given.total_time and one.tempos == given.tempos
        new = [note for note in notes(one, *stretch) if note[4] != 5]
        assert all(end <= stretch[1] + 1e-6 and instrument == 3 for _, end, _, _, instrument, *_ in new)
    assert len({tuple(notes(one, *stretch)) for one in made}) > 1
    again = model.infill(given, *stretch, num_outputs=3, candidates=2, seed=4, **options)
    assert [one.SerializeToString(deterministic=True) for one in again] == [
        one.SerializeToString(deterministic=True) for one in made
    ]
    other = model.infill(given, *stretch, num_outputs=3, candidates=2, seed=5, **options)
    assert [notes(one, *stretch) for one in other] != [notes(one, *stretch) for one in made]


def test_a_note_a_little_early_belongs_to_its_step() -> None:
    given = music(True)
    given.notes[8].start_time, given.notes[16].start_time = 1.97, 3.97
    (made,) = untrained('drums_rnn', 'drum_kit').infill(given, 2.0, 4.0, seed=1)
    starts = [note.start_time for note in made.notes]
    assert 1.97 not in starts and 3.97 in starts


def plan_of(given: music_pb2.NoteSequence, drums: bool = False) -> infilling._Plan:
    """The third bar of music, to be made anew."""
    model = untrained(*(('drums_rnn', 'drum_kit') if drums else ('piano_rnn', 'gru_nade')))
    return infilling._plan(model, given, 4.0, 6.0, {})


def made_of(*notes: tuple[float, float, int], drums: bool = False) -> music_pb2.NoteSequence:
    """What a model may have made, as (start, end, pitch)."""
    made = music_pb2.NoteSequence()
    for start, end, pitch in notes:
        made.notes.add(start_time=start, end_time=end, pitch=pitch, velocity=80, is_drum=drums, instrument=9 * drums)
    return made


def new_times(plan: infilling._Plan, *notes: tuple[float, float, int]) -> list[tuple[float, float]]:
    glued = infilling._glued(plan, made_of(*notes))
    return [(round(n.start_time, 6), round(n.end_time, 6)) for n in list(glued.notes)[len(plan.kept.notes) :]]


def test_what_is_made_does_not_touch_notes_of_its_pitch_that_stay() -> None:
    """One that is played a little early, one that sounds into the stretch, and those of other pitches."""
    given = music(False)
    given.notes[16].start_time = 3.985  # into the stretch
    given.notes[24].start_time, given.notes[24].pitch, given.notes[15].pitch, given.notes[15].end_time = (
        5.98,
        70,
        75,
        4.1,
    )
    plan = plan_of(given)
    assert new_times(plan, (5.75, 6.5, 70)) == [(5.75, 5.98)]
    assert new_times(plan, (5.75, 6.5, 71)) == [(5.75, 6.0)]
    assert new_times(plan, (4.0, 4.5, 75), (4.125, 4.25, 75)) == [(4.1, 4.5), (4.125, 4.25)]
    assert new_times(plan, (4.0, 4.125, 75)) == []  # next to nothing would be left
    given.notes[15].end_time = 4.4
    glued = infilling._glued(plan_of(given), made_of((4.0, 5.0, 75), (5.75, 6.5, 70)))
    read = midi_io.midi_to_note_sequence(midi_bytes(glued))
    for note in (given.notes[15], given.notes[24]):
        ends = [n.end_time for n in read.notes if n.pitch == note.pitch and abs(n.start_time - note.start_time) < 0.002]
        assert ends == [pytest.approx(note.end_time, abs=0.002)]


def test_a_drum_is_struck_whatever_still_sounds() -> None:
    given = music(True)
    given.notes[15].end_time = 4.4
    plan = plan_of(given, drums=True)
    glued = infilling._glued(plan, made_of((4.0, 4.125, given.notes[15].pitch), drums=True))
    assert glued.notes[len(plan.kept.notes)].start_time == 4.0


def test_what_is_made_sounds_as_what_was_there() -> None:
    """On its instrument; where there were several, on one of its own, so that no note is lost in a file."""
    given = music(False)
    for note in given.notes:
        note.instrument, note.program = (0, 1) if not note.is_drum else (9, 0)
    players = {(n.instrument, n.program) for n in infilling._glued(plan_of(given), made_of((4.0, 4.5, 50))).notes}
    assert players == {(0, 1), (9, 0)}
    for note in list(given.notes)[:8]:
        note.instrument = 1
    assert [*infilling._glued(plan_of(given), made_of((4.0, 4.5, 50))).notes][-1].program == 1
    given.notes[0].program = 2
    glued = infilling._glued(plan_of(given), made_of((4.0, 4.5, 50)))
    assert (glued.notes[-1].instrument, glued.notes[-1].program) == (10, 0)
    assert len(midi_io.midi_to_note_sequence(midi_bytes(glued)).notes) == len(glued.notes)


def test_a_melody_is_made_anew_and_its_accompaniment_stays() -> None:
    """Two tracks and a lower voice of the melody's own: over chords, of which those of the stretch are heard there."""
    given = music(False)
    for note in list(given.notes)[:-1]:
        low = given.notes.add()
        low.CopyFrom(note)
        low.pitch -= 12
    for bar, root in enumerate((48, 53, 55, 48)):
        for tone in (0, 4, 7):
            given.notes.add(
                pitch=root + tone, velocity=60, start_time=2.0 * bar, end_time=2.0 * bar + 2, instrument=1, program=4
            )
    given.notes[32].instrument = 9
    family = registry.get('jazz_rnn')
    config = family.spec.configs['jazz_rnn']
    config = dataclasses.replace(
        config,
        hparams=overrides.parse(config.hparams, 'rnn_layer_sizes=[4]'),
        learned=Grammar(('C6', 'C3', 'L6', 'R6'), ('Dm7*48',)),
    )
    rng = np.random.default_rng(0)
    weights = {key: rng.normal(0, 0.3, shape) for key, shape in family.weight_shapes(config).items()}
    weights = {key: array.astype(np.float32) for key, array in weights.items()}
    model = Model(family, config, weights, 'here', 'jazz_rnn', '')
    for one in model.infill(given, 4.0, 6.0, num_outputs=2, candidates=2, seed=1):
        assert [notes(one, *around) for around in ((0, 4), (6, 9))] == [
            notes(given, *around) for around in ((0, 4), (6, 9))
        ]
        low = [note for note in notes(given, 4, 6) if note[4] != 3 or note[2] < 55]
        assert {note for note in notes(one, 4, 6) if note[4] != 3 or note[2] < 55} == set(low)
        made = [note for note in notes(one, 4, 6) if note not in notes(given, 4, 6)]
        assert made and {(note[4], note[5]) for note in made} == {(3, 0)}
        assert {note[2] % 12 for note in made if note[2]} <= {7, 11, 2, 9, 4, 0}  # over G


def test_what_comes_after_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of candidates one is taken as often as what comes after follows it."""
    model, given = untrained('drums_rnn', 'drum_kit'), music(True)
    seen = []

    def likelihoods(self: Any, weights: Any, config: Any, sequences: Any) -> list[float]:
        whole = len(sequences) // 2
        seen.append(whole)
        return [0.0] * (whole - 1) + [math.log(3.0) - 10] + [-50.0] * (whole - 1) + [-60.0]

    monkeypatch.setattr(type(model.family), 'log_likelihoods', likelihoods)
    drawn = model.generate_with(
        dataclasses.replace(model.options(seed=0), num_steps=64),
        infilling._cut(given, stretch_of(model, given), 32),
        200,
    )
    made = model.infill(given, 4.0, 6.0, num_outputs=100, candidates=2, seed=0)
    assert seen == [2] * 100

    def hits(one: Any) -> list[tuple[float, int]]:
        return [(note.start_time, note.pitch) for note in one.notes if note.is_drum and 4 <= note.start_time < 6]

    second = sum(hits(one) == hits(drawn[2 * k + 1]) for k, one in enumerate(made))
    assert 60 <= second <= 90  # three of four; some candidates are alike


def stretch_of(model: Model, given: Any) -> infilling.Stretch:
    return infilling._stretch(model, given, 4.0, 6.0, model.options(qpm=120.0))


@pytest.mark.parametrize('weights', [[-math.inf, math.nan], [0.0, 0.0], [-1e9, -1e9]])
def test_a_choice_is_always_made(weights: list[float]) -> None:
    chosen = {infilling._chosen(weights, np.random.default_rng(k)) for k in range(50)}
    assert chosen == {0, 1}


def test_likelihoods_together_are_those_one_by_one() -> None:
    for place in [('drums_rnn', 'drum_kit'), ('melody_rnn', 'mono_rnn'), ('piano_rnn', 'gru_nade')]:
        model, drums = untrained(*place), place[0] == 'drums_rnn'
        given = [music(drums), music(drums, late=0.1)]
        given.append(infilling._cut(given[0], infilling.Stretch(8, 16, 0.0, 8.0), 16))
        together = model.family.log_likelihoods(model.weights, model.config, given)
        assert together == pytest.approx([model.log_likelihood(one) for one in given])


def test_what_cannot_be_is_told() -> None:
    model, given = untrained('drums_rnn', 'drum_kit'), music(True)
    for begin, end in [(4.0, 4.0), (5.0, 4.0), (-1.0, 2.0), (4.0, 20.0), (math.nan, 2.0)]:
        with pytest.raises(SolferinoError, match='must be a part of the music, which has 8 s'):
            model.infill(given, begin, end)
    with pytest.raises(SolferinoError, match='nothing to make anew'):
        model.infill(music_pb2.NoteSequence(), 0.0, 1.0)
    with pytest.raises(SolferinoError, match='One output'):
        model.infill(given, 2.0, 4.0, num_outputs=0)
    given.tempos.add(qpm=90, time=3.0)
    with pytest.raises(SolferinoError, match='its tempo changes from 120 to 90'):
        model.infill(given, 4.0, 6.0)


def test_a_family_that_begins_with_no_primer_says_so() -> None:
    family = registry.get('musegan')
    model = Model(family, family.spec.configs[family.spec.default_config], {}, 'here', 'musegan', '')
    assert not infilling.can_infill(model, music(False))
    with pytest.raises(SolferinoError, match='cannot make a part of given music anew'):
        model.infill(music(False), 2.0, 4.0)


def test_bars_are_counted_where_the_metre_begins() -> None:
    model, given = untrained('drums_rnn', 'drum_kit'), music(True)
    assert infilling.seconds_of_bars(model, given, 2, 3) == (2.0, 6.0)
    given.time_signatures.add(numerator=3, denominator=4)
    assert infilling.seconds_of_bars(model, given, 2, 2) == (1.5, 3.0)
    assert infilling.seconds_of_bars(model, given, 6, 6)[1] <= 9.0
