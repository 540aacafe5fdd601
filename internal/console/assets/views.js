// One function for each page: from answers to elements.

import { badge, brief, bytes, count, empty, h, loud, mono, rate, shard, span, table, when } from './dom.js';
import { latest, spark } from './history.js';

const plural = (n, one, many = one + 's') => `${count(n)} ${n === 1 ? one : many}`;
const sum = (list, of) => list.reduce((total, each) => total + of(each), 0);

function card(label, value, note, { href, bad, figure } = {}) {
  return h(href ? 'a' : 'div', { class: `card ${bad ? 'bad' : ''}`, href },
    h('div', { class: 'label' }, label), h('div', { class: 'value' }, value), figure, h('div', { class: 'note' }, note));
}

export function overview({ health, streams, tables, queues, mappings }) {
  const { storage } = health;
  const dropped = sum(mappings, (m) => m.Dropped), failed = sum(mappings, (m) => m.Failed);
  const waiting = sum(queues, (q) => q.visible + q.delayed + q.inFlight);
  return [
    h('h1', {}, 'Overview'),
    h('div', { class: 'cards' },
      card('Health', health.status, storage.error ?? `up ${span(health.uptimeSeconds * 1000)}, version ${health.version}`, { bad: health.status !== 'ok' }),
      card(health.memory ? 'Storage, in memory only' : 'Storage', bytes(storage.diskUsed),
        health.memory ? 'nothing survives the process' : `${bytes(storage.diskFree)} free`, { bad: !storage.writable }),
      card('Streams', count(streams.length), `${plural(sum(streams, (x) => x.openShards), 'open shard')}, ${plural(sum(streams, (x) => x.records), 'record')}`, { href: '#/streams' }),
      card('Tables', count(tables.length), `${plural(sum(tables, (x) => x.items), 'item')}, ${bytes(sum(tables, (x) => x.bytes))}`, { href: '#/tables' }),
      card('Queues', count(queues.length), `${plural(waiting, 'message')} in them`, { href: '#/queues' }),
      card('Mappings', count(mappings.length), dropped + failed > 0
        ? h('span', { class: 'loud' }, `${plural(failed, 'record')} failed, ${count(dropped)} dropped`)
        : 'nothing failed, nothing dropped', { href: '#/mappings', bad: dropped + failed > 0 })),
    h('div', { class: 'cards wide' },
      card('Records into streams, per second', rate(latest('records')), null, { figure: spark('records', 'Records into streams') }),
      card('Bytes into streams, per second', bytes(latest('bytes')), null, { figure: spark('bytes', 'Bytes into streams') }),
      card('Records read by mappings, per second', rate(latest('polled')), null, { figure: spark('polled', 'Records read by mappings') }),
      card('Invocations by mappings, per second', rate(latest('invocations')), null, { figure: spark('invocations', 'Invocations by mappings') })),
    h('div', { class: 'panel' }, h('h2', {}, 'Where to reach it'),
      table(['What', 'Address'], [['AWS APIs', mono(health.url)], ['Schema registry', mono(health.registryUrl)],
        ['These figures as JSON', h('a', { href: 'api/openapi.json' }, mono(`${health.url}/_leat/api/openapi.json`))]])),
  ];
}

const place = (x) => h('span', { class: 'soft' }, `${x.account} · ${x.region}`);

function readers(sh) {
  return (sh.readers ?? []).map((r) => h('div', {}, r.consumer || 'GetRecords', ' ',
    badge(r.behindMillis > 0 ? `${span(r.behindMillis)} behind` : 'at the tip', r.behindMillis > 60_000 ? 'bad' : r.behindMillis > 1000 ? 'warn' : '')));
}

