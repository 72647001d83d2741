// The server: requests as JSON, the token with each of them.

// The token stands behind '#' in the address that the studio prints; this tab keeps it, so that a reload works.
const KEY = 'solferino-token'
const given = new URLSearchParams(location.hash.slice(1)).get('token')
if (given) {
    sessionStorage.setItem(KEY, given)
    history.replaceState(null, '', location.pathname)
}

export const hasToken = () => Boolean(sessionStorage.getItem(KEY))
export const keepToken = token => sessionStorage.setItem(KEY, token)

export class Refused extends Error {
    constructor(message, status) {
        super(message)
        this.status = status
    }
}

async function send(path, options = {}) {
    const headers = { Authorization: `Bearer ${sessionStorage.getItem(KEY) ?? ''}`, ...options.headers }
    let response
    try {
        response = await fetch(path, { ...options, headers })
    } catch (error) {
        if (error.name === 'AbortError') throw error
        throw new Refused('', 0) // the server is not there
    }
    if (!response.ok) {
        const said = await response.json().catch(() => ({}))
        throw new Refused(said.error ?? response.statusText, response.status)
    }
    return response
}

export const get = async path => (await send(path)).json()
export const bytes = async path => (await send(path)).arrayBuffer()
export const remove = path => send(path, { method: 'DELETE' })
// For a page that is being closed: nobody waits for the answer.
export const removeLater = path => void send(path, { method: 'DELETE', keepalive: true }).catch(() => {})
export const post = async (path, body) => (await send(path, { method: 'POST', body: JSON.stringify(body) })).json()
export const upload = async (path, file) => (await send(path, { method: 'POST', body: file })).json()

// Calls `told` with each event of a stream, until it ends.
export async function listen(path, told, signal) {
    const response = await send(path, { signal })
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
    let rest = ''
    for (;;) {
        const { value, done } = await reader.read()
        if (done) return
        const events = (rest + value).split('\n\n')
        rest = events.pop()
        for (const event of events) if (event.startsWith('data: ')) told(JSON.parse(event.slice(6)))
    }
}

const ENDED = ['done', 'failed', 'withdrawn']
const PATIENCE = 60 // times that a lost connection is tried again, the later the more slowly
const wait = seconds => new Promise(done => setTimeout(done, seconds * 1000))

// Waits for a job; `told` hears where it stands, and `lost` whether the connection is. Returns its result, or null if it
// was withdrawn.
export async function finished(job, told = () => {}, lost = () => {}) {
    let last = job
    for (let tries = 0; !ENDED.includes(last.state); tries++) {
        try {
            await listen(`/api/jobs/${job.id}/events`, now => {
                lost(false)
                tries = 0
                told((last = now))
            })
        } catch (refused) {
            if (!isLost(refused)) throw refused
        }
        if (ENDED.includes(last.state)) break
        if (tries === PATIENCE) throw new Refused('', 0)
        lost(true)
        await wait(Math.min(5, 0.3 * 2 ** tries))
    }
    if (last.state === 'failed') throw new Refused(last.error, 400)
    return last.state === 'done' ? last.result : null
}

// A stream that breaks off in its middle is a TypeError of the browser.
const isLost = error => error instanceof TypeError || (error instanceof Refused && error.status === 0)

// Lets the browser save a file of the server; with a `body` it is one that is made of it.
export async function download(path, name, body) {
    const response = await send(path, body && { method: 'POST', body: JSON.stringify(body) })
    const address = URL.createObjectURL(await response.blob())
    const link = Object.assign(document.createElement('a'), { href: address, download: name })
    link.click()
    setTimeout(() => URL.revokeObjectURL(address), 10000)
}
