// Labelled fields and what else forms are made of.
import { useSignal } from '@preact/signals'
import { useId } from 'preact/hooks'
import { texts } from '../texts.js'

// A label above a control, a hint below it. `children` is called with what the control must have.
export function Field({ label, hint, children, class: className = '' }) {
    const id = useId()
    return (
        <div class={`field ${className}`}>
            <label for={id}>{label}</label>
            {children({ id, 'aria-describedby': hint ? `${id}-hint` : undefined })}
            {hint && (
                <small id={`${id}-hint`} class="quiet">
                    {hint}
                </small>
            )}
        </div>
    )
}

// `value` is a signal of a number or null for an empty field.
export function NumberField({ label, hint, value, min, max, step = 1, placeholder, testId, class: className }) {
    const read = event => (value.value = event.target.value === '' ? null : Number(event.target.value))
    return (
        <Field label={label} hint={hint} class={className}>
            {given => (
                <input
                    {...given}
                    type="number"
                    inputmode="decimal"
                    min={min}
                    max={max}
                    step={step}
                    placeholder={placeholder}
                    value={value.value ?? ''}
                    data-testid={testId}
                    onInput={read}
                />
            )}
        </Field>
    )
}

// `choices`: [[value, words]]; `value` is a signal.
export function Choice({ label, hint, value, choices, testId, onChange, class: className }) {
    return (
        <Field label={label} hint={hint} class={className}>
            {given => (
                <select
                    {...given}
                    value={value.value}
                    data-testid={testId}
                    onChange={event => {
                        value.value = choices.find(([one]) => String(one) === event.target.value)[0]
                        onChange?.(value.value)
                    }}
                >
                    {choices.map(([one, words]) => (
                        <option key={one} value={one} selected={one === value.value}>
                            {words}
                        </option>
                    ))}
                </select>
            )}
        </Field>
    )
}

// A box to tick; `value` is a signal of true or false.
export function Tick({ label, hint, value, testId }) {
    const id = useId()
    return (
        <div class="field tick">
            <label for={id}>
                <input
                    id={id}
                    type="checkbox"
                    checked={value.value}
                    data-testid={testId}
                    aria-describedby={hint ? `${id}-hint` : undefined}
                    onChange={event => (value.value = event.target.checked)}
                />
                <span>{label}</span>
            </label>
            {hint && (
                <small id={`${id}-hint`} class="quiet">
                    {hint}
                </small>
            )}
        </div>
    )
}

// More, for those who ask for it. `name` says to screen readers of what.
export function Disclosure({ label, name, children, testId }) {
    return (
        <details class="more" data-testid={testId}>
            <summary aria-label={name ? `${label}: ${name}` : undefined}>{label}</summary>
            <div class="more-inside">{children}</div>
        </details>
    )
}

// Text to copy: a command line, code.
export function Copyable({ label, text }) {
    const copied = useSignal('')
    const copy = async () => {
        try {
            await navigator.clipboard.writeText(text)
            copied.value = texts.parts.copied
        } catch {
            copied.value = texts.parts.notCopied
        }
        setTimeout(() => (copied.value = ''), 3000)
    }
    return (
        <figure class="copyable">
            <figcaption>{label}</figcaption>
            <pre tabIndex={0} aria-label={label}>
                {text}
            </pre>
            <button aria-label={texts.parts.copyOf(label)} onClick={copy}>
                {texts.parts.copy}
            </button>
            <span role="status" class="quiet">
                {copied.value}
            </span>
        </figure>
    )
}
