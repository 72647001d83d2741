"""What is reported."""

import numpy as np
from matplotlib.figure import Figure
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator as PluginEventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from solferino.models.core.training import monitor


def test_means_are_weighted():
    meter = monitor.Meter()
    meter.add({'loss': (6.0, 3.0), 'rare': (0.0, 0.0), 'events': (3.0, 1.0)})
    meter.add({'loss': (1.0, 1.0), 'rare': (1.0, 2.0), 'events': (1.0, 1.0)})
    assert meter.means() == {'loss': 7 / 4, 'rare': 0.5}
    assert meter.total('events') == 4
    assert monitor.Meter().means() == {}


def test_a_board_can_be_read_by_tensorboard(tmp_path):
    with monitor.Board(str(tmp_path)) as board:
        board.scalars(10, {'loss': 1.5, 'metrics/accuracy': 0.25})
        board.scalars(20, {'loss': 1.25})
        board.picture(20, 'generated', Figure(figsize=(2, 1), dpi=50))
        board.histogram(20, 'activation', np.array([[0.0, 1.0], [np.nan, 0.5]], np.float32))
        board.histogram(20, 'diverged', np.full(3, np.inf))
    read = EventAccumulator(str(tmp_path)).Reload()
    assert [(event.step, event.value) for event in read.Scalars('loss')] == [(10, 1.5), (20, 1.25)]
    assert set(read.Tags()['scalars']) == {'loss', 'metrics/accuracy'}
    (image,) = read.Images('generated')
    assert (image.step, image.width, image.height) == (20, 100, 50)
    assert image.encoded_image_string.startswith(b'\x89PNG')
    (found,) = read.Histograms('activation')
    assert (found.step, found.histogram_value.num, found.histogram_value.sum) == (20, 3, 1.5)
    assert sum(found.histogram_value.bucket) == 3
    assert read.Tags()['histograms'] == ['activation']


def test_a_run_that_goes_on_hides_what_was_lost(tmp_path):
    with monitor.Board(str(tmp_path)) as board:
        for step in (10, 20, 30):
            board.scalars(step, {'loss': 1.0})
    with monitor.Board(str(tmp_path), step=20) as board:
        board.scalars(30, {'loss': 2.0})
    read = EventAccumulator(str(tmp_path)).Reload()
    assert [(event.step, event.value) for event in read.Scalars('loss')] == [(10, 1.0), (20, 1.0), (30, 2.0)]
    with monitor.Board(str(tmp_path), step=0) as board:  # killed before its first checkpoint but that of step 0
        board.scalars(10, {'loss': 3.0})
    assert [(event.step, event.value) for event in read.Reload().Scalars('loss')] == [(10, 3.0)]


def test_tensorboard_shows_what_values_mean_and_the_settings(tmp_path):
    hparams = {'rnn_layer_sizes': [8, 9], 'precision': 'float32'}
    settings = monitor.settings_table({'config': 'kit', 'hparams': hparams, 'learned': {'tokens': ['e'] * 1000}})
    with monitor.Board(str(tmp_path), descriptions={'loss': 'Less is better.', 'never': 'Not there.'}) as board:
        board.text(0, 'hyperparameters', settings)
        for step in (10, 20):
            board.scalars(step, {'loss': 1.5, 'learning_rate': 0.1, 'other': 2.0})
        board.picture(20, 'generated', Figure(figsize=(2, 1), dpi=50))
    read = PluginEventAccumulator(str(tmp_path)).Reload()  # what its web page asks
    for tag, description in (
        ('loss', 'Less is better.'),
        ('learning_rate', monitor.DESCRIPTIONS['learning_rate']),
        ('generated', monitor.DESCRIPTIONS['generated']),
        ('other', ''),
    ):
        assert read.SummaryMetadata(tag).summary_description == description
    assert read.SummaryMetadata('loss').plugin_data.plugin_name == 'scalars'
    assert read.SummaryMetadata('hyperparameters').plugin_data.plugin_name == 'text'
    (shown,) = read.Tensors('hyperparameters')
    assert shown.tensor_proto.string_val[0].decode() == settings
    assert {'| config | kit |', '| hparams.rnn_layer_sizes | 8, 9 |'} < set(settings.splitlines())
    assert len(settings) < 1000


def test_table():
    text = monitor.table('Title', {'loss': np.float32(1.23456), 'metrics/accuracy': 0.5})
    assert text.splitlines() == ['Title', '  loss              1.2346', '  metrics/accuracy  0.5000']


def test_tensorboard_compares_runs_by_their_settings(tmp_path):
    values = {'config': 'kit', 'hparams': {'batch_size': 64, 'rnn_layer_sizes': [8, 9], 'residual': True}, 'seed': 0}
    with monitor.Board(str(tmp_path)) as board:
        board.hparams(values, 'run')
        board.scalars(10, {'loss': 1.5})
    read = PluginEventAccumulator(str(tmp_path)).Reload()
    told = {tag: HParamsPluginData.FromString(data) for tag, data in read.PluginTagToContent('hparams').items()}
    started = told['_hparams_/session_start_info'].session_start_info
    assert started.group_name == 'run'
    assert {name: getattr(value, value.WhichOneof('kind')) for name, value in started.hparams.items()} == {
        'config': 'kit',
        'hparams.batch_size': 64,
        'hparams.rnn_layer_sizes': '8, 9',
        'hparams.residual': True,
        'seed': 0,
    }
    experiment = told['_hparams_/experiment'].experiment
    assert {info.name for info in experiment.hparam_infos} == set(started.hparams)
    assert {info.name.tag for info in experiment.metric_infos} == set(monitor.COMPARED)
