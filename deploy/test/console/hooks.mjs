// The pages of hooks, in a browser; see pages.mjs.
import { createHash } from 'node:crypto';
import { corpus } from './corpus.mjs';
import { escape } from './rooms.mjs';

const from = 'alerts@bots.localhost';

/** The tests of hooks, in the page of a stage. */
export async function hooks(s, { assert, eventually, at, go, onPage }) {
  const page = s.page;
  const post = async (url, body, headers = {}, method = 'POST') => (await fetch(url, { method, headers, body })).status;
  const requests = () => at(page, 'hook-request');

  await s.step('a hook is tested and sent, and arrives', async () => {
    await at(page, 'nav-hooks').click();
    await onPage(page, 'hooks');
    await at(page, 'hook-row', '[data-hook="alerts"][data-adapter="text"][data-source="config"]').locator('a').click();
    await at(page, 'hook-url').getByText(s.url + '/hooks/alerts/SECRET').waitFor();
    await page.getByText('None since stanzahook was started').waitFor();
    await at(page, 'hook-test').click();
    await at(page, 'hook-test-result', '[data-sent="false"][data-count="1"]').getByText('The washing machine has finished').waitFor();
    await at(page, 'hook-send').click();
    const text = await at(page, 'confirm-text').innerText();
    assert(/\b1 message\b/.test(text) && text.includes('alice@localhost'), text);
    await at(page, 'confirm').click();
    await at(page, 'hook-test-result', '[data-sent="true"]').getByText('confirmed').waitFor();
    await s.order({ Do: 'hear', Text: 'The washing machine has finished' });
    await page.locator('td', { hasText: /line \d+/ }).first().waitFor(); // its keys in the file
  });

  let address = '';
  await s.step('a hook is made, used, changed and deleted', async () => {
    await at(page, 'nav-hooks').click();
    await at(page, 'hook-new').click();
    await at(page, 'hook-name').fill('ci');
    await at(page, 'hook-adapter').selectOption('text');
    await at(page, 'hook-from').fill('alerts@elsewhere.example');
    await at(page, 'hook-to').fill('alice@localhost');
    await at(page, 'hook-save').click();
    await page.getByText(/from: .*is of no component/).first().waitFor();
    await at(page, 'hook-from').fill(from);
    await at(page, 'hook-save').click();
    address = await at(page, 'hook-made').locator('dd code').first().innerText();
    assert(/\/hooks\/ci\/[\w-]{43}$/.test(address), address);
    await page.getByRole('button', { name: 'I have typed it' }).click();
    await at(page, 'hook-url').getByText(s.url + '/hooks/ci/SECRET').waitFor();
    assert(!(await page.content()).includes(address.split('/').pop()), 'the secret is shown twice');
    // What a stranger posts is in no list; what the tool posts is.
    for (let i = 0; i < 60; i++) assert(await post(s.url + '/hooks/ci/wrong', 'flood') === 401, 'a wrong secret');
    assert(await post(address, 'build 7 is green') === 202, 'the hook does not take it');
    await s.order({ Do: 'hear', Text: 'build 7 is green' });
    await requests().first().waitFor();
    await at(page, 'hook-message', '[data-state="confirmed"]').getByText('alice@localhost').waitFor();
    assert(await post(address, undefined, {}, 'GET') === 405, 'GET is taken');
    await at(page, 'hook-request', '[data-result="refused"]').getByText('does not take GET').waitFor();
    assert(await requests().count() === 2, `${await requests().count()} requests`);
    assert(!(await page.content()).includes('build 7 is green'), 'what was posted is in the page');
    await at(page, 'hook-edit').click();
    await at(page, 'hook-template').fill('CI: {{.text}}');
    await at(page, 'hook-save').click();
    await at(page, 'hook-edit').waitFor();
    assert(await post(address, 'build 8') === 202, 'the secret is another one after a change');
    await s.order({ Do: 'hear', Text: 'CI: build 8' });
    await at(page, 'nav-live').click();
    await at(page, 'live-row', '[data-kind="hook"][data-state="sent"]').first().click();
    await onPage(page, 'hooks');
    await page.getByRole('heading', { name: 'Hook ci' }).waitFor();
  });

  await s.step('hooks: hostile texts stay texts', async () => {
    const texts = corpus.filter((text) => !text.includes('{{') && !/[\u2028\u202e\u200b\t]/.test(text));
    const { items: [last] } = (await s.api('GET', '/v1/hooks/ci/requests')).body;
    await s.order({ Do: 'raw', Text: `<message type='error' to='${from}' id='${last.messages[0].id}'><error type='cancel'><not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>${escape(texts.slice(0, 6).join(' '))}</text></error></message>` });
    await at(page, 'hook-message', '[data-state="bounced"]').getByText('<img src=x onerror=alert(1)>').waitFor();
    await page.getByText(/last error/).waitFor();
    await s.api('PUT', '/v1/hooks/ci', { ...(await s.api('GET', '/v1/hooks/ci')).body.keys, template: texts.join('\n') });
    await page.reload();
    await at(page, 'hook-test').click();
    await at(page, 'hook-test-result').getByText('<video><source onerror=alert(1)></video>').waitFor();
    await at(page, 'hook-edit').click();
    await at(page, 'hook-template').waitFor();
    for (const hash of ['#/hooks/<img src=x onerror=alert(1)>', '#/hooks/%22%3E%3Cscript%3Ealert(1)%3C/script%3E', '#/hooks?filter=<img src=x onerror=alert(1)>', '#/status']) {
      await go(page, hash);
      await page.locator('h1').waitFor();
      await eventually('it is told', async () => !hash.startsWith('#/hooks/') || await page.locator('.failure').count() > 0);
    }
    await at(page, 'hook-card', '[data-hook="ci"]').getByText('<script>alert(1)</script>').waitFor();
    assert(await page.locator('main img, main iframe, main script, main object').count() === 0, 'markup of others is in the page');
    await at(page, 'hook-card', '[data-hook="ci"]').locator('a').click();
    await at(page, 'hook-delete').click();
    await at(page, 'confirm').click();
    await at(page, 'hook-new').waitFor();
    await eventually('its row is gone', async () => await at(page, 'hook-row', '[data-hook="ci"]').count() === 0);
    assert(await post(address, 'too late') === 401, 'the address works');
  });

  await s.step('the address of a hook is as its tool wants it', async () => {
    const used = async (adapter, request) => {
      const secret = 'secret-of-' + adapter;
      const put = await s.api('PUT', '/v1/hooks/tool-' + adapter, { adapter, from, to: ['alice@localhost'], secret_hash: 'sha256:' + createHash('sha256').update(secret).digest('hex') });
      assert(put.status === 201, JSON.stringify(put.body));
      await go(page, '#/hooks/tool-' + adapter);
      await page.getByRole('heading', { name: 'Hook tool-' + adapter }).waitFor();
      await at(page, 'hook-url').locator('dd').first().waitFor();
      const shown = await at(page, 'hook-url').locator('dd').allInnerTexts();
      const status = await request(shown.map((text) => text.replace('SECRET', secret)));
      assert(status === 200, `${adapter}: ${status} of ${shown}`);
      await at(page, 'hook-request', '[data-result="sent"]').first().waitFor();
      await s.api('DELETE', '/v1/hooks/tool-' + adapter);
    };
    const json = { 'Content-Type': 'application/json' };
    await used('slack', async ([own, , , api, bearer]) => {
      assert(await post(own, '{"text":"by URL"}', json) === 200, 'the incoming webhook');
      return post(api + 'chat.postMessage', '{"channel":"x","text":"by token"}', { ...json, Authorization: 'Bearer ' + bearer });
    });
    await used('slack', ([, host, token]) => post(`${host}/services/${token}`, '{"text":"by token"}', json));
    await used('mattermost', ([, host, token]) => post(`${host}/hooks/${token}`, '{"text":"by token"}', json));
    await used('ntfy', ([server, , token]) => post(server + '/backups', 'done', { Authorization: 'Bearer ' + token }));
    await used('gotify', ([server, token]) => post(`${server}/message?token=${token}`, '{"message":"done"}', json));
    for (const text of ['by URL', 'by token', 'done']) await s.order({ Do: 'hear', Text: text });
    await at(page, 'nav-status').click();
    await at(page, 'hooks-card', '[data-hooks="1"]').waitFor();
  });
}
