// What comes after a variation: continue from a bar of it, or have bars of it made anew.
import { useSignal } from '@preact/signals'
import { barSeconds, numBars } from '../parts/music.js'
import { texts } from '../texts.js'
import { job } from './job.js'
import { continueFrom, models } from './state.js'

const words = texts.make.piece

// `selection` is a signal of bars { from, to } counted from 0, or of null, which are chosen here or above the picture.
export function GoOn({ piece, selection, select, onInfill, message }) {
    const bars = numBars(piece.music)
    const bar = barSeconds(piece.music)
    const after = useSignal(Math.min(bars, Math.max(1, Math.ceil(piece.primer_seconds / bar - 1e-3), 2)))
    const own = models.value.find(one => one.id === piece.model)
    const { from, to } = selection.value ?? { from: 0, to: 0 }
    const numbers = Array.from({ length: bars }, (_, at) => at)
    const goOn = () => {
        continueFrom(piece, after.value * bar, after.value)
        message.value = { text: words.continued(after.value) }
        document.querySelector('[data-testid=primer-grid]')?.focus()
    }
    const setFrom = event => {
        const first = Number(event.target.value) - 1
        select(event.target.value === '' ? null : { from: first, to: Math.max(first + 1, to) })
    }
    return (
        <>
            <div class="buttons line">
                <label>
                    {words.keepFirst}{' '}
                    <select
                        class="narrow"
                        value={after.value}
                        data-testid="continue-bar"
                        onChange={event => (after.value = Number(event.target.value))}
                    >
                        {numbers.map(at => (
                            <option key={at} value={at + 1} selected={at + 1 === after.value}>
                                {at + 1}
                            </option>
                        ))}
                    </select>
                </label>
                <button data-testid="continue" disabled={!own?.takes_primer} onClick={goOn}>
                    {words.continueFrom}
                </button>
                {!own?.takes_primer && <span class="quiet">{own ? words.takesNone : words.modelGone}</span>}
            </div>
            <div class="buttons line">
                <label>
                    {words.fromBar}{' '}
                    <select
                        class="narrow"
                        value={selection.value ? from + 1 : ''}
                        data-testid="infill-from"
                        onChange={setFrom}
                    >
                        <option value="">–</option>
                        {numbers.map(at => (
                            <option key={at} value={at + 1} selected={selection.value && at === from}>
                                {at + 1}
                            </option>
                        ))}
                    </select>
                </label>
                <label>
                    {words.toBar}{' '}
                    <select
                        class="narrow"
                        value={to}
                        disabled={!selection.value}
                        data-testid="infill-to"
                        onChange={event => select({ from, to: Number(event.target.value) })}
                    >
                        {numbers
                            .filter(at => at >= from)
                            .map(at => (
                                <option key={at} value={at + 1} selected={at + 1 === to}>
                                    {at + 1}
                                </option>
                            ))}
                    </select>
                </label>
                {own?.can_infill && (
                    <button
                        data-testid="infill"
                        disabled={!selection.value || Boolean(job.value)}
                        onClick={() => onInfill(piece, selection.value)}
                    >
                        {words.infill}
                    </button>
                )}
                <span class="quiet">{selection.value ? words.looped : words.chooseBars}</span>
            </div>
            {own && !own.can_infill && (
                <p class="quiet" data-testid="no-infill">
                    {words.noInfill(own.takes_primer)}
                </p>
            )}
        </>
    )
}
