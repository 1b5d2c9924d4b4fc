// The tail: one stream of GET /v1/tail for all pages, read by fetch, as EventSource
// sends no token. The newest events are kept in memory, LIMIT of them.
import { Gone, Problem, send, session } from './session.js';

export const LIMIT = 5000;

// Requests are not among them unless asked for: those of this page would be most.
const usual = 'delivery,link,endpoint,roster,outbox,room,hook,command';

/** @typedef {{n: number, kind: string, id: string, data: any}} Row */

class Tail {
  constructor() {
    /** @type {Row[]} Oldest first. */
    this.rows = [];
    this.count = 0; // events since the page was opened
    this.lost = 0;
    this.last = '';
    /** "connecting", "live" or why it ended. */
    this.state = 'off';
    /** @type {AbortController|null} */
    this.running = null;
    /** @type {Set<(fresh: Row[]) => void>} */
    this.readers = new Set();
    /** @type {Row[]} */
    this.fresh = [];
    this.timer = 0;
    this.watch = 0;
    this.requests = false; // whether HTTP requests are shown
  }

  /** Calls f with what is new, at most ten times a second. @param {(fresh: Row[]) => void} f */
  subscribe(f) {
    this.readers.add(f);
    return () => { this.readers.delete(f); };
  }

  start() {
    if (this.running) return;
    this.running = new AbortController();
    this.run(this.running.signal);
  }

  stop() {
    this.running?.abort();
    this.running = null;
    clearInterval(this.watch);
    this.rows = [];
    this.fresh = [];
    this.last = '';
    this.lost = 0;
    this.set('off');
  }

  /** Shows HTTP requests, too. @param {boolean} on */
  show(on) {
    if (on === this.requests) return;
    this.requests = on;
    if (!this.running) return;
    this.running.abort();
    this.running = null;
    this.start();
  }

  /** @param {string} state */
  set(state) {
    this.state = state;
    this.tell();
  }

  /** @param {AbortSignal} signal */
  async run(signal) {
    for (let wait = 250; !signal.aborted; wait = Math.min(wait * 2, 8000)) {
      const began = Date.now();
      this.set('connecting');
      try {
        await this.read(signal);
      } catch (e) {
        if (signal.aborted) return;
        if (e instanceof Problem && e.status !== 503 && e.status !== 429) {
          this.set(e.message);
          return;
        }
        if (!(e instanceof Gone || e instanceof Problem || e instanceof TypeError)) throw e;
      }
      if (signal.aborted) return;
      if (Date.now() - began > 5000) wait = 250;
      this.set('connecting');
      await new Promise((r) => { setTimeout(r, wait * (0.75 + Math.random() / 2)); });
    }
  }

  /** Reads one stream to its end. @param {AbortSignal} signal */
  async read(signal) {
    /** @type {Record<string, string>} */
    const headers = { Accept: 'text/event-stream' };
    if (this.last) headers['Last-Event-ID'] = this.last;
    const answer = await send('GET', 'v1/tail' + (this.requests ? '' : '?kinds=' + usual), { signal, headers });
    this.set('live');
    const reader = /** @type {ReadableStream<Uint8Array>} */ (answer.body).getReader();
    const text = new TextDecoder();
    let rest = '';
    let id = '', kind = '', data = '';
    // There is a heartbeat every 15 s; a network that lost the connection says nothing.
    let heard = Date.now();
    clearInterval(this.watch);
    this.watch = setInterval(() => { if (Date.now() - heard > 45000) reader.cancel(); }, 10000);
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      heard = Date.now();
      rest += text.decode(value, { stream: true });
      const lines = rest.split('\n');
      rest = /** @type {string} */ (lines.pop());
      for (const line of lines) {
        if (line === '' || line === '\r') {
          if (data) this.take(kind || 'message', id, data);
          kind = data = '';
          continue;
        }
        const at = line.indexOf(':');
        if (at === 0) continue; // a heartbeat
        const name = at < 0 ? line : line.slice(0, at);
        const v = at < 0 ? '' : line.slice(at + 1).replace(/^ /, '').replace(/\r$/, '');
        if (name === 'id') id = v;
        else if (name === 'event') kind = v;
        else if (name === 'data') data = data ? data + '\n' + v : v;
      }
    }
  }

  /** @param {string} kind @param {string} id @param {string} text */
  take(kind, id, text) {
    let data;
    try { data = JSON.parse(text); } catch { return; }
    if (id) this.last = id;
    if (kind === 'end') return; // the next request says why
    if (kind === 'gap') this.lost += Number(data.lost) || 0;
    const row = { n: ++this.count, kind, id: String(data.id ?? ''), data };
    this.rows.push(row);
    // Not at each event: moving the whole array costs.
    if (this.rows.length > LIMIT + 500) this.rows.splice(0, this.rows.length - LIMIT);
    this.fresh.push(row);
    if (this.fresh.length > LIMIT) this.fresh.splice(0, this.fresh.length - LIMIT);
    if (!this.timer) this.timer = setTimeout(() => this.tell(), 100);
  }

  tell() {
    clearTimeout(this.timer);
    this.timer = 0;
    const fresh = this.fresh;
    this.fresh = [];
    for (const f of [...this.readers]) f(fresh);
  }
}

export const tail = new Tail();

/** Whether the token may read it. */
export function mayTail() { return session.can('read', 'admin'); }
