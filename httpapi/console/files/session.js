// The session: the token, what it may do, requests to /v1, and whether the server
// answers. The token is kept in memory and in sessionStorage, never in a cookie or URL.

const KEY = 'stanzahook-token';

/** @typedef {{name: string, scopes: string[], from: string[]|null, rooms?: string[]|null}} Self */

/** A refusal, as /v1 writes it (RFC 9457). */
export class Problem extends Error {
  /**
   * @param {number} status
   * @param {any} body
   */
  constructor(status, body) {
    super(body && typeof body.detail === 'string' ? body.detail : `the server answered ${status}`);
    this.status = status;
    this.body = body || {};
  }
}

/** Nothing answered at all. */
export class Gone extends Error {}

/** Subscribers are called after each change. */
class Signal {
  constructor() { this.all = new Set(); }
  /** @param {() => void} f */
  subscribe(f) {
    this.all.add(f);
    return () => { this.all.delete(f); };
  }
  emit() { for (const f of [...this.all]) f(); }
}

export const changed = new Signal();

export const session = {
  /** Without authentication the page needs no token. */
  open: document.querySelector('meta[name="stanzahook-auth"]')?.getAttribute('content') === 'none',
  token: '',
  /** @type {Self|null} */
  self: null,
  /** Why nobody is logged in, for the login. */
  note: '',
  /** Since when the server has not answered; 0: it answers. */
  gone: 0,

  /** @param {...string} scopes */
  can(...scopes) {
    return !!this.self && (this.open || scopes.some((s) => this.self?.scopes.includes(s)));
  },
};

/** Returns the absolute URL of a path of the API, such as "v1/status". @param {string} path */
export function address(path) { return new URL('../' + path, location.href.split('#')[0]).href; }

/** @param {boolean} answers */
function heard(answers) {
  if (answers === !session.gone) return;
  session.gone = answers ? 0 : Date.now();
  changed.emit();
}

/**
 * Makes a request. Errors: Problem, Gone.
 * @param {string} method
 * @param {string} path
 * @param {{body?: any, form?: FormData, signal?: AbortSignal, headers?: Record<string, string>}} [o]
 */
export async function send(method, path, o = {}) {
  /** @type {Record<string, string>} */
  const headers = { ...o.headers };
  if (session.token) headers.Authorization = 'Bearer ' + session.token;
  if (o.body !== undefined) headers['Content-Type'] = 'application/json';
  let answer;
  try {
    answer = await fetch(address(path), {
      method, headers, signal: o.signal, cache: 'no-store', credentials: 'omit', redirect: 'error', referrerPolicy: 'no-referrer',
      body: o.body === undefined ? o.form : JSON.stringify(o.body),
    });
  } catch (e) {
    if (o.signal?.aborted) throw e;
    heard(false);
    throw new Gone('no answer from the server');
  }
  // A proxy in front of a server that is down answers in its place.
  if (answer.status === 502 || answer.status === 504) {
    if (!(answer.headers.get('Content-Type') || '').includes('problem+json')) {
      heard(false);
      throw new Gone('no answer from the server');
    }
  }
  heard(true);
  if (answer.ok) return answer;
  const body = await answer.json().catch(() => null);
  if (answer.status === 401 && session.self) logout('The token is not accepted any more.');
  throw new Problem(answer.status, body);
}

/**
 * Makes a request, and returns the JSON of the answer; null for an empty one.
 * @param {string} method
 * @param {string} path
 * @param {{body?: any, form?: FormData, signal?: AbortSignal}} [o]
 * @returns {Promise<any>}
 */
export async function call(method, path, o) {
  const answer = await send(method, path, o);
  const text = await answer.text();
  return text ? JSON.parse(text) : null;
}

/** @param {string} path @param {AbortSignal} [signal] */
export function get(path, signal) { return call('GET', path, { signal }); }

/** Writes the query of a path, without what is empty. @param {Record<string, any>} values */
export function query(values) {
  const q = new URLSearchParams();
  for (const [k, v] of Object.entries(values)) if (v !== '' && v !== undefined && v !== null) q.set(k, String(v));
  const text = q.toString();
  return text ? '?' + text : '';
}

/** Logs in with a token. Errors: Problem, Gone. @param {string} token */
export async function login(token) {
  // A header takes no other characters, and a token has none.
  if (!session.open && !/^[\x21-\x7e]+$/.test(token)) throw new Problem(401, { detail: 'This is no token: it has spaces or other characters that no token has.' });
  session.token = token;
  try {
    session.self = await get('v1/self');
  } catch (e) {
    session.token = '';
    throw e;
  }
  session.note = '';
  if (token) sessionStorage.setItem(KEY, token);
  changed.emit();
}

/** Forgets the token. @param {string} [note] */
export function logout(note = '') {
  session.token = '';
  session.self = null;
  session.note = note;
  sessionStorage.removeItem(KEY);
  changed.emit();
}

/** The token that this tab has from before a reload. */
export function remembered() { return sessionStorage.getItem(KEY) || ''; }
