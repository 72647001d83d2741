"""The families' networks in plain Keras and TensorFlow, as a tutorial would write them, for `throughput.py`."""

import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from solferino.models.core.training.data import Dataset
from solferino.models.piano_rnn.attention import lookup

_STEPS = 5  # of a call of model.fit, whose own cost is small beside them
_Train = Callable[[float], int]


def gru_attention(dataset: Dataset) -> _Train:
    """Windows of tokens, and model.fit."""
    config = dataset.config
    hparams, window = config.hparams, config.extraction.window
    windows, labels = _windows(dataset, window)
    batch = round(hparams.batch_size * len(labels) / len(dataset))  # windows in a batch of ours
    model = attention_model(hparams, lookup.of(config).frames, window)
    model.compile(
        keras.optimizers.Adam(hparams.learning_rate, global_clipnorm=hparams.clip_norm),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    rng = np.random.default_rng(0)

    def train(seconds: float) -> int:
        events, end = 0, time.perf_counter() + seconds
        while time.perf_counter() < end:
            chosen = rng.integers(len(labels), size=_STEPS * batch)
            model.fit(windows[chosen], labels[chosen], batch_size=batch, verbose=0)
            events += len(chosen)
        return events

    return train


def attention_model(hparams: Any, keys: np.ndarray, window: int) -> keras.Model:
    """Of int32 [N, window] the logits [N, tokens]: the equations of `attention_forward.py`; `keys` is its `keys`."""
    num_tokens, num_keys = keys.shape
    sounding = keras.initializers.Constant(keys.astype(np.float32))
    inputs = keras.Input((window,), dtype='int32')
    of_keys = keras.layers.Embedding(num_tokens, num_keys, embeddings_initializer=sounding, trainable=False)(inputs)
    x = keras.layers.Embedding(num_tokens, hparams.embedding_size)(inputs)
    x = x + keras.layers.Dense(hparams.embedding_size, use_bias=False)(of_keys)
    for units in hparams.rnn_layer_sizes[:-1]:
        x = keras.layers.GRU(units, return_sequences=True)(x)
        query = keras.layers.Dense(hparams.attention_size)(x)
        key = keras.layers.Dense(hparams.attention_size, use_bias=False)(x)
        x = x + keras.layers.AdditiveAttention()([query, x, key])
    x = keras.layers.GRU(hparams.rnn_layer_sizes[-1])(x)
    x = keras.layers.Dropout(1 - hparams.dropout_keep_prob)(x)
    shared = keras.ops.matmul(keras.layers.Dense(num_keys)(x), keys.T.astype(np.float32))
    return keras.Model(inputs, keras.layers.Dense(num_tokens)(x) + shared)


def _windows(dataset: Dataset, window: int) -> tuple[np.ndarray, np.ndarray]:
    """Every window of the examples, int32 [N, window], and the token after it, int32 [N]."""
    encoded = [dataset.family.encode(example, dataset.config)['tokens'] for example in dataset.examples]
    cut = np.concatenate([np.lib.stride_tricks.sliding_window_view(tokens, window + 1) for tokens in encoded])
    return np.ascontiguousarray(cut[:, :-1]), np.ascontiguousarray(cut[:, -1])


def rbm(dataset: Dataset) -> _Train:
    """Contrastive divergence in a compiled step."""
    hparams = dataset.config.hparams
    encoded = [dataset.family.encode(example, dataset.config)['visible'] for example in dataset.examples]
    windows = np.concatenate(encoded).astype(np.float32)
    batch = round(hparams.batch_size * len(windows) / len(encoded))
    step = rbm_step(hparams, windows.shape[1])
    rng = np.random.default_rng(0)

    def train(seconds: float) -> int:
        events, end = 0, time.perf_counter() + seconds
        while time.perf_counter() < end:
            step(tf.constant(windows[rng.integers(len(windows), size=batch)])).numpy()
            events += batch * hparams.num_timesteps
        return events

    return train


def rbm_step(hparams: Any, visible_units: int) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns a step of training on windows [R, V], whose result is their reconstruction error."""
    weights = tf.Variable(tf.random.normal([visible_units, hparams.hidden_units], stddev=0.01))
    visible_bias, hidden_bias = tf.Variable(tf.zeros(visible_units)), tf.Variable(tf.zeros(hparams.hidden_units))
    chains = tf.Variable(tf.zeros([hparams.chains, hparams.hidden_units]))
    variables = [weights, visible_bias, hidden_bias]
    if hparams.optimizer == 'adam':
        optimizer: Any = keras.optimizers.Adam(hparams.learning_rate)
    else:
        optimizer = keras.optimizers.SGD(hparams.learning_rate, hparams.momentum)
    optimizer.build(variables)

    def sample(probabilities: tf.Tensor) -> tf.Tensor:
        return tf.cast(tf.random.uniform(tf.shape(probabilities)) < probabilities, tf.float32)

    @tf.function
    def step(data: tf.Tensor) -> tf.Tensor:
        probabilities = tf.sigmoid(data @ weights + hidden_bias)
        hidden = chains.read_value() if hparams.persistent else sample(probabilities)
        for _ in range(hparams.cd_steps):
            visible = sample(tf.sigmoid(hidden @ tf.transpose(weights) + visible_bias))
            last = tf.sigmoid(visible @ weights + hidden_bias)
            hidden = sample(last)
        if hparams.persistent:
            chains.assign(hidden)
        rows, model_rows = tf.cast(tf.shape(data)[0], tf.float32), tf.cast(tf.shape(visible)[0], tf.float32)
        gradients = [
            tf.transpose(visible) @ last / model_rows
            - tf.transpose(data) @ probabilities / rows
            + hparams.weight_decay * weights,
            tf.reduce_mean(visible, axis=0) - tf.reduce_mean(data, axis=0),
            tf.reduce_mean(last, axis=0) - tf.reduce_mean(probabilities, axis=0),
        ]
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        reconstruction = tf.sigmoid(probabilities @ tf.transpose(weights) + visible_bias)
        return tf.reduce_mean(tf.reduce_sum(tf.square(data - reconstruction), axis=1))

    return step


SIDES = {'piano_rnn': gru_attention, 'rbm': rbm}
