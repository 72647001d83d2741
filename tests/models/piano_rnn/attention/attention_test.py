"""gru_attention: the network in NumPy and in TensorFlow, its likelihoods, and what it generates."""

import dataclasses
import itertools
import math
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from note_seq.protobuf import music_pb2

from solferino.hparams import generation
from solferino.hparams.errors import SolferinoError
from solferino.hparams.piano_rnn import SPEC, GruAttentionHparams, PianoConfig, Vocabulary
from solferino.models.core.training import data
from solferino.models.loading import Model
from solferino.models.piano_rnn import FAMILY, extraction, primers
from solferino.models.piano_rnn.attention import attention_kernels, gru_attention, lookup
from solferino.models.piano_rnn.attention.attention_forward import Forward
from solferino.models.piano_rnn.attention.attention_kernels import Parameters
from solferino.models.piano_rnn.attention.attention_model import AttentionModel, attend
from solferino.models.piano_rnn.frames import KEYS

TOKENS = ('e', '60', '60,64', '62', '60,64,67', '48', '64,67', '72')
WINDOW = 12
CONFIG = dataclasses.replace(
    SPEC.config('gru_attention'),
    hparams=GruAttentionHparams(
        batch_size=4, embedding_size=5, rnn_layer_sizes=(7, 6, 5), attention_size=3, dropout_keep_prob=1.0
    ),
    extraction=dataclasses.replace(
        SPEC.config('gru_attention').extraction, window=WINDOW, min_steps=2, articulation=False
    ),
    learned=Vocabulary(TOKENS),
)
KNOWN = lookup.of(CONFIG).frames
BY_METRE = dataclasses.replace(CONFIG, extraction=dataclasses.replace(CONFIG.extraction, steps_per_quarter=4))


def network(seed: int = 0, size: float = 0.5) -> AttentionModel:
    """With large random weights, so that everything matters."""
    model = AttentionModel(CONFIG.hparams, KNOWN, WINDOW, seed)
    rng = np.random.default_rng(seed)
    for variable in model.named_weights().values():
        variable.assign(rng.normal(0, size, variable.shape))
    return model


def weights_of(model: AttentionModel) -> dict[str, np.ndarray]:
    return {name: np.array(variable.numpy()) for name, variable in model.named_weights().items()}


@pytest.fixture(scope='module')
def model() -> Model:
    return Model(FAMILY, CONFIG, weights_of(network()), 'here', CONFIG.name, CONFIG.description)


def frames(*indices: int) -> np.ndarray:
    """The frames of some tokens."""
    return lookup.of(CONFIG).frames[list(indices)]


def random_frames(steps: int, seed: int = 0) -> np.ndarray:
    return frames(*np.random.default_rng(seed).integers(len(TOKENS), size=steps))


def primer(*notes: tuple[float, float, int], qpm: float = 120) -> music_pb2.NoteSequence:
    sequence = music_pb2.NoteSequence(ticks_per_quarter=220)
    sequence.tempos.add(qpm=qpm)
    for start, end, pitch in notes:
        sequence.notes.add(start_time=start, end_time=end, pitch=pitch, velocity=80)
        sequence.total_time = max(sequence.total_time, end)
    return sequence


def heard(sequence: music_pb2.NoteSequence, seconds: float = 0.2) -> list[list[int]]:
    """The pitches in each frame of a generated sequence."""
    steps = round(max(note.end_time for note in sequence.notes) / seconds)
    return [
        sorted(n.pitch for n in sequence.notes if n.start_time < (t + 0.5) * seconds < n.end_time) for t in range(steps)
    ]


@pytest.mark.parametrize('layers', [(6,), (7, 6), (7, 6, 5)])
def test_numpy_and_tensorflow_say_the_same(layers: tuple[int, ...]) -> None:
    hparams = dataclasses.replace(CONFIG.hparams, rnn_layer_sizes=layers)
    model = AttentionModel(hparams, KNOWN, WINDOW, 3)
    rng = np.random.default_rng(1)
    for variable in model.named_weights().values():
        variable.assign(rng.normal(0, 0.5, variable.shape))
    windows = rng.integers(len(TOKENS), size=(5, WINDOW)).astype(np.int32)
    expected = model.logits(tf.constant(windows)).numpy()
    np.testing.assert_allclose(Forward(weights_of(model), KNOWN).logits(windows), expected, atol=1e-5)


