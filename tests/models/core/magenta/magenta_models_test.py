"""Run directories and bundles of Magenta load as models; other files are refused, each with its reason."""

import gzip
import shutil
from pathlib import Path

import numpy as np
import pytest
from note_seq.protobuf import generator_pb2

from solferino.bin import command, drums_rnn_generate, generate, solferino_convert_bundle
from solferino.hparams.drums_rnn import SPEC
from solferino.hparams.errors import SolferinoError
from solferino.models import load, registry
from solferino.models.core import settings
from solferino.models.core.events.event_forward import Forward
from solferino.models.core.magenta import magenta_models, tf_checkpoint
from solferino.models.core.runs import bundles, run_dir
from solferino.models.core.storage import checkpoints

STEP = 'model.ckpt-30'


@pytest.fixture
def run(root: Path, tmp_path: Path) -> Path:
    """A run directory of Magenta: one_drum with residual connections and attention."""
    source, train = root / 'tests/testdata/magenta_run', tmp_path / 'run/train'
    train.mkdir(parents=True)
    for name in ('checkpoint', f'{STEP}.index', f'{STEP}.data-00000-of-00001'):
        shutil.copyfile(source / name, train / name)
    (train / f'{STEP}.meta').write_bytes(gzip.decompress((source / f'{STEP}.meta.gz').read_bytes()))
    return tmp_path / 'run'


@pytest.fixture
def bundle(run: Path, tmp_path: Path) -> Path:
    """The same model as Magenta saves a bundle: a V1 checkpoint and a graph."""
    import tensorflow.compat.v1 as tf

    with tf.Graph().as_default(), tf.Session() as session:
        variables = tf_checkpoint.read_v2(str(run / 'train' / STEP))
        held = [tf.Variable(array, name=name) for name, array in variables.items() if 'Adam' not in name]
        session.run(tf.global_variables_initializer())
        tf.train.Saver(held, write_version=1).save(session, str(tmp_path / 'v1'), write_meta_graph=False)
    proto = generator_pb2.GeneratorBundle(
        checkpoint_file=[(tmp_path / 'v1').read_bytes()], metagraph_file=(run / 'train' / f'{STEP}.meta').read_bytes()
    )
    proto.generator_details.id = 'one_drum'
    proto.generator_details.description = 'My drums.'
    proto.bundle_details.description = 'Trained on 49 tracks.'
    path = tmp_path / 'magenta.mag'
    path.write_bytes(proto.SerializeToString())
    return path


def change(path: Path, **details: object) -> Path:
    """Rewrites a bundle with other `checkpoint_file`, `metagraph_file` or `id`."""
    proto = generator_pb2.GeneratorBundle.FromString(path.read_bytes())
    proto.generator_details.id = details.pop('id', proto.generator_details.id)
    if 'checkpoint_file' in details:
        proto.checkpoint_file[:] = details.pop('checkpoint_file')
    for name, value in details.items():
        setattr(proto, name, value)
    path.write_bytes(proto.SerializeToString())
    return path


def test_a_run_directory_gives_magentas_logits(root: Path, run: Path) -> None:
    golden = np.load(root / 'tests/testdata/magenta_run/logits.npz')
    model = load(run)
    hparams = model.config.hparams
    assert (model.config.name, hparams.rnn_layer_sizes, hparams.attn_length) == ('one_drum', (3, 4), 5)
    assert hparams.residual_connections
    forward = Forward(model.weights, hparams.attn_length, hparams.residual_connections)
    inputs = model.family.encoding(model.config).inputs(golden['events'][None].astype(np.int32))
    logits, _ = forward.run(inputs, forward.initial_state(1))
    np.testing.assert_allclose(logits[0], golden['logits'], atol=1e-5)
    network = {name: tuple(v.shape) for name, v in model.family.model(model.config, 0).named_weights().items()}
    assert network == {name: array.shape for name, array in model.weights.items()}


