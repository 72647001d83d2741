// A variation: to see, to hear, to keep or discard, to go on from, to save.
import { useSignal } from '@preact/signals'
import { useEffect, useMemo } from 'preact/hooks'
import { download } from '../api.js'
import { Copyable } from '../parts/fields.jsx'
import { barSeconds, numBars } from '../parts/music.js'
import { Panels } from '../parts/panels.jsx'
import { PlayerBar, Tracks } from '../parts/player_bar.jsx'
import { Roll } from '../parts/roll.jsx'
import { Player } from '../sound/player.js'
import { texts } from '../texts.js'
import { compared, compare } from './compare.jsx'
import { job } from './job.js'
import { savePrimer } from './primer_editor.jsx'
import { continueFrom, discard, fields, keep, models } from './state.js'

const words = texts.make.piece
const FORMATS = ['mid', 'wav', 'mp3']

export function Piece({ piece, onInfill }) {
    const player = useMemo(() => new Player([piece.music]), [piece.id])
    const selection = useSignal(null) // bars { from, to } counted from 0
    const message = useSignal({ text: '', isError: false })
    useEffect(() => () => player.pause(), [player])
    const panel = useSignal(null) // the one that is open
    const selectInPicture = bars => {
        panel.value = 'go-on'
        select(bars)
    }
    const select = bars => {
        selection.value = bars
        const bar = barSeconds(piece.music)
        player.stretch.value = bars && { from: bars.from * bar, to: bars.to * bar }
    }
    const attempt = async (what, said = '') => {
        try {
            await what()
            message.value = { text: said }
        } catch (refused) {
            message.value = { text: refused.message || texts.noServer, isError: true }
        }
    }
    const reuse = () => {
        fields.seed.value = piece.seed
        message.value = { text: words.seedTaken(piece.seed) }
    }
    const isCompared = compared.value.includes(piece)
    return (
        <article aria-label={piece.name} class="piece" data-testid="piece" data-id={piece.id}>
            <div class="piece-head">
                <h3>{piece.name}</h3>
                <span class="quiet">{words.about(numBars(piece.music), piece.music.notes.length, when(piece.made))}</span>
                <span class="quiet seed">{words.seed} <span data-testid="piece-seed">{piece.seed}</span></span>
                <button class="light" aria-label={words.reuseOf(piece.name)} data-testid="reuse-seed" onClick={reuse}>{words.reuse}</button>
            </div>
            <Roll player={player} given={piece.primer_seconds} stretch={piece.stretch} label={texts.parts.placeIn(piece.name)} selection={selection.value} onSelect={selectInPicture} />
            {(piece.primer_seconds > 0 || piece.stretch) && <p class="quiet legend"><small><span class="sign-given" aria-hidden="true" /> {words.given} <span class="sign-made" aria-hidden="true" /> {words.made}</small></p>}
            <PlayerBar player={player} name={piece.name} hasTracks={false}>
                <div class="buttons">
                    <button aria-pressed={piece.kept} aria-label={words.keepOf(piece.name)} data-testid="keep" onClick={() => attempt(() => keep(piece))}>{words.keep}</button>
                    <button aria-pressed={isCompared} aria-label={words.compareOf(piece.name)} data-testid="compare" onClick={() => (message.value = { text: compare(piece) })}>{words.compare}</button>
                    <button aria-label={words.discardOf(piece.name)} data-testid="discard" onClick={() => { player.pause(); discard(piece) }}>{words.discard}</button>
                </div>
            </PlayerBar>
            <Panels name={piece.name} open={panel} panels={[
                { key: 'go-on', label: words.goOn, content: () => <GoOn piece={piece} selection={selection} select={select} onInfill={onInfill} message={message} /> },
                { key: 'save', label: words.save, content: () => <div class="buttons">{FORMATS.map(format => <Save key={format} piece={piece} format={format} attempt={attempt} />)}</div> },
                { key: 'tracks', label: texts.parts.tracks, content: () => <Tracks player={player} /> },
                { key: 'copy', label: words.copy, content: () => <Copy piece={piece} message={message} /> },
            ]} />
            <p role={message.value.isError ? 'alert' : 'status'} class={message.value.isError ? 'error' : 'quiet'} data-testid="piece-message">{message.value.text}</p>
        </article>
    )
}

