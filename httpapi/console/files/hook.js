// One hook: its address as its tool wants it, a test, the latest requests and what became of
// them, and its keys.
import { Problem, address, call, get, session } from './session.js';
import { Action, Empty, Facts, Failure, Same, Source, State, Time, count, curl, html, quote, useForm, useLoad, useState, useTail } from './parts.js';
import { confirm } from './confirm.js';
import { go, link } from './route.js';
import { hash } from './sha256.js';

const adapters = ['alertmanager', 'discord', 'gitea', 'github', 'gitlab', 'grafana', 'gotify', 'json', 'mattermost', 'ntfy', 'slack', 'text', 'uptime-kuma'];
const signers = ['github', 'gitea', 'gitlab', 'grafana', 'slack']; // adapters that are also kinds of signatures

/**
 * What to type into the tool: names and values.
 * @param {string} adapter @param {string} name @param {string} secret
 * @returns {Array<[string, string]>}
 */
function addresses(adapter, name, secret) {
  const own = address(`hooks/${name}/${secret}`), bare = address('hooks/' + name), root = address('').replace(/\/$/, '');
  switch (adapter) {
    case 'alertmanager': return [['webhook_configs', `- url: ${own}`]];
    case 'grafana': return [['Contact point "Webhook", URL', own]];
    case 'uptime-kuma': return [['Post URL', own]];
    case 'github': case 'gitea': return [['Payload URL', own], ['Payload URL, if the signature alone counts', bare]];
    case 'gitlab': return [['URL', own], ['or, with a secret token: URL', bare], ['Secret token', secret]];
    case 'slack': return [['Incoming webhook', own], ['or, of tools that take a token: host', root], ['Token', `T/B/${secret}`], ['or, for chat.postMessage: API', address('api/')], ['Bearer token', secret]];
    case 'mattermost': return [['Incoming webhook', own], ['or, of tools that take a token: host', root], ['Token', secret]];
    case 'discord': return [['Webhook URL', own]];
    case 'ntfy': return [['Server', bare], ['Topic', 'any name, or one of targets'], ['Access token', secret], ['or, in one', own + '/TOPIC']];
    case 'gotify': return [['Server', bare], ['Application token', secret]];
  }
  return [['URL', own]];
}

/** A line that posts something to a hook; none for payloads that are too long for a line. */
function trial(adapter, name, secret) {
  const own = address(`hooks/${name}/${secret}`);
  const json = (body) => `curl ${quote(own)} -H 'Content-Type: application/json' -d ${quote(JSON.stringify(body))}`;
  switch (adapter) {
    case 'text': return `curl ${quote(own)} -d 'Hello'`;
    case 'ntfy': return `curl ${quote(own + '/TOPIC')} -d 'Hello'`;
    case 'gotify': return `curl ${quote(own + '/message')} -F message=Hello`;
    case 'slack': case 'mattermost': case 'json': return json({ text: 'Hello' });
    case 'discord': return json({ content: 'Hello' });
  }
  return '';
}

/** What to type into the tool, with the secret or a word in its place. */
function Address({ adapter, name, secret = 'SECRET' }) {
  const line = trial(adapter, name, secret);
  return html`<dl class="address" data-testid="hook-url">${addresses(adapter, name, secret).map(([what, value]) => html`<div key=${what}><dt>${what}</dt><dd><code tabindex="0">${value}</code></dd></div>`)}</dl>
    <p class="hint">If the tool reaches stanzahook by another name than this page does, put that in the place of <code>${address('')}</code>.</p>
    ${line && html`<${Same} lines=${[['curl', line]]} />`}`;
}

