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
import { GoOn } from './go_on.jsx'
import { savePrimer } from './primer_editor.jsx'
import { discard, fields, keep } from './state.js'

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
                <span class="quiet">
                    {words.about(numBars(piece.music), piece.music.notes.length, when(piece.made))}
                </span>
                <span class="quiet seed">
                    {words.seed} <span data-testid="piece-seed">{piece.seed}</span>
                </span>
                <button class="light" aria-label={words.reuseOf(piece.name)} data-testid="reuse-seed" onClick={reuse}>
                    {words.reuse}
                </button>
            </div>
            <Roll
                player={player}
                given={piece.primer_seconds}
                stretch={piece.stretch}
                label={texts.parts.placeIn(piece.name)}
                selection={selection.value}
                onSelect={selectInPicture}
            />
            {(piece.primer_seconds > 0 || piece.stretch) && (
                <p class="quiet legend">
                    <small>
                        <span class="sign-given" aria-hidden="true" /> {words.given}{' '}
                        <span class="sign-made" aria-hidden="true" /> {words.made}
                    </small>
                </p>
            )}
            <PlayerBar player={player} name={piece.name} hasTracks={false}>
                <div class="buttons">
                    <button
                        aria-pressed={piece.kept}
                        aria-label={words.keepOf(piece.name)}
                        data-testid="keep"
                        onClick={() => attempt(() => keep(piece))}
                    >
                        {words.keep}
                    </button>
                    <button
                        aria-pressed={isCompared}
                        aria-label={words.compareOf(piece.name)}
                        data-testid="compare"
                        onClick={() => (message.value = { text: compare(piece) })}
                    >
                        {words.compare}
                    </button>
                    <button
                        aria-label={words.discardOf(piece.name)}
                        data-testid="discard"
                        onClick={() => {
                            player.pause()
                            discard(piece)
                        }}
                    >
                        {words.discard}
                    </button>
                </div>
            </PlayerBar>
            <Panels
                name={piece.name}
                open={panel}
                panels={[
                    {
                        key: 'go-on',
                        label: words.goOn,
                        content: () => (
                            <GoOn
                                piece={piece}
                                selection={selection}
                                select={select}
                                onInfill={onInfill}
                                message={message}
                            />
                        ),
                    },
                    {
                        key: 'save',
                        label: words.save,
                        content: () => (
                            <div class="buttons">
                                {FORMATS.map(format => (
                                    <Save key={format} piece={piece} format={format} attempt={attempt} />
                                ))}
                            </div>
                        ),
                    },
                    { key: 'tracks', label: texts.parts.tracks, content: () => <Tracks player={player} /> },
                    { key: 'copy', label: words.copy, content: () => <Copy piece={piece} message={message} /> },
                ]}
            />
            <p
                role={message.value.isError ? 'alert' : 'status'}
                class={message.value.isError ? 'error' : 'quiet'}
                data-testid="piece-message"
            >
                {message.value.text}
            </p>
        </article>
    )
}

// The time of today, the date of what is older.
function when(seconds) {
    const made = new Date(seconds * 1000)
    const isToday = made.toDateString() === new Date().toDateString()
    return isToday
        ? made.toLocaleTimeString([], { timeStyle: 'short' })
        : made.toLocaleDateString([], { dateStyle: 'medium' })
}

function Copy({ piece, message }) {
    const file = piece.command.match(/[\w-]+\.mid\b/)?.[0] // what both read, if they read any
    return (
        <>
            <Copyable label={words.command} text={piece.command} />
            <Copyable label={words.python} text={piece.python} />
            {piece.primer && file && (
                <>
                    <p class="quiet">{words.needsFile(file)}</p>
                    <button data-testid="save-primer-of" onClick={() => savePrimer(piece.primer, message, file)}>
                        {words.saveFile(file)}
                    </button>
                </>
            )}
        </>
    )
}

function Save({ piece, format, attempt }) {
    const isSaving = useSignal(false)
    const save = async () => {
        isSaving.value = true
        await attempt(
            () => download(`/api/pieces/${piece.id}.${format}`, `${piece.name}.${format}`),
            words.saved(format === 'mid' ? 'MIDI' : format.toUpperCase()),
        )
        isSaving.value = false
    }
    return (
        <button
            disabled={isSaving.value}
            aria-label={words.saveAs(piece.name, format === 'mid' ? 'MIDI' : format.toUpperCase())}
            data-testid={`save-${format}`}
            onClick={save}
        >
            {isSaving.value ? words.saving : format === 'mid' ? 'MIDI' : format.toUpperCase()}
        </button>
    )
}
