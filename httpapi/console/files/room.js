// One room: a bot's state in it, who is there, and what the bot may change.
import { Problem, call, get, query, session } from './session.js';
import { Action, Facts, Failure, Same, State, Time, count, curl, html, quote, useChange, useForm, useLoad, useState, useTail } from './parts.js';
import { confirm } from './confirm.js';
import { go, link } from './route.js';
import { Advice, Join, pathOf, why } from './rooms.js';

const SHOWN = 200; // occupants; the rest by the filter

export function Room({ room, from }) {
  const path = pathOf(room), bot = query({ from });
  const { value: r, error, reload } = useLoad((s) => get(path + bot, s), [room, from], 3000);
  useTail((row) => row.kind === 'room' && row.data.room === room, reload, [room]);
  if (!r) return html`<h1>${room}</h1>${error instanceof Problem && error.status === 400 ? html`<${Bots} room=${room} error=${error} />` : html`<${Failure} error=${error} />`}<p><a href=${link('rooms')}>All rooms</a></p>`;
  const speaks = session.can('send', 'rooms'), changes = session.can('rooms');
  return html`<h1>${r.room}</h1>
    <p data-testid="room-state" data-state=${r.state} aria-live="polite"><${State} state=${r.state} /> ${r.state === 'joined' ? html`as <strong>${r.nick}</strong>` : html`<span class="why">${why(r)}</span>`}
      ${' '}<span class="hint">since <${Time} of=${r.since} />${r.next_attempt && html`, next attempt <${Time} of=${r.next_attempt} />`}</span></p>
    <${Failure} error=${error} />
    <${Advice} of=${r.room.replace(/^.*@/, '')} />
    <${Facts} of=${[
      ['bot', r.from], ['kept by', { config: 'the configuration file', api: 'the API', invite: 'an invitation' }[r.source] || r.source], ['affiliation and role', [r.affiliation, r.role].filter(Boolean).join(', ') || '–'],
      ['in it', r.state === 'joined' ? `${r.occupants}${r.occupants_cut ? ', of whom not all are listed' : ''}` : '–'],
      ['addresses', r.anonymous ? 'shown to moderators alone' : 'shown to everybody'], ['archive', r.archive ? 'yes' : 'none'], r.remark && ['remark', r.remark],
    ]} />
    <p><a href=${link('rooms')}>All rooms</a>${session.can('send') && r.state === 'joined' && html` · <a href=${link('send', '', { to: r.room, from: r.from })}>Send a message to it</a>`}${session.can('read', 'admin') && html` · <a href=${link('live', '', { jid: r.room })}>Live</a>`}</p>
    ${speaks && r.state === 'joined' && html`<${Subject} r=${r} reload=${reload} /><${Occupants} r=${r} />`}
    ${changes && html`
      ${r.state === 'joined' && html`<${Invite} r=${r} /><${Affiliation} r=${r} />`}
      <details class="more" open=${r.state === 'refused'}><summary>${r.source === 'config' ? 'Change the nickname' : 'Join again, with another nickname or password'}</summary>
        ${r.source === 'config' ? html`<p class="hint">The room stands in the configuration file; the nickname lasts until the next reload.</p>` : html`<p class="hint">What is left out has its default: write the password again.</p>`}
        <${Join} of=${r} done=${reload} /></details>`}
    ${speaks && r.state === 'joined' && html`<${Configuration} r=${r} />`}
    ${changes && html`<${Leave} r=${r} />`}`;
}

/** Several bots are in the room: which one? */
function Bots({ room, error }) {
  const { value } = useLoad((s) => get('v1/rooms', s), [room]);
  const all = (value?.items || []).filter((r) => r.room === room.toLowerCase());
  if (all.length < 2) return html`<${Failure} error=${error} />`;
  return html`<p>Several bots are in this room:</p><ul class="list">${all.map((r) => html`<li><a href=${link('rooms', r.room, { from: r.from })}>${r.from}</a> <${State} state=${r.state} /></li>`)}</ul>`;
}

function Subject({ r, reload }) {
  const { values, bind } = useForm({ subject: r.subject || '' });
  const [said, say] = useState('');
  const body = { to: r.room, from: r.from, type: 'groupchat', subject: values.subject };
  const path = 'v1/messages?wait=10s';
  const act = async () => {
    say('');
    const done = await call('POST', path, { body });
    say(done.state);
    reload();
  };
  return html`<section aria-labelledby="subject"><h2 id="subject">Subject</h2>
    <p data-testid="room-subject" class=${r.subject ? '' : 'hint'}>${r.subject || 'None.'}</p>
    ${session.can('send') && html`<form class="filters" onSubmit=${(e) => e.preventDefault()}>
      <label>New subject <input data-testid="room-subject-text" size="40" ...${bind('subject')} /></label>
      <${Action} testid="room-subject-submit" act=${act}>Set</${Action}>${said && html`<span role="status"><${State} state=${said} /></span>`}</form>
    <${Same} lines=${[['curl', curl('POST', path, body)]]} />`}</section>`;
}

