// What pieces have note for note from the training music, beside what that has of itself; both to hear.
import { signal } from '@preact/signals'
import { play } from '../sound/player.js'
import { texts } from '../texts.js'

const words = texts.know
const heard = signal(null) // { key, stop }

async function hear(key, music) {
    const was = heard.value?.key
    heard.value?.stop()
    heard.value = null
    if (was === key) return
    const { stop } = await play(music, () => (heard.value = null))
    heard.value = { key, stop }
}

// The seconds of a piece in which a run stands, with a bar before its end left to hear.
function here(piece, run) {
    const bar = (60 / piece.music.qpm) * piece.music.metre[0] * (4 / piece.music.metre[1])
    const begin = (run.bar - 1) * bar
    const end = begin + (Math.ceil(run.bars) + 1) * bar
    const notes = piece.music.notes
        .filter(note => note[1] >= begin - 1e-6 && note[1] < end)
        .map(([pitch, start, stop, ...rest]) => [pitch, Math.max(0, start - begin), Math.min(stop, end) - begin, ...rest])
    return { ...piece.music, notes, seconds: end - begin }
}

const Hear = ({ id, music, label }) => (
    <button aria-label={label} aria-pressed={heard.value?.key === id} onClick={() => hear(id, music)}>
        {heard.value?.key === id ? texts.stop : texts.play}
    </button>
)

export function Copied({ verdict }) {
    const asked = new Map(verdict.asked.map(piece => [piece.id, piece]))
    const rows = [...verdict.copied].sort((a, b) => b.notes - a.notes)
    const long = rows.filter(row => row.notes > verdict.usual).length
    return (
        <section>
            <h2>{words.copied}</h2>
            <p>{words.copiedSaid(long, rows.length, verdict.usual, verdict.known)}</p>
            <div class="wide" tabindex="0" role="region" aria-label={words.copied}>
                <table>
                    <thead><tr>{words.copiedHeader.map(title => <th scope="col" key={title}>{title}</th>)}</tr></thead>
                    <tbody>
                        {rows.map(row => (
                            <tr key={row.piece}>
                                <td>{asked.get(row.piece).name}</td>
                                <td>{row.notes > verdict.usual ? <strong>{words.tooLong(row.notes)}</strong> : row.notes}</td>
                                <td>{row.bars.toFixed(1)}</td>
                                <td>{Math.round(100 * row.share)} %</td>
                                <td>
                                    {row.notes ? words.bar(row.bar) : '–'}
                                    {row.notes > 0 && (
                                        <> <Hear id={`here-${row.piece}`} label={words.hearHere(asked.get(row.piece).name)}
                                            music={here(asked.get(row.piece), row)} /></>
                                    )}
                                </td>
                                <td>
                                    {row.notes ? words.there(row.other, row.other_bar, row.semitones) : '–'}
                                    {row.there && <> <Hear id={`there-${row.piece}`} music={row.there} label={words.hearThere(row.other)} /></>}
                                </td>
                            </tr>
                        ))}
                    </tbody>
                </table>
            </div>
        </section>
    )
}
