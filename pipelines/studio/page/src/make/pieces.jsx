// All that was made, the newest first; a part of it at first, so that the page stays quick.
import { useSignal } from '@preact/signals'
import { texts } from '../texts.js'
import { Piece } from './piece.jsx'
import { UNDO_SECONDS, discarded, loadMorePieces, pieces, total, undoDiscard } from './state.js'

const words = texts.make.pieces
const AT_ONCE = 6

export function Pieces({ onInfill }) {
    const shown = useSignal(AT_ONCE)
    const onlyKept = useSignal(false)
    const list = pieces.value.filter(piece => !onlyKept.value || piece.kept)
    const more = async () => {
        shown.value += AT_ONCE
        if (shown.value > pieces.value.length && pieces.value.length < total.value)
            await loadMorePieces().catch(() => {})
    }
    return (
        <section aria-labelledby="pieces-title" class="plain" data-testid="pieces">
            <div class="buttons pieces-head">
                <h2 id="pieces-title" tabIndex={-1}>
                    {words.title}
                </h2>
                {pieces.value.some(piece => piece.kept) && (
                    <button
                        aria-pressed={onlyKept.value}
                        data-testid="only-kept"
                        onClick={() => (onlyKept.value = !onlyKept.value)}
                    >
                        {words.onlyKept}
                    </button>
                )}
            </div>
            {!pieces.value.length && (
                <p class="quiet" data-testid="no-pieces">
                    {words.none}
                </p>
            )}
            {list.slice(0, shown.value).map(piece => (
                <Piece key={piece.id} piece={piece} onInfill={onInfill} />
            ))}
            {(list.length > shown.value || pieces.value.length + discarded.value.length < total.value) && (
                <button onClick={more}>{words.more}</button>
            )}
            <div role="status" class="toast-place">
                {discarded.value.length > 0 && (
                    <div class="toast" data-testid="discarded">
                        <span>
                            {words.discarded(discarded.value.at(-1).piece.name, discarded.value.length, UNDO_SECONDS)}
                        </span>
                        <button class="light" data-testid="undo-discard" onClick={undoDiscard}>
                            {words.undo}
                        </button>
                    </div>
                )}
            </div>
        </section>
    )
}
