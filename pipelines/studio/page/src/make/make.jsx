// Make: choose a model, say what it begins with, generate, listen, keep.
import { signal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { download, finished, get, post } from '../api.js'
import { Heard } from '../parts/heard.jsx'
import { texts } from '../texts.js'

const models = signal(null)
const pieces = signal([])
const state = signal(null) // of the job
const error = signal('')

async function load() {
    try {
        models.value = (await get('/api/models')).models
        pieces.value = (await get('/api/pieces')).pieces
    } catch (refused) {
        error.value = refused.message || texts.noServer
    }
}

async function generate(event) {
    event.preventDefault()
    const form = new FormData(event.target)
    error.value = ''
    try {
        const asked = {
            model: form.get('model'),
            num_outputs: Number(form.get('num_outputs')),
            options: { num_bars: Number(form.get('num_bars')), temperature: Number(form.get('temperature')) },
        }
        await finished(await post('/api/generate', asked), told => (state.value = told))
        pieces.value = (await get('/api/pieces')).pieces
    } catch (refused) {
        error.value = refused.message || texts.noServer
    } finally {
        state.value = null
    }
}

export function Make() {
    useEffect(() => void load(), [])
    if (!models.value) return <p>{error.value || texts.loading}</p>
    if (!models.value.length) return <p>{texts.noModels}</p>
    return (
        <>
            <section>
                <form onSubmit={generate}>
                    <label>{texts.model} <select name="model">
                        {models.value.map(model => <option value={model.id}>{model.name}</option>)}
                    </select></label>
                    <label>{texts.variations} <input name="num_outputs" type="number" min="1" max="20" value="4" /></label>
                    <label>{texts.bars} <input name="num_bars" type="number" min="1" max="64" value="4" /></label>
                    <label>{texts.temperature} <input name="temperature" type="number" min="0.1" max="3" step="0.1" value="1" /></label>
                    <button class="main" disabled={Boolean(state.value)}>{texts.generate}</button>
                </form>
                <p role="status">{state.value && (state.value.state === 'waiting' ? texts.waiting(state.value.position) : texts.generating)}</p>
                <p role="alert" class="error">{error.value}</p>
            </section>
            {pieces.value.map(piece => (
                <section key={piece.id}>
                    <h2>{texts.pieceName(piece, piece.music.notes.length)}</h2>
                    <Heard music={piece.music} name={piece.name} given={piece.primer_seconds} />
                    {['mid', 'wav', 'mp3'].map(format => (
                        <button onClick={() => download(`/api/pieces/${piece.id}.${format}`, `${piece.name}.${format}`)}>
                            {texts.download(format.toUpperCase())}
                        </button>
                    ))}
                </section>
            ))}
        </>
    )
}
