'use strict';
// Leat's runtime for Node.js functions: speaks the Lambda Runtime API.
//
// Handlers may be async, take a callback or stream; modules may be CommonJS or
// ES. Errors, console lines and the context object have the shapes that functions find on AWS.

const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const util = require('node:util');

const env = process.env;
const logFd = Number(env._LAMBDA_TELEMETRY_LOG_FD);
delete env._LAMBDA_TELEMETRY_LOG_FD;
const sdkDir = env.LEAT_NODE_SDK;
delete env.LEAT_NODE_SDK;
const [apiHost, apiPort] = env.AWS_LAMBDA_RUNTIME_API.split(':');
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const jsonLogs = env.AWS_LAMBDA_LOG_FORMAT === 'JSON';
const levels = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];
const minLevel = Math.max(0, levels.indexOf(env.AWS_LAMBDA_LOG_LEVEL || ''));
let requestId;

// ---- logs ----

// writeLog sends one event, of any number of lines.
function writeLog(text) {
  const body = Buffer.from(text, 'utf8');
  const frame = Buffer.alloc(16 + body.length);
  frame.writeUInt32BE(0xa55a0003, 0);
  frame.writeUInt32BE(body.length, 4);
  frame.writeBigInt64BE(BigInt(Date.now()) * 1000n, 8);
  body.copy(frame, 16);
  for (let at = 0; at < frame.length;) {
    try {
      at += fs.writeSync(logFd, frame, at);
    } catch (e) {
      if (e.code !== 'EAGAIN') throw e;
    }
  }
}

function jsonLine(level, args) {
  const out = { timestamp: new Date().toISOString(), level, requestId };
  if (args.length === 1 && typeof args[0] !== 'string') {
    out.message = args[0] instanceof Error ? errorShape(args[0]) : args[0];
    try {
      return JSON.stringify(out, jsonValues);
    } catch { /* cyclic: as text below */ }
  }
  out.message = util.format(...args);
  for (const a of args) {
    if (a instanceof Error) {
      Object.assign(out, { errorType: a.name, errorMessage: a.message, stackTrace: stackOf(a) });
      break;
    }
  }
  return JSON.stringify(out, jsonValues);
}

function jsonValues(key, value) {
  if (typeof value === 'bigint') return value.toString();
  return value instanceof Error ? errorShape(value) : value;
}

function log(level, args) {
  if (levels.indexOf(level) < minLevel) return;
  if (jsonLogs) return writeLog(jsonLine(level, args));
  writeLog(`${new Date().toISOString()}\t${requestId}\t${level}\t${util.format(...args)}`);
}

function patchConsole() {
  const level = (name) => (...args) => log(name, args);
  console.log = level('INFO');
  console.info = level('INFO');
  console.debug = level('DEBUG');
  console.warn = level('WARN');
  console.error = level('ERROR');
  console.trace = level('TRACE');
  console.fatal = level('FATAL');
}

// ---- errors ----

class Fault extends Error {
  constructor(name, message, original) {
    super(message);
    this.name = name;
    if (original && original.stack) this.stack = original.stack;
  }
}

function stackOf(e) {
  return typeof e.stack === 'string' ? e.stack.split('\n') : [];
}

function errorShape(e) {
  return { errorType: e.name, errorMessage: e.message, ...own(e), stack: stackOf(e) };
}

function own(e) {
  const out = {};
  for (const k of Object.keys(e)) {
    if (k !== 'name' && k !== 'message' && k !== 'stack') out[k] = e[k];
  }
  return out;
}

// asError is how a thrown value travels to the caller.
function asError(e) {
  if (e instanceof Error || util.types.isNativeError(e)) {
    return { errorType: e.name, errorMessage: e.message, trace: stackOf(e) };
  }
  return { errorType: typeof e, errorMessage: String(e), trace: [] };
}

function logError(prefix, e) {
  const isError = e instanceof Error || util.types.isNativeError(e);
  const shape = isError ? errorShape(e) : asError(e);
  let text;
  try {
    text = JSON.stringify(shape, (k, v) => (typeof v === 'bigint' ? v.toString() : v));
  } catch {
    text = JSON.stringify(asError(e));
  }
  if (jsonLogs) {
    writeLog(JSON.stringify({ timestamp: new Date().toISOString(), level: 'ERROR', requestId, message: JSON.parse(text) }));
  } else {
    writeLog(`${new Date().toISOString()}\t${requestId}\tERROR\t${prefix} \t${text}`);
  }
}

// ---- the Runtime API ----

