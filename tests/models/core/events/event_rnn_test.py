"""The TensorFlow network against its equations in NumPy, and training with it."""

import numpy as np
import pytest

from solferino.hparams.networks.event_rnn import EventRnnHparams
from solferino.models import registry
from solferino.models.core.events.event_forward import Forward
from solferino.models.music.encodings.event_encodings import EventEncoding

ENCODING = EventEncoding(12, counter_bits=3)
NETWORKS = {
    'lstm': {'rnn_layer_sizes': (8, 6)},
    'attention': {'rnn_layer_sizes': (8, 6), 'attn_length': 4},
    'residual': {'rnn_layer_sizes': (8, 8, 6), 'residual_connections': True},
    'residual attention': {'rnn_layer_sizes': (8, 8), 'attn_length': 4, 'residual_connections': True},
}


@pytest.fixture(params=NETWORKS)
def hparams(request: pytest.FixtureRequest) -> EventRnnHparams:
    return EventRnnHparams(**NETWORKS[request.param], dropout_keep_prob=0.7, learning_rate=0.05)


def _model(hparams: EventRnnHparams, seed: int = 1):
    from solferino.models.core.events.event_rnn import EventRnn

    return EventRnn(hparams, ENCODING, seed)


def _batch(lengths: tuple[int, ...] = (9, 4, 7)) -> dict[str, np.ndarray]:
    """Padded event tracks; what lies in the padding is noise, which must not matter."""
    events = np.random.default_rng(3).integers(0, 12, (len(lengths), max(lengths) + 1)).astype(np.int32)
    inputs = ENCODING.inputs(events[:, :-1])
    return {
        'ones': inputs.ones,
        'dense': np.ascontiguousarray(inputs.dense),
        'labels': events[:, 1:],
        'length': np.array(lengths, np.int32),
    }


def test_logits_are_those_of_the_equations(hparams: EventRnnHparams) -> None:
    import tensorflow as tf

    model, batch = _model(hparams), _batch()
    weights = {name: variable.numpy() for name, variable in model.named_weights().items()}
    # Random biases too: zeros would hide a bias in the wrong place.
    rng = np.random.default_rng(0)
    for name, variable in model.named_weights().items():
        weights[name] = rng.normal(0, 0.5, variable.shape).astype(np.float32)
        variable.assign(weights[name])
    forward = Forward(weights, hparams.attn_length, hparams.residual_connections)
    expected, _ = forward.run(ENCODING.inputs(_events(batch)), forward.initial_state(3))
    time_first = [tf.constant(np.swapaxes(batch[name], 0, 1)) for name in ('ones', 'dense')]
    for logits in (model.logits, tf.function(model.logits)):
        ours = np.swapaxes(logits(*time_first, training=False), 0, 1)
        np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-5)


def _events(batch: dict[str, np.ndarray]) -> np.ndarray:
    return batch['ones'][:, :, 0]


def test_padding_does_not_change_the_metrics(hparams: EventRnnHparams) -> None:
    import tensorflow as tf

    model, batch = _model(hparams), _batch()
    together = model.test_step({k: tf.constant(v) for k, v in batch.items()})
    alone: dict[str, np.ndarray] = {}
    for row, length in enumerate(batch['length']):
        one = {
            k: tf.constant(v[row : row + 1, :length] if k != 'length' else v[row : row + 1]) for k, v in batch.items()
        }
        for name, pair in model.test_step(one).items():
            alone[name] = alone.get(name, 0) + np.array([float(p) for p in pair])
    for name, pair in together.items():
        np.testing.assert_allclose([float(p) for p in pair], alone[name], rtol=1e-5)


def test_training_learns_and_repeats(hparams: EventRnnHparams) -> None:
    import tensorflow as tf

    def train() -> tuple[list[float], dict[str, np.ndarray]]:
        model = _model(hparams)
        step = tf.function(model.train_step)
        batch = {k: tf.constant(v) for k, v in _batch().items()}
        losses = [float(total / weight) for total, weight in (step(batch)['loss'] for _ in range(30))]
        return losses, {name: v.numpy() for name, v in model.named_weights().items()}

    losses, weights = train()
    again, weights_again = train()
    assert losses[-1] < losses[0] - 0.5
    assert losses == again
    for name, value in weights.items():
        np.testing.assert_array_equal(value, weights_again[name])


