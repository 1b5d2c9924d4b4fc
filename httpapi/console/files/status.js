// Status: one sentence, then a card for each thing that can be well or not.
import { call, get, query, session } from './session.js';
import { Action, Empty, Failure, Same, State, Time, ago, bytes, count, curl, html, span, useEffect, useLoad, useState, useTail } from './parts.js';
import { Chart, Spark } from './chart.js';
import { link } from './route.js';
import { Advice, why } from './rooms.js';
import { fails } from './hooks.js';

const SHOWN = 60; // cards of endpoints; the rest on request
const SPARKS = 24; // of which so many have a line
const ranks = { open: 0, failing: 1, disabled: 2 };

/** The worst that is to say, in the words of /readyz. */
export function sentence(st) {
  const said = [];
  for (const l of st.links) if (l.state !== 'up') said.push(`component ${l.component}: ${l.reason || l.state}`);
  if (st.store.full) said.push(st.store.reason || 'the store is full');
  const bad = worstFirst(st.endpoints).filter((e) => e.state === 'open' || e.state === 'failing');
  if (bad.length > 0) {
    const e = bad[0];
    said.push(`endpoint ${e.name} ${e.state === 'open' ? 'does not work' : 'fails'}: ${e.last_error?.error || e.reason || e.state}` + (bad.length > 1 ? `; and ${bad.length - 1} more` : ''));
  }
  const off = st.endpoints.filter((e) => e.state === 'disabled' && e.queued > 0);
  if (off.length > 0) said.push(`endpoint ${off[0].name} is disabled, and ${count(off[0].queued, 'event')} wait`);
  return said;
}

function worstFirst(all) { return [...all].sort((a, b) => (ranks[a.state] ?? 3) - (ranks[b.state] ?? 3)); }

export function Status() {
  const { value: st, error, reload } = useLoad((s) => get('v1/status', s), [], 2000);
  useTail((row) => row.kind === 'endpoint' || row.kind === 'link' || row.kind === 'delivery', reload, [], 1000);
  if (!st) return html`<h1>Status</h1><${Failure} error=${error} />`;
  const said = sentence(st);
  return html`
    <h1>Status</h1>
    <p class="sentence" data-testid="status-sentence" data-tone=${said.length ? 'bad' : 'good'} aria-live="polite">${said[0] || 'All well'}</p>
    ${said.length > 1 && html`<ul class="also">${said.slice(1).map((s) => html`<li>${s}</li>`)}</ul>`}
    <${Failure} error=${error} />
    <${Endpoints} all=${st.endpoints} removed=${st.removed_endpoints} />
    <${Rates} />
    <section aria-labelledby="links"><h2 id="links">Links</h2><div class="cards">
      ${st.links.map((l) => html`<article class="card" key=${l.component} data-tone=${l.state === 'up' ? 'good' : 'bad'}>
        <h3>${l.component}</h3><${State} state=${l.state} />
        <p>${l.server}, since <${Time} of=${l.since} /></p>
        ${l.reason && html`<p class="why">${l.reason}</p>`}
        ${Object.entries(l.privileges || {}).map(([host, granted]) => html`<p class="hint">${host}: ${granted}</p>`)}
        ${st.outbox.filter((o) => o.component === l.component).map((o) => html`<p>Outbox: ${count(o.waiting, 'stanza')} wait${o.expired ? `, ${o.expired} expired` : ''}</p>`)}
      </article>`)}
    </div></section>
    <section aria-labelledby="rest"><h2 id="rest">Store and rosters</h2><div class="cards">
      <article class="card" data-tone=${st.store.full ? 'bad' : 'good'}><h3>Store</h3><${State} state=${st.store.full ? 'full' : 'ok'} />
        <p>${bytes(st.store.bytes)} of ${bytes(st.store.max_bytes)}</p>
        <meter min="0" max="1" high="0.8" value=${st.store.max_bytes ? st.store.bytes / st.store.max_bytes : 0} aria-label="used">${bytes(st.store.bytes)}</meter>
        ${st.store.reason && html`<p class="why">${st.store.reason}</p>`}</article>
      ${st.rosters.map((r) => html`<article class="card" key=${r.host}><h3>Rosters of ${r.host}</h3>
        <p>${r.backend || 'no backend yet'}${r.running ? `, ${r.running} running` : ''}</p>
        ${r.reason && html`<p class="hint">${r.reason}</p>`}
        <p>${Object.entries(r.refreshed || {}).filter(([, n]) => n).map(([result, n]) => `${n} ${result}`).join(', ') || 'none refreshed yet'}</p></article>`)}
    </div></section>
    <${Rooms} counts=${st.rooms} />
    <${Hooks} />
    <${Tools} />
    <p class="hint">stanzahook ${st.version}, running for ${span(st.uptime_s)}</p>`;
}

