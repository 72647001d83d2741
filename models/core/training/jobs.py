"""What the training command does: train, or find the temperature of what was trained; `evaluating.py` has the rest.

Errors of the user are found before TensorFlow is imported, which takes seconds.
"""

import contextlib
import dataclasses
import logging
import math
import os
import shlex
from typing import TYPE_CHECKING

from solferino.hparams import words
from solferino.hparams.errors import SolferinoError
from solferino.models.core.cpu import memory
from solferino.models.core.family import Family
from solferino.models.core.layers.replicas import Cluster
from solferino.models.core.runs import curves, run_dir, status
from solferino.models.core.runs.run_dir import Run
from solferino.models.core.storage import checkpoints, records, temporaries
from solferino.models.core.storage.checkpoints import Checkpoint
from solferino.models.core.training import asked, data, diagnosis, interrupts, markov_report, runtime
from solferino.models.core.training.asked import Request
from solferino.models.core.training.data import Dataset
from solferino.models.core.training.together import joining

if TYPE_CHECKING:
    from solferino.models.core.layers.trainable import Trainable
    from solferino.models.core.training.evaluation import Evaluator
    from solferino.models.core.training.monitor import Board
    from solferino.models.core.training.temperature import Recommendation
    from solferino.models.core.training.training_loop import Evaluation

_MOST_WEIGHTS = 1 << 28  # 1 GB; training needs four times as much, and a bundle has 2 GB at most
_BYTES_A_WEIGHT = 20  # in training: itself, its gradient, the two moments of Adam, and a copy to be saved
_COMPARED = ('config', 'hparams', 'extraction', 'seed')  # what TensorBoard sorts runs by
_CALIBRATED = 'calibrated'  # what was told of it, in the metadata of a checkpoint
_log = logging.getLogger(__name__)


def train(family: Family, request: Request, cluster: Cluster | None = None) -> int | None:
    """Starts a training run, or resumes the one in the run directory.

    Args:
      family: the model family.
      request: what is asked for.
      cluster: the processes that train together, this one among them; None for this one alone.

    Returns:
      The number of the signal by which the user stopped it; None if it has reached its end.

    Raises:
      SolferinoError: the request, a file or the run directory is wrong; or training diverged.
    """
    spec = family.spec
    paths = asked.paths(request.examples, spec.records)
    if request.eval_examples:
        asked.require_apart(paths, records.expand(request.eval_examples))
    request = asked.with_preset(spec, request, paths)
    run = run_dir.choose(spec, request.run_dir, request.given, request.seed, paths, request.warm_start)
    if cluster and cluster.index:
        return _assist(family, request, run, cluster)
    status.require_free(run.path)
    untried = bool(request.eval_examples) and checkpoints.best(run.train_dir) is None  # it may have trained without
    owed = status.was_killed(run.path) or status.owes_evaluation(run.path) or untried
    temporaries.clear(run.train_dir, '*')  # incomplete checkpoints of killed runs
    there = checkpoints.paths(run.train_dir)
    checkpoint = checkpoints.latest(run.train_dir)
    step = checkpoint.step if checkpoint else 0
    if 0 < request.num_steps <= step and not owed:
        print(f'{run.path} is already trained to step {step}. A larger --num_training_steps goes on from there.')
        found = stopped_by = None
        if request.eval_examples and family.spec.listening and not _has_temperature(run):
            with interrupts.graceful() as stop:  # it was stopped while it last looked for one
                found = _recommend(family, run, asked.held_out(family, run, request.eval_examples, request), None, stop)
            stopped_by = stop.number
        if found:
            print(found.describe())
        print(f'Next: {_next(family, run)}')
        return stopped_by
    if checkpoint:
        asked.require_going_on(run, request, step)
    _require_size(family, run)
    dataset = data.load(family, run.config, request.examples)
    held_out = asked.held_out(family, run, request.eval_examples, request) if request.eval_examples else None
    with status.claim(run.path, request.num_steps, held_out is not None) as entry, interrupts.graceful() as stop:
        if checkpoints.paths(run.train_dir) != there:  # before this process had claimed it
            raise SolferinoError(
                f'Another training run was at work in {run.path} meanwhile. Give the same command again to go on from '
                'its last checkpoint, or choose another --run_dir.'
            )
        if checkpoint is None:
            run = dataclasses.replace(run, dataset=dataset.describe(), generator=request.generator)
            run_dir.write(run, spec, asked.inputs(request))
        run_dir.warn_of_other_examples(run, dataset.describe())
        if checkpoint:
            checkpoints.set_aside(run.train_dir, checkpoint.step)
        session = _Session(family, run, request, dataset, held_out, checkpoint, owed, cluster)
        with joining.loss_told(cluster):
            _train(session, entry, stop)
    return stop.number