function request(method, where, body, headers) {
  return new Promise((resolve, reject) => {
    const req = http.request({
      agent, host: apiHost, port: apiPort, method, path: '/2018-06-01/runtime/' + where,
      headers: body === undefined ? headers : { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body), ...headers },
    }, (res) => {
      const chunks = [];
      res.on('data', (c) => chunks.push(c));
      res.on('end', () => resolve({ status: res.statusCode, headers: res.headers, body: Buffer.concat(chunks) }));
      res.on('error', reject);
    });
    req.on('error', reject);
    req.end(body);
  });
}

function post(where, body, headers) {
  return request('POST', where, body, headers);
}

function postError(where, e) {
  const shape = asError(e);
  return post(where, JSON.stringify(shape), { 'Lambda-Runtime-Function-Error-Type': encodeURIComponent(shape.errorType) });
}

// ---- loading the handler ----

const streaming = Symbol.for('aws.lambda.runtime.handler.streaming');

// The global by which functions declare that they stream.
globalThis.awslambda = {
  streamifyResponse(handler, options) {
    handler[streaming] = 'response';
    if (options && options.highWaterMark !== undefined) {
      handler[Symbol.for('aws.lambda.runtime.handler.streaming.highWaterMark')] = parseInt(options.highWaterMark, 10);
    }
    return handler;
  },
  HttpResponseStream: {
    from(stream, prelude) {
      stream.setContentType('application/vnd.awslambda.http-integration-response');
      stream.write(JSON.stringify(prelude));
      stream.write(Buffer.alloc(8));
      return stream;
    },
  },
};

function findModule(root, name) {
  const base = path.resolve(root, name);
  for (const ext of ['', '.js', '.mjs', '.cjs']) {
    const file = base + ext;
    if (fs.existsSync(file) && fs.statSync(file).isFile()) return file;
  }
  return undefined;
}

function isESModule(file) {
  if (file.endsWith('.mjs')) return true;
  if (file.endsWith('.cjs')) return false;
  for (let dir = path.dirname(file); ; dir = path.dirname(dir)) {
    const pkg = path.join(dir, 'package.json');
    if (fs.existsSync(pkg)) {
      try {
        return JSON.parse(fs.readFileSync(pkg, 'utf8')).type === 'module';
      } catch {
        return false;
      }
    }
    if (dir === path.dirname(dir)) return false;
  }
}

// sdkForModules lets import statements find the platform's SDK: NODE_PATH is for require alone.
function sdkForModules() {
  const { register } = require('node:module');
  const parent = require('node:url').pathToFileURL(path.join(sdkDir, 'leat.js')).href;
  const source = `export async function resolve(specifier, context, next) {
    try { return await next(specifier, context); } catch (e) {
      if (e.code !== 'ERR_MODULE_NOT_FOUND' || /^[./]|^[a-z]+:/.test(specifier)) throw e;
      return next(specifier, { ...context, parentURL: ${JSON.stringify(parent)} });
    }
  }`;
  register('data:text/javascript,' + encodeURIComponent(source));
}

async function loadModule(root, name) {
  const file = findModule(root, name);
  try {
    if (file === undefined) return require(require.resolve(name, { paths: [root, ...module.paths] }));
    if (!isESModule(file)) return require(file);
    if (sdkDir) sdkForModules();
    return await import(require('node:url').pathToFileURL(file).href);
  } catch (e) {
    if (e instanceof SyntaxError) throw new Fault('Runtime.UserCodeSyntaxError', e.toString(), e);
    if (e && (e.code === 'MODULE_NOT_FOUND' || e.code === 'ERR_MODULE_NOT_FOUND')) {
      throw new Fault('Runtime.ImportModuleError', e.toString(), e);
    }
    throw e;
  }
}

async function loadHandler(root, handler) {
  if (handler.includes('..')) {
    throw new Fault('Runtime.MalformedHandlerName', `'${handler}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`);
  }
  const base = path.basename(handler);
  const match = base.match(/^([^.]*)\.(.*)$/);
  if (!match || match.length !== 3) throw new Fault('Runtime.MalformedHandlerName', 'Bad handler');
  const name = path.join(handler.slice(0, handler.indexOf(base)), match[1]);
  const mod = await loadModule(root, name);
  const walk = (from) => match[2].split('.').reduce((o, k) => (o === undefined || o === null ? undefined : o[k]), from);
  let fn = walk(mod);
  if (fn === undefined && mod.default) fn = walk(mod.default);
  if (!fn) throw new Fault('Runtime.HandlerNotFound', `${handler} is undefined or not exported`);
  if (typeof fn !== 'function') throw new Fault('Runtime.HandlerNotFound', `${handler} is not a function`);
  return fn;
}

// ---- invocations ----

