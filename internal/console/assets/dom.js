// Making and updating elements. Text reaches the page as text nodes and
// attributes only; nothing here or elsewhere parses markup.

const svgSpace = 'http://www.w3.org/2000/svg';

function build(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value !== undefined && value !== null && value !== false) {
      element.setAttribute(name, value === true ? '' : String(value));
    }
  }
  for (const child of children.flat(Infinity)) {
    if (child !== undefined && child !== null && child !== false) {
      element.append(child instanceof Node ? child : document.createTextNode(String(child)));
    }
  }
  return element;
}

// h makes an element of HTML, s one of SVG.
export const h = (tag, attributes, ...children) => build(document.createElement(tag), attributes, children);
export const s = (tag, attributes, ...children) => build(document.createElementNS(svgSpace, tag), attributes, children);

// morph makes old look like fresh by changing only what differs, so that focus,
// selection, scroll positions and opened details outlive a refresh.
export function morph(old, fresh) {
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) {
    old.replaceWith(fresh);
    return;
  }
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !ownedByReader(old, name)) old.removeAttribute(name);
  }
  for (const { name, value } of [...fresh.attributes]) {
    if (old.getAttribute(name) !== value && !ownedByReader(old, name)) old.setAttribute(name, value);
  }
  morphChildren(old, [...fresh.childNodes]);
}

// morphChildren makes children the only ones of parent.
export function morphChildren(parent, children) {
  const present = [...parent.childNodes];
  children.forEach((child, i) => (i < present.length ? morph(present[i], child) : parent.append(child)));
  present.slice(children.length).forEach((extra) => extra.remove());
}

// What a reader has opened or typed is theirs.
function ownedByReader(element, attribute) {
  return (element.nodeName === 'DETAILS' && attribute === 'open') || (element.nodeName === 'INPUT' && attribute === 'value');
}

// table shows rows under heads. A head that begins with # is a number's.
export function table(heads, rows) {
  const numeric = heads.map((head) => head.startsWith('#'));
  const cell = (tag) => (content, i) => h(tag, { class: numeric[i] && 'num', scope: tag === 'th' && 'col' }, content);
  return h('div', { class: 'scroll' }, h('table', {},
    h('thead', {}, h('tr', {}, heads.map((head) => head.replace(/^#/, '')).map(cell('th')))),
    h('tbody', {}, rows.map((row) => h('tr', {}, row.map(cell('td')))))));
}

export const badge = (text, kind = '') => h('span', { class: `badge ${kind}` }, text);
export const mono = (text) => h('span', { class: 'mono' }, text);
export const empty = (text) => h('div', { class: 'panel empty' }, text);

// loud is a count that ought to be zero.
export const loud = (n) => (n > 0 ? h('span', { class: 'loud' }, count(n)) : '0');

export const count = (n) => Math.round(n ?? 0).toLocaleString('en');

export function bytes(n) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let i = 0;
  for (; n >= 1024 && i < units.length - 1; i++) n /= 1024;
  return `${i === 0 ? n : n.toFixed(1)} ${units[i]}`;
}

export const rate = (n) => (n >= 100 ? count(n) : (n ?? 0).toFixed(1));

export function span(millis) {
  const seconds = millis / 1000;
  if (seconds < 1) return `${Math.round(millis)} ms`;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
  return seconds < 86400
    ? `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`
    : `${Math.floor(seconds / 86400)} d ${Math.floor((seconds % 86400) / 3600)} h`;
}

export const when = (time) => new Date(time).toISOString().replace('T', ' ').slice(0, 19);

// brief is the part of an ARN that people call the thing by.
export function brief(arn) {
  const last = arn.split(':').slice(5).join(':');
  return last.replace(/^(table|stream|function)[/:]/, '').replace(/\/(stream|index)\/.*$/, '') || arn;
}

// shard is a shard's id without its zeros.
export const shard = (id) => id.replace(/^shardId-0*(?=\d)/, 'shard ').replace(/-0*(?=\d)/, '-');
