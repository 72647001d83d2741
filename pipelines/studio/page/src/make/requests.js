// What is asked of the server, from what stands in the fields. Tested in Node.

// Options that have fields of their own, and are not among those under "More".
const LENGTHS = ['num_bars', 'seconds', 'num_steps']
const SHOWN = [...LENGTHS, 'temperature', 'qpm', 'num_outputs', 'seed']

export const option = (model, name) => model.options.find(one => one.name === name)
export const moreOptions = model => model.options.filter(one => !SHOWN.includes(one.name))
export const lengthUnits = model => LENGTHS.filter(name => name !== 'num_steps' && option(model, name))

// The temperature to begin with: the one recommended, or the family's.
export function presetTemperature(model) {
    const fallback = option(model, 'temperature')?.default
    return model.temperature ?? (typeof fallback === 'number' ? fallback : 1)
}

// What was typed, as a value of an option's kind; undefined where the default holds.
export function valueOf(option, typed) {
    if (typed === undefined || typed === null || typed === '') return undefined
    if (option.kind === 'bool' || option.kind === 'str' || typeof typed !== 'string')
        return typed === option.default ? undefined : typed
    const text = typed.trim()
    if (option.auto && text === 'auto') return text === option.default ? undefined : text
    const number = Number(text)
    // What is no number is sent as it is: the server says what is wrong with it, in its words.
    const value = text === '' ? undefined : Number.isFinite(number) ? number : text
    return value === option.default ? undefined : value
}

// The body of POST /api/generate. `form`: { unit, length, temperature, qpm, seed, variations, more: { name: typed } }.
export function generateBody(model, form, primer) {
    return {
        model: model.id,
        primer: model.takes_primer ? primer : null,
        num_outputs: form.variations ?? 1,
        options: {
            ...(form.length !== null && lengthUnits(model).includes(form.unit) && { [form.unit]: form.length }),
            ...(!(primer && model.takes_primer) && option(model, 'qpm') && form.qpm !== null && { qpm: form.qpm }),
            ...commonOptions(model, form),
        },
    }
}

// The body of POST /api/infill: the music of a piece with bars from..to (counted from 0) to be made anew.
export function infillBody(model, form, music, barSeconds, selection) {
    return {
        model: model.id,
        music,
        start: selection.from * barSeconds,
        end: selection.to * barSeconds,
        num_outputs: form.variations ?? 1,
        options: commonOptions(model, form),
    }
}

function commonOptions(model, form) {
    const options = {}
    if (option(model, 'temperature') && form.temperature !== null) options.temperature = form.temperature
    for (const one of moreOptions(model)) {
        const value = valueOf(one, form.more[one.name])
        if (value !== undefined) options[one.name] = value
    }
    if (form.seed !== null) options.seed = form.seed
    return options
}
