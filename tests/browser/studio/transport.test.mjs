// What sounds when: tempo, seeking, loops, muting.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Transport, scoreOf } from '../../../pipelines/studio/page/src/sound/transport.js'

const note = (pitch, start, end, program = 0, track = 0, isDrum = false) => [pitch, start, end, 80, program, isDrum, track]
const music = notes => ({ notes, qpm: 120, metre: [4, 4], seconds: 0 })
const start = (notes, given) => new Transport(scoreOf([music(notes)], []), { to: 4, when: 10, ...given })
const shown = events => events.map(({ when, on, pitch }) => [Number(when.toFixed(6)), on ? 'on' : 'off', pitch])

// As the player does, a bit at a time.
function all(transport, tick = 0.03) {
    const events = []
    for (let now = 10; now < 1000 && !transport.hasEnded; now += tick) events.push(...transport.advance(now + 0.15))
    return events
}

test('notes sound at their times, whatever bits they are told in', () => {
    const notes = [note(60, 0, 1), note(62, 1, 2), note(60, 1, 4), note(64, 3.5, 4)]
    const expected = [
        [10, 'on', 60], [11, 'off', 60], [11, 'on', 62], [11, 'on', 60], [12, 'off', 62], [13.5, 'on', 64], [14, 'off', 60], [14, 'off', 64],
    ]
    for (const tick of [0.001, 0.03, 0.5, 100]) assert.deepEqual(shown(all(start(notes), tick)), expected)
})

test('an end comes before a beginning of the same pitch at the same time', () => {
    assert.deepEqual(shown(all(start([note(60, 0, 1), note(60, 1, 2)]))).map(one => one[1]), ['on', 'off', 'on', 'off'])
})

test('each note that is on goes off, with random music, tempos, loops and mutes', () => {
    let seed = 1
    const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647
    for (let round = 0; round < 200; round++) {
        const notes = Array.from({ length: 30 }, () => {
            const begin = random() * 3.9
            return note(40 + Math.floor(random() * 40), begin, begin + random() * (4 - begin), 0, Math.floor(random() * 3))
        })
        const muted = new Set()
        const transport = start(notes, { from: random() * 2, speed: 0.5 + random(), isSilent: one => muted.has(one.track) })
        const sounding = new Map()
        let last = 0
        const hear = events => {
            for (const { when, on, channel, pitch } of events) {
                assert.ok(when >= last - 1e-9, 'in order')
                last = when
                const key = `${channel} ${pitch}`
                sounding.set(key, (sounding.get(key) ?? 0) + (on ? 1 : -1))
                assert.ok(sounding.get(key) >= 0)
            }
        }
        transport.setLoop({ from: 1, to: 3 })
        for (let now = 10; !transport.hasEnded; now += 0.05) {
            assert.ok(now < 60)
            hear(transport.advance(now + 0.15))
            if (random() < 0.1) transport.setSpeed(0.25 + 1.5 * random())
            if (now > 20) transport.setLoop(null)
            if (random() < 0.1) {
                const key = `track ${Math.floor(random() * 3)} 0`
                if (!muted.delete(key)) muted.add(key)
                hear(transport.remute())
            }
        }
        assert.ok([...sounding.values()].every(count => count === 0))
    }
})

test('twice the tempo is half the time, and the place in the music is told', () => {
    const transport = start([note(60, 0, 1), note(62, 2, 3)], { speed: 2 })
    assert.deepEqual(shown(all(transport)), [[10, 'on', 60], [10.5, 'off', 60], [11, 'on', 62], [11.5, 'off', 62]])
    assert.equal(transport.position(10.75), 1.5)
    assert.equal(transport.position(13), 4)
})

test('a change of tempo holds from what is told already', () => {
    const transport = start([note(60, 1, 2)])
    transport.advance(10.5)
    transport.setSpeed(2)
    assert.deepEqual(shown(transport.advance(20)), [[10.75, 'on', 60], [11.25, 'off', 60]])
    assert.equal(transport.position(10.25), 0.25)
    assert.ok(Math.abs(transport.position(10.6) - 0.7) < 1e-9)
})

test('a loop goes back in time, and cuts what sounds over its end', () => {
    const transport = start([note(60, 0, 1), note(62, 1.5, 4)], { loop: { from: 0, to: 2 } })
    const events = shown(transport.advance(14))
    assert.deepEqual(events, [
        [10, 'on', 60], [11, 'off', 60], [11.5, 'on', 62], [12, 'off', 62], [12, 'on', 60], [13, 'off', 60], [13.5, 'on', 62], [14, 'off', 62],
        [14, 'on', 60],
    ].slice(0, events.length))
    assert.ok(events.length >= 8)
    assert.equal(transport.position(11.75), 1.75)
    assert.equal(transport.position(12.5), 0.5)
})

test('playing from within a note takes it up, but not a drum', () => {
    assert.deepEqual(shown(start([note(60, 0, 2)], { from: 1 }).advance(10.5)), [[10, 'on', 60]])
    assert.deepEqual(shown(start([note(60, 0, 2, 0, 0, true)], { from: 1 }).advance(10.5)), [])
    assert.deepEqual(shown(start([note(60, 0, 1.05)], { from: 1 }).advance(10.5)), []) // not for a twentieth of a second
})

test('what is muted while it sounds is cut, and taken up again', () => {
    const muted = new Set()
    const transport = start([note(60, 0, 4, 0, 0), note(62, 0, 4, 0, 1)], { isSilent: one => muted.has(one.track) })
    transport.advance(11)
    muted.add('track 1 0')
    assert.deepEqual(shown(transport.remute()), [[11, 'off', 62]])
    assert.deepEqual(transport.advance(12), [])
    muted.clear()
    assert.deepEqual(shown(transport.remute()), [[12, 'on', 62]])
    assert.deepEqual(shown(transport.advance(20)), [[14, 'off', 60], [14, 'off', 62]])
})

test('more instruments than MIDI has channels, none of them on that of the drums', () => {
    const programs = Array.from({ length: 40 }, (_, program) => note(60, 0, 1, program, program))
    const { channels } = scoreOf([music([...programs, note(36, 0, 1, 0, 0, true)])], [])
    const drums = channels.filter(channel => channel.isDrum), others = channels.filter(channel => !channel.isDrum)
    assert.equal(new Set(channels.map(channel => channel.number)).size, 41)
    assert.deepEqual(drums.map(channel => channel.number), [9])
    assert.ok(others.every(channel => channel.number % 16 !== 9))
})

test('of two pieces each has channels of its own', () => {
    const piece = music([note(60, 0, 1), note(36, 0, 1, 0, 0, true)])
    assert.deepEqual(scoreOf([piece, piece], []).channels.map(channel => channel.number), [0, 9, 1, 25])
})