def _assist(family: Family, request: Request, run: Run, cluster: Cluster) -> int | None:
    """What another process than the first of a cluster does. Returns as `train`."""
    _require_size(family, run)
    dataset = data.load(family, run.config, request.examples)
    with interrupts.graceful() as stop, joining.loss_told(cluster):
        together = runtime.set_up(cluster, stop)
        from solferino.models.core.training import steps
        from solferino.models.core.training.together import sharing

        model = steps.restored(family, run, None)
        model.replicas = together
        facts = joining.facts(run, dataset, request.num_steps)
        sharing.assist(model, dataset, run.seed, facts, request.num_steps, stop)
    return stop.number


def _require_size(family: Family, run: Run) -> None:
    """Raises SolferinoError if a model of a run's hyperparameters is too large for a bundle, or for this machine."""
    size = sum(math.prod(shape) for shape in family.weight_shapes(run.config).values())
    if size > _MOST_WEIGHTS:
        raise SolferinoError(
            f'The hyperparameters of {run.path} ask for {size:.3g} weights; a model can have {_MOST_WEIGHTS:.3g}. '
            'Choose smaller sizes in --hparams.'
        )
    needed = _BYTES_A_WEIGHT * size
    memory.require(needed, f'Training a network of {size:,} weights', 'Choose smaller sizes in --hparams.')


def find_temperature(family: Family, request: Request) -> None:
    """Finds the temperature of a trained run and writes it into its best checkpoint; the newest one without a best.

    Raises:
      SolferinoError: there is no checkpoint, it is being trained, or the examples are too few to compare with.
    """
    asked.require_held_out(family, request)
    run = run_dir.load(request.run_dir, family.spec)
    status.require_free(run.path)
    checkpoint = checkpoints.choose(run.train_dir)
    if checkpoint is None:
        raise SolferinoError(f'There is no checkpoint in {run.train_dir} yet. Train first.')
    checkpoints.require_weights(checkpoint.weights, family.weight_shapes(run.config), checkpoint.path)
    held_out = asked.held_out(family, run, request.eval_examples or request.examples, request)
    from solferino.models.core.training import temperature  # note-seq takes a second

    found = temperature.recommend(family, run.config, checkpoint.weights, held_out.examples, run.seed)
    if found is None:
        raise SolferinoError(
            f'The music of {held_out.pattern} is too little to compare with: it takes some examples of several bars. '
            'Make the dataset with a larger --eval_ratio, or name other examples.'
        )
    _keep_temperature(run, checkpoint, found)
    print(found.describe())
    print(f'Next: {_next(family, run)}')


@dataclasses.dataclass(frozen=True)
class _Session:
    """A training run and all that it needs, checked and loaded."""

    family: Family
    run: Run
    request: Request
    dataset: Dataset
    held_out: Dataset | None
    checkpoint: Checkpoint | None
    owed: bool  # whether this checkpoint may have to be evaluated yet
    cluster: Cluster | None = None


