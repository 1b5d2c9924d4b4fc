// Rosters: what a user's contacts should be, what they are, and the difference.
import { call, get, query, session } from './session.js';
import { Action, Empty, Facts, Failure, Same, State, Time, count, curl, html, quote, useChange, useForm, useLoad, useState } from './parts.js';
import { confirm } from './confirm.js';
import { go, link } from './route.js';

export function Rosters({ arg: jid }) {
  const { values, bind, set } = useForm({ jid });
  useChange(jid, () => set({ jid }));
  return html`<h1>Rosters</h1>
    <form class="filters" onSubmit=${(e) => { e.preventDefault(); if (values.jid.trim()) go(link('rosters', values.jid.trim())); }}>
      <label>User <input data-testid="roster-jid" autocomplete="off" spellcheck="false" placeholder="juliet@example.com" ...${bind('jid')} /></label>
      <button type="submit" data-testid="roster-open">Open</button>
    </form>
    ${jid ? html`<${One} key=${jid} jid=${jid} />` : html`<${All} />`}`;
}

function One({ jid }) {
  const path = 'v1/rosters/' + encodeURIComponent(jid);
  const whole = session.can('roster'); // else the last result alone
  const roster = useLoad((s) => get(path, s), [jid]);
  const diff = useLoad(async (s) => (whole ? get(path + '/diff', s) : null), [jid]);
  const [force, setForce] = useState(false);
  const [done, set] = useState(/** @type {any} */ (null));
  const refresh = async () => {
    set(null);
    set(await call('POST', path + '/refresh' + (force ? '?force=1' : ''), { body: {} }));
    roster.reload();
    diff.reload();
  };
  const v = roster.value, d = diff.value;
  const n = d ? d.add.length + d.change.length + d.remove.length : 0;
  return html`
    <h2>${jid}</h2>
    <${Failure} error=${roster.error} />
    ${v && html`<${Facts} of=${[whole && ['Backend', v.backend || 'none yet'], ['Last refresh', v.last ? html`<${Time} of=${v.last.time} /> <${State} state=${v.last.result} /> ${v.last.detail}` : 'none'], v.actual_time && ['Read', html`<${Time} of=${v.actual_time} />`], v.actual_error && ['Cannot be read', v.actual_error]]} />`}
    ${whole && html`<h3>Difference</h3>
    <${Failure} error=${diff.error} />
    ${d && html`<div data-testid="roster-diff" data-add=${d.add.length} data-change=${d.change.length} data-remove=${d.remove.length} aria-live="polite">
      ${n === 0 ? html`<p data-tone="good">None: the server has what the web application wants.</p>` : html`<p>A refresh would add ${d.add.length}, change ${d.change.length} and remove ${d.remove.length}.</p>
      <div class="table" tabindex="0"><table><thead><tr><th></th><th>Contact</th><th>Name</th><th>Groups</th><th>Subscription</th></tr></thead><tbody>
        ${d.add.map((i) => html`<tr data-tone="good"><td>add</td>${cells(i)}</tr>`)}
        ${d.change.map((i) => html`<tr data-tone="warn"><td>change</td><td>${i.jid}</td><td>${both(i.from.name, i.to.name)}</td><td>${both(i.from.groups.join(', '), i.to.groups.join(', '))}</td><td>${both(i.from.subscription, i.to.subscription)}</td></tr>`)}
        ${d.remove.map((i) => html`<tr data-tone="bad"><td>remove</td>${cells(i)}</tr>`)}
      </tbody></table></div>`}
    </div>`}
    <div class="row"><${Action} testid="roster-refresh" act=${refresh}>Refresh</${Action}>
      <label class="check"><input type="checkbox" checked=${force} onChange=${(e) => setForce(e.currentTarget.checked)} /> even if it removes more than half</label>
      ${done && html`<span role="status"><${State} state=${done.result} /> ${done.detail}</span>`}</div>
    <${Same} lines=${[['curl', curl('POST', path + '/refresh' + (force ? '?force=1' : ''), {})], ['stanzahook', `stanzahook roster refresh ${force ? '--force ' : ''}${quote(jid)}`]]} />
    ${v && html`<div class="two"><${Contacts} title="Wanted" of=${v.wanted} /><${Contacts} title="On the server" of=${v.actual} /></div>`}`}`;
}

function cells(i) { return html`<td>${i.jid}</td><td>${i.name}</td><td>${i.groups.join(', ')}</td><td>${i.subscription}</td>`; }
function both(from, to) { return from === to ? to : html`<del>${from || '–'}</del> <ins>${to || '–'}</ins>`; }

function Contacts({ title, of }) {
  const all = of ? Object.entries(of) : [];
  return html`<section><h3>${title}${of && ` (${all.length})`}</h3>
    ${!of ? html`<p class="empty">Not known yet.</p>` : all.length === 0 ? html`<p class="empty">Nobody.</p>` : html`<div class="table" tabindex="0"><table><thead><tr><th>Contact</th><th>Name</th><th>Groups</th><th>Subscription</th></tr></thead>
      <tbody>${all.slice(0, 500).map(([jid, c]) => html`<tr key=${jid}>${cells({ jid, ...c })}</tr>`)}</tbody></table></div>`}
    ${all.length > 500 && html`<p class="hint">and ${all.length - 500} more</p>`}</section>`;
}

function All() {
  const [cursor, turn] = useState('');
  const { value, error } = useLoad((s) => get('v1/rosters' + query({ limit: 100, cursor }), s), [cursor]);
  const [job, set] = useState(/** @type {any} */ (null));
  const refresh = async () => {
    const path = 'v1/rosters/refresh', body = { all: true };
    if (!await confirm('Refresh every roster that was refreshed before?', 'Refresh all', [['curl', curl('POST', path, body)], ['stanzahook', 'stanzahook roster refresh --all']])) return;
    let j = await call('POST', path, { body });
    for (set(j); j.state === 'running'; set(j)) {
      await new Promise((r) => { setTimeout(r, 500); });
      j = await get('v1/jobs/' + encodeURIComponent(j.id));
    }
  };
  return html`<${Failure} error=${error} />
    ${value && value.items.length === 0 && html`<${Empty}>No roster was refreshed yet. Under <code>rosters:</code> the configuration says which web application knows a host's contacts; write a user above, and press Refresh.</${Empty}>`}
    ${value && value.items.length > 0 && html`<ul class="list">${value.items.map((o) => html`<li><a href=${link('rosters', o.jid)}>${o.jid}</a></li>`)}</ul>
      ${value.next && html`<button type="button" onClick=${() => turn(value.next)}>More</button>`}
      ${session.can('roster') && html`<div class="row"><${Action} act=${refresh}>Refresh all</${Action}></div>`}`}
    ${job && html`<div role="status"><progress max=${job.total || 1} value=${job.done} aria-label="progress"></progress> ${job.done} of ${count(job.total, 'roster')}, ${job.updated} updated, ${job.errors} failed (${job.state})
      <ul>${(job.results || []).filter((r) => !['applied', 'unchanged'].includes(r.result)).slice(0, 50).map((r) => html`<li><a href=${link('rosters', r.user)}>${r.user}</a> <${State} state=${r.result} /> ${r.detail}</li>`)}</ul></div>`}`;
}