def test_a_repeat_by_another_name_is_foreseen() -> None:
    import tensorflow as tf

    from solferino.models.core.events.event_rnn import EventRnn

    encoding = EventEncoding(3, lookbacks=(1, 2))
    model = EventRnn(EventRnnHparams(rnn_layer_sizes=(4,)), encoding, 1)
    events = np.random.default_rng(3).integers(0, 3, (2, 60)).astype(np.int32)
    inputs = encoding.inputs(events[:, :-1])
    batch = {'ones': inputs.ones, 'dense': inputs.dense, 'labels': encoding.labels(events)}
    batch |= {'meanings': encoding.meanings(events), 'length': np.array([59, 40], np.int32)}
    metrics = model.test_step({k: tf.constant(v) for k, v in batch.items()})
    time_first = [tf.constant(np.swapaxes(batch[name], 0, 1)) for name in ('ones', 'dense')]
    likeliest = np.swapaxes(model.logits(*time_first, training=False), 0, 1).argmax(axis=2)
    kept = np.arange(59) < batch['length'][:, None]
    right = (batch['meanings'] == likeliest[..., None]).any(axis=2)
    assert float(metrics['metrics/foreseen'][0]) == (right & kept).sum()
    assert float(metrics['metrics/foreseen'][0]) > float(metrics['metrics/accuracy'][0])
    time_first = [tf.constant(np.swapaxes(batch[name], 0, 1)) for name in ('ones', 'dense')]
    logits = np.swapaxes(model.logits(*time_first, training=False), 0, 1).astype(np.float64)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    losses = [
        [-np.log(sum(probabilities[b, t, label] for label in set(meant))) for t, meant in enumerate(track)]
        for b, track in enumerate(batch['meanings'].tolist())
    ]
    of_events = metrics['metrics/loss_of_events']
    np.testing.assert_allclose(of_events[0], (np.array(losses) * kept).sum(), rtol=1e-5)
    assert float(of_events[0]) < float(metrics['loss'][0])
    assert 'metrics/foreseen' not in model.measure({k: tf.constant(v) for k, v in batch.items()}, training=True)


def test_metrics_count_events_and_steps() -> None:
    import tensorflow as tf

    model, batch = _model(EventRnnHparams(rnn_layer_sizes=(4,))), _batch()
    metrics = model.test_step({k: tf.constant(v) for k, v in batch.items()})
    steps = batch['length'].sum()
    kept = np.arange(batch['labels'].shape[1]) < batch['length'][:, None]
    silent = ((batch['labels'] == 0) & kept).sum()
    assert float(metrics['loss'][1]) == steps
    assert float(metrics['metrics/no_event_accuracy'][1]) == silent
    assert float(metrics['metrics/event_accuracy'][1]) == steps - silent
    values = {name: float(total) / max(float(weight), 1) for name, (total, weight) in metrics.items()}
    assert model.remarks({**values, 'metrics/event_accuracy': 0.5, 'metrics/no_event_accuracy': 1.0}) == []
    for event, nothing, says in ((0.0, 1.0, 'nothing new happens'), (0.0, 0.9, 'none'), (1.0, 0.0, 'each step')):
        (remark,) = model.remarks({'metrics/event_accuracy': event, 'metrics/no_event_accuracy': nothing})
        assert says in remark
    assert model.derived(values)['metrics/perplexity'] == pytest.approx(np.exp(values['loss']), rel=1e-5)


# Of Magenta 2.1.4's graph: the matrices of TensorFlow 1 in which ours are parts, as rows and columns. n is the size of
# the input, u the units; a layer's input is that of the encoding or the layer before.
def _of_tensorflow_1(name: str, n: int, u: int, classes: int) -> tuple[int, int]:
    return {
        'kernel': (n + u, 4 * u),
        'recurrent_kernel': (n + u, 4 * u),
        'input_kernel': (n + u, n),
        'context_kernel': (n + u, n),
        'query_kernel': (2 * u, u),
        'memory_kernel': (u, u),
        'output_kernel': (2 * u, u),
        'score': (u, u),
        'logits': (u, classes),
    }[name]


@pytest.mark.parametrize('name', ['one_drum', 'drum_kit', 'basic_rnn', 'mono_rnn', 'lookback_rnn', 'attention_rnn'])
def test_a_network_begins_as_magentas_does(name: str) -> None:
    """Glorot's uniform bounds over the matrices that TensorFlow 1 has, zeros for biases, 1 for the forget gate."""
    family = registry.get('drums_rnn' if name.endswith(('drum', 'kit')) else 'melody_rnn')
    config = family.spec.configs[name]
    encoding, sizes = family.encoding(config), config.hparams.rnn_layer_sizes
    inputs = dict(enumerate((encoding.input_size, *sizes)))
    for path, variable in family.model(config, seed=0).named_weights().items():
        layer, _, part = path.partition('/')
        value, u = variable.numpy(), sizes[-1]
        if part.endswith('bias'):
            expected = np.zeros_like(value)
            if part == 'bias' and layer.startswith('lstm'):
                expected[u : 2 * u] = 1
            np.testing.assert_array_equal(value, expected)
            continue
        n = inputs[int(layer[-1])] if layer.startswith('lstm') else encoding.input_size
        rows, columns = _of_tensorflow_1(part if layer != 'logits' else layer, n, u, encoding.num_classes)
        bound = (6 / (rows + columns)) ** 0.5
        assert abs(value).max() <= bound, path
        assert abs(value).max() > 0.97 * bound, path
        assert abs(value.std() - bound / 3**0.5) < 0.1 * bound, path


