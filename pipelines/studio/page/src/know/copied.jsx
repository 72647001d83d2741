// What pieces have note for note from the training music, beside what that has of itself; both to hear.
import { useEffect, useMemo } from 'preact/hooks'
import { loadInstruments } from '../instruments.js'
import { Player } from '../sound/player.js'
import { texts } from '../texts.js'

const words = texts.know

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

function Hear({ music, label }) {
    const player = useMemo(() => new Player([music]), [music])
    useEffect(() => () => player.pause(), [player])
    const isHeard = player.isPlaying.value || player.isLoading.value
    const text = isHeard ? texts.stop : texts.play
    return <button aria-label={`${text} ${label}`} aria-pressed={isHeard} onClick={() => player.toggle()}>{text}</button>
}

export function Copied({ verdict }) {
    useEffect(() => void loadInstruments().catch(() => {}), []) // without names music is still heard
    const asked = useMemo(() => new Map(verdict.asked.map(piece => [piece.id, piece])), [verdict])
    const rows = useMemo(() => {
        const found = verdict.copied.map(row => ({ ...row, here: row.notes > 0 && here(asked.get(row.piece), row) }))
        return found.sort((a, b) => b.notes - a.notes)
    }, [verdict])
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
                                    {row.here && (
                                        <> <Hear label={words.hearHere(asked.get(row.piece).name)}
                                            music={row.here} /></>
                                    )}
                                </td>
                                <td>
                                    {row.notes ? words.there(row.other, row.other_bar, row.semitones) : '–'}
                                    {row.there && <> <Hear music={row.there} label={words.hearThere(row.other)} /></>}
                                </td>
                            </tr>
                        ))}
                    </tbody>
                </table>
            </div>
        </section>
    )
}