export function streams({ streams }) {
  if (streams.length === 0) return [h('h1', {}, 'Streams'), empty('There are no streams yet.')];
  return [h('h1', {}, 'Streams'), streams.map((st) => h('section', { class: 'panel' },
    h('div', { class: 'head' }, h('h2', {}, st.name), badge(st.mode.replace('_', ' ').toLowerCase()),
      h('span', {}, `${rate(st.recordsPerSecond)} records/s, ${bytes(Math.round(st.bytesPerSecond))}/s`),
      h('span', { class: 'soft' }, `${plural(st.records, 'record')}, ${bytes(st.bytes)}, kept ${st.retentionHours} h`), place(st)),
    spark(`stream ${st.arn}`, `Records into ${st.name}`),
    table(['Shard', 'From', '#Records', '#Size', '#Records/s', '#Bytes/s', 'Readers', 'Last record'], st.shards.map((sh) => [
      [shard(sh.id), ' ', sh.open ? badge('open') : badge('closed', 'off')],
      sh.parents?.map(shard).join(' + ') ?? '', count(sh.records), bytes(sh.bytes), rate(sh.recordsPerSecond), bytes(Math.round(sh.bytesPerSecond)), readers(sh),
      sh.records > 0 ? h('a', { href: traceLink(`${sh.id}:${sh.lastSequence}`), title: sh.lastSequence }, mono(`…${sh.lastSequence.slice(-12)}`)) : '',
    ])),
    st.consumers.length > 0 && [h('h3', {}, 'Consumers with enhanced fan-out'),
      table(['Consumer', '#Open subscriptions', 'Registered'], st.consumers.map((c) => [c.name, count(c.subscriptions), when(c.created)]))]))];
}

export function tables({ tables }, { found }) {
  const checked = h('div', { class: 'panel head' }, h('button', { type: 'button', 'data-do': 'check' }, 'Check all data'),
    h('span', { role: 'status' }, found === undefined ? 'Verifies that items, indexes and change streams agree.' : found));
  if (tables.length === 0) return [h('h1', {}, 'Tables'), empty('There are no tables yet.')];
  return [h('h1', {}, 'Tables'), tables.map((t) => h('section', { class: 'panel' },
    h('div', { class: 'head' }, h('h2', {}, t.name), h('span', {}, `${plural(t.items, 'item')}, ${bytes(t.bytes)}`),
      h('span', { class: 'soft' }, `key ${t.keys.join(', ')}`), t.ttl && badge(`expires by ${t.ttl}`), place(t)),
    t.indexes.length > 0 && table(['Index', 'Kind', 'Key', '#Items', '#Size', ''], t.indexes.map((ix) => [
      ix.name, ix.global ? 'global' : 'local', ix.keys.join(', '), count(ix.items), bytes(ix.bytes), ix.filling ? badge('filling', 'warn') : ''])),
    t.stream && [h('h3', {}, 'Change stream ', badge(t.stream.view.replaceAll('_', ' ').toLowerCase()), ' ', !t.stream.enabled && badge('disabled', 'off')),
      table(['Shard', '#Changes kept', '#Changes ever'], t.stream.shards.map((sh) => [
        [shard(sh.id), ' ', sh.open ? badge('open') : badge('closed', 'off')], count(sh.records), count(sh.totalRecords)]))])), checked];
}

export function queues({ queues }) {
  if (queues.length === 0) return [h('h1', {}, 'Queues'), empty('There are no queues yet.')];
  return [h('h1', {}, 'Queues'), h('div', { class: 'panel' }, table(['Queue', '', '#Waiting', '#Delayed', '#In flight', 'Place'],
    queues.map((q) => [brief(q.arn), q.fifo ? badge('FIFO') : '', count(q.visible), count(q.delayed), count(q.inFlight),
      h('span', { class: 'soft' }, q.arn.split(':').slice(3, 5).reverse().join(' · '))])))];
}

