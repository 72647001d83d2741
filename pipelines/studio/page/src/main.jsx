// The page: three views, of which one is shown.
import { render } from 'preact'
import { signal } from '@preact/signals'
import { hasToken } from './api.js'
import { Know } from './know/know.jsx'
import { Learn } from './learn/learn.jsx'
import { Login } from './login.jsx'
import { Make } from './make/make.jsx'
import { texts } from './texts.js'

const VIEWS = { make: Make, learn: Learn, know: Know }
const view = signal(location.pathname.slice(1) in VIEWS ? location.pathname.slice(1) : 'make')

function Page() {
    const View = VIEWS[view.value]
    return (
        <>
            <a class="skip" href="#content">{texts.skip}</a>
            <header>
                <h1>{texts.title}</h1>
                <nav aria-label={texts.viewsLabel}>
                    {Object.keys(VIEWS).map(name => (
                        <button aria-current={view.value === name ? 'page' : undefined} onClick={() => (view.value = name)}>
                            {texts.views[name]}
                        </button>
                    ))}
                </nav>
            </header>
            <main id="content" tabIndex={-1}>{hasToken() ? <View /> : <Login />}</main>
        </>
    )
}

// A file that misses its place must not take the page's.
for (const name of ['dragover', 'drop']) addEventListener(name, event => event.preventDefault())

render(<Page />, document.body)
