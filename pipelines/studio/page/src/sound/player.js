// Plays music on the page: one player for what is shown with it. One player at a time is heard.
import { computed, effect, signal } from '@preact/signals'
import { barSeconds, lengthOf, numBars } from '../parts/music.js'
import { instruments } from '../instruments.js'
import { Transport, scoreOf } from './transport.js'
import { synthesizer } from './synthesizer.js'

const AHEAD = 0.15 // seconds of notes that the synthesizer is told in advance
const TICK = 30 // milliseconds
const LEAD = 0.03 // seconds until the first note

let current = null // the player that is heard

// Stops whatever plays; when a view is left, for example.
export const stopAll = () => current?.pause()

export class Player {
    // Plays one piece of `pieces` (a list of music) at a time, `chosen` by its number, all by one clock.
    constructor(pieces) {
        this.pieces = signal(pieces)
        this.chosen = signal(0)
        this.isPlaying = signal(false)
        this.isLoading = signal(false)
        this.isMute = signal(false) // whether there is no sound: `soundState` says why
        this.position = signal(0) // seconds into the music, at its own tempo
        this.speed = signal(1)
        this.isLooping = signal(false)
        this.stretch = signal(null) // { from, to } in seconds: what is looped if not everything
        this.muted = signal(new Set()) // keys of tracks: `trackKey`
        this.solo = signal(new Set())
        this.music = computed(() => this.pieces.value[this.chosen.value] ?? this.pieces.value[0])
        this.seconds = computed(() => Math.max(...this.pieces.value.map(wholeBars)))
        this._transport = null
        this._quietUntil = 0
    }

    // Whether a track is heard, by mute and solo.
    isHeard(key) {
        return this.solo.value.size ? this.solo.value.has(key) : !this.muted.value.has(key)
    }

    toggle() {
        return this.isPlaying.value || this.isLoading.value ? this.pause() : this.play()
    }

    async play() {
        if (current !== this) current?.pause()
        current = this
        this.isLoading.value = true
        let synth
        try {
            synth = await synthesizer()
            await synth.context.resume()
        } catch {
            this.isLoading.value = false
            this.isMute.value = true
            return
        }
        this.isMute.value = false
        if (current !== this || !this.isLoading.value) return // another was begun, or this one was stopped meanwhile
        this.isLoading.value = false
        this._synth = synth
        this.isPlaying.value = synth.isBusy = true
        if (this.position.value >= this.seconds.value - 0.01) this.position.value = 0
        this._begin()
        this._timer = setInterval(() => this._tick(), TICK)
        this._unwatch = effect(() => this._follow())
        const draw = () => {
            if (!this.isPlaying.value) return
            this.position.value = this._transport.position(synth.now)
            requestAnimationFrame(draw)
        }
        requestAnimationFrame(draw)
    }

    pause() {
        this.isLoading.value = false
        if (!this.isPlaying.value) return
        this._halt()
        this.position.value = this._transport.position(this._synth.now)
        this._silence()
    }

    _halt() {
        this.isPlaying.value = this._synth.isBusy = false
        clearInterval(this._timer)
        this._unwatch()
    }

    // Goes to a time in the music, playing or not.
    seek(seconds) {
        this.position.value = Math.min(Math.max(0, seconds), this.seconds.value)
        if (!this.isPlaying.value) return
        this._silence()
        this._begin()
    }

    // Shows and plays other music from now on, at the same place.
    setPieces(pieces) {
        this.pieces.value = pieces
        if (this.isPlaying.value) this.seek(this.position.value)
        else this.position.value = 0
    }

    _begin() {
        const score = scoreOf(this.pieces.value, instruments.value.drums)
        const when = Math.max(this._synth.now + LEAD, this._quietUntil + 0.005)
        this._synth.prepare(score.channels, when)
        this._transport = new Transport(score, {
            from: this.position.value,
            to: this.seconds.value,
            speed: this.speed.value,
            loop: this._loop(),
            when,
            isSilent: note => note.piece !== this.chosen.value || !this.isHeard(note.track),
        })
        this._tick()
    }

    _silence() {
        this._quietUntil = Math.max(this._transport.horizon, this._synth.now)
        this._synth.silence(this._transport.score.channels, this._quietUntil)
    }

    _tick() {
        const { now } = this._synth
        for (const event of this._transport.advance(now + AHEAD)) this._synth.send(event)
        if (this._transport.hasEnded && now > this._transport.horizon + 0.05) this._ended()
    }

    // What still rings may ring out.
    _ended() {
        this._halt()
        this._synth.fade()
        this.position.value = 0
    }

    // Hands on what the controls change while it plays.
    _follow() {
        const speed = this.speed.value
        const loop = this._loop()
        void [this.muted.value, this.solo.value, this.chosen.value]
        if (!this._transport) return
        if (speed !== this._transport.speed) this._transport.setSpeed(speed)
        this._transport.setLoop(loop)
        for (const event of this._transport.remute()) this._synth.send(event)
    }

    _loop() {
        if (!this.isLooping.value) return null
        return this.stretch.value ?? { from: 0, to: this.seconds.value }
    }
}

// Music is heard to the end of its last bar, so that a loop stays in time.
const wholeBars = music =>
    music.notes.length ? Math.max(lengthOf(music), numBars(music) * barSeconds(music)) : lengthOf(music)
