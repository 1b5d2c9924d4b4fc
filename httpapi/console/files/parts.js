// Parts that pages share. Text from elsewhere goes into text nodes and attributes only.
import { html, useCallback, useEffect, useRef, useState } from './vendored/htm-preact-3.1.1.js';
import { Gone, Problem, address, changed, session } from './session.js';
import { tail } from './tail.js';

export { html, useCallback, useEffect, useRef, useState };

/** Renders again when the session changes. */
export function useSession() {
  const [, set] = useState(0);
  useEffect(() => changed.subscribe(() => set((n) => n + 1)), []);
  return session;
}

/**
 * Loads something now, every so many milliseconds, and when reload is called. The last
 * value stays while the server is gone.
 * @param {(signal: AbortSignal) => Promise<any>} load
 * @param {any[]} inputs
 * @param {number} [every] 0: once
 */
export function useLoad(load, inputs, every = 0) {
  const [state, set] = useState(/** @type {{value: any, error: any, loading: boolean}} */ ({ value: null, error: null, loading: true }));
  const kick = useRef(() => {});
  useEffect(() => {
    const stop = new AbortController();
    let timer = 0, running = false, again = false, fails = 0;
    set((s) => ({ value: null, error: null, loading: true }));
    const go = async () => {
      if (running) { again = true; return; }
      clearTimeout(timer);
      running = true;
      try {
        const value = await load(stop.signal);
        fails = 0;
        if (!stop.signal.aborted) set({ value, error: null, loading: false });
      } catch (error) {
        fails++;
        if (!stop.signal.aborted) set((s) => ({ value: s.value, error, loading: false }));
      }
      running = false;
      if (stop.signal.aborted) return;
      if (again) { again = false; go(); return; }
      // A hidden tab asks seldom; one whose server is gone asks ever more seldom.
      const wait = fails ? Math.min(500 * 2 ** fails, 10000) : document.hidden ? every * 10 : every;
      if (every) timer = setTimeout(go, wait);
    };
    kick.current = go;
    go();
    return () => { stop.abort(); clearTimeout(timer); };
  }, inputs);
  return { ...state, reload: useCallback(() => kick.current(), []) };
}

/**
 * Calls f for tail events that match, once in so many milliseconds at most.
 * @param {(row: import('./tail.js').Row) => boolean} match
 * @param {() => void} f
 * @param {any[]} inputs
 * @param {number} [pause]
 */
export function useTail(match, f, inputs, pause = 500) {
  useEffect(() => {
    let timer = 0, last = 0;
    const end = tail.subscribe((fresh) => {
      if (timer || !fresh.some(match)) return;
      timer = setTimeout(() => { timer = 0; last = Date.now(); f(); }, Math.max(0, pause - (Date.now() - last)));
    });
    return () => { end(); clearTimeout(timer); };
  }, inputs);
}

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const dayClock = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit' });

/** A time of this place; UTC on hover. @param {{of?: string|null}} p */
export function Time({ of }) {
  if (!of) return html`<span class="none">–</span>`;
  const t = new Date(of);
  if (Number.isNaN(t.getTime())) return html`<span>${String(of)}</span>`;
  const today = t.toDateString() === new Date().toDateString();
  return html`<time datetime=${t.toISOString()} title=${t.toISOString()}>${(today ? clock : dayClock).format(t)}</time>`;
}

/** How long ago. @param {string|null|undefined} of */
export function ago(of) {
  if (!of) return '–';
  return span((Date.now() - new Date(of).getTime()) / 1000);
}

/** @param {number} s seconds */
export function span(s) {
  s = Math.max(0, Math.round(s));
  if (s < 120) return `${s} s`;
  if (s < 7200) return `${Math.round(s / 60)} min`;
  if (s < 172800) return `${Math.round(s / 3600)} h`;
  return `${Math.round(s / 86400)} d`;
}

/** @param {number} n bytes */
export function bytes(n) {
  for (const unit of ['B', 'KiB', 'MiB', 'GiB']) {
    if (n < 1024 || unit === 'GiB') return `${unit === 'B' ? n : n.toFixed(1)} ${unit}`;
    n /= 1024;
  }
  return '';
}

/** @param {number} n @param {string} one @param {string} [many] */
export function count(n, one, many = one + 's') { return `${n.toLocaleString()} ${n === 1 ? one : many}`; }

/** A word for a state, with its colour. @param {{state: any}} p */
export function State({ state }) {
  const word = String(state ?? '–');
  return html`<span class="state" data-tone=${tone(word)}>${word}</span>`;
}

const tones = {
  good: ['ok', 'up', 'delivered', 'confirmed', 'applied', 'unchanged', 'done', 'granted', 'joined', 'sent', 'echoed', 'received', 'displayed'],
  bad: ['open', 'down', 'dead', 'bounced', 'error', 'fail', 'rejected', 'shared', 'failing', 'expired', 'forbidden', 'source-error', 'no-such-user', 'timeout', 'refused', 'failed', 'returned'],
  warn: ['retrying', 'warn', 'degraded', 'connecting', 'full', 'gap', 'waiting', 'joining', 'queued', 'partly'],
};

