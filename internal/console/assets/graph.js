// The topology: sources, functions and what those write to, from left to
// right. Layers are longest paths; edges that would close a circle go back, dashed.

import { brief, count, empty, h, s, table } from './dom.js';

const size = { width: 186, height: 44, across: 92, down: 22, margin: 14, below: 24 }; // below is room for edges that go back
const longest = 25; // characters of a name in its box
const fits = 1700; // a wider graph is scrolled rather than made smaller
const sweeps = 4;

// resource is the thing an ARN belongs to: a table for its indexes and change
// streams, a bucket for its objects.
function resource(arn) {
  const plain = arn.replace(/\/(stream|index)\/.*$/, '');
  const service = plain.split(':')[2];
  if (service === 's3') return plain.split('/')[0];
  if (service === 'lambda') return plain.split(':').slice(0, 7).join(':');
  return plain;
}

const kinds = { kinesis: 'stream', dynamodb: 'table', sqs: 'queue', sns: 'topic', s3: 'bucket', lambda: 'function' };
const kindOf = (arn) => kinds[arn.split(':')[2]] ?? '';

// collect makes nodes and edges of the answers.
function collect({ streams, tables, queues, topics, functions, mappings }) {
  const nodes = new Map(), edges = new Map();
  const node = (arn) => {
    const id = resource(arn);
    if (!nodes.has(id)) nodes.set(id, { id, kind: kindOf(id), name: brief(id), layer: 0, into: [], out: [] });
    return nodes.get(id);
  };
  const edge = (from, to, how, bad = '') => {
    const key = JSON.stringify([resource(from), resource(to)]);
    const known = edges.get(key);
    if (known) known.how.push(how);
    else edges.set(key, { from: node(from), to: node(to), how: [how], bad, via: [] });
  };
  for (const each of [...streams, ...tables, ...queues, ...topics, ...functions]) node(each.arn);
  for (const m of mappings) {
    const bad = m.Dropped + m.Failed + m.Rejected;
    edge(m.SourceARN, m.FunctionARN, bad > 0 ? `${count(m.Polled)} read, ${count(bad)} failed or dropped` : `${count(m.Polled)} read`, bad > 0 && `${count(bad)} failed`);
  }
  for (const t of topics) {
    for (const sub of t.subscriptions) if (sub.endpoint.startsWith('arn:')) edge(t.arn, sub.endpoint, sub.protocol);
  }
  for (const f of functions) {
    for (const statement of f.policy.Statement) {
      for (const arn of statement.Resource) {
        if (kindOf(arn) && resource(arn) !== f.arn) edge(f.arn, arn, statement.Action.map((a) => a.split(':')[1]).join(', '));
      }
    }
  }
  const byName = (e) => `${e.from.id} ${e.to.id}`;
  return { nodes: [...nodes.values()], edges: [...edges.values()].sort((a, b) => (byName(a) < byName(b) ? -1 : 1)) };
}

// turnBack marks the edges that close circles: those to a node that the walk is still below of.
function turnBack(nodes, edges) {
  const out = new Map(nodes.map((n) => [n, edges.filter((e) => e.from === n)]));
  const state = new Map();
  const walk = (n) => {
    state.set(n, 'open');
    for (const e of out.get(n)) {
      e.back = state.get(e.to) === 'open';
      if (!state.has(e.to)) walk(e.to);
    }
    state.set(n, 'done');
  };
  const entered = new Set(edges.map((e) => e.to));
  [...nodes.filter((n) => !entered.has(n)), ...nodes].forEach((n) => state.has(n) || walk(n));
}

// layer puts each node right of all that lead to it.
function layer(nodes, edges) {
  const forward = edges.filter((e) => !e.back);
  for (let changed = true; changed;) {
    changed = false;
    for (const e of forward) {
      if (e.to.layer <= e.from.layer) {
        e.to.layer = e.from.layer + 1;
        changed = true;
      }
    }
  }
  const layers = [];
  for (const n of nodes) (layers[n.layer] ??= []).push(n);
  for (const e of forward) thread(e, layers);
  return layers;
}

// thread leads an edge through a place of its own in every layer between its
// ends, so that it does not run across boxes.
function thread(e, layers) {
  let last = e.from;
  const link = (n) => {
    last.out.push(n);
    n.into.push(last);
    last = n;
  };
  for (let i = e.from.layer + 1; i < e.to.layer; i++) {
    const n = { bend: true, name: e.to.name, layer: i, into: [], out: [] };
    layers[i].push(n);
    e.via.push(n);
    link(n);
  }
  link(e.to);
}

// order moves nodes near the middle of their neighbours, so that edges cross less.
function order(layers) {
  const number = (list) => list.forEach((n, i) => { n.row = i - (list.length - 1) / 2; });
  const middle = (n, list) => (list.length ? list.reduce((total, m) => total + m.row, 0) / list.length : n.row);
  layers.forEach(number);
  for (let i = 0; i < sweeps; i++) {
    const down = i % 2 === 0;
    for (const list of down ? layers : [...layers].reverse()) {
      const wanted = new Map(list.map((n) => [n, middle(n, down ? n.into : n.out)]));
      list.sort((a, b) => wanted.get(a) - wanted.get(b) || (a.name < b.name ? -1 : 1));
      number(list);
    }
  }
}

