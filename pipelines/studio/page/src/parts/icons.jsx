// The few signs on buttons; the words beside them, or `aria-label`, say what they do.
const icon = path => () => (
    <svg class="icon" viewBox="0 0 24 24" width="20" height="20" aria-hidden="true" focusable="false">
        <path d={path} />
    </svg>
)

export const PlayIcon = icon('M7 4.5v15l12-7.5z')
export const PauseIcon = icon('M6 4.5h4v15H6zM14 4.5h4v15h-4z')
export const LoopIcon = icon(
    'M17 3l4 4-4 4V8H8a3 3 0 0 0-3 3v1H3v-1a5 5 0 0 1 5-5h9zM7 21l-4-4 4-4v3h9a3 3 0 0 0 3-3v-1h2v1a5 5 0 0 1-5 5H7z',
)