def test_at_full_size_numpy_and_tensorflow_say_the_same() -> None:
    rng = np.random.default_rng(1)
    keys = rng.random((500, KEYS)) < 0.04
    model = AttentionModel(GruAttentionHparams(), keys, 50, 3)
    windows = rng.integers(500, size=(3, 50)).astype(np.int32)
    expected = model.logits(tf.constant(windows)).numpy()
    np.testing.assert_allclose(Forward(weights_of(model), keys).logits(windows), expected, atol=1e-5)


def test_attention_is_a_mean_over_the_window() -> None:
    windows = np.random.default_rng(0).integers(len(TOKENS), size=(3, WINDOW))
    maps = Forward(weights_of(network(size=2.0)), KNOWN).attention(windows)
    assert [m.shape for m in maps] == [(3, WINDOW, WINDOW)] * 2
    for weights in maps:
        np.testing.assert_allclose(weights.sum(axis=-1), 1, rtol=1e-5)
        assert weights.min() >= 0 and np.ptp(weights) > 0.01


@pytest.mark.parametrize('size', [0.3, 3.0])
def test_attention_on_cpus_is_that_of_tensorflow(size: float) -> None:
    """Forwards and backwards; with large weights, too, whose exponentials are large."""
    rng = np.random.default_rng(0)
    states = rng.normal(size=(WINDOW, 5, 6)).astype(np.float32)
    p = Parameters(*(rng.normal(0, size, shape).astype(np.float32) for shape in ((6, 3), (6, 3), (3,), (3,))))
    given = [tf.constant(states), *map(tf.constant, p)]
    d_mixed = rng.normal(size=states.shape).astype(np.float32)
    with tf.GradientTape() as tape:
        tape.watch(given)
        expected = attend(given[0], Parameters(*given[1:]))
    gradients = tape.gradient(expected, given, output_gradients=tf.constant(d_mixed))
    kept = attention_kernels.attend(states, p)
    np.testing.assert_allclose(kept.mixed, expected, atol=2e-5)
    d_states, d_parameters = attention_kernels.gradient(d_mixed, states, p, kept)
    for found, wanted in zip((d_states, *d_parameters), gradients, strict=True):
        np.testing.assert_allclose(found, wanted, atol=2e-4 * max(1, float(tf.reduce_max(abs(wanted)))))


def test_log_likelihood_is_the_loss_of_the_examples(model: Model) -> None:
    """Extraction, windows, padding and masks in TensorFlow, against one pass in NumPy."""
    music = random_frames(75)
    examples = list(extraction.cut(music, WINDOW, 16))
    lengths = np.array([len(FAMILY.encode(e, CONFIG)['tokens']) for e in examples], np.int32)
    assert len(set(lengths)) > 1  # there is padding
    batch = data.Dataset(FAMILY, CONFIG, '', examples, lengths, '').batch(np.arange(len(examples)))
    total, weight = network().test_step({name: tf.constant(array) for name, array in batch.items()})['loss']
    assert float(weight) == 74
    assert model.log_likelihood(music) == pytest.approx(-float(total), rel=1e-5)


def test_frames_outside_the_vocabulary_are_taken_for_others_and_counted(model: Model) -> None:
    known = random_frames(20)
    rare = known.copy()
    rare[known[1:].any(axis=1).argmax() + 1, 0] = True  # one note more than the vocabulary has
    example = next(extraction.cut(rare, WINDOW, 30))
    encoded = FAMILY.encode(example, CONFIG)
    assert encoded['unknown'].sum() == 1
    assert model.log_likelihood(rare) == model.log_likelihood(known)
    batch = {name: tf.constant(array[None]) for name, array in encoded.items()}
    metrics = network().test_step({**batch, 'length': tf.constant([len(encoded['tokens'])])})
    outside = metrics['metrics/outside_vocabulary']
    assert (float(outside[0]), float(outside[1])) == (1, 19)


def test_examples_with_more_context_than_a_window_are_refused() -> None:
    example = list(extraction.cut(random_frames(60), WINDOW + 1, 16))[-1]
    with pytest.raises(ValueError, match='windows of 12'):
        FAMILY.encode(example, CONFIG)


def test_log_likelihoods_of_all_second_frames_make_a_whole(model: Model) -> None:
    pairs = [frames(1, second) for second in range(len(TOKENS))]
    assert math.fsum(math.exp(model.log_likelihood(pair)) for pair in pairs if pair[1].any()) < 1
    # One of the frames is silence, with which no music ends when it is read; frames are scored as they are.
    assert math.fsum(math.exp(model.log_likelihood(pair)) for pair in pairs) == pytest.approx(1, rel=1e-5)


