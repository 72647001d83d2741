// The synthesizer of the page, with the soundfont that is installed beside the server.
//
// For tests, `window.studioAudio` is an AnalyserNode that hears all that is played: `getFloatTimeDomainData` tells
// whether the page is silent. It is there once sound was asked for.
import { signal } from '@preact/signals'
import { WorkletSynthesizer } from 'spessasynth_lib'
import { bytes } from '../api.js'

// '' before sound was asked for, 'loading', 'ready', 'unsupported' (by the browser) or 'failed'.
export const soundState = signal('')

let ready // a promise of the synthesizer: browsers let no sound begin without a click, so it is not loaded before

const MOST_CHANNELS = 256
const ALL_SOUND_OFF = 120

// Returns the synthesizer, loaded at the first call. Rejects, with `soundState` saying why, where there is no sound.
export function synthesizer() {
    ready ??= load().catch(error => {
        ready = undefined // the next click tries again
        if (soundState.value !== 'unsupported') soundState.value = 'failed'
        throw error
    })
    return ready
}

async function load() {
    if (!window.AudioContext || !window.AudioWorkletNode) {
        soundState.value = 'unsupported'
        throw new Error('no AudioContext')
    }
    soundState.value = 'loading'
    const context = new AudioContext({ latencyHint: 'interactive' })
    void context.resume() // while the click is fresh: some browsers forget it until all is loaded
    try {
        const [soundfont] = await Promise.all([
            bytes('/api/soundfont'),
            context.audioWorklet.addModule('synthesizer.js'),
        ])
        const worklet = new WorkletSynthesizer(context)
        await worklet.soundBankManager.addSoundBank(soundfont, 'main')
        await worklet.isReady
        soundState.value = 'ready'
        return new Synthesizer(context, worklet)
    } catch (error) {
        await context.close()
        throw error
    }
}

class Synthesizer {
    constructor(context, worklet) {
        this.context = context
        this._worklet = worklet
        this.isBusy = false // whether a player plays
        this._gate = context.createGain()
        const analyser = context.createAnalyser()
        worklet.connect(this._gate)
        this._gate.connect(analyser)
        analyser.connect(context.destination)
        window.studioAudio = analyser
    }

    get now() {
        return this.context.currentTime
    }

    // Prepares channels, [{ number, program, isDrum }], to be heard from the time `when` on.
    prepare(channels, when) {
        for (const { number, program, isDrum } of channels) {
            if (number >= MOST_CHANNELS) continue
            while (this._worklet.channelCount <= number) this._worklet.addNewChannel()
            this._worklet.programChange(number, isDrum ? 0 : program)
        }
        const { gain } = this._gate
        gain.cancelScheduledValues(0)
        gain.setValueAtTime(0, this.now)
        gain.setValueAtTime(1, when - 0.003)
    }

    send({ when, on, channel, pitch, velocity }) {
        if (channel >= MOST_CHANNELS) return
        if (on) this._worklet.noteOn(channel, pitch, velocity, { time: when })
        else this._worklet.noteOff(channel, pitch, { time: when })
    }

    // Lets what sounds ring out for a while.
    fade() {
        this._gate.gain.setTargetAtTime(0, this.now + 1, 0.3)
    }

    // Falls silent at once. What was told in advance can't be taken back: it goes unheard, and ends at `horizon`.
    silence(channels, horizon) {
        this._gate.gain.setTargetAtTime(0, this.now, 0.005)
        for (const { number } of channels) {
            if (number < MOST_CHANNELS) this._worklet.controllerChange(number, ALL_SOUND_OFF, 0, { time: horizon })
        }
    }
}
