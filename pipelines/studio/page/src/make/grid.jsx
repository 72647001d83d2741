// The grid in which a beginning is drawn: kinds of drums or pitches over steps; with mouse, touch or keys.
import { useSignal, useSignalEffect } from '@preact/signals'
import { useEffect, useId, useLayoutEffect, useRef } from 'preact/hooks'
import { instruments } from '../instruments.js'
import { END, IS_DRUM, START, placeOf, rowsOf, tracksOf } from '../parts/music.js'
import { RULER, coloursOf, drawMoving, drawMusic } from '../parts/roll_drawing.js'
import { drawLabels, nameOfRow } from '../parts/roll_labels.js'
import { useColours } from '../parts/use_colours.js'
import { preview } from '../sound/preview.js'
import { texts } from '../texts.js'
import { draw, erase, gridOf, lengthen, move, noteAt, pitchRange, quantized, shownMusic } from './primer.js'
import { history, model, primer, setHistory, setPrimer } from './state.js'
import { redo, undo } from './history.js'

const words = texts.make.editor
const LEAST_STEP = 15 // pixels: a bar of sixteenths fits a phone
const ROW = { drums: 30, notes: 16 }
const EDGE = 7 // pixels at a note's end by which it is lengthened

export function Grid({ player, middle }) {
    const scroller = useRef(), still = useRef(), moving = useRef(), labels = useRef(), view = useRef()
    const cursor = useSignal({ row: 0, step: 0 })
    const isFocused = useSignal(false)
    const said = useSignal('')
    const helpId = useId()
    const dark = useColours()
    const isDrums = model.value.is_drums, kinds = instruments.value.drums
    const grid = gridOf(primer.value, model.value.steps_per_quarter)
    const range = isDrums ? { allKinds: true } : pitchRange(primer.value, middle)
    // Drums are drawn in a grid of drums alone, even if the file has more; and pitches without drums.
    const own = { ...primer.value, music: { ...primer.value.music, notes: primer.value.music.notes.filter(note => note[IS_DRUM] === isDrums) } }
    const rows = rowsOf(own.music, isDrums ? kinds : [], range)
    const at = { row: Math.min(cursor.value.row, rows.length - 1), step: Math.min(cursor.value.step, grid.steps - 1) }

    const redraw = () => {
        const box = scroller.current
        if (!box) return // the observer may still tell of one that has left the page
        const music = shownMusic(own, grid)
        const rowHeight = isDrums ? ROW.drums : Math.max(9, Math.min(ROW.notes, Math.floor(620 / rows.length)))
        const width = box.clientWidth, height = RULER + rows.length * rowHeight
        const perStep = Math.max(LEAST_STEP, width / grid.steps)
        Object.assign(box.firstChild.style, { width: `${grid.steps * perStep}px`, height: `${height}px` })
        for (const canvas of [still.current, moving.current]) Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` })
        moving.current.style.marginTop = `${-height}px` // it lies over the other one
        labels.current.style.height = `${height}px`
        view.current = {
            music, kinds, rows, rowHeight, width, height, perStep, perSecond: perStep / grid.stepSeconds, made: { from: 0, to: Infinity },
            left: box.scrollLeft, steps: grid.stepSeconds, tracks: tracksOf(music, kinds), colours: coloursOf(box),
        }
        drawMusic(still.current, view.current)
        drawLabels(labels.current, view.current)
        drawOver()
    }
    const drawOver = () => {
        const now = view.current
        if (!now) return
        drawMoving(moving.current, now, player.isPlaying.value || player.position.value ? player.position.value : null, player.isPlaying.value)
        if (!isFocused.value) return
        const context = moving.current.getContext('2d')
        context.strokeStyle = now.colours.text
        context.lineWidth = 2
        const top = now.height - (at.row + 1) * now.rowHeight
        context.strokeRect(at.step * now.perStep - now.left + 1, top + 1, now.perStep - 2, now.rowHeight - 2)
    }
    const latest = useRef()
    latest.current = { redraw, drawOver }
    useLayoutEffect(() => redraw(), [primer.value, kinds, isDrums, middle, dark, model.value])
    useLayoutEffect(() => drawOver())
    useEffect(() => {
        const observer = new ResizeObserver(() => latest.current.redraw())
        observer.observe(scroller.current)
        return () => observer.disconnect()
    }, [])
    useSignalEffect(() => {
        void [player.position.value, player.isPlaying.value]
        latest.current.drawOver()
    })

    // What is under the cursor, in words.
    const announce = ({ row, step }, state = primer.value) => {
        const place = placeOf(state.music, step * grid.stepSeconds)
        const note = noteAt(state, grid, rows[row], step, kinds)
        const within = (step % grid.stepsPerBar) % grid.perQuarter
        const shown = note && quantized(state, grid).find(one => one.note === note)
        said.value = words.cell({ ...place, step: within + 1, name: nameOfRow(rows[row]), steps: isDrums ? (shown ? 1 : 0) : (shown?.steps ?? 0) })
    }
    const goTo = (row, step) => {
        cursor.value = { row: Math.min(Math.max(0, row), rows.length - 1), step: Math.min(Math.max(0, step), grid.steps - 1) }
        const box = scroller.current, x = cursor.value.step * view.current.perStep
        if (x < box.scrollLeft) box.scrollLeft = x
        else if (x + view.current.perStep > box.scrollLeft + box.clientWidth) box.scrollLeft = x + view.current.perStep - box.clientWidth
        announce(cursor.value)
    }
    const toggle = ({ row, step }) => {
        const note = noteAt(primer.value, grid, rows[row], step, kinds)
        setPrimer(note ? erase(primer.value, note) : draw(primer.value, grid, rows[row], step, 1, kinds))
        if (!note) preview(rows[row].pitch, isDrums)
        announce({ row, step })
    }
    const stretch = by => {
        const note = noteAt(primer.value, grid, rows[at.row], at.step, kinds)
        if (!note || isDrums) return
        const shown = quantized(primer.value, grid).find(one => one.note === note)
        const [changed] = lengthen(primer.value, grid, note, shown.step + shown.steps - 1 + by)
        setPrimer(changed)
        announce(at, changed)
    }
    const onKeyDown = event => {
        const { row, step } = at
        const command = event.ctrlKey || event.metaKey
        const travel = state => {
            setHistory(state)
            announce(at)
        }
        if (command && event.key.toLowerCase() === 'z') travel(event.shiftKey ? redo(history.value) : undo(history.value))
        else if (command && event.key.toLowerCase() === 'y') travel(redo(history.value))
        else if (command || event.altKey) return
        else if (event.shiftKey && event.key === 'ArrowRight') stretch(1)
        else if (event.shiftKey && event.key === 'ArrowLeft') stretch(-1)
        else if (event.key === 'ArrowRight') goTo(row, step + 1)
        else if (event.key === 'ArrowLeft') goTo(row, step - 1)
        else if (event.key === 'ArrowUp') goTo(row + 1, step)
        else if (event.key === 'ArrowDown') goTo(row - 1, step)
        else if (event.key === 'PageUp') goTo(row + (isDrums ? 9 : 12), step)
        else if (event.key === 'PageDown') goTo(row - (isDrums ? 9 : 12), step)
        else if (event.key === 'Home') goTo(row, 0)
        else if (event.key === 'End') goTo(row, grid.steps - 1)
        else if (event.key === ' ' || event.key === 'Enter') toggle(at)
        else if (event.key === 'Delete' || event.key === 'Backspace') {
            if (noteAt(primer.value, grid, rows[row], step, kinds)) toggle(at)
        } else return
        event.preventDefault()
    }

    // A gesture of the pointer: drawing or erasing cells of drums; drawing, lengthening, moving or erasing a note.
    const gesture = useRef(null)
    const cellAt = event => {
        const box = scroller.current.getBoundingClientRect()
        const x = event.clientX - box.left + scroller.current.scrollLeft, y = event.clientY - box.top
        return {
            x, isRuler: y < RULER,
            step: Math.min(grid.steps - 1, Math.max(0, Math.floor(x / view.current.perStep))),
            row: Math.min(rows.length - 1, Math.max(0, Math.floor((view.current.height - y) / view.current.rowHeight))),
        }
    }
    const onPointerDown = event => {
        const cell = cellAt(event)
        if (event.button || cell.isRuler) return
        event.currentTarget.setPointerCapture(event.pointerId)
        const note = noteAt(primer.value, grid, rows[cell.row], cell.step, kinds)
        const name = Symbol('gesture')
        cursor.value = { row: cell.row, step: cell.step }
        if (isDrums) {
            gesture.current = { name, kind: note ? 'erase' : 'draw', seen: new Set() }
            paint(cell)
        } else if (note) {
            const end = (note[END] / grid.stepSeconds) * view.current.perStep
            gesture.current = { name, kind: end - cell.x < EDGE ? 'lengthen' : 'move', note, from: cell, hasMoved: false }
        } else {
            const drawn = draw(primer.value, grid, rows[cell.row], cell.step, 1, kinds)
            setPrimer(drawn, name)
            gesture.current = { name, kind: 'lengthen', note: noteAt(drawn, grid, rows[cell.row], cell.step, kinds), from: cell, hasMoved: true }
            preview(rows[cell.row].pitch, false)
        }
    }
    const paint = cell => {
        const { name, kind, seen } = gesture.current
        const key = `${cell.row} ${cell.step}`
        if (seen.has(key)) return
        seen.add(key)
        const note = noteAt(primer.value, grid, rows[cell.row], cell.step, kinds)
        if (kind === 'draw' && !note) {
            setPrimer(draw(primer.value, grid, rows[cell.row], cell.step, 1, kinds), name)
            preview(rows[cell.row].pitch, true)
        } else if (kind === 'erase' && note) setPrimer(erase(primer.value, note), name)
    }
    const onPointerMove = event => {
        const now = gesture.current
        if (!now) return
        const cell = cellAt(event)
        if (isDrums) {
            paint(cell)
            return
        }
        if (cell.step === now.last?.step && cell.row === now.last?.row) return
        if (!now.last && cell.step === now.from.step && cell.row === now.from.row) return
        now.last = cell
        now.hasMoved = true
        const [changed, note] = now.kind === 'lengthen'
            ? lengthen(primer.value, grid, now.note, cell.step)
            : move(
                primer.value, grid, now.note,
                Math.round(now.note[START] / grid.stepSeconds) + cell.step - (now.at ?? now.from.step), rows[cell.row].pitch,
            )
        now.at = cell.step
        now.note = note
        setPrimer(changed, now.name)
    }
    const onPointerUp = () => {
        const was = gesture.current
        gesture.current = null
        if (was && !isDrums && !was.hasMoved) setPrimer(erase(primer.value, was.note))
    }

    return (
        <div class="labelled grid">
            <canvas ref={labels} class="roll-labels" aria-hidden="true" />
            <div class="roll grid-scroller" ref={scroller} onScroll={redraw}>
                <div
                    class="grid-inner" role="application" tabIndex={0} data-testid="primer-grid"
                    aria-roledescription={words.role(isDrums)} aria-label={words.label(isDrums)} aria-describedby={helpId}
                    onKeyDown={onKeyDown} onPointerDown={onPointerDown} onPointerMove={onPointerMove} onPointerUp={onPointerUp}
                    onPointerCancel={() => (gesture.current = null)}
                    onFocus={() => { isFocused.value = true; announce(at) }} onBlur={() => (isFocused.value = false)}
                >
                    <canvas ref={still} class="roll-canvas" />
                    <canvas ref={moving} class="roll-canvas over" />
                    <div class="grid-ruler" />
                </div>
            </div>
            <p id={helpId} class="quiet grid-help"><small>{words.help(isDrums)}</small></p>
            <p class="visually-hidden" aria-live="polite" data-testid="primer-said">{said.value}</p>
        </div>
    )
}
