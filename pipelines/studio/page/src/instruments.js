// The names of instruments, told by the server: { drums: [{ name, pitches }] from the floor up, programs: [names] }.
import { signal } from '@preact/signals'
import { get } from './api.js'
import { texts } from './texts.js'

export const instruments = signal({ drums: [], programs: [] })

let asked

// Asks for them once.
export const loadInstruments = () =>
    (asked ??= get('/api/instruments').then(
        told => void (instruments.value = told),
        error => {
            asked = undefined
            throw error
        },
    ))

// What a track of `tracksOf` is called.
export function trackName(track) {
    if (track.isDrum) return track.kind ?? texts.parts.drum(track.pitch)
    return instruments.value.programs[track.program] ?? texts.parts.program(track.program + 1)
}
