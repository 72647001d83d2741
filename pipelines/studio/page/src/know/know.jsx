// Know: what was made, measured against what was learned from.
export function Know() {
    return null
}
