// The pages of commands and of their runs, in a browser; see pages.mjs.
import { corpus } from './corpus.mjs';

/** The tests of commands, in the page of a stage. */
export async function commands(s, { assert, at, onPage }) {
  const page = s.page;
  await s.step('commands are listed, and lead to their runs', async () => {
    await at(page, 'nav-commands').click();
    await onPage(page, 'commands');
    await page.getByText('No bot has a command yet').waitFor();
    const words = corpus.slice(0, 8).join(' ').replace(/[\x00-\x1f\x7f]/g, ' ').slice(0, 200);
    const put = await s.api('PUT', '/v1/commands/deploy', { name: words, bots: ['echo@bots.localhost'], url: 'http://127.0.0.1:9/', chat: '/deploy' });
    assert(put.status === 201, 'the command: ' + JSON.stringify(put));
    const row = at(page, 'command-row', '[data-node="deploy"][data-source="api"]');
    await row.getByText('/deploy').waitFor();
    await row.locator('a').click();
    await page.getByText('Nobody has run it since the start').waitFor();
    await page.getByText('All commands').click();
    await s.api('DELETE', '/v1/commands/deploy');
    await row.waitFor({ state: 'detached' });
  });
}
