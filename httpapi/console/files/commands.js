// Commands of bots, and their last runs.
import { get } from './session.js';
import { Empty, Failure, Same, Time, count, curl, html, useLoad } from './parts.js';
import { link } from './route.js';

const from = (source) => (source === 'config' ? 'the file' : 'the API');

export function Commands({ arg: node }) {
  return node ? html`<${Runs} node=${node} />` : html`<${List} />`;
}

function List() {
  const { value, error } = useLoad((s) => get('v1/commands', s), [], 5000);
  const all = value?.items || [];
  return html`<h1>Commands</h1>
    <${Failure} error=${error} />
    ${value && all.length === 0 && html`<${Empty}>No bot has a command yet. A command has a form, which people fill in with their clients, or a line as <code>/deploy env=prod</code>:
      <code>commands</code> in the configuration, or <code>PUT /v1/commands/…</code>.</${Empty}>`}
    ${all.length > 0 && html`<div class="table" tabindex="0"><table class="stack"><thead><tr><th>Command</th><th>Bots</th><th>In chats</th><th>Runs</th><th>Last</th><th>From</th></tr></thead><tbody>
      ${all.map((c) => html`<tr key=${c.node} data-testid="command-row" data-node=${c.node} data-source=${c.source}>
        <td><a href=${link('commands', c.node)}><strong>${c.name}</strong></a> <span class="hint">${c.node}</span></td>
        <td data-label="Bots">${(c.bots || []).join(', ')}</td>
        <td data-label="In chats">${c.chat || '–'}</td>
        <td data-label="Runs">${c.count}${c.failed > 0 && html` <span class="hint">${c.failed} failed: ${c.last_error?.error}</span>`}</td>
        <td data-label="Last">${c.last_time ? html`<${Time} of=${c.last_time} />` : '–'}</td>
        <td data-label="From">${from(c.source)}</td></tr>`)}</tbody></table></div>`}
    <${Same} lines=${[['curl', curl('GET', 'v1/commands')], ['stanzahook', 'stanzahook commands list']]} />`;
}

function Runs({ node }) {
  const path = `v1/commands/${encodeURIComponent(node)}/runs`;
  const { value, error } = useLoad((s) => get(path, s), [node], 5000);
  const all = value?.items || [];
  return html`<h1>Runs of ${node}</h1>
    <p><a href=${link('commands')}>All commands</a></p>
    <${Failure} error=${error} />
    ${value && all.length === 0 && html`<${Empty}>Nobody has run it since the start.</${Empty}>`}
    ${all.length > 0 && html`<p class="hint">${count(all.length, 'run')}, the newest first; what was filled in is not kept</p>
    <div class="table" tabindex="0"><table class="stack"><thead><tr><th>Time</th><th>Who</th><th>Bot</th><th>Step</th><th>Result</th><th>Took</th></tr></thead><tbody>
      ${all.map((r) => html`<tr data-testid="run-row" data-result=${r.result}>
        <td><${Time} of=${r.time} /></td>
        <td data-label="Who">${r.from}${r.room && html` <span class="hint">in ${r.room}</span>`}${r.by === 'chat' && html` <span class="hint">by a line</span>`}</td>
        <td data-label="Bot">${r.bot}</td>
        <td data-label="Step">${r.step}</td>
        <td data-label="Result">${r.result}${r.error && html` <span class="hint">${r.error}</span>`}</td>
        <td data-label="Took">${r.milliseconds} ms</td></tr>`)}</tbody></table></div>`}
    <${Same} lines=${[['curl', curl('GET', path)], ['stanzahook', 'stanzahook commands runs ' + node]]} />`;
}
