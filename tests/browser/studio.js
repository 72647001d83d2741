// Uses the studio as a musician would, in a browser: node studio.js SCENARIO, told what else by the environment.
// Prints what it saw as JSON; studio_test.py judges. Screenshots go into the folder SHOTS, if there is one.
const fs = require('fs')
const path = require('path')
const { chromium } = require('playwright-core')

const { ADDRESS, BROWSER, FOLDER, SHOTS } = process.env
const PATIENCE = 180000
const DRUM = { 'bass drum': 0, snare: 1, 'closed hat': 5 } // rows of the grid, from below

async function open(browser, seen, options = {}) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, acceptDownloads: true, ...options })
    const page = await context.newPage()
    page.setDefaultTimeout(PATIENCE)
    page.on('console', message => message.type() === 'error' && seen.console.push(message.text()))
    page.on('pageerror', error => seen.console.push(String(error)))
    page.on('request', request => !request.url().startsWith(new URL(ADDRESS).origin) && /^(https?|wss?):/.test(request.url()) && seen.elsewhere.push(request.url()))
    page.on('dialog', dialog => dialog.accept())
    await page.goto(ADDRESS)
    await page.getByTestId('generate-form').waitFor()
    return page
}

const view = (page, name) => page.getByRole('navigation').getByRole('button', { name }).click()
const shot = async (page, name) => SHOTS && page.screenshot({ path: path.join(SHOTS, `${name}.png`), fullPage: false })

