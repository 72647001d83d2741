// The names of a picture's rows, left of it: of drums, or keys of a piano with the C of each octave.
import { texts } from '../texts.js'
import { isBlackKey, pitchName } from './music.js'
import { prepare } from './roll_drawing.js'

const LEAST_ROW = 9 // pixels: lower rows are not named

export const nameOfRow = row => row.name ?? (row.isDrum ? texts.parts.drum(row.pitch) : pitchName(row.pitch))

export function drawLabels(canvas, view) {
    const width = canvas.clientWidth
    const context = prepare(canvas, width, view.height)
    context.textBaseline = 'middle'
    view.rows.forEach((row, number) => {
        const top = view.height - (number + 1) * view.rowHeight
        const middle = top + view.rowHeight / 2
        context.font = `${Math.min(13, Math.max(9, view.rowHeight - 2))}px system-ui, sans-serif`
        if (row.isDrum) {
            context.fillStyle = view.colours.text
            if (view.rowHeight >= LEAST_ROW) context.fillText(nameOfRow(row), 0, middle, width - 4)
            return
        }
        context.fillStyle = isBlackKey(row.pitch) ? view.colours.black : view.colours.white
        context.fillRect(
            width * 0.4,
            top,
            isBlackKey(row.pitch) ? width * 0.36 : width * 0.6 - 3,
            view.rowHeight - (view.rowHeight > 5 ? 1 : 0),
        )
        if (row.pitch % 12 === 0) {
            context.font = '11px system-ui, sans-serif'
            context.fillStyle = view.colours.text
            context.fillText(pitchName(row.pitch), 0, middle, width * 0.38)
        }
    })
}
