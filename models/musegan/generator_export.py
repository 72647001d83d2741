"""musegan for plain TensorFlow: the generator, latents to what each voice does in each step."""

import pathlib
from typing import Any

import tensorflow as tf

from solferino.hparams.musegan import STEPS_PER_BAR
from solferino.models.core.export import saved_model
from solferino.models.core.export.saved_model import Function
from solferino.models.core.family import Weights
from solferino.models.musegan import generator
from solferino.models.musegan.classes import Classes
from solferino.models.musegan.generator import EPSILON, NORMS, Latents, Ops


class Generator:
    """The equations of `generator.py`, with the means and variances of training.

    Args:
      weights: by name, as listed there.
      config: a MuseGanConfig.
    """

    def __init__(self, weights: Weights, config: Any) -> None:
        self.variables = {name: tf.Variable(value, trainable=False, name=name) for name, value in weights.items()}
        self._hparams = config.hparams
        self._allowed = Classes.of(config.extraction).allowed(config.learned, config.hparams.num_tracks)

    def generate(self, chords: tf.Tensor, style: tf.Tensor, melody: tf.Tensor, groove: tf.Tensor) -> tf.Tensor:
        """Returns the logits [batch, bars, 16, classes, tracks] of latents, see `generator.Latents`."""
        ops = Ops(tf.matmul, tf.reshape, tf.concat, tf.stack, tf.tile, tf.zeros_like, self._activate)
        latents = Latents(chords, style, melody, groove)
        return generator.generate(self.variables, latents, self._hparams, ops) + self._allowed

    def _activate(self, name: str, x: tf.Tensor) -> tf.Tensor:
        scale, offset, mean, variance = (self.variables[f'{name}_{norm}'] for norm in NORMS)
        return tf.nn.relu(tf.nn.batch_normalization(x, mean, variance, offset, scale, EPSILON))


def write(weights: Weights, config: Any, folder: pathlib.Path) -> None:
    """Writes a model of the config into an empty folder."""
    hparams, classes = config.hparams, Classes.of(config.extraction)
    shapes = {
        'chords': (hparams.latent_size,),
        'style': (hparams.latent_size,),
        'melody': (hparams.num_tracks, hparams.latent_size),
        'groove': (hparams.num_tracks, hparams.latent_size),
    }
    model = Generator(weights, config)
    takes = tuple(tf.TensorSpec([None, *shape], tf.float32, name) for name, shape in shapes.items())
    others = ['rest', 'the note before is held'][: classes.others]
    description = {
        **saved_model.about(config),
        'usage': 'model = tf.saved_model.load(folder); logits = model.generate(chords, style, melody, groove), of '
        'standard normal numbers; each voice does in each step what has the highest logit',
        'latents': {name: {'shape': ['batch', *shape], 'dtype': 'float32'} for name, shape in shapes.items()},
        'logits': {
            'shape': ['batch', hparams.num_bars, STEPS_PER_BAR, config.extraction.num_classes,
                      hparams.num_tracks],
            'meaning': 'of bars, sixteenths, what a voice does, and voices',
            'classes': [*others, f'a note begins, of MIDI pitch {classes.lowest} or, class by class, a semitone above'],
        },
    }  # fmt: skip
    saved_model.save(model.variables, {'generate': Function(model.generate, takes, ('logits',))}, description, folder)