export function Hook({ name }) {
  const path = 'v1/hooks/' + encodeURIComponent(name);
  const { value: h, error, reload } = useLoad((s) => get(path, s), [name], 5000);
  const requests = useLoad((s) => get(path + '/requests', s), [name], 10000);
  const [editing, edit] = useState(false);
  useTail((row) => row.kind === 'hook' && row.data.hook === name, () => { reload(); requests.reload(); }, [name]);
  if (!h) return html`<h1>Hook ${name}</h1><${Failure} error=${error} /><p><a href=${link('hooks')}>All hooks</a></p>`;
  return html`<h1>Hook ${h.name}</h1>
    <${Failure} error=${error} />
    <${Facts} of=${[['tool', h.adapter], ['kept by', h.source === 'config' ? 'the configuration file' : 'the API'], ['since the start', `${count(h.count, 'request')}, ${h.failed} failed`], ['last request', html`<${Time} of=${h.last_time} />`],
      h.last_error && ['last error', html`<${Time} of=${h.last_error.time} /> ${h.last_error.error}`]]} />
    <p><a href=${link('hooks')}>All hooks</a> · <a href=${link('live', '', { kind: 'hook' })}>Live</a></p>
    <section aria-labelledby="address"><h2 id="address">What to type into ${h.adapter === 'text' || h.adapter === 'json' ? 'your tool' : h.adapter}</h2>
      <${Address} adapter=${h.adapter} name=${h.name} />
      <p class="hint"><code>SECRET</code> was shown once, when the hook was made; only its hash is kept. If it is lost, make a new one.</p></section>
    <${Test} h=${h} path=${path} />
    <${Requests} of=${requests} path=${path} />
    <section aria-labelledby="config"><h2 id="config">Configuration</h2>
      ${h.source === 'config' ? html`<${InFile} name=${h.name} />` : editing ? html`<${Edit} of=${h} done=${() => { edit(false); reload(); }} />` : html`<${Source} text=${JSON.stringify(h.keys || {}, null, 2)} />
      <div class="row"><button type="button" data-testid="hook-edit" onClick=${() => edit(true)}>Edit</button><${Delete} h=${h} path=${path} /></div>`}</section>`;
}

/** The keys of a hook of the file, with their lines. */
function InFile({ name }) {
  const { value, error } = useLoad((s) => get('v1/config', s), [name]);
  const items = value?.items || [];
  const own = items.find((i) => /^hooks\[\d+\]\.name$/.test(i.key) && i.value === name); // which of the list it is stands in its name
  const prefix = own ? own.key.slice(0, -'name'.length) : '';
  return html`<${Failure} error=${error} />
    ${own && html`<div class="table" tabindex="0"><table><thead><tr><th>Key</th><th>Value</th><th>From</th></tr></thead><tbody>${items.filter((i) => i.key.startsWith(prefix)).map((i) => html`<tr key=${i.key}>
      <td><code>${i.key.slice(prefix.length)}</code></td><td>${typeof i.value === 'string' ? i.value : JSON.stringify(i.value)}</td><td>${i.source}${i.line ? `, line ${i.line}` : ''}</td></tr>`)}</tbody></table></div>`}
    <p class="hint">It stands in the configuration file; edit it there, and reload. <a href=${link('hooks', '+new')}>Make one by the API</a></p>`;
}

function Delete({ h, path }) {
  const act = async () => {
    if (!await confirm(`Delete the hook ${h.name}? Its address answers 401 from then on.`, 'Delete', [['curl', curl('DELETE', path)], ['stanzahook', 'stanzahook hook delete ' + quote(h.name)]])) return;
    await call('DELETE', path);
    go(link('hooks'));
  };
  return html`<${Action} testid="hook-delete" tone="bad" act=${act}>Delete</${Action}>`;
}

/** What the sample of the tool becomes; and sends it. */
function Test({ h, path }) {
  const [t, set] = useState(/** @type {any} */ (null));
  const test = path + '/test', send = test + '?send=1';
  /** @type {Array<[string, string]>} */
  const lines = [['curl', curl('POST', test, {})], ['stanzahook', 'stanzahook hook test ' + quote(h.name)]];
  const render = async () => { set(null); set({ sent: false, ...await call('POST', test, { body: {} }) }); };
  const sendIt = async () => {
    const { messages } = t || await call('POST', test, { body: {} });
    const to = messages.map((m) => m.to).slice(0, 5).join(', ') + (messages.length > 5 ? ', …' : '');
    if (!await confirm(`Send ${count(messages.length, 'message')}${to && ' to ' + to}?`, 'Send', [['curl', curl('POST', send, {})], ['stanzahook', 'stanzahook hook test --send ' + quote(h.name)]])) return;
    set({ sent: true, ...await call('POST', send, { body: {} }) });
  };
  return html`<section aria-labelledby="test"><h2 id="test">Test</h2>
    <p class="hint">A sample of what the tool posts, as the hook makes messages of it.</p>
    <div class="row"><${Action} testid="hook-test" act=${render}>Show what it becomes</${Action}><${Action} testid="hook-send" act=${sendIt}>Send it</${Action}></div>
    ${t && html`<div class="result" role="status" data-testid="hook-test-result" data-sent=${String(t.sent)} data-count=${t.messages.length} data-tone="good">
      ${t.messages.length === 0 && html`<p>Nothing is sent: the text is empty.</p>`}
      ${t.messages.map((m) => html`<p>to ${m.to} ${m.state ? html`<${State} state=${m.state} /> ${m.error ? html`<span class="why">${m.error}</span>` : html`<span class="hint">id <code>${m.id}</code></span>`}` : html`<span class="hint">not sent</span>`}</p><${Source} text=${m.body} />`)}</div>`}
    <${Same} lines=${lines} /></section>`;
}