function Endpoints({ all, removed }) {
  const [every, showEvery] = useState(false);
  const sorted = worstFirst(all);
  const shown = every ? sorted : sorted.slice(0, SHOWN);
  const mayOpen = session.can('read', 'admin');
  return html`<section aria-labelledby="endpoints"><h2 id="endpoints">Endpoints</h2>
    ${all.length === 0 && html`<${Empty}>No endpoint yet. Write one under <code>endpoints:</code> in the configuration, and reload it: what users write to your component is then sent to your bot.</${Empty}>`}
    <div class="cards">${shown.map((e, i) => html`<article class="card" key=${e.name} data-testid="endpoint-card" data-endpoint=${e.name} data-state=${e.state} data-tone=${{ ok: 'good', failing: 'bad', open: 'bad' }[e.state] || 'calm'}>
      <h3>${mayOpen ? html`<a href=${link('endpoints', e.name)}>${e.name}</a>` : e.name}</h3><${State} state=${e.state} />
      <p><span data-testid="queue" data-value=${e.queued}>${e.queued.toLocaleString()}</span> queued${e.oldest ? `, oldest ${ago(e.oldest)}` : ''}${e.in_flight ? `, ${e.in_flight} in flight` : ''}</p>
      ${e.dead_letters > 0 && html`<p>${mayOpen ? html`<a href=${link('deliveries', '', { endpoint: e.name, state: 'dead' })}>${count(e.dead_letters, 'dead letter')}</a>` : count(e.dead_letters, 'dead letter')}</p>`}
      ${e.reason && e.reason !== e.last_error?.error && html`<p class="why">${e.reason}</p>`}
      ${e.paused_until && html`<p class="hint">next attempt <${Time} of=${e.paused_until} /></p>`}
      ${e.last_error && html`<p class=${e.state === 'ok' ? 'hint' : 'why'}>Last error <${Time} of=${e.last_error.time} />: ${e.last_error.status ? e.last_error.status + ' ' : ''}${e.last_error.error}</p>`}
      ${mayOpen && i < SPARKS && html`<${Spark} endpoint=${e.name} />`}
    </article>`)}</div>
    ${shown.length < all.length && html`<button type="button" onClick=${() => showEvery(true)}>Show all ${all.length}</button>`}
    ${(removed || []).length > 0 && html`<p class="hint">Not in the configuration any more, with events that wait: ${removed.map((r) => `${r.name} (${r.queued})`).join(', ')}</p>`}
  </section>`;
}

function Rates() {
  if (!session.can('read', 'admin')) return null;
  const { value } = useLoad((s) => get('v1/summary' + query({ range: '1h' }), s), [], 30000);
  if (!value) return null;
  return html`<section aria-labelledby="rates"><h2 id="rates">The last hour</h2><${Chart} items=${value.items} /></section>`;
}

const states = ['joined', 'joining', 'waiting', 'refused'];

