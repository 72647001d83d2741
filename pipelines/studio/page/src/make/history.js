// What was, what is, and what was taken back: for undo and redo. Values are never changed, only replaced.

const MOST = 200

export const begin = present => ({ past: [], present, future: [] })

// A new state. With a `gesture` (any name), changes that follow each other in the same one are undone together.
export function change(history, present, gesture = null) {
    if (present === history.present) return history
    const goesOn = gesture !== null && gesture === history.gesture
    const past = goesOn ? history.past : [...history.past, history.present].slice(-MOST)
    return { past, present, future: [], gesture }
}

export function undo({ past, present, future }) {
    if (!past.length) return begin(present)
    return { past: past.slice(0, -1), present: past.at(-1), future: [present, ...future] }
}

export function redo({ past, present, future }) {
    if (!future.length) return { past, present, future }
    return { past: [...past, present], present: future[0], future: future.slice(1) }
}
