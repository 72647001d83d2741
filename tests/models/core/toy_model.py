"""The toy family's model."""

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from solferino.models.core.layers.trainable import Metrics, Trainable, learning_rate


class Toy(Trainable):
    """Predicts each class from the one before."""

    def __init__(self, config: Any, seed: int) -> None:
        super().__init__()
        self._config = config
        self._seed = seed
        hparams = config.hparams
        init = keras.initializers.RandomNormal(stddev=0.1, seed=seed)
        self.embedding = self.add_weight(name='embedding', shape=(config.classes, hparams.units), initializer=init)
        self.kernel = self.add_weight(name='kernel', shape=(hparams.units, config.classes), initializer=init)
        self.optimizer = keras.optimizers.Adam(learning_rate(hparams.learning_rate, hparams.decay_steps))
        self.built = True

    def train_step(self, batch: Mapping[str, tf.Tensor]) -> Metrics:
        with tf.GradientTape() as tape:
            metrics = self._measure(batch, training=True)
            loss = metrics['loss'][0] / metrics['loss'][1]
        own = [tf.convert_to_tensor(gradient) for gradient in tape.gradient(loss, self.trainable_variables)]
        gradients = self.replicas.mean(own, metrics['loss'][1])
        gradients, norm = tf.clip_by_global_norm(gradients, self._config.hparams.clip_norm)
        self.optimizer.apply(gradients, self.trainable_variables)
        one = tf.ones_like(norm)
        return {**metrics, 'gradient_norm': (norm, one), 'events': (metrics['loss'][1], one)}

    def test_step(self, batch: Mapping[str, tf.Tensor]) -> Metrics:
        return self._measure(batch, training=False)

    def derived(self, values: Mapping[str, float]) -> dict[str, float]:
        return {'metrics/perplexity': float(tf.exp(values['loss']))}

    def named_weights(self) -> dict[str, Any]:
        return {'embedding': self.embedding, 'kernel': self.kernel}

    def _measure(self, batch: Mapping[str, tf.Tensor], training: bool) -> Metrics:
        x = tf.gather(self.embedding, batch['inputs'])
        if training:
            seed = tf.stack([tf.constant(self._seed, tf.int64), tf.cast(self.optimizer.iterations, tf.int64)])
            x = tf.nn.experimental.stateless_dropout(x, 1 - self._config.hparams.keep_prob, seed=seed)
        logits = tf.einsum('btu,uc->btc', x, self.kernel)
        mask = tf.sequence_mask(batch['length'], tf.shape(x)[1], tf.float32)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(batch['labels'], logits) * mask
        right = tf.cast(tf.argmax(logits, axis=-1, output_type=tf.int32) == batch['labels'], tf.float32) * mask
        steps = tf.reduce_sum(mask)
        return {'loss': (tf.reduce_sum(losses), steps), 'metrics/accuracy': (tf.reduce_sum(right), steps)}
