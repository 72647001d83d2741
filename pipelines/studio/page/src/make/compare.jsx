// Two pieces by one clock: listen to one, switch to the other without losing the place.
import { signal } from '@preact/signals'
import { useEffect, useMemo } from 'preact/hooks'
import { PlayerBar } from '../parts/player_bar.jsx'
import { Roll } from '../parts/roll.jsx'
import { Player } from '../sound/player.js'
import { texts } from '../texts.js'

const words = texts.make.compare

export const compared = signal([]) // up to two pieces

// Takes a piece into the comparison, or out of it; a third takes the place of the second.
export function compare(piece) {
    const others = compared.value.filter(one => one !== piece)
    compared.value = others.length < compared.value.length ? others : [...others.slice(0, 1), piece]
}

export function Compare() {
    const pair = compared.value
    if (!pair.length) return null
    return (
        <section aria-labelledby="compare-title" data-testid="comparison">
            <h2 id="compare-title">{words.title}</h2>
            {pair.length < 2 ? <p role="status">{words.oneMore(pair[0].name)}</p> : <Pair pair={pair} />}
            <div class="buttons"><button onClick={() => (compared.value = [])}>{words.close}</button></div>
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
                    <button key={piece.id} aria-pressed={player.chosen.value === number} data-testid={`hear-${letter(number)}`} onClick={() => (player.chosen.value = number)}>
                        {letter(number)} · {piece.name}
                    </button>
                ))}
            </div>
            {pair.map((piece, number) => (
                <div key={piece.id} class={`compared${player.chosen.value === number ? '' : ' unheard'}`}>
                    <Roll player={player} which={number} given={piece.primer_seconds} label={texts.parts.placeIn(`${letter(number)}, ${piece.name}`)} />
                </div>
            ))}
            <PlayerBar player={player} name={words.both} />
        </>
    )
}