/** The latest requests, and what became of each message until now. */
function Requests({ of: { value, error }, path }) {
  const all = value?.items || [];
  return html`<section aria-labelledby="requests"><h2 id="requests">Last requests</h2>
    <${Failure} error=${error} />
    ${value && all.length === 0 && html`<${Empty}>None since stanzahook was started. Each request of the tool is a line here, with what became of its messages; not one with a wrong secret or signature,
      as anybody can send that: <a href=${link('live', '', { kind: 'http' })}>Live</a> shows those as 401.</${Empty}>`}
    ${all.length > 0 && html`<div class="table" tabindex="0"><table class="stack"><thead><tr><th>Time</th><th>Result</th><th>Messages</th></tr></thead><tbody>${all.map((r) => html`<tr key=${r.time + r.id} data-testid="hook-request" data-result=${r.result}>
      <td class="tight"><${Time} of=${r.time} /></td><td><${State} state=${r.result} />${r.error && html`<br /><span class="why">${r.error}</span>`}</td>
      <td>${r.messages.map((m) => html`<div data-testid="hook-message" data-state=${m.state} data-id=${m.id}>${m.to} <${State} state=${m.state} /> ${m.error && html`<span class="why">${m.error}</span>`} <span class="hint">${m.id}</span></div>`)}
        ${r.count > r.messages.length && html`<span class="hint">and ${r.count - r.messages.length} more</span>`}${r.count === 0 && r.result === 'empty' && html`<span class="hint">nothing to send: an empty text, or an event that is not wanted</span>`}</td></tr>`)}</tbody></table></div>`}
    <${Same} lines=${[['curl', curl('GET', path + '/requests')], ['stanzahook', 'stanzahook hook requests ' + quote(path.split('/').pop())]]} /></section>`;
}

const fields = ['adapter', 'from', 'to', 'template', 'update', 'secret_hash'];

/** Splits addresses. @param {string} text */
const split = (text) => text.split(/[,\s]+/).filter(Boolean);

/**
 * Makes or replaces a hook of the API. Its secret is made here, and shown once: the server gets the hash.
 * @param {{of?: any, done?: () => void}} p
 */
