"""Every registered family keeps the contract. To add a family, add one row to `ROWS`; one without fails."""

import concurrent.futures
import dataclasses
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import threadpoolctl
from note_seq.protobuf import music_pb2

from solferino.hparams import overrides
from solferino.hparams.dynamics import Dynamics
from solferino.hparams.errors import SolferinoError
from solferino.models import load, registry
from solferino.models.core import settings
from solferino.models.core.family import Family
from solferino.models.core.layers.replicas import ALONE, Replicas
from solferino.models.core.storage import checkpoints, records, sequence_examples
from solferino.models.core.training import data, temperature
from solferino.models.loading import Model
from solferino.models.music.pieces import measures, piece
from tests.songs import part_of, song


@dataclasses.dataclass(frozen=True)
class Row:
    """What the contract test must be told of a family.

    Attributes:
      hparams: makes any of its configs tiny, unless
      hparams_of: has something for the config of this name.
      primer: a primer flag and a text for it; None where there is no such flag.
      bad_primer: a text that the flag must refuse.
      bad_options: of generating, each of which must be refused.
      num_steps: a length that leaves room after a primer of a bar and a half.
      forgets_primer: configs whose outputs do not begin with the primer, so that it cannot be left out of them.
      fits_song: without what its configs cannot learn from `song`.
      draws: how often an output of 24 steps is drawn from something.
      takes_primer: whether it can go on from music at all.
      is_drawn_in_training: whether its training steps draw from something beside dropout.
      has_likelihood: whether it tells one; a GAN's loss is that of a game.
    """

    hparams: str
    primer: tuple[str, str] | None
    bad_primer: str
    bad_options: tuple[dict[str, Any], ...]
    num_steps: int = 40
    forgets_primer: tuple[str, ...] = ()
    hparams_of: Mapping[str, str] = dataclasses.field(default_factory=dict)
    fits_song: str = ''
    draws: int = 10
    takes_primer: bool = True
    is_drawn_in_training: bool = False
    has_likelihood: bool = True

    def given(self, family: Family, config: Any) -> Any:
        """The primer as generation takes it; a piece of music where there is no text for it."""
        if self.primer:
            return family.parse_primer(*self.primer, config)
        return song(3, 1) if self.takes_primer else None

    def primers(self) -> list[music_pb2.NoteSequence | None]:
        return [None, song(1, 1)] if self.takes_primer else [None]


_BAD = ({'num_steps': 0}, {'beam_size': 0}, {'branch_factor': 0}, {'top_k': -1})
_ONE_VOICE = 'num_tracks=1,num_bars=1'
ROWS = {
    'drums_rnn': Row(
        'batch_size=3,rnn_layer_sizes=[6,5],learning_rate=0.02',
        ('primer_drums', '[(36,),(),(42,38)]'),
        '[(36,200)]',
        _BAD,
    ),
    'jazz_rnn': Row(
        'batch_size=3,rnn_layer_sizes=[6,5],learning_rate=0.01,dropout_keep_prob=1.0',
        None,
        '',
        (
            *_BAD,
            {'backing_chords': 'Dm7 H7'},
            {'backing_chords': '| |'},
            {'swing': 0.4},
            {'max_leap': 1},
            {'highest_pitch': 60},
        ),
        num_steps=144,
    ),
    'melody_rnn': Row(
        'batch_size=3,rnn_layer_sizes=[6,5],learning_rate=0.02', ('primer_melody', '[60,-2,62,-1]'), '[60,200]', _BAD
    ),
    'piano_rnn': Row(
        'batch_size=3,embedding_size=9,rnn_layer_sizes=[8,7],attention_size=4,dropout_keep_prob=1.0,learning_rate=0.05',
        ('start_note', 'F#4'),
        'H4',
        ({'num_steps': 0}, {'top_k': -1}, {'velocity': 128}, {'random_frames': 8}, {'frames_per_second': 0.0}),
        hparams_of={
            'gru_nade': 'batch_size=3,rnn_layer_sizes=[6,5],nade_size=5,key_size=4,lags=[1,2],span=3,'
            'dropout_keep_prob=1.0,key_keep_prob=1.0,learning_rate=0.03,averaging=0.0'
        },
    ),
    'rbm': Row(
        'batch_size=3,hidden_units=6,learning_rate=0.01,persistent=false,cd_steps=1',
        None,
        '',
        ({'gibbs_steps': 0}, {'start': 'ones'}, {'clamp': 'bars'}, {'last_step': 'mean'}),
        forgets_primer=('chords', 'phrases', 'frame'),
        is_drawn_in_training=True,
        hparams_of={'rnn_rbm': 'batch_size=3,hidden_units=6,rnn_units=5,learning_rate=0.05,cd_steps=1,ais_steps=100'},
    ),
    'musegan': Row(
        f'{_ONE_VOICE},batch_size=3,latent_size=4,temporal_size=5,bar_sizes=[8,4,4,4],critic_sizes=[3,4,4,5],'
        'critic_steps=1',
        None,
        '',
        ({'num_pieces': 0}, {'melody_seed': '1,2'}, {'interpolate': '1:2'}, {'programs': '128'}),
        takes_primer=False,
        is_drawn_in_training=True,
        has_likelihood=False,
        fits_song=_ONE_VOICE,
        draws=1,
    ),
}

