// Everything the console knows comes through here: the inspection API's paths,
// written out in full, and the only fetch in the program.

const timeoutMillis = 10_000;

const paths = Object.freeze({
  health: '/_leat/health',
  streams: '/_leat/api/streams',
  tables: '/_leat/api/tables',
  queues: '/_leat/api/queues',
  topics: '/_leat/api/topics',
  functions: '/_leat/api/functions',
  mappings: '/_leat/api/mappings',
  outbox: '/_leat/api/outbox',
  check: '/_leat/api/check',
  trace: '/_leat/api/trace',
});

// ask answers one question. An error carries what the platform said.
export async function ask(name, parameters = {}) {
  const query = new URLSearchParams(parameters).toString();
  const response = await fetch(paths[name] + (query && '?' + query), {
    cache: 'no-store', signal: AbortSignal.timeout(timeoutMillis),
  });
  const text = await response.text();
  let body;
  try {
    body = JSON.parse(text);
  } catch {
    throw new Error(`${name}: HTTP ${response.status}: ${text.slice(0, 200)}`);
  }
  if (!response.ok) throw new Error(body.message ?? `${name}: HTTP ${response.status}`);
  return body;
}

// askAll answers several questions at once, by name. null, which stands for an
// empty list in JSON made by Go, becomes one.
export async function askAll(names) {
  const answers = await Promise.all(names.map((name) => ask(name)));
  return Object.fromEntries(names.map((name, i) => [name, answers[i] ?? []]));
}
