// Charts of the last hour: lines on the cards, and one with axes, by uPlot.
import { get, query } from './session.js';
import { count, html, useEffect, useLoad, useRef } from './parts.js';
const uPlot = /** @type {any} */ (globalThis).uPlot; // a script of its own

/** How much an endpoint has delivered, as a line. */
export function Spark({ endpoint }) {
  const { value } = useLoad((s) => get('v1/summary' + query({ range: '1h', endpoint }), s), [endpoint], 60000);
  if (!value || value.items.length < 2) return null;
  const items = [...value.items].reverse();
  const total = items.reduce((n, i) => n + i.delivered, 0);
  const most = Math.max(1, ...items.map((i) => i.delivered));
  const points = items.map((i, n) => `${((n * 100) / (items.length - 1)).toFixed(1)},${(19 - (18 * i.delivered) / most).toFixed(1)}`).join(' ');
  return html`<svg class="spark" viewBox="0 0 100 20" preserveAspectRatio="none" role="img" aria-label=${`${count(total, 'event')} delivered in the last hour`}><polyline points=${points} /></svg>`;
}

/** Events and latency a minute. */
export function Chart({ items }) {
  const box = useRef(/** @type {any} */ (null));
  const plot = useRef(/** @type {any} */ (null));
  const rows = [...items].reverse();
  const column = (name) => rows.map((r) => (r[name] ?? null));
  const data = [rows.map((r) => new Date(r.time).getTime() / 1000), column('in'), column('out'), column('delivered'), column('failed'), column('dead'), column('p99_ms')];
  useEffect(() => {
    const ink = getComputedStyle(box.current);
    const colour = (name) => ink.getPropertyValue('--' + name).trim();
    const axis = { stroke: colour('ink'), grid: { stroke: colour('line'), width: 1 }, ticks: { stroke: colour('line') } };
    const line = (label, name, more = {}) => ({ label, stroke: colour(name), width: 1.5, points: { show: false }, ...more });
    const width = () => Math.max(280, box.current.clientWidth);
    plot.current = new uPlot({
      width: width(), height: 200, cursor: { drag: { x: false, y: false } }, scales: { y: { range: (_, __, most) => [0, Math.max(1, most * 1.1)] }, ms: { range: (_, __, most) => [0, Math.max(1, most * 1.1)] } },
      axes: [axis, { ...axis, size: 50 }, { ...axis, scale: 'ms', side: 1, size: 55, grid: { show: false }, values: (_, all) => all.map((v) => (v < 1000 ? v + ' ms' : v / 1000 + ' s')) }],
      series: [{}, line('in', 'c1'), line('out', 'c2'), line('delivered', 'good'), line('failed', 'warn'), line('dead', 'bad'), line('p99 ms', 'c3', { scale: 'ms', dash: [4, 3] })],
    }, data, box.current);
    const resize = new ResizeObserver(() => plot.current.setSize({ width: width(), height: 200 }));
    resize.observe(box.current);
    return () => { resize.disconnect(); plot.current.destroy(); };
  }, []);
  useEffect(() => { plot.current.setData(data); }, [items]);
  const sum = (name) => rows.reduce((n, r) => n + (r[name] || 0), 0);
  const text = `In the last hour: ${count(sum('in'), 'stanza')} in, ${sum('out')} out; ${count(sum('delivered'), 'event')} delivered, ${sum('failed')} attempts failed, ${sum('dead')} dead.`;
  return html`<div class="chart" ref=${box} role="img" aria-label=${text}></div>`;
}
