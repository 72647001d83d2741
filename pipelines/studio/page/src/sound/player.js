// Plays music of the server by a synthesizer in the page, with the soundfont that is installed beside the server.
import { WorkletSynthesizer } from 'spessasynth_lib'
import { bytes } from '../api.js'

let ready // the promise of { context, synth }, once sound was asked for: browsers start none without a click

async function start() {
    const context = new AudioContext()
    await context.resume()
    await context.audioWorklet.addModule('synthesizer.js')
    const synth = new WorkletSynthesizer(context)
    synth.connect(context.destination)
    await synth.soundBankManager.addSoundBank(await bytes('/api/soundfont'), 'main')
    await synth.isReady
    return { context, synth }
}

const AHEAD = 0.2 // seconds of notes that are handed to the synthesizer in advance
const DRUMS = 9

// Plays `music`; returns { stop, time } where time() is in seconds from its beginning. `ended` is called at its end.
export async function play(music, ended = () => {}) {
    ready ??= start()
    const { context, synth } = await ready
    await context.resume()
    const begin = context.currentTime + 0.1
    const events = eventsOf(music)
    const end = events.length ? events.at(-1).time : 0
    let next = 0
    const timer = setInterval(() => {
        const until = context.currentTime - begin + AHEAD
        for (; next < events.length && events[next].time <= until; next++) events[next].send(synth, begin)
        if (context.currentTime - begin > end + 0.5) stop()
    }, 50)
    function stop() {
        clearInterval(timer)
        synth.stopAll(true)
        ended()
    }
    return { stop, time: () => context.currentTime - begin }
}

function eventsOf(music) {
    const channels = new Map()
    const events = []
    for (const [pitch, start, end, velocity, program, isDrum, track] of music.notes) {
        const key = isDrum ? 'drums' : `${track}/${program}`
        if (!channels.has(key)) {
            const channel = isDrum ? DRUMS : [...Array(16).keys()].filter(k => k !== DRUMS)[channels.size % 15]
            channels.set(key, channel)
            if (!isDrum) events.push({ time: 0, order: 0, send: synth => synth.programChange(channel, program) })
        }
        const channel = channels.get(key)
        const at = (time, call) => (synth, begin) => call(synth, { time: begin + time })
        events.push({ time: start, order: 2, send: at(start, (synth, when) => synth.noteOn(channel, pitch, velocity, when)) })
        events.push({ time: end, order: 1, send: at(end, (synth, when) => synth.noteOff(channel, pitch, when)) })
    }
    return events.sort((a, b) => a.time - b.time || a.order - b.order)
}