function parseField(text) {
  return text ? JSON.parse(Buffer.from(text, 'latin1').toString('utf8')) : undefined;
}

function contextOf(headers) {
  const deadline = Number(headers['lambda-runtime-deadline-ms']);
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: parseField(headers['lambda-runtime-client-context']),
    identity: parseField(headers['lambda-runtime-cognito-identity']),
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    awsRequestId: headers['lambda-runtime-aws-request-id'],
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
}

function stringify(value) {
  if (value === undefined) return 'null';
  let text;
  try {
    text = JSON.stringify(value);
  } catch {
    throw new Fault('Runtime.UnserializableResponse', 'Unable to stringify response body');
  }
  return text === undefined ? 'null' : text;
}

let whenIdle; // called once the event loop has nothing left to do

process.on('beforeExit', () => {
  const f = whenIdle;
  whenIdle = undefined;
  if (f) f();
});

// run calls a handler and settles with its answer, however it gives it.
function run(handler, event, context) {
  return new Promise((resolve, reject) => {
    let settled = false;
    const done = (err, value) => {
      if (settled) return;
      settled = true;
      const end = () => (err !== undefined && err !== null ? reject(err) : resolve(value));
      if (context.callbackWaitsForEmptyEventLoop) whenIdle = end; else setImmediate(end);
    };
    context.done = done;
    context.succeed = (v) => { context.callbackWaitsForEmptyEventLoop = false; done(null, v); };
    context.fail = (e) => { context.callbackWaitsForEmptyEventLoop = false; done(e === undefined || e === null ? 'handled' : e); };
    // The loop has run dry and nobody answered: null, as on AWS.
    whenIdle = () => resolve(undefined);
    const result = handler(event, context, done);
    if (result && typeof result.then === 'function') {
      result.then((v) => { if (!settled) { settled = true; resolve(v); } }, (e) => { if (!settled) { settled = true; reject(e); } });
    }
  });
}

// runStreaming calls a handler that writes its answer piece by piece.
async function runStreaming(handler, event, context, id) {
  const { Writable, finished } = require('node:stream');
  const chunks = [];
  let contentType = 'application/octet-stream';
  const stream = new Writable({ write(chunk, enc, next) { chunks.push(Buffer.from(chunk)); next(); } });
  stream.setContentType = (t) => { contentType = t; };
  const ended = new Promise((resolve, reject) => finished(stream, (e) => (e ? reject(e) : resolve())));
  ended.catch(() => {});
  await handler(event, stream, context);
  if (!stream.writableEnded) await Promise.race([ended, new Promise((r) => { whenIdle = r; })]);
  await post(`invocation/${id}/response`, Buffer.concat(chunks), {
    'Content-Type': contentType, 'Lambda-Runtime-Function-Response-Mode': 'streaming',
  });
}

async function handle(handler, headers, body) {
  const id = requestId;
  try {
    const context = contextOf(headers);
    const event = JSON.parse(body.toString('utf8'));
    if (handler[streaming]) {
      await runStreaming(handler, event, context, id);
      return;
    }
    const answer = stringify(await run(handler, event, context));
    await post(`invocation/${id}/response`, answer);
  } catch (e) {
    logError('Invoke Error', e);
    await postError(`invocation/${id}/error`, e);
  } finally {
    whenIdle = undefined;
  }
}

// crash reports what no handler caught, and ends the process.
function crash(prefix, e, code) {
  logError(prefix, e);
  const where = requestId === undefined ? 'init/error' : `invocation/${requestId}/error`;
  agent.destroy();
  postError(where, e).catch(() => {}).then(() => process.exit(code));
}

async function main() {
  patchConsole();
  process.on('uncaughtException', (e) => crash('Uncaught Exception', e, 129));
  process.on('unhandledRejection', (reason) => {
    const e = new Fault('Runtime.UnhandledPromiseRejection', reason instanceof Error ? reason.toString() : String(reason));
    e.reason = reason;
    crash('Unhandled Promise Rejection', e, 128);
  });
  let handler;
  try {
    handler = await loadHandler(env.LAMBDA_TASK_ROOT, env._HANDLER);
  } catch (e) {
    logError('Uncaught Exception', e);
    await postError('init/error', e);
    process.exit(129);
  }
  for (;;) {
    const { status, headers, body } = await request('GET', 'invocation/next');
    if (status !== 200) process.exit(1);
    requestId = headers['lambda-runtime-aws-request-id'];
    const trace = headers['lambda-runtime-trace-id'];
    if (trace) env._X_AMZN_TRACE_ID = trace; else delete env._X_AMZN_TRACE_ID;
    await handle(handler, headers, body);
  }
}

main().catch(() => process.exit(1));
