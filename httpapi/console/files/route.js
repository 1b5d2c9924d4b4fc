// Hash routes, such as #/deliveries/ID?state=dead. They can be copied and opened again.

/** @typedef {{page: string, arg: string, query: Record<string, string>}} Route */

/** @returns {Route} */
export function read() {
  const [path, text] = location.hash.replace(/^#\/?/, '').split('?');
  const [first, ...rest] = path.split('/');
  let arg = '';
  try { arg = decodeURIComponent(rest.join('/')); } catch { /* as good as none */ }
  const query = Object.fromEntries(new URLSearchParams(text || ''));
  switch (first) {
    case 'deliveries': return { page: arg ? 'delivery' : 'deliveries', arg, query };
    case 'endpoints': return { page: arg ? 'endpoint' : 'status', arg, query };
    case 'live': case 'send': case 'rosters': case 'rooms': case 'bots': case 'commands': case 'hooks': case 'setup': return { page: first, arg, query };
  }
  return { page: 'status', arg: '', query };
}

/** Returns the link to a page. @param {string} page @param {string} [arg] @param {Record<string, any>} [query] */
export function link(page, arg = '', query = {}) {
  const q = new URLSearchParams();
  for (const [k, v] of Object.entries(query)) if (v) q.set(k, String(v));
  const text = q.toString();
  return '#/' + page + (arg ? '/' + encodeURIComponent(arg) : '') + (text ? '?' + text : '');
}

/** @param {string} hash */
export function go(hash) { location.hash = hash; }
