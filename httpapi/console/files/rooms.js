// Rooms: the bots that are kept in rooms, how to join one, and what stands between a bot and
// its room. One room is in room.js.
import { Problem, call, get, query, session } from './session.js';
import { Action, Empty, Failure, Same, State, Time, count, curl, html, quote, useForm, useLoad, useState, useTail } from './parts.js';
import { link } from './route.js';
import { Room } from './room.js';

const SHOWN = 200; // rows; the rest by the filter

/** The conditions with which rooms refuse (XEP-0045 section 7.2), and what to do. */
const meanings = {
  'item-not-found': 'The room does not exist. Check its address, or join with "make it if it is not there".',
  'not-authorized': 'The room has a password, and this is not it.',
  'registration-required': 'Only members may enter. An owner of the room can make the bot a member.',
  forbidden: 'The bot is banned from the room, or its server lets it make no rooms.',
  'not-allowed': 'The server lets the bot make no rooms. See "restrict_room_creation" of Prosody, "access_create" of ejabberd.',
  conflict: 'The nickname is taken.',
  'not-acceptable': 'The room wants another nickname: the registered one.',
  'service-unavailable': 'The room is full, or there is no service of rooms at this address.',
  'resource-constraint': 'The server lets the bot be in no more rooms. See "max_user_conferences" of ejabberd.',
  'jid-malformed': 'The nickname is missing.',
  'remote-server-not-found': 'The XMPP server does not find the service of rooms. Check the address behind the @.',
  'remote-server-timeout': 'The service of rooms does not answer.',
};

/** Why a bot is not in a room, in plain words. @param {any} r */
export function why(r) {
  if (!r.condition) return r.text || '';
  return [meanings[r.condition] || `The room refuses: ${r.condition}.`, r.text && `It says: ${r.text}`].filter(Boolean).join(' ');
}

/** @param {string} room */
export function pathOf(room) { return 'v1/rooms/' + encodeURIComponent(room); }