/** A nickname goes into the path, where a browser would take these away. @param {string} nick */
function pathOfRole(r, nick) {
  if (nick === '.' || nick === '..') throw new Problem(400, { detail: `The nickname ${nick} cannot be written into an address; ban the user by address instead.` });
  return `${pathOf(r.room)}/roles/${encodeURIComponent(nick)}${query({ from: r.from })}`;
}

function Occupants({ r }) {
  const { value, error, reload } = useLoad((s) => get(pathOf(r.room) + '/occupants' + query({ from: r.from }), s), [r.room, r.from], 2000);
  const { values, bind } = useForm({ text: '', reason: '' });
  const all = value?.items || [];
  const text = values.text.trim().toLowerCase();
  const rows = text ? all.filter((o) => (o.nick + ' ' + (o.jid || o.claimed_jid || '') + ' ' + o.affiliation + ' ' + o.role).toLowerCase().includes(text)) : all;
  const reason = values.reason.trim();
  const setRole = (nick, role, what) => async () => {
    const path = pathOfRole(r, nick), body = { role, ...(reason && { reason }) };
    if (!await confirm(`${what} ${nick} ${role === 'none' ? 'from' : 'in'} ${r.room}?`, what, [['curl', curl('PUT', path, body)], ['stanzahook', ['stanzahook rooms role', quote(r.room), quote(nick), role, '--from ' + quote(r.from), reason && '--reason ' + quote(reason)].filter(Boolean).join(' ')]])) return;
    await call('PUT', path, { body });
    reload();
  };
  return html`<section aria-labelledby="occupants"><h2 id="occupants">Who is there</h2>
    <${Failure} error=${error} />
    <form class="filters" onSubmit=${(e) => e.preventDefault()}>${all.length > 10 && html`<label>Filter <input type="search" ...${bind('text')} /></label>`}
      ${session.can('rooms') && html`<label>Reason, which the room shows <input data-testid="room-reason" maxlength="500" placeholder="none" ...${bind('reason')} /></label>`}</form>
    <div class="table" tabindex="0"><table class="stack"><thead><tr><th>Nickname</th><th>Address</th><th>Role</th><th>Affiliation</th><th>Says</th>${session.can('rooms') && html`<th>Change</th>`}</tr></thead><tbody aria-live="polite">
      ${rows.slice(0, SHOWN).map((o) => html`<tr key=${o.nick} data-testid="room-occupant" data-nick=${o.nick} data-role=${o.role} data-affiliation=${o.affiliation} data-bot=${String(o.bot)}>
        <td>${o.nick}${o.bot && html` <span class="state">bot</span>`}</td><td data-label="Address">${o.jid || (o.claimed_jid ? html`<span class="none" title="The room gives this address, and cannot know it: it is of another server.">claims ${o.claimed_jid}</span>` : html`<span class="none">hidden</span>`)}</td><td data-label="Role">${o.role}</td><td data-label="Affiliation">${o.affiliation}</td><td>${[o.show, o.status].filter(Boolean).join(': ')}</td>
        ${session.can('rooms') && html`<td class="actions">${!o.bot && html`<${Action} testid="room-voice" class="small" aria-label=${(o.role === 'visitor' ? 'Give voice to ' : 'Take voice from ') + o.nick} act=${setRole(o.nick, o.role === 'visitor' ? 'participant' : 'visitor', o.role === 'visitor' ? 'Give voice to' : 'Take voice from')}>${o.role === 'visitor' ? 'Give voice' : 'Take voice'}</${Action}>
          <${Action} testid="room-kick" class="small" tone="bad" aria-label=${'Kick ' + o.nick} act=${setRole(o.nick, 'none', 'Kick')}>Kick</${Action}>`}</td>`}</tr>`)}
    </tbody></table></div>
    ${rows.length > SHOWN && html`<p class="hint">and ${rows.length - SHOWN} more; write a part of a nickname</p>`}
    <${Same} lines=${[['curl', curl('GET', pathOf(r.room) + '/occupants' + query({ from: r.from }))], ['stanzahook', `stanzahook rooms members ${quote(r.room)} --from ${quote(r.from)}`]]} /></section>`;
}

