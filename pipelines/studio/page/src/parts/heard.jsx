// Music to see and to hear: its picture with a player below. What other views need of a piece.
import { useEffect, useMemo } from 'preact/hooks'
import { loadInstruments } from '../instruments.js'
import { Player } from '../sound/player.js'
import { texts } from '../texts.js'
import { PlayerBar } from './player_bar.jsx'
import { Roll } from './roll.jsx'

// `music` as the server tells it; `name` for screen readers; `given`: seconds at the beginning that were not made.
export function Heard({ music, name, given = 0, children }) {
    const player = useMemo(() => new Player([music]), [music])
    useEffect(() => void loadInstruments().catch(() => {}), []) // without names music is still seen and heard
    useEffect(() => () => player.pause(), [player])
    return (
        <div class="heard">
            <Roll player={player} given={given} label={texts.parts.placeIn(name)} />
            <PlayerBar player={player} name={name}>
                {children}
            </PlayerBar>
        </div>
    )
}
