"""What learning.py makes of its measurements."""

import itertools

import learning
import pytest


def _run(losses: list[float], start: float, rate: float) -> list[dict[str, float]]:
    """A run in stages of 100, 100, 200, ... steps, each of whose commands started anew."""
    ends = [100 * 2**i for i in range(len(losses))]
    made = [ends[0], *(b - a for a, b in itertools.pairwise(ends))]
    return [
        {'steps': end, 'seconds': start + rate * steps, 'test': loss, 'parts': [[30 * loss, 30], [10 * loss, 10]]}
        for end, steps, loss in zip(ends, made, losses, strict=True)
    ]


def test_times_are_those_of_a_run_without_interruption() -> None:
    assert learning.times(_run([3, 2, 1], start=20, rate=0.5)) == pytest.approx([70, 120, 220])


def test_sides_are_compared_at_equal_steps_and_at_equal_times() -> None:
    results = {f'drum_kit-Magenta-{seed}': _run([3, 2.6, 2.2], 20, 1.0) for seed in (0, 1)}
    results |= {'drum_kit-Solferino-0': _run([3, 2, 1.8], 5, 0.25), 'drum_kit-Solferino-1': _run([3, 2, 1.6], 5, 0.25)}
    equal_steps, equal_times = learning.markdown(results).split('\n\n')
    assert '| drum_kit | Magenta | 2 | 400 | 420 | 2.200 | 2.200 | 2.200 | 0.000 |' in equal_steps
    assert '| drum_kit | Solferino | 2 | 400 | 105 | 1.700 | 1.600 | 1.800 | 0.141 |' in equal_steps
    # When Magenta has made 100 steps, after 120 seconds, ours has made 400.
    assert '| drum_kit | Solferino | 120 | 3.000 (100 steps) | 1.700 | -43% |' in equal_times


def test_a_run_that_went_further_does_not_stand_for_the_others() -> None:
    results = {'drum_kit-Solferino-0': _run([3, 2, 1], 5, 0.25), 'drum_kit-Solferino-1': _run([3, 2], 5, 0.25)}
    results['drum_kit-Solferino-1'][1]['seconds'] += 1  # two stages of one length tell no rate
    results['drum_kit-Solferino-1'][0]['steps'] = 50
    text = learning.markdown(results)
    assert '| drum_kit | Solferino | 2 | 200 |' in text
    assert '| drum_kit | Solferino | 1 | 400 |' in text


def test_a_part_of_the_music_does_not_choose_the_weights_that_it_judges() -> None:
    results = {'drum_kit-Magenta-0': _run([3, 3, 3], 20, 1.0), 'drum_kit-Solferino-0': _run([3, 2, 1], 5, 0.25)}
    early, middle, late = results['drum_kit-Solferino-0']
    early['parts'], middle['parts'], late['parts'] = [[30, 30], [15, 10]], [[33, 30], [9, 10]], [[90, 30], [30, 10]]
    # The first part prefers the early weights, of which the second says 1.5; the second the later ones: 1.1.
    assert f'{(33 + 15) / 40:.3f} | -60% |' in learning.markdown(results).split('\n\n')[1]


def test_what_was_not_there_in_time_is_not_compared() -> None:
    results = {'drum_kit-Magenta-0': _run([3, 2, 1], 1, 0.01), 'drum_kit-Solferino-0': _run([3, 2, 1], 50, 1)}
    assert 'Solferino' not in learning.markdown(results).split('\n\n')[1]


def test_a_preset_is_looked_at_at_parts_of_its_own_length() -> None:
    preset = learning.Run(learning.SETTINGS['drum_kit'], learning.PRESET, 0)
    same = learning.Run(learning.SETTINGS['drum_kit'], learning.SAME, 0)
    assert len(preset.stages([100, 200])) == 4
    assert same.stages([100, 200]) == (100, 200)
    assert 'attn_length=0' in preset.hparams
    assert same.hparams == 'batch_size=16,rnn_layer_sizes=[128,128]'