function Invite({ r }) {
  const { values, bind } = useForm({ jid: '', reason: '', how: 'both' });
  const [said, say] = useState('');
  const path = pathOf(r.room) + '/invite' + query({ from: r.from });
  const body = { jid: values.jid.trim(), ...(values.reason.trim() && { reason: values.reason.trim() }), ...(values.how !== 'both' && { how: values.how }) };
  const act = async () => { say(''); const done = await call('POST', path, { body }); say(`The invitation to ${done.jid} is on its way.`); };
  return html`<section aria-labelledby="invite"><h2 id="invite">Invite</h2>
    <form class="filters" onSubmit=${(e) => e.preventDefault()}>
      <label>User <input data-testid="room-invite-jid" autocomplete="off" spellcheck="false" placeholder="juliet@example.com" ...${bind('jid')} /></label>
      <label>Reason <input maxlength="500" ...${bind('reason')} /></label>
      <label>By <select ...${bind('how')}><option value="both">both ways</option><option value="direct">a message of the bot</option><option value="mediated">the room, which lets the user in</option></select></label>
      <${Action} testid="room-invite-submit" disabled=${!body.jid} act=${act}>Invite</${Action}><span role="status" data-testid="room-invite-result">${said}</span></form>
    <${Same} lines=${[['curl', curl('POST', path, body)], ['stanzahook', `stanzahook rooms invite ${quote(r.room)} ${quote(body.jid || 'USER')} --from ${quote(r.from)}`]]} /></section>`;
}

const affiliations = [['member', 'member'], ['admin', 'admin'], ['owner', 'owner'], ['none', 'none'], ['outcast', 'outcast: a ban']];

function Affiliation({ r }) {
  const { values, bind } = useForm({ jid: '', affiliation: 'member', reason: '' });
  const [said, say] = useState('');
  const jid = values.jid.trim();
  const path = `${pathOf(r.room)}/affiliations/${encodeURIComponent(jid || 'USER')}${query({ from: r.from })}`;
  const body = { affiliation: values.affiliation, ...(values.reason.trim() && { reason: values.reason.trim() }) };
  /** @type {Array<[string, string]>} */
  const lines = [['curl', curl('PUT', path, body)], ['stanzahook', `stanzahook rooms affiliation ${quote(r.room)} ${quote(jid || 'USER')} ${values.affiliation} --from ${quote(r.from)}`]];
  const act = async () => {
    say('');
    if (!await confirm(values.affiliation === 'outcast' ? `Ban ${jid} from ${r.room}?` : `Give ${jid} the affiliation ${values.affiliation} in ${r.room}?`, values.affiliation === 'outcast' ? 'Ban' : 'Give', lines)) return;
    const done = await call('PUT', path, { body });
    say(`${done.jid}: ${done.affiliation}`);
  };
  return html`<section aria-labelledby="affiliation"><h2 id="affiliation">Affiliations</h2>
    <form class="filters" onSubmit=${(e) => e.preventDefault()}>
      <label>User, in or out of the room <input data-testid="room-affiliation-jid" autocomplete="off" spellcheck="false" placeholder="juliet@example.com" ...${bind('jid')} /></label>
      <label>Affiliation <select data-testid="room-affiliation" ...${bind('affiliation')}>${affiliations.map(([v, text]) => html`<option value=${v}>${text}</option>`)}</select></label>
      <label>Reason <input maxlength="500" ...${bind('reason')} /></label>
      <${Action} testid="room-affiliation-submit" disabled=${!jid} act=${act}>Set</${Action}><span role="status" data-testid="room-affiliation-result">${said}</span></form>
    <${Same} lines=${lines} /></section>`;
}

// What XEP-0045 section 16.5 has as yes or no, and what both servers add.
const flags = new Set(['allowinvites', 'allowpm', 'changesubject', 'enablelogging', 'membersonly', 'moderatedroom', 'passwordprotectedroom', 'persistentroom', 'publicroom', 'allow_query_users', 'allow_subscription', 'allow_voice_requests', 'allowvisitornickchange', 'allowvisitorstatus', 'members_by_default', 'public_list', 'mam']);
const prefix = 'muc#roomconfig_';
const short = (name) => (name.startsWith(prefix) ? name.slice(prefix.length) : name);
/** Prosody gives no value to what is not the case. */
const isFlag = (name, v) => flags.has(short(name).replace(/^{.*}/, '')) && (v === '0' || v === '1' || (Array.isArray(v) && v.length === 0));
const textOf = (name, v) => (isFlag(name, v) ? (v === '1' ? '1' : '0') : Array.isArray(v) ? v.join('\n') : v);

