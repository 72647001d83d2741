// Know: what was made, held against what was learned from: measures, and what is copied.
import { signal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { finished, get, post } from '../api.js'
import { texts } from '../texts.js'
import { Copied } from './copied.jsx'
import { Measures } from './measures.jsx'

const words = texts.know
const references = signal(null)
const pieces = signal([])
const chosen = signal(new Set())
const state = signal(null) // of the job
const error = signal('')
const verdict = signal(null) // what the server answered, and the pieces that it is about

async function load() {
    try {
        references.value = (await get('/api/references')).references
        pieces.value = (await get('/api/pieces')).pieces
        const kept = pieces.value.filter(piece => piece.kept)
        const there = new Set(pieces.value.map(piece => piece.id))
        const before = [...chosen.value].filter(id => there.has(id))
        chosen.value = new Set(before.length ? before : (kept.length ? kept : pieces.value).map(piece => piece.id))
    } catch (refused) {
        error.value = refused.message || texts.noServer
    }
}

function choose(id, isChosen) {
    const next = new Set(chosen.value)
    if (isChosen) next.add(id)
    else next.delete(id)
    chosen.value = next
}

async function judge(event) {
    event.preventDefault()
    const reference = new FormData(event.target).get('reference')
    const asked = pieces.value.filter(piece => chosen.value.has(piece.id))
    error.value = ''
    verdict.value = null
    try {
        const job = await post('/api/judge', { reference, pieces: asked.map(piece => piece.id) })
        const found = await finished(job, told => (state.value = told))
        verdict.value = { ...found, asked }
    } catch (refused) {
        error.value = refused.message || texts.noServer
    } finally {
        state.value = null
    }
}

export function Know() {
    useEffect(() => void load(), [])
    if (!references.value) return <p role={error.value ? 'alert' : 'status'}>{error.value || texts.loading}</p>
    if (!pieces.value.length) return <p>{words.noPieces}</p>
    if (!references.value.length) return <p>{words.noReferences}</p>
    return (
        <div class="know">
            <section>
                <h2>{words.title}</h2>
                <form onSubmit={judge}>
                    <label>{words.reference} <select name="reference">
                        {references.value.map(one => <option key={one.id} value={one.id}>{one.name}</option>)}
                    </select></label>
                    <fieldset>
                        <legend>{words.pieces(chosen.value.size, pieces.value.length)}</legend>
                        <div class="choices" tabindex="0" role="group" aria-label={words.list}>
                            {pieces.value.map(piece => (
                                <label class="choice" key={piece.id}>
                                    <input type="checkbox" checked={chosen.value.has(piece.id)}
                                        onChange={event => choose(piece.id, event.target.checked)} />
                                    {piece.kept ? words.keptPiece(piece.name) : piece.name}
                                </label>
                            ))}
                        </div>
                    </fieldset>
                    <button class="main" disabled={Boolean(state.value) || !chosen.value.size}>{words.judge}</button>
                </form>
                <p role="status">{state.value && (state.value.state === 'waiting' ? texts.waiting(state.value.position) : words.judging)}</p>
                <p role="alert" class="error">{error.value}</p>
            </section>
            {verdict.value && <Copied verdict={verdict.value} />}
            {verdict.value && <Measures verdict={verdict.value} />}
        </div>
    )
}
