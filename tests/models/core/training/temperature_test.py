"""The temperature that suits a model: found for music that is known, kept with the model, taken by auto."""

import dataclasses
import logging
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import toy_family
from note_seq.protobuf import music_pb2
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from solferino.hparams.errors import SolferinoError
from solferino.hparams.generation import GenerateOptions
from solferino.hparams.spec import Listening
from solferino.models.core.storage import checkpoints
from solferino.models.core.training import asked, jobs, temperature
from solferino.models.core.training.temperature import Recommendation

BARS, BEATS = 4, 16
TRUE = 0.7  # the temperature at which the player below plays as in the held-out music
LISTENING = Listening(('repetition', 'likeness', 'notes_per_bar', 'leap'), 16 * BARS)


def music(seed: int, wild: float = 0.0) -> music_pb2.NoteSequence:
    """A bar of random notes three times, then another; `wild` is the chance that a beat is not as it should be."""
    rng = np.random.default_rng([seed, 7])
    sequence = music_pb2.NoteSequence(total_time=2.0 * BARS)
    sequence.tempos.add(qpm=120)
    tune = rng.integers(60, 72, 4)
    for beat in range(BEATS):
        usual = tune[beat % 4] if beat < 12 else rng.integers(60, 72)
        pitch = rng.integers(40, 90) if rng.random() < wild else usual
        sequence.notes.add(pitch=int(pitch), velocity=80, start_time=beat / 2, end_time=beat / 2 + 0.5)
    return sequence


