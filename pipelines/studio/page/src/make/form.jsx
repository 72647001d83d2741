// What is asked: the model, how much, how daring, and all else that its family can be told.
import { Choice, Disclosure, Field, NumberField } from '../parts/fields.jsx'
import { texts } from '../texts.js'
import { MoreOptions } from './options.jsx'
import { lengthUnits, moreOptions, option, presetTemperature } from './requests.js'
import { choose, fields, model, models, primerSent, setTempo, usable } from './state.js'

const words = texts.make.form

export function ModelChoice() {
    const chosen = model.value
    const failed = models.value.filter(one => one.error)
    const value = {
        get value() {
            return chosen.id
        },
        set value(id) {
            choose(id)
        },
    }
    return (
        <section aria-labelledby="model-title">
            <h2 id="model-title">{words.model}</h2>
            <Choice
                label={words.modelLabel}
                value={value}
                testId="model"
                choices={usable(models.value).map(one => [one.id, words.modelName(one)])}
            />
            <p class="about" data-testid="model-about">
                {chosen.description}
            </p>
            {models.value.some(one => one.reading) && (
                <p role="status" class="quiet">
                    {words.reading}
                </p>
            )}
            {failed.length > 0 && (
                <Disclosure label={words.failed(failed.length)}>
                    <ul>
                        {failed.map(one => (
                            <li key={one.id}>
                                <strong>{one.name}</strong>: {one.error}
                            </li>
                        ))}
                    </ul>
                </Disclosure>
            )}
        </section>
    )
}

export function Form({ onGenerate, isBusy, children }) {
    const chosen = model.value
    const units = lengthUnits(chosen)
    const primes = chosen.takes_primer && primerSent.value
    const tempo = {
        get value() {
            return fields.qpm.value
        },
        set value(qpm) {
            qpm === null ? (fields.qpm.value = null) : setTempo(qpm)
        },
    }
    const submit = event => {
        event.preventDefault()
        onGenerate()
    }
    return (
        <form onSubmit={submit} data-testid="generate-form">
            <section aria-labelledby="request-title">
                <h2 id="request-title">{words.title}</h2>
                <div class="fields request">
                    {units.length > 0 && <Length units={units} chosen={chosen} />}
                    {option(chosen, 'temperature') && <Temperature chosen={chosen} />}
                    {(primes || option(chosen, 'qpm')) && (
                        <NumberField
                            label={words.tempo}
                            value={tempo}
                            min={10}
                            max={500}
                            step="any"
                            testId="qpm"
                            hint={primes ? words.tempoOfPrimer : words.tempoHint}
                        />
                    )}
                    <NumberField
                        label={words.variations}
                        value={fields.variations}
                        min={1}
                        max={20}
                        testId="num_outputs"
                    />
                    <NumberField
                        label={words.seed}
                        value={fields.seed}
                        min={0}
                        max={2147483647}
                        placeholder={words.random}
                        testId="seed"
                        hint={words.seedHint}
                    />
                </div>
                {moreOptions(chosen).length > 0 && (
                    <Disclosure label={words.more} testId="more">
                        <MoreOptions options={moreOptions(chosen)} />
                    </Disclosure>
                )}
                <div class="buttons generate">
                    <button class="main" type="submit" disabled={isBusy} data-testid="generate">
                        {words.generate}
                    </button>
                    {children}
                </div>
            </section>
        </form>
    )
}

function Length({ units, chosen }) {
    const { unit, length } = fields
    if (!units.includes(unit.value)) unit.value = units[0]
    return (
        <fieldset class="length">
            <legend>{words.length}</legend>
            <div class="pair">
                <input
                    type="number"
                    min={unit.value === 'num_bars' ? 1 : 0.1}
                    step={unit.value === 'num_bars' ? 1 : 'any'}
                    inputmode="decimal"
                    aria-label={words.lengthIn(unit.value)}
                    value={length.value ?? ''}
                    placeholder={words.usual}
                    data-testid="length"
                    onInput={event => (length.value = event.target.value === '' ? null : Number(event.target.value))}
                />
                <select
                    aria-label={words.unit}
                    value={unit.value}
                    data-testid="unit"
                    onChange={event => (unit.value = event.target.value)}
                >
                    {units.map(one => (
                        <option key={one} value={one} selected={one === unit.value}>
                            {words.units[one]}
                        </option>
                    ))}
                </select>
            </div>
            {chosen.takes_primer && <small class="quiet">{words.lengthHint}</small>}
        </fieldset>
    )
}

function Temperature({ chosen }) {
    const { temperature } = fields
    const preset = presetTemperature(chosen)
    return (
        <Field
            label={words.temperature}
            hint={words.temperatureHint(preset, chosen.temperature !== null)}
            class="temperature"
        >
            {given => (
                <div class="slider">
                    <input
                        {...given}
                        type="range"
                        min="0.1"
                        max="2"
                        step="0.05"
                        value={temperature.value}
                        data-testid="temperature"
                        onInput={event => (temperature.value = Number(event.target.value))}
                    />
                    <output aria-hidden="true">{temperature.value.toFixed(2)}</output>
                </div>
            )}
        </Field>
    )
}
