// Play, loop, tempo, and the tracks to mute or to hear alone.
import { instruments, trackName } from '../instruments.js'
import { soundState } from '../sound/synthesizer.js'
import { texts } from '../texts.js'
import { Disclosure } from './fields.jsx'
import { LoopIcon, PauseIcon, PlayIcon } from './icons.jsx'
import { placeOf, tracksOf } from './music.js'

const words = texts.parts

// `name` says to screen readers whose buttons these are. Without `hasTempo` music is heard at its own tempo;
// without `hasTracks` the instruments are shown elsewhere, by `Tracks`.
export function PlayerBar({ player, name, hasTempo = true, hasTracks = true, children }) {
    const plays = player.isPlaying.value || player.isLoading.value
    return (
        <div class="player">
            <div class="player-bar">
                <button
                    class="round main"
                    aria-label={plays ? words.pauseOf(name) : words.playOf(name)}
                    data-testid="play"
                    disabled={!plays && !player.music.value.notes.length}
                    onClick={() => player.toggle()}
                >
                    {plays ? <PauseIcon /> : <PlayIcon />}
                </button>
                <button
                    class="round"
                    aria-pressed={player.isLooping.value}
                    aria-label={words.loopOf(name)}
                    data-testid="loop"
                    onClick={() => (player.isLooping.value = !player.isLooping.value)}
                >
                    <LoopIcon />
                </button>
                {hasTempo && (
                    <label class="tempo">
                        <span>{words.tempo}</span>
                        <input
                            type="range"
                            min="0.25"
                            max="2"
                            step="0.05"
                            value={player.speed.value}
                            data-testid="tempo"
                            aria-valuetext={words.qpm(player.music.value.qpm * player.speed.value)}
                            onInput={event => (player.speed.value = Number(event.target.value))}
                        />
                        <Place player={player} />
                    </label>
                )}
                {children}
            </div>
            <SoundWords player={player} />
            {hasTracks && <TracksBelow player={player} name={name} />}
        </div>
    )
}

function Place({ player }) {
    const music = player.music.value
    const { bar, beat } = placeOf(music, player.position.value)
    return (
        <output class="place" aria-hidden="true">
            {words.tempoAndPlace(music.qpm * player.speed.value, bar, beat)}
        </output>
    )
}

// Why nothing is heard yet, or at all.
function SoundWords({ player }) {
    const state = soundState.value
    return (
        <>
            <p role="status" class="quiet">
                {player.isLoading.value && state === 'loading' ? words.loadingSound : ''}
            </p>
            {player.isMute.value && words.sound[state] && (
                <p role="alert" class="error">
                    {words.sound[state]}
                </p>
            )}
        </>
    )
}

function TracksBelow({ player, name }) {
    const count = tracksOf(player.music.value, instruments.value.drums).length
    if (count < 2) return null
    return (
        <Disclosure label={words.tracks} name={name}>
            <Tracks player={player} />
        </Disclosure>
    )
}

export function Tracks({ player }) {
    const tracks = tracksOf(player.music.value, instruments.value.drums)
    const flip = (set, key) => {
        const changed = new Set(set.value)
        if (!changed.delete(key)) changed.add(key)
        set.value = changed
    }
    const names = namesOf(tracks)
    return (
        <ul class="tracks">
            {tracks.map((track, number) => (
                <li key={track.key}>
                    <span class={`track-sign track-${track.isDrum ? 0 : number % 6}`} aria-hidden="true" />
                    <span class="track-name">{names[number]}</span>
                    <button
                        aria-pressed={player.muted.value.has(track.key)}
                        aria-label={words.muteTrack(names[number])}
                        data-testid="mute"
                        onClick={() => flip(player.muted, track.key)}
                    >
                        {words.mute}
                    </button>
                    <button
                        aria-pressed={player.solo.value.has(track.key)}
                        aria-label={words.soloTrack(names[number])}
                        data-testid="solo"
                        onClick={() => flip(player.solo, track.key)}
                    >
                        {words.solo}
                    </button>
                </li>
            ))}
        </ul>
    )
}

// Tracks of the same instrument are numbered.
function namesOf(tracks) {
    const names = tracks.map(trackName)
    return names.map((name, at) => {
        if (names.indexOf(name) === names.lastIndexOf(name)) return name
        return `${name} ${names.slice(0, at + 1).filter(one => one === name).length}`
    })
}