// The time of today, the date of what is older.
function when(seconds) {
    const made = new Date(seconds * 1000)
    const isToday = made.toDateString() === new Date().toDateString()
    return isToday ? made.toLocaleTimeString([], { timeStyle: 'short' }) : made.toLocaleDateString([], { dateStyle: 'medium' })
}

function Copy({ piece, message }) {
    const file = piece.command.match(/[\w-]+\.mid\b/)?.[0] // what both read, if they read any
    return (
        <>
            <Copyable label={words.command} text={piece.command} />
            <Copyable label={words.python} text={piece.python} />
            {piece.primer && file && <>
                <p class="quiet">{words.needsFile(file)}</p>
                <button data-testid="save-primer-of" onClick={() => savePrimer(piece.primer, message, file)}>{words.saveFile(file)}</button>
            </>}
        </>
    )
}

function Save({ piece, format, attempt }) {
    const isSaving = useSignal(false)
    const save = async () => {
        isSaving.value = true
        await attempt(() => download(`/api/pieces/${piece.id}.${format}`, `${piece.name}.${format}`), words.saved(format === 'mid' ? 'MIDI' : format.toUpperCase()))
        isSaving.value = false
    }
    return (
        <button disabled={isSaving.value} aria-label={words.saveAs(piece.name, format === 'mid' ? 'MIDI' : format.toUpperCase())} data-testid={`save-${format}`} onClick={save}>
            {isSaving.value ? words.saving : (format === 'mid' ? 'MIDI' : format.toUpperCase())}
        </button>
    )
}

// Continue from a bar; or choose bars, here or on the ruler above the picture, and have them made anew.
function GoOn({ piece, selection, select, onInfill, message }) {
    const bars = numBars(piece.music), bar = barSeconds(piece.music)
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
                <label>{words.keepFirst}{' '}
                    <select class="narrow" value={after.value} data-testid="continue-bar" onChange={event => (after.value = Number(event.target.value))}>
                        {numbers.map(at => <option key={at} value={at + 1} selected={at + 1 === after.value}>{at + 1}</option>)}
                    </select>
                </label>
                <button data-testid="continue" disabled={!own?.takes_primer} onClick={goOn}>{words.continueFrom}</button>
                {!own?.takes_primer && <span class="quiet">{own ? words.takesNone : words.modelGone}</span>}
            </div>
            <div class="buttons line">
                <label>{words.fromBar}{' '}
                    <select class="narrow" value={selection.value ? from + 1 : ''} data-testid="infill-from" onChange={setFrom}>
                        <option value="">–</option>
                        {numbers.map(at => <option key={at} value={at + 1} selected={selection.value && at === from}>{at + 1}</option>)}
                    </select>
                </label>
                <label>{words.toBar}{' '}
                    <select class="narrow" value={to} disabled={!selection.value} data-testid="infill-to" onChange={event => select({ from, to: Number(event.target.value) })}>
                        {numbers.filter(at => at >= from).map(at => <option key={at} value={at + 1} selected={at + 1 === to}>{at + 1}</option>)}
                    </select>
                </label>
                {own?.can_infill && <button data-testid="infill" disabled={!selection.value || Boolean(job.value)} onClick={() => onInfill(piece, selection.value)}>{words.infill}</button>}
                <span class="quiet">{selection.value ? words.looped : words.chooseBars}</span>
            </div>
            {own && !own.can_infill && <p class="quiet" data-testid="no-infill">{words.noInfill(own.takes_primer)}</p>}
        </>
    )
}
