"""The TensorFlow network against its equations in NumPy, and training with it."""

import numpy as np
import pytest

from solferino.hparams.event_rnn import EventRnnHparams
from solferino.models.core.forward import Forward
from solferino.models.music.encodings import EventEncoding

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
    from solferino.models.core.event_rnn import EventRnn

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

    from solferino.models.core.event_rnn import EventRnn

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
