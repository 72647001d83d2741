// The beginning that a musician draws: music on a grid of steps. Tested in Node.
//
// Notes that were read from a file stay as they were read; the grid only shows them, at the nearest step.
import {
    END,
    IS_DRUM,
    PITCH,
    PROGRAM,
    START,
    TRACK,
    VELOCITY,
    barQuarters,
    barSeconds,
    emptyMusic,
    kindOf,
    lengthOf,
    numBars,
} from '../parts/music.js'

const VELOCITY_DRAWN = 100
export const MOST_DRAWN = 4 // bars

// A primer is { music, bars }: what sounds after its bars is kept, but neither shown nor sent.
export const emptyPrimer = (bars = 1) => ({ music: emptyMusic(), bars })

export const primerOf = (music, bars = numBars(music)) => ({ music: { ...music, seconds: 0 }, bars })

// Steps as the model has them; a model whose steps are no parts of a quarter is shown in sixteenths.
export function gridOf(primer, stepsPerQuarter) {
    const perQuarter =
        Number.isInteger(stepsPerQuarter) && stepsPerQuarter >= 1 && stepsPerQuarter <= 24 ? stepsPerQuarter : 4
    const stepsPerBar = Math.max(1, Math.round(barQuarters(primer.music) * perQuarter))
    return {
        perQuarter,
        stepsPerBar,
        steps: stepsPerBar * primer.bars,
        stepSeconds: barSeconds(primer.music) / stepsPerBar,
    }
}

// The notes within the bars, where the grid shows them: [{ note, step, steps }].
export function quantized(primer, grid) {
    return primer.music.notes
        .map(note => {
            const step = Math.round(note[START] / grid.stepSeconds)
            const steps = Math.max(1, Math.round(note[END] / grid.stepSeconds) - step)
            return { note, step, steps: note[IS_DRUM] ? 1 : Math.min(steps, grid.steps - step) }
        })
        .filter(({ step }) => step < grid.steps)
}

// The same as music, to be drawn.
export function shownMusic(primer, grid) {
    const notes = quantized(primer, grid).map(({ note, step, steps }) =>
        note.with(START, step * grid.stepSeconds).with(END, (step + steps) * grid.stepSeconds),
    )
    return { ...primer.music, notes, seconds: primer.bars * barSeconds(primer.music) }
}

// What is sent to the server: the notes as they were read or drawn, as long as the bars; null if there are none.
export function sentMusic(primer) {
    const seconds = primer.bars * barSeconds(primer.music)
    const notes = primer.music.notes
        .filter(note => note[START] < seconds - 1e-6)
        .map(note => (note[END] > seconds ? note.with(END, seconds) : note))
    return notes.length ? { ...primer.music, notes, seconds } : null
}

// The note that the grid shows at a step in a row, or undefined. Rows are those of `rowsOf`.
export function noteAt(primer, grid, row, step, kinds) {
    return quantized(primer, grid).find(
        shown => shown.step <= step && step < shown.step + shown.steps && isIn(shown.note, row, kinds),
    )?.note
}

const isIn = (note, row, kinds) => {
    if (note[IS_DRUM] !== row.isDrum) return false
    if (!row.isDrum) return note[PITCH] === row.pitch
    return (kindOf(note[PITCH], kinds)?.name ?? note[PITCH]) === (row.name ?? row.pitch)
}

const withNotes = (primer, notes) => ({
    ...primer,
    music: { ...primer.music, notes: [...notes].sort((a, b) => a[START] - b[START] || a[PITCH] - b[PITCH]) },
})

// Draws a note of some steps, over what the same row has there.
export function draw(primer, grid, row, step, steps, kinds) {
    const note = []
    note[PITCH] = row.pitch
    note[START] = step * grid.stepSeconds
    note[END] = Math.min(step + steps, grid.steps) * grid.stepSeconds
    note[VELOCITY] = VELOCITY_DRAWN
    note[IS_DRUM] = row.isDrum
    const voice = primer.music.notes.find(one => one[IS_DRUM] === row.isDrum) // it joins the first track that there is
    note[PROGRAM] = voice?.[PROGRAM] ?? 0
    note[TRACK] = voice?.[TRACK] ?? 0
    const covered = new Set(
        quantized(primer, grid)
            .filter(shown => shown.step >= step && shown.step < step + steps && isIn(shown.note, row, kinds))
            .map(shown => shown.note),
    )
    return withNotes(primer, [...primer.music.notes.filter(one => !covered.has(one)), note])
}

export const erase = (primer, note) =>
    withNotes(
        primer,
        primer.music.notes.filter(one => one !== note),
    )

// Puts another note in the place of one. Returns [primer, the other note].
function replace(primer, note, other) {
    return [withNotes(primer, [...primer.music.notes.filter(one => one !== note), other]), other]
}

// Makes a note last until the end of a step.
export function lengthen(primer, grid, note, lastStep) {
    const first = Math.round(note[START] / grid.stepSeconds)
    const end = Math.min(Math.max(lastStep, first) + 1, grid.steps) * grid.stepSeconds
    return replace(primer, note, note.with(END, end))
}

// Moves a note to a step and a pitch; its length stays.
export function move(primer, grid, note, step, pitch) {
    const start = Math.min(Math.max(0, step), grid.steps - 1) * grid.stepSeconds
    return replace(
        primer,
        note,
        note
            .with(START, start)
            .with(END, start + note[END] - note[START])
            .with(PITCH, pitch),
    )
}

// The same notes in another tempo.
export function inTempo(primer, qpm) {
    const slower = primer.music.qpm / qpm
    const notes = primer.music.notes.map(note => note.with(START, note[START] * slower).with(END, note[END] * slower))
    return { ...primer, music: { ...primer.music, qpm, notes } }
}

// The lowest and highest pitch that the editor shows: two octaves at least, around `middle`, and all notes.
export function pitchRange(primer, middle) {
    const pitches = primer.music.notes.filter(note => !note[IS_DRUM]).map(note => note[PITCH])
    const lowest = Math.max(0, Math.min(middle - 12, ...pitches))
    return { lowest, highest: Math.min(127, Math.max(middle + 12, ...pitches)) }
}

// The bars that can be chosen: one to four, and all of a longer file.
export function barChoices(primer) {
    const all = lengthOf(primer.music) ? numBars(primer.music) : 1
    const choices = Array.from({ length: MOST_DRAWN }, (_, at) => at + 1)
    for (const more of [8, 16, all, primer.bars])
        if (more > MOST_DRAWN && more <= Math.max(all, primer.bars)) choices.push(more)
    return [...new Set(choices)].sort((a, b) => a - b)
}
