// The options of a model's family, as the server tells them: a new family needs nothing here.
import { Field, Tick } from '../parts/fields.jsx'
import { texts } from '../texts.js'
import { fields } from './state.js'

const words = texts.make.form

export function MoreOptions({ options }) {
    return (
        <div class="fields options">
            {options.map(option => (
                <Option key={option.name} option={option} />
            ))}
        </div>
    )
}

function Option({ option }) {
    const label = option.label ?? option.name.replaceAll('_', ' ').replace(/^./, first => first.toUpperCase())
    const value = {
        get value() {
            return fields.more.value[option.name]
        },
        set value(typed) {
            fields.more.value = { ...fields.more.value, [option.name]: typed }
        },
    }
    if (option.kind === 'bool') {
        const ticked = {
            get value() {
                return value.value ?? option.default ?? false
            },
            set value(on) {
                value.value = on
            },
        }
        return <Tick label={label} hint={option.help} value={ticked} testId={`option-${option.name}`} />
    }
    // A number that may be the word 'auto' is typed as text.
    const isNumber = option.kind !== 'str' && !option.auto
    return (
        <Field label={label} hint={option.help}>
            {given => (
                <input
                    {...given}
                    type={isNumber ? 'number' : 'text'}
                    inputmode={option.kind === 'str' ? undefined : 'decimal'}
                    step={option.kind === 'int' ? 1 : 'any'}
                    max={isNumber && option.most !== null ? option.most : undefined}
                    placeholder={option.default === null || option.default === '' ? words.none : String(option.default)}
                    value={value.value ?? ''}
                    data-testid={`option-${option.name}`}
                    onInput={event => (value.value = event.target.value)}
                />
            )}
        </Field>
    )
}