def test_weights_that_are_not_finite_are_refused(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    variables = dict(tf_checkpoint.read(str(run / 'train' / STEP)))
    variables['fully_connected/biases'] = variables['fully_connected/biases'] * np.nan
    monkeypatch.setattr(tf_checkpoint, 'read', lambda _: variables)
    with pytest.raises(SolferinoError, match=r'cannot be used: it holds weights that are not .*: logits/bias\.'):
        load(run)


@pytest.mark.parametrize('name', ['', 'train', *(f'train/{STEP}{end}' for end in ('', '.index', '.meta'))])
def test_every_name_of_it_is_understood(run: Path, name: str) -> None:
    assert load(run / name).source == str(run / 'train' / STEP)


def test_the_checkpoint_file_chooses_and_without_it_the_newest(run: Path) -> None:
    train = run / 'train'
    for part in ('.index', '.meta', '.data-00000-of-00001'):
        shutil.copyfile(train / (STEP + part), train / f'model.ckpt-200{part}')
    assert magenta_models.find(str(run)) == str(train / STEP)
    (train / 'checkpoint').write_text('model_checkpoint_path: "/elsewhere/train/model.ckpt-200"\n')
    assert magenta_models.find(str(run)) == str(train / 'model.ckpt-200')
    (train / 'checkpoint').write_text('model_checkpoint_path: "model.ckpt-7"\n')
    assert magenta_models.find(str(run)) == str(train / 'model.ckpt-200')
    (train / 'checkpoint').unlink()
    assert magenta_models.find(str(run)) == str(train / 'model.ckpt-200')
    (train / 'model.ckpt-9.safetensors').write_bytes(b'')
    assert magenta_models.find(str(run)) is None  # ours


def test_it_has_a_newest_checkpoint_and_no_best(run: Path) -> None:
    assert load(run, checkpoint='newest').step == load(run).step == 30
    assert load(run).name == 'one_drum-30'
    with pytest.raises(SolferinoError, match='a run of Magenta, which keeps none'):
        load(run, checkpoint='best')


def test_incomplete_run_directories(run: Path) -> None:
    train = run / 'train'
    with pytest.raises(SolferinoError, match=r"does not fit a config 'drum_kit'\. It fits: --config=one_drum"):
        load(run, 'drum_kit')
    (train / f'{STEP}.meta').rename(train / 'meta')
    with pytest.raises(SolferinoError, match='how far its attention looks back'):
        load(run)
    (train / 'meta').rename(train / f'{STEP}.meta')
    (train / f'{STEP}.data-00000-of-00001').unlink()
    with pytest.raises(SolferinoError, match=r'data-00000-of-00001 cannot be read: No such file'):
        load(run)
    (train / f'{STEP}.index').write_bytes(b'text')
    with pytest.raises(SolferinoError, match='no checkpoint of TensorFlow, or it is cut short'):
        load(run)
    (train / f'{STEP}.index').unlink()
    with pytest.raises(SolferinoError, match='There is no checkpoint'):
        load(run)


def test_a_new_run_does_not_mix_with_it(run: Path) -> None:
    with pytest.raises(SolferinoError, match=f'--warm_start_bundle_file={run}'):
        run_dir.choose(SPEC, str(run), settings.Given(), None, [])


def test_a_bundle_is_the_same_model(run: Path, bundle: Path) -> None:
    model, wanted = load(bundle), load(run)
    assert model.config == wanted.config
    assert (model.generator_id, model.generator_description) == ('one_drum', 'My drums.')
    assert model.description == 'Trained on 49 tracks.'
    for name, array in wanted.weights.items():
        np.testing.assert_array_equal(model.weights[name], array)


def test_bundles_of_other_kinds(bundle: Path) -> None:
    original = bundle.read_bytes()
    with pytest.raises(SolferinoError, match=r"'performance_with_dynamics'\. It fits: --config=one_drum"):
        load(change(bundle, id='performance_with_dynamics'))
    assert load(bundle, 'one_drum').generator_id == 'performance_with_dynamics'
    with pytest.raises(SolferinoError, match='how far its attention looks back'):
        load(change(bundle, metagraph_file=b'\x0a\x00'))
    for content in (b'', b'text', b'\xff' * 1000, bytes(1000)):
        with pytest.raises(SolferinoError, match=r'magenta\.mag is a bundle of Magenta that cannot be used: it '):
            load(change(bundle, checkpoint_file=[content]))
    bundle.write_bytes(original)
    with pytest.raises(SolferinoError, match='holds no model'):
        load(change(bundle, checkpoint_file=[b'a', b'b']))


def test_a_model_of_another_kind(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match='it has no variable fully_connected/weights'):
        magenta_models.convert({'dense/kernel': np.zeros((2, 2))}, b'')
    variables = {
        'fully_connected/weights': np.zeros((4, 2)),
        'fully_connected/biases': np.zeros(2),
        'rnn/multi_rnn_cell/cell_0/basic_lstm_cell/kernel': np.zeros(5),
        'rnn/multi_rnn_cell/cell_0/basic_lstm_cell/bias': np.zeros(16),
    }
    for kernel in (np.zeros(5), np.zeros((5, 15)), np.zeros((0, 0)), np.zeros((3, 3, 3))):
        with pytest.raises(ValueError, match='it is of another kind of model'):
            magenta_models.convert({**variables, 'rnn/multi_rnn_cell/cell_0/basic_lstm_cell/kernel': kernel}, b'')


def test_truncated_bundles(bundle: Path) -> None:
    data = bundle.read_bytes()
    for length in [*range(0, 200, 7), *range(200, len(data), len(data) // 60)]:
        bundle.write_bytes(data[:length])
        with pytest.raises(SolferinoError, match=r'magenta\.mag'):
            bundles.read(bundle)


def test_a_claim_of_gigabytes(tmp_path: Path) -> None:
    path = tmp_path / 'x.mag'
    for field in (b'\x0a', b'\x1a', b'\x22'):  # each of the bundle's fields, 2 GB long
        path.write_bytes(field + b'\xff\xff\xff\xff\x07' + b'text')
        with pytest.raises(SolferinoError, match='not a bundle, or it is cut short'):
            load(path)


def execute(module: object, *arguments: str) -> int:
    try:
        command.run(module.__doc__, module.define, module.main, ['x', *arguments], arguments=('in.mag', 'out.mag'))
    except SystemExit as stop:
        return stop.code
    return 0


def test_convert_bundle(bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert execute(solferino_convert_bundle, str(bundle), f'{tmp_path}/ours.mag') == 0
    assert 'drums_rnn, one_drum, batch_size 128, rnn_layer_sizes [3, 4]' in capsys.readouterr().out
    ours, theirs = load(tmp_path / 'ours.mag'), load(bundle)
    assert not bundles.read(tmp_path / 'ours.mag').by_magenta
    assert ours.config == theirs.config and ours.description == theirs.description
    assert (ours.generator_id, ours.generator_description) == ('one_drum', 'My drums.')
    for name, array in theirs.weights.items():
        np.testing.assert_array_equal(ours.weights[name], array)

    before = bundle.read_bytes()
    (tmp_path / 'link.mag').symlink_to(bundle)
    for target, says in (
        (bundle, 'is read here'),
        (tmp_path / 'link.mag', 'is read here'),
        (tmp_path, 'is a folder'),
        (bundle / 'x.mag', 'cannot be written'),
    ):
        assert execute(solferino_convert_bundle, str(bundle), str(target)) == 1
        assert says in capsys.readouterr().err
    assert bundle.read_bytes() == before
    assert execute(solferino_convert_bundle, f'{tmp_path}/none.mag', f'{tmp_path}/out.mag') == 1
    assert 'There is no bundle' in capsys.readouterr().err


def test_generate_takes_it(run: Path, bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    def generated(*arguments: str) -> int:
        flags = [f'--output_dir={tmp_path}/out', '--num_outputs=1', '--num_steps=8', *arguments]
        try:
            command.run(
                drums_rnn_generate.__doc__,
                lambda fv: generate.define(fv, SPEC),
                lambda fv: generate.main(fv, SPEC),
                ['x', *flags],
            )
        except SystemExit as stop:
            return stop.code
        return 0

    for source in (f'--run_dir={run}', f'--checkpoint_file={run}/train/{STEP}', f'--bundle_file={bundle}'):
        assert generated(source) == 0, capsys.readouterr().err
        assert generated(source, '--config=one_drum') == 0
    assert generated(f'--run_dir={run}', '--config=drum_kit') == 1
    assert 'It fits: --config=one_drum' in capsys.readouterr().err
    assert generated(f'--run_dir={run}', f'--bundle_file={tmp_path}/new.mag', '--save_generator_bundle') == 0
    assert load(tmp_path / 'new.mag').config == load(run).config


def test_ours_are_found_beside_it(run: Path) -> None:
    model = load(run)
    family = registry.get('drums_rnn')
    record = {**settings.record_of(family.spec, model.config), 'seed': 0}
    checkpoints.save(str(run / 'train'), checkpoints.capture(family.model(model.config, 0), record))
    assert load(run).source == str(run / 'train/model.ckpt-0.safetensors')
