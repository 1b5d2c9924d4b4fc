// The page of bots, in a browser; see pages.mjs.
import { corpus } from './corpus.mjs';

// A PNG of 1 x 1 pixels.
const image = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

/** The tests of bots, in the page of a stage. */
export async function bots(s, { assert, eventually, at, onPage }) {
  const page = s.page;
  await s.step('bots are seen with their pictures and presence', async () => {
    await at(page, 'nav-bots').click();
    await onPage(page, 'bots');
    await page.getByText('No bot has a profile yet').waitFor();
    const words = corpus.slice(0, 8).join(' ').replace(/[\x00-\x1f\x7f]/g, ' ').slice(0, 200);
    const put = await s.api('PUT', '/v1/bots/face@bots.localhost', { name: words, avatar: image, vcard: { note: words }, presence: { show: 'dnd', status: words } });
    assert(put.status === 201, 'the profile: ' + JSON.stringify(put));
    await s.api('PUT', '/v1/bots/plain@bots.localhost', { noreply: true });
    const row = at(page, 'bot-row', '[data-bot="face@bots.localhost"][data-show="dnd"][data-source="api"]');
    await row.getByText('do not disturb').waitFor();
    await eventually('the picture is loaded', async () => await row.locator('img').evaluate((i) => i.complete && i.naturalWidth) === 1);
    await at(page, 'bot-row', '[data-bot="plain@bots.localhost"]').getByText('reads no messages').waitFor();
    await at(page, 'bot-filter').fill('plain');
    await eventually('the filter hides others', async () => await at(page, 'bot-row').count() === 1);
    await at(page, 'bot-filter').fill('');
    await s.api('DELETE', '/v1/bots/plain@bots.localhost');
    await at(page, 'bot-row', '[data-bot="plain@bots.localhost"]').waitFor({ state: 'detached' });
  });
}
