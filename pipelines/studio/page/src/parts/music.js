// Music as the server tells it: { notes: [[pitch, start, end, velocity, program, isDrum, track]], qpm, metre, seconds }.
// Times are in seconds; the first tempo and metre hold for all of it. Nothing here knows of the page: tested in Node.

// The places of a note's values.
export const [PITCH, START, END, VELOCITY, PROGRAM, IS_DRUM, TRACK] = [0, 1, 2, 3, 4, 5, 6]

export const emptyMusic = (qpm = 120, metre = [4, 4]) => ({ notes: [], qpm, metre, seconds: 0 })
export const quarterSeconds = music => 60 / music.qpm
export const barQuarters = music => (music.metre[0] * 4) / music.metre[1]
export const barSeconds = music => barQuarters(music) * quarterSeconds(music)
export const beatSeconds = music => barSeconds(music) / music.metre[0]

// How long it is: what it says, and at least as long as its notes.
export const lengthOf = music => music.notes.reduce((end, note) => Math.max(end, note[END]), music.seconds || 0)

const CLOSE = 1e-6 // of a bar: times that went through JSON and MIDI ticks are not exact

// All bars, the last one whole; one where nothing is.
export const numBars = music => Math.max(1, Math.ceil(lengthOf(music) / barSeconds(music) - 1e-3))

// The bar and beat, counted from 1, that sound at a time.
export function placeOf(music, seconds) {
    const beats = Math.floor(seconds / beatSeconds(music) + CLOSE)
    return { bar: Math.floor(beats / music.metre[0]) + 1, beat: (beats % music.metre[0]) + 1 }
}

// The notes that begin between two times, moved to the beginning, none longer than the stretch.
export function cut(music, from, to) {
    const slack = CLOSE * barSeconds(music)
    const notes = music.notes
        .filter(note => note[START] >= from - slack && note[START] < to - slack)
        .map(note => note.with(START, Math.max(0, note[START] - from)).with(END, Math.min(note[END], to) - from))
    return { ...music, notes, seconds: to - from }
}

const NAMES = ['C', 'C♯', 'D', 'E♭', 'E', 'F', 'F♯', 'G', 'A♭', 'A', 'B♭', 'B']

// Middle C, MIDI pitch 60, is C4.
export const pitchName = pitch => NAMES[pitch % 12] + (Math.floor(pitch / 12) - 1)
export const isBlackKey = pitch => [1, 3, 6, 8, 10].includes(pitch % 12)

// The kind of drums that a pitch is of, or undefined. Kinds are told by the server: [{ name, pitches }], lowest first.
export const kindOf = (pitch, kinds) => kinds.find(kind => kind.pitches.includes(pitch))

// What a note belongs to, for muting: its kind of drums, or its track and program.
export function trackKey(note, kinds) {
    if (!note[IS_DRUM]) return `track ${note[TRACK]} ${note[PROGRAM]}`
    return `drum ${kindOf(note[PITCH], kinds)?.name ?? note[PITCH]}`
}

// What can be muted: [{ key, isDrum, program, pitch, name of the kind of drums }], tracks first, then drums from below.
export function tracksOf(music, kinds) {
    const found = new Map()
    for (const note of music.notes) {
        const key = trackKey(note, kinds)
        if (!found.has(key)) {
            found.set(key, {
                key,
                isDrum: note[IS_DRUM],
                track: note[TRACK],
                program: note[PROGRAM],
                pitch: note[PITCH],
                kind: note[IS_DRUM] ? kindOf(note[PITCH], kinds)?.name : undefined,
            })
        }
    }
    const height = one => {
        const at = kinds.findIndex(kind => kind.name === one.kind)
        return at < 0 ? kinds.length + one.pitch : at
    }
    return [...found.values()].sort(
        (a, b) => a.isDrum - b.isDrum || (a.isDrum ? height(a) - height(b) : a.track - b.track),
    )
}

// The rows of a picture, lowest first: kinds of drums below, pitches above. `allKinds` shows drums that are not played.
export function rowsOf(music, kinds, { allKinds = false, lowest, highest } = {}) {
    const drums = new Map()
    let low = lowest ?? Infinity,
        high = highest ?? -Infinity
    for (const note of music.notes) {
        if (note[IS_DRUM]) drums.set(drumRow(note[PITCH], kinds), note[PITCH])
        else ((low = Math.min(low, note[PITCH])), (high = Math.max(high, note[PITCH])))
    }
    const rows = []
    for (const kind of kinds) {
        const key = `drum ${kind.name}`
        if (drums.has(key) || allKinds) rows.push({ key, pitch: kind.pitches[0], name: kind.name, isDrum: true })
        drums.delete(key)
    }
    for (const [key, pitch] of [...drums].sort((a, b) => a[1] - b[1])) rows.push({ key, pitch, isDrum: true })
    if (low <= high && lowest === undefined) {
        const missing = Math.max(0, 11 - (high - low)) // at least an octave, so that few notes are not drawn as walls
        low = Math.max(0, low - Math.ceil(missing / 2))
        high = Math.min(127, low + Math.max(11, high - low + Math.floor(missing / 2)))
    }
    for (let pitch = low; pitch <= high; pitch++) rows.push({ key: `pitch ${pitch}`, pitch, isDrum: false })
    return rows
}

const drumRow = (pitch, kinds) => `drum ${kindOf(pitch, kinds)?.name ?? pitch}`
export const rowKey = (note, kinds) => (note[IS_DRUM] ? drumRow(note[PITCH], kinds) : `pitch ${note[PITCH]}`)