def test_generation_follows_the_likeliest(model: Model) -> None:
    """At top_k=1 each frame is the likeliest after those before, window by window."""
    start = random_frames(5)
    (output,) = model.family.generate(model.weights, CONFIG, [start], options(num_steps=40, top_k=1))
    known = lookup.of(CONFIG)
    forward = Forward(model.weights, known.frames)
    indices = known.indices(start)[0].tolist()
    while len(indices) < 40:
        window = np.array([([known.empty] * WINDOW + indices)[-WINDOW:]])
        indices.append(int(forward.logits(window).argmax()))
    found = heard(output)
    expected = [(known.frames[index].nonzero()[0] + 21).tolist() for index in indices]
    assert found == expected[: len(found)]
    assert not any(expected[len(found) :])


def options(**given: Any) -> Any:
    return dataclasses.replace(SPEC.generation, **given)


def test_an_output_does_not_depend_on_those_beside_it(model: Model) -> None:
    one = model.generate(num_outputs=1, num_steps=30, seed=4)
    many = model.generate(num_outputs=14, num_steps=30, seed=4)
    assert many[0] == one[0]
    assert len({output.SerializeToString() for output in many}) > 5


def test_primers_of_different_lengths_go_in_one_batch(model: Model) -> None:
    given = [random_frames(20, 1), None, random_frames(3, 2)]
    together = FAMILY.generate(model.weights, CONFIG, given, options(num_steps=30, seed=1, top_k=1))
    alone = [FAMILY.generate(model.weights, CONFIG, [one], options(num_steps=30, seed=1, top_k=1))[0] for one in given]
    assert together == alone


def test_the_default_primer_is_a_note_after_silence(model: Model) -> None:
    (output,) = model.generate(num_steps=20)
    assert heard(output)[0] == [60]
    (output,) = model.generate(primers.parse('start_note', 'D4'), num_steps=20)
    assert heard(output)[0] == [62]


def test_a_primer_outside_the_vocabulary_is_played_as_it_was_given(model: Model) -> None:
    (output,) = model.generate(primers.parse('start_note', 'A5'), num_steps=20)
    assert heard(output)[0] == [81]


def test_random_frames_are_known_ones_and_not_all_the_same(model: Model) -> None:
    outputs = model.generate(num_outputs=3, num_steps=21, random_frames=20, seed=2)
    known = [(frame.nonzero()[0] + 21).tolist() for frame in lookup.of(CONFIG).frames]
    assert all(frame in known for output in outputs for frame in heard(output))
    assert len({output.SerializeToString() for output in outputs}) == 3
    with pytest.raises(SolferinoError, match='not both'):
        model.generate(frames(1), random_frames=20)


def test_no_note_is_stuck(model: Model) -> None:
    for output in model.generate(num_outputs=5, num_steps=60, seed=1):
        assert all(0 <= n.start_time < n.end_time <= 60 * 0.2 + 1e-6 for n in output.notes)
        for pitch in {n.pitch for n in output.notes}:
            spans = sorted((n.start_time, n.end_time) for n in output.notes if n.pitch == pitch)
            assert all(end < start - 0.1 for (_, end), (start, _) in itertools.pairwise(spans))


def test_keys_are_held_or_struck_anew(model: Model) -> None:
    start = frames(1, 1, 2)
    held, struck = (model.generate(start, num_steps=4, strike_anew=anew, top_k=1)[0].notes for anew in (False, True))
    assert [(round(n.start_time, 3), n.pitch) for n in held][:2] == [(0.0, 60), (0.4, 64)]
    assert [(round(n.start_time, 3), n.pitch) for n in struck][:4] == [(0.0, 60), (0.2, 60), (0.4, 60), (0.4, 64)]


def test_a_primer_can_be_left_out(model: Model) -> None:
    whole, rest = (
        model.generate(random_frames(10), num_steps=30, exclude_primer=out, seed=3)[0] for out in (False, True)
    )
    found = heard(rest)
    assert found == heard(whole)[10 : 10 + len(found)]


