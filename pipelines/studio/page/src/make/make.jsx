// Make: choose a model, say what it begins with, generate, listen, keep.
import { useEffect } from 'preact/hooks'
import { barSeconds } from '../parts/music.js'
import { stopAll } from '../sound/player.js'
import { texts } from '../texts.js'
import { Compare } from './compare.jsx'
import { Form, ModelChoice } from './form.jsx'
import { ask, job, news, resume } from './job.js'
import { JobState } from './job_state.jsx'
import { Pieces } from './pieces.jsx'
import { PrimerEditor } from './primer_editor.jsx'
import { generateBody, infillBody } from './requests.js'
import { formValues, loadError, loadModels, loadPieces, model, models, primerSent } from './state.js'

const words = texts.make

// Shows what a request has made, and takes the reader there.
async function show(result) {
    if (!result) return
    await loadPieces()
    news.value = words.job.done(result.length)
    document.querySelector('#pieces-title')?.focus({ preventScroll: true })
    document.querySelector('[data-testid=piece]')?.scrollIntoView({ block: 'nearest' })
}

const generate = async () => show(await ask('/api/generate', generateBody(model.value, formValues(), primerSent.value)))

async function infill(piece, selection) {
    const own = models.value.find(one => one.id === piece.model)
    const form = { ...formValues(), ...(own.id !== model.value.id && { more: {}, temperature: own.temperature }) }
    await show(await ask('/api/infill', infillBody(own, form, piece.music, barSeconds(piece.music), selection)))
}

async function load() {
    await Promise.all([loadModels(), loadPieces().catch(() => {})])
    if (!job.value) await show(await resume())
}

export function Make() {
    useEffect(() => {
        void load()
        return stopAll
    }, [])
    if (!models.value) {
        if (!loadError.value)
            return (
                <p role="status" class="busy">
                    <span class="spinner" aria-hidden="true" />
                    {words.loading}
                </p>
            )
        return (
            <>
                <p role="alert" class="error">
                    {loadError.value}
                </p>
                <button onClick={load}>{words.again}</button>
            </>
        )
    }
    if (!models.value.length) return <p role="status">{texts.noModels}</p>
    if (!model.value) return <NoneUsable />
    return (
        <>
            <ModelChoice />
            <PrimerEditor key={model.value.is_drums} />
            <Form onGenerate={generate} isBusy={Boolean(job.value)}>
                <JobState />
            </Form>
            <Compare />
            <Pieces onInfill={infill} />
        </>
    )
}

// All models are being read yet, or none of them loads.
function NoneUsable() {
    if (models.value.some(one => one.reading))
        return (
            <p role="status" class="busy">
                <span class="spinner" aria-hidden="true" />
                {words.form.reading}
            </p>
        )
    return (
        <section>
            <p role="alert" class="error">
                {words.noneLoads}
            </p>
            <ul>
                {models.value.map(one => (
                    <li key={one.id}>
                        <strong>{one.name}</strong>: {one.error}
                    </li>
                ))}
            </ul>
        </section>
    )
}
