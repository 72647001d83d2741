// The grid in which a beginning is drawn: kinds of drums or pitches over steps; with mouse, touch or keys.
import { useSignal, useSignalEffect } from '@preact/signals'
import { useEffect, useId, useLayoutEffect, useMemo, useRef } from 'preact/hooks'
import { instruments } from '../instruments.js'
import { IS_DRUM, placeOf, rowsOf, tracksOf } from '../parts/music.js'
import { RULER, coloursOf, drawMoving, drawMusic } from '../parts/roll_drawing.js'
import { drawLabels, nameOfRow } from '../parts/roll_labels.js'
import { useColours } from '../parts/use_colours.js'
import { preview } from '../sound/preview.js'
import { texts } from '../texts.js'
import { redo, undo } from './history.js'
import { Pen, isNearEnd } from './pen.js'
import { draw, erase, gridOf, lengthen, noteAt, pitchRange, quantized, shownMusic } from './primer.js'
import { history, model, primer, setHistory, setPrimer } from './state.js'

const words = texts.make.editor
const LEAST_STEP = 15 // pixels: a bar of sixteenths fits a phone
const ROW = { drums: 30, notes: 16 }
const EDGE = 7 // pixels at a note's end by which it is lengthened

export function Grid({ player, middle }) {
    const scroller = useRef()
    const still = useRef()
    const moving = useRef()
    const labels = useRef()
    const view = useRef()
    const cursor = useSignal({ row: 0, step: 0 })
    const isFocused = useSignal(false)
    const said = useSignal('')
    const helpId = useId()
    const dark = useColours()
    const isDrums = model.value.is_drums
    const kinds = instruments.value.drums
    const grid = gridOf(primer.value, model.value.steps_per_quarter)
    const range = isDrums ? { allKinds: true } : pitchRange(primer.value, middle)
    // Drums are drawn in a grid of drums alone, even if the file has more; and pitches without drums.
    const own = {
        ...primer.value,
        music: { ...primer.value.music, notes: primer.value.music.notes.filter(note => note[IS_DRUM] === isDrums) },
    }
    const rows = rowsOf(own.music, isDrums ? kinds : [], range)
    const at = { row: Math.min(cursor.value.row, rows.length - 1), step: Math.min(cursor.value.step, grid.steps - 1) }

    const redraw = () => {
        const box = scroller.current
        if (!box) return // the observer may still tell of one that has left the page
        const music = shownMusic(own, grid)
        const rowHeight = isDrums ? ROW.drums : Math.max(9, Math.min(ROW.notes, Math.floor(620 / rows.length)))
        const width = box.clientWidth
        const height = RULER + rows.length * rowHeight
        const perStep = Math.max(LEAST_STEP, width / grid.steps)
        Object.assign(box.firstChild.style, { width: `${grid.steps * perStep}px`, height: `${height}px` })
        for (const canvas of [still.current, moving.current])
            Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` })
        moving.current.style.marginTop = `${-height}px` // it lies over the other one
        labels.current.style.height = `${height}px`
        view.current = {
            music,
            kinds,
            rows,
            rowHeight,
            width,
            height,
            perStep,
            perSecond: perStep / grid.stepSeconds,
            made: { from: 0, to: Infinity },
            left: box.scrollLeft,
            steps: grid.stepSeconds,
            tracks: tracksOf(music, kinds),
            colours: coloursOf(box),
        }
        drawMusic(still.current, view.current)
        drawLabels(labels.current, view.current)
        drawOver()
    }
    const drawOver = () => {
        const now = view.current
        if (!now) return
        drawMoving(
            moving.current,
            now,
            player.isPlaying.value || player.position.value ? player.position.value : null,
            player.isPlaying.value,
        )
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
        said.value = words.cell({
            ...place,
            step: within + 1,
            name: nameOfRow(rows[row]),
            steps: isDrums ? (shown ? 1 : 0) : (shown?.steps ?? 0),
        })
    }
    const goTo = (row, step) => {
        cursor.value = {
            row: Math.min(Math.max(0, row), rows.length - 1),
            step: Math.min(Math.max(0, step), grid.steps - 1),
        }
        const box = scroller.current
        const x = cursor.value.step * view.current.perStep
        if (x < box.scrollLeft) box.scrollLeft = x
        else if (x + view.current.perStep > box.scrollLeft + box.clientWidth)
            box.scrollLeft = x + view.current.perStep - box.clientWidth
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
        if (command && event.key.toLowerCase() === 'z')
            travel(event.shiftKey ? redo(history.value) : undo(history.value))
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

    const pen = useMemo(() => new Pen(setPrimer, pitch => void preview(pitch, isDrums)), [isDrums])
    const sheet = () => ({ primer: primer.value, grid, rows, kinds, isDrums })
    const placeAt = event => {
        const box = scroller.current.getBoundingClientRect()
        const { perStep, rowHeight, height } = view.current
        const x = (event.clientX - box.left + scroller.current.scrollLeft) / perStep
        const y = event.clientY - box.top
        const row = Math.min(rows.length - 1, Math.max(0, Math.floor((height - y) / rowHeight)))
        return { x, isRuler: y < RULER, cell: { row, step: Math.min(grid.steps - 1, Math.max(0, Math.floor(x))) } }
    }
    const onPointerDown = event => {
        const { x, isRuler, cell } = placeAt(event)
        if (event.button || isRuler) return
        event.currentTarget.setPointerCapture(event.pointerId)
        cursor.value = cell
        pen.down(sheet(), cell, note => isNearEnd(note, grid, x, EDGE / view.current.perStep))
    }

    return (
        <div class="labelled grid">
            <canvas ref={labels} class="roll-labels" aria-hidden="true" />
            <div class="roll grid-scroller" ref={scroller} onScroll={redraw}>
                <div
                    class="grid-inner"
                    role="application"
                    tabIndex={0}
                    data-testid="primer-grid"
                    aria-roledescription={words.role(isDrums)}
                    aria-label={words.label(isDrums)}
                    aria-describedby={helpId}
                    onKeyDown={onKeyDown}
                    onPointerDown={onPointerDown}
                    onPointerMove={event => pen.move(sheet(), placeAt(event).cell)}
                    onPointerUp={() => pen.up(sheet())}
                    onPointerCancel={() => pen.cancel()}
                    onFocus={() => {
                        isFocused.value = true
                        announce(at)
                    }}
                    onBlur={() => (isFocused.value = false)}
                >
                    <canvas ref={still} class="roll-canvas" />
                    <canvas ref={moving} class="roll-canvas over" />
                    <div class="grid-ruler" />
                </div>
            </div>
            <p id={helpId} class="quiet grid-help">
                <small>{words.help(isDrums)}</small>
            </p>
            <p class="visually-hidden" aria-live="polite" data-testid="primer-said">
                {said.value}
            </p>
        </div>
    )
}