CASES = [(name, config) for name in registry.FAMILIES for config in registry.get(name).spec.configs]


@pytest.fixture(params=CASES, ids=lambda case: '-'.join(case))
def case(request: pytest.FixtureRequest) -> tuple[Family, Any, Row]:
    name, config_name = request.param
    assert name in ROWS, f'add a row for {name} to ROWS'
    family, row = registry.get(name), ROWS[name]
    config = family.spec.configs[config_name]
    config = dataclasses.replace(
        config, hparams=overrides.parse(config.hparams, row.hparams_of.get(config_name, row.hparams))
    )
    return family, _taught(family, config), row


def _examples(family: Family, config: Any) -> list:
    reasons: list[str] = []
    found = [
        e
        for seed, bars in enumerate((8, 10, 12, 9))
        for e in family.examples(piece.of(song(seed, bars)), config, reasons.append)
    ]
    assert len(found) >= 4
    assert not reasons
    return found


def _taught(family: Family, config: Any) -> Any:
    """The config with what it learns of the examples."""
    counts: Counter[str] = Counter()
    for example in _examples(family, config):
        counts.update(family.traits(example, config))
    return family.learn(config, counts, {})[0]


def _weights(model: Any) -> dict[str, np.ndarray]:
    return {name: np.array(variable.numpy()) for name, variable in model.named_weights().items()}


def test_spec_and_registry_agree(case: tuple) -> None:
    family, config, _ = case
    spec = family.spec
    assert registry.family_of_config(config.name) is family
    assert spec.default_config is None or spec.default_config in spec.configs
    assert config.description and config.steps_per_quarter >= 0
    record = settings.record_of(spec, config)
    assert settings.config_of(spec, record, 'a file') == config


def test_every_reason_has_a_remedy(case: tuple) -> None:
    family, config, _ = case
    reasons: list[str] = []
    silent = music_pb2.NoteSequence(id='/id/midi/contract/silent')
    assert list(family.examples(piece.of(silent), config, reasons.append)) == []
    assert reasons
    for sequence in (song(0, 1), part_of(song(0, 4), is_drum=True), part_of(song(0, 4), is_drum=False)):
        before = len(reasons)
        found = list(family.examples(piece.of(sequence), config, reasons.append))
        assert found or len(reasons) > before  # nothing is left out in silence
    assert all(family.spec.remedies.get(reason) for reason in reasons)


