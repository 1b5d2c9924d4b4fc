// The frame: login, navigation, keyboard, and the page that the hash names.
import { Component, render } from './vendored/htm-preact-3.1.1.js';
import { Gone, changed, login, logout, remembered, session } from './session.js';
import { mayTail, tail } from './tail.js';
import { Failure, Lacks, html, span, useEffect, useRef, useSession, useState } from './parts.js';
import { Confirm } from './confirm.js';
import { go, link, read } from './route.js';
import { Status } from './status.js';
import { Live } from './live.js';
import { Deliveries } from './deliveries.js';
import { Delivery } from './delivery.js';
import { Endpoint } from './endpoint.js';
import { Send } from './send.js';
import { Rosters } from './rosters.js';
import { Rooms } from './rooms.js';
import { Bots } from './bots.js';
import { Commands } from './commands.js';
import { Hooks } from './hooks.js';
import { Setup } from './setup.js';

/** Each page: its title, the scopes of which its token needs one, and its key after g. */
const pages = {
  status: { title: 'Status', scopes: [], key: 's', show: Status },
  live: { title: 'Live', scopes: ['read', 'admin'], key: 'l', show: Live },
  deliveries: { title: 'Deliveries', scopes: ['read', 'admin'], key: 'd', show: Deliveries },
  delivery: { title: 'Delivery', scopes: ['read', 'admin'], show: Delivery },
  endpoint: { title: 'Endpoint', scopes: ['read', 'admin'], show: Endpoint },
  send: { title: 'Send', scopes: ['send', 'query'], key: 'm', show: Send },
  rosters: { title: 'Rosters', scopes: ['roster', 'read'], key: 'r', show: Rosters },
  rooms: { title: 'Rooms', scopes: ['rooms', 'send', 'read', 'admin'], key: 'o', show: Rooms },
  bots: { title: 'Bots', scopes: ['read', 'admin'], key: 'b', show: Bots },
  commands: { title: 'Commands', scopes: ['admin'], key: 'c', show: Commands },
  hooks: { title: 'Hooks', scopes: ['admin'], key: 'h', show: Hooks },
  setup: { title: 'Setup', scopes: [], key: 'u', show: Setup },
};

function may(page) { const { scopes } = pages[page]; return scopes.length === 0 || session.can(...scopes); }

function useRoute() {
  const [route, set] = useState(read());
  useEffect(() => {
    const f = () => set(read());
    addEventListener('hashchange', f);
    return () => removeEventListener('hashchange', f);
  }, []);
  return route;
}

function Login() {
  const [error, fail] = useState(/** @type {any} */ (null));
  const [busy, setBusy] = useState(false);
  const input = useRef(/** @type {any} */ (null));
  useEffect(() => { document.title = 'stanzahook'; input.current.focus(); }, []);
  const submit = async (e) => {
    e.preventDefault();
    setBusy(true);
    fail(null);
    try { await login(input.current.value.trim()); } catch (problem) {
      fail(problem instanceof Gone ? 'The server does not answer.' : problem.message);
      setBusy(false);
      input.current.select();
    }
  };
  return html`<main class="login">
    <h1>stanzahook</h1>
    <form onSubmit=${submit}>
      <label for="token">API token</label>
      <input id="token" type="password" autocomplete="current-password" spellcheck="false" data-testid="login-token" ref=${input} required aria-describedby="login-help" />
      <button type="submit" data-testid="login-submit" disabled=${busy}>Log in</button>
      ${(error || session.note) && html`<p class="failure" role="alert" data-testid="login-error">${error || session.note}</p>`}
    </form>
    <p id="login-help" class="hint">The token is one of <code>http.tokens</code>; <code>stanzahook token new</code> makes one. It stays in this tab, and closing the tab forgets it.
      To look only, make one with the scope <code>read</code>.</p>
  </main>`;
}

/** Shows why a page could not be shown, in its place. */
class Guard extends Component {
  constructor(props) { super(props); this.state = { error: null }; }
  static getDerivedStateFromError(error) { return { error }; }
  componentDidCatch(error) { console.error(error); }
  render() { return this.state.error ? html`<${Failure} error=${this.state.error} />` : this.props.children; }
}

function Banner() {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => session.gone && tick((n) => n + 1), 1000);
    return () => clearInterval(timer);
  }, []);
  if (!session.gone) return null;
  return html`<div class="banner" role="alert" data-testid="banner">The server has not answered for ${span((Date.now() - session.gone) / 1000)}. The page tries again by itself.</div>`;
}