/** Whether the token may use a room: a pattern without * and @ is a domain. @param {string} room */
export function mayUse(room) {
  const all = session.self?.rooms || [];
  const text = room.trim().toLowerCase();
  if (session.open || all.length === 0 || text === '') return true;
  return all.some((p) => {
    const g = p.toLowerCase();
    if (!/[*?@]/.test(g)) return text === g || text.endsWith('@' + g);
    return new RegExp('^' + g.replace(/[.+^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*').replaceAll('?', '.') + '$', 'u').test(text);
  });
}

export function Rooms({ arg: room, query: q }) {
  return room ? html`<${Room} key=${room + ' ' + (q.from || '')} room=${room} from=${q.from || ''} />` : html`<${All} filter=${q.filter || ''} />`;
}

function All({ filter }) {
  const { value, error, reload } = useLoad((s) => get('v1/rooms', s), [], 5000);
  const { values, bind } = useForm({ text: filter });
  useTail((row) => row.kind === 'room', reload, []);
  const all = value?.items || [];
  const text = values.text.trim().toLowerCase();
  const rows = text ? all.filter((r) => [r.room, r.from, r.nick, r.state, r.condition, r.source].some((v) => String(v ?? '').toLowerCase().includes(text))) : all;
  return html`<h1>Rooms</h1>
    <${Failure} error=${error} />
    <${Advice} />
    ${value && all.length === 0 && html`<${Empty}>No bot is in a room${(session.self?.rooms || []).length ? ' that this token may use' : ''}. ${session.can('rooms') ? 'Join one below, or write' : 'Write'} it under <code>rooms:</code> in the configuration.
      A bot that is kept in a room joins again after every restart, and gets what was said meanwhile.</${Empty}>`}
    ${all.length > 0 && html`<form class="filters" onSubmit=${(e) => e.preventDefault()}>
      <label>Filter <input type="search" data-testid="room-filter" placeholder="a part of an address, a state" ...${bind('text')} /></label>
      <span role="status" class="hint">${rows.length === all.length ? count(all.length, 'room') : `${rows.length} of ${count(all.length, 'room')}`}</span></form>
    <div class="table" tabindex="0"><table class="stack"><thead><tr><th>Room</th><th>Bot</th><th>State</th><th>Since</th><th>In it</th><th>From</th></tr></thead><tbody>
      ${rows.slice(0, SHOWN).map((r) => html`<${Row} key=${r.room + ' ' + r.from} r=${r} />`)}</tbody></table></div>
    ${rows.length > SHOWN && html`<p class="hint">and ${rows.length - SHOWN} more; write a part of the address</p>`}`}
    <${Same} lines=${[['curl', curl('GET', 'v1/rooms')], ['stanzahook', 'stanzahook rooms list']]} />
    ${session.can('rooms') && html`<section aria-labelledby="join"><h2 id="join">Join a room</h2><${Join} done=${reload} /></section>`}`;
}

function Row({ r }) {
  return html`<tr data-testid="room-row" data-room=${r.room} data-from=${r.from} data-state=${r.state}>
    <td><a href=${link('rooms', r.room, { from: r.from })}>${r.room}</a></td>
    <td data-label="Bot">${r.from}${r.nick && html`<br /><span class="hint">as ${r.nick}</span>`}</td>
    <td><${State} state=${r.state} />${r.state !== 'joined' && why(r) && html`<br /><span class="why">${why(r)}</span>`}${r.next_attempt && html`<br /><span class="hint">next attempt <${Time} of=${r.next_attempt} /></span>`}</td>
    <td class="tight" data-label="Since"><${Time} of=${r.since} /></td><td data-label="In it">${r.state === 'joined' ? r.occupants : '–'}</td><td data-label="From">${{ config: 'the file', api: 'the API', invite: 'an invitation' }[r.source] || r.source}</td></tr>`;
}

/** What the services of rooms should be told, by their administrator. */
export function Advice({ of = '' }) {
  const { value } = useLoad((s) => get('v1/status', s), [], 30000);
  const all = (value?.services || []).filter((s) => s.advice && s.kind !== 'server' && (!of || s.jid === of));
  if (all.length === 0) return null;
  return html`${all.map((s) => html`<div class="advice" role="note" data-testid="room-advice" data-service=${s.jid} key=${s.jid + s.component}>
    <strong>${s.jid}</strong> ${s.software && html`<span class="hint">${s.software}</span>`}<ul>${[s.advice].flat().join('\n').split('\n').filter(Boolean).map((line) => html`<li>${line}</li>`)}</ul></div>`)}`;
}

/** Reads lines "name = value"; a name that comes again makes a list. @param {string} text */
export function variables(text) {
  const all = /** @type {Record<string, any>} */ ({});
  for (const line of text.split('\n')) {
    if (!line.trim()) continue;
    const at = line.indexOf('=');
    if (at < 1) throw new Problem(400, { detail: `Configuration: ${JSON.stringify(line.trim())} is not a name and a value; write for example roomname = Ops` });
    const name = line.slice(0, at).trim(), v = line.slice(at + 1).trim();
    const value = v === 'true' || v === 'false' ? v === 'true' : v;
    all[name] = Object.hasOwn(all, name) ? [all[name], value].flat().map(String) : value;
  }
  return all;
}

/**
 * Joins a room, or joins it again with other keys. A room that refuses says why.
 * @param {{of?: any, done: () => void}} p
 */
export function Join({ of: r = null, done }) {
  const { values, bind, set } = useForm({ room: r?.room || '', from: r?.from || '', nick: r?.nick || '', password: '', config: '' });
  const [create, setCreate] = useState(false);
  const [result, tell] = useState(/** @type {any} */ (null));
  const inFile = r?.source === 'config'; // which takes a nick alone
  const room = values.room.trim();
  const body = () => {
    const b = /** @type {Record<string, any>} */ ({});
    if (!r && values.from.trim()) b.from = values.from.trim();
    if (values.nick.trim()) b.nick = values.nick.trim();
    if (inFile) return b;
    if (values.password) b.password = values.password;
    if (create) b.create = true;
    if (values.config.trim()) b.config = variables(values.config);
    return b;
  };
  const path = pathOf(room || 'ROOM') + query({ from: r?.from, wait: '30s', keep: r ? '1' : '' });
  const act = async () => {
    tell(null);
    try { tell(await call('PUT', path, { body: body() })); } catch (e) {
      if (!(e instanceof Problem) || !e.body.condition) { done(); throw e; }
      tell({ state: 'refused', condition: e.body.condition, text: e.message.replace(/^.*?: [a-z-]+(: )?/, ''), kept: e.body.kept });
    }
    set((old) => ({ ...old, password: '' }));
    done();
  };
  const shown = { ...shownBody(body), ...(values.password && { password: '…' }) };
  const limits = session.self?.rooms || [];
  return html`<form class="edit" onSubmit=${(e) => e.preventDefault()}>
      ${!r && html`<label>Room <input data-testid="room-join-room" autocomplete="off" spellcheck="false" placeholder="ops@rooms.example.com" ...${bind('room')} /></label>
      ${limits.length > 0 && html`<p class=${mayUse(room) ? 'hint' : 'why'} role="status">This token may use ${limits.join(', ')}.</p>`}
      <label>Bot <input data-testid="room-join-from" autocomplete="off" spellcheck="false" placeholder=${session.self?.from?.[0] || 'echo@bot.example.com'} ...${bind('from')} /></label>`}
      <label>Nickname <input data-testid="room-join-nick" autocomplete="off" placeholder="the bot's name" ...${bind('nick')} /></label>
      ${!inFile && html`<label>Password, if the room has one <input type="password" data-testid="room-join-password" autocomplete="new-password" ...${bind('password')} /></label>
      <label class="check"><input type="checkbox" data-testid="room-join-create" checked=${create} onChange=${(e) => setCreate(e.currentTarget.checked)} /> make it if it is not there</label>
      ${create && html`<label>Its configuration, a name and a value a line <textarea rows="3" spellcheck="false" data-testid="room-join-config" placeholder="roomname = Ops" ...${bind('config')}></textarea></label>`}`}
      <${Action} testid="room-join-submit" disabled=${!/.@./.test(room) || !mayUse(room)} act=${act}>${r ? 'Join again' : 'Join'}</${Action}>
    </form>
    ${result && html`<div class="result" role="status" data-testid="room-join-result" data-state=${result.state} data-tone=${{ joined: 'good', refused: 'bad' }[result.state] || 'warn'}>
      <p><${State} state=${result.state} /> ${result.state === 'joined' ? html`as ${result.nick}. ${!r && html`<a href=${link('rooms', result.room, { from: result.from })}>Open</a>`}`
        : result.state === 'refused' ? html`${why(result)} ${result.condition && html`<code>${result.condition}</code>`} ${result.kept ? '' : 'It is not kept.'}` : 'It is kept, and joined as soon as the room answers.'}</p></div>`}
    <${Same} lines=${[['curl', curl('PUT', path, shown)], ['stanzahook', ['stanzahook rooms join', quote(room || 'ROOM'), (r?.from || values.from) && '--from ' + quote(r?.from || values.from), values.nick && '--nick ' + quote(values.nick), values.password && '--password …', create && '--create'].filter(Boolean).join(' ')]]} />`;
}

/** The body as far as it can be made, for the lines to copy. @param {() => any} body */
function shownBody(body) { try { return body(); } catch { return {}; } }
