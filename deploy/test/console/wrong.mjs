// What the developer of a bot reads in the console when it answers wrongly. WRONG_BOTS has the
// bots of deploy/lab/wrongbot.

const bots = JSON.parse(process.env.WRONG_BOTS);

/**
 * Each wrong answer is a row in Live that says why; it opens the delivery, whose attempt says why.
 * @param s the stage  @param page a page that is logged in  @param tools of the pages
 */
export async function wrongBots(s, page, { at, eventually }) {
  const delays = [];
  const made = await s.api('PUT', '/v1/endpoints/down', { url: 'http://127.0.0.1:9/hook', match: { to: 'down@bots.localhost' } });
  if (made.status !== 201) throw new Error(JSON.stringify(made));
  const left = []; // deliveries that are not tried again soon
  try {
    for (const bot of bots) {
      const to = bot.Name === 'down' ? 'down@bots.localhost' : `wrong-${bot.Name}@bots.localhost`;
      await at(page, 'nav-live').click();
      await page.getByText('live', { exact: true }).waitFor();
      await s.order({ Do: 'say', To: to, Text: bot.Name });
      const row = at(page, 'live-row', `[data-kind="delivery"][data-state="${bot.State}"]`).filter({ hasText: `→ ${to} attempt 1:` }).filter({ hasText: bot.Why });
      await row.waitFor();
      const { answered } = await s.order({ Do: 'when', Text: bot.Name });
      if (answered) delays.push(Date.now() - answered);
      const id = await row.getAttribute('data-id');
      if (bot.State === 'dead' || bot.Name === 'down') left.push(id);
      await row.click();
      await page.locator('h1', { hasText: id }).waitFor();
      const attempt = at(page, 'attempt', `[data-status="${bot.Status || ''}"]`).first();
      if (bot.Why.startsWith('HTTP ') && !bot.Why.includes(':')) await attempt.waitFor();
      else await page.locator('main').filter({ has: attempt }).getByText(bot.Why).first().waitFor();
      if (bot.Shown && bot.State !== 'delivered') { // of successes, answers are not kept
        await at(page, 'reveal').click();
        await page.getByText(bot.Shown).first().waitFor();
      }
    }
  } finally { // others count what is not delivered
    const { url } = (await s.api('GET', '/v1/endpoints/wrong')).body;
    await s.api('PUT', '/v1/endpoints/down', { url, match: { to: 'down@bots.localhost' } });
    for (const id of left) {
      await s.api('POST', `/v1/deliveries/${id}/replay`, {});
      await eventually(id + ' is delivered', async () => (await s.api('GET', '/v1/deliveries/' + id)).body.state === 'delivered');
    }
    await s.api('DELETE', '/v1/endpoints/down');
  }
  delays.sort((a, b) => a - b);
  console.log(`     the reason was in the page ${delays[delays.length >> 1]} ms after the answer of the bot (median), at most ${delays.at(-1)} ms`);
}
