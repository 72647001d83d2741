// Undo and redo of what is drawn.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { begin, change, redo, undo } from '../../../pipelines/studio/page/src/make/history.js'

test('what is undone can be redone, until something else is done', () => {
    let history = change(change(begin('a'), 'b'), 'c')
    history = undo(undo(history))
    assert.equal(history.present, 'a')
    assert.equal(undo(history).present, 'a')
    history = redo(history)
    assert.equal(history.present, 'b')
    history = change(history, 'd')
    assert.equal(redo(history).present, 'd')
    assert.equal(undo(history).present, 'b')
})

test('a gesture is undone at once, and two gestures are two', () => {
    let history = begin(0)
    for (const value of [1, 2, 3]) history = change(history, value, 'one')
    for (const value of [4, 5]) history = change(history, value, 'two')
    assert.equal(undo(history).present, 3)
    assert.equal(undo(undo(history)).present, 0)
})

test('a gesture after an undo does not eat what was before it', () => {
    let history = change(change(begin(0), 1, 'drag'), 2, 'other')
    history = undo(history)
    history = change(history, 3, 'drag')
    assert.equal(undo(history).present, 1)
})

test('the same state again is no change, and what is remembered has an end', () => {
    let history = begin(0)
    assert.equal(change(history, 0), history)
    for (let value = 1; value <= 1000; value++) history = change(history, value)
    let undone = 0
    for (; history.past.length; undone++) history = undo(history)
    assert.equal(undone, 200)
})
