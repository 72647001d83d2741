// What the view Make knows: the models, the fields, the beginning that is drawn, and the music that was made.
import { computed, signal } from '@preact/signals'
import { loadInstruments } from '../instruments.js'
import { get, post, remove, removeLater } from '../api.js'
import { emptyPrimer, inTempo, primerOf, sentMusic } from './primer.js'
import { begin, change } from './history.js'
import { presetTemperature } from './requests.js'
import { cut } from '../parts/music.js'
import { texts } from '../texts.js'

export const models = signal(null)
export const loadError = signal('')
export const chosenId = signal(null)
export const model = computed(() => usable(models.value ?? []).find(one => one.id === chosenId.value) ?? null)

export const usable = list => list.filter(one => !one.error && !one.reading)

// The fields; null for an empty one.
export const fields = {
    unit: signal('num_bars'),
    length: signal(8),
    temperature: signal(1),
    qpm: signal(120),
    seed: signal(null),
    variations: signal(3),
    more: signal({}), // what was typed, by the name of an option
}

export const formValues = () => Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.value]))

// Drums and notes are drawn in pictures of their own; each keeps what was drawn when another model is chosen.
const histories = { drums: signal(begin(emptyPrimer())), notes: signal(begin(emptyPrimer())) }
export const history = computed(() => histories[model.value?.is_drums ? 'drums' : 'notes'].value)
export const primer = computed(() => history.value.present)
export function setHistory(value) {
    histories[model.value?.is_drums ? 'drums' : 'notes'].value = value
    fields.qpm.value = rounded(value.present.music.qpm) // the field follows what is undone
}
export const setPrimer = (value, gesture = null) => setHistory(change(history.value, value, gesture))
const rounded = qpm => Math.round(qpm * 100) / 100 // what stands in the field
export const primerSent = computed(() => sentMusic(primer.value))

const READING = 1000 // milliseconds until models that are being read are asked for again

export async function loadModels() {
    try {
        await loadInstruments() // nothing can be drawn without their names
        models.value = (await get('/api/models')).models
        loadError.value = ''
        if (!model.value && usable(models.value).length) choose(usable(models.value)[0].id)
        if (models.value.some(one => one.reading)) setTimeout(loadModels, READING)
    } catch (refused) {
        loadError.value = refused.message || texts.noServer
    }
}

export function choose(id) {
    chosenId.value = id
    fields.temperature.value = presetTemperature(model.value)
    fields.more.value = {}
    fields.qpm.value = rounded(primer.value.music.qpm)
}

export function setTempo(qpm) {
    if (qpm >= 10 && qpm <= 500) setPrimer(inTempo(primer.value, qpm), 'tempo')
    fields.qpm.value = qpm // as it is being typed
}

const MORE_BARS = 4 // that are asked for after a beginning that is as long as the music was to be

// Music becomes what the next begins with.
export function beginWith(music, bars) {
    setPrimer(primerOf(music, bars))
    makeRoom(bars)
}

export function setBars(bars) {
    setPrimer({ ...primer.value, bars })
    makeRoom(bars)
}

// The length has the beginning in it: it must be longer.
function makeRoom(bars) {
    const { unit, length } = fields
    if (unit.value === 'num_bars' && length.value !== null && length.value <= bars) length.value = bars + MORE_BARS
}

// The first bars of a piece are what its model begins with next.
export function continueFrom(piece, seconds, bars) {
    if (models.value.some(one => one.id === piece.model) && piece.model !== chosenId.value) choose(piece.model)
    beginWith(cut(piece.music, 0, seconds), bars)
}

// The music that was made, the newest first.
export const pieces = signal([])
export const total = signal(0)

export async function loadPieces() {
    const told = await get('/api/pieces')
    pieces.value = told.pieces
    total.value = told.total ?? told.pieces.length
}

export async function loadMorePieces() {
    const told = await get(`/api/pieces?first=${pieces.value.length + discarded.value.length}`)
    const known = new Set(pieces.value.map(piece => piece.id))
    pieces.value = [...pieces.value, ...told.pieces.filter(piece => !known.has(piece.id))]
}

export async function keep(piece) {
    const changed = await post(`/api/pieces/${piece.id}`, { kept: !piece.kept })
    pieces.value = pieces.value.map(one => (one.id === piece.id ? { ...one, kept: changed.kept } : one))
}

// What was discarded a moment ago and can be taken back: [{ piece, timer }].
export const discarded = signal([])
export const UNDO_SECONDS = 8

export function discard(piece) {
    pieces.value = pieces.value.filter(one => one !== piece)
    const timer = setTimeout(() => {
        discarded.value = discarded.value.filter(one => one.piece !== piece)
        remove(`/api/pieces/${piece.id}`).catch(() => bringBack(piece))
    }, UNDO_SECONDS * 1000)
    discarded.value = [...discarded.value, { piece, timer }]
}

export function undoDiscard() {
    for (const { piece, timer } of discarded.value) {
        clearTimeout(timer)
        bringBack(piece)
    }
    discarded.value = []
}

const bringBack = piece => {
    pieces.value = [...pieces.value, piece].sort((a, b) => b.made - a.made || a.number - b.number)
}

// A page that is closed waits no more.
addEventListener('pagehide', () => {
    for (const { piece, timer } of discarded.value) {
        clearTimeout(timer)
        removeLater(`/api/pieces/${piece.id}`)
    }
    discarded.value = []
})
