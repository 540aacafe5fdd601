// A Leat of a test's own: a file to copy into your tests.
//
//   import { startLeat } from "./leat-fixture.js";
//
//   const leat = await startLeat();                              // or startLeat({ template: "template.yaml" })
//   after(() => leat.stop());
//   const sqs = new SQSClient(leat.settings);                    // leat.outputs, leat.endpoints, leat.registryURL
//
// The program is the one that LEAT_BIN names, else the `leat` on PATH. Nothing is kept.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

// Functions of a template are built before it is ready, the first time with what they need.
const READY_MS = 300_000;
const STOP_MS = 30_000;

// startLeat runs a platform in memory on free ports, with a template deployed if one is named.
export async function startLeat({ template, flags = [] } = {}) {
  const args = ["up", "--memory", "--json", "--addr", "127.0.0.1:0", "--registry-addr", "127.0.0.1:0", ...flags];
  if (template !== undefined) args.push(template);
  const child = spawn(process.env.LEAT_BIN ?? "leat", args, { stdio: ["ignore", "pipe", "pipe"] });
  const gone = new Promise((done) => child.once("close", done));
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill); // a test that throws leaves nothing behind
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text) => (log = (log + text).slice(-65_536)));

  async function stop() {
    const late = setTimeout(kill, STOP_MS);
    child.kill("SIGTERM");
    await gone;
    clearTimeout(late);
    process.removeListener("exit", kill);
  }

  const late = setTimeout(kill, READY_MS);
  const line = await new Promise((done, fail) => {
    child.once("error", fail);
    child.once("close", () => done(""));
    createInterface({ input: child.stdout }).once("line", done);
  }).finally(() => clearTimeout(late));
  if (!line.startsWith('{"ready":true')) {
    await gone;
    process.removeListener("exit", kill);
    throw new Error(`leat did not become ready: ${line}${log}`);
  }
  const ready = JSON.parse(line);
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  return {
    url: ready.url,
    registryURL: ready.registryUrl,
    outputs: ready.outputs ?? {},
    endpoints: ready.endpoints ?? [],
    settings: { endpoint: ready.url, region: "us-east-1", credentials },
    environment: {
      AWS_ENDPOINT_URL: ready.url,
      AWS_REGION: "us-east-1",
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    },
    stop,
  };
}