/** @param {string} word */
export function tone(word) {
  if (/^[1-5]\d\d$/.test(word)) return word < '400' ? 'good' : 'bad';
  for (const [t, words] of Object.entries(tones)) if (words.includes(word)) return t;
  return 'calm';
}

/** What went wrong, with the lines of a rejected configuration. @param {{error: any, id?: string}} p */
export function Failure({ error, id }) {
  if (!error) return null;
  if (error instanceof Gone) return html`<p class="failure" role="alert">The server does not answer. What is shown is what it said last.</p>`;
  const problems = error instanceof Problem && Array.isArray(error.body.problems) ? error.body.problems : [];
  return html`<div class="failure" role="alert" data-testid=${id}>
    <p>${error instanceof Error ? error.message : String(error)}</p>
    ${problems.length > 0 && html`<ul>${problems.map((p) => html`<li>${String(p)}</li>`)}</ul>`}
  </div>`;
}

/** What is not there yet, and how it comes. */
export function Empty({ children }) { return html`<p class="empty">${children}</p>`; }

/** A button that does something and waits for it. Its error stands beside it. */
export function Action({ testid, act, children, tone: t, disabled, ...rest }) {
  const [state, set] = useState(/** @type {{busy: boolean, error: any}} */ ({ busy: false, error: null }));
  const alive = useRef(true);
  useEffect(() => () => { alive.current = false; }, []);
  const run = async () => {
    set({ busy: true, error: null });
    let error = null;
    try { await act(); } catch (e) { error = e; }
    if (alive.current) set({ busy: false, error });
  };
  return html`<span class="action">
    <button type="button" data-testid=${testid} data-tone=${t} disabled=${state.busy || disabled} aria-busy=${state.busy ? 'true' : undefined} onClick=${run} ...${rest}>${children}</button>
    <${Failure} error=${state.error} />
  </span>`;
}

/** Quotes an argument for a shell. @param {any} text */
export function quote(text) {
  const s = String(text);
  return /^[A-Za-z0-9_./:@%+=,-]+$/.test(s) ? s : `'${s.replaceAll("'", `'\\''`)}'`;
}

/**
 * The curl line of a request to the API.
 * @param {string} method @param {string} path @param {any} [body]
 * @param {string[]} [form] the parts of a form, in place of body
 */
export function curl(method, path, body, form = []) {
  const parts = ['curl'];
  if (method !== 'GET' && !(method === 'POST' && (body !== undefined || form.length))) parts.push('-X ' + method);
  parts.push(quote(address(path)));
  if (!session.open) parts.push('-H "Authorization: Bearer $TOKEN"');
  if (body !== undefined) parts.push('-d ' + quote(JSON.stringify(body)));
  for (const part of form) parts.push('-F ' + quote(part));
  return parts.join(' ');
}

/** The same by other means: lines to copy. @param {{lines: Array<[string, string]>}} p */
export function Same({ lines }) {
  return html`<details class="same"><summary>copy as ${lines.map(([name]) => name).join(', ')}</summary>
    ${lines.map(([name, text]) => html`<div class="line" key=${name}><code tabindex="0">${text}</code><${CopyButton} text=${text} what=${name} /></div>`)}
  </details>`;
}

function CopyButton({ text, what }) {
  const [said, say] = useState('');
  if (!navigator.clipboard) return null; // not over plain HTTP from elsewhere: the line can be selected
  const copy = () => navigator.clipboard.writeText(text).then(() => say('copied'), () => say('select it and copy'));
  return html`<button type="button" class="small" onClick=${copy} aria-label=${'copy as ' + what}>${said || 'copy'}</button>`;
}

/** Shows text from elsewhere only when asked for. The text is not in the page before. @param {{children: () => any, testid?: string, label?: string}} p */
export function Reveal({ children, testid, label = 'Show' }) {
  const [shown, show] = useState(false);
  if (shown) return html`<div data-testid=${testid} data-shown="true">${children()}</div>`;
  return html`<button type="button" class="veil" data-testid=${testid} onClick=${() => show(true)}>${label}</button>`;
}

/** @param {{text: string}} p */
export function Source({ text }) { return html`<pre class="source" tabindex="0">${text}</pre>`; }

/** Pairs of a name and a value. */
export function Facts({ of }) {
  return html`<dl class="facts">${of.filter(Boolean).map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value ?? '–'}</dd></div>`)}</dl>`;
}

/** Sets one value of a form's state. */
export function useForm(initial) {
  const [values, set] = useState(initial);
  const bind = (name) => ({
    value: values[name],
    onInput: (e) => { const v = e.currentTarget.value; set((old) => ({ ...old, [name]: v })); },
  });
  return { values, set, bind };
}

/**
 * Calls change when a value has become another one, and not for the first: what somebody
 * types before effects run would be lost.
 * @param {any} value
 * @param {() => void} change
 */
export function useChange(value, change) {
  const was = useRef(value);
  useEffect(() => {
    if (was.current === value) return;
    was.current = value;
    change();
  });
}

/** Whether enough is the case to show a part that needs a scope. */
export function Lacks({ scopes }) {
  return html`<p class="empty">This token lacks the scope ${scopes.map((s, i) => html`${i > 0 && ' or '}<code>${s}</code>`)}. Log out, and log in with one that has it; <code>stanzahook token new</code> makes one.</p>`;
}
