// The trainings: how each goes, what it makes on the way, and what is done with it.
import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { get, post } from '../api.js'
import { Disclosure, Field } from '../parts/fields.jsx'
import { texts } from '../texts.js'
import { Curves } from './curves.jsx'
import { Samples } from './samples.jsx'
import { discard, follow, opened, tell, trainings, wordsOf } from './state.js'

const words = texts.learn

export function Trainings() {
    const shown = trainings.value.find(one => one.id === opened.value.training) ?? trainings.value[0]
    return (
        <section aria-labelledby="trainings-heading">
            <h2 id="trainings-heading" tabIndex={-1}>{words.trainings}</h2>
            {shown ? (
                <>
                    <ul class="chips">
                        {trainings.value.map(one => (
                            <li key={one.id}>
                                <button aria-pressed={one.id === shown.id} onClick={() => (opened.value = { ...opened.value, training: one.id })}>
                                    {words.trainingName(one)} <span class="quiet">{words.shortState[one.state]}</span>
                                </button>
                            </li>
                        ))}
                    </ul>
                    <Training key={shown.id} training={shown} />
                </>
            ) : <p>{words.noTrainings}</p>}
        </section>
    )
}

function Training({ training }) {
    const { id, state } = training
    useEffect(() => follow('trainings', id), [id])
    if (training.curves === undefined) return <p role="status">{texts.loading}</p>
    const isBusy = state === 'running' || state === 'waiting'
    return (
        <article class="training" data-testid="training" data-state={state} aria-labelledby="training-heading">
            <h3 id="training-heading">{words.trainingName(training)}</h3>
            <p role="status">{words.state(training)}</p>
            {training.total > 0 && <progress max={training.total} value={training.step} aria-label={words.progress(training)} />}
            {training.error && <p role="alert" class="error lines">{training.error}</p>}
            <div class="buttons">
                {isBusy && <button onClick={() => tell(id, 'stop')} data-testid="stop">{state === 'waiting' ? words.doNotBegin : words.stop}</button>}
                {!isBusy && training.can_go_on && <GoOn training={training} />}
                {!isBusy && training.can_discard && (
                    <button onClick={() => confirm(words.reallyDiscard(words.trainingName(training))) && discard('trainings', id)}>{words.discardTraining}</button>
                )}
            </div>
            {training.diagnosis && <p class="diagnosis" data-testid="diagnosis">{words.diagnosis(training.diagnosis)}</p>}
            <Curves curves={training.curves} table={training.table} total={training.total} />
            <Samples training={training} />
            {training.checkpoints > 0 && <Save key={id} training={training} />}
            {!training.run && <Log key={`log ${id}`} id={id} isBusy={isBusy} />}
        </article>
    )
}

function GoOn({ training }) {
    const isDone = training.state === 'done'
    const further = isDone ? training.total * 2 : training.total
    return (
        <button data-testid="go-on" onClick={() => tell(training.id, 'go_on', { num_steps: further })}>
            {isDone ? words.goOnTo(further) : words.goOn}
        </button>
    )
}

function Save({ training }) {
    const name = useSignal(training.collection || training.run || training.config)
    const said = useSignal(null) // { error, text }
    const save = async event => {
        event.preventDefault()
        said.value = { text: words.saving }
        try {
            const saved = await post(`/api/trainings/${training.id}/save`, { name: name.value })
            said.value = { text: words.saved(saved.name) }
        } catch (refused) {
            said.value = { error: wordsOf(refused) }
        }
    }
    return (
        <form class="save" onSubmit={save}>
            <Field label={words.modelName} hint={words.modelNameHint}>
                {given => <input {...given} required maxLength={60} value={name.value} data-testid="model-name" onInput={event => (name.value = event.target.value)} />}
            </Field>
            <button class="main" data-testid="save">{words.save}</button>
            <p role="status">{said.value?.text}</p>
            <p role="alert" class="error">{said.value?.error}</p>
        </form>
    )
}

function Log({ id, isBusy }) {
    const log = useSignal(null)
    const load = async () => {
        try {
            log.value = (await get(`/api/trainings/${id}/log`)).log || words.emptyLog
        } catch (refused) {
            log.value = wordsOf(refused)
        }
    }
    return (
        <details class="more" onToggle={event => event.target.open && load()}>
            <summary>{words.log}</summary>
            {isBusy && <button onClick={load}>{words.readLogAgain}</button>}
            <pre tabIndex={0} aria-label={words.log}>{log.value ?? texts.loading}</pre>
        </details>
    )
}
