// What is asked of the server, from what stands in the fields.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { generateBody, infillBody, lengthUnits, moreOptions, presetTemperature, valueOf } from '../../../pipelines/studio/page/src/make/requests.js'

const option = (name, kind, rest = {}) => ({ name, kind, default: null, auto: false, most: null, ...rest })
const MODEL = {
    id: 'm', takes_primer: true, temperature: null,
    options: [
        option('num_steps', 'int', { default: 128 }), option('num_bars', 'int'), option('seconds', 'float'), option('qpm', 'float'),
        option('temperature', 'float', { default: 0.9, auto: true }), option('accents', 'bool', { default: false }),
        option('top_k', 'int', { default: 0 }), option('velocity', 'str', { default: 'learned' }), option('width', 'int', { auto: true }),
    ],
}
const FORM = { unit: 'num_bars', length: 8, temperature: 1.1, qpm: 100, seed: null, variations: 3, more: {} }
const PRIMER = { notes: [[60, 0, 1, 80, 0, false, 0]], qpm: 120, metre: [4, 4], seconds: 2 }

test('what is left as it is is not asked for', () => {
    assert.deepEqual(generateBody(MODEL, FORM, null), {
        model: 'm', primer: null, num_outputs: 3, options: { num_bars: 8, qpm: 100, temperature: 1.1 },
    })
    assert.deepEqual(generateBody(MODEL, { ...FORM, length: null, qpm: null }, null).options, { temperature: 1.1 })
})

test('a primer brings its tempo, where the model takes one', () => {
    assert.equal(generateBody(MODEL, FORM, PRIMER).options.qpm, undefined)
    const deaf = generateBody({ ...MODEL, takes_primer: false }, FORM, PRIMER)
    assert.equal(deaf.primer, null)
    assert.equal(deaf.options.qpm, 100)
})

test('what a family does not know is not asked for', () => {
    const bare = { id: 'm', takes_primer: false, temperature: null, options: [] }
    assert.deepEqual(generateBody(bare, { ...FORM, seed: 5 }, null).options, { seed: 5 })
    assert.deepEqual(lengthUnits(bare), [])
    assert.equal(presetTemperature(bare), 1)
    assert.equal(presetTemperature(MODEL), 0.9)
    assert.equal(presetTemperature({ ...MODEL, temperature: 1.15 }), 1.15)
})

test('the other options are those of the family, in their kinds', () => {
    assert.deepEqual(moreOptions(MODEL).map(one => one.name), ['accents', 'top_k', 'velocity', 'width'])
    const more = { accents: true, top_k: '12', velocity: 'flat', width: 'auto' }
    assert.deepEqual(generateBody(MODEL, { ...FORM, more }, null).options, {
        num_bars: 8, qpm: 100, temperature: 1.1, accents: true, top_k: 12, velocity: 'flat', width: 'auto',
    })
    const [accents, topK, velocity] = moreOptions(MODEL)
    for (const [one, typed] of [[accents, false], [topK, '0'], [topK, ''], [topK, ' '], [velocity, 'learned']]) assert.equal(valueOf(one, typed), undefined)
    assert.equal(valueOf(topK, 'many'), 'many') // the server says what is wrong with it
})

test('bars to make anew are told in seconds', () => {
    const body = infillBody(MODEL, { ...FORM, seed: 7 }, PRIMER, 2, { from: 1, to: 3 })
    assert.deepEqual(body, { model: 'm', music: PRIMER, start: 2, end: 6, num_outputs: 3, options: { temperature: 1.1, seed: 7 } })
})
