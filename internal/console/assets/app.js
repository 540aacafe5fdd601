// The shell: which page is shown, when it is asked anew, and what happens on failure.

import { ask, askAll } from './api.js';
import { count, h, morphChildren } from './dom.js';
import { topology } from './graph.js';
import { note, noteTotal } from './history.js';
import * as views from './views.js';

const refreshMillis = 2000;

// These are asked on every page: the sparklines go on while another page is shown.
const always = ['health', 'streams', 'mappings'];

const pages = {
  overview: { title: 'Overview', asks: ['tables', 'queues'], view: views.overview },
  streams: { title: 'Streams', asks: [], view: views.streams },
  tables: { title: 'Tables', asks: ['tables'], view: views.tables },
  queues: { title: 'Queues', asks: ['queues'], view: views.queues },
  mappings: { title: 'Mappings', asks: [], view: views.mappings },
  topology: { title: 'Topology', asks: ['tables', 'queues', 'topics', 'functions'], view: topology },
  outbox: { title: 'Outbox', asks: ['outbox'], view: views.outbox },
  trace: { title: 'Trace', asks: [], view: views.trace },
};

const main = document.getElementById('main');
const pulse = document.getElementById('pulse');
const alarm = document.getElementById('alarm');

let page = '';
let state = {}; // what the page has been told beside the answers: an id, a fault
let answers = {};
let round = 0; // a reply that comes after the page was left is dropped
let timer;

function render() {
  const { view } = pages[page];
  morphChildren(main, view(answers, state).flat(Infinity).filter(Boolean));
}

function remember({ streams, mappings }) {
  const now = performance.now();
  note('records', streams.reduce((n, x) => n + x.recordsPerSecond, 0));
  note('bytes', streams.reduce((n, x) => n + x.bytesPerSecond, 0));
  for (const st of streams) note(`stream ${st.arn}`, st.recordsPerSecond);
  noteTotal('polled', mappings.reduce((n, m) => n + m.Polled, 0), now);
  noteTotal('invocations', mappings.reduce((n, m) => n + m.Invocations, 0), now);
}

async function refresh() {
  clearTimeout(timer);
  const mine = ++round;
  try {
    const fresh = await askAll([...always, ...pages[page].asks]);
    if (mine !== round) return;
    answers = { ...answers, ...fresh };
    remember(answers);
    tell('live', 'live', answers.health.status === 'ok' ? '' : `The platform accepts no writes: ${answers.health.storage.error ?? answers.health.status}`);
    render();
  } catch (error) {
    if (mine !== round) return;
    tell('lost', 'not reached', `The platform does not answer: ${error.message}. What is shown is old.`);
  }
  if (!document.hidden) timer = setTimeout(refresh, refreshMillis);
}

function tell(kind, word, message) {
  pulse.className = `pulse ${kind}`;
  pulse.textContent = word;
  if (alarm.textContent !== message) alarm.textContent = message; // told once, not every two seconds
}

// show turns to the page that the address names.
async function show() {
  const [name, query] = location.hash.replace(/^#\/?/, '').split('?');
  if (name === 'main' && page) return; // the link that skips the navigation
  const turned = page !== name;
  page = Object.hasOwn(pages, name) ? name : 'overview';
  state = { id: new URLSearchParams(query).get('id') ?? '' };
  answers = { ...answers, trace: [] };
  document.title = `${pages[page].title} · Leat`;
  morphChildren(document.getElementById('nav'), Object.entries(pages).map(([key, { title }]) =>
    h('a', { href: `#/${key}`, 'aria-current': key === page && 'page' }, title)));
  if (turned) main.replaceChildren();
  if (page === 'trace') await search();
  await refresh();
}

async function search() {
  const { id } = state;
  render();
  document.getElementById('trace-id').value = id;
  if (!id) return;
  try {
    const found = await ask('trace', { id });
    if (state.id === id) answers = { ...answers, trace: found };
  } catch (error) {
    if (state.id === id) state.fault = error.message;
  }
}

async function check() {
  const asked = state;
  asked.found = 'Checking …';
  render();
  try {
    const { checked, faults } = await ask('check');
    asked.found = faults.length === 0 ? `${count(checked)} entries checked, all agree.` : `${count(checked)} entries checked, ${count(faults.length)} faults: ${faults.join('; ')}`;
  } catch (error) {
    asked.found = error.message;
  }
  if (asked === state) render();
}

main.addEventListener('submit', (event) => {
  event.preventDefault();
  const id = new FormData(event.target).get('id').trim();
  const target = views.traceLink(id);
  if (location.hash === target) show();
  else location.hash = target;
});
main.addEventListener('click', (event) => {
  if (event.target.closest('[data-do="check"]')) check();
});
document.addEventListener('visibilitychange', () => (document.hidden ? clearTimeout(timer) : refresh()));
document.addEventListener('keydown', (event) => {
  if (event.key === '/' && !event.ctrlKey && !event.metaKey && !event.altKey && event.target.nodeName !== 'INPUT') {
    event.preventDefault();
    if (page !== 'trace') location.hash = '#/trace';
    requestAnimationFrame(() => setTimeout(() => document.getElementById('trace-id')?.focus()));
  }
});
window.addEventListener('hashchange', show);
show();