def test_examples_survive_storing_and_fit_the_features(case: tuple) -> None:
    family, config, _ = case
    for example in _examples(family, config):
        stored = sequence_examples.parse(sequence_examples.serialize(example))
        assert isinstance(stored, dict)
        encoded = family.encode(stored, config)
        features = family.features(config)
        assert encoded.keys() == features.keys()
        for name, feature in features.items():
            assert encoded[name].ndim == len(feature.shape)
            assert all(want in (None, size) for want, size in zip(feature.shape, encoded[name].shape, strict=True))


def test_dense_form_comes_back(case: tuple) -> None:
    family, config, _ = case
    if not family.spec.has_dense_form:
        with pytest.raises(SolferinoError, match='dense'):
            family.to_dense(_examples(family, config)[0], config)
        return
    for example in _examples(family, config):
        inputs, labels = family.to_dense(example, config)
        assert inputs.dtype == np.float32 and labels.dtype == np.int64 and len(inputs) == len(labels)
        again = family.from_dense(inputs, labels, config)
        for name, array in example.items():
            np.testing.assert_array_equal(again[name], array)
        with pytest.raises(ValueError):
            family.from_dense(inputs[:, :-1], labels, config)


def test_stored_examples_are_music(case: tuple) -> None:
    family, config, _ = case
    for example in _examples(family, config):
        sequence = family.to_sequence(example, config)
        assert isinstance(sequence, music_pb2.NoteSequence)
        assert sequence.notes


def _dataset(family: Family, config: Any, tmp_path: Path, dense: bool = False) -> data.Dataset:
    path = tmp_path / f'{"dense" if dense else "compact"}.tfrecord'
    with records.Writer(str(path)) as writer:
        for example in _examples(family, config):
            if dense:
                pair = sequence_examples.DenseExample(*family.to_dense(example, config))
                writer.write(sequence_examples.serialize_dense(pair))
            else:
                writer.write(sequence_examples.serialize(example))
    return data.load(family, config, str(path))


def test_dense_records_give_the_same_batches(case: tuple, tmp_path: Path) -> None:
    family, config, _ = case
    if not family.spec.has_dense_form:
        pytest.skip('Magenta has no such model')
    compact, dense = (_dataset(family, config, tmp_path, dense) for dense in (False, True))
    everything = np.arange(len(compact))
    batch = dense.batch(everything)
    for name, array in compact.batch(everything).items():
        np.testing.assert_array_equal(batch[name], array)


def test_train_save_load_generate(case: tuple, tmp_path: Path) -> None:
    import tensorflow as tf

    family, config, row = case
    batches = data.Batches(_dataset(family, config, tmp_path), config.hparams.batch_size, seed=0)
    model = family.model(config, seed=1)
    before = _weights(model)
    step = tf.function(model.train_step, reduce_retracing=True)
    learned = [{name: tf.constant(array) for name, array in batches.batch(number).items()} for number in range(2)]
    losses = []
    for number in range(6):
        if number % 2 == 0:
            total, weight = model.test_step(learned[0])['loss']
            losses.append(float(total / weight))
        metrics = step(learned[number % 2])
        assert {'loss', 'events', 'gradient_norm'} <= metrics.keys()
        assert np.isfinite(float(metrics['loss'][0] / metrics['loss'][1]))
    assert losses[2] < losses[1] < losses[0] or not row.has_likelihood
    after = _weights(model)
    assert all(not np.array_equal(before[name], after[name]) for name in after), 'a weight that no gradient reaches'

    trained = Model(family, config, after, 'here', config.name, config.description)
    trained.save_bundle(tmp_path / 'x.mag', 'A tiny one.')
    loaded = load(tmp_path / 'x.mag')
    assert (loaded.config, loaded.description) == (config, 'A tiny one.')
    primer = row.given(family, config)
    options = {'num_outputs': 3, 'num_steps': row.num_steps, 'seed': 5}
    outputs = loaded.generate(primer, **options)
    assert len(outputs) == 3
    assert all(isinstance(output, music_pb2.NoteSequence) for output in outputs)
    assert outputs == trained.generate(primer, **options)
    assert outputs != trained.generate(primer, **{**options, 'seed': 6})
    assert len(loaded.generate()) == 1  # a default primer
    keeps_primer = config.name not in row.forgets_primer
    if row.takes_primer:
        continued = loaded.generate(song(1, 1), num_steps=row.num_steps, exclude_primer=keeps_primer)[0]
        assert all(0 <= note.start_time < note.end_time for note in continued.notes)
    if row.has_likelihood:
        score = loaded.log_likelihood(song(2, 4))
        assert np.isfinite(score) and score < 0
    else:
        with pytest.raises(SolferinoError, match='likelihood'):
            loaded.log_likelihood(song(2, 4))
    assert family.draw(song(1, 4), config).get_axes()


