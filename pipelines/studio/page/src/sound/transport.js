// What sounds when, without any sound: notes of music become events in audio time. Tested in Node.
//
// Audio is told of notes a little before they sound. Up to this horizon nothing can be taken back; tempo, seeking, loops
// and muting hold from there on.
import { END, IS_DRUM, PITCH, PROGRAM, START, TRACK, VELOCITY, trackKey } from '../parts/music.js'

const DRUMS = 9 // of sixteen channels, counted from 0
const CHASED = 0.1 // seconds that a note must still last to be heard when playing begins within it

// The channels and events of several pieces of music, of which each can be silenced.
// A piece's tracks have channels of their own, so that one is silenced without the other.
export function scoreOf(pieces, kinds) {
    const channels = new Map() // by piece, track and program
    const notes = []
    let next = 0
    const sixteens = []
    const channel = (piece, note) => {
        const key = note[IS_DRUM] ? `${piece} drums` : `${piece} ${note[TRACK]} ${note[PROGRAM]}`
        if (!channels.has(key)) {
            let number
            if (note[IS_DRUM]) {
                number = sixteens.length * 16 + DRUMS
                sixteens.push(number)
            } else {
                if (next % 16 === DRUMS) next++
                number = next++
            }
            channels.set(key, { number, program: note[PROGRAM], isDrum: note[IS_DRUM] })
        }
        return channels.get(key).number
    }
    pieces.forEach((music, piece) => {
        for (const note of music.notes) {
            notes.push({
                piece,
                channel: channel(piece, note),
                track: trackKey(note, kinds),
                isDrum: note[IS_DRUM],
                pitch: note[PITCH],
                velocity: note[VELOCITY],
                start: note[START],
                end: Math.max(note[END], note[START] + 0.01),
            })
        }
    })
    notes.sort((a, b) => a.start - b.start)
    return { notes, channels: [...channels.values()] }
}

export class Transport {
    // Goes through `score` from `from` to `to` seconds, begun at the time `when` of the audio clock.
    constructor(score, { from = 0, to, speed = 1, loop = null, when = 0, isSilent = () => false }) {
        this.score = score
        this.to = to
        this.speed = speed
        this.loop = loop // { from, to } in seconds, or null
        this.isSilent = isSilent // (note) => whether it is muted now
        this.horizon = when // up to here all is told
        this.segments = [{ when, at: from }] // since `when`, playing goes on from `at`
        this.sounding = new Map() // note => the time in the music at which it ends
        this.hasEnded = false
        this._enter(from)
    }

    // Where in the music the audio clock's time `when` is.
    position(when) {
        let segment = this.segments[0]
        for (const one of this.segments) if (one.when <= when) segment = one
        const at = segment.at + Math.max(0, when - segment.when) * (segment.speed ?? this.speed)
        const end = segment.end ?? this._end()
        return Math.min(at, end)
    }

    // When the last note's time is over.
    get endsAt() {
        const last = this.segments.at(-1)
        return last.when + (this._end() - last.at) / this.speed
    }

    setSpeed(speed) {
        const at = this._at(this.horizon)
        this._segment(this.horizon, at, at)
        this.speed = speed
    }

    setLoop(loop) {
        this.loop = loop
    }

    // Tells what happens up to the audio time `until`: [{ when, on, channel, pitch, velocity }], in order.
    advance(until) {
        const events = this._sounded(this.chased, this.horizon)
        this.chased = []
        while (!this.hasEnded && this.horizon < until) {
            const at = this._at(this.horizon)
            const end = this._end(at)
            const whole = this.horizon + (end - at) / this.speed
            const stop = Math.min(until, whole)
            this._tell(events, at, stop < whole ? this._at(stop) : end)
            this.horizon = stop
            if (stop < whole) break
            this._silence(events, stop)
            if (this.loop && end === this.loop.to && this.loop.from < this.loop.to) {
                this._segment(stop, this.loop.from, end)
                this._enter(this.loop.from)
                events.push(...this._sounded(this.chased, stop))
                this.chased = []
            } else this.hasEnded = true
        }
        return events
    }

    // Cuts what sounds and is muted, and takes up what is not muted any more; from the horizon on.
    remute() {
        const events = []
        const at = this._at(this.horizon)
        for (const note of [...this.sounding.keys()]) {
            if (this.isSilent(note)) {
                events.push(this._off(note, this.horizon))
                this.sounding.delete(note)
            }
        }
        const begun = this._spanning(at).filter(note => !this.sounding.has(note))
        return [...events, ...this._sounded(begun, this.horizon)]
    }

    _at(when) {
        const last = this.segments.at(-1)
        return last.at + (when - last.when) * this.speed
    }

    // Where it stops or goes back from `at` on: the loop's end if that is still to come.
    _end(at = this.segments.at(-1).at) {
        return this.loop && at < this.loop.to ? this.loop.to : this.to
    }

    _segment(when, at, end) {
        const last = this.segments.at(-1)
        last.speed = this.speed
        last.end = end
        this.segments = [...this.segments.slice(-8), { when, at }]
    }

    // Goes on from a place in the music: the next note, and those that sound across it.
    _enter(at) {
        const { notes } = this.score
        this.next = notes.findIndex(note => note.start >= at - 1e-9)
        if (this.next < 0) this.next = notes.length
        this.chased = this._spanning(at)
    }

    _spanning(at) {
        return this.score.notes.filter(note => !note.isDrum && note.start < at - 1e-9 && note.end > at + CHASED)
    }

    _sounded(notes, when) {
        return notes.filter(note => !this.isSilent(note)).map(note => this._on(note, when))
    }

    _tell(events, from, to) {
        const { notes } = this.score
        const when = at => this.horizon + (at - from) / this.speed
        const found = []
        for (; this.next < notes.length && notes[this.next].start < to - 1e-9; this.next++) {
            const note = notes[this.next]
            if (!this.isSilent(note)) found.push({ at: note.start, note })
        }
        const ends = [...this.sounding].filter(([, end]) => end <= to).map(([note, at]) => ({ at, note, isEnd: true }))
        const within = found
            .filter(({ note }) => note.end <= to)
            .map(({ note }) => ({ at: note.end, note, isEnd: true }))
        // A note's end comes before the next one's beginning at the same time, or a repeated pitch would fall silent.
        const all = [...found, ...ends, ...within].sort((a, b) => a.at - b.at || Boolean(b.isEnd) - Boolean(a.isEnd))
        for (const { at, note, isEnd } of all) {
            if (isEnd) {
                this.sounding.delete(note)
                events.push(this._off(note, when(at)))
            } else events.push(this._on(note, when(at)))
        }
    }

    _silence(events, when) {
        for (const note of this.sounding.keys()) events.push(this._off(note, when))
        this.sounding.clear()
    }

    _on(note, when) {
        this.sounding.set(note, note.end)
        return { when, on: true, channel: note.channel, pitch: note.pitch, velocity: note.velocity }
    }

    _off(note, when) {
        return { when, on: false, channel: note.channel, pitch: note.pitch }
    }
}
