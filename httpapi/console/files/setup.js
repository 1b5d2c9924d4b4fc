// Setup: the lines for the XMPP server, a token maker, the API's document, and the
// configuration in force.
import { get, query, session } from './session.js';
import { Action, Failure, Same, Source, curl, html, useForm, useLoad, useState } from './parts.js';
import { Reload, reloadLines } from './status.js';
import { hash } from './sha256.js';

const scopes = ['send', 'query', 'roster', 'rooms', 'events', 'read', 'admin'];

export function Setup() {
  const { value: st, error } = useLoad((s) => get('v1/status', s), []);
  return html`<h1>Setup</h1>
    <${Failure} error=${error} />
    ${st && html`<p>stanzahook ${st.version}, in use since ${new Date(st.started).toLocaleString()}</p><${Servers} links=${st.links} />`}
    <${Tokens} />
    ${session.can('admin') && html`<${Configuration} />`}
    <${Document} />
    <p class="hint">The console has htm (Apache-2.0), Preact (MIT) and uPlot (MIT) in it; <a href=${new URL('vendored/licenses.txt', import.meta.url).href}>their licences</a>.</p>`;
}

function Servers({ links }) {
  const [domain, port] = [links[0]?.component || 'bot.example.com', (links[0]?.server || ':5347').replace(/.*:/, '')];
  const prosody = `Component "${domain}"\n    component_secret = "the secret of the configuration"\n    component_conflict_resolve = "kick_old"`;
  const ejabberd = `listen:\n  - port: ${port}\n    ip: "127.0.0.1"\n    module: ejabberd_service\n    access: all\n    global_routes: false\n    hosts:\n      ${domain}:\n        password: "the secret of the configuration"`;
  return html`<section aria-labelledby="server"><h2 id="server">The XMPP server</h2>
    <p class="hint"><code>stanzahook init --server prosody --domain ${domain}</code> prints these lines with a fresh secret, and those for rosters.</p>
    <div class="two"><div><h3>Prosody: prosody.cfg.lua</h3><${Source} text=${prosody} /></div><div><h3>ejabberd: ejabberd.yml</h3><${Source} text=${ejabberd} /></div></div></section>`;
}

/** Makes a token here, and tells the server nothing: only its hash goes into the configuration. */
function Tokens() {
  const { values, bind } = useForm({ name: 'ops', from: '', rooms: '' });
  const [chosen, choose] = useState(['read']);
  const [made, set] = useState(/** @type {any} */ (null));
  const make = async () => {
    const random = crypto.getRandomValues(new Uint8Array(32));
    const token = 'sh_' + btoa(String.fromCharCode(...random)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
    const patterns = (key, text) => { const all = text.split(/[,\s]+/).filter(Boolean); return all.length ? `, ${key}: [${all.map((f) => JSON.stringify(f)).join(', ')}]` : ''; };
    const line = `- {name: ${JSON.stringify(values.name)}, hash: "sha256:${await hash(token)}", scopes: [${chosen.join(', ')}]${patterns('from', values.from)}${patterns('rooms', values.rooms)}}`;
    set({ token, line });
  };
  return html`<section aria-labelledby="tokens"><h2 id="tokens">Make a token</h2>
    <form class="filters" onSubmit=${(e) => e.preventDefault()}>
      <label>Who uses it <input ...${bind('name')} /></label><label>May send from <input placeholder="every address" ...${bind('from')} /></label><label>Rooms that it may use <input placeholder="every room" ...${bind('rooms')} /></label>
      <fieldset><legend>Scopes</legend>${scopes.map((s) => html`<label class="check"><input type="checkbox" checked=${chosen.includes(s)} onChange=${() => choose(chosen.includes(s) ? chosen.filter((x) => x !== s) : [...chosen, s])} /> ${s}</label>`)}</fieldset>
      <${Action} disabled=${!chosen.length || !values.name.trim()} act=${make}>Make</${Action}>
    </form>
    ${made && html`<p>The token, shown once:</p><${Source} text=${made.token} /><p>Its line under <code>http.tokens</code>; then reload the configuration:</p><${Source} text=${made.line} />`}
    <${Same} lines=${[['stanzahook', `stanzahook token new --name ${values.name || 'NAME'} --scopes ${chosen.join(',')}`]]} /></section>`;
}

function Configuration() {
  const { value, error, reload } = useLoad((s) => get('v1/config', s), []);
  const { values, bind } = useForm({ text: '' });
  const [all, showAll] = useState(false);
  const items = (value?.items || []).filter((i) => (all || i.source !== 'default') && (i.key + ' ' + i.value).toLowerCase().includes(values.text.toLowerCase()));
  return html`<section aria-labelledby="configuration"><h2 id="configuration">Configuration</h2>
    <div class="row"><${Reload} /><button type="button" onClick=${reload}>Show again</button></div>
    <${Failure} error=${error} />
    ${value && html`<p class="hint">${value.file}</p><form class="filters" onSubmit=${(e) => e.preventDefault()}><label>Key <input type="search" ...${bind('text')} /></label>
      <label class="check"><input type="checkbox" checked=${all} onChange=${(e) => showAll(e.currentTarget.checked)} /> defaults, too</label></form>
      <div class="table" tabindex="0"><table><thead><tr><th>Key</th><th>Value</th><th>From</th></tr></thead><tbody>${items.slice(0, 400).map((i) => html`<tr key=${i.key}><td><code>${i.key}</code></td><td>${typeof i.value === 'string' ? i.value : JSON.stringify(i.value)}</td><td>${i.source}${i.line ? `, line ${i.line}` : ''}</td></tr>`)}</tbody></table></div>
      ${items.length > 400 && html`<p class="hint">and ${items.length - 400} more; write a part of the key</p>`}`}
    <${Same} lines=${[['curl', curl('GET', 'v1/config')], ['stanzahook', 'stanzahook check'], ...reloadLines()]} /></section>`;
}

/** The OpenAPI document, one line an operation. */
function Document() {
  const [open, show] = useState(false);
  return html`<section aria-labelledby="api"><h2 id="api">The HTTP API</h2>
    ${open ? html`<${Operations} />` : html`<button type="button" onClick=${() => show(true)}>Show all operations</button>`}
    <${Same} lines=${[['curl', curl('GET', 'openapi.json')]]} /></section>`;
}

function Operations() {
  const { value, error } = useLoad((s) => get('openapi.json', s), []);
  if (!value) return html`<${Failure} error=${error} />`;
  const all = Object.entries(value.paths).flatMap(([path, item]) => Object.entries(item).filter(([m]) => ['get', 'post', 'put', 'delete', 'patch'].includes(m)).map(([method, o]) => ({ path, method: method.toUpperCase(), o })));
  return html`<ul class="operations">${all.map(({ path, method, o }) => html`<li key=${method + path}><details><summary><code>${method} ${path}</code> ${o.summary}</summary>
    ${o.description && html`<p class="prose">${o.description}</p>`}
    ${(o.parameters || []).filter((p) => p.name).map((p) => html`<p><code>${p.name}</code> <span class="hint">${p.in}${p.required ? ', required' : ''}</span> ${p.description}</p>`)}
    <p class="hint">Answers: ${Object.keys(o.responses || {}).join(', ')}</p></details></li>`)}</ul>`;
}
