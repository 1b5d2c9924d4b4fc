// The pages of rooms, in a browser; see pages.mjs.
import { corpus } from './corpus.mjs';

const room = 'ops@rooms.localhost', bot = 'echo@bots.localhost';
const muc = "<x xmlns='http://jabber.org/protocol/muc'/>";
export const escape = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll("'", '&apos;').replaceAll('"', '&quot;');

/** The tests of rooms, in the page of a stage. */
export async function rooms(s, { assert, eventually, at, go, onPage }) {
  const page = s.page;
  const raw = (Text) => s.order({ Do: 'raw', Text });
  const enter = (nick, to = room) => raw(`<presence to='${to}/${escape(nick)}'>${muc}</presence>`);
  const exit = (nick, to = room) => raw(`<presence type='unavailable' to='${to}/${escape(nick)}'/>`);
  const occupant = (nick, more = '') => at(page, 'room-occupant', `[data-nick="${nick}"]${more}`);
  const join = async (address, state) => {
    await at(page, 'room-join-room').fill(address);
    await at(page, 'room-join-from').fill(bot);
    await at(page, 'room-join-nick').fill('Echo');
    await at(page, 'room-join-submit').click();
    await at(page, 'room-join-result', `[data-state="${state}"]`).waitFor();
  };

  await s.step('a room is joined, and who comes and goes is seen', async () => {
    await at(page, 'nav-rooms').click();
    await onPage(page, 'rooms');
    await at(page, 'room-row', '[data-room="lobby@rooms.localhost"][data-state="joined"]').waitFor(); // of the file
    await join(room, 'refused');
    await at(page, 'room-join-result').getByText('The room does not exist').waitFor();
    assert((await s.api('GET', '/v1/rooms/' + room)).status === 404, 'a room that refused is kept');
    await at(page, 'room-join-create').check();
    await at(page, 'room-join-config').fill('roomname');
    await at(page, 'room-join-submit').click();
    await page.getByText('"roomname" is not a name and a value').waitFor();
    await at(page, 'room-join-config').fill('roomname = Ops <b>& friends</b>');
    await join(room, 'joined');
    await at(page, 'room-row', `[data-room="${room}"][data-from="${bot}"][data-state="joined"]`).waitFor();
    await at(page, 'room-filter').fill('lobby');
    await eventually('the filter hides others', async () => await at(page, 'room-row').count() === 1);
    await at(page, 'room-filter').fill('');
    await at(page, 'room-join-result').getByText('Open').click();
    await at(page, 'room-state', '[data-state="joined"]').waitFor();
    await occupant('Echo', '[data-bot="true"][data-affiliation="owner"]').waitFor();
    await enter('Alice');
    await occupant('Alice').getByText('alice@localhost').waitFor();
    await exit('Alice');
    await occupant('Alice').waitFor({ state: 'detached' });
  });

  await s.step('a room: subject, invitation, affiliation, configuration, voice', async () => {
    await go(page, '#/rooms/' + room); // without the bot: it is the only one
    await at(page, 'room-subject-text').fill('on <i>call</i>');
    await at(page, 'room-subject-submit').click();
    await at(page, 'room-subject').getByText('on <i>call</i>').waitFor();
    await at(page, 'room-invite-jid').fill('alice@localhost');
    await at(page, 'room-invite-submit').click();
    await at(page, 'room-invite-result').getByText('alice@localhost').waitFor();
    await s.order({ Do: 'hear', Text: 'jabber:x:conference' });
    await at(page, 'room-affiliation-jid').fill('alice@localhost');
    await at(page, 'room-affiliation-submit').click();
    assert((await at(page, 'confirm-text').innerText()).includes('alice@localhost'), 'the question names nobody');
    await at(page, 'confirm').click();
    await at(page, 'room-affiliation-result').getByText('alice@localhost: member').waitFor();
    await at(page, 'room-config-open').click();
    const field = (name) => at(page, 'room-config').locator(`[data-name="${name}"]`);
    await field('roomname').waitFor();
    assert(await field('roomname').inputValue() === 'Ops <b>& friends</b>', 'another name of the room');
    assert(!await field('membersonly').isChecked(), 'it is for members only');
    await field('membersonly').check();
    await field('roomname').fill('Changed');
    await at(page, 'room-config-save').click();
    await at(page, 'room-config-result').getByText('membersonly').waitFor();
    const form = (await s.api('GET', `/v1/rooms/${room}/config`)).body;
    assert(form['muc#roomconfig_roomname'] === 'Changed' && form['muc#roomconfig_membersonly'] === '1', JSON.stringify(form));
    await enter('Alice');
    await occupant('Alice', '[data-affiliation="member"][data-role="participant"]').getByTestId('room-voice').click();
    await at(page, 'confirm').click();
    await occupant('Alice', '[data-role="visitor"]').waitFor();
  });

  await s.step('an occupant is kicked, after a question', async () => {
    await go(page, `#/rooms/${room}?from=${bot}`);
    await at(page, 'room-reason').fill('off topic');
    const kick = occupant('Alice').getByTestId('room-kick');
    await kick.click();
    const text = await at(page, 'confirm-text').innerText();
    assert(text.includes('Alice') && text.includes(room), text);
    const dialog = page.locator('dialog');
    await dialog.getByText('copy as curl').click();
    const line = await dialog.locator('code').first().innerText();
    assert(line.includes('/roles/Alice') && line.includes('{"role":"none","reason":"off topic"}'), line);
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    assert(await occupant('Alice').count() === 1, 'a kick that was not confirmed');
    await kick.click();
    await at(page, 'confirm').click();
    await occupant('Alice').waitFor({ state: 'detached' });
    await s.order({ Do: 'hear', Text: 'off topic' });
  });

  await s.step('a room that refuses says why, and is left', async () => {
    const vip = 'vip@rooms.localhost';
    await enter('Owner', vip);
    await s.order({ Do: 'hear', Text: '201' });
    await raw(`<iq type='set' to='${vip}' id='vip'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field><field var='muc#roomconfig_membersonly'><value>1</value></field></x></query></iq>`);
    await s.order({ Do: 'answered', Text: 'vip' });
    await go(page, '#/rooms');
    await join(vip, 'refused');
    await at(page, 'room-join-result').getByText('Only members may enter').waitFor();
    assert(await at(page, 'room-row', `[data-room="${vip}"]`).count() === 0, 'a room that refused is in the list');
    await s.api('PUT', `/v1/rooms/${vip}?wait=10s&keep=1`, { from: bot, nick: 'Echo' });
    await at(page, 'room-row', `[data-room="${vip}"][data-state="refused"]`).getByText('Only members may enter').waitFor();
    await at(page, 'nav-status').click();
    await at(page, 'rooms-card', '[data-joined="2"][data-refused="1"]').waitFor();
    await at(page, 'room-card', `[data-room="${vip}"]`).locator('a').click();
    await at(page, 'room-state', '[data-state="refused"]').getByText('Only members may enter').waitFor();
    await raw(`<iq type='set' to='${vip}' id='free'><query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='member' jid='${bot}'/></query></iq>`);
    await s.order({ Do: 'answered', Text: 'free' });
    await at(page, 'room-join-submit').click(); // join again
    await at(page, 'room-state', '[data-state="joined"]').waitFor();
    await at(page, 'nav-live').click();
    await at(page, 'live-filter-jid').fill(vip);
    await at(page, 'live-row', '[data-kind="room"][data-state="refused"]').first().waitFor();
    await at(page, 'live-row', '[data-kind="room"][data-state="joined"]').first().click();
    await at(page, 'room-leave').click();
    await at(page, 'confirm').click();
    await page.getByRole('heading', { name: 'Rooms', exact: true }).waitFor();
    await eventually('it is left', async () => (await s.api('GET', '/v1/rooms/' + vip)).status === 404);
    await exit('Owner', vip);
    await go(page, '#/rooms/lobby@rooms.localhost');
    await page.getByText('take it out there').waitFor();
    assert(await at(page, 'room-leave').count() === 0, 'a room of the file can be left');
  });

  await s.step('rooms: what a token of little scope sees and asks', async () => {
    await enter('Alice');
    for (const [token, sees, hidden] of [
      ['token-look', ['room-state'], ['room-occupant', 'room-subject', 'room-kick', 'room-leave', 'room-config-open', 'room-invite-jid']],
      ['token-shop', ['room-state', 'room-occupant', 'room-subject-submit', 'room-config-open'], ['room-kick', 'room-voice', 'room-leave', 'room-destroy', 'room-invite-jid', 'room-affiliation-jid']],
    ]) {
      const other = await s.open();
      const refused = [];
      other.on('response', (r) => { if (r.status() === 403) refused.push(r.url()); });
      await s.login(other, token, '#/rooms');
      await at(other, 'room-row', `[data-room="${room}"]`).waitFor();
      assert(await at(other, 'room-join-room').count() === 0, `${token} has the form to join`);
      await at(other, 'room-row', `[data-room="${room}"]`).locator('a').click();
      for (const id of sees) await at(other, id).first().waitFor();
      for (const id of hidden) assert(await at(other, id).count() === 0, `${token} has ${id}`);
      await go(other, '#/status');
      await at(other, 'rooms-card').waitFor();
      assert(await at(other, 'hooks-card').count() === 0, `${token} sees hooks`);
      await go(other, '#/hooks');
      await other.getByText('lacks the scope').waitFor();
      assert(refused.length === 0, `${token} asked for ${refused}`);
      await other.context().close();
    }
    const other = await s.open();
    await s.login(other, 'token-lounge', '#/rooms'); // rooms: ["lounge@*"]
    await other.getByText(/No bot is in a room that this token may use/).waitFor();
    await at(other, 'room-join-room').fill(room);
    assert(await at(other, 'room-join-submit').isDisabled(), 'the form takes a room that the token may not use');
    await at(other, 'room-join-room').fill('lounge@rooms.localhost');
    assert(await at(other, 'room-join-submit').isEnabled(), 'the form does not take a room that the token may use');
    await other.context().close();
  });

  await s.step('rooms: the advice for a service of rooms', async () => {
    const other = await s.open();
    await other.route('**/v1/status', async (r) => {
      const answer = await r.fetch();
      const status = await answer.json();
      const one = { component: 'bots.localhost', answers: true, condition: null, features: [], limits: {}, rooms: null };
      status.services = [
        { ...one, jid: 'rooms.localhost', kind: 'rooms', software: '<b>ejabberd</b>', advice: 'max_user_conferences: 2000 <img src=x onerror=alert(1)>\nanother line' },
        { ...one, jid: 'other.localhost', kind: 'rooms', software: null, advice: null },
        { ...one, jid: 'localhost', kind: 'server', software: null, advice: 'of the server' },
      ];
      await r.fulfill({ response: answer, json: status });
    });
    await s.login(other, 'token-ops', '#/rooms');
    for (const hash of ['#/rooms', '#/rooms/' + room, '#/status']) {
      await go(other, hash);
      const advice = at(other, 'room-advice', '[data-service="rooms.localhost"]');
      await advice.getByText('max_user_conferences: 2000 <img src=x onerror=alert(1)>').waitFor();
      assert(await advice.locator('li').count() === 2, 'not a line for each');
      assert(await at(other, 'room-advice').count() === 1, 'advice of others');
    }
    await other.context().close();
  });

  await s.step('rooms: hostile texts stay texts', async () => {
    await go(page, `#/rooms/${room}?from=${bot}`);
    for (const nick of ['<img src=x onerror=alert(1)>', '"><script>alert(1)</script>', "' onfocus='alert(1)' autofocus='", '__proto__', 'a/../../b?c#d', '..']) {
      await enter(nick); // another nick for the same user
      await eventually(nick, async () => (await at(page, 'room-occupant').evaluateAll((all) => all.map((e) => e.getAttribute('data-nick')))).includes(nick));
    }
    await at(page, 'room-occupant', '[data-nick=".."]').getByTestId('room-kick').click();
    await page.getByText('cannot be written into an address').waitFor();
    const many = corpus.filter((text) => !/[\u2028\u202e\u200b]/.test(text)).join(' ');
    await enter('Alice'); // ejabberd says a new nick with the old status
    await raw(`<presence to='${room}/Alice'><status>${escape(many)}</status></presence>`);
    await occupant('Alice').getByText('<details open ontoggle=alert(1)>').waitFor();
    await s.api('POST', '/v1/messages?wait=10s', { to: room, from: bot, type: 'groupchat', subject: many });
    await at(page, 'room-subject').getByText('<svg onload=alert(1)>').waitFor();
    await s.api('PATCH', `/v1/rooms/${room}/config`, { roomname: corpus.slice(0, 8).join(' ') });
    await at(page, 'room-config-open').click();
    await at(page, 'room-config').locator('[data-name="roomname"]').waitFor();
    await go(page, '#/rooms');
    const invited = '"><img src=x onerror=alert(1)>'; // a bot's nick
    await at(page, 'room-join-create').check();
    await at(page, 'room-join-room').fill('nick@rooms.localhost');
    await at(page, 'room-join-from').fill(bot);
    await at(page, 'room-join-nick').fill(invited);
    await at(page, 'room-join-submit').click();
    await at(page, 'room-row', '[data-room="nick@rooms.localhost"]').getByText(invited).waitFor();
    for (const hash of ['#/rooms/<img src=x onerror=alert(1)>', '#/rooms/%22%3E%3Cimg%20src=x%20onerror=alert(1)%3E@x', '#/rooms/ops@rooms.localhost?from=<script>alert(1)</script>', '#/rooms?filter=<img src=x onerror=alert(1)>']) {
      await go(page, hash);
      await page.locator('h1').waitFor();
      await eventually('it is told', async () => hash.includes('filter') || await page.locator('.failure').count() > 0);
    }
    assert(await page.locator('main img, main iframe, main script, main object').count() === 0, 'markup of others is in the page');
    await s.api('DELETE', '/v1/rooms/nick@rooms.localhost?destroy=1');
    await enter('Alice');
  });
}
