// The field's metrics of what was made and of what was learned from, and how alike they are.
import { texts } from '../texts.js'

const words = texts.know
const number = value => (Math.abs(value) < 100 ? value.toPrecision(3) : Math.round(value).toLocaleString())
const mean = one => (one ? number(one.value) : '–')
const interval = one => (one && one.low !== null ? words.interval(number(one.low), number(one.high)) : '')

export const Measures = ({ verdict }) => (
    <section>
        <h2>{words.measured}</h2>
        <p>{words.measuredSaid(verdict.pieces, verdict.known)}</p>
        <div class="wide" tabindex="0" role="region" aria-label={words.measured}>
            <table>
                <thead><tr>{words.measuredHeader.map(title => <th scope="col" key={title}>{title}</th>)}</tr></thead>
                <tbody>
                    {verdict.metrics.map(row => (
                        <tr key={row.title}>
                            <th scope="row">{row.title}</th>
                            <td>{mean(row.made)} <span class="quiet">{interval(row.made)}</span></td>
                            <td>{mean(row.known)} <span class="quiet">{interval(row.known)}</span></td>
                            <td>
                                {row.overlap === null ? '–' : (
                                    <><meter min="0" max="1" value={row.overlap} aria-label={words.alike} /> {Math.round(100 * row.overlap)} %</>
                                )}
                            </td>
                        </tr>
                    ))}
                </tbody>
            </table>
        </div>
    </section>
)