class Player:
    """What `recommend` asks of a family; the less like TRUE the temperature, the wilder or the duller the music."""

    def __init__(self, dull: str = 'alike', listening: Listening | None = LISTENING) -> None:
        self.spec = dataclasses.replace(
            toy_family.SPEC, generation=GenerateOptions(num_steps=16 * BARS), listening=listening
        )
        self.dull = dull
        self.primers: list[Any] = []

    def steps_per_quarter(self, config: Any) -> float:
        return 4

    def to_sequence(self, example: Any, config: Any) -> music_pb2.NoteSequence:
        return example['music']

    def generate(self, weights: Any, config: Any, primers: list[Any], options: GenerateOptions) -> list[Any]:
        assert options.num_steps == 16 * BARS
        self.primers = primers
        too_cold = TRUE - options.temperature > 0.01
        if too_cold and self.dull == 'silent':
            return [music_pb2.NoteSequence()] * len(primers)
        # So many outputs are the same.
        same = {'alike': len(primers), 'in pairs': 2}[self.dull] if too_cold else 1
        wild = max(0.0, options.temperature - TRUE)
        return [music(1000 * options.seed + k // same, wild) for k in range(len(primers))]


HELD_OUT = [{'music': music(100 + seed)} for seed in range(12)]


def recommend(player: Any, examples: Any = HELD_OUT, seed: int = 0) -> Recommendation | None:
    return temperature.recommend(player, None, {}, examples, seed)


@pytest.mark.parametrize('dull', ['alike', 'in pairs', 'silent'])
@pytest.mark.parametrize('seed', [0, 1, 2])
def test_the_temperature_of_the_music_is_found(dull: str, seed: int) -> None:
    found = recommend(Player(dull), seed=seed)
    assert found is not None
    assert found.temperature == TRUE
    assert all(found.distances[cold] > 1.2 * found.distances[TRUE] for cold in (0.4, 0.5, 0.6))
    assert found.bars == BARS
    assert set(found.distances) == {*temperature.TEMPERATURES, 0.65, 0.75}  # and halfway to the best one's neighbours
    assert set(found.held_out) == set(found.music) == set(LISTENING.measures)
    assert f'temperature {TRUE}' in found.describe()
    assert f'bars heard before {found.music["repetition"]:.2f} ({found.held_out["repetition"]:.2f})' in found.describe()


def test_a_temperature_between_those_tried_first_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(temperature, 'TEMPERATURES', (0.45, 0.55, 0.65, 0.75, 0.85))
    found = recommend(Player())
    assert found is not None
    assert found.temperature == TRUE


def test_the_same_seed_finds_the_same() -> None:
    assert recommend(Player(), seed=3) == recommend(Player(), seed=3)
    assert recommend(Player(), seed=3) != recommend(Player(), seed=4)


def test_primers_are_beginnings_of_held_out_music() -> None:
    player = Player()
    recommend(player)
    first_notes = {tuple(n.pitch for n in example['music'].notes[:1]) for example in HELD_OUT}
    assert len(player.primers) == 16
    for primer in player.primers:
        assert primer.total_time == 0.5
        assert tuple(note.pitch for note in primer.notes) in first_notes
    assert all(one == other for one, other in zip(player.primers[::2], player.primers[1::2], strict=True))


def test_the_temperature_is_the_highest_of_those_as_good() -> None:
    """A player that does not mind the temperature."""

    class Steady(Player):
        def generate(self, weights: Any, config: Any, primers: Any, options: GenerateOptions) -> list[Any]:
            return super().generate(weights, config, primers, dataclasses.replace(options, temperature=TRUE))

    found = recommend(Steady())
    assert found is not None
    assert found.temperature == max(temperature.TEMPERATURES)


def test_nothing_is_recommended_where_nothing_can_be_compared() -> None:
    assert recommend(Player(listening=None)) is None
    assert recommend(Player(), HELD_OUT[:3]) is None
    assert recommend(Player(), [{'music': music_pb2.NoteSequence()}] * 9) is None


@pytest.mark.parametrize(
    ('value', 'known'),
    [(0.7, 0.7), (1, 1.0), (0, None), (-1, None), ('0.7', None), (None, None), (math.nan, None), (math.inf, None)],
)
def test_a_record_that_is_damaged_has_none(value: Any, known: float | None) -> None:
    assert temperature.of_record({temperature.KEY: value}) == known
    assert temperature.of_record({}) is None


FOUND = Recommendation(0.6, {0.6: 0.1, 1.0: 0.4}, {'repetition': 0.5}, {'repetition': 0.4}, 8)


@pytest.fixture(scope='module')
def examples(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    folder = tmp_path_factory.mktemp('examples')
    return toy_family.write(folder / 'train.tfrecord', 30), toy_family.write(folder / 'eval.tfrecord', 7, seed=1)


@pytest.fixture
def listening(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the toy a family that is listened to."""
    monkeypatch.setattr(toy_family.FAMILY, 'spec', dataclasses.replace(toy_family.SPEC, listening=LISTENING))


def train(run: Path, examples: tuple[str, str], **values: Any) -> None:
    values = {'eval_examples': examples[1], 'num_steps': 30, 'eval_frequency': 10, **values}
    jobs.train(toy_family.FAMILY, asked.Request(str(run), examples=examples[0], **values))


def known(run: Path) -> dict[str, float | None]:
    folder = str(run / 'train')
    files = [*checkpoints.paths(folder).values(), *checkpoints.paths(folder, checkpoints.BEST).values()]
    return {Path(file).name: temperature.of_record(checkpoints.load(file).metadata) for file in files}


@pytest.mark.usefixtures('listening')
def test_training_ends_with_a_temperature(
    tmp_path: Path, examples: tuple[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []
    monkeypatch.setattr(temperature, 'recommend', lambda *given: asked.append(given) or FOUND)
    train(tmp_path, examples)
    best = checkpoints.load(checkpoints.best(str(tmp_path / 'train')))
    (given,) = asked
    assert all(np.array_equal(given[2][name], array) for name, array in best.weights.items())
    assert len(given[3]) == 7
    said = capsys.readouterr().out
    assert FOUND.describe() in said
    assert f'Next: toy_rnn_generate --run_dir={tmp_path} --temperature=auto' in said
    step = f'.ckpt-{best.step}.'
    assert all((value == FOUND.temperature) == (step in name) for name, value in known(tmp_path).items())
    read = EventAccumulator(str(tmp_path / 'eval')).Reload()
    assert [e.value for e in read.Scalars('temperature/recommended')] == [pytest.approx(0.6)]


@pytest.mark.usefixtures('listening')
def test_a_search_that_is_stopped_is_made_by_the_same_command(
    tmp_path: Path, examples: tuple[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(*given: Any) -> None:
        given[-1].wanted = True

    monkeypatch.setattr(temperature, 'recommend', stopped)
    train(tmp_path, examples)
    assert capsys.readouterr().out.endswith(f'Next: toy_rnn_generate --run_dir={tmp_path}\n')
    assert set(known(tmp_path).values()) == {None}
    monkeypatch.setattr(temperature, 'recommend', lambda *given: FOUND)
    train(tmp_path, examples)
    said = capsys.readouterr().out
    assert 'already trained to step 30' in said and FOUND.describe() in said
    assert said.endswith(f'Next: toy_rnn_generate --run_dir={tmp_path} --temperature=auto\n')
    assert FOUND.temperature in known(tmp_path).values()
    monkeypatch.setattr(temperature, 'recommend', lambda *given: pytest.fail('it is known'))
    train(tmp_path, examples)


def test_a_search_ends_when_it_is_to_stop() -> None:
    assert temperature.recommend(Player(), None, {}, HELD_OUT, 0, lambda: True) is None


@pytest.mark.usefixtures('listening')
def test_a_checkpoint_that_was_amended_trains_on(
    tmp_path: Path, examples: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    train(tmp_path / 'straight', examples, num_steps=40)
    monkeypatch.setattr(temperature, 'recommend', lambda *given: FOUND)
    train(tmp_path / 'amended', examples)
    train(tmp_path / 'amended', examples, num_steps=40)
    straight, amended = (checkpoints.latest(str(tmp_path / name / 'train')) for name in ('straight', 'amended'))
    for name, array in straight.weights.items():
        np.testing.assert_array_equal(amended.weights[name], array)
    assert straight.eval_loss == amended.eval_loss


@pytest.mark.usefixtures('listening')
def test_a_failure_does_not_end_training(
    tmp_path: Path,
    examples: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*given: Any) -> None:
        raise RuntimeError('no ear')

    monkeypatch.setattr(temperature, 'recommend', fail)
    train(tmp_path, examples)
    assert 'no ear' in caplog.text
    assert capsys.readouterr().out.endswith(f'Next: toy_rnn_generate --run_dir={tmp_path}\n')
    assert set(known(tmp_path).values()) == {None}


@pytest.mark.usefixtures('listening')
def test_too_little_held_out_music_is_said(
    tmp_path: Path, examples: tuple[str, str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(temperature, 'recommend', lambda *given: None)
    with caplog.at_level(logging.INFO):
        train(tmp_path, examples)
    assert 'too little to compare with' in caplog.text


@pytest.mark.usefixtures('listening')
def test_without_held_out_music_none_is_looked_for(
    tmp_path: Path, examples: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(temperature, 'recommend', lambda *given: pytest.fail('listens'))
    train(tmp_path, examples, eval_examples='')


@pytest.mark.usefixtures('listening')
def test_a_run_that_is_there_is_given_one(
    tmp_path: Path,
    examples: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(temperature, 'recommend', lambda *given: None)
    train(tmp_path, examples)
    request = asked.Request(str(tmp_path), examples=examples[1])
    with caplog.at_level(logging.INFO), pytest.raises(SolferinoError, match='too little to compare'):
        jobs.find_temperature(toy_family.FAMILY, request)
    monkeypatch.setattr(temperature, 'recommend', lambda *given: FOUND)
    jobs.find_temperature(toy_family.FAMILY, request)
    assert FOUND.temperature in known(tmp_path).values()
    assert '--temperature=auto' in capsys.readouterr().out
    (tmp_path / 'new').mkdir()
    with pytest.raises(SolferinoError, match='no run directory'):
        jobs.find_temperature(toy_family.FAMILY, dataclasses.replace(request, run_dir=str(tmp_path / 'new')))
