// Buttons in a row, each of which opens a panel below; one is open at a time.
import { useSignal } from '@preact/signals'
import { useId } from 'preact/hooks'

// `panels`: [{ key, label, content: () => what is inside }]; `name` says to screen readers of what they are;
// `open` is a signal of the key of the open one, if others open them too.
export function Panels({ panels, name, open: given }) {
    const own = useSignal(null)
    const open = given ?? own
    const id = useId()
    const shown = panels.find(panel => panel.key === open.value)
    return (
        <div class="panels">
            <div class="buttons">
                {panels.map(({ key, label }) => (
                    <button
                        key={key}
                        type="button"
                        class="light"
                        aria-expanded={open.value === key}
                        aria-controls={open.value === key ? id : undefined}
                        aria-label={`${label}: ${name}`}
                        data-testid={`panel-${key}`}
                        onClick={() => (open.value = open.value === key ? null : key)}
                    >
                        {label}
                    </button>
                ))}
            </div>
            {shown && (
                <div id={id} class="panel" key={shown.key}>
                    {shown.content()}
                </div>
            )}
        </div>
    )
}
