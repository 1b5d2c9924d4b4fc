// A question before what cannot be taken back.
import { Same, html, useEffect, useRef, useState } from './parts.js';

/** @type {((q: {text: string, button: string, lines: Array<[string, string]>, resolve: (yes: boolean) => void}) => void)|null} */
let open = null;

/**
 * Asks, and returns whether the answer was yes. lines do the same by other means.
 * @param {string} text
 * @param {string} button
 * @param {Array<[string, string]>} [lines]
 * @returns {Promise<boolean>}
 */
export function confirm(text, button, lines = []) {
  return new Promise((resolve) => { if (open) open({ text, button, lines, resolve }); else resolve(false); });
}

export function Confirm() {
  const [asked, ask] = useState(/** @type {any} */ (null));
  const dialog = useRef(/** @type {any} */ (null));
  useEffect(() => { open = ask; return () => { open = null; }; }, []);
  useEffect(() => { if (asked && !dialog.current.open) dialog.current.showModal(); }, [asked]);
  if (!asked) return null;
  const end = (yes) => { ask(null); asked.resolve(yes); };
  return html`<dialog ref=${dialog} onCancel=${() => end(false)} aria-labelledby="confirm-text">
    <p id="confirm-text" data-testid="confirm-text">${asked.text}</p>
    <div class="row">
      <button type="button" onClick=${() => end(false)}>Cancel</button>
      <button type="button" data-testid="confirm" data-tone="bad" onClick=${() => end(true)}>${asked.button}</button>
    </div>
    ${asked.lines.length > 0 && html`<${Same} lines=${asked.lines} />`}
  </dialog>`;
}
