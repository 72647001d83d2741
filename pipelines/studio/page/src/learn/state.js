// What the view knows: collections, trainings, and what is being sent.
import { signal } from '@preact/signals'
import { Refused, get, listen, post, remove, upload } from '../api.js'
import { texts } from '../texts.js'
import { nameOf, sorted } from './gather.js'

const AT_ONCE = 3 // files on their way
const AGAIN = 2000 // milliseconds until a stream that broke off is asked for again

export const overview = signal(null) // { kinds, runs }; null until it is there
export const collections = signal([])
export const trainings = signal([]) // the newest first
export const opened = signal({ collection: null, training: null }) // ids
export const sending = signal(null) // { id, name, total, sent, others, refused: [{ name, error }], rest, error }
export const error = signal('')

export const wordsOf = refused => refused.message || texts.noServer

// Does something, and shows why it failed.
export async function attempt(action) {
    error.value = ''
    try {
        return await action()
    } catch (refused) {
        if (!(refused instanceof Refused)) throw refused
        error.value = wordsOf(refused)
    }
}

export const load = () =>
    attempt(async () => {
        const there = await get('/api/learning')
        collections.value = there.collections
        trainings.value = there.trainings
        overview.value = there
        const running = there.trainings.find(one => ['running', 'waiting'].includes(one.state))
        opened.value = {
            collection: opened.value.collection ?? there.collections[0]?.id ?? null,
            training: opened.value.training ?? running?.id ?? null,
        }
        for (const one of there.collections) if (one.state === 'running') follow('collections', one.id)
    })

const LISTS = { collections, trainings }

export function put(kind, told) {
    const list = LISTS[kind]
    const there = list.value.some(one => one.id === told.id)
    list.value = there ? list.value.map(one => (one.id === told.id ? { ...one, ...told } : one)) : [told, ...list.value]
}

const followed = new Map() // what is listened to

// Listens to what becomes of something, until it has ended; returns what ends the listening.
export function follow(kind, id) {
    const key = `${kind}/${id}`
    followed.get(key)?.abort()
    const stop = new AbortController()
    followed.set(key, stop)
    listenOn(kind, id, stop.signal)
    return () => stop.abort()
}

async function listenOn(kind, id, aborted) {
    let last = { state: 'running' }
    while (!aborted.aborted && ['running', 'waiting'].includes(last.state)) {
        try {
            await listen(`/api/${kind}/${id}/events`, told => put(kind, (last = { id, ...told })), aborted)
        } catch (refused) {
            if (refused.name === 'AbortError') return
            error.value = refused instanceof Refused ? wordsOf(refused) : texts.noServer
            if (refused.status) return
        }
        if (['running', 'waiting'].includes(last.state)) await new Promise(resolve => setTimeout(resolve, AGAIN))
    }
    if (last.state === 'gone') LISTS[kind].value = LISTS[kind].value.filter(one => one.id !== id)
}

// Makes a collection of files that were dropped, and reads it.
export async function send(files) {
    const { music, others } = sorted(files, overview.value.kinds)
    if (!music.length) {
        error.value = texts.learn.noMusic(overview.value.kinds.join(' '))
        return
    }
    await attempt(async () => {
        const made = await post('/api/collections', { name: nameOf(music, texts.learn.unnamed) })
        put('collections', made)
        opened.value = { ...opened.value, collection: made.id }
        sending.value = { id: made.id, name: made.name, total: music.length, sent: 0, others, refused: [], rest: music, error: '' }
        await sendRest()
    })
}

// Sends what has not arrived; what the server refuses is left out, and where it does not answer, the rest waits.
export async function sendRest() {
    const change = values => (sending.value = { ...sending.value, ...values })
    const waiting = [...sending.value.rest]
    change({ error: '' })
    const one = async () => {
        while (waiting.length && !sending.value.error) {
            const next = waiting.shift()
            try {
                await upload(`/api/collections/${sending.value.id}/files?name=${encodeURIComponent(next.name)}`, next.file)
                change({ sent: sending.value.sent + 1 })
            } catch (refused) {
                // Another status than that of a wrong request is a reason to wait: no answer, a full disk.
                if (refused.status === 400 || refused.status === 413) {
                    change({ refused: [...sending.value.refused, { name: next.name, error: refused.message }] })
                } else {
                    change({ error: wordsOf(refused) })
                    waiting.unshift(next)
                }
            }
            change({ rest: [...waiting] })
        }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, one))
    change({ rest: [...waiting] })
    if (waiting.length) return
    const { id, refused, sent, others } = sending.value
    sending.value = null
    put('collections', { id, refused, others })
    if (sent) await read(id, {})
}

export const read = (id, options) =>
    attempt(async () => {
        put('collections', await post(`/api/collections/${id}/read`, { options }))
        follow('collections', id)
    })

export const discard = (kind, id) =>
    attempt(async () => {
        await remove(`/api/${kind}/${id}`)
        followed.get(`${kind}/${id}`)?.abort()
        LISTS[kind].value = LISTS[kind].value.filter(one => one.id !== id)
    })

export const train = asked =>
    attempt(async () => {
        const begun = await post('/api/trainings', asked)
        put('trainings', begun)
        opened.value = { ...opened.value, training: begun.id }
        return begun
    })

// 'stop' or 'go_on'.
export const tell = (id, what, body = {}) =>
    attempt(async () => {
        put('trainings', await post(`/api/trainings/${id}/${what}`, body))
        follow('trainings', id)
    })