function Help({ close }) {
  const dialog = useRef(/** @type {any} */ (null));
  useEffect(() => { dialog.current.showModal(); }, []);
  const keys = Object.values(pages).filter((p) => p.key).map((p) => [`g ${p.key}`, p.title]);
  return html`<dialog ref=${dialog} onClose=${close} aria-label="Keys">
    <dl class="facts">${[['/', 'the first filter or field'], ['?', 'this list'], ...keys].map(([k, what]) => html`<div><dt><kbd>${k}</kbd></dt><dd>${what}</dd></div>`)}</dl>
    <form method="dialog"><button>Close</button></form>
  </dialog>`;
}

function useKeys(help) {
  useEffect(() => {
    let g = 0;
    const f = (e) => {
      const typing = e.target instanceof Element && e.target.closest('input, textarea, select, dialog');
      if (typing || e.ctrlKey || e.metaKey || e.altKey) return;
      if (e.key === '/') {
        const first = document.querySelector('main input, main textarea');
        if (first instanceof HTMLElement) { e.preventDefault(); first.focus(); }
      } else if (e.key === '?') help();
      else if (e.key === 'g') { g = Date.now(); return; }
      else if (Date.now() - g < 1500) {
        const found = Object.entries(pages).find(([name, p]) => p.key === e.key && may(name));
        if (found) go(link(found[0]));
      }
      g = 0;
    };
    addEventListener('keydown', f);
    return () => removeEventListener('keydown', f);
  }, []);
}

function Frame() {
  const route = useRoute();
  const [help, setHelp] = useState(false);
  const main = useRef(/** @type {any} */ (null));
  useKeys(() => setHelp(true));
  useEffect(() => {
    if (mayTail()) tail.start();
    return () => tail.stop();
  }, []);
  const { title, scopes, show: Page } = pages[route.page];
  useEffect(() => {
    document.title = `${title}${route.arg ? ' ' + route.arg : ''} – stanzahook`;
    if (document.activeElement === document.body || document.activeElement?.closest('nav')) main.current.focus({ preventScroll: true });
    scrollTo(0, 0);
  }, [route.page, route.arg]);
  const in_ = { delivery: 'deliveries', endpoint: 'status' }[route.page] || route.page;
  const links = Object.entries(pages).filter(([name, p]) => p.key && may(name));
  return html`
    <a class="skip" href="#main" onClick=${(e) => { e.preventDefault(); main.current.focus(); }}>To the content</a>
    <header>
      <a class="brand" href=${link('status')}>stanzahook</a>
      <nav aria-label="Pages">${links.map(([name, p]) => html`<a key=${name} href=${link(name)} data-testid=${'nav-' + name} aria-current=${name === in_ ? 'page' : undefined}>${p.title}</a>`)}</nav>
      <span class="who" title=${session.open ? 'http.insecure_no_auth: every caller may do everything' : 'scopes: ' + session.self?.scopes.join(', ')}>${session.self?.name}</span>
      ${!session.open && html`<button type="button" class="small" data-testid="logout" onClick=${() => logout()}>Log out</button>`}
    </header>
    <${Banner} />
    <main id="main" tabindex="-1" ref=${main} data-testid="page" data-page=${route.page}>
      <${Guard} key=${route.page + ' ' + route.arg}>
        ${may(route.page) ? html`<${Page} arg=${route.arg} query=${route.query} />` : html`<h1>${title}</h1><${Lacks} scopes=${scopes} />`}
      </${Guard}>
    </main>
    <${Confirm} />
    ${help && html`<${Help} close=${() => setHelp(false)} />`}
  `;
}

function App() {
  useSession();
  const [starting, set] = useState(session.open || !!remembered());
  useEffect(() => {
    if (!starting) return;
    login(remembered()).catch((e) => {
      if (e instanceof Gone) session.note = 'The server does not answer.';
      else logout('The token is not accepted any more.');
    }).finally(() => set(false));
  }, []);
  if (session.self) return html`<${Frame} key=${session.self.name} />`;
  return starting ? null : html`<${Login} key=${session.note} />`;
}

const root = /** @type {Element} */ (document.getElementById('root'));
root.replaceChildren(); // what was shown before the scripts
render(html`<${App} />`, root);
changed.emit();
