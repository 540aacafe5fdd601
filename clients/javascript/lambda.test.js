import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { CreateFunctionCommand, DeleteFunctionCommand, InvokeCommand, LambdaClient, waitUntilFunctionActiveV2 } from "@aws-sdk/client-lambda";
import { settings, text, unique } from "./leat.js";

const lambda = new LambdaClient(settings);

const PYTHON_ZIP = `
import io, sys, zipfile
out = io.BytesIO()
with zipfile.ZipFile(out, "w") as z:
    z.writestr("index.mjs", sys.argv[1])
sys.stdout.buffer.write(out.getvalue())
`;
const zip = (source) => execFileSync("python3", ["-c", PYTHON_ZIP, source]);

test("a Node function answers and fails as Node functions do", async () => {
  const FunctionName = unique();
  const ZipFile = zip('export const handler = async (e) => { if (e.fail) throw new TypeError("no good"); return { got: e, mode: process.env.MODE }; };');
  await lambda.send(new CreateFunctionCommand({
    FunctionName, Runtime: "nodejs20.x", Handler: "index.handler", Role: "arn:aws:iam::000000000000:role/any", Code: { ZipFile },
    Environment: { Variables: { MODE: "test" } }, Timeout: 20 }));
  await waitUntilFunctionActiveV2({ client: lambda, maxWaitTime: 30, minDelay: 1 }, { FunctionName });
  const ok = await lambda.send(new InvokeCommand({ FunctionName, Payload: JSON.stringify({ a: 1 }), LogType: "Tail" }));
  assert.deepEqual([ok.StatusCode, JSON.parse(text(ok.Payload))], [200, { got: { a: 1 }, mode: "test" }]);
  assert.match(Buffer.from(ok.LogResult, "base64").toString(), /END RequestId/);
  const bad = await lambda.send(new InvokeCommand({ FunctionName, Payload: JSON.stringify({ fail: true }) }));
  const error = JSON.parse(text(bad.Payload));
  assert.deepEqual([bad.FunctionError, error.errorType, error.errorMessage], ["Unhandled", "TypeError", "no good"]);
  await lambda.send(new DeleteFunctionCommand({ FunctionName }));
  await assert.rejects(lambda.send(new InvokeCommand({ FunctionName })), { name: "ResourceNotFoundException" });
});
