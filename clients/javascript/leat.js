// What the suites share: the platform's addresses, names, and the Go package serde.
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { createInterface } from "node:readline";

// A request is made once: a retry would hide an answer that was wrong the first time.
export const settings = {
  endpoint: process.env.AWS_ENDPOINT_URL,
  region: "us-east-1",
  credentials: { accessKeyId: "test", secretAccessKey: "test" },
  maxAttempts: 1,
};
export const registryURL = process.env.LEAT_REGISTRY_URL;

export const unique = () => "t-" + randomUUID().slice(0, 13);

export const text = (bytes) => Buffer.from(bytes).toString();

// eventually looks until found gives something true.
export async function eventually(found, seconds = 20) {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const result = await found();
    if (result) return result;
    if (Date.now() > deadline) throw new Error(`not within ${seconds} s`);
    await new Promise((done) => setTimeout(done, 20));
  }
}

// serdetool starts the Go helper; ask(request) gives its answer, close() ends it.
export function serdetool() {
  const tool = spawn(process.env.SERDETOOL, ["-confluent", registryURL], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: tool.stdout })[Symbol.asyncIterator]();
  return {
    async ask(request) {
      tool.stdin.write(JSON.stringify(request) + "\n");
      const reply = JSON.parse((await lines.next()).value);
      if (reply.error) throw new Error(reply.error);
      return reply;
    },
    close: () => tool.stdin.end(),
  };
}
