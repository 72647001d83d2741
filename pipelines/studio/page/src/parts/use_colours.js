// Tells canvases to draw themselves anew when the page becomes dark or light.
import { signal } from '@preact/signals'

const query = matchMedia('(prefers-color-scheme: dark)')
const isDark = signal(query.matches)
query.addEventListener('change', event => (isDark.value = event.matches))

export const useColours = () => isDark.value
