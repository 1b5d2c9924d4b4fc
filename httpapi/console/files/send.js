// Send: a message, presence or IQ, what became of it, and the line that does the same.
import { Problem, call, get, query, session } from './session.js';
import { Action, Same, Source, State, curl, html, quote, useEffect, useForm, useRef, useState } from './parts.js';

const kinds = { message: 'v1/messages', presence: 'v1/presence', iq: 'v1/iq' };

export function Send({ query: q }) {
  const may = Object.keys(kinds).filter((k) => session.can(k === 'iq' ? 'query' : 'send'));
  const { values, bind } = useForm({ kind: may[0], to: q.to || '', from: q.from || '', body: '', type: '', more: '' });
  const [result, set] = useState(/** @type {any} */ (null));
  const [chosen, choose] = useState(/** @type {File[]} */ ([]));
  const running = useRef(0);
  useEffect(() => () => { running.current++; }, []);
  const { kind } = values;
  const { body, error: wrong } = bodyOf(values);
  const files = kind === 'message' ? chosen : [];
  const path = kinds[kind] + (kind === 'iq' ? '?timeout=30s' : '?wait=5s');
  const act = async () => {
    const mine = ++running.current;
    const tell = (r) => { if (mine === running.current) set(r); };
    set(null);
    if (wrong) { tell({ state: 'error', text: wrong }); return; }
    try {
      const answer = await call('POST', path, files.length ? { form: formOf(body, files) } : { body });
      if (kind === 'iq') { tell({ state: answer.type === 'error' ? 'bounced' : 'confirmed', answer, text: answer.type === 'error' ? '' : 'This is the answer:' }); return; }
      tell(answer);
      if (kind === 'message') follow(answer.id, tell, () => mine === running.current);
    } catch (e) {
      if (!(e instanceof Problem)) { tell({ state: 'error', text: e.message }); return; }
      tell({ state: e.body.condition ? 'bounced' : 'error', text: e.message, condition: e.body.condition, id: e.body.id });
    }
  };
  return html`<h1>Send</h1>
    <form class="edit" onSubmit=${(e) => e.preventDefault()}>
      <label>What <select ...${bind('kind')}>${may.map((k) => html`<option value=${k}>${k === 'iq' ? 'IQ (a query)' : k}</option>`)}</select></label>
      <label>To <input data-testid="send-to" autocomplete="off" spellcheck="false" placeholder="juliet@example.com" ...${bind('to')} /></label>
      <label>From <input data-testid="send-from" autocomplete="off" spellcheck="false" placeholder=${session.self?.from?.[0] || 'the component'} ...${bind('from')} /></label>
      ${kind !== 'iq' && html`<label>${kind === 'presence' ? 'Status' : 'Body'} <textarea rows="3" data-testid="send-body" ...${bind('body')}></textarea></label>`}
      ${kind === 'message' && html`<label>Files <input type="file" multiple data-testid="send-files" onChange=${(e) => choose([...e.currentTarget.files])} /></label>`}
      <label>Type <input placeholder=${{ message: 'chat', presence: 'available', iq: 'get' }[kind]} ...${bind('type')} /></label>
      <label>More keys, as JSON <textarea rows="2" spellcheck="false" placeholder=${kind === 'iq' ? '{"ping": true}, or {"disco": true}' : '{"subject": "…"}'} ...${bind('more')}></textarea></label>
      <${Action} testid="send-submit" act=${act}>Send</${Action}>
    </form>
    ${result && html`<div class="result" role="status" data-testid="send-result" data-state=${result.state} data-tone=${{ confirmed: 'good', queued: 'warn' }[result.state] || 'bad'}>
      <p><${State} state=${result.state} /> ${meaning(result)}</p>
      ${result.id && html`<p class="hint">id <code>${result.id}</code></p>`}
      ${result.answer && html`<${Source} text=${JSON.stringify(result.answer, null, 2)} />`}</div>`}
    <${Same} lines=${[['curl', files.length ? curl('POST', path, undefined, ['message=' + JSON.stringify(body), ...files.map((f) => 'file=@' + f.name)]) : curl('POST', path, body)], ...(kind === 'message' ? [['stanzahook', ['stanzahook send', '--to ' + quote(values.to || 'JID'), values.from && '--from ' + quote(values.from), (values.body || !files.length) && '--body ' + quote(values.body), ...files.map((f) => '--file ' + quote(f.name))].filter(Boolean).join(' ')]] : [])]} />`;
}

/** A message and its files, as POST /v1/messages takes them. @param {any} body @param {File[]} files */
function formOf(body, files) {
  const form = new FormData();
  form.append('message', JSON.stringify(body)); // it comes first
  for (const f of files) form.append('file', f);
  return form;
}

function bodyOf({ kind, to, from, body, type, more }) {
  const b = {};
  for (const [k, v] of Object.entries({ to: to.trim(), from: from.trim(), type: type.trim() })) if (v) b[k] = v;
  if (body && kind === 'message') b.body = body;
  if (body && kind === 'presence') b.status = body;
  if (!more.trim()) return { body: b, error: kind === 'iq' ? 'An IQ asks for something: write for example {"ping": true} under "More keys".' : '' };
  try {
    const extra = JSON.parse(more);
    if (extra && typeof extra === 'object' && !Array.isArray(extra)) return { body: { ...b, ...extra }, error: '' };
  } catch (e) { return { body: b, error: `More keys: this is no JSON: ${e instanceof Error ? e.message : e}` }; }
  return { body: b, error: 'More keys: write a JSON object, such as {"subject": "Hello"}' };
}

function meaning({ state, text, condition }) {
  switch (state) {
    case 'confirmed': return text || 'The server has it.';
    case 'queued': return 'It is on disk, and goes out when the server is back.';
    case 'bounced': return text || `It came back: ${condition || 'an error'}.`;
  }
  return text || '';
}

/** A message that was confirmed may still come back. */
async function follow(id, tell, mine) {
  for (const wait of [300, 700, 1500, 3000, 5000, 10000]) {
    await new Promise((r) => { setTimeout(r, wait); });
    if (!mine()) return;
    let now;
    try { now = await get('v1/messages/' + encodeURIComponent(id) + query({})); } catch { return; }
    const e = now.stanza_error;
    const state = { rejected: 'bounced', expired: 'error' }[now.state] || now.state;
    tell({ id, state, condition: e?.condition, text: e ? `It came back: ${e.condition}${e.text ? ', ' + e.text : ''}.` : state === 'error' ? 'It waited for too long, and is a dead letter.' : '' });
    if (state === 'bounced' || state === 'error') return;
  }
}
