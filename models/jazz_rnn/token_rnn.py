"""The event network as jazz_rnn trains it: by RMSprop, and told of in values that fit tokens, which last unequally."""

from collections.abc import Mapping
from typing import Any, ClassVar

import keras
import tensorflow as tf

from solferino.models.core.events.event_rnn import EventRnn
from solferino.models.core.layers.trainable import Metrics, perplexity

_PERPLEXITY = 'metrics/perplexity'
_OF_STEPS = ('metrics/event_accuracy', 'metrics/no_event_accuracy', 'metrics/loss_per_step')


class TokenRnn(EventRnn):
    """See EventRnn."""

    descriptions: ClassVar[Mapping[str, str]] = {
        'loss': 'How surprised the model is by the next note or rest, in nats: the mean of -ln of the probability it '
        'gave to its token.',
        _PERPLEXITY: 'e to the loss: among how many equally likely tokens the model seems to choose.',
        'metrics/accuracy': 'The share of tokens that the model took for the likeliest.',
    }
    repetitions: ClassVar[tuple[str, ...]] = ()

    def new_optimizer(self, rate: Any) -> keras.optimizers.Optimizer:
        """See EventRnn: as deepjazz has it."""
        return keras.optimizers.RMSprop(rate)

    def clip(self, gradients: list[tf.Tensor], norm: tf.Tensor) -> list[tf.Tensor]:
        """See EventRnn; RMSprop asks for the gradients' shapes, which the kernels do not tell."""
        clipped = super().clip(gradients, norm)
        return [tf.ensure_shape(g, v.shape) for g, v in zip(clipped, self.trainable_variables, strict=True)]

    def measure(self, batch: Mapping[str, tf.Tensor], training: bool) -> Metrics:
        """See EventRnn: without what is told of events that last a step."""
        return {name: value for name, value in super().measure(batch, training).items() if name not in _OF_STEPS}

    def derived(self, values: Mapping[str, float]) -> dict[str, float]:
        """See EventRnn."""
        return {_PERPLEXITY: perplexity(values['loss'])}
