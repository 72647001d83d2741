// Where the request stands, in words.
import { texts } from '../texts.js'
import { cancel, error, isLost, job, news } from './job.js'

const words = texts.make.job

export function JobState() {
    const now = job.value
    return (
        <>
            {now && (
                <button type="button" data-testid="cancel" onClick={cancel}>
                    {words.cancel}
                </button>
            )}
            <div class="busy" role="status" data-testid="job">
                {now && <span class="spinner" aria-hidden="true" />}
                <span>{now ? said(now) : news.value}</span>
            </div>
            <p role="alert" class="error wide" data-testid="job-error">
                {error.value}
            </p>
        </>
    )
}

function said(now) {
    if (isLost.value) return words.lost
    if (now.state === 'waiting' && now.position) return words.waiting(now.position)
    return now.state === 'running' ? words.running : words.asking
}
