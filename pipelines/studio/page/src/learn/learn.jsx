// Learn: drop music, choose a config, train, listen to what it makes on the way.
export function Learn() {
    return null
}