/** The rooms as a card, and each in which a bot should be and is not. */
function Rooms({ counts }) {
  const may = session.can('rooms', 'send', 'read', 'admin');
  const { value, error, reload } = useLoad(async (s) => (may ? get('v1/rooms', s) : null), [], 15000);
  useTail((row) => row.kind === 'room', reload, [], 1000);
  const all = value?.items;
  const n = all ? Object.fromEntries(states.map((s) => [s, all.filter((r) => r.state === s).length])) : counts;
  if (!n) return html`<${Failure} error=${error} />`;
  const out = (all || []).filter((r) => r.state === 'refused' || r.state === 'waiting');
  return html`<section aria-labelledby="rooms"><h2 id="rooms">Rooms</h2><${Advice} /><div class="cards">
    <article class="card" data-testid="rooms-card" data-tone=${n.refused ? 'bad' : n.waiting ? 'warn' : 'good'} ...${Object.fromEntries(states.map((s) => ['data-' + s, n[s]]))}>
      <h3>${may ? html`<a href=${link('rooms')}>Bots in rooms</a>` : 'Bots in rooms'}</h3>
      <p>${states.filter((s) => n[s] || s === 'joined').map((s) => `${n[s]} ${s}`).join(', ')}</p>
      ${all && all.length === 0 && html`<p class="hint">A bot that is kept in a room answers there, too.</p>`}</article>
    ${out.slice(0, 12).map((r) => html`<article class="card" key=${r.room + r.from} data-testid="room-card" data-room=${r.room} data-state=${r.state} data-tone=${r.state === 'refused' ? 'bad' : 'warn'}>
      <h3><a href=${link('rooms', r.room, { from: r.from })}>${r.room}</a></h3><${State} state=${r.state} /><p>${r.from}</p><p class="why">${why(r)}</p></article>`)}
    ${out.length > 12 && html`<p><a href=${link('rooms')}>and ${out.length - 12} more</a></p>`}
  </div></section>`;
}

/** The hooks as a card, and each whose latest request went wrong. */
function Hooks() {
  const may = session.can('admin');
  const { value, reload } = useLoad(async (s) => (may ? get('v1/hooks', s) : null), [], 15000);
  useTail((row) => row.kind === 'hook', reload, [], 1000);
  if (!value) return null;
  const all = value.items, sum = (k) => all.reduce((n, h) => n + h[k], 0), bad = all.filter(fails);
  return html`<section aria-labelledby="hooks"><h2 id="hooks">Hooks</h2><div class="cards">
    <article class="card" data-testid="hooks-card" data-hooks=${all.length} data-requests=${sum('count')} data-failed=${sum('failed')} data-tone=${bad.length ? 'warn' : 'good'}>
      <h3><a href=${link('hooks')}>${count(all.length, 'hook')}</a></h3>
      ${all.length === 0 ? html`<p class="hint">An address for another tool, whose requests become messages.</p>` : html`<p>${count(sum('count'), 'request')}, ${sum('failed')} failed</p>`}</article>
    ${bad.slice(0, 12).map((h) => html`<article class="card" key=${h.name} data-testid="hook-card" data-hook=${h.name} data-tone="bad">
      <h3><a href=${link('hooks', h.name)}>${h.name}</a></h3><p>${h.adapter}</p><p class="why"><${Time} of=${h.last_error.time} /> ${h.last_error.error}</p></article>`)}
  </div></section>`;
}

function Tools() {
  const [checked, set] = useState(/** @type {any} */ (null));
  if (!session.can('admin')) return null;
  return html`<section aria-labelledby="tools"><h2 id="tools">Check</h2>
    <div class="row"><${Action} act=${async () => set(await call('POST', 'v1/check', { body: {} }))}>Check everything</${Action}><${Reload} /></div>
    ${checked && html`<table><thead><tr><th>What</th><th>Of</th><th>Verdict</th><th>Found</th></tr></thead><tbody>
      ${checked.checks.map((c) => html`<tr><td>${c.what}</td><td>${c.subject}</td><td><${State} state=${c.verdict} /></td><td>${c.found}${c.advice && html`<br /><span class="hint">${c.advice}</span>`}</td></tr>`)}
    </tbody></table>`}
    <${Same} lines=${[['curl', curl('POST', 'v1/check', {})], ['stanzahook', 'stanzahook check --live'], ...reloadLines()]} />
  </section>`;
}

/** What reloads the configuration by other means. */
export function reloadLines() { return [['curl to reload', curl('POST', 'v1/reload', {})], ['stanzahook to reload', 'stanzahook reload']]; }

/** Reloads the configuration. The lines of one that was rejected are shown. */
export function Reload() {
  const [done, set] = useState(/** @type {any} */ (null));
  const act = async () => { set(null); set(await call('POST', 'v1/reload', { body: {} })); };
  return html`<${Action} act=${act}>Reload the configuration</${Action}>
    ${done && html`<span role="status">${done.changed.length ? 'Reloaded; changed: ' + done.changed.join(', ') : 'Reloaded; nothing has changed'}</span>`}`;
}
