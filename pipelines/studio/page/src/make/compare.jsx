// Two pieces by one clock: listen to one, switch to the other without losing the place.
import { signal } from '@preact/signals'
import { useEffect, useMemo, useRef } from 'preact/hooks'
import { PlayerBar } from '../parts/player_bar.jsx'
import { Roll } from '../parts/roll.jsx'
import { Player } from '../sound/player.js'
import { texts } from '../texts.js'

const words = texts.make.compare

export const compared = signal([]) // up to two pieces

// Takes a piece into the comparison, or out of it; a third takes the place of the second. Returns what to do next.
export function compare(piece) {
    const others = compared.value.filter(one => one !== piece)
    compared.value = others.length < compared.value.length ? others : [...others.slice(0, 1), piece]
    return compared.value.length === 1 ? words.oneMore(compared.value[0].name) : ''
}

export function Compare() {
    const pair = compared.value
    const title = useRef()
    // It stands above the list from which it was asked for.
    useEffect(() => {
        if (pair.length < 2) return
        title.current.focus({ preventScroll: true })
        title.current.scrollIntoView({ block: 'start' })
    }, [pair])
    if (pair.length < 2) return null
    return (
        <section aria-labelledby="compare-title" data-testid="comparison">
            <h2 id="compare-title" tabIndex={-1} ref={title}>
                {words.title}
            </h2>
            <Pair pair={pair} />
            <div class="buttons">
                <button onClick={() => (compared.value = [])}>{words.close}</button>
            </div>
        </section>
    )
}

function Pair({ pair }) {
    const player = useMemo(() => new Player(pair.map(piece => piece.music)), [pair[0].id, pair[1].id])
    useEffect(() => () => player.pause(), [player])
    const letter = number => (number ? 'B' : 'A')
    return (
        <>
            <div class="buttons" role="group" aria-label={words.heard}>
                {pair.map((piece, number) => (
                    <button
                        key={piece.id}
                        aria-pressed={player.chosen.value === number}
                        data-testid={`hear-${letter(number)}`}
                        onClick={() => (player.chosen.value = number)}
                    >
                        {letter(number)} · {piece.name}
                    </button>
                ))}
            </div>
            {pair.map((piece, number) => (
                <div key={piece.id} class={`compared${player.chosen.value === number ? '' : ' unheard'}`}>
                    <Roll
                        player={player}
                        which={number}
                        given={piece.primer_seconds}
                        stretch={piece.stretch}
                        label={texts.parts.placeIn(`${letter(number)}, ${piece.name}`)}
                    />
                </div>
            ))}
            <PlayerBar player={player} name={words.both} />
        </>
    )
}
