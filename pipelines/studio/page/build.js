// Bundles the page into dist/: `npm ci && npm run build`. Nothing of it is loaded from elsewhere.
import { build } from 'esbuild'
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'

const PACKAGES = ['preact', '@preact/signals', '@preact/signals-core', 'spessasynth_lib', 'spessasynth_core', 'stb-vorbis']

await rm('dist', { recursive: true, force: true })
await mkdir('dist')
await build({
    entryPoints: ['src/main.jsx'],
    outfile: 'dist/studio.js',
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    legalComments: 'none',
    logLevel: 'warning',
})
await cp('public', 'dist', { recursive: true })
await cp('node_modules/spessasynth_lib/dist/spessasynth_processor.min.js', 'dist/synthesizer.js')

// What is shipped names its authors.
const licences = []
for (const name of PACKAGES) {
    const about = JSON.parse(await readFile(`node_modules/${name}/package.json`, 'utf8'))
    const text = await readFile(`node_modules/${name}/LICENSE`, 'utf8').catch(() => `Licence: ${about.license}\n`)
    licences.push(`${name} ${about.version}\n\n${text}`)
}
await writeFile('dist/licences.txt', licences.join('\n----\n\n'))