def test_processes_that_share_batches_keep_the_same_weights(case: tuple, tmp_path: Path, two_replicas: list) -> None:
    import tensorflow as tf

    family, config, row = case
    if hasattr(config.hparams, 'dropout_keep_prob'):
        config = dataclasses.replace(config, hparams=overrides.parse(config.hparams, 'dropout_keep_prob=1.0'))
    dataset = _dataset(family, config, tmp_path)

    def trained(together: Replicas) -> dict[str, np.ndarray]:
        model = family.model(config, seed=1)
        model.replicas = together
        batches = data.Batches(dataset, config.hparams.batch_size, 0, (together.index, together.count))
        for batch in map(batches.batch, range(3)):  # eagerly: on one core TensorFlow would run one of the two
            model.train_step({name: tf.constant(array) for name, array in batch.items()})
        return _weights(model)

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        one, other = pool.map(trained, two_replicas)
    assert all(np.array_equal(one[name], other[name]) for name in one)
    alone = {} if row.is_drawn_in_training else trained(ALONE)
    assert all(np.allclose(one[name], alone[name], rtol=1e-3, atol=1e-5) for name in alone)


def test_values_are_described_and_events_are_those_of_the_loss(case: tuple, tmp_path: Path) -> None:
    family, config, _ = case
    dataset = _dataset(family, config, tmp_path)
    model = family.model(config, seed=1)
    metrics = model.test_step(dataset.batch(np.arange(len(dataset))))
    values = {name: float(total / weight) for name, (total, weight) in metrics.items()}
    values |= model.derived(values) | (model.compare(values, values) if model.compares else {})
    assert values.keys() <= model.descriptions.keys()
    assert all(abs(values[name]) in (abs(v) for n, v in values.items() if n != name) for name in model.repetitions)
    assert isinstance(model.remarks(values), list)
    found = [family.events(example, config) for example in dataset.examples]
    if any(found):
        steps = sum(len(events.classes) - 1 for events in found)
        assert steps == float(metrics['loss'][1])
        assert len({events.classes.ndim for events in found}) == 1
        assert all(0 <= events.classes.min() <= events.classes.max() < events.num_classes for events in found)


def test_scores_are_those_of_the_loss(case: tuple, tmp_path: Path) -> None:
    family, config, row = case
    dataset = _dataset(family, config, tmp_path)
    model = family.model(config, seed=1)
    weights = _weights(model)
    if not row.has_likelihood:
        with pytest.raises(SolferinoError, match='likelihood'):
            family.scores(weights, config, dataset.examples)
        return
    found = family.scores(weights, config, dataset.examples)
    assert found.shape == (len(dataset),) and (found < 0).all()
    assert found[0] == pytest.approx(family.scores(weights, config, dataset.examples[:1])[0], rel=1e-6)
    if family.events(dataset.examples[0], config):
        total, weight = model.test_step(dataset.batch(np.arange(len(dataset))))['loss']
        predicted = sum(family.num_predicted(example, config) for example in dataset.examples)
        assert -found.sum() / predicted == pytest.approx(float(total / weight), rel=1e-4)


