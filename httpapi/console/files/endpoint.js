// One endpoint: its state, a test, "would this match?", and its configuration. Those made
// by the API can be edited here.
import { Problem, call, get, query, session } from './session.js';
import { Action, Facts, Failure, Same, Source, State, Time, ago, bytes, count, curl, html, quote, useForm, useLoad, useState, useTail } from './parts.js';
import { Chart } from './chart.js';
import { confirm } from './confirm.js';
import { go, link } from './route.js';

const shownKeys = ['url', 'component', 'format', 'delivery', 'copy'];

export function Endpoint({ arg: name }) {
  // No endpoint of the file or the API has a + in its name.
  if (name === '+new') return html`<h1>New endpoint</h1><${Edit} name="" config=${{ url: 'http://127.0.0.1:8080/hook', match: { to: 'bot@bot.example.com' } }} />`;
  return html`<${Shown} name=${name} />`;
}

function Shown({ name }) {
  const path = 'v1/endpoints/' + encodeURIComponent(name);
  const { value: e, error, reload } = useLoad((s) => get(path, s), [name], 3000);
  useTail((row) => row.data.endpoint === name, reload, [name]);
  const admin = session.can('admin');
  if (!e) return html`<h1>Endpoint ${name}</h1><${Failure} error=${error} />`;
  const off = e.state === 'disabled';
  return html`<h1>Endpoint ${e.name}</h1>
    <p><${State} state=${e.state} /> ${e.reason && html`<span class="why">${e.reason}</span>`} ${e.since && html`<span class="hint">since <${Time} of=${e.since} /></span>`}</p>
    <${Failure} error=${error} />
    <${Facts} of=${[
      ...shownKeys.filter((k) => e[k] !== undefined).map((k) => [k, String(e[k] ?? 'every component')]),
      ['queue', html`${count(e.queued, 'event')}${e.oldest ? `, oldest ${ago(e.oldest)}` : ''}${e.bytes ? `, ${bytes(e.bytes)}` : ''}`],
      ['dead letters', e.dead_letters ? html`<a href=${link('deliveries', '', { endpoint: e.name, state: 'dead' })}>${e.dead_letters}</a>` : '0'],
      e.paused_until && ['next attempt', html`<${Time} of=${e.paused_until} />`],
      ['last success', html`<${Time} of=${e.last_success} />`],
      e.last_error && ['last error', html`<${Time} of=${e.last_error.time} /> ${e.last_error.status ?? ''} ${e.last_error.error}`],
      e.attempts !== undefined && ['since the start', `${count(e.attempts, 'attempt')}, ${e.failures} failed, ${e.delivered} delivered, ${e.refused} refused, ${e.expired} expired`],
    ]} />
    <p><a href=${link('deliveries', '', { endpoint: e.name })}>Its deliveries</a> · <a href=${link('live', '', { endpoint: e.name })}>Live</a></p>
    <${Rates} name=${e.name} />
    ${Array.isArray(e.history) && e.history.length > 0 && html`<h2>Circuit breaker</h2><ol class="timeline">${e.history.map((h) => html`<li data-tone=${{ open: 'bad', failing: 'warn', ok: 'good' }[h.state] || 'calm'}><${Time} of=${h.time} /> <strong>${h.state}</strong> ${h.reason}</li>`)}</ol>`}
    ${admin && html`
      <div class="row">
        <${Action} testid="endpoint-enable" disabled=${!off && e.state !== 'open'} act=${async () => { await call('POST', path + '/enable', { body: {} }); reload(); }}>Enable</${Action}>
        <${Action} testid="endpoint-disable" tone="bad" disabled=${off} act=${async () => { await call('POST', path + '/disable', { body: { reason: `by ${session.self?.name} in the console` } }); reload(); }}>Disable</${Action}>
        <${ReplaySince} name=${e.name} path=${path} reload=${reload} />
      </div>
      <${Same} lines=${[['curl', curl('POST', path + (off ? '/enable' : '/disable'), {})], ['stanzahook', `stanzahook endpoints ${off ? 'enable' : 'disable'} ${e.name}`]]} />
      <${Test} name=${e.name} path=${path} />
      <${Match} name=${e.name} path=${path} />
      <${Configuration} of=${e} path=${path} />`}`;
}

