"""The event network in TensorFlow: predicts the next event's label from all events before.

The equations and the weights' names are those of `event_forward.py`; this module trains them.
"""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from solferino.hparams.networks.event_rnn import EventRnnHparams
from solferino.models.core.cpu.output_layer import OutputParameters
from solferino.models.core.layers import recurrent_ops
from solferino.models.core.layers.moving_averages import MovingAverages
from solferino.models.core.layers.recurrent_layers import AttentionLstm, Lstm, matmul, vectors
from solferino.models.core.layers.recurrent_ops import FLOAT32
from solferino.models.core.layers.trainable import Metrics, Supervised, learning_rate, perplexity, seeds
from solferino.models.core.metric_names import EVENT_PREDICTIONS, LOSS_OF_EVENTS
from solferino.models.music.encodings.event_encodings import Encoding


class EventRnn(Supervised):
    """Trains on batches of `ones` [B, T, slots] int32, `dense` [B, T, D] float32, `labels` [B, T] int32, `length` [B].

    Where several labels can mean one event, `meanings` [B, T, M] int32 are all labels of the next event.

    Args:
      hparams: layers, dropout, clipping, learning rate, averaging.
      encoding: sizes of inputs and labels.
      seed: of the initial weights, which have the same distribution as Magenta's, and of dropout.
    """

    descriptions: ClassVar[Mapping[str, str]] = {
        'loss': 'How surprised the model is by the next event, in nats: the mean of -ln of the probability it gave.',
        'metrics/loss_per_step': 'The loss again, by step of time: an event of these encodings lasts one.',
        'metrics/perplexity': 'e to the loss: among how many equally likely events the model seems to choose.',
        'metrics/perplexity_per_step': 'The perplexity again, by step of time.',
        'metrics/accuracy': 'The share of steps at which what the model takes for the likeliest is what comes; a '
        'repeat of what was a bar ago counts as an event of its own.',
        EVENT_PREDICTIONS: 'The share of steps at which what the model takes for the likeliest is what comes, whether '
        'it says so by name or as a repeat.',
        LOSS_OF_EVENTS: 'The loss where a label stands for the event that it means: of an event that may be '
        'said by name or as a repeat, the probabilities are added up. This is what compares with a table of events.',
        'metrics/event_accuracy': 'The accuracy at steps at which something happens: a drum is hit, a note begins or '
        'ends, or something is repeated.',
        'metrics/no_event_accuracy': 'The accuracy at the other steps.',
    }

    repetitions: ClassVar[tuple[str, ...]] = ('metrics/loss_per_step', 'metrics/perplexity_per_step')

    def __init__(self, hparams: EventRnnHparams, encoding: Encoding, seed: int) -> None:
        super().__init__('event_rnn', seed, hparams.clip_norm)
        self._hparams = hparams
        self._encoding = encoding
        self._layers_by_name: dict[str, Any] = {}
        own = seeds(seed)
        size = encoding.input_size
        for i, units in enumerate(hparams.rnn_layer_sizes):
            if hparams.residual_connections and (i == 0 or size != units):
                self._keep(f'projection_{i}', _dense(units, next(own)), size)
                size = units
            if i == 0 and hparams.attn_length:
                layer: Any = AttentionLstm(units, hparams.attn_length, hparams.precision, own)
            else:
                layer = Lstm(units, hparams.precision, own)
            self._keep(f'lstm_{i}', layer, size)
            size = units
        self._keep('logits', _dense(encoding.num_classes, next(own)), size)
        self.optimizer = self.new_optimizer(learning_rate(hparams.learning_rate, hparams.decay_steps))
        self.optimizer.build(self.trainable_variables)
        self._groups = self._clipped_together()
        self._averages = MovingAverages(self, self._trained(), hparams.averaging) if hparams.averaging else None
        self.built = True

    def new_optimizer(self, rate: Any) -> keras.optimizers.Optimizer:
        """Returns an optimizer for a learning rate or a schedule of it."""
        return keras.optimizers.Adam(rate, epsilon=1e-8)  # TensorFlow 1's epsilon, which Magenta trained with

    def _keep(self, name: str, layer: Any, input_size: int) -> None:
        layer.build((None, None, input_size))
        self._layers_by_name[name] = layer

    def logits(self, ones: tf.Tensor, dense: tf.Tensor, training: bool) -> tf.Tensor:
        """Returns the logits [T, B, classes]; time comes first in `ones` and `dense`, too."""
        p = self._output_parameters()
        return matmul(self._recur(ones, dense, training), p.kernel, self._hparams.precision) + p.bias

    def _recur(self, ones: tf.Tensor, dense: tf.Tensor, training: bool) -> tf.Tensor:
        """The output of the last LSTM layer, [T, B, units]."""
        layers = self._layers_by_name
        x: Any = (ones, dense)
        if self._hparams.residual_connections:
            x = vectors(x, self._encoding.input_size)
        keep, num_layers = self._hparams.dropout_keep_prob if training else 1, len(self._hparams.rnn_layer_sizes)
        for i in range(num_layers):
            if f'projection_{i}' in layers:
                x = layers[f'projection_{i}'](x)
            output = layers[f'lstm_{i}'](x)
            if self._hparams.residual_connections:
                output += x
            x = self.dropout(output, keep, i, num_layers)
        return x

    def _output_parameters(self) -> OutputParameters:
        return OutputParameters(*(tf.convert_to_tensor(v) for v in self._layers_by_name['logits'].trainable_variables))

    def derived(self, values: Mapping[str, float]) -> dict[str, float]:
        """Perplexity is the exponential of the loss."""
        pairs = (('loss', 'metrics/perplexity'), ('metrics/loss_per_step', 'metrics/perplexity_per_step'))
        return {name: perplexity(values[loss]) for loss, name in pairs}

    def begin(self, examples: Iterable[Mapping[str, np.ndarray]]) -> None:
        """See Trainable: with `output_bias=frequencies`, the output's biases are those of the labels' frequencies.

        Without them a network spends its first hundreds of steps on learning little more than these. A label that the
        examples do not have counts as if it came once.
        """
        if self._hparams.output_bias != 'frequencies':
            return
        counts = np.ones(self._encoding.num_classes)
        for example in examples:
            counts += np.bincount(example['labels'], minlength=len(counts))
        self.named_weights()['logits/bias'].assign(np.log(counts / counts.sum()).astype(np.float32))

    def clip(self, gradients: list[tf.Tensor], norm: tf.Tensor) -> list[tf.Tensor]:
        """As Magenta does by tf_slim: each matrix and each bias of its cells is clipped by its own norm."""
        clipped = list(gradients)
        for group in self._groups:
            together, _ = tf.clip_by_global_norm([gradients[i] for i in group], self._clip_norm)
            for i, gradient in zip(group, together, strict=True):
                clipped[i] = gradient
        return clipped

    def _clipped_together(self) -> list[list[int]]:
        """Indices of trainable variables, for each variable of Magenta's, which may be two of ours."""
        names = {id(variable): name for name, variable in self._trained().items()}
        groups: dict[str, list[int]] = {}
        for i, variable in enumerate(self.trainable_variables):
            layer, name = names[id(variable)].split('/')
            groups.setdefault(f'{layer}/{_PARTS_OF.get(name, name)}', []).append(i)
        return list(groups.values())

    def train_step(self, batch: Mapping[str, tf.Tensor]) -> Metrics:
        """See Supervised; updates the moving averages."""
        if not self._averages:
            return super().train_step(batch)
        self._averages.begin(self.optimizer.iterations)
        metrics = super().train_step(batch)
        self._averages.update(self.optimizer.iterations)
        return metrics

    def test_step(self, batch: Mapping[str, tf.Tensor]) -> Metrics:
        """See Supervised; with the moving averages, if there are any."""
        if not self._averages:
            return super().test_step(batch)
        kept = self._averages.swap_in()
        metrics = super().test_step(batch)
        self._averages.swap_out(kept)
        return metrics

    def remarks(self, values: Mapping[str, float]) -> list[str]:
        """See Trainable: whether it predicts only one kind of step."""
        event, nothing = (values.get(f'metrics/{name}_accuracy') for name in ('event', 'no_event'))
        if event is not None and event < _NEVER and nothing is not None and nothing > 1 - _NEVER:
            return ['So far it always takes it for likeliest that nothing new happens: all events surprise it.']
        if event is not None and event < _NEVER:
            return ['So far it predicts none of the events.']
        if nothing is not None and nothing < _NEVER:
            return ['So far it expects something to happen at each step.']
        return []

    def named_weights(self) -> dict[str, Any]:
        """What is evaluated and saved (moving averages if there are any), under the names of `event_forward.py`."""
        return self._averages.weights if self._averages else self._trained()

    def named_optimizer_state(self) -> dict[str, Any]:
        """See Trainable; with moving averages, the raw weights are a part of the optimizer's state."""
        return {**super().named_optimizer_state(), **(self._averages.trained if self._averages else {})}

    def _trained(self) -> dict[str, Any]:
        named: dict[str, Any] = {}
        for name, layer in self._layers_by_name.items():
            if isinstance(layer, AttentionLstm):
                named.update(
                    {f'{"attention" if k not in _LSTM_WEIGHTS else name}/{k}': v for k, v in layer.named.items()}
                )
            else:
                named.update({f'{name}/{v.name}': v for v in layer.trainable_variables})
        return named

    def measure(self, batch: Mapping[str, tf.Tensor], training: bool) -> Metrics:
        """See Supervised: mean cross-entropy over the steps that are not padding."""
        ones, dense, labels = (_time_first(batch[name]) for name in ('ones', 'dense', 'labels'))
        x, p = self._recur(ones, dense, training), self._output_parameters()
        if recurrent_ops.on_cpu() and self._hparams.precision == FLOAT32:
            losses, likeliest = recurrent_ops.cross_entropy(x, labels, p)
        else:
            logits = matmul(x, p.kernel, self._hparams.precision) + p.bias
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
            likeliest = tf.argmax(logits, axis=-1, output_type=tf.int32)
        steps = tf.transpose(tf.sequence_mask(batch['length'], tf.shape(labels)[0], tf.float32))  # [T, B]
        losses *= steps
        correct = tf.cast(likeliest == labels, tf.float32) * steps
        no_event = tf.cast(labels == self._encoding.no_event_label, tf.float32) * steps
        event = steps - no_event
        loss = (tf.reduce_sum(losses), tf.reduce_sum(steps))
        predicted = {}
        if 'meanings' in batch and not training:
            meant = tf.reduce_any(likeliest[..., None] == _time_first(batch['meanings']), axis=-1)
            right = tf.reduce_sum(tf.cast(meant, tf.float32) * steps)
            of_events = _loss_of_any(matmul(x, p.kernel, FLOAT32) + p.bias, _time_first(batch['meanings'])) * steps
            predicted = {
                EVENT_PREDICTIONS: (right, tf.reduce_sum(steps)),
                LOSS_OF_EVENTS: (tf.reduce_sum(of_events), tf.reduce_sum(steps)),
            }
        return {
            **predicted,
            'loss': loss,
            'metrics/accuracy': (tf.reduce_sum(correct), tf.reduce_sum(steps)),
            'metrics/event_accuracy': (tf.reduce_sum(correct * event), tf.reduce_sum(event)),
            'metrics/no_event_accuracy': (tf.reduce_sum(correct * no_event), tf.reduce_sum(no_event)),
            # Every event of these encodings lasts one step of time.
            'metrics/loss_per_step': loss,
        }


def _dense(units: int, seed: int) -> Any:
    return keras.layers.Dense(units, kernel_initializer=keras.initializers.GlorotUniform(seed=seed))


def _loss_of_any(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """-ln of the probability [T, B] that a label is one of `labels` [T, B, M], which may contain duplicates."""
    meant = tf.reduce_max(tf.one_hot(labels, tf.shape(logits)[-1]), axis=2) > 0  # [T, B, classes]
    of_meant = tf.where(meant, logits, tf.constant(-1e30))
    return tf.reduce_logsumexp(logits, axis=-1) - tf.reduce_logsumexp(of_meant, axis=-1)


def _time_first(x: tf.Tensor) -> tf.Tensor:
    """[B, T, ...] to [T, B, ...]"""
    return tf.transpose(x, [1, 0, *range(2, len(x.shape))])


# An accuracy that is printed as 0.0000.
_NEVER = 0.00005
# Two matrices here that are one in TensorFlow 1's cells.
_PARTS_OF = {'recurrent_kernel': 'kernel', 'context_kernel': 'input_kernel'}
_LSTM_WEIGHTS = ('kernel', 'recurrent_kernel', 'bias')