def test_a_temperature_can_be_recommended(case: tuple, monkeypatch: pytest.MonkeyPatch) -> None:
    family, config, _ = case
    monkeypatch.setattr(temperature, 'TEMPERATURES', (0.7, 1.0))
    listening = family.spec.listening
    if listening is None:
        assert temperature.recommend(family, config, {}, _examples(family, config)[:8], seed=0) is None
        return
    assert set(listening.measures) <= set(measures.TITLES)
    weights = _weights(family.model(config, seed=1))
    found = temperature.recommend(family, config, weights, _examples(family, config)[:8], seed=0)
    assert found is not None
    assert found.temperature in found.distances
    assert found.held_out.keys() <= set(listening.measures)
    assert found.held_out['notes_per_bar'] > 1
    assert found.describe()


def test_bad_primers_are_refused(case: tuple) -> None:
    family, config, row = case
    assert bool(row.primer) == bool(family.spec.primer_flags)
    flag = row.primer[0] if row.primer else 'primer_text'
    for text in ('', '[', 'abc', '[]', '3', '[[[]]]', row.bad_primer, '__import__("os")'):
        with pytest.raises(SolferinoError, match=flag):
            family.parse_primer(flag, text, config)
    weights = _weights(family.model(config, seed=1))
    primer = row.given(family, config)
    silent = music_pb2.NoteSequence()
    model = Model(family, config, weights, 'here', config.name, config.description)
    for given, options in (
        *(((primer, {'num_steps': len(primer)}),) if row.primer else ()),
        (song(0, 4), {'num_steps': 8}),
        (silent, {}),
        (primer, {'temperature': 0}),
        (primer, {'num_steps': -1}),
        (primer, {'seed': -1}),
        (primer, {'qpm': 0.0}),
        (primer, {'temprature': 1.0}),
        *(((primer, {'exclude_primer': True}),) if config.name in row.forgets_primer else ()),
        *((primer, wrong) for wrong in row.bad_options),
    ):
        with pytest.raises(SolferinoError):
            model.generate(given, **options)


@pytest.fixture
def model(case: tuple) -> Model:
    """An untrained one."""
    family, config, _ = case
    return Model(family, config, _weights(family.model(config, seed=1)), 'here', config.name, config.description)


def test_a_length_may_be_in_bars_or_seconds(case: tuple, model: Model) -> None:
    family, config, row = case
    waltz = song(1, 1)  # at 100 quarters a minute
    waltz.time_signatures[0].numerator = 3
    keeps = {'exclude_primer': config.name not in row.forgets_primer}
    for primer, given, quarters, qpm in (
        (None, {'num_bars': 2}, 8, 120),
        (None, {'seconds': 5.0, 'qpm': 90.0}, 7.5, 90),
        *(
            ((waltz, {'num_bars': 4, 'qpm': 90.0}, 12, 100), (waltz, {'seconds': 6.0}, 10, 100))
            if row.takes_primer
            else ()
        ),
    ):
        options = model.options(primer, **given)
        steps = quarters * 60 / qpm * family.steps_per_second(config, options, qpm)
        assert steps - 1e-6 <= options.num_steps < steps + 1
        in_steps = {name: value for name, value in given.items() if name == 'qpm'} | {'num_steps': options.num_steps}
        assert model.generate(primer, 2, **given, **keeps) == model.generate(primer, 2, **in_steps, **keeps)
    for wrong in ({'num_bars': 0}, {'seconds': 0.0}, {'num_bars': 4, 'seconds': 5.0}, {'num_bars': 4, 'num_steps': 64}):
        with pytest.raises(SolferinoError, match=f'--{next(iter(wrong))}'):
            model.generate(**wrong)
    if row.takes_primer:
        with pytest.raises(SolferinoError, match=r'--num_bars=1 \(\d+ steps\)'):
            model.generate(song(1, 2), num_bars=1)