def test_how_loud_and_how_fast(model: Model) -> None:
    (output,) = model.generate(num_steps=20, velocity=33, qpm=90, seed=1)
    assert {n.velocity for n in output.notes} == {33}
    assert output.tempos[0].qpm == 90
    (fast,) = model.generate(num_steps=20, frames_per_second=10, seed=1)
    assert heard(fast, 0.1) == heard(output, 0.2)


def test_frames_of_a_quarter_follow_the_tempo() -> None:
    model = Model(FAMILY, BY_METRE, weights_of(network()), 'here', CONFIG.name, CONFIG.description)
    slow, fast = (model.generate(num_steps=20, qpm=qpm, seed=1)[0] for qpm in (60, 120))
    assert heard(slow, 60 / 60 / 4) == heard(fast, 60 / 120 / 4)
    with pytest.raises(SolferinoError, match='--qpm'):
        model.generate(frames_per_second=10.0)
    (continued,) = model.generate(primer((0, 1, 60), qpm=60), num_steps=20, qpm=200)
    assert continued.tempos[0].qpm == 60
    assert continued.notes[0].pitch == 60
    changing = primer((0, 1, 60), (1, 2, 62), qpm=60)
    changing.tempos.add(time=1, qpm=90)
    with pytest.raises(SolferinoError, match='tempo changes'):
        model.generate(changing)


def test_what_is_generated_is_read_again_as_the_same_frames(model: Model) -> None:
    """So that the plot of a generated sequence shows the windows that it came from."""
    (output,) = model.generate(num_steps=60, seed=1)
    again = extraction.whole(extraction_piece(output), CONFIG.extraction)
    assert [(frame.nonzero()[0] + 21).tolist() for frame in again] == heard(output)


def test_what_is_generated_can_be_gone_on_from_whatever_the_instruments() -> None:
    config = dataclasses.replace(CONFIG, extraction=dataclasses.replace(CONFIG.extraction, instruments='organ,40'))
    model = Model(FAMILY, config, weights_of(network()), 'here', CONFIG.name, CONFIG.description)
    (output,) = model.generate(num_steps=20, seed=1)
    assert {note.program for note in output.notes} == {16}
    (continued,) = model.generate(output, num_steps=40, seed=1)
    assert heard(continued)[: len(heard(output))] == heard(output)


def extraction_piece(sequence: music_pb2.NoteSequence) -> Any:
    from solferino.models.music.pieces import piece

    return piece.of(sequence)


@pytest.mark.parametrize(
    'given, says',
    [
        (primer((0, 5, 60)), 'takes 25 frames and --num_steps=20'),
        (primer((0, 1, 5)), 'no notes of --instruments=piano'),
        (music_pb2.NoteSequence(), 'no notes'),
        (np.zeros((0, KEYS), bool), 'no frames'),
        (np.zeros((3, 5), bool), 'no frames of 88 keys'),
    ],
)
def test_primers_that_cannot_be_used(model: Model, given: Any, says: str) -> None:
    with pytest.raises(SolferinoError, match=says):
        model.generate(given, num_steps=20)


def test_notes_beyond_the_keyboard_are_left_out_of_primers_but_scored_not_at_all(model: Model) -> None:
    beyond = primer((0, 1, 60), (0, 2, 5))
    assert model.generate(beyond, num_steps=20, seed=1) == model.generate(primer((0, 1, 60)), num_steps=20, seed=1)
    assert FAMILY.remarks(beyond, CONFIG) == ['1 note is not used: 1 beyond the pitches 21 to 108']
    with pytest.raises(SolferinoError, match='1 note outside the pitches 21 to 108'):
        model.log_likelihood(beyond)


def test_notes_of_a_primer_that_are_left_out_are_told_once(model: Model, caplog: pytest.LogCaptureFixture) -> None:
    mixed = primer((0, 1, 60), (0, 1, 64))
    expected = model.generate(mixed, num_outputs=3, num_steps=20, seed=1)
    assert not caplog.records
    mixed.notes.add(start_time=0, end_time=1, pitch=67, velocity=80, program=40)
    assert model.generate(mixed, num_outputs=3, num_steps=20, seed=1) == expected
    (told,) = caplog.records
    assert told.getMessage() == (
        'The primer: 1 note is not used: 1 of other instruments; the examples of this model were made with '
        '--instruments=piano: of program 0 they are used.'
    )