export function mappings({ mappings }) {
  if (mappings.length === 0) return [h('h1', {}, 'Mappings'), empty('No event source mapping is enabled.')];
  return [h('h1', {}, 'Mappings'), mappings.map((m) => h('section', { class: `panel ${m.Dropped + m.Failed + m.Rejected > 0 ? 'bad' : ''}` },
    h('div', { class: 'head' }, h('h2', {}, `${brief(m.SourceARN)} → ${brief(m.FunctionARN)}`),
      m.Dropped > 0 && badge(`${plural(m.Dropped, 'record')} dropped`, 'bad'), m.Failed > 0 && badge(`${count(m.Failed)} failed`, 'bad'),
      m.Rejected > 0 && badge(`${count(m.Rejected)} not decodable`, 'bad'), mono(m.UUID)),
    table(['#Read', '#Filtered out', '#Not JSON', '#Not decodable', '#Given', '#Failed', '#Dropped', '#To destination', '#Deleted', '#Invocations'], [[
      count(m.Polled), count(m.FilteredOut), count(m.NotJSON), loud(m.Rejected), count(m.Invoked), loud(m.Failed), loud(m.Dropped),
      count(m.Delivered), count(m.Deleted), count(m.Invocations)]]),
    Object.keys(m.Shards).length > 0 && table(['Shard', 'Done up to', '#Received', '#Filtered out', '#Not decodable', '#Given', '#Set aside', '#Lost'],
      Object.entries(m.Shards).sort(([a], [b]) => (a < b ? -1 : 1)).map(([id, sh]) => [
        [shard(id), ' ', sh.Ended && badge('ended', 'off')],
        sh.Position ? h('a', { href: traceLink(`${id}:${sh.Position}`) }, mono(sh.Position)) : h('span', { class: 'soft' }, 'the beginning'),
        count(sh.Stats.Received), count(sh.Stats.Dropped), loud(sh.Stats.Rejected), count(sh.Stats.Invoked), count(sh.Stats.Discarded), loud(sh.Stats.Lost)]))))];
}

export function outbox({ outbox }) {
  return [h('h1', {}, 'Outbox'), outbox.length === 0
    ? empty('No e-mail or text message has been sent. What AWS would send to people is kept here instead.')
    : outbox.map((item) => h('section', { class: 'panel' },
      h('div', { class: 'head' }, h('h2', {}, item.Subject || item.To), badge(item.Protocol), h('span', {}, `to ${item.To}`),
        h('span', { class: 'soft' }, when(item.Time)), item.Topic && h('span', { class: 'soft' }, brief(item.Topic))),
      h('pre', { tabindex: '0' }, item.Body)))];
}

export const traceLink = (id) => `#/trace?id=${encodeURIComponent(id)}`;

const nameOf = (ref) => (ref.Kind === 'record' ? `${ref.Shard}:${ref.ID}` : ref.ID);

function thing(ref) {
  return [badge(ref.Kind), ' ', h('a', { href: traceLink(nameOf(ref)) }, mono(nameOf(ref))), ' ', h('span', { class: 'soft' }, brief(ref.Name))];
}

function branch(node) {
  return h('li', {}, thing(node.Ref), node.Cut && [' ', badge('shown above, or too much to show', 'off')],
    node.Hops?.length > 0 && h('ul', {}, node.Hops.map((edge) => h('li', {},
      h('span', { class: 'hop' }, `${edge.Hop.Operation} ${when(edge.Hop.Time)} `), edge.Hop.Error && badge(edge.Hop.Error, 'bad'),
      edge.Nodes?.length > 0 && h('ul', {}, edge.Nodes.map(branch))))));
}

function side(title, node, none) {
  return h('div', { class: 'panel' }, h('h2', {}, title),
    node.Hops?.length > 0 ? h('ul', { class: 'tree' }, branch(node)) : h('p', { class: 'soft' }, none));
}

export function trace({ trace }, { id, fault }) {
  return [h('h1', {}, 'Trace'),
    h('form', { role: 'search', 'data-do': 'trace' },
      h('input', { id: 'trace-id', name: 'id', value: id, 'aria-label': 'What to trace', autocomplete: 'off', spellcheck: 'false',
        placeholder: 'shardId-…:sequence number, request id, message id, table/{"key":{"S":"…"}}, bucket/key' }),
      h('button', {}, 'Trace')),
    h('div', { 'aria-live': 'polite' },
      fault && empty(fault),
      !id && empty('Give a record, a request id, a message id, an item or an object, to see what led to it and what followed.'),
      (trace ?? []).map((t) => [
        h('div', { class: 'panel' }, badge(t.kind), ' ', mono(t.thing), ' ', h('span', { class: 'soft' }, brief(t.name))),
        side('Led to by', t.backward, 'Nothing that was traced: it came from outside.'),
        side('Followed by', t.forward, 'Nothing that was traced.')]))];
}
