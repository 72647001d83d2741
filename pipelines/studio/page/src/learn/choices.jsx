// What a collection can teach: configs as cards, how long to train, and a button that begins.
import { useSignal } from '@preact/signals'
import { texts } from '../texts.js'
import { Disclosure, NumberField } from '../parts/fields.jsx'
import { read, train } from './state.js'

const words = texts.learn
const OWN = '' // a number of steps instead of a preset
const keyOf = choice => `${choice.family}/${choice.config}`

export function Choices({ collection }) {
    const fitting = collection.choices.filter(choice => choice.pieces)
    const others = collection.choices.filter(choice => !choice.pieces)
    const chosen = useSignal(fitting[0] ? keyOf(fitting[0]) : null)
    const choice = fitting.find(one => keyOf(one) === chosen.value) ?? fitting[0]
    return (
        <>
            {choice ? (
                <>
                    <fieldset class="cards">
                        <legend>{words.whatToLearn}</legend>
                        {fitting.map(one => (
                            <Card key={keyOf(one)} choice={one} isChosen={one === choice} onChoose={() => (chosen.value = keyOf(one))} />
                        ))}
                    </fieldset>
                    <Reasons choice={choice} collection={collection} />
                    <Begin key={keyOf(choice)} choice={choice} collection={collection} />
                </>
            ) : <p role="alert" class="error">{words.nothingToLearn}</p>}
            {others.length > 0 && (
                <Disclosure label={words.othersNeed(others.length)}>
                    {others.map(one => (
                        <div key={keyOf(one)} class="other">
                            <h4>{words.config(one)}</h4>
                            <p class="quiet">{one.advice}</p>
                            <Reasons choice={one} collection={collection} />
                        </div>
                    ))}
                </Disclosure>
            )}
        </>
    )
}

function Card({ choice, isChosen, onChoose }) {
    return (
        <label class="card" data-testid={`choice-${choice.config}`}>
            <input type="radio" name="choice" checked={isChosen} onChange={onChoose} />
            <span class="card-text">
                <b>{words.config(choice)}</b>
                <span>{choice.advice}</span>
                <span class="quiet">{words.material(choice)}</span>
                {choice.score && <span class="quiet">{words.benchmark(choice)}</span>}
            </span>
        </label>
    )
}

// What a config leaves out of the music, each with its remedy, as a button where the remedy is an option.
function Reasons({ choice, collection }) {
    if (!choice.left_out.length && !Object.keys(choice.options).length) return null
    const withOption = option => ({
        ...collection.options,
        [choice.family]: { ...choice.options, [option.name]: option.value },
    })
    const without = () => {
        const { [choice.family]: _, ...rest } = collection.options
        return rest
    }
    return (
        <div class="reasons">
            {Object.keys(choice.options).length > 0 && (
                <p>
                    {words.readWith(choice.options)} <button onClick={() => read(collection.id, without())}>{words.readPlain}</button>
                </p>
            )}
            {choice.left_out.length > 0 && <p>{words.leavesOut(choice)}</p>}
            <ul>
                {choice.left_out.map(one => (
                    <li key={one.reason}>
                        {words.reason(one)}
                        {one.option && (
                            <button data-testid="remedy" onClick={() => read(collection.id, withOption(one.option))}>{words.readAgainWith(one.option)}</button>
                        )}
                    </li>
                ))}
            </ul>
        </div>
    )
}

function Begin({ choice, collection }) {
    const preset = useSignal(choice.lengths[0]?.name ?? OWN)
    const steps = useSignal(null)
    const busy = useSignal(false)
    const begin = async event => {
        event.preventDefault()
        busy.value = true
        const own = preset.value === OWN
        const begun = await train({
            collection: collection.id, family: choice.family, config: choice.config, preset: preset.value,
            num_steps: own ? (steps.value ?? 0) : 0,
        })
        busy.value = false
        if (begun) document.getElementById('trainings-heading')?.focus()
    }
    return (
        <form onSubmit={begin}>
            <fieldset class="cards">
                <legend>{words.howLong}</legend>
                {choice.lengths.map(one => (
                    <label key={one.name} class="card">
                        <input type="radio" name="length" checked={preset.value === one.name} onChange={() => (preset.value = one.name)} />
                        <span class="card-text"><b>{words.preset(one)}</b><span class="quiet">{words.expect(one)}</span></span>
                    </label>
                ))}
                <label class="card">
                    <input type="radio" name="length" checked={preset.value === OWN} onChange={() => (preset.value = OWN)} />
                    <span class="card-text"><b>{words.ownLength}</b><span class="quiet">{words.ownLengthHint}</span></span>
                </label>
            </fieldset>
            {preset.value === OWN && <NumberField label={words.steps} value={steps} min={1} max={10000000} testId="steps" />}
            <button class="main" disabled={busy.value || (preset.value === OWN && !steps.value)} data-testid="train">{words.train(choice)}</button>
        </form>
    )
}