def _train(session: _Session, entry: status.Status, stop: interrupts.Stop) -> None:
    together = runtime.set_up(session.cluster, stop)
    from solferino.models.core.training import evaluation, monitor, training_loop
    from solferino.models.core.training.steps import compiled
    from solferino.models.core.training.together import sharing

    family, run, held_out = session.family, session.run, session.held_out
    model = _begun(session)
    model.replicas = together
    step = session.checkpoint.step if session.checkpoint else 0
    sharing.begin_alike(model, together, joining.facts(run, session.dataset, session.request.num_steps))
    share = (together.index, together.count)
    batches = data.Batches(session.dataset, run.config.hparams.batch_size, run.seed, share)
    _announce(session, batches, step)
    with contextlib.ExitStack() as stack:
        resumed = step if session.checkpoint else None
        board = stack.enter_context(monitor.Board(run.train_dir, resumed, model.descriptions))
        known = run_dir.checkpoint_metadata(run, family.spec)
        board.text(step, 'hyperparameters', monitor.settings_table(known))
        evaluator, compared = None, board
        if held_out:
            compared = eval_board = stack.enter_context(monitor.Board(run.eval_dir, resumed, model.descriptions))
            evaluator = evaluation.Evaluator(
                model, held_out, eval_board, run.train_dir, run.seed, stop, session.dataset
            )
        compared.hparams({name: known[name] for name in _COMPARED}, os.path.abspath(run.path))
        names = [field.name for field in dataclasses.fields(training_loop.Options)]
        trainer = training_loop.Trainer(
            model=model,
            train_step=compiled(model.train_step, family, run.config, together),
            batches=batches,
            options=training_loop.Options(**{name: getattr(session.request, name) for name in names}),
            directory=run.train_dir,
            metadata=known,
            board=board,
            status=entry,
            evaluator=evaluator,
            stop=lambda: together.any(stop.wanted),
            unevaluated=session.checkpoint if session.owed else None,
        )
        evaluated = trainer.run()
        found = None
        if held_out and evaluator and entry.state == status.FINISHED:
            evaluated = _of_best(run, model, evaluator, evaluated)
            _calibrate(session)
            entry.update(owes=stop.wanted)  # it may have been stopped in one of these
            found = _recommend(family, run, held_out, eval_board, stop)
    together.any(False)  # the others wait for it
    if evaluated and evaluator:
        files = checkpoints.paths(run.train_dir) | checkpoints.paths(run.train_dir, checkpoints.BEST)
        name = files.get(evaluated.step, f'Step {evaluated.step}')
        table = markov_report.score_markov(session.dataset, evaluator.dataset)
        print(evaluation.describe(evaluator, name, evaluated.values, table))
    if found:
        print(found.describe())
    if session.request.advises:
        print(diagnosis.of_run(curves.read(run.path), family.spec.compares_losses).text)
    _tell_the_end(family, run, entry.state == status.INTERRUPTED)


def _begun(session: _Session) -> 'Trainable':
    """The model with the weights of the checkpoint, of the model that training begins with, or new ones."""
    from solferino.models.core.training import steps

    model = steps.restored(session.family, session.run, session.checkpoint)
    start = session.request.warm_start
    if session.checkpoint is None and start:
        checkpoints.assign(model.named_weights(), start.weights, 'weights', start.source)
    elif session.checkpoint is None:
        model.begin(session.dataset.encoded())
    return model


def _tell_the_end(family: Family, run: Run, interrupted: bool) -> None:
    """Where the checkpoints are, and what to type next."""
    kept = checkpoints.paths(run.train_dir)
    best = checkpoints.best(run.train_dir)
    loss = checkpoints.load(best).eval_loss if best else None
    told = '' if loss is None else f' (held-out loss {loss:.4f})'
    print(f'Newest checkpoint: {kept[max(kept)]}' + (f'\nBest checkpoint: {best}{told}' if best else ''))
    if interrupted:
        print('Stopped. The same command goes on from there.')
    else:
        print(f'Next: {_next(family, run)}')