def test_output_biases_from_the_frequencies_of_labels() -> None:
    examples = [{'labels': np.array([3, 3, 3, 5])}, {'labels': np.array([3])}]
    model = _model(EventRnnHparams(rnn_layer_sizes=(4,), output_bias='frequencies'))
    model.begin(examples)
    counts = np.ones(12)
    counts[[3, 5]] += 4, 1
    np.testing.assert_allclose(model.named_weights()['logits/bias'], np.log(counts / counts.sum()), rtol=1e-6)
    plain = _model(EventRnnHparams(rnn_layer_sizes=(4,)))
    plain.begin(examples)
    assert not plain.named_weights()['logits/bias'].numpy().any()


def test_moving_averages_are_what_is_evaluated_and_saved() -> None:
    import tensorflow as tf

    model = _model(EventRnnHparams(rnn_layer_sizes=(4,), averaging=0.5, learning_rate=0.1))
    batch = {k: tf.constant(v) for k, v in _batch().items()}
    trained = model.named_optimizer_state()['logits/bias']
    history = [model.named_weights()['logits/bias'].numpy()]
    for _ in range(3):
        tf.function(model.train_step)(batch)
        share = 1 - min(0.5, (1 + len(history)) / (10 + len(history)))
        history.append(history[-1] + share * (trained.numpy() - history[-1]))
    np.testing.assert_allclose(model.named_weights()['logits/bias'], history[-1], rtol=1e-5)
    before, loss = trained.numpy(), float(tf.function(model.test_step)(batch)['loss'][0])
    np.testing.assert_array_equal(trained.numpy(), before)
    evaluated = _model(EventRnnHparams(rnn_layer_sizes=(4,)))
    for name, variable in evaluated.named_weights().items():
        variable.assign(model.named_weights()[name])
    assert loss == pytest.approx(float(evaluated.test_step(batch)['loss'][0]), rel=1e-6)
    assert loss != pytest.approx(float(model.measure(batch, training=False)['loss'][0]), rel=1e-3)


def test_the_learning_rate_falls_to_zero() -> None:
    import tensorflow as tf

    model = _model(EventRnnHparams(rnn_layer_sizes=(4,), learning_rate=0.01, decay_steps=2))
    batch = {k: tf.constant(v) for k, v in _batch().items()}
    rates = []
    for _ in range(3):
        rates.append(float(model.optimizer.learning_rate.numpy()))
        model.train_step(batch)
    assert rates == pytest.approx([0.01, 0.005, 0.0])


def test_gradients_are_clipped_as_magenta_clips_them(hparams: EventRnnHparams) -> None:
    """tf_slim scales the gradient of each variable of TensorFlow 1's cells by its own norm, whatever the others are."""
    import tensorflow as tf

    model = _model(hparams)
    names = {id(variable): name for name, variable in model.named_weights().items()}
    order = [names[id(variable)] for variable in model.trainable_variables]
    rng = np.random.default_rng(0)
    gradients = {
        name: (rng.normal(size=model.named_weights()[name].shape) * rng.choice([0.01, 5])).astype(np.float32)
        for name in order
    }
    clipped = model.clip([tf.constant(gradients[name]) for name in order], tf.constant(0.0))
    ours = dict(zip(order, (gradient.numpy() for gradient in clipped), strict=True))
    pairs = {'recurrent_kernel': 'kernel', 'kernel': 'recurrent_kernel'} | {
        'context_kernel': 'input_kernel', 'input_kernel': 'context_kernel'
    }  # fmt: skip
    for name, gradient in gradients.items():
        layer, part = name.split('/')
        other = gradients.get(f'{layer}/{pairs.get(part)}', np.zeros(1))
        norm = np.sqrt((gradient**2).sum() + (other**2).sum())
        np.testing.assert_allclose(ours[name], gradient * min(1, hparams.clip_norm / norm), rtol=1e-5, err_msg=name)
