// The collections: what was read of each, and what was left out.
import { texts } from '../texts.js'
import { Disclosure } from '../parts/fields.jsx'
import { Choices } from './choices.jsx'
import { collections, discard, opened, read, sending } from './state.js'

const words = texts.learn

export function Collections() {
    if (!collections.value.length) return <section><h2>{words.collections}</h2><p>{words.noCollections}</p></section>
    const shown = collections.value.find(one => one.id === opened.value.collection) ?? collections.value[0]
    return (
        <section aria-labelledby="collections-heading">
            <h2 id="collections-heading">{words.collections}</h2>
            <ul class="chips">
                {collections.value.map(one => (
                    <li key={one.id}>
                        <button aria-pressed={one.id === shown.id} onClick={() => (opened.value = { ...opened.value, collection: one.id })}>
                            {words.collection(one.name, one.files)}
                        </button>
                    </li>
                ))}
            </ul>
            <Collection key={shown.id} collection={shown} />
        </section>
    )
}

function Collection({ collection }) {
    const { id, state, refused = [], others = 0 } = collection
    const isArriving = sending.value?.id === id
    return (
        <div class="collection" data-testid="collection" data-state={state}>
            <div class="with-buttons">
                <h3>{collection.name}</h3>
                <button disabled={isArriving} onClick={() => confirm(words.reallyDiscard(collection.name)) && discard('collections', id)}>
                    {words.discardCollection}
                </button>
            </div>
            <p role="status">{isArriving ? '' : words.collectionState(state, collection)}</p>
            {(state === 'failed' || state === 'killed' || state === 'stopped') && <p role="alert" class="error lines">{collection.error}</p>}
            {!isArriving && collection.files > 0 && state !== 'running' && state !== 'done' && (
                <button class="main" onClick={() => read(id, collection.options)}>{words.readIt}</button>
            )}
            {others > 0 && <p class="quiet">{words.otherFiles(others)}</p>}
            {refused.length > 0 && <LeftOut heading={words.refused(refused.length)} rows={refused.map(one => ({ file: one.name, reason: one.error }))} />}
            {state === 'done' && <Found collection={collection} />}
        </div>
    )
}

function Found({ collection }) {
    const noticed = Object.entries(collection.noticed)
    return (
        <>
            {collection.left_out.length > 0 && <LeftOut heading={words.leftOut(collection.left_out_count)} rows={collection.left_out} open />}
            {collection.without_notes.length > 0 && <LeftOut heading={words.withoutNotes(collection.without_notes.length)} rows={collection.without_notes} />}
            {noticed.length > 0 && (
                <Disclosure label={words.noticed}>
                    <ul>{noticed.map(([what, count]) => <li key={what}>{words.counted(count, what)}</li>)}</ul>
                </Disclosure>
            )}
            <Choices collection={collection} />
        </>
    )
}

function LeftOut({ heading, rows, open = false }) {
    return (
        <details class="more" open={open}>
            <summary>{heading}</summary>
            <div class="table-box" tabIndex={0} role="region" aria-label={heading}>
                <table>
                    <thead><tr><th scope="col">{words.file}</th><th scope="col">{words.why}</th><th scope="col">{words.whatToDo}</th></tr></thead>
                    <tbody>
                        {rows.map((row, number) => (
                            <tr key={number}><th scope="row">{row.file}</th><td>{row.reason}</td><td>{row.remedy}</td></tr>
                        ))}
                    </tbody>
                </table>
            </div>
        </details>
    )
}
