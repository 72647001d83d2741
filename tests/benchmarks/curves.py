"""Draws learning curves with what they must beat."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure
from measure import Point

from solferino.models.core.training.baselines import Baseline

_COLOURS = ('tab:gray', 'tab:brown')


def draw(
    path: Path,
    title: str,
    train: Sequence[Point],
    held_out: Sequence[Point],
    baselines: Sequence[tuple[Baseline, float]],
) -> None:
    """Writes a PNG.

    Args:
      path: of the PNG.
      title: above the picture.
      train: the loss on the training batches, with dropout.
      held_out: the loss on the held-out side.
      baselines: each with its loss on the held-out side.
    """
    figure = Figure(figsize=(7, 4.2), dpi=100, layout='constrained')
    axes = figure.subplots()
    axes.plot(
        [p.step for p in train], [p.value for p in train], color='tab:blue', alpha=0.4, label='training, with dropout'
    )
    axes.plot([p.step for p in held_out], [p.value for p in held_out], color='tab:blue', label='held out')
    best = min(held_out, key=lambda p: p.value)
    axes.plot(best.step, best.value, 'o', color='tab:blue', label=f'best: {best.value:.3f} at step {best.step}')
    for (baseline, loss), colour in zip(baselines, _COLOURS, strict=True):
        axes.axhline(loss, color=colour, linestyle='--', label=f'{baseline.name}, held out: {loss:.3f}')
    # The first steps fall from log(classes); what matters is near the baselines.
    losses = [p.value for p in held_out] + [loss for _, loss in baselines]
    margin = 0.25 * (max(loss for _, loss in baselines) - min(losses))
    axes.set_ylim(min(losses) - margin, max(loss for _, loss in baselines) + 2 * margin)
    axes.set(title=title, xlabel='training step', ylabel='loss in nats per step of time')
    axes.grid(alpha=0.3)
    axes.legend(fontsize='small')
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
