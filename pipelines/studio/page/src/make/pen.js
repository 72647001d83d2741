// What a mouse or a finger draws in the grid, from where it goes down to where it goes up. Tested in Node.
import { END, START } from '../parts/music.js'
import { draw, erase, lengthen, move, noteAt } from './primer.js'

// Drums: the first cell says whether cells are struck or erased on the way.
// Pitches: an empty cell begins a note, which is drawn longer; the end of a note is drawn; a note is moved, or erased where
// it was only touched.
export class Pen {
    // `change` is called with each new primer and a name for the gesture; `hear` with the pitch of what is drawn.
    constructor(change, hear) {
        this._change = change
        this._hear = hear
        this._gesture = null
    }

    // Goes down on a cell { row, step }. `sheet`: { primer, grid, rows, kinds, isDrums }, here and in `move` as they are
    // then; `isEnd` (note => whether its end was touched).
    down(sheet, cell, isEnd) {
        const note = under(sheet, cell)
        const gesture = { name: Symbol('gesture'), note, last: cell, hasMoved: false }
        this._gesture = gesture
        if (sheet.isDrums) {
            Object.assign(gesture, { kind: note ? 'erase' : 'strike', seen: new Set() })
            this._paint(sheet, cell)
        } else if (note) gesture.kind = isEnd(note) ? 'lengthen' : 'move'
        else {
            const drawn = draw(sheet.primer, sheet.grid, sheet.rows[cell.row], cell.step, 1, sheet.kinds)
            Object.assign(gesture, { kind: 'lengthen', note: under({ ...sheet, primer: drawn }, cell), hasMoved: true })
            this._change(drawn, gesture.name)
            this._hear(sheet.rows[cell.row].pitch)
        }
    }

    move(sheet, cell) {
        const gesture = this._gesture
        if (!gesture) return
        const { last } = gesture
        if (cell.row === last.row && cell.step === last.step) return
        gesture.last = cell
        if (sheet.isDrums) {
            this._paint(sheet, cell)
            return
        }
        gesture.hasMoved = true
        const { primer, grid, rows } = sheet
        const step = Math.round(gesture.note[START] / grid.stepSeconds) + cell.step - last.step
        const [changed, note] =
            gesture.kind === 'lengthen'
                ? lengthen(primer, grid, gesture.note, cell.step)
                : move(primer, grid, gesture.note, step, rows[cell.row].pitch)
        gesture.note = note
        this._change(changed, gesture.name)
    }

    up(sheet) {
        const gesture = this._gesture
        this._gesture = null
        if (gesture && !sheet.isDrums && !gesture.hasMoved)
            this._change(erase(sheet.primer, gesture.note), gesture.name)
    }

    // The browser took the gesture for one of its own.
    cancel() {
        this._gesture = null
    }

    _paint(sheet, cell) {
        const { name, kind, seen } = this._gesture
        const key = `${cell.row} ${cell.step}`
        if (seen.has(key)) return
        seen.add(key)
        const note = under(sheet, cell)
        if (kind === 'erase' && note) this._change(erase(sheet.primer, note), name)
        if (kind === 'strike' && !note) {
            this._change(draw(sheet.primer, sheet.grid, sheet.rows[cell.row], cell.step, 1, sheet.kinds), name)
            this._hear(sheet.rows[cell.row].pitch)
        }
    }
}

const under = ({ primer, grid, rows, kinds }, { row, step }) => noteAt(primer, grid, rows[row], step, kinds)

// Whether a place, in steps, is so near the end of a note that it is the end that is meant.
export const isNearEnd = (note, grid, place, near) => note[END] / grid.stepSeconds - place < near
