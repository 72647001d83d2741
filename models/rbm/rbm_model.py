"""The restricted Boltzmann machine in training: contrastive divergence, plain or persistent.

The gradient of -log p(v) is the gradient of F(v) at the data minus its mean under the model. Contrastive divergence
estimates this mean from `cd_steps` steps of Gibbs sampling that begin at the data (Hinton 2002). Persistent contrastive
divergence uses chains that are never restarted (Tieleman 2008, "Training restricted Boltzmann machines using
approximations to the likelihood gradient").
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from solferino.hparams.rbm import RbmHparams
from solferino.models.core.layers.moving_averages import MovingAverages
from solferino.models.core.layers.trainable import Metrics, Trainable, learning_rate
from solferino.models.rbm import contrastive
from solferino.models.rbm.chains import ais
from solferino.models.rbm.contrastive import Parameters

_WEIGHTS = 0.01  # standard deviation of the first weights (Hinton 2010, section 8)
_ACTIVITY_KEPT = 0.9  # decay of the moving average of how often hidden units are on


class Rbm(Trainable):
    """Trains on batches of `visible` [B, W, V] uint8, the windows of each example, and `length` [B], their number.

    'loss' is the negative pseudo-log-likelihood in nats a step. It falls as the likelihood rises, and is cheap enough
    for every evaluation. The likelihood itself is in `thorough`.

    Args:
      hparams: sizes, and how to train.
      visible_bias: [V]; the initial bias, best the log-odds of each unit in the data.
      seed: of the first weights and of the Gibbs chains.
    """

    compares = True
    descriptions: ClassVar[Mapping[str, str]] = contrastive.DESCRIPTIONS | {
        'metrics/free_energy': 'The free energy of the music in nats a step: to be compared within one model alone.',
        'metrics/free_energy_gap': 'The free energy of held-out music less that of training music: if it grows, the '
        'model learns its training music by heart.',
        'metrics/log_partition': 'The natural log of the partition function, by which all probabilities add up to one.',
    }
    repetitions = contrastive.REPETITIONS

    def __init__(self, hparams: RbmHparams, visible_bias: np.ndarray, seed: int) -> None:
        super().__init__(name='rbm')
        self._hparams = hparams
        self._seed = seed
        self._base_bias = visible_bias
        units, hidden = len(visible_bias), hparams.hidden_units
        normal = keras.initializers.RandomNormal(stddev=_WEIGHTS, seed=seed)
        self._weights = self.add_weight(name='weights', shape=(units, hidden), initializer=normal)
        self._visible_bias = self.add_weight(name='visible_bias', shape=(units,), initializer='zeros')
        self._visible_bias.assign(visible_bias)
        self._hidden_bias = self.add_weight(name='hidden_bias', shape=(hidden,), initializer='zeros')
        named = {'weights': self._weights, 'visible_bias': self._visible_bias, 'hidden_bias': self._hidden_bias}
        self._averages = MovingAverages(self, named, hparams.averaging)
        # The hidden states of a chain are enough to continue it, and far fewer than the visible ones.
        self._state: dict[str, Any] = {}
        if hparams.persistent:
            self._keep('chains', (hparams.chains, hidden))
        if hparams.sparsity_cost:
            self._keep('activity', (hidden,))
        self.optimizer = _optimizer(hparams)
        self.optimizer.build(self._variables)
        self.built = True

    def _keep(self, name: str, shape: tuple[int, ...]) -> None:
        self._state[name] = self.add_weight(name=name, shape=shape, initializer='zeros', trainable=False)

    @property
    def _variables(self) -> list[Any]:
        return [self._weights, self._visible_bias, self._hidden_bias]

    @property
    def parameters(self) -> Parameters:
        """The moving averages of the weights and biases as tensors."""
        return _parameters(self._averages.weights)

    def named_weights(self) -> dict[str, Any]:
        """See Trainable: the moving averages."""
        return self._averages.weights

    def named_optimizer_state(self) -> dict[str, Any]:
        """See Trainable: with the raw weights, the persistent chains and the activity."""
        return super().named_optimizer_state() | self._averages.trained | self._state

    def train_step(self, batch: Mapping[str, tf.Tensor]) -> Metrics:
        """See Trainable."""
        seed = contrastive.seed_of_step(self.replicas.seed(self._seed), self.optimizer.iterations)
        self._averages.begin(self.optimizer.iterations)
        data, parameters = _windows(batch), _parameters(self._averages.trained)
        probabilities = tf.sigmoid(contrastive.hidden_logits(data, parameters))
        if self._hparams.persistent:
            begin = tf.convert_to_tensor(self._state['chains'])
        else:
            begin = tf.cast(tf.random.stateless_uniform(tf.shape(probabilities), seed) < probabilities, tf.float32)
        model = contrastive.gibbs(begin, parameters, self._hparams.cd_steps, contrastive.nth(seed, 2))
        if self._hparams.persistent:
            self._state['chains'].assign(model.hidden)
        rows = tf.cast(tf.shape(data)[0], tf.float32)
        learned = self.replicas.mean(_statistics(data, probabilities), rows)
        forgotten = self.replicas.mean(_statistics(model.visible, tf.sigmoid(model.hidden_logits)), rows)
        gradients = [of_model - of_data for of_data, of_model in zip(learned, forgotten, strict=True)]
        gradients[0] += self._hparams.weight_decay * parameters.weights
        if self._hparams.sparsity_cost:
            too_often = self._hparams.sparsity_cost * (self._activity(learned[2]) - self._hparams.sparsity_target)
            gradients[0] += learned[1][:, None] * too_often
            gradients[2] += too_often
        norm = tf.linalg.global_norm(gradients)
        metrics = contrastive.measure(
            data, parameters, self._hparams.num_timesteps, contrastive.TRAINING_WORK, contrastive.nth(seed, 1)
        )
        self.optimizer.apply(gradients, self._variables)
        self._averages.update(self.optimizer.iterations)
        one, steps = tf.ones([]), metrics['loss'][1]
        return {**metrics, 'gradient_norm': (norm, one), 'events': (steps, one)}

    def test_step(self, batch: Mapping[str, tf.Tensor]) -> Metrics:
        """See Trainable: the pseudo-likelihood uses the same units at each evaluation."""
        data, parameters, seed = _windows(batch), self.parameters, tf.constant([self._seed, 0], tf.int64)
        metrics = contrastive.measure(data, parameters, self._hparams.num_timesteps, contrastive.TEST_WORK, seed)
        energy = tf.reduce_sum(contrastive.free_energy(data, parameters))
        return {**metrics, 'metrics/free_energy': (energy, metrics['loss'][1])}

    def histograms(self, batch: Mapping[str, tf.Tensor]) -> Mapping[str, tf.Tensor]:
        """See Trainable: the probability that a hidden unit is on, for each unit and window."""
        return {'hidden_activation': tf.sigmoid(contrastive.hidden_logits(_windows(batch), self.parameters))}

    def compare(self, training: Mapping[str, float], held_out: Mapping[str, float]) -> dict[str, float]:
        """See Trainable: a gap that widens is overfitting (Hinton 2010, section 6). log Z cancels out."""
        return {'metrics/free_energy_gap': held_out['metrics/free_energy'] - training['metrics/free_energy']}

    def remarks(self, values: Mapping[str, float]) -> list[str]:
        """See Trainable."""
        return contrastive.remarks(values, len(self._base_bias) // self._hparams.num_timesteps)

    def thorough(self, values: Mapping[str, float]) -> dict[str, float]:
        """See Trainable: the log-likelihood in nats a step, with its confidence interval."""
        weights, visible_bias, hidden_bias = (average.numpy() for average in self._averages.weights.values())
        z = ais.best_log_partition(weights, visible_bias, hidden_bias, self._base_bias)
        steps = self._hparams.num_timesteps
        likelihood = {
            f'metrics/log_likelihood{end}': -values['metrics/free_energy'] - float(log_z[0]) / steps
            for end, log_z in (('', z.value), ('_low', z.high), ('_high', z.low))
        }
        return {**likelihood, 'metrics/log_partition': float(z.value[0])}

    def _activity(self, mean: tf.Tensor) -> tf.Tensor:
        """The moving average of how often each hidden unit is on; it begins with that of the first batch."""
        activity = self._state['activity']
        kept = tf.where(self.optimizer.iterations > 0, _ACTIVITY_KEPT, 0.0)
        activity.assign(kept * activity + (1 - kept) * mean)
        return tf.convert_to_tensor(activity)


def _parameters(variables: Mapping[str, Any]) -> Parameters:
    return Parameters(*(tf.convert_to_tensor(variables[name]) for name in Parameters._fields))


def _windows(batch: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """The windows of all examples, one after the other, without the padding: float32 [R, V]."""
    visible = batch['visible']
    return tf.cast(tf.boolean_mask(visible, tf.sequence_mask(batch['length'], tf.shape(visible)[1])), tf.float32)


def _statistics(visible: tf.Tensor, hidden: tf.Tensor) -> list[tf.Tensor]:
    """Means over rows of v h' [V, H], v [V] and h [H]: minus the gradient of the mean free energy."""
    rows = tf.cast(tf.shape(visible)[0], tf.float32)
    return [
        tf.matmul(visible, hidden, transpose_a=True) / rows,
        tf.reduce_mean(visible, axis=0),
        tf.reduce_mean(hidden, axis=0),
    ]


def _optimizer(hparams: RbmHparams) -> keras.optimizers.Optimizer:
    rate = learning_rate(hparams.learning_rate, hparams.decay_steps)
    if hparams.optimizer == 'adam':
        return keras.optimizers.Adam(rate)
    return keras.optimizers.SGD(rate, hparams.momentum)
