// Draws music on a canvas: what is the same at all times below, what moves above it, on a canvas of its own.
import { END, START, VELOCITY, barSeconds, beatSeconds, isBlackKey, rowKey, trackKey } from './music.js'

export const RULER = 22 // pixels above the rows, for the numbers of bars

// The colours of the page, as the style sheet has them for light and dark.
export function coloursOf(element) {
    const style = getComputedStyle(element)
    const read = name => style.getPropertyValue(`--${name}`).trim()
    return {
        text: read('text'),
        quiet: read('quiet'),
        line: read('line'),
        faint: read('faint'),
        border: read('border'),
        surface: read('surface'),
        given: read('given'),
        accent: read('accent'),
        lit: read('lit'),
        black: read('black-key'),
        white: read('white-key'),
        selected: read('selected'),
        tracks: [0, 1, 2, 3, 4, 5].map(number => read(`track-${number}`)),
    }
}

// Makes the canvas as sharp as the screen, and returns what draws in CSS pixels.
export function prepare(canvas, width, height) {
    const ratio = window.devicePixelRatio || 1
    const w = Math.max(1, Math.round(width * ratio))
    const h = Math.max(1, Math.round(height * ratio))
    if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h })
    const context = canvas.getContext('2d')
    context.setTransform(ratio, 0, 0, ratio, 0, 0)
    context.clearRect(0, 0, width, height)
    return context
}

// `view`: { width, height, left (pixels scrolled away), perSecond (pixels), rows, rowHeight, music, kinds, tracks, colours,
// made ({ from, to } in seconds: the rest was given), steps (seconds of a step of the grid, or 0), selection ({ from, to }
// in seconds, or null), silent (key => whether muted) }.
export function drawMusic(canvas, view) {
    const context = prepare(canvas, view.width, view.height)
    const { colours, music, rows, rowHeight, left, perSecond } = view
    const x = seconds => seconds * perSecond - left
    const top = row => view.height - (row + 1) * rowHeight
    const bottom = view.height

    rows.forEach((row, number) => {
        if (row.isDrum ? number % 2 : isBlackKey(row.pitch)) {
            context.fillStyle = colours.faint
            context.fillRect(0, top(number), view.width, rowHeight)
        }
    })
    if (view.selection) {
        context.fillStyle = colours.selected
        context.fillRect(x(view.selection.from), 0, x(view.selection.to) - x(view.selection.from), bottom)
    }
    drawGrid(context, view, x)

    const rowOf = new Map(rows.map((row, number) => [row.key, number]))
    const colourOf = new Map(
        view.tracks.map((track, number) => [track.key, colours.tracks[track.isDrum ? 0 : number % 6]]),
    )
    const gap = rowHeight > 20 ? 3 : rowHeight > 6 ? 1 : 0
    for (const note of music.notes) {
        const number = rowOf.get(rowKey(note, view.kinds))
        const from = x(note[START])
        const to = x(note[END])
        if (number === undefined || to < 0 || from > view.width) continue
        const key = trackKey(note, view.kinds)
        const width = Math.max(3, to - from - Math.max(1, gap))
        const height = rowHeight - 2 * gap
        // Loud notes are dense, soft ones pale, and all can be seen.
        context.globalAlpha = view.silent?.(key) ? 0.2 : 0.55 + (0.45 * note[VELOCITY]) / 127
        context.beginPath()
        context.roundRect(from, top(number) + gap, width, height, Math.min(4, height / 2))
        // What was given is told from what was made by its shape as well: hollow.
        if (note[START] < view.made.from - 1e-6 || note[START] >= view.made.to - 1e-6) {
            context.fillStyle = colours.surface
            context.fill()
            context.lineWidth = Math.min(2, height / 3)
            context.strokeStyle = colours.given
            context.stroke()
        } else {
            context.fillStyle = colourOf.get(key) ?? colours.accent
            context.fill()
        }
    }
    context.globalAlpha = 1
}

function drawGrid(context, view, x) {
    const { music, colours, left, perSecond } = view
    const bar = barSeconds(music)
    const beat = beatSeconds(music)
    const lines = (every, colour, from) => {
        if (every * perSecond < 5) return // closer than that it is a grey wall
        context.fillStyle = colour
        for (let n = Math.max(0, Math.floor(left / perSecond / every)); x(n * every) <= view.width; n++) {
            context.fillRect(Math.round(x(n * every)), from, 1, view.height)
        }
    }
    if (view.steps) lines(view.steps, colours.line, RULER)
    lines(beat, view.steps ? colours.border : colours.line, RULER)
    context.fillStyle = colours.line
    context.fillRect(0, RULER - 1, view.width, 1)
    context.font = '12px system-ui, sans-serif'
    context.textBaseline = 'middle'
    const every = Math.max(1, 2 ** Math.ceil(Math.log2(28 / (bar * perSecond)))) // bars between two numbers
    for (let n = Math.max(0, Math.floor(left / perSecond / bar)); x(n * bar) <= view.width; n++) {
        context.fillStyle = colours.quiet
        if (bar * perSecond >= 5) context.fillRect(Math.round(x(n * bar)), n % every ? RULER : 4, 1, view.height)
        if (n % every === 0) context.fillText(String(n + 1), x(n * bar) + 5, RULER / 2)
    }
}

// What moves: the playhead, and the notes that sound now in a light of their own. Without a `position` it only clears.
export function drawMoving(canvas, view, position, isPlaying) {
    const context = prepare(canvas, view.width, view.height)
    if (position === null) return
    const x = seconds => seconds * view.perSecond - view.left
    if (isPlaying) {
        const rowOf = new Map(view.rows.map((row, number) => [row.key, number]))
        context.fillStyle = view.colours.lit
        for (const note of view.music.notes) {
            if (note[START] > position) break
            if (Math.max(note[END], note[START] + 0.08) < position || view.silent?.(trackKey(note, view.kinds)))
                continue
            const number = rowOf.get(rowKey(note, view.kinds))
            context.beginPath()
            context.roundRect(
                x(note[START]) - 1,
                view.height - (number + 1) * view.rowHeight,
                Math.max(5, x(note[END]) - x(note[START]) + 1),
                view.rowHeight,
                3,
            )
            context.fill()
        }
    }
    context.fillStyle = view.colours.text
    context.fillRect(Math.round(x(position)) - 1, 0, 2, view.height)
}
