// Hooks: the addresses that other tools post to. One hook is in hook.js.
import { get, session } from './session.js';
import { Empty, Failure, Same, Time, count, curl, html, useForm, useLoad, useTail } from './parts.js';
import { go, link } from './route.js';
import { Edit, Hook } from './hook.js';

const SHOWN = 200; // rows; the rest by the filter

export function Hooks({ arg: name, query: q }) {
  // No hook has a + in its name.
  if (name === '+new') return html`<h1>New hook</h1><${Edit} />`;
  return name ? html`<${Hook} key=${name} name=${name} />` : html`<${All} filter=${q.filter || ''} />`;
}

/** Whether the latest request to a hook, or a message of it, went wrong. @param {any} h */
export function fails(h) { return !!h.last_error && (!h.last_time || h.last_error.time >= h.last_time); }

function All({ filter }) {
  const { value, error, reload } = useLoad((s) => get('v1/hooks', s), [], 5000);
  const { values, bind } = useForm({ text: filter });
  useTail((row) => row.kind === 'hook', reload, []);
  const all = value?.items || [];
  const text = values.text.trim().toLowerCase();
  const rows = text ? all.filter((h) => [h.name, h.adapter, h.source, h.last_error?.error].some((v) => String(v ?? '').toLowerCase().includes(text))) : all;
  return html`<h1>Hooks</h1>
    <${Failure} error=${error} />
    ${value && all.length === 0 && html`<${Empty}>No hook yet. A hook is an address that you type into another tool, such as Alertmanager, GitHub or anything that speaks to Slack, ntfy or Gotify: what the tool posts
      becomes a message to a user or a room. Make one here, or let <code>stanzahook hook new</code> print one.</${Empty}>`}
    <div class="row">${session.can('admin') && html`<button type="button" data-testid="hook-new" onClick=${() => go(link('hooks', '+new'))}>New hook</button>`}
      ${all.length > 0 && html`<form class="filters" onSubmit=${(e) => e.preventDefault()}><label>Filter <input type="search" data-testid="hook-filter" ...${bind('text')} /></label>
      <span role="status" class="hint">${rows.length === all.length ? count(all.length, 'hook') : `${rows.length} of ${count(all.length, 'hook')}`}</span></form>`}</div>
    ${all.length > 0 && html`<div class="table" tabindex="0"><table class="stack"><thead><tr><th>Hook</th><th>Tool</th><th>From</th><th>Requests</th><th>Failed</th><th>Last</th><th>Last error</th></tr></thead><tbody>
      ${rows.slice(0, SHOWN).map((h) => html`<tr key=${h.name} data-testid="hook-row" data-hook=${h.name} data-adapter=${h.adapter} data-source=${h.source} data-tone=${fails(h) ? 'bad' : undefined}>
        <td><a href=${link('hooks', h.name)}>${h.name}</a></td><td data-label="Tool">${h.adapter}</td><td data-label="From">${h.source === 'config' ? 'the file' : 'the API'}</td><td data-label="Requests">${h.count}</td><td data-label="Failed">${h.failed}</td>
        <td class="tight" data-label="Last"><${Time} of=${h.last_time} /></td><td>${h.last_error && html`<span class=${fails(h) ? 'why' : 'hint'}>${h.last_error.error}</span> <span class="hint"><${Time} of=${h.last_error.time} /></span>`}</td></tr>`)}</tbody></table></div>
    ${rows.length > SHOWN && html`<p class="hint">and ${rows.length - SHOWN} more; write a part of the name</p>`}
    <p class="hint">Counted since stanzahook was started. A request with a wrong secret counts nowhere, as anybody can send one.</p>`}
    <${Same} lines=${[['curl', curl('GET', 'v1/hooks')], ['stanzahook', 'stanzahook hook list']]} />`;
}
