// The beginning that is drawn: what the grid shows, what is sent, and what drawing changes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { barSeconds, cut, numBars, placeOf, rowsOf, tracksOf } from '../../../pipelines/studio/page/src/parts/music.js'
import {
    barChoices, draw, emptyPrimer, erase, gridOf, inTempo, lengthen, move, noteAt, pitchRange, primerOf, quantized, sentMusic,
} from '../../../pipelines/studio/page/src/make/primer.js'

const KINDS = [{ name: 'bass drum', pitches: [36, 35] }, { name: 'snare', pitches: [38, 37] }]
const KICK = { pitch: 36, name: 'bass drum', isDrum: true }
const C4 = { pitch: 60, isDrum: false }
const music = (notes, rest = {}) => ({ notes, qpm: 120, metre: [4, 4], seconds: 0, ...rest })
const note = (pitch, start, end, isDrum = false, program = 0, track = 0) => [pitch, start, end, 80, program, isDrum, track]

test('a note that was read is shown at the nearest step and sent as it was read', () => {
    const read = note(35, 0.51, 0.53, true)
    const primer = primerOf(music([read]))
    const grid = gridOf(primer, 4)
    assert.deepEqual(quantized(primer, grid), [{ note: read, step: 4, steps: 1 }])
    assert.equal(noteAt(primer, grid, KICK, 4, KINDS), read) // another pitch of the same kind
    assert.equal(noteAt(primer, grid, KICK, 5, KINDS), undefined)
    assert.deepEqual(sentMusic(primer).notes, [read])
    assert.equal(sentMusic(primer).seconds, 2)
})

test('drawing on a grid leaves what was read alone, but for what it covers', () => {
    const before = primerOf(music([note(60, 0.01, 0.1), note(60, 0.26, 0.3), note(62, 0.25, 0.5)]))
    const grid = gridOf(before, 4)
    const after = draw(before, grid, C4, 2, 2, KINDS)
    assert.deepEqual(after.music.notes.map(one => one.slice(0, 3)), [[60, 0.01, 0.1], [60, 0.25, 0.5], [62, 0.25, 0.5]])
    assert.equal(before.music.notes.length, 3)
    assert.equal(before.music.notes[1][1], 0.26)
})

test('what is drawn joins the track that is there', () => {
    const primer = primerOf(music([note(60, 0, 1, false, 33, 5)]))
    const drawn = draw(primer, gridOf(primer, 4), { pitch: 64, isDrum: false }, 0, 1, KINDS).music.notes.find(one => one[0] === 64)
    assert.deepEqual([drawn[4], drawn[6]], [33, 5])
})

test('all that is drawn on any grid is shown where it was drawn', () => {
    for (const metre of [[4, 4], [3, 4], [6, 8], [7, 8], [5, 16]]) {
        for (const stepsPerQuarter of [1, 2, 4, 6, 12, 2.5, 0, 100]) {
            for (const qpm of [30, 97, 120, 333.3]) {
                let primer = { ...emptyPrimer(3), music: music([], { metre, qpm }) }
                const grid = gridOf(primer, stepsPerQuarter)
                for (let step = 0; step < grid.steps; step++) primer = draw(primer, grid, KICK, step, 1, KINDS)
                assert.deepEqual(quantized(primer, grid).map(one => one.step), [...Array(grid.steps).keys()])
                assert.equal(sentMusic(primer).notes.length, grid.steps)
                for (let step = 0; step < grid.steps; step++) primer = erase(primer, noteAt(primer, grid, KICK, step, KINDS))
                assert.equal(sentMusic(primer), null)
            }
        }
    }
})

test('notes are made longer and shorter within the bars, and moved with their length', () => {
    const primer = primerOf(music([note(60, 0.5, 0.75)]), 1)
    const grid = gridOf(primer, 4)
    const [longer, long] = lengthen(primer, grid, primer.music.notes[0], 100)
    assert.equal(long[2], 2)
    const [, short] = lengthen(longer, grid, long, 0)
    assert.equal(short[2], 0.625) // never less than a step
    const [, moved] = move(primer, grid, primer.music.notes[0], -3, 67)
    assert.deepEqual(moved.slice(0, 3), [67, 0, 0.25])
})

test('what sounds after the chosen bars is kept but not sent', () => {
    const primer = primerOf(music([note(60, 0, 3), note(62, 2, 2.5)]), 1)
    assert.deepEqual(sentMusic(primer).notes.map(one => one.slice(0, 3)), [[60, 0, 2]])
    assert.equal(sentMusic({ ...primer, bars: 2 }).notes.length, 2)
})

test('another tempo keeps the steps', () => {
    const primer = primerOf(music([note(60, 0.5, 1)]), 1)
    const faster = inTempo(primer, 240)
    assert.deepEqual(faster.music.notes[0].slice(1, 3), [0.25, 0.5])
    assert.deepEqual(quantized(faster, gridOf(faster, 4)).map(one => [one.step, one.steps]), [[4, 4]])
})

test('the editor shows two octaves and all notes, and bars that can be chosen', () => {
    assert.deepEqual(pitchRange(emptyPrimer(), 60), { lowest: 48, highest: 72 })
    assert.deepEqual(pitchRange(primerOf(music([note(20, 0, 1)])), 60), { lowest: 20, highest: 72 })
    assert.deepEqual(pitchRange(emptyPrimer(), 120), { lowest: 108, highest: 127 })
    assert.deepEqual(barChoices(emptyPrimer()), [1, 2, 3, 4])
    assert.deepEqual(barChoices(primerOf(music([note(60, 0, 39.9)]))), [1, 2, 3, 4, 8, 16, 20])
})

test('bars and beats of several metres', () => {
    assert.equal(barSeconds(music([], { metre: [6, 8] })), 1.5)
    assert.equal(numBars(music([note(60, 0, 2.0004)])), 1) // MIDI ticks are not exact
    assert.equal(numBars(music([note(60, 0, 2.1)])), 2)
    assert.deepEqual(placeOf(music([], { metre: [3, 4] }), 2), { bar: 2, beat: 2 })
    assert.deepEqual(placeOf(music([]), 2 - 1e-12), { bar: 2, beat: 1 })
})

test('a cut begins at its bar and ends at its end', () => {
    const piece = music([note(60, 1, 1.5), note(62, 2, 5), note(64, 4, 4.5)])
    assert.deepEqual(cut(piece, 2, 4).notes.map(one => one.slice(0, 3)), [[62, 0, 2]])
    assert.equal(cut(piece, 2, 4).seconds, 2)
})

test('rows are kinds of drums below and pitches above', () => {
    const both = music([note(36, 0, 1, true), note(99, 0, 1, true), note(60, 0, 1)])
    const rows = rowsOf(both, KINDS)
    assert.deepEqual(rows.slice(0, 3).map(row => row.key), ['drum bass drum', 'drum 99', 'pitch 54'])
    assert.equal(rows.length, 14) // an octave around the one pitch
    assert.deepEqual(rowsOf(music([]), KINDS, { allKinds: true }).map(row => row.name), ['bass drum', 'snare'])
    assert.deepEqual(rowsOf(music([note(127, 0, 1)]), KINDS).at(-1).pitch, 127)
})

test('tracks to mute: instruments, then kinds of drums', () => {
    const all = music([note(38, 0, 1, true), note(37, 0, 1, true), note(60, 0, 1, false, 3, 1), note(60, 0, 1, false, 3, 0), note(36, 0, 1, true)])
    assert.deepEqual(tracksOf(all, KINDS).map(track => track.key), ['track 0 3', 'track 1 3', 'drum bass drum', 'drum snare'])
})
