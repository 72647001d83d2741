// The request that runs: one at a time for this page. A page that is loaded anew finds it again.
import { signal } from '@preact/signals'
import { finished, post, remove } from '../api.js'
import { texts } from '../texts.js'

const KEY = 'solferino-job'

export const job = signal(null) // what the server last told of it
export const isLost = signal(false) // the connection
export const error = signal('')
export const news = signal('') // what came of the last one, in words

// Asks the server. Returns the result, or null if there is none; `error` says why.
export const ask = (path, body) => follow(() => post(path, body))

// Goes on waiting for what was asked before the page was loaded.
export function resume() {
    const id = sessionStorage.getItem(KEY)
    return id ? follow(async () => ({ id, state: 'waiting', position: 0 }), true) : null
}

async function follow(begin, isOld = false) {
    error.value = news.value = ''
    job.value = { state: 'asking' }
    try {
        const begun = await begin()
        sessionStorage.setItem(KEY, begun.id)
        job.value = begun
        const result = await finished(
            begun,
            told => (job.value = told),
            lost => (isLost.value = lost),
        )
        if (result === null) news.value = texts.make.job.withdrawn
        return result
    } catch (refused) {
        if (!isOld) error.value = refused.message || texts.noServer
        return null
    } finally {
        sessionStorage.removeItem(KEY)
        job.value = null
        isLost.value = false
    }
}

export const cancel = () => job.value?.id && remove(`/api/jobs/${job.value.id}`).catch(() => {})