function Rates({ name }) {
  const { value } = useLoad((s) => get('v1/summary' + query({ range: '1h', endpoint: name }), s), [name], 30000);
  return value ? html`<h2>The last hour</h2><${Chart} items=${value.items} />` : null;
}

function ReplaySince({ name, path, reload }) {
  const { values, bind } = useForm({ since: '24h' });
  const [said, say] = useState('');
  const act = async () => {
    const replay = path + '/replay' + query({ since: values.since });
    /** @type {Array<[string, string]>} */
    const lines = [['curl', curl('POST', replay, {})], ['stanzahook', `stanzahook deliveries replay --endpoint ${name} --since ${quote(values.since)}`]];
    if (!await confirm(`Replay all dead letters of ${name} of the last ${values.since}?`, 'Replay', lines)) return;
    const done = await call('POST', replay, { body: {} });
    say(`${count(done.replayed, 'dead letter')} replayed.`);
    reload();
  };
  return html`<label>Dead letters since <input size="6" ...${bind('since')} /></label><${Action} act=${act}>Replay</${Action}><span role="status">${said}</span>`;
}

/** An event with a body of one's own, sent as any other. */
function Test({ name, path }) {
  const { values, bind } = useForm({ body: 'Hello!', from: '', to: '', type: '' });
  const [t, set] = useState(/** @type {any} */ (null));
  const body = Object.fromEntries(Object.entries(values).filter(([, v]) => v !== ''));
  return html`<section aria-labelledby="test"><h2 id="test">Test</h2>
    <p class="hint">The bot gets a made-up event, signed as any other. Nothing is sent to anybody.</p>
    <form class="filters" onSubmit=${(e) => e.preventDefault()}>
      <label>Body <input ...${bind('body')} /></label><label>From <input placeholder="a user" ...${bind('from')} /></label><label>To <input placeholder="the bot" ...${bind('to')} /></label>
      <label>Type <input size="8" placeholder="chat" ...${bind('type')} /></label>
      <${Action} testid="endpoint-test" act=${async () => { set(null); set(await call('POST', path + '/test', { body })); }}>Send a test event</${Action}>
    </form>
    ${t && html`<div data-testid="test-result" data-status=${t.status ?? ''} data-tone=${t.ok ? 'good' : 'bad'} class="result" role="status">
      <p><strong>${t.status ?? 'no answer'}</strong> in ${Math.round(t.duration_ms)} ms ${t.content_type && html`<code>${t.content_type}</code>`} ${t.ok ? 'counts as delivered' : ''}</p>
      ${t.error && html`<p class="why">${t.error}</p>`}
      ${t.note && html`<p class="note">${t.note}</p>`}
      ${t.answer && html`<h3>Answer</h3><${Source} text=${t.answer} />`}
      ${(t.replies || []).length > 0 ? html`<h3>Would be sent</h3>${t.replies.map((r) => html`<${Source} text=${r} />`)}` : html`<p class="hint">No reply would be sent.</p>`}
    </div>`}
    <${Same} lines=${[['curl', curl('POST', path + '/test', body)], ['stanzahook', 'stanzahook endpoints test ' + name]]} />
  </section>`;
}

/** Would it get a stanza like this? */
function Match({ name, path }) {
  const { values, bind } = useForm({ to: '', from: '', type: '', body: '' });
  const [found, set] = useState(/** @type {any} */ (null));
  const [error, fail] = useState(/** @type {any} */ (null));
  const body = Object.fromEntries(Object.entries(values).filter(([, v]) => v !== ''));
  const submit = async (e) => {
    e.preventDefault();
    set(null);
    fail(null);
    try { set(await call('POST', path + '/match', { body })); } catch (problem) { fail(problem); }
  };
  return html`<section aria-labelledby="match"><h2 id="match">Would it match?</h2>
    <form class="filters" onSubmit=${submit}>
      <label>To <input data-testid="match-to" placeholder="bot@bot.example.com" ...${bind('to')} /></label>
      <label>From <input data-testid="match-from" placeholder="juliet@example.com" ...${bind('from')} /></label>
      <label>Type <input size="8" placeholder="chat" ...${bind('type')} /></label><label>Body <input ...${bind('body')} /></label>
      <button type="submit" data-testid="match-submit">Try</button>
    </form>
    <${Failure} error=${error} />
    ${found && html`<p data-testid="match-result" data-match=${String(found.match)} data-tone=${found.match ? 'good' : 'warn'} class="result" role="status">
      ${found.match ? `Yes, ${name} gets it.` : found.taken_by ? html`No: <a href=${link('endpoints', found.taken_by)}>${found.taken_by}</a> gets it.` : 'No.'} ${found.why}
      ${(found.copies || []).length > 0 && ` Copies go to ${found.copies.join(', ')}.`}</p>`}
    <${Same} lines=${[['curl', curl('POST', path + '/match', body)]]} />
  </section>`;
}

