// What the music begins with: drawn in a grid, or read from a file that is dropped or chosen.
import { useSignal } from '@preact/signals'
import { useEffect, useMemo, useRef } from 'preact/hooks'
import { download, upload } from '../api.js'
import { Choice } from '../parts/fields.jsx'
import { PlayerBar } from '../parts/player_bar.jsx'
import { IS_DRUM, numBars } from '../parts/music.js'
import { Player } from '../sound/player.js'
import { texts } from '../texts.js'
import { Grid } from './grid.jsx'
import { redo, undo } from './history.js'
import { MOST_DRAWN, barChoices, emptyPrimer, gridOf, shownMusic } from './primer.js'
import { beginWith, history, model, primer, primerSent, setBars, setHistory, setPrimer } from './state.js'

const words = texts.make.editor
const READ = '.mid,.midi,.kar,.xml,.musicxml,.mxl,.abc' // what the file dialog offers; the server says what it reads

export function PrimerEditor() {
    const middle = useSignal(60)
    const message = useSignal({ text: '', isError: false })
    const isOver = useSignal(false)
    const chooser = useRef()
    const player = useMemo(() => new Player([primer.value.music]), [])
    const grid = gridOf(primer.value, model.value.steps_per_quarter)
    useEffect(() => {
        player.setPieces([primerSent.value ?? shownMusic(primer.value, grid)])
    }, [primer.value, model.value])
    useEffect(() => () => player.pause(), [])

    const read = async file => {
        if (!file) return
        message.value = { text: words.reading(file.name) }
        try {
            const music = await upload(`/api/uploads?name=${encodeURIComponent(file.name)}`, file)
            const bars = numBars(music)
            beginWith(music, Math.min(bars, MOST_DRAWN))
            const isShown = music.notes.some(note => note[IS_DRUM] === model.value.is_drums)
            message.value = {
                text: isShown
                    ? words.read(file.name, music.notes.length, bars, MOST_DRAWN)
                    : words.other(model.value.is_drums),
            }
        } catch (refused) {
            message.value = { text: words.notRead(file.name, refused.message || texts.noServer), isError: true }
        }
    }
    const onDrop = event => {
        event.preventDefault()
        isOver.value = false
        void read(event.dataTransfer.files[0])
    }
    const bars = {
        get value() {
            return primer.value.bars
        },
        set value(count) {
            setBars(count)
        },
    }
    const isEmpty = !primer.value.music.notes.length

    if (!model.value.takes_primer) {
        return (
            <section aria-labelledby="primer-title">
                <h2 id="primer-title">{words.title}</h2>
                <p class="quiet" data-testid="no-primer">
                    {words.takesNone(model.value.name)}
                </p>
            </section>
        )
    }
    return (
        <section
            aria-labelledby="primer-title"
            class={isOver.value ? 'dropping' : ''}
            data-testid="primer"
            onDragOver={event => {
                event.preventDefault()
                isOver.value = true
            }}
            onDragLeave={() => (isOver.value = false)}
            onDrop={onDrop}
        >
            <h2 id="primer-title">{words.title}</h2>
            <p class="quiet">{words.intro(model.value.is_drums)}</p>
            <div class="buttons editor-tools">
                <Choice
                    label={words.bars}
                    value={bars}
                    choices={barChoices(primer.value).map(count => [count, String(count)])}
                    testId="primer-bars"
                    class="narrow"
                />
                <button
                    type="button"
                    disabled={!history.value.past.length}
                    data-testid="undo"
                    onClick={() => setHistory(undo(history.value))}
                >
                    {words.undo}
                </button>
                <button
                    type="button"
                    disabled={!history.value.future.length}
                    data-testid="redo"
                    onClick={() => setHistory(redo(history.value))}
                >
                    {words.redo}
                </button>
                <button
                    type="button"
                    disabled={isEmpty}
                    data-testid="clear"
                    onClick={() =>
                        setPrimer({
                            ...emptyPrimer(Math.min(4, primer.value.bars)),
                            music: { ...primer.value.music, notes: [] },
                        })
                    }
                >
                    {words.clear}
                </button>
                {!model.value.is_drums && (
                    <>
                        <button type="button" disabled={middle.value >= 108} onClick={() => (middle.value += 12)}>
                            {words.higher}
                        </button>
                        <button type="button" disabled={middle.value <= 24} onClick={() => (middle.value -= 12)}>
                            {words.lower}
                        </button>
                    </>
                )}
            </div>
            <Grid player={player} middle={middle.value} />
            <PlayerBar player={player} name={words.name} hasTempo={false} hasTracks={false}>
                <button type="button" onClick={() => chooser.current.click()}>
                    {words.choose}
                </button>
                <button
                    type="button"
                    disabled={!primerSent.value}
                    data-testid="save-primer"
                    onClick={() => savePrimer(primerSent.value, message)}
                >
                    {words.save}
                </button>
                <input
                    ref={chooser}
                    type="file"
                    class="visually-hidden"
                    tabIndex={-1}
                    accept={READ}
                    aria-label={words.choose}
                    data-testid="primer-file"
                    onChange={event => {
                        void read(event.target.files[0])
                        event.target.value = '' // the same file can be chosen again
                    }}
                />
            </PlayerBar>
            <p
                role={message.value.isError ? 'alert' : 'status'}
                class={message.value.isError ? 'error' : 'quiet'}
                data-testid="primer-message"
            >
                {message.value.text}
            </p>
        </section>
    )
}

// Saves music as MIDI; `message` says if it fails.
export async function savePrimer(music, message, name = 'primer.mid') {
    try {
        await download('/api/midi', name, music)
    } catch (refused) {
        message.value = { text: refused.message || texts.noServer, isError: true }
    }
}
