// Live: the tail as a list, newest first, of which only the visible rows are in the page.
import { session } from './session.js';
import { LIMIT, mayTail, tail } from './tail.js';
import { Empty, Same, State, Time, curl, html, quote, useEffect, useForm, useRef, useState } from './parts.js';
import { link } from './route.js';

const ROW = 32; // px, as in console.css
const kinds = ['delivery', 'link', 'endpoint', 'roster', 'outbox', 'room', 'hook', 'command', 'http'];

/** What a row says besides its time and state. */
function told({ kind, data: d }) {
  const some = (...all) => all.filter((v) => v !== undefined && v !== null && v !== '').join(' ');
  switch (kind) {
    case 'delivery': {
      const a = d.attempt;
      const tried = a && a.n ? some(`attempt ${a.n}:`, a.status, a.duration_ms !== undefined && `${Math.round(a.duration_ms)} ms`, a.error, a.note) : '';
      return some(d.endpoint, d.type, `${d.from} → ${d.to}`, tried, d.reason);
    }
    case 'link': return some(d.component, d.reason);
    case 'endpoint': return some(d.endpoint, d.reason);
    case 'roster': return some(d.user, d.detail);
    case 'outbox': return some(d.component, `${d.count} stanzas, ${d.bytes} bytes`);
    case 'room': return some(d.room, d.from, d.condition);
    case 'hook': return some(d.hook, d.adapter, d.messages === 1 ? '1 message' : `${d.messages} messages`);
    case 'command': return some(d.command, `${d.from} → ${d.bot}`, d.room ? `in ${d.room}` : '', d.step > 0 ? `step ${d.step}` : '', `${Math.round(d.ms)} ms`, d.reason);
    case 'http': return some(d.token, d.method, d.route, d.ms !== undefined && `${Math.round(d.ms)} ms`);
    case 'gap': return `${d.lost} events are missing here`;
  }
  return JSON.stringify(d);
}

function stateOf({ kind, data: d }) { return String(d.state ?? d.result ?? d.status ?? kind); }

/** @param {import('./tail.js').Row} row */
function shows(row, { kind, endpoint, jid }) {
  const d = row.data;
  if (row.kind === 'gap') return true;
  if (kind && row.kind !== kind) return false;
  if (endpoint && d.endpoint !== endpoint) return false;
  if (!jid) return true;
  const text = jid.toLowerCase();
  return [d.from, d.to, d.user, d.room, d.bot].some((a) => typeof a === 'string' && a.toLowerCase().includes(text));
}

export function Live({ query }) {
  const { values, bind } = useForm({ kind: query.kind || '', endpoint: query.endpoint || '', jid: query.jid || '' });
  const [paused, pause] = useState(false);
  const [, tick] = useState(0);
  const frozen = useRef(/** @type {any} */ (null));
  useEffect(() => tail.subscribe(() => tick((n) => n + 1)), []);
  useEffect(() => { tail.show(values.kind === 'http'); return () => tail.show(false); }, [values.kind === 'http']);
  const toggle = () => {
    frozen.current = paused ? null : { rows: tail.rows.slice(), count: tail.count };
    pause(!paused);
  };
  const source = frozen.current ? frozen.current.rows : tail.rows;
  const rows = [];
  for (let i = source.length - 1; i >= 0 && rows.length < LIMIT; i--) if (shows(source[i], values)) rows.push(source[i]);
  const missed = frozen.current ? tail.count - frozen.current.count : 0;
  const state = tail.state === 'live' ? (paused ? `paused; ${missed} new` : 'live') : tail.state;
  const filters = { ...(values.kind && { kinds: values.kind }), ...(values.endpoint && { endpoint: values.endpoint }), ...(values.jid.includes('.') && { jid: values.jid }) };
  return html`<h1>Live</h1>
    <form class="filters" onSubmit=${(e) => e.preventDefault()}>
      <label>Address <input type="search" data-testid="live-filter-jid" placeholder="juliet@example.com" ...${bind('jid')} /></label>
      <label>Endpoint <input type="search" ...${bind('endpoint')} /></label>
      <label>Kind <select ...${bind('kind')}><option value="">all but http</option>${kinds.map((k) => html`<option value=${k}>${k}</option>`)}</select></label>
      <button type="button" data-testid="live-pause" aria-pressed=${paused ? 'true' : 'false'} onClick=${toggle}>${paused ? 'Go on' : 'Pause'}</button>
      <span role="status" class="hint">${state}</span>
    </form>
    ${rows.length === 0 && html`<${Empty}>Nothing yet. Each change of an event, a link, an endpoint, a roster or a room, and each request to a hook or for a command, is a line here, as it happens.
      Write to your bot from a client, or <a href=${link('send')}>send a message</a>.</${Empty}>`}
    <${Rows} rows=${rows} />
    <${Same} lines=${[['curl', curl('GET', 'v1/tail' + (Object.keys(filters).length ? '?' + new URLSearchParams(filters) : '')).replace('curl', 'curl -N')],
      ['stanzahook', ['stanzahook tail', filters.endpoint && '--endpoint ' + quote(filters.endpoint), filters.jid && '--jid ' + quote(filters.jid)].filter(Boolean).join(' ')]]} />`;
}

