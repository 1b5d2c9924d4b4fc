// Deliveries: a list with filters, by cursor; dead letters by reason; replaying and
// dropping many at once.
import { call, get, query as asQuery, session } from './session.js';
import { Action, Empty, Failure, Same, State, Time, ago, count, curl, html, quote, useChange, useForm, useLoad, useState, useTail } from './parts.js';
import { confirm } from './confirm.js';
import { go, link } from './route.js';

const LIMIT = 50;
const states = ['queued', 'retrying', 'delivered', 'dead', 'dropped'];
const none = { endpoint: '', state: '', jid: '', after: '', before: '', reason: '' };

export function Deliveries({ query }) {
  const { values, bind, set } = useForm({ ...none, ...query });
  const [cursors, turn] = useState(/** @type {string[]} */ ([]));
  // The hash has the filters, so that a link to them can be kept.
  useChange(JSON.stringify(query), () => { set({ ...none, ...query }); turn([]); });
  const apply = (e) => { e.preventDefault(); go(link('deliveries', '', values)); };
  const filter = pick({ ...none, ...query }, 'endpoint', 'jid', 'after', 'before');
  const state = query.state || '';
  const cursor = cursors[cursors.length - 1] || '';
  // Dead letters are kept for longer than the log of deliveries.
  const path = state === 'dead' ? 'v1/dead-letters' + asQuery({ ...filter, limit: LIMIT, cursor }) : 'v1/deliveries' + asQuery({ ...filter, state, limit: LIMIT, cursor });
  const { value, error, reload, loading } = useLoad((s) => get(path, s), [path], cursor ? 0 : 5000);
  useTail((row) => row.kind === 'delivery' && !cursor, reload, [cursor], 1500);
  const items = value?.items || [];
  return html`<h1>Deliveries</h1>
    <form class="filters" onSubmit=${apply}>
      <label>Endpoint <input type="search" ...${bind('endpoint')} /></label>
      <label>State <select value=${values.state} onChange=${(e) => go(link('deliveries', '', { ...values, state: e.currentTarget.value }))}><option value="">all</option>${states.map((s) => html`<option value=${s}>${s}</option>`)}</select></label>
      <label>Address <input type="search" placeholder="juliet@example.com" ...${bind('jid')} /></label>
      <label>After <input placeholder="2h, or 2026-11-20T18:00:00Z" ...${bind('after')} /></label>
      <label>Before <input placeholder="10m" ...${bind('before')} /></label>
      <button type="submit">Filter</button>
    </form>
    ${session.can('admin') && (state === '' || state === 'dead') && html`<${Bulk} filter=${filter} done=${reload} />`}
    <${Failure} error=${error} />
    ${state === 'dead' && session.can('admin') && html`<${Reasons} filter=${filter} />`}
    ${value && items.length === 0 && html`<${Empty}>${Object.keys(filter).length || state ? 'Nothing matches these filters.' : html`No event yet. Each message to an address of an endpoint is one; it stays here until <code>deliveries.keep</code> is over.`}</${Empty}>`}
    ${items.length > 0 && html`<div class="table" tabindex="0" aria-busy=${loading ? 'true' : undefined}><table>
      <thead><tr><th>State</th><th>Received</th><th>Endpoint</th><th>Type</th><th>From</th><th>To</th><th>Tries</th><th>Last</th></tr></thead>
      <tbody>${items.map((d) => html`<${Line} key=${d.id} of=${d} />`)}</tbody></table></div>`}
    <div class="row">
      <button type="button" disabled=${cursors.length === 0} onClick=${() => turn(cursors.slice(0, -1))}>Newer</button>
      <button type="button" disabled=${!value?.next} onClick=${() => turn([...cursors, value.next])}>Older</button>
    </div>
    <${Same} lines=${[['curl', curl('GET', path)], ['stanzahook', line('stanzahook deliveries list', { ...filter, state })]]} />`;
}

/** Keeps what is not empty. */
function pick(of, ...names) {
  /** @type {Record<string, string>} */
  const out = {};
  for (const n of names) if (of[n]) out[n] = of[n];
  return out;
}

function line(command, flags) { return [command, ...Object.entries(flags).filter(([, v]) => v).map(([k, v]) => `--${k} ${quote(v)}`)].join(' '); }

function Line({ of: d }) {
  const last = d.attempts[d.attempts.length - 1];
  const said = last ? [last.status, last.error, last.note].filter(Boolean).join(' ') : '';
  const open = (e) => { if (!(e.target instanceof Element && e.target.closest('a'))) go(link('deliveries', d.id)); };
  return html`<tr data-testid="delivery-row" data-id=${d.id} data-state=${d.state} class="link" onClick=${open}>
    <td><${State} state=${d.state} /></td><td class="tight"><a href=${link('deliveries', d.id)}><${Time} of=${d.received} /></a></td><td class="tight">${d.endpoint}</td><td class="tight">${d.type}</td>
    <td>${d.from}</td><td>${d.to}</td><td>${d.attempts.length}</td><td class="text" title=${said}>${d.reason || said}</td></tr>`;
}

/** Dead letters by reason: a hundred with one cause are one line. */
function Reasons({ filter }) {
  const { value, error } = useLoad((s) => get('v1/dead-letters' + asQuery({ ...filter, group: 'reason' }), s), [JSON.stringify(filter)], 15000);
  if (!value || value.items.length < 1) return html`<${Failure} error=${error} />`;
  return html`<section aria-labelledby="reasons"><h2 id="reasons">Why they are dead</h2><table><thead><tr><th>Count</th><th>Endpoint</th><th>Reason</th><th>Oldest</th></tr></thead>
    <tbody>${value.items.map((g) => html`<tr><td>${g.count}</td><td>${g.endpoint}</td><td>${g.reason}</td><td>${ago(g.oldest)} ago</td></tr>`)}</tbody></table></section>`;
}

/** Replays or drops all dead letters that the filters show. Their number is confirmed, and the server refuses if it is another by then. */
function Bulk({ filter, done }) {
  const [said, say] = useState('');
  const where = Object.entries(filter).map(([k, v]) => `${k} ${v}`).join(', ');
  const act = (verb, past) => async () => {
    say('');
    const groups = await get('v1/dead-letters' + asQuery({ ...filter, group: 'reason' }));
    const n = groups.items.reduce((sum, g) => sum + g.count, 0);
    if (n === 0) { say(`There are no dead letters${where ? ' with ' + where : ''}.`); return; }
    const what = count(n, 'dead letter');
    const loss = verb === 'drop' ? ' They are lost then.' : '';
    const path = 'v1/deliveries/' + verb, body = { filter, expect: n };
    /** @type {Array<[string, string]>} */
    const lines = [['curl', curl('POST', path, body)]];
    if (verb === 'replay' && Object.keys(filter).join() === 'endpoint') lines.push(['stanzahook', line('stanzahook deliveries replay', filter)]);
    if (!await confirm(`${verb === 'drop' ? 'Drop' : 'Replay'} ${what}${where ? ' with ' + where : ''}?${loss}`, `${verb === 'drop' ? 'Drop' : 'Replay'} ${n}`, lines)) return;
    const result = await call('POST', path, { body });
    say(`${count(result[past] ?? n, 'dead letter')} ${past}.`);
    done();
  };
  return html`<div class="row">
    <${Action} testid="bulk-replay" act=${act('replay', 'replayed')}>Replay dead letters</${Action}>
    <${Action} testid="bulk-drop" tone="bad" act=${act('drop', 'dropped')}>Drop dead letters</${Action}>
    <span role="status">${said}</span></div>`;
}