def test_the_metre_and_the_tempo_of_a_primer_are_kept(case: tuple, model: Model) -> None:
    """Those in which its notes begin."""
    row = case[2]
    if not row.takes_primer:
        with pytest.raises(SolferinoError, match='primer'):
            model.generate(song(1, 1))
        return
    waltz = song(1, 1)
    waltz.time_signatures.add(numerator=3, denominator=4)
    waltz.tempos.add(time=9.0, qpm=200)
    for made in model.generate(waltz, 2, num_steps=row.num_steps):
        (metre,), (tempo,) = made.time_signatures, made.tempos
        assert (metre.numerator, metre.denominator, tempo.qpm) == (3, 4, 100)


def test_the_default_length_is_a_quarter_of_a_minute(case: tuple, model: Model) -> None:
    options = model.options()
    # 0 stands for as much as it takes.
    assert options.num_steps == 0 or model.seconds(options) >= 15
    made = max(model.generate(num_outputs=4, seed=1), key=lambda sequence: sequence.total_time)
    assert made.total_time > 12


def test_accents_change_nothing_but_velocities(case: tuple, model: Model) -> None:
    row = case[2]
    for primer in row.primers():
        plain, accented = (model.generate(primer, 2, num_steps=row.num_steps, accents=on) for on in (False, True))
        assert plain != accented
        for before, after in zip(plain, accented, strict=True):
            levels = [new.velocity / old.velocity for old, new in zip(before.notes, after.notes, strict=True)]
            assert all(0.7 < level < 1.2 for level in levels)
            for note, old in zip(after.notes, before.notes, strict=True):
                note.velocity = old.velocity
            assert before == after


