// Bots with a profile: how people see them.
import { get, send } from './session.js';
import { Empty, Failure, Same, Time, count, curl, html, useEffect, useForm, useLoad, useState } from './parts.js';

const PAGE = 500; // bots that are loaded; the rest by the API
const SHOWN = 100; // rows, each with a picture; the rest by the filter

/** Pictures as data URLs, by the ids of the avatars. @type {Map<string, Promise<string>>} */
const pictures = new Map();

/** @param {any} bot @returns {Promise<string>} */
function picture(bot) {
  const known = pictures.get(bot.avatar.id);
  if (known) return known;
  if (pictures.size >= 2 * SHOWN) pictures.clear();
  const loading = send('GET', `v1/bots/${encodeURIComponent(bot.jid)}/avatar`).then((a) => a.blob()).then((blob) => new Promise((done, fail) => {
    const reader = new FileReader();
    reader.addEventListener('load', () => done(String(reader.result)));
    reader.addEventListener('error', () => fail(reader.error));
    reader.readAsDataURL(blob);
  }));
  loading.catch(() => pictures.delete(bot.avatar.id));
  pictures.set(bot.avatar.id, loading);
  return loading;
}

function Avatar({ bot }) {
  const [url, set] = useState('');
  const id = bot.avatar?.id;
  useEffect(() => {
    let alive = true;
    set('');
    if (id) picture(bot).then((u) => { if (alive) set(u); }, () => {}); // without one there is none to see
    return () => { alive = false; };
  }, [id]);
  return url ? html`<img class="avatar" data-testid="bot-avatar" src=${url} alt="" width="32" height="32" />` : html`<span class="avatar"></span>`;
}

const shows = { '': 'available', chat: 'free for chat', away: 'away', xa: 'away for long', dnd: 'do not disturb' };

export function Bots({ query: q }) {
  const { value, error } = useLoad((s) => get('v1/bots?limit=' + PAGE, s), [], 5000);
  const { values, bind } = useForm({ text: q.filter || '' });
  const all = value?.items || [];
  const text = values.text.trim().toLowerCase();
  const rows = text ? all.filter((b) => [b.jid, b.name, b.presence.status, b.vcard.note].some((v) => v.toLowerCase().includes(text))) : all;
  return html`<h1>Bots</h1>
    <${Failure} error=${error} />
    ${value && all.length === 0 && html`<${Empty}>No bot has a profile yet. A profile is a name, a picture, a vCard and a status, as people have them: <code>bots</code> in the configuration, or
      <code>PUT /v1/bots/…</code>. Bots without one work all the same.</${Empty}>`}
    ${all.length > 0 && html`<form class="filters" onSubmit=${(e) => e.preventDefault()}><label>Filter <input type="search" data-testid="bot-filter" ...${bind('text')} /></label>
      <span role="status" class="hint">${value.next ? `the first ${count(all.length, 'bot')}` : rows.length === all.length ? count(all.length, 'bot') : `${rows.length} of ${count(all.length, 'bot')}`}</span></form>
    <div class="table" tabindex="0"><table class="stack"><thead><tr><th></th><th>Bot</th><th>Address</th><th>Presence</th><th>From</th></tr></thead><tbody>
      ${rows.slice(0, SHOWN).map((b) => html`<tr key=${b.jid} data-testid="bot-row" data-bot=${b.jid} data-show=${b.presence.show} data-source=${b.source}>
        <td class="tight"><${Avatar} bot=${b} /></td>
        <td><strong>${b.name}</strong>${b.vcard.note && html` <span class="hint">${b.vcard.note}</span>`}</td>
        <td data-label="Address">${b.jid}${b.noreply && html` <span class="hint">reads no messages</span>`}</td>
        <td data-label="Presence">${shows[b.presence.show] ?? b.presence.show}${b.presence.status && html` <span class="hint">${b.presence.status}</span>`}${b.presence.until && html` <span class="hint">until <${Time} of=${b.presence.until} /></span>`}</td>
        <td data-label="From">${b.source === 'config' ? 'the file' : 'the API'}</td></tr>`)}</tbody></table></div>
    ${rows.length > SHOWN && html`<p class="hint">and ${rows.length - SHOWN} more; write a part of the name</p>`}`}
    <${Same} lines=${[['curl', curl('GET', 'v1/bots')]]} />`;
}
