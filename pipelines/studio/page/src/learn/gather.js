// The files of a drop or a choice, folders and all: [{ name, file }], the name with its folders.

// What a drop holds must be asked for before anything is awaited.
export async function filesOfDrop(transfer) {
    const entries = [...transfer.items].map(item => item.webkitGetAsEntry?.()).filter(Boolean)
    if (!entries.length) return [...transfer.files].map(file => ({ name: file.name, file }))
    const found = []
    for (const entry of entries) await walk(entry, '', found)
    return found
}

export const filesOfInput = input => [...input.files].map(file => ({ name: file.webkitRelativePath || file.name, file }))

async function walk(entry, folder, found) {
    const name = folder + entry.name
    if (entry.isFile) {
        found.push({ name, file: await new Promise((resolve, reject) => entry.file(resolve, reject)) })
        return
    }
    const reader = entry.createReader()
    for (;;) { // a part of the folder at a time
        const part = await new Promise((resolve, reject) => reader.readEntries(resolve, reject))
        if (!part.length) return
        for (const one of part) await walk(one, `${name}/`, found)
    }
}

// Those that may be music, or zips of it; and how many are not. What systems keep for themselves is not counted.
export function sorted(files, kinds) {
    const endings = [...kinds, '.zip']
    const seen = files.filter(({ name }) => !name.split('/').some(part => part.startsWith('.')))
    const music = seen.filter(({ name }) => endings.some(ending => name.toLowerCase().endsWith(ending)))
    return { music, others: seen.length - music.length }
}

// What to call a collection: the folder or the zip that was dropped.
export function nameOf(files, fallback) {
    const [first] = files
    const top = first.name.includes('/') ? first.name.split('/')[0] : files.length === 1 ? first.name.replace(/\.\w+$/, '') : fallback
    const plain = top.replace(/[^\p{L}\p{N} .,()&+'_-]/gu, ' ').replace(/^[^\p{L}\p{N}]+/u, '').slice(0, 60).trim()
    return plain || fallback
}
