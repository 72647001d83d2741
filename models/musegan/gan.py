"""MuseGAN as it is trained: a Wasserstein GAN with gradient penalty.

Gulrajani et al. 2017 (arXiv:1704.00028): the critic D is trained to tell music x from what the generator makes, y,

    E[D(y)] - E[D(x)] + 10 E[(|grad D(m)| - 1)^2]        m between x and y, drawn anew for each pair

and the generator, once for some steps of the critic, to lower -E[D(y)]. -E[D(y)] + E[D(x)] estimates the Wasserstein
distance of the two. The critic convolves over bars, pitches and steps, one after the other, as in the tutorials.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from solferino.hparams.musegan import STEPS_PER_BAR, MuseGanHparams, MuseGanLearned
from solferino.models.core.layers.moving_averages import MovingAverages
from solferino.models.core.layers.trainable import Metrics, Trainable, seeds
from solferino.models.musegan import generator, quality
from solferino.models.musegan.classes import Classes
from solferino.models.musegan.generator import EPSILON, Latents, Ops

_LEAK = 0.3  # of the critic's leaky ReLU
_NORM_MOMENTUM = 0.9
_OCTAVE = 12
_STATISTICS = ('_mean', '_variance')  # of batches, which no optimizer moves
# Convolutions over steps: channels are the critic's sizes at this index; padding is before and after.
_OVER_STEPS = ((0, 2, 2, (0, 0)), (0, 2, 2, (0, 0)), (1, 4, 2, (1, 1)), (2, 3, 2, (0, 1)))


class MuseGan(Trainable):
    """Trains on batches of `voices` [B, bars * 16, tracks] int32, classes of what each voice does.

    'loss' of training is the critic's; of an evaluation it is how far what is made is from the music in `quality`.

    Args:
      hparams: sizes, and how to train.
      classes: what a voice can do.
      learned: the ranges of the tracks.
      seed: of the first weights and of all that is drawn.
    """

    descriptions: ClassVar[Mapping[str, str]] = {
        'loss': "In training, the critic's loss. Of an evaluation, how far generated music is from the held-out music: "
        'the mean of the relative distances of the measures below.',
        'metrics/wasserstein': "The critic's estimate of the Wasserstein distance of generated music to the music: it "
        'falls as the generator learns.',
        'metrics/generator_loss': "The generator's loss: minus what the critic gives it.",
        'metrics/gradient_penalty': "How far the norm of the critic's gradient is from 1, squared.",
        **{
            f'metrics/{side}_{name}': f'{title}, of {of} music.'
            for side, of in (('data', 'held-out'), ('made', 'generated'))
            for name, title in quality.TITLES.items()
        },
    }

    def __init__(self, hparams: MuseGanHparams, classes: Classes, learned: MuseGanLearned, seed: int) -> None:
        super().__init__(name='musegan')
        self._hparams, self._classes, self._seed = hparams, classes, seed
        self._own = seeds(seed)
        self._has_streams = hparams.streams and classes.others > 0
        self._allowed = classes.allowed(learned, hparams.num_tracks)
        shapes = generator.weight_shapes(hparams, classes.num_pitches, classes.others)
        generators = {name: self._variable(name, shape) for name, shape in shapes.items()}
        # The statistics of batches are averaged as the weights are: those of the newest weights do not fit averages.
        self._averages = MovingAverages(self, generators, hparams.averaging)
        self._trained = {name: v for name, v in generators.items() if not name.endswith(_STATISTICS)}
        self._critic = {name: self._variable(f'critic/{name}', shape) for name, shape in self._critic_shapes().items()}
        self.optimizer, self._generator_optimizer = (
            keras.optimizers.Adam(hparams.learning_rate, hparams.beta_1, hparams.beta_2) for _ in range(2)
        )
        self.optimizer.build(list(self._critic.values()))
        self._generator_optimizer.build(list(self._trained.values()))
        self.built = True

    def _variable(self, name: str, shape: tuple[int, ...]) -> Any:
        ones = name.endswith(('_scale', '_variance'))
        initial: Any = 'ones' if ones else 'zeros'
        if name.endswith('kernel'):
            initial = keras.initializers.GlorotUniform(seed=next(self._own))
        trained = not name.endswith(_STATISTICS)
        return self.add_weight(name=name.replace('/', '_'), shape=shape, initializer=initial, trainable=trained)

    def _critic_shapes(self) -> dict[str, tuple[int, ...]]:
        h, c = self._hparams, self._classes
        sizes, tracks, bars = h.critic_sizes, h.num_tracks, h.num_bars
        first = min(2, bars)
        octaves = c.num_pitches // _OCTAVE
        shapes: dict[str, tuple[int, int]] = {
            'bars_0': (first * tracks * (2 if self._has_streams else 1), sizes[0]),
            'bars_1': ((bars - first + 1) * sizes[0], sizes[0]),
            'pitches_0': (_OCTAVE * sizes[0], sizes[0]),
            'pitches_1': (octaves * sizes[0], sizes[0]),
        }
        size, steps = sizes[0], STEPS_PER_BAR
        for j, (which, kernel, stride, _) in enumerate(_OVER_STEPS):
            shapes[f'steps_{j}'] = (kernel * size, sizes[which])
            size, steps = sizes[which], steps // stride
        shapes['dense'] = (steps * size, sizes[3])
        shapes['out'] = (sizes[3], 1)
        named: dict[str, tuple[int, ...]] = {f'{name}_kernel': shape for name, shape in shapes.items()}
        named |= {f'{name}_bias': (shape[1],) for name, shape in shapes.items()}
        if c.others:
            named['others_kernel'] = (bars * tracks * c.others, sizes[0])
        if self._has_streams:
            named['chroma_kernel'] = (bars * tracks * _OCTAVE, sizes[0])
        return named

    def named_weights(self) -> dict[str, Any]:
        """See Trainable: the generator's, their moving averages."""
        return self._averages.weights

    def named_optimizer_state(self) -> dict[str, Any]:
        """See Trainable: with the critic, the weights that the optimizer moves, and the generator's optimizer."""
        second = {f'generator/{i:04d}': v for i, v in enumerate(self._generator_optimizer.variables)}
        critic = {f'critic/{name}': v for name, v in self._critic.items()}
        return super().named_optimizer_state() | self._averages.trained | second | critic

    def train_step(self, batch: Mapping[str, tf.Tensor]) -> Metrics:
        """See Trainable: a step of the critic and, each `critic_steps`, one of the generator."""
        self._averages.begin(self.optimizer.iterations)
        step = tf.cast(self.optimizer.iterations, tf.int32)
        real = self._seen(tf.one_hot(batch['voices'], self._classes.number))
        size = tf.shape(real)[0]
        fake = tf.stop_gradient(self._make(self._draw(size, step, 0), step, 0, trains=False))
        mix = tf.random.stateless_uniform([size, 1, 1, 1, 1], self._seed_of(step * 8 + 1))
        between = real + mix * (fake - real)
        with tf.GradientTape() as tape:
            with tf.GradientTape() as inner:
                inner.watch(between)
                judged = self._judge(between)
            slopes = inner.gradient(judged, between)
            norms = tf.sqrt(tf.reduce_sum(slopes**2, axis=[1, 2, 3, 4]) + 1e-12)
            penalty = tf.reduce_mean((norms - 1) ** 2)
            distance = tf.reduce_mean(self._judge(real)) - tf.reduce_mean(self._judge(fake))
            loss = self._hparams.gradient_penalty * penalty - distance
        variables = list(self._critic.values())
        gradients = self.replicas.mean(tape.gradient(loss, variables), tf.cast(size, tf.float32))
        norm = tf.linalg.global_norm(gradients)
        self.optimizer.apply(gradients, variables)
        due = (step + 1) % self._hparams.critic_steps == 0
        score = tf.cond(due, lambda: self._train_generator(size, step), lambda: tf.zeros([]))
        one = tf.ones([])
        steps = tf.cast(size * self._hparams.num_bars * STEPS_PER_BAR, tf.float32)
        return {
            'loss': (loss, one),
            'metrics/wasserstein': (distance, one),
            'metrics/gradient_penalty': (penalty, one),
            # Where the generator is not trained there is nothing to add.
            'metrics/generator_loss': (score, tf.where(due, one, 0.0) + 1e-9),
            'gradient_norm': (norm, one),
            'events': (steps, one),
        }

    def _train_generator(self, size: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        trained = self._trained
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(self._judge(self._make(self._draw(size, step, 2), step, 2, trains=True)))
        gradients = self.replicas.mean(tape.gradient(loss, list(trained.values())), tf.cast(size, tf.float32))
        self._generator_optimizer.apply(gradients, list(trained.values()))
        self._averages.update(self.optimizer.iterations)
        return loss

    def test_step(self, batch: Mapping[str, tf.Tensor]) -> Metrics:
        """See Trainable: measures of the music, and of as many pieces made of latents that are always the same."""
        size = tf.shape(batch['voices'])[0]
        logits = self._logits(self._averages.weights, self._draw(size, tf.constant(-1), 3), trains=False)
        made = tf.numpy_function(self._classes.likeliest, [logits], tf.int32)
        made.set_shape([None, self._hparams.num_bars * STEPS_PER_BAR, self._hparams.num_tracks])
        found = {'data': self._quality(batch['voices']), 'made': self._quality(made)}
        metrics = {
            f'metrics/{side}_{name}': (sums[k, 0], sums[k, 1]) for side, sums in found.items()
            for k, name in enumerate(quality.TITLES)
        }  # fmt: skip
        fake = self._seen(tf.one_hot(made, self._classes.number))
        real = self._seen(tf.one_hot(batch['voices'], self._classes.number))
        distance = tf.reduce_sum(self._judge(real)) - tf.reduce_sum(self._judge(fake))
        pieces = tf.cast(size, tf.float32)
        return {
            'loss': (tf.numpy_function(_distance, list(found.values()), tf.float32) * pieces, pieces),
            'metrics/wasserstein': (distance, pieces),
            **metrics,
        }

    def derived(self, values: Mapping[str, float]) -> dict[str, float]:
        """See Trainable: the distance of all pieces together, where they were evaluated in batches."""
        if 'metrics/made_empty_bars' not in values:
            return {}
        data, made = ([values[f'metrics/{side}_{name}'] for name in quality.TITLES] for side in ('data', 'made'))
        return {'loss': quality.distance(data, made)}

    def remarks(self, values: Mapping[str, float]) -> list[str]:
        """See Trainable."""
        if values.get('metrics/made_empty_bars', 0) > 0.9:
            return ['What it makes is silence: train it for longer.']
        return []

    def _quality(self, classes: tf.Tensor) -> tf.Tensor:
        """Sums and weights of the measures, float32 [measures, 2]."""

        def measure(array: np.ndarray) -> np.ndarray:
            return quality.sums([self._classes.voices(piece) for piece in array])

        found = tf.numpy_function(measure, [classes], tf.float32)
        found.set_shape([len(quality.TITLES), 2])
        return found

    def _seed_of(self, number: tf.Tensor) -> tf.Tensor:
        own = tf.constant(self.replicas.seed(self._seed), tf.int64)
        return tf.stack([own, tf.cast(number, tf.int64)])

    def _draw(self, size: tf.Tensor, step: tf.Tensor, use: int) -> Latents:
        """Latents of standard normal numbers, by the seed, the step and what they are for."""
        z, tracks = self._hparams.latent_size, self._hparams.num_tracks
        drawn = tf.random.stateless_normal([size, 2 + 2 * tracks, z], self._seed_of(step * 8 + 4 + use))
        return Latents(drawn[:, 0], drawn[:, 1], drawn[:, 2 : 2 + tracks], drawn[:, 2 + tracks :])

    def _make(self, latents: Latents, step: tf.Tensor, use: int, trains: bool) -> tf.Tensor:
        """Pieces as the critic sees them, [B, bars, 16, classes, tracks]."""
        logits = self._logits(self._averages.trained, latents, trains)
        if self._hparams.output == 'tanh':
            return tf.tanh(logits)
        if self._hparams.output == 'gumbel':
            drawn = tf.random.stateless_uniform(tf.shape(logits), self._seed_of(step * 8 + use), 1e-7, 1 - 1e-7)
            logits = logits - tf.math.log(-tf.math.log(drawn))
        soft = tf.nn.softmax(logits / self._hparams.output_temperature, axis=3)
        hard = tf.one_hot(tf.argmax(logits, axis=3), self._classes.number, axis=3)
        return self._seen_scaled(soft + tf.stop_gradient(hard - soft))

    def _seen(self, one_hot: tf.Tensor) -> tf.Tensor:
        """[B, bars * 16, tracks, classes] -> [B, bars, 16, classes, tracks], from -1 to 1."""
        h = self._hparams
        split = tf.reshape(one_hot, [-1, h.num_bars, STEPS_PER_BAR, h.num_tracks, self._classes.number])
        return self._seen_scaled(tf.transpose(split, [0, 1, 2, 4, 3]))

    @staticmethod
    def _seen_scaled(one_hot: tf.Tensor) -> tf.Tensor:
        return 2 * one_hot - 1

    def _logits(self, weights: Mapping[str, Any], latents: Latents, trains: bool) -> tf.Tensor:
        """With the statistics of this batch if the weights are those that are trained; `trains` keeps them."""
        of_batch = weights is self._averages.trained

        def activate(name: str, x: tf.Tensor) -> tf.Tensor:
            mean, variance = weights[f'{name}_mean'], weights[f'{name}_variance']
            if of_batch:
                here = tf.nn.moments(x, axes=[0])
                if trains:
                    rows = tf.cast(tf.shape(x)[0], tf.float32)
                    shared = self.replicas.mean(here, rows)
                    for kept, now in zip((mean, variance), shared, strict=True):
                        kept.assign(_NORM_MOMENTUM * kept + (1 - _NORM_MOMENTUM) * tf.stop_gradient(now))
                mean, variance = here
            normal = tf.nn.batch_normalization(
                x, mean, variance, weights[f'{name}_offset'], weights[f'{name}_scale'], EPSILON
            )
            return tf.nn.relu(normal)

        ops = Ops(tf.matmul, tf.reshape, tf.concat, tf.stack, tf.tile, tf.zeros_like, activate)
        return generator.generate(weights, latents, self._hparams, ops) + self._allowed

    def _judge(self, x: tf.Tensor) -> tf.Tensor:
        """The critic's numbers [B] for pieces [B, bars, 16, classes, tracks]."""
        h, others = self._hparams, self._classes.others

        def layer(name: str, y: tf.Tensor, more: tf.Tensor | float = 0.0) -> tf.Tensor:
            y = tf.tensordot(y, self._critic[f'{name}_kernel'], 1) + self._critic[f'{name}_bias'] + more
            return tf.nn.leaky_relu(y, _LEAK)

        first, octaves = min(2, h.num_bars), self._classes.num_pitches // _OCTAVE
        y, more = x[:, :, :, others:], self._beside(x)
        if self._has_streams:
            sounding = _sounding((x + 1) / 2)
            more = more + self._chroma(sounding)
            y = tf.concat([y, 2 * sounding - 1], -1)
        y = tf.concat([y[:, k : h.num_bars - first + 1 + k] for k in range(first)], -1)
        y = layer('bars_0', y)
        y = layer('bars_1', tf.concat(tf.unstack(y, axis=1), -1))  # (B, 16, pitches, units)
        y = layer('pitches_0', tf.reshape(y, [-1, STEPS_PER_BAR, octaves, _OCTAVE * h.critic_sizes[0]]))
        y = layer('pitches_1', tf.reshape(y, [-1, STEPS_PER_BAR, octaves * h.critic_sizes[0]]), more)
        steps = STEPS_PER_BAR
        for j, (_, kernel, stride, padding) in enumerate(_OVER_STEPS):
            y = tf.pad(y, [(0, 0), padding, (0, 0)])
            steps //= stride
            y = layer(
                f'steps_{j}', tf.concat([y[:, k : k + stride * (steps - 1) + 1 : stride] for k in range(kernel)], -1)
            )
        y = layer('dense', tf.reshape(y, [-1, steps * y.shape[-1]]))
        return (y @ self._critic['out_kernel'] + self._critic['out_bias'])[:, 0]

    def _beside(self, x: tf.Tensor) -> tf.Tensor | float:
        """What rests and holds add to the pre-activations of a step, [B, 16, units]."""
        others = self._classes.others
        if not others:
            return 0.0
        return tf.tensordot(_by_step(x[:, :, :, :others]), self._critic['others_kernel'], 1)

    def _chroma(self, sounding: tf.Tensor) -> tf.Tensor:
        """What the pitch classes that sound add, [B, 16, units]."""
        h = self._hparams
        octaves = tf.reshape(
            sounding, [-1, h.num_bars, STEPS_PER_BAR, self._classes.num_pitches // _OCTAVE, _OCTAVE, h.num_tracks]
        )
        return tf.tensordot(_by_step(tf.reduce_sum(octaves, axis=3)), self._critic['chroma_kernel'], 1)


def _by_step(x: tf.Tensor) -> tf.Tensor:
    """[B, bars, 16, n, tracks] -> [B, 16, bars * n * tracks]"""
    _, bars, steps, n, tracks = x.shape
    return tf.reshape(tf.transpose(x, [0, 2, 1, 3, 4]), [-1, steps, bars * n * tracks])


def _sounding(one_hot: tf.Tensor) -> tf.Tensor:
    """Of classes (rest, hold, pitches) from 0 to 1 how much each pitch sounds: what is struck, or held from before.

    [B, bars, 16, classes, tracks] -> [B, bars, 16, pitches, tracks]
    """
    _, bars, steps, number, tracks = one_hot.shape
    flat = tf.unstack(tf.reshape(one_hot, [-1, bars * steps, number, tracks]), axis=1)
    sounds = [flat[0][:, 2:]]
    for step in flat[1:]:
        sounds.append(step[:, 2:] + step[:, 1:2] * sounds[-1])
    return tf.reshape(tf.stack(sounds, axis=1), [-1, bars, steps, number - 2, tracks])


def _distance(data: np.ndarray, made: np.ndarray) -> np.ndarray:
    """`quality.distance` of sums and weights [measures, 2]; what there is nothing of is 0."""
    means = (sums[:, 0] / np.maximum(sums[:, 1], 1e-9) for sums in (data, made))
    return np.asarray(quality.distance(*means), np.float32)
