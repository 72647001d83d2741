// Where music is dropped or chosen, and how much of it has arrived.
import { useSignal } from '@preact/signals'
import { useRef } from 'preact/hooks'
import { texts } from '../texts.js'
import { attempt, overview, send, sendRest, sending } from './state.js'
import { filesOfDrop, filesOfInput } from './gather.js'

const words = texts.learn

export function Drop() {
    const over = useSignal(false)
    const folder = useRef(), files = useRef()
    const busy = Boolean(sending.value)
    const take = async found => {
        over.value = false
        await attempt(async () => send(await found))
    }
    const chosen = event => {
        const found = filesOfInput(event.target)
        event.target.value = '' // the same may be chosen again
        if (found.length) take(found)
    }
    return (
        <section
            class={`drop ${over.value ? 'over' : ''}`} aria-labelledby="drop-heading" data-testid="drop"
            onDragOver={event => (event.preventDefault(), (over.value = !busy))}
            onDragLeave={() => (over.value = false)}
            onDrop={event => {
                event.preventDefault()
                if (!busy) take(filesOfDrop(event.dataTransfer))
            }}
        >
            <h2 id="drop-heading">{words.dropHeading}</h2>
            <p>{words.dropHint(overview.value.kinds.join(' '))}</p>
            <div class="buttons">
                <button class="main" disabled={busy} onClick={() => folder.current.click()}>{words.chooseFolder}</button>
                <button disabled={busy} onClick={() => files.current.click()}>{words.chooseFiles}</button>
            </div>
            <input ref={folder} type="file" hidden webkitdirectory multiple onChange={chosen} data-testid="folder" aria-label={words.chooseFolder} />
            <input
                ref={files} type="file" hidden multiple accept={[...overview.value.kinds, '.zip'].join(',')} onChange={chosen} data-testid="files"
                aria-label={words.chooseFiles}
            />
            <Sending />
        </section>
    )
}

function Sending() {
    const now = sending.value
    if (!now) return <p role="status" />
    return (
        <>
            <p role="status">{words.sending(now.name, now.sent, now.total)}</p>
            <progress max={now.total} value={now.sent} aria-label={words.sendingLabel} />
            {now.error && (
                <div role="alert" class="error">
                    <p>{words.interrupted(now.sent, now.total, now.error)}</p>
                    <div class="buttons">
                        <button onClick={sendRest}>{words.sendRest}</button>
                        <button onClick={() => (sending.value = null)}>{words.giveUp}</button>
                    </div>
                </div>
            )}
        </>
    )
}
