// One delivery: its attempts, what was sent and answered, and what waits behind it.
import { Problem, call, get, session } from './session.js';
import { Action, Facts, Failure, Reveal, Same, Source, State, Time, count, curl, html, useLoad, useState, useTail } from './parts.js';
import { go, link } from './route.js';

export function Delivery({ arg: id }) {
  const path = 'v1/deliveries/' + encodeURIComponent(id);
  const { value: d, error, reload } = useLoad((s) => get(path, s), [id], 3000);
  useTail((row) => row.id === id, reload, [id]);
  const [dropped, drop] = useState(false);
  if (dropped) return html`<h1>Delivery</h1><p role="status">Dropped. <a href=${link('deliveries')}>All deliveries</a></p>`;
  if (!d) return html`<h1>Delivery</h1><${Failure} error=${error} />`;
  const admin = session.can('admin');
  const waits = d.state === 'queued' || d.state === 'retrying';
  const drops = d.state !== 'dropped' && d.state !== 'delivered';
  return html`<h1>Delivery <code>${d.id}</code></h1>
    <p><span data-testid="delivery-state" data-state=${d.state}><${State} state=${d.state} /></span> ${d.reason && html`<span class="why">${d.reason}</span>`}</p>
    ${!(error instanceof Problem && error.status === 404) && html`<${Failure} error=${error} />`}
    <${Facts} of=${[
      ['Endpoint', d.endpoint ? html`<a href=${link('endpoints', d.endpoint)}>${d.endpoint}</a>` : 'the outbox'], ['Type', d.type], ['From', d.from], ['To', d.to], ['Received', html`<${Time} of=${d.received} />`],
      d.next_attempt && ['Next attempt', html`<${Time} of=${d.next_attempt} />`],
      typeof d.waiting === 'number' && ['Behind it', d.waiting ? `${count(d.waiting, 'event')} of this conversation wait for it` : 'nothing waits for it'],
    ]} />
    ${admin && html`<div class="row">
      <${Action} testid="replay" act=${async () => { await call('POST', path + '/replay', { body: {} }); reload(); }}>${waits ? 'Try now' : 'Replay'}</${Action}>
      ${drops && html`<${Action} testid="drop" tone="bad" act=${async () => { await call('DELETE', path); await get(path).then(reload, () => drop(true)); }}>Drop</${Action}>`}
    </div>
    <${Same} lines=${[['curl', curl('POST', path + '/replay', {})], ['stanzahook', 'stanzahook deliveries replay ' + d.id],
      ...(drops ? [['curl to drop', curl('DELETE', path)], ['stanzahook to drop', 'stanzahook deliveries drop ' + d.id]] : [])]} />`}
    <h2>Attempts</h2>
    ${d.attempts.length === 0 && html`<p class="empty">None yet.</p>`}
    <ol class="timeline">${d.attempts.map((a, i) => html`<li key=${i} data-testid="attempt" data-status=${a.status ?? ''} data-tone=${a.status >= 200 && a.status < 300 && !a.error ? 'good' : 'bad'}>
      <${Time} of=${a.time} /> <strong>${a.status ?? 'no answer'}</strong> <span>${Math.round(a.duration_ms)} ms</span> ${a.content_type && html`<code>${a.content_type}</code>`}
      ${a.error && html`<p class="why">${a.error}</p>`}
      ${a.note && html`<p class="note">${a.note}</p>`}
    </li>`)}</ol>
    ${admin && html`<h2>What was said</h2>
      <${Reveal} testid="reveal" label="Show the stanza, the request and the answers">${() => html`<${Said} of=${d} path=${path} />`}</${Reveal}>`}
    <p><button type="button" onClick=${() => history.length > 1 ? history.back() : go(link('deliveries'))}>Back</button></p>`;
}

/** The texts, which are loaded only now where that is possible. */
function Said({ of: d, path }) {
  const { value: request, error } = useLoad((s) => get(path + '/request', s), [path]);
  return html`
    ${d.stanza && html`<h3>Stanza</h3><${Source} text=${d.stanza} />`}
    ${d.attempts.map((a, i) => a.answer && html`<h3>Answer ${i + 1}</h3><${Source} text=${a.answer} />`)}
    ${request && html`<h3>The request as it would be sent now</h3>
      <${Source} text=${[`${request.method} ${request.url}`, ...Object.entries(request.headers || {}).map(([k, v]) => `${k}: ${v}`), '', request.body].join('\n')} />
      <${Same} lines=${[['curl', request.curl || curlOf(request)]]} />`}
    ${error instanceof Problem && error.status !== 404 && html`<p class="hint">${error.message}</p>`}`;
}

/** The line that sends the same to a bot on this machine; its signature is valid for some minutes. */
function curlOf(r) {
  const quote = (s) => `'${String(s).replaceAll("'", `'\\''`)}'`;
  return ['curl', '-X', r.method, quote(r.url), ...Object.entries(r.headers || {}).map(([k, v]) => `-H ${quote(k + ': ' + v)}`), '--data-binary', quote(r.body)].join(' ');
}