/** The configuration in force: of an endpoint of the file with the lines, of one of the API to edit. */
function Configuration({ of: e, path }) {
  const { value } = useLoad((s) => get('v1/config', s), [e.name]);
  const [editing, edit] = useState(false);
  const items = value?.items || [];
  // Which of the list it is stands in its name.
  const own = items.find((i) => /^endpoints\[\d+\]\.name$/.test(i.key) && i.value === e.name);
  const prefix = own ? own.key.slice(0, -'name'.length) : '';
  const byAPI = e.source === 'api';
  const config = e.keys || null;
  return html`<section aria-labelledby="config"><h2 id="config">Configuration</h2>
    ${prefix && html`<div class="table" tabindex="0"><table><thead><tr><th>Key</th><th>Value</th><th>From</th></tr></thead><tbody>${items.filter((i) => i.key.startsWith(prefix)).map((i) => html`<tr>
      <td><code>${i.key.slice(prefix.length)}</code></td><td>${typeof i.value === 'string' ? i.value : JSON.stringify(i.value)}</td><td>${i.source}${i.line ? `, line ${i.line}` : ''}</td></tr>`)}</tbody></table></div>`}
    ${byAPI && config && (editing ? html`<${Edit} name=${e.name} config=${config} done=${() => edit(false)} />` : html`<div class="row">
      <button type="button" onClick=${() => edit(true)}>Edit</button>
      <${Action} tone="bad" act=${async () => { if (await confirm(`Delete the endpoint ${e.name}? ${count(e.queued, 'event')} in its queue are kept as those of a removed endpoint.`, 'Delete', [['curl', curl('DELETE', path)], ['stanzahook', 'stanzahook endpoints delete ' + quote(e.name)]])) { await call('DELETE', path); go(link('status')); } }}>Delete</${Action}></div>`)}
    ${!byAPI && html`<p class="hint">It stands in the configuration file; edit it there, and reload. <a href=${link('endpoints', '+new')}>Make one by the API</a></p>`}
  </section>`;
}

/** Makes or replaces an endpoint of the API. */
function Edit({ name, config, done = () => {} }) {
  const { values, bind } = useForm({ name, json: JSON.stringify(config, null, 2) });
  const act = async () => {
    let body;
    try { body = JSON.parse(values.json); } catch (e) { throw new Problem(400, { detail: `This is no JSON: ${e instanceof Error ? e.message : e}` }); }
    await call('PUT', 'v1/endpoints/' + encodeURIComponent(values.name), { body });
    done();
    go(link('endpoints', values.name));
  };
  return html`<form class="edit" onSubmit=${(e) => e.preventDefault()}>
    <label>Name <input ...${bind('name')} readonly=${name !== ''} /></label>
    <label>Keys, as those of an endpoint in the configuration <textarea rows="12" spellcheck="false" ...${bind('json')}></textarea></label>
    <p class="hint">Secrets are given in the clear and never shown again; one that is left out is removed.</p>
    <${Action} act=${act}>${name ? 'Replace' : 'Make'}</${Action}>
    <${Same} lines=${[['curl', curl('PUT', 'v1/endpoints/' + encodeURIComponent(values.name || 'NAME')) + ' -d @endpoint.json'], ['stanzahook', 'stanzahook endpoints put endpoint.json']]} />
  </form>`;
}