// Serious and critical findings of axe.
async function audit(page, name, seen) {
    await page.evaluate(fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8') + ';0')
    const found = await page.evaluate(() => window.axe.run(document))
    for (const one of found.violations)
        if (['serious', 'critical'].includes(one.impact)) seen.axe.push(`${name}: ${one.id}: ${one.nodes.map(node => node.target.join(' ')).join('; ')}`)
}

// The loudest sample of what is played within two seconds.
const loudest = page => page.evaluate(async () => {
    let most = 0
    const samples = new Float32Array(2048)
    for (let k = 0; k < 40; k++) {
        window.studioAudio?.getFloatTimeDomainData(samples)
        for (const sample of samples) most = Math.max(most, Math.abs(sample))
        await new Promise(done => setTimeout(done, 50))
    }
    return most
})

async function save(page, what, name) {
    const [download] = await Promise.all([page.waitForEvent('download'), what.click()])
    await download.saveAs(path.join(FOLDER, name))
    return name
}

const clickCell = async (page, drum, step, steps = 16) => {
    const grid = page.getByTestId('primer-grid')
    await grid.scrollIntoViewIfNeeded()
    const canvas = grid.locator('canvas').first()
    const box = await canvas.boundingBox()
    const rows = 9, ruler = box.height - rows * 30
    await page.mouse.click(box.x + ((step + 0.5) * box.width) / steps, box.y + ruler + (rows - DRUM[drum] - 0.5) * 30)
}

const chooseModel = (page, name) => page.getByTestId('model').selectOption({ label: name })

const newestPiece = page => page.evaluate(() => document.querySelector('[data-testid=piece]')?.dataset.id)
const newerPiece = (page, than) => page.waitForFunction(id => ![undefined, id].includes(document.querySelector('[data-testid=piece]')?.dataset.id), than)

async function generate(page, bars, variations) {
    await page.getByTestId('length').fill(String(bars))
    await page.getByTestId('num_outputs').fill(String(variations))
    const newest = await newestPiece(page)
    await page.getByTestId('generate').click()
    await newerPiece(page, newest)
}

const openPanel = async (piece, key) => {
    const button = piece.getByTestId(`panel-${key}`)
    if ((await button.getAttribute('aria-expanded')) !== 'true') await button.click()
}

const scenarios = {
    // Draw, generate, play, keep, infill, save; then what can go wrong.
    async make(browser, seen) {
        const page = await open(browser, seen)
        await chooseModel(page, process.env.MODEL)
        await page.getByTestId('primer-grid').waitFor()
        for (const [drum, step] of [['bass drum', 0], ['closed hat', 4], ['snare', 4], ['bass drum', 8]]) await clickCell(page, drum, step)
        seen.drawn = await page.getByTestId('primer-said').textContent()
        await page.getByTestId('seed').fill('7')
        await generate(page, 4, 2)
        await audit(page, 'make', seen)
        await shot(page, 'make-light')
        const piece = page.getByTestId('piece').first()
        await openPanel(piece, 'save')
        seen.files = []
        for (const format of ['mid', 'wav', 'mp3']) seen.files.push(await save(page, piece.getByTestId(`save-${format}`), `made.${format}`))
        await piece.getByTestId('play').click()
        seen.loudest = await loudest(page)
        await piece.getByTestId('play').click()
        await piece.getByTestId('keep').click()
        await piece.getByTestId('keep').and(page.locator('[aria-pressed=true]')).waitFor()
        await openPanel(piece, 'copy')
        seen.command = await piece.locator('code, pre, textarea, input[readonly]').first().evaluate(node => node.value || node.textContent)
        await openPanel(piece, 'go-on')
        await piece.getByTestId('infill-from').selectOption('2')
        await piece.getByTestId('infill-to').selectOption('2')
        const id = await newestPiece(page)
        await piece.getByTestId('infill').click()
        await newerPiece(page, id)
        const infilled = page.getByTestId('piece').first()
        seen.isOther = (await infilled.getAttribute('data-id')) !== id
        await openPanel(infilled, 'save')
        await save(page, infilled.getByTestId('save-mid'), 'infilled.mid')
        await infilled.getByTestId('discard').click()
        await page.getByTestId('undo-discard').waitFor()
        await page.getByTestId('primer-file').setInputFiles({ name: 'broken.mid', mimeType: 'audio/midi', buffer: Buffer.from('no music') })
        await page.locator('[data-testid=primer-message][role=alert]').waitFor()
        seen.console = seen.console.filter(line => !line.includes('400')) // the browser's own line on what was refused
        seen.broken = await page.getByTestId('primer-message').textContent()
        await page.getByTestId('primer-file').setInputFiles(process.env.SONG)
        await page.waitForFunction(() => document.querySelector('[data-testid=primer-message]')?.getAttribute('role') === 'status' && document.querySelector('[data-testid=primer-message]').textContent.includes('notes'))
        seen.read = await page.getByTestId('primer-message').textContent()
        await view(page, 'Know')
        await page.getByRole('button', { name: 'Compare' }).click()
        await page.locator('.know table').nth(1).waitFor()
        seen.rows = await page.locator('.know tbody tr').count()
        await audit(page, 'know', seen)
        await shot(page, 'know-light')
    },

    // By the keyboard alone: draw a hit, generate.
    async keys(browser, seen) {
        const page = await open(browser, seen, { colorScheme: 'dark' })
        await chooseModel(page, process.env.MODEL)
        const tab = async id => {
            for (let k = 0; k < 60; k++) {
                await page.keyboard.press('Tab')
                if (await page.evaluate(wanted => document.activeElement?.closest(`[data-testid=${wanted}]`) !== null, id)) return
            }
            throw new Error(`no key leads to ${id}`)
        }
        await tab('primer-grid')
        for (const key of ['Space', 'ArrowRight', 'ArrowRight', 'ArrowUp', 'Space']) await page.keyboard.press(key)
        seen.said = await page.getByTestId('primer-said').textContent()
        await tab('generate')
        await page.keyboard.press('Enter')
        await page.getByTestId('piece').first().waitFor()
        await audit(page, 'make, dark', seen)
        await shot(page, 'make-dark')
    },

    // A phone: nothing is wider than the screen.
    async phone(browser, seen) {
        const page = await open(browser, seen, { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true })
        seen.widths = []
        for (const name of ['Make', 'Learn', 'Know']) {
            await view(page, name)
            await page.waitForTimeout(500)
            seen.widths.push(await page.evaluate(() => document.documentElement.scrollWidth))
            await audit(page, `${name}, phone`, seen)
            await shot(page, `${name.toLowerCase()}-phone`)
        }
    },

    // Drop music, read it, train, hear a sample, save, generate from it.
    async learn(browser, seen) {
        const page = await open(browser, seen)
        await view(page, 'Learn')
        await audit(page, 'learn, empty', seen)
        await page.getByTestId('files').setInputFiles(process.env.SONGS.split(path.delimiter))
        await page.getByTestId(`choice-${process.env.CONFIG}`).click()
        await audit(page, 'learn, chosen', seen)
        if (process.env.STEPS) {
            await page.getByText('As many steps as I say').click()
            await page.getByTestId('steps').fill(process.env.STEPS)
        }
        await page.getByTestId('train').click()
        await page.getByTestId('training').waitFor()
        await page.locator('[data-testid=training][data-state=running]').waitFor()
        await page.getByTestId('samples').getByTestId('play').first().waitFor()
        await shot(page, 'learn-light')
        await page.getByTestId('samples').getByTestId('play').first().click()
        seen.loudest = await loudest(page)
        await page.locator('[data-testid=training][data-state=done]').waitFor({ timeout: 3 * PATIENCE })
        await page.getByTestId('diagnosis').waitFor()
        seen.diagnosis = await page.getByTestId('diagnosis').textContent()
        await audit(page, 'learn, done', seen)
        await shot(page, 'learn-done')
        await page.getByTestId('model-name').fill('My first')
        await page.getByTestId('save').click()
        await page.getByText(/My first/).last().waitFor()
        await view(page, 'Make')
        await page.waitForFunction(() => [...document.querySelectorAll('[data-testid=model] option')].some(option => /My first/i.test(option.textContent)))
        const label = await page.locator('[data-testid=model] option', { hasText: /My first/i }).textContent()
        await chooseModel(page, label)
        await generate(page, 2, 1)
        const piece = page.getByTestId('piece').first()
        await openPanel(piece, 'save')
        seen.files = [await save(page, piece.getByTestId('save-mid'), 'learned.mid')]
    },
}

;(async () => {
    const seen = { console: [], elsewhere: [], axe: [] }
    const browser = await chromium.launch({ executablePath: BROWSER, args: ['--no-sandbox', '--autoplay-policy=no-user-gesture-required'] })
    try {
        await scenarios[process.argv[2]](browser, seen)
    } catch (error) {
        seen.failed = String(error.stack)
        const page = browser.contexts().at(-1)?.pages().at(-1)
        if (page) seen.text = (await page.locator('body').innerText()).slice(0, 4000)
    }
    await browser.close()
    console.log(JSON.stringify(seen))
})()