/** The room's own configuration: read when asked for, as it goes to the room. */
function Configuration({ r }) {
  const [form, set] = useState(/** @type {any} */ (null));
  const [said, say] = useState('');
  const path = pathOf(r.room) + '/config' + query({ from: r.from });
  return html`<section aria-labelledby="config"><h2 id="config">Configuration</h2>
    ${!form && html`<p class="hint">The bot must own the room.</p><${Action} testid="room-config-open" act=${async () => set(await call('GET', path))}>Show</${Action}>`}
    ${form && html`<${Form} r=${r} form=${form} path=${path} done=${(next, names) => { set(next); say('Changed: ' + names.join(', ')); }} />`}
    <p role="status" data-testid="room-config-result">${said}</p>
    ${!form && html`<${Same} lines=${[['curl', curl('GET', path)], ['stanzahook', `stanzahook rooms config ${quote(r.room)} --from ${quote(r.from)}`]]} />`}</section>`;
}

function Form({ r, form, path, done }) {
  const names = Object.keys(form).sort((a, b) => (short(a) < short(b) ? -1 : 1));
  const { values, bind, set } = useForm(Object.fromEntries(names.map((n) => [n, textOf(n, form[n])])));
  useChange(form, () => set(Object.fromEntries(names.map((n) => [n, textOf(n, form[n])]))));
  const changed = names.filter((n) => values[n] !== textOf(n, form[n]));
  const body = Object.fromEntries(changed.map((n) => [short(n), Array.isArray(form[n]) && !isFlag(n, form[n]) ? String(values[n]).split('\n').filter(Boolean) : values[n]]));
  const may = session.can('rooms');
  const field = (n) => {
    const v = values[n], name = short(n);
    if (isFlag(n, form[n])) return html`<label class="check"><input type="checkbox" data-name=${name} disabled=${!may} checked=${v === '1'} onChange=${(e) => { const on = e.currentTarget.checked ? '1' : '0'; set((old) => ({ ...old, [n]: on })); }} /> ${name}</label>`;
    if (Array.isArray(form[n])) return html`<label>${name}, one a line <textarea rows=${Math.max(1, Math.min(4, form[n].length))} data-name=${name} readonly=${!may} ...${bind(n)}></textarea></label>`;
    return html`<label>${name} <input data-name=${name} type=${/secret|password$/.test(name) ? 'password' : 'text'} autocomplete="off" readonly=${!may} ...${bind(n)} /></label>`;
  };
  const save = async () => done(await call('PATCH', path, { body }), Object.keys(body));
  return html`<form class="variables" data-testid="room-config" onSubmit=${(e) => e.preventDefault()}>${names.map((n) => html`<div key=${n}>${field(n)}</div>`)}</form>
    ${may ? html`<${Action} testid="room-config-save" disabled=${changed.length === 0} act=${save}>Change${changed.length > 0 && ` ${count(changed.length, 'variable')}`}</${Action}>
    <${Same} lines=${[['curl', curl('PATCH', path, body)], ['stanzahook', ['stanzahook rooms config', quote(r.room), '--from ' + quote(r.from), ...Object.entries(body).map(([n, v]) => quote(`${n}=${[v].flat().join(',')}`))].join(' ')]]} />` : html`<p class="hint">To change it, log in with a token of the scope <code>rooms</code>.</p>`}`;
}

function Leave({ r }) {
  if (r.source === 'config') return html`<section aria-labelledby="leave"><h2 id="leave">Leave</h2><p class="hint">The room stands in the configuration file: take it out there, and reload.</p></section>`;
  const leave = (destroy) => async () => {
    const path = pathOf(r.room) + query({ from: r.from, destroy: destroy ? '1' : '' });
    const text = destroy ? `Destroy ${r.room}? Everybody in it has to leave, and it is gone.` : `Take ${r.from} out of ${r.room}? It does not come back by itself.`;
    if (!await confirm(text, destroy ? 'Destroy' : 'Leave', [['curl', curl('DELETE', path)], ['stanzahook', `stanzahook rooms leave ${quote(r.room)} --from ${quote(r.from)}${destroy ? ' --destroy' : ''}`]])) return;
    await call('DELETE', path);
    go(link('rooms'));
  };
  return html`<section aria-labelledby="leave"><h2 id="leave">Leave</h2><div class="row"><${Action} testid="room-leave" tone="bad" act=${leave(false)}>Leave the room</${Action}>
    ${r.affiliation === 'owner' && html`<${Action} testid="room-destroy" tone="bad" act=${leave(true)}>Destroy the room</${Action}>`}</div></section>`;
}
