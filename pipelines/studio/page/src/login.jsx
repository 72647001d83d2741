// For who came without a token: where to find it, and the place for a password where the studio asks for one.
import { useSignal } from '@preact/signals'
import { keepToken, post } from './api.js'
import { Field } from './parts/fields.jsx'
import { texts } from './texts.js'

const words = texts.login

export function Login() {
    const error = useSignal('')
    const enter = async event => {
        event.preventDefault()
        try {
            keepToken((await post('/api/login', { password: new FormData(event.target).get('password') })).token)
            location.reload()
        } catch (refused) {
            error.value = refused.message || texts.noServer
        }
    }
    return (
        <section aria-labelledby="login-title">
            <p>{texts.noToken}</p>
            <h2 id="login-title">{words.title}</h2>
            <p class="quiet">{words.intro}</p>
            <form class="fields" onSubmit={enter}>
                <Field label={words.password}>
                    {given => (
                        <input
                            {...given}
                            name="password"
                            type="password"
                            autocomplete="current-password"
                            required
                            data-testid="password"
                        />
                    )}
                </Field>
                <div class="buttons">
                    <button class="main" type="submit">
                        {words.enter}
                    </button>
                </div>
            </form>
            <p role="alert" class="error">
                {error.value}
            </p>
        </section>
    )
}
