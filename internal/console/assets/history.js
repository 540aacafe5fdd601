// What the figures were in the last minutes, for the sparklines. It lives in
// the page alone and begins when the page is opened.

import { s } from './dom.js';

const kept = 60; // samples: two minutes at one every two seconds

const series = new Map();
const totals = new Map();

// note adds a sample to a series.
export function note(name, value) {
  const list = series.get(name) ?? [];
  list.push(value);
  if (list.length > kept) list.shift();
  series.set(name, list);
}

// noteTotal adds the rate per second at which a total grew since it was last told.
// A total that fell begins anew: its counter was reset.
export function noteTotal(name, total, now) {
  const last = totals.get(name);
  totals.set(name, { total, now });
  if (last && now > last.now) note(name, (Math.max(0, total - last.total) / (now - last.now)) * 1000);
}

export const latest = (name) => series.get(name)?.at(-1) ?? 0;

// spark draws a series. New samples come in at the right.
export function spark(name, label) {
  const list = series.get(name) ?? [];
  const top = Math.max(...list, 1e-9);
  const width = 180, height = 36;
  const at = (v, i) => `${(((kept - list.length + i) / (kept - 1)) * width).toFixed(1)},${(height - 2 - (v / top) * (height - 5)).toFixed(1)}`;
  const points = list.map(at);
  const first = points[0]?.split(',')[0];
  return s('svg', { class: 'spark', viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': `${label}, the last minutes` },
    s('path', { class: 'area', d: points.length > 1 ? `M${first},${height} L${points.join(' ')} L${width},${height}Z` : 'M0,0' }),
    s('path', { d: points.length > 1 ? `M${points.join(' ')}` : 'M0,0' }));
}