/** A list of which only what is visible is rendered. */
function Rows({ rows }) {
  const box = useRef(/** @type {any} */ (null));
  const [view, see] = useState({ top: 0, height: 600 });
  const first = useRef(0);
  useEffect(() => {
    const measure = () => see({ top: box.current.scrollTop, height: box.current.clientHeight });
    measure();
    addEventListener('resize', measure);
    return () => removeEventListener('resize', measure);
  }, []);
  // Who has scrolled down keeps what is in view.
  useEffect(() => {
    const newest = rows.length ? rows[0].n : 0;
    if (first.current && newest > first.current && box.current.scrollTop > ROW) {
      const added = rows.findIndex((r) => r.n <= first.current);
      if (added > 0) box.current.scrollTop += added * ROW;
    }
    first.current = newest;
  });
  const from = Math.max(0, Math.floor(view.top / ROW) - 10);
  const to = Math.min(rows.length, Math.ceil((view.top + view.height) / ROW) + 10);
  return html`<div class="rows" tabindex="0" role="region" aria-label="Events, newest first" hidden=${rows.length === 0} ref=${box}
      onScroll=${(e) => see({ top: e.currentTarget.scrollTop, height: e.currentTarget.clientHeight })}>
    <div class="all" style=${{ height: `${rows.length * ROW}px` }}>
      ${rows.slice(from, to).map((row, i) => html`<${Row} key=${row.n} row=${row} top=${(from + i) * ROW} />`)}
    </div></div>`;
}

function Row({ row, top }) {
  const text = told(row), state = stateOf(row), d = row.data;
  const inside = html`<${Time} of=${row.data.time} /><${State} state=${state} /><span class="kind">${row.kind}</span><span class="text" title=${text}>${text}</span>`;
  const same = { class: 'live-row', 'data-testid': 'live-row', 'data-kind': row.kind, 'data-state': state, 'data-id': row.id, style: { transform: `translateY(${top}px)` } };
  if (row.kind === 'delivery' && row.id && mayTail()) return html`<a href=${link('deliveries', row.id)} ...${same}>${inside}</a>`;
  if (row.kind === 'endpoint' && row.data.endpoint) return html`<a href=${link('endpoints', row.data.endpoint)} ...${same}>${inside}</a>`;
  if (row.kind === 'roster' && row.data.user && session.can('roster', 'read')) return html`<a href=${link('rosters', row.data.user)} ...${same}>${inside}</a>`;
  if (row.kind === 'room' && d.room && session.can('rooms', 'send', 'read', 'admin')) return html`<a href=${link('rooms', d.room, { from: d.from })} ...${same}>${inside}</a>`;
  if (row.kind === 'hook' && d.hook && session.can('admin')) return html`<a href=${link('hooks', d.hook)} ...${same}>${inside}</a>`;
  if (row.kind === 'command' && d.command && session.can('admin')) return html`<a href=${link('commands', d.command)} ...${same}>${inside}</a>`;
  return html`<div ...${same}>${inside}</div>`;
}