export function Edit({ of: h = null, done = () => {} }) {
  const keys = h?.keys || {};
  const rest = Object.fromEntries(Object.entries(keys).filter(([k]) => !fields.includes(k)));
  const { values, bind } = useForm({
    name: h?.name || '', adapter: keys.adapter || 'alertmanager', from: keys.from || '', to: (keys.to || []).join('\n'), template: keys.template || '', update: keys.update || '', signing: '',
    more: Object.keys(rest).length ? JSON.stringify(rest, null, 2) : '',
  });
  const [fresh, renew] = useState(!keys.secret_hash && !h);
  const [made, set] = useState(/** @type {any} */ (null));
  const body = () => {
    const b = /** @type {Record<string, any>} */ ({ adapter: values.adapter, from: values.from.trim(), to: split(values.to) });
    if (values.template.trim()) b.template = values.template;
    if (values.update) b.update = values.update;
    let more = /** @type {Record<string, any>} */ ({});
    try { more = values.more.trim() ? JSON.parse(values.more) : {}; } catch (e) { throw new Problem(400, { detail: `More keys: this is no JSON: ${e instanceof Error ? e.message : e}` }); }
    if (values.signing) { // only the secret is another one: a kind that is not the tool's own stays, and timestamp_header
      const old = more?.verify && typeof more.verify === 'object' ? more.verify : {};
      b.verify = { ...old, kind: old.kind && old.kind !== keys.adapter ? old.kind : values.adapter, secret: values.signing };
    }
    if (b.to.length === 0 && Object.hasOwn(more, 'targets')) delete b.to;
    return { ...(keys.secret_hash && { secret_hash: keys.secret_hash }), ...more, ...b };
  };
  const act = async () => {
    const name = values.name.trim(), b = body(), put = 'v1/hooks/' + encodeURIComponent(name);
    const replaces = !h && (await get('v1/hooks')).items.some((other) => other.name === name && other.source !== 'config');
    /** @type {Array<[string, string]>} */
    const lines = [['curl', curl('PUT', put, shown())], ['stanzahook', 'stanzahook hook put hook.yaml']];
    if (replaces && !await confirm(`There is a hook ${name}. Replace it?${fresh ? ' Its address answers 401 from then on.' : ''}`, 'Replace', lines)) return;
    if (h && fresh && !await confirm(`Make a new secret for the hook ${name}? Its old address answers 401 from then on.`, 'Replace', lines)) return;
    let secret = '';
    if (fresh) {
      secret = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(32)))).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
      b.secret_hash = 'sha256:' + await hash(secret);
    }
    await call('PUT', put, { body: b });
    if (secret) set({ name, adapter: values.adapter, secret }); else done();
  };
  if (made) return html`<div class="result" role="status" data-tone="good" data-testid="hook-made"><p><strong>The hook ${made.name} is made.</strong> Its secret is shown this once:</p>
    <${Address} ...${made} /><p><button type="button" onClick=${() => { done(); go(link('hooks', made.name)); }}>I have typed it into the tool</button></p></div>`;
  const shown = () => { try { const b = body(); return { ...b, ...(fresh && { secret_hash: 'sha256:…' }), ...(values.signing && { verify: { ...b.verify, secret: '…' } }) }; } catch { return {}; } };
  return html`<form class="edit" onSubmit=${(e) => e.preventDefault()}>
    <label>Name, part of the address <input data-testid="hook-name" autocomplete="off" spellcheck="false" placeholder="alerts" readonly=${!!h} ...${bind('name')} /></label>
    <label>Tool <select data-testid="hook-adapter" ...${bind('adapter')}>${adapters.map((a) => html`<option value=${a}>${{ text: 'text: what is posted', json: 'json: a key of it, or a template' }[a] || a}</option>`)}</select></label>
    <label>From, an address of a component <input data-testid="hook-from" autocomplete="off" spellcheck="false" placeholder="alerts@bot.example.com" ...${bind('from')} /></label>
    <label>To: users and rooms, one a line <textarea rows="2" spellcheck="false" data-testid="hook-to" placeholder="juliet@example.com" ...${bind('to')}></textarea></label>
    <label>Template; empty: that of the tool <textarea rows="4" spellcheck="false" data-testid="hook-template" placeholder=${'{{.title | upper}}: {{.message}}'} ...${bind('template')}></textarea></label>
    <label>A later state of the same thing <select data-testid="hook-update" ...${bind('update')}><option value="">as the tool has it</option><option value="reply">replies to the first message</option><option value="correct">corrects the first message</option><option value="new">is a new message</option></select></label>
    ${signers.includes(values.adapter) && html`<label>Signing secret, if the tool signs its requests <input type="password" autocomplete="new-password" data-testid="hook-signing" ...${bind('signing')} /></label>`}
    <label>More keys, as JSON <textarea rows="3" spellcheck="false" data-testid="hook-more" placeholder=${'{"targets": {"ops": "ops@rooms.example.com"}}'} ...${bind('more')}></textarea></label>
    ${keys.verify && html`<p class="hint">The secrets of <code>verify</code> are not shown: write them again.</p>`}
    <label class="check"><input type="checkbox" data-testid="hook-fresh" checked=${fresh} onChange=${(e) => renew(e.currentTarget.checked)} /> ${h ? 'make a new secret; the old address ends' : 'make a secret (without one, the signature alone counts)'}</label>
    <div class="row"><${Action} testid="hook-save" disabled=${!values.name.trim()} act=${act}>${h ? 'Replace' : 'Make'}</${Action}>${h && html`<button type="button" onClick=${done}>Cancel</button>`}</div>
    <${Same} lines=${[['curl', curl('PUT', 'v1/hooks/' + encodeURIComponent(values.name || 'NAME'), shown())], ['stanzahook', 'stanzahook hook put hook.yaml']]} />
  </form>`;
}