def test_accents_are_the_same_without_the_primer(case: tuple, model: Model) -> None:
    family, config, row = case
    if config.name in row.forgets_primer or not row.takes_primer:
        return
    for primer in (*row.primers(), *([row.given(family, config)] if row.primer else [])):
        whole, rest = (
            model.generate(primer, num_steps=row.num_steps * 3 // 2, accents=True, exclude_primer=excluded)[0]
            for excluded in (False, True)
        )
        options = model.options(primer)
        rate = family.steps_per_second(config, options, whole.tempos[0].qpm)
        begin = family.primer_steps(primer, config, options) / rate
        wanted = {(note.pitch, round(note.start_time, 4)): note.velocity for note in whole.notes}
        found = {(note.pitch, round(note.start_time + begin, 4)): note.velocity for note in rest.notes}
        assert len(found.keys() & wanted.keys()) > 1
        assert all(wanted.get(place, velocity) == velocity for place, velocity in found.items())


def test_learned_velocities_change_nothing_else(case: tuple, model: Model) -> None:
    family, config, row = case
    dynamics = Dynamics(tuple(f'all {kind}: 20 30 40 50 60 70 75' for kind in range(9)))
    played = dataclasses.replace(model, config=dataclasses.replace(config, dynamics=dynamics))
    for primer in row.primers():
        plain = model.generate(primer, 2, num_steps=row.num_steps, velocity='flat')
        assert played.generate(primer, 2, num_steps=row.num_steps, velocity='flat') == plain
        (loud,) = model.generate(primer, num_steps=row.num_steps, velocity=33)
        assert {note.velocity for note in loud.notes} == {33}
        learned = played.generate(primer, 2, num_steps=row.num_steps)
        ends = family.marks(learned[0], primer, config, model.options(primer, num_steps=row.num_steps)).primer_end
        notes = [note for sequence in learned for note in sequence.notes]
        velocities = [note.velocity for note in notes if note.start_time > ends - 0.01]
        if family.loudness_kinds(piece.of(plain[0]).notes, config) is None:
            assert learned == model.generate(primer, 2, num_steps=row.num_steps)
        else:
            assert {note.velocity for note in notes if note.start_time < ends - 0.01} <= {80}  # as in the song
            assert 20 <= min(velocities) < max(velocities) <= 75
        for before, after in zip(plain, learned, strict=True):
            for note, old in zip(after.notes, before.notes, strict=True):
                note.velocity = old.velocity
            assert before == after


def test_the_primer_is_marked_where_outputs_begin_with_it(case: tuple, model: Model) -> None:
    family, config, row = case
    if not row.takes_primer:
        return
    primer = song(1, 1)  # 2.4 seconds
    options = model.options(primer, num_steps=row.num_steps)
    (made,) = model.generate_with(options, primer, 1)
    marks = family.marks(made, primer, config, options)
    assert marks.primer_end == pytest.approx(0 if config.name in row.forgets_primer else 2.4, abs=0.01)
    assert not family.marks(made, None, config, options).primer_end
    assert not family.marks(made, primer, config, dataclasses.replace(options, exclude_primer=True)).primer_end
    assert family.draw(made, config, marks).get_axes()


def test_a_checkpoint_loads_as_a_model(case: tuple, tmp_path: Path) -> None:
    family, config, _ = case
    model = family.model(config, seed=1)
    record = {**settings.record_of(family.spec, config), 'seed': 0}
    checkpoint = checkpoints.capture(model, record)
    checkpoints.save(str(tmp_path / 'train'), checkpoint)
    loaded = load(tmp_path)
    assert loaded.config == config
    for name, array in loaded.weights.items():
        np.testing.assert_array_equal(array, checkpoint.weights[name])


def test_a_run_names_its_model(case: tuple, tmp_path: Path) -> None:
    family, config, _ = case
    names = {'id': 'mine', 'description': 'My own.'}
    record = {**settings.record_of(family.spec, config), 'seed': 0, 'generator': names}
    checkpoints.save(str(tmp_path / 'train'), checkpoints.capture(family.model(config, seed=1), record))
    load(tmp_path).save_bundle(tmp_path / 'x.mag')
    assert load(tmp_path / 'x.mag').generator_id == 'mine'
    assert load(tmp_path / 'x.mag').generator_description == 'My own.'


@pytest.mark.cpus
@pytest.mark.once
@pytest.mark.parametrize('name', CASES, ids='-'.join)
def test_an_output_does_not_depend_on_those_beside_it(name: tuple[str, str], drawn: dict[bytes, set[bytes]]) -> None:
    """As large as the config is by default: not even the last bit of what its events are drawn from."""
    family = registry.get(name[0])
    config, row = family.spec.configs[name[1]], ROWS[name[0]]
    config = _taught(family, dataclasses.replace(config, hparams=overrides.parse(config.hparams, row.fits_song)))
    rng = np.random.default_rng(0)
    weights = {
        name: (value + rng.normal(0, 0.05, value.shape)).astype(np.float32)
        for name, value in _weights(family.model(config, 0)).items()
    }
    few_steps = {'gibbs_steps': 5} if name[0] == 'rbm' else {}
    options = dataclasses.replace(family.spec.generation, num_steps=row.num_steps, seed=1, **few_steps)

    def generate(primers: list[Any]) -> tuple[list[Any], dict[bytes, set[bytes]]]:
        drawn.clear()
        with threadpoolctl.threadpool_limits(4, 'blas'):  # as on a machine of four cores
            return family.generate(weights, config, primers, options), dict(drawn)

    many, many_drawn = generate([None] * 36)
    assert len({output.SerializeToString() for output in many}) > 12
    for number in (1, 5, 13):
        few, few_drawn = generate([None] * number)
        assert few == many[:number]
        both = many_drawn.keys() & few_drawn.keys()
        assert len(both) >= row.draws * number
        # A row that fills up a block draws with the numbers of another, and may be rounded otherwise.
        assert all(many_drawn[key] <= few_drawn[key] for key in both)
    given = [row.given(family, config) if number % 3 else None for number in range(30)]
    assert generate(given)[0][::3] == many[:30:3]