def _of_best(
    run: Run, model: 'Trainable', evaluator: 'Evaluator', evaluated: 'Evaluation | None'
) -> 'Evaluation | None':
    """The evaluation of the best checkpoint; repeated if it was made by an earlier call."""
    from solferino.models.core.training.training_loop import Evaluation

    checkpoint = checkpoints.choose(run.train_dir)
    if checkpoint is None or (evaluated and checkpoint.step == evaluated.step):
        return evaluated
    checkpoints.restore(model, checkpoint)
    values = evaluator.values()
    return Evaluation(checkpoint.step, values) if values else evaluated


def _calibrate(session: _Session) -> None:
    """Corrects the weights of the best checkpoint after training, once, see Family; a failure is only logged.

    The file that a resumed run goes on from stays as it is.
    """
    run, path = session.run, checkpoints.best(session.run.train_dir)
    try:
        if path is None:
            return
        best = checkpoints.load(path)
        if best.metadata.get(_CALIBRATED):
            return
        examples = session.dataset.examples
        weights, told = session.family.calibrated(best.weights, run.config, examples, run.seed)
        if told:
            _log.info('%s', told)
            best = dataclasses.replace(best, weights=dict(weights), metadata={**best.metadata, _CALIBRATED: told})
            checkpoints.save(run.train_dir, best, checkpoints.BEST)
    except Exception as error:  # the model is trained all the same
        _log.warning('The weights of %s were not corrected: %r', run.path, error)


def _recommend(
    family: Family, run: Run, held_out: Dataset, board: 'Board | None', stop: interrupts.Stop
) -> 'Recommendation | None':
    """Finds a temperature after training; a failure is only logged."""
    if family.spec.listening is None:
        return None
    try:
        from solferino.models.core.training import temperature

        _log.info('Finding the temperature at which its music is most like the music held out.')
        stop.after = 'the music of this temperature; the model is saved'
        checkpoint = checkpoints.choose(run.train_dir)
        found = checkpoint and temperature.recommend(
            family, run.config, checkpoint.weights, held_out.examples, run.seed, stop
        )
        if stop.wanted:
            _log.info('It was stopped. The same command goes on with it.')
            return None
        if not checkpoint or not found:
            _log.info('No temperature is recommended: the music held out is too little to compare with.')
            return None
        _keep_temperature(run, checkpoint, found)
        if board:
            board.scalars(checkpoint.step, found.scalars())
        return found
    except Exception as error:  # the model is trained all the same
        _log.warning('No temperature was found for %s: %r', run.path, error)
        return None


def _has_temperature(run: Run) -> bool:
    from solferino.models.core.training import temperature  # note-seq takes a second

    best = checkpoints.choose(run.train_dir)
    return best is not None and temperature.of_record(best.metadata) is not None


def _keep_temperature(run: Run, checkpoint: Checkpoint, found: 'Recommendation') -> None:
    """Writes the temperature into every file with these weights."""
    # The best checkpoint is last: if it has a temperature, all of them have.
    for kind in (checkpoints.MODEL, checkpoints.BEST):
        path = checkpoints.paths(run.train_dir, kind).get(checkpoint.step)
        if path:
            checkpoints.amend(path, found.record())


def _next(family: Family, run: Run) -> str:
    """The command that generates."""
    auto = family.spec.listening and _has_temperature(run)
    return f'{family.spec.name}_generate --run_dir={shlex.quote(run.path)}' + (' --temperature=auto' if auto else '')


def _announce(session: _Session, batches: data.Batches, step: int) -> None:
    began = '' if session.checkpoint else session.run.warm_start.get('path', '')
    _log.info(
        '%s %s%s%s: %s, %s an epoch, %.0f%% padding; from step %d %s.',
        'Going on with' if session.checkpoint else 'Training',
        session.run.path,
        f', beginning with {began}' if began else '',
        f', by {len(session.cluster.addresses)} processes together' if session.cluster else '',
        words.counted(len(session.dataset), 'examples'),
        words.counted(batches.per_epoch, 'steps'),
        100 * batches.padding(),
        step,
        f'to {session.request.num_steps}' if session.request.num_steps else 'until it is stopped',
    )