function place(layers) {
  const tallest = Math.max(...layers.map((list) => list.length));
  const height = tallest * (size.height + size.down) - size.down + 2 * size.margin + size.below;
  for (const n of layers.flat()) {
    n.x = size.margin + n.layer * (size.width + size.across);
    n.y = (height - size.below) / 2 + n.row * (size.height + size.down) - size.height / 2;
  }
  return { width: layers.length * (size.width + size.across) - size.across + 2 * size.margin, height };
}

function drawEdge(e, height) {
  const kind = e.bad ? 'bad' : '', tip = e.bad ? 'url(#tip-bad)' : 'url(#tip)';
  const title = s('title', {}, `${e.from.name} → ${e.to.name}: ${e.how.join('; ')}`);
  const line = (d) => s('path', { class: `edge ${kind} ${e.back ? 'back' : ''}`, 'marker-end': tip, d });
  if (e.back) {
    const x1 = e.from.x + size.width / 2, x2 = e.to.x + size.width / 2, low = height - size.margin;
    return s('g', {}, title, line(`M${x1},${e.from.y + size.height} C${x1},${low} ${x2},${low} ${x2},${e.to.y + size.height + 5}`));
  }
  const middle = (n) => n.y + size.height / 2;
  let x = e.from.x + size.width, y = middle(e.from), d = `M${x},${y}`;
  for (const n of [...e.via, e.to]) {
    const end = n === e.to ? n.x - 5 : n.x, half = (end - x) / 2;
    d += ` C${x + half},${y} ${end - half},${middle(n)} ${end},${middle(n)}`;
    x = n.x + size.width;
    y = middle(n);
    if (n.bend) d += ` L${x},${y}`;
  }
  const first = e.via[0] ?? e.to, label = e.bad || e.how.join('; ');
  return s('g', {}, title, line(d), s('text', {
    class: `note ${kind}`, 'text-anchor': 'middle', x: e.from.x + size.width + size.across / 2, y: (middle(e.from) + middle(first)) / 2 - 5,
  }, label.length > 16 ? `${label.slice(0, 15)}…` : label));
}

// ending keeps the end of a name: the beginning is often that of its stack.
const ending = (text) => (text.length > longest ? `…${text.slice(1 - longest)}` : text);

function drawNode(n) {
  return s('g', { class: n.kind }, s('title', {}, n.id),
    s('rect', { class: 'box', x: n.x, y: n.y, width: size.width, height: size.height, rx: n.kind === 'function' ? 22 : 6 }),
    s('text', { class: 'kind', x: n.x + size.width / 2, y: n.y + 16, 'text-anchor': 'middle' }, n.kind.toUpperCase()),
    s('text', { x: n.x + size.width / 2, y: n.y + 32, 'text-anchor': 'middle' }, ending(n.name)));
}

export function topology(answers) {
  const { nodes, edges } = collect(answers);
  if (nodes.length === 0) return [h('h1', {}, 'Topology'), empty('There is nothing to draw yet.')];
  turnBack(nodes, edges);
  const joined = new Set(edges.flatMap((e) => [e.from, e.to]));
  const layers = layer(nodes.filter((n) => joined.has(n)), edges);
  const alone = nodes.filter((n) => !joined.has(n));
  return [h('h1', {}, 'Topology'),
    layers.length > 0 && draw(layers, edges),
    alone.length > 0 && h('div', { class: 'panel' }, h('h2', {}, 'Not connected, or not used yet'), table(['Kind', 'Name'], alone.map((n) => [n.kind, n.name]))),
    edges.length > 0 && h('div', { class: 'panel' }, h('h2', {}, 'The same as a list'),
      table(['From', '', 'To', '', 'How'], edges.map((e) => [e.from.name, h('span', { class: 'soft' }, e.from.kind), e.to.name, h('span', { class: 'soft' }, e.to.kind), e.how.join('; ')])))];
}

function draw(layers, edges) {
  order(layers);
  const { width, height } = place(layers);
  const tip = (id, kind) => s('marker', { id, viewBox: '0 0 8 8', refX: 6, refY: 4, markerWidth: 8, markerHeight: 8, markerUnits: 'userSpaceOnUse', orient: 'auto' },
    s('path', { class: `tip ${kind}`, d: 'M0,0 L8,4 L0,8Z' }));
  return h('div', { class: 'panel graph scroll', tabindex: '0', role: 'img', 'aria-label': 'Graph of sources, functions and what they write to; the list below tells the same' },
    s('svg', { width, height, viewBox: `0 0 ${width} ${height}`, class: width <= fits && 'fit' },
      s('defs', {}, tip('tip', ''), tip('tip-bad', 'bad')),
      edges.map((e) => drawEdge(e, height)), layers.flat().filter((n) => !n.bend).map(drawNode)));
}
