// Waiting for a job while connections break.
import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'

const kept = new Map()
globalThis.location = { hash: '#token=secret', pathname: '/' }
globalThis.history = { replaceState() {} }
globalThis.sessionStorage = { getItem: key => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value) }
const { Refused, finished } = await import('../../../pipelines/studio/page/src/api.js')

const RUNNING = { id: 'j', state: 'running' }
let asked

beforeEach(() => (asked = []))

// A server that answers with one of `answers` after the other: a list of events, an error, or a Response.
// The connection breaks after the events of a list that ends in 'break'.
function serve(...answers) {
    globalThis.fetch = async (path, { headers }) => {
        asked.push([path, headers.Authorization])
        const answer = answers.shift()
        if (answer instanceof Error) throw answer
        if (answer instanceof Response) return answer
        return new Response(
            new ReadableStream({
                start(stream) {
                    for (const event of answer) {
                        if (event === 'break') return setTimeout(() => stream.error(new TypeError('network error')), 5)
                        const text = `data: ${JSON.stringify(event)}\n\n`
                        stream.enqueue(new TextEncoder().encode(text.slice(0, 7))) // events come in any pieces
                        stream.enqueue(new TextEncoder().encode(text.slice(7)))
                    }
                    stream.close()
                },
            }),
        )
    }
}

test('the result comes, with the token, and each change is told', async () => {
    serve([{ id: 'j', state: 'waiting', position: 2 }, RUNNING, { id: 'j', state: 'done', result: [1] }])
    const told = []
    assert.deepEqual(await finished(RUNNING, now => told.push(now.state)), [1])
    assert.deepEqual(told, ['waiting', 'running', 'done'])
    assert.deepEqual(asked, [['/api/jobs/j/events', 'Bearer secret']])
})

test('a stream that breaks off is taken up again', async () => {
    serve([RUNNING, 'break'], new TypeError('failed to fetch'), [RUNNING], [{ id: 'j', state: 'done', result: 5 }])
    const lost = []
    assert.equal(await finished(RUNNING, undefined, is => lost.push(is)), 5)
    assert.equal(asked.length, 4)
    assert.deepEqual([lost.at(-1), lost.includes(true)], [false, true])
})

test('what the server refuses is not asked again', async () => {
    serve(new Response(JSON.stringify({ error: 'Not known.' }), { status: 400 }))
    await assert.rejects(finished(RUNNING), error => error instanceof Refused && error.message === 'Not known.')
    assert.equal(asked.length, 1)
})

test('a failure is an error with its sentence, and a job that was withdrawn has no result', async () => {
    serve([{ id: 'j', state: 'failed', error: 'Too long.' }])
    await assert.rejects(finished(RUNNING), { message: 'Too long.' })
    serve([{ id: 'j', state: 'withdrawn' }])
    assert.equal(await finished(RUNNING), null)
})
