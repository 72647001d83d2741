"""rbm: note-state matrices of a restricted Boltzmann machine, a stretch of music as one picture.

Train `chords` on the music of a folder of MIDI files:

    rbm_create_dataset --config=chords --input=notes.tfrecord --output_dir=data
    rbm_train --sequence_example_file=data/training_note_states.tfrecord --run_dir=run --num_training_steps=5000

Cost and scores to expect are in BENCHMARKS.md.
"""

import dataclasses

from solferino.hparams.spec import architecture


@dataclasses.dataclass(frozen=True)
class RbmHparams:
    """Names and advice are those of Hinton 2010, "A practical guide to training restricted Boltzmann machines".

    Attributes:
      batch_size: examples in a batch.
      num_timesteps: steps of a window, which is what the machine models at once.
      hidden_units: of the machine.
      learning_rate: of the optimizer.
      optimizer: 'momentum' or 'adam'.
      momentum: of the optimizer 'momentum'.
      decay_steps: the learning rate falls in a straight line to zero at this step; 0 keeps it.
      cd_steps: Gibbs steps from the data, or from the persistent chains, to what the model is taught to forget.
      persistent: whether the chains go on from step to step (persistent contrastive divergence) or begin at the data.
      chains: how many persistent chains.
      weight_decay: share of the weights that is added to their gradient.
      sparsity_target: how often a hidden unit should be on.
      sparsity_cost: how much that counts; 0 for not at all.
    """

    batch_size: int = 64
    num_timesteps: int = architecture(15)
    hidden_units: int = architecture(50)
    learning_rate: float = 0.01
    optimizer: str = 'momentum'
    momentum: float = 0.9
    decay_steps: int = 0
    cd_steps: int = 1
    persistent: bool = False
    chains: int = 64
    weight_decay: float = 0.0001
    sparsity_target: float = 0.1
    sparsity_cost: float = 0.0

    def __post_init__(self) -> None:
        for name in ('batch_size', 'num_timesteps', 'hidden_units', 'cd_steps', 'chains'):
            if getattr(self, name) < 1:
                raise ValueError(f'{name}={getattr(self, name)} must be at least 1.')
        if self.learning_rate <= 0:
            raise ValueError(f'learning_rate={self.learning_rate} must be above 0.')
        if self.optimizer not in ('momentum', 'adam'):
            raise ValueError(f'optimizer={self.optimizer} must be momentum or adam.')
        if not 0 <= self.momentum < 1:
            raise ValueError(f'momentum={self.momentum} must be at least 0 and below 1.')
        if not 0 < self.sparsity_target < 1:
            raise ValueError(f'sparsity_target={self.sparsity_target} must be above 0 and below 1.')
        for name in ('decay_steps', 'weight_decay', 'sparsity_cost'):
            if getattr(self, name) < 0:
                raise ValueError(f'{name}={getattr(self, name)} must be 0 or more.')
