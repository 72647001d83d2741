// The loss curves as a picture, and the same figures as a table.
import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { texts } from '../texts.js'

const words = texts.learn
const HEIGHT = 240, LEFT = 52, RIGHT = 12, TOP = 12, BOTTOM = 44
const SIDES = ['training', 'evaluation']
const ROWS = 20 // of the table

// `curves`: { training: [[step, loss]], evaluation: ... }; `table`: the loss of a table of what follows what, or null.
export function Curves({ curves, table, total }) {
    const box = useRef()
    const width = useSignal(640)
    useEffect(() => {
        const observer = new ResizeObserver(([entry]) => (width.value = Math.max(240, Math.floor(entry.contentRect.width))))
        observer.observe(box.current)
        return () => observer.disconnect()
    }, [])
    const sides = SIDES.filter(side => curves[side]?.length)
    return (
        <figure class="curves" ref={box} data-testid="curves">
            <figcaption>{words.curves}</figcaption>
            {sides.length ? <Chart {...{ curves, sides, table, total, width: width.value }} /> : <p class="quiet">{words.noCurves}</p>}
            {sides.length > 0 && <Figures curves={curves} sides={sides} table={table} />}
        </figure>
    )
}

function Chart({ curves, sides, table, total, width }) {
    const points = sides.flatMap(side => curves[side])
    const values = [...points.map(point => point[1]), ...(table === null || table === undefined ? [] : [table])]
    const yTicks = ticks(Math.min(...values), Math.max(...values), 4)
    const last = Math.max(...points.map(point => point[0]), 1)
    const xTicks = ticks(0, Math.max(last, total || 0), width < 420 ? 3 : 5)
    const right = Math.max(last, total || 0)
    const low = yTicks[0], high = yTicks.at(-1)
    const x = step => LEFT + (step / right) * (width - LEFT - RIGHT)
    const y = value => TOP + ((high - value) / (high - low || 1)) * (HEIGHT - TOP - BOTTOM)
    return (
        <>
            <svg viewBox={`0 0 ${width} ${HEIGHT}`} role="img" aria-label={words.curvesLabel(curves, table)}>
                {yTicks.map(value => (
                    <g key={value}>
                        <line class="grid" x1={LEFT} x2={width - RIGHT} y1={y(value)} y2={y(value)} />
                        <text class="tick" x={LEFT - 6} y={y(value) + 4} text-anchor="end">{short(value)}</text>
                    </g>
                ))}
                {xTicks.filter(step => step <= right).map(step => (
                    <text key={step} class="tick" x={x(step)} y={HEIGHT - BOTTOM + 18} text-anchor={x(step) > width - 40 ? 'end' : 'middle'}>{step.toLocaleString('en')}</text>
                ))}
                <text class="axis" x={(LEFT + width - RIGHT) / 2} y={HEIGHT - 6} text-anchor="middle">{words.stepAxis}</text>
                <text class="axis" transform={`translate(12 ${(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)`} text-anchor="middle">{words.lossAxis}</text>
                {table !== null && table !== undefined && <line class="table-line" x1={LEFT} x2={width - RIGHT} y1={y(table)} y2={y(table)} />}
                {sides.map(side => (
                    <polyline key={side} class={`curve ${side}`} points={curves[side].map(([step, value]) => `${x(step)},${y(value)}`).join(' ')} />
                ))}
                {(curves.evaluation ?? []).map(([step, value]) => <circle key={step} class="evaluation-dot" cx={x(step)} cy={y(value)} r="3.5" />)}
            </svg>
            <ul class="legend" aria-hidden="true">
                {sides.map(side => <li key={side} class={side}>{words.sides[side]}</li>)}
                {table !== null && table !== undefined && <li class="table-line">{words.tableLoss(short(table))}</li>}
            </ul>
        </>
    )
}

function Figures({ curves, sides, table }) {
    const rows = curves.evaluation?.length ? curves.evaluation.map(point => point[0]) : curves.training.map(point => point[0])
    const every = Math.ceil(rows.length / ROWS)
    const kept = rows.filter((_, number) => (rows.length - 1 - number) % every === 0)
    const at = (side, step) => curves[side].findLast(point => point[0] <= step)?.[1]
    return (
        <details class="more">
            <summary>{words.figures}</summary>
            <div class="table-box" tabIndex={0} role="region" aria-label={words.figures}>
                <table>
                    <thead>
                        <tr><th scope="col">{words.stepAxis}</th>{sides.map(side => <th key={side} scope="col">{words.sides[side]}</th>)}</tr>
                    </thead>
                    <tbody>
                        {kept.map(step => (
                            <tr key={step}>
                                <th scope="row">{step.toLocaleString('en')}</th>
                                {sides.map(side => <td key={side}>{at(side, step)?.toFixed(3) ?? '–'}</td>)}
                            </tr>
                        ))}
                    </tbody>
                </table>
            </div>
            {table !== null && table !== undefined && <p>{words.tableLoss(short(table))}</p>}
        </details>
    )
}

// Round numbers around a range: about `count` intervals.
export function ticks(from, to, count) {
    const span = to - from || Math.abs(to) || 1
    const raw = span / count, power = 10 ** Math.floor(Math.log10(raw))
    const step = [1, 2, 2.5, 5, 10].map(factor => factor * power).find(one => one >= raw)
    const first = Math.floor(from / step + 1e-9), last = Math.max(first + 1, Math.ceil(to / step - 1e-9))
    return Array.from({ length: last - first + 1 }, (_, number) => Number(((first + number) * step).toPrecision(12)))
}

const short = value => Number(value.toPrecision(3)).toString()
