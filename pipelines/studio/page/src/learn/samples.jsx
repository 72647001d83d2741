// Music that a training made on its way, to be seen and heard: always from the same seed.
import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { get } from '../api.js'
import { Heard } from '../parts/heard.jsx'
import { texts } from '../texts.js'
import { wordsOf } from './state.js'

const words = texts.learn

export function Samples({ training }) {
    const chosen = useSignal(null) // a step; null for the newest
    const shown = useSignal(null) // { step, music } or { step, error }
    const step = chosen.value ?? training.samples.at(-1)
    useEffect(() => {
        if (step === undefined) return
        let wanted = true
        get(`/api/trainings/${training.id}/samples/${step}`)
            .then(music => wanted && (shown.value = music.notes ? { step, music } : { step, error: music.error }))
            .catch(refused => wanted && (shown.value = { step, error: wordsOf(refused) }))
        return () => (wanted = false)
    }, [training.id, step])
    if (step === undefined) return training.checkpoints || training.state === 'running' ? <p class="quiet">{words.noSamples}</p> : null
    const keep = () => (chosen.value ??= step) // who listens is not interrupted by newer music
    return (
        <div class="samples" onPointerDown={keep} onKeyDown={keep} data-testid="samples">
            <h4>{words.samples}</h4>
            <ul class="chips">
                {training.samples.map(one => (
                    <li key={one}>
                        <button aria-pressed={one === step} onClick={() => (chosen.value = one)}>{words.atStep(one)}</button>
                    </li>
                ))}
            </ul>
            {shown.value && <Sample {...shown.value} />}
        </div>
    )
}

function Sample({ step, music, error }) {
    if (error) return <p class="error">{error}</p>
    if (!music.notes.length) return <p>{words.silentSample(step)}</p>
    return <Heard music={music} name={words.atStep(step)} />
}
