// What a mouse or a finger draws.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { begin, change, undo } from '../../../pipelines/studio/page/src/make/history.js'
import { Pen, isNearEnd } from '../../../pipelines/studio/page/src/make/pen.js'
import { emptyPrimer, gridOf, quantized } from '../../../pipelines/studio/page/src/make/primer.js'

const KINDS = [{ name: 'bass drum', pitches: [36] }, { name: 'snare', pitches: [38] }]
const DRUMS = KINDS.map(({ name, pitches }) => ({ name, pitch: pitches[0], isDrum: true }))
const PITCHES = [60, 61, 62].map(pitch => ({ pitch, isDrum: false }))

// A sheet, and what was heard: `draws` lets a pen go over cells [row, step].
function paper(isDrums) {
    const heard = []
    let history = begin(emptyPrimer(1))
    const pen = new Pen((primer, gesture) => (history = change(history, primer, gesture)), pitch => heard.push(pitch))
    const grid = gridOf(history.present, 4)
    const sheet = () => ({ primer: history.present, grid, rows: isDrums ? DRUMS : PITCHES, kinds: KINDS, isDrums })
    return {
        heard,
        draws([first, ...others], isEnd = () => false) {
            pen.down(sheet(), { row: first[0], step: first[1] }, isEnd)
            for (const [row, step] of others) pen.move(sheet(), { row, step })
            pen.up(sheet())
        },
        undo: () => (history = undo(history)),
        shown: () => quantized(history.present, grid).map(({ note, step, steps }) => [note[0], step, steps]),
        pen,
        sheet,
    }
}

test('drums are struck on the way, each cell once, and undone at once', () => {
    const drums = paper(true)
    drums.draws([[0, 0], [0, 0], [0, 1], [1, 1], [0, 1], [0, 2]])
    assert.deepEqual(drums.shown(), [[36, 0, 1], [36, 1, 1], [38, 1, 1], [36, 2, 1]])
    assert.deepEqual(drums.heard, [36, 36, 38, 36])
    drums.undo()
    assert.deepEqual(drums.shown(), [])
})

test('a gesture that begins on a hit erases hits and strikes none', () => {
    const drums = paper(true)
    drums.draws([[0, 0], [0, 1]])
    drums.draws([[0, 1], [0, 2], [0, 0]])
    assert.deepEqual(drums.shown(), [])
})

test('a note is drawn, as long as the way to the right', () => {
    const notes = paper(false)
    notes.draws([[1, 4], [1, 6], [1, 5], [1, 7]])
    assert.deepEqual(notes.shown(), [[61, 4, 4]])
    notes.draws([[2, 4], [2, 1]])
    assert.deepEqual(notes.shown(), [[61, 4, 4], [62, 4, 1]])
})

test('a note that is touched is erased, one that is dragged is moved', () => {
    const notes = paper(false)
    notes.draws([[0, 0], [0, 1]])
    notes.draws([[0, 1], [1, 3], [2, 5]]) // by four steps and two pitches
    assert.deepEqual(notes.shown(), [[62, 4, 2]])
    notes.undo()
    assert.deepEqual(notes.shown(), [[60, 0, 2]])
    notes.draws([[0, 1]])
    assert.deepEqual(notes.shown(), [])
})

test('a note is lengthened by its end', () => {
    const notes = paper(false)
    notes.draws([[0, 0], [0, 1]])
    notes.draws([[0, 1], [0, 9]], () => true)
    assert.deepEqual(notes.shown(), [[60, 0, 10]])
    const [note] = notes.sheet().primer.music.notes
    assert.equal(isNearEnd(note, notes.sheet().grid, 9.9, 0.2), true)
    assert.equal(isNearEnd(note, notes.sheet().grid, 9.5, 0.2), false)
})

test('a gesture that the browser takes leaves what is there', () => {
    const notes = paper(false)
    notes.draws([[0, 0]])
    notes.pen.down(notes.sheet(), { row: 0, step: 0 }, () => false)
    notes.pen.cancel()
    notes.pen.move(notes.sheet(), { row: 1, step: 5 })
    notes.pen.up(notes.sheet())
    assert.deepEqual(notes.shown(), [[60, 0, 1]])
})
