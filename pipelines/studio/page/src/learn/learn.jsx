// Learn: drop music, choose a config, train, listen to what it makes on the way.
import { useEffect } from 'preact/hooks'
import { texts } from '../texts.js'
import { Collections } from './collections.jsx'
import { Drop } from './drop.jsx'
import { error, load, overview } from './state.js'
import { Trainings } from './trainings.jsx'

export function Learn() {
    useEffect(() => void load(), [])
    if (!overview.value) return <p role={error.value ? 'alert' : 'status'} class={error.value ? 'error' : ''}>{error.value || texts.loading}</p>
    return (
        <div class="learn">
            <p role="alert" class="error">{error.value}</p>
            <Drop />
            <Collections />
            <Trainings />
        </div>
    )
}
