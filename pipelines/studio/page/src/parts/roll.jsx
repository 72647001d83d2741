// A picture of music in time, with bars ruled and a playhead; also the slider by which one goes to a place in it.
import { useComputed, useSignal, useSignalEffect } from '@preact/signals'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import { instruments } from '../instruments.js'
import { texts } from '../texts.js'
import { IS_DRUM, barSeconds, beatSeconds, lengthOf, numBars, placeOf, rowsOf, tracksOf } from './music.js'
import { RULER, coloursOf, drawMoving, drawMusic } from './roll_drawing.js'
import { drawLabels } from './roll_labels.js'
import { useColours } from './use_colours.js'

const LEAST_BEAT = 16 // pixels: longer music is scrolled
const TALLEST = 260

// `player`: a Player of which a piece is shown: the one that is chosen, or the one of the number `which`.
// `given`: seconds at its beginning that were not made; or `stretch`: the only ones, [from, to], that were.
// `selection`: { from, to } in bars counted from 0, or null; `onSelect` is called with one that is drawn on the ruler.
export function Roll({ player, which, given = 0, stretch = null, label, selection = null, onSelect }) {
    const labels = useRef()
    const scroller = useRef()
    const still = useRef()
    const moving = useRef()
    const view = useRef()
    const music = which === undefined ? player.music.value : player.pieces.value[which]
    const kinds = instruments.value.drums
    const dark = useColours()

    // The canvases are as wide as what is seen of them: music of any length fits, and only that much is drawn.
    const redraw = () => {
        const box = scroller.current
        if (!box) return // the observer may still tell of one that has left the page
        const seconds = Math.max(player.seconds.value, lengthOf(music))
        // A whole kit, so that two pieces of drums have their rows at the same height.
        const rows = rowsOf(music, kinds, {
            allKinds: music.notes.length > 0 && music.notes.every(note => note[IS_DRUM]),
        })
        const rowHeight = Math.max(3, Math.min(16, Math.floor(TALLEST / Math.max(1, rows.length))))
        const width = box.clientWidth
        const perSecond = Math.max(width / Math.max(seconds, 0.1), LEAST_BEAT / beatSeconds(music))
        const height = RULER + Math.max(9, rows.length) * rowHeight
        box.firstChild.style.width = `${Math.floor(seconds * perSecond)}px`
        for (const canvas of [still.current, moving.current]) {
            canvas.style.width = `${width}px`
            canvas.style.height = `${height}px`
        }
        box.firstChild.style.height = `${height}px`
        moving.current.style.marginTop = `${-height}px` // it lies over the other one
        labels.current.style.height = `${height}px`
        const bar = barSeconds(music)
        view.current = {
            music,
            kinds,
            rows,
            rowHeight,
            width,
            height,
            perSecond,
            left: box.scrollLeft,
            seconds,
            tracks: tracksOf(music, kinds),
            colours: coloursOf(box),
            steps: 0,
            made: stretch ? { from: stretch[0], to: stretch[1] } : { from: given, to: Infinity },
            selection: selection && { from: selection.from * bar, to: selection.to * bar },
            silent: key => !player.isHeard(key),
        }
        drawMusic(still.current, view.current)
        drawLabels(labels.current, view.current)
        drawMoving(moving.current, view.current, player.position.value, isLit())
    }
    // Of two pieces that are compared, the one that is heard is lit.
    const isLit = () => player.isPlaying.value && (which === undefined || player.chosen.value === which)
    const latest = useRef()
    latest.current = redraw
    useLayoutEffect(() => redraw(), [music, kinds, given, stretch, selection?.from, selection?.to, dark])
    useEffect(() => {
        const observer = new ResizeObserver(() => latest.current())
        observer.observe(scroller.current)
        return () => observer.disconnect()
    }, [])
    useSignalEffect(() => {
        void [player.muted.value, player.solo.value]
        if (view.current) latest.current()
    })
    useSignalEffect(() => {
        const position = player.position.value
        const isPlaying = player.isPlaying.value
        const now = view.current
        if (!now) return
        follow(scroller.current, now, position, isPlaying)
        drawMoving(moving.current, now, position, isLit())
    })

    const beat = beatSeconds(music)
    const beatOf = useSignal(beat)
    beatOf.value = beat
    const beats = useComputed(() => Math.floor(player.position.value / beatOf.value + 1e-6))
    const place = placeOf(music, beats.value * beat)

    const onKeyDown = event => {
        const bar = barSeconds(music)
        const moves = {
            ArrowLeft: -beat,
            ArrowRight: beat,
            ArrowDown: -beat,
            ArrowUp: beat,
            PageDown: -bar,
            PageUp: bar,
        }
        if (event.key in moves) player.seek((beats.value + Math.round(moves[event.key] / beat)) * beat)
        else if (event.key === 'Home') player.seek(0)
        else if (event.key === 'End') player.seek(player.seconds.value)
        else if (event.key === ' ' || event.key === 'Enter') player.toggle()
        else return
        event.preventDefault()
    }

    const at = event => {
        const box = scroller.current.getBoundingClientRect()
        return {
            seconds: (event.clientX - box.left + scroller.current.scrollLeft) / view.current.perSecond,
            y: event.clientY - box.top,
        }
    }
    const drag = useRef(null)
    const barAt = seconds => Math.max(0, Math.min(numBars(music) - 1, Math.floor(seconds / barSeconds(music))))
    const onPointerDown = event => {
        const { seconds, y } = at(event)
        if (event.button) return
        drag.current = { onRuler: Boolean(onSelect) && y < RULER, bar: barAt(seconds), x: event.clientX }
        if (!drag.current.onRuler) return
        event.currentTarget.setPointerCapture(event.pointerId)
        onSelect({ from: drag.current.bar, to: drag.current.bar + 1 })
    }
    const onPointerMove = event => {
        if (!drag.current?.onRuler) return
        const bar = barAt(at(event).seconds)
        onSelect({ from: Math.min(bar, drag.current.bar), to: Math.max(bar, drag.current.bar) + 1 })
    }
    const onPointerUp = event => {
        const was = drag.current
        drag.current = null
        // A finger that scrolled does not seek.
        if (was && !was.onRuler && Math.abs(event.clientX - was.x) < 6) player.seek(at(event).seconds)
    }

    return (
        <div class="labelled">
            <canvas ref={labels} class="roll-labels" aria-hidden="true" />
            <div class={`roll${onSelect ? ' selectable' : ''}`} ref={scroller} onScroll={redraw}>
                <div
                    class="roll-inner"
                    role="slider"
                    tabIndex={0}
                    aria-label={label}
                    data-testid="roll"
                    aria-valuemin={1}
                    aria-valuemax={numBars(music) * music.metre[0]}
                    aria-valuenow={beats.value + 1}
                    aria-valuetext={texts.parts.place(place)}
                    onKeyDown={onKeyDown}
                    onPointerDown={onPointerDown}
                    onPointerMove={onPointerMove}
                    onPointerUp={onPointerUp}
                    onPointerCancel={() => (drag.current = null)}
                >
                    <canvas ref={still} class="roll-canvas" />
                    <canvas ref={moving} class="roll-canvas over" />
                </div>
            </div>
        </div>
    )
}

// Turns the page when the playhead leaves what is seen.
function follow(box, view, position, isPlaying) {
    if (!isPlaying || box.scrollWidth <= box.clientWidth) return
    const x = position * view.perSecond
    if (x < box.scrollLeft || x > box.scrollLeft + box.clientWidth - 8) box.scrollLeft = Math.max(0, x - 8)
}
