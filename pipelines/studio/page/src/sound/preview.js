// One note, to hear what is drawn; only where sound was asked for already.
import { soundState, synthesizer } from './synthesizer.js'

const CHANNEL = { drums: 9, notes: 0 }
const SECONDS = 0.3

export async function preview(pitch, isDrum) {
    if (soundState.value !== 'ready') return
    const synth = await synthesizer()
    if (synth.isBusy) return // what plays is heard, not what is drawn
    const channel = isDrum ? CHANNEL.drums : CHANNEL.notes
    const when = synth.now + 0.01
    synth.prepare([{ number: channel, program: 0, isDrum }], when)
    synth.send({ when, on: true, channel, pitch, velocity: 90 })
    synth.send({ when: when + SECONDS, on: false, channel, pitch })
}