@pytest.mark.parametrize(
    'text, pitch',
    [('60', 60), ('C4', 60), ('c4', 60), ('F#3', 54), ('Bb5', 82), ('bb5', 82), ('b3', 59), ('A0', 21), ('C8', 108)],
)
def test_start_notes(text: str, pitch: int) -> None:
    frame = primers.parse('start_note', text)
    assert frame.shape == (1, KEYS)
    assert frame[0].nonzero()[0].tolist() == [pitch - 21]


@pytest.mark.parametrize('text', ['', 'H4', '20', '109', 'C9', 'C', '#', '4', '60.0', '-60', 'C##4', 'G-1'])
def test_texts_that_are_no_start_note(text: str) -> None:
    with pytest.raises(SolferinoError, match='--start_note='):
        primers.parse('start_note', text)


def test_plots_show_each_attention(model: Model) -> None:
    (output,) = model.generate(num_steps=30, seed=1)
    figures = FAMILY.plot(
        'plot_attention', model.weights, CONFIG, output, generation.replace(SPEC.generation, num_steps=30)
    )
    assert list(figures) == ['attention_1', 'attention_2']
    axes = figures['attention_1'].get_axes()[0]
    assert axes.get_images()[0].get_array().shape == (WINDOW, WINDOW)
    labels = [label.get_text() for label in axes.get_yticklabels()]
    last = heard(output)[-1]
    assert len(labels) == WINDOW
    assert len(labels[-1].split()) == len(last)
    assert 'plot_attention' in FAMILY.plots(CONFIG)
    assert 'plot_attention' not in FAMILY.plots(SPEC.config('gru_nade'))


@pytest.mark.parametrize('config', [CONFIG, BY_METRE], ids=['by time', 'by metre'])
@pytest.mark.parametrize('last', [(), (0,), (0, 0, 0, 3, 0), (0,) * 20], ids=len)
def test_plots_show_the_frames_that_were_generated(
    config: PianoConfig, last: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However fast they are played, and whether they sound or not."""
    sampled = np.concatenate([random_frames(30 - len(last)), frames(*last)])
    shown = []
    monkeypatch.setattr(gru_attention, 'sample', lambda *_: [sampled])
    monkeypatch.setattr(gru_attention, 'plot', lambda *given: shown.append(given[-1]) or {})
    weights = weights_of(network())
    for given in ({'qpm': 90.0}, {} if config is BY_METRE else {'frames_per_second': 7.0}):
        options = generation.replace(SPEC.generation, num_steps=30, **given)
        (output,) = FAMILY.generate(weights, config, [None], options)
        FAMILY.plot('plot_attention', weights, config, output, options)
    for frames_shown in shown:
        np.testing.assert_array_equal(frames_shown, sampled)
    assert len(shown) == 2


def test_silence_is_plotted_and_what_is_not_known_is_not(model: Model) -> None:
    silent = FAMILY.plot('plot_attention', model.weights, CONFIG, music_pb2.NoteSequence(), SPEC.generation)
    assert {label.get_text() for label in silent['attention_1'].get_axes()[0].get_yticklabels()} == {'·'}
    without = generation.replace(SPEC.generation, exclude_primer=True)
    with pytest.raises(SolferinoError, match='cannot be told without the primer'):
        FAMILY.plot('plot_attention', model.weights, CONFIG, primer((0, 1, 60)), without)


def test_learning_lowers_the_loss() -> None:
    """Of a rule that only the window can tell: every fourth frame is that of four frames ago."""
    hparams = dataclasses.replace(CONFIG.hparams, rnn_layer_sizes=(16, 16), embedding_size=8, learning_rate=0.01)
    model = AttentionModel(hparams, KNOWN, WINDOW, 0)
    rng = np.random.default_rng(0)
    tokens = np.tile(rng.integers(len(TOKENS), size=(12, 4)), 8).astype(np.int32)
    batch = {
        'tokens': tf.constant(tokens),
        'unknown': tf.zeros(tokens.shape, tf.uint8),
        'length': tf.fill([len(tokens)], tokens.shape[1]),
    }
    step = tf.function(model.train_step)
    losses = [float(metrics['loss'][0] / metrics['loss'][1]) for metrics in (step(batch) for _ in range(60))]
    assert losses[0] == pytest.approx(math.log(len(TOKENS)), rel=0.1)
    assert losses[-1] < 0.5 * losses[0]


def test_a_config_says_what_it_lacks() -> None:
    nade = SPEC.config('gru_nade')
    with pytest.raises(SolferinoError, match='no vocabulary'):
        FAMILY.generate({}, nade, [None], options(random_frames=5))
