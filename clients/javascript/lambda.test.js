import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import {
  AddLayerVersionPermissionCommand, AddPermissionCommand, CreateAliasCommand, CreateFunctionCommand, CreateFunctionUrlConfigCommand,
  DeleteAliasCommand, DeleteFunctionCommand, DeleteFunctionConcurrencyCommand, DeleteFunctionEventInvokeConfigCommand, DeleteFunctionUrlConfigCommand,
  DeleteLayerVersionCommand, GetAccountSettingsCommand, GetAliasCommand, GetFunctionCommand, GetFunctionConcurrencyCommand, GetFunctionEventInvokeConfigCommand,
  GetFunctionUrlConfigCommand, GetLayerVersionCommand, GetLayerVersionPolicyCommand, GetPolicyCommand, InvokeCommand, LambdaClient, ListLayersCommand,
  ListTagsCommand, PublishLayerVersionCommand, PublishVersionCommand, PutFunctionConcurrencyCommand, PutFunctionEventInvokeConfigCommand,
  RemovePermissionCommand, TagResourceCommand, UntagResourceCommand, UpdateAliasCommand, UpdateFunctionCodeCommand, UpdateFunctionConfigurationCommand,
  paginateListVersionsByFunction, waitUntilFunctionActiveV2, waitUntilFunctionUpdatedV2,
} from "@aws-sdk/client-lambda";
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

// made is a new function, deleted after its test.
async function made(t, source = "export const handler = async () => 1;", more = {}) {
  const FunctionName = unique();
  const created = await lambda.send(new CreateFunctionCommand({
    FunctionName, Runtime: "nodejs20.x", Handler: "index.handler", Role: "arn:aws:iam::000000000000:role/any", Code: { ZipFile: zip(source) }, Timeout: 20, ...more }));
  t.after(() => lambda.send(new DeleteFunctionCommand({ FunctionName })));
  return created;
}

const answer = async (FunctionName, Qualifier) => JSON.parse(text((await lambda.send(new InvokeCommand({ FunctionName, Qualifier }))).Payload));

test("versions keep what they were, and aliases point at them", async (t) => {
  const { FunctionName, RevisionId } = await made(t);
  assert.equal((await lambda.send(new PublishVersionCommand({ FunctionName }))).Version, "1");
  const ZipFile = zip("export const handler = async () => 2;");
  await assert.rejects(lambda.send(new UpdateFunctionCodeCommand({ FunctionName, ZipFile, RevisionId: "other" })), { name: "PreconditionFailedException" });
  const tried = await lambda.send(new UpdateFunctionCodeCommand({ FunctionName, ZipFile, DryRun: true }));
  assert.equal(await answer(FunctionName), 1);
  const updated = await lambda.send(new UpdateFunctionCodeCommand({ FunctionName, ZipFile, Publish: true }));
  await waitUntilFunctionUpdatedV2({ client: lambda, maxWaitTime: 30, minDelay: 1 }, { FunctionName });
  assert.deepEqual([updated.Version, updated.CodeSha256, updated.RevisionId === RevisionId], ["2", tried.CodeSha256, false]);
  const alias = await lambda.send(new CreateAliasCommand({ FunctionName, Name: "live", FunctionVersion: "1" }));
  assert.deepEqual([await answer(FunctionName, "live"), await answer(FunctionName, "2"), await answer(alias.AliasArn)], [1, 2, 1]);
  await lambda.send(new UpdateAliasCommand({ FunctionName, Name: "live", FunctionVersion: "1", RoutingConfig: { AdditionalVersionWeights: { 2: 1 } } }));
  assert.equal(await answer(FunctionName, "live"), 2);
  assert.deepEqual((await lambda.send(new GetAliasCommand({ FunctionName, Name: "live" }))).RoutingConfig, { AdditionalVersionWeights: { 2: 1 } });
  const versions = [];
  for await (const page of paginateListVersionsByFunction({ client: lambda, pageSize: 2 }, { FunctionName })) versions.push(...page.Versions.map((v) => v.Version));
  assert.deepEqual(versions, ["$LATEST", "1", "2"]);
  await lambda.send(new DeleteAliasCommand({ FunctionName, Name: "live" }));
  await assert.rejects(lambda.send(new GetAliasCommand({ FunctionName, Name: "live" })), { name: "ResourceNotFoundException" });
});

test("configuration, tags, concurrency and retries are kept", async (t) => {
  const { FunctionName, FunctionArn } = await made(t);
  const changed = await lambda.send(new UpdateFunctionConfigurationCommand({
    FunctionName, MemorySize: 256, Description: "a mill", LoggingConfig: { LogFormat: "JSON", ApplicationLogLevel: "DEBUG" }, Environment: { Variables: { KEY: "v" } } }));
  assert.deepEqual([changed.MemorySize, changed.Description, changed.LoggingConfig.ApplicationLogLevel, changed.Environment.Variables], [256, "a mill", "DEBUG", { KEY: "v" }]);
  await assert.rejects(lambda.send(new UpdateFunctionConfigurationCommand({ FunctionName, Environment: { Variables: { AWS_REGION: "x" } } })), { name: "InvalidParameterValueException" });
  await lambda.send(new TagResourceCommand({ Resource: FunctionArn, Tags: { a: "1", b: "2" } }));
  await lambda.send(new UntagResourceCommand({ Resource: FunctionArn, TagKeys: ["a"] }));
  assert.deepEqual((await lambda.send(new ListTagsCommand({ Resource: FunctionArn }))).Tags, { b: "2" });
  await lambda.send(new PutFunctionConcurrencyCommand({ FunctionName, ReservedConcurrentExecutions: 0 }));
  await assert.rejects(lambda.send(new InvokeCommand({ FunctionName })), { name: "TooManyRequestsException", Reason: "ReservedFunctionConcurrentInvocationLimitExceeded" });
  assert.equal((await lambda.send(new GetFunctionConcurrencyCommand({ FunctionName }))).ReservedConcurrentExecutions, 0);
  await lambda.send(new DeleteFunctionConcurrencyCommand({ FunctionName }));
  assert.equal(await answer(FunctionName), 1);
  await lambda.send(new PutFunctionEventInvokeConfigCommand({ FunctionName, MaximumRetryAttempts: 1, MaximumEventAgeInSeconds: 60 }));
  const retries = await lambda.send(new GetFunctionEventInvokeConfigCommand({ FunctionName }));
  assert.deepEqual([retries.MaximumRetryAttempts, retries.MaximumEventAgeInSeconds], [1, 60]);
  await lambda.send(new DeleteFunctionEventInvokeConfigCommand({ FunctionName }));
  await assert.rejects(lambda.send(new GetFunctionEventInvokeConfigCommand({ FunctionName })), { name: "ResourceNotFoundException" });
  assert.ok((await lambda.send(new GetAccountSettingsCommand({}))).AccountUsage.FunctionCount >= 1);
});

test("permissions make a policy, and a public URL needs one", async (t) => {
  const { FunctionName, FunctionArn } = await made(t, "export const handler = async (e) => ({ statusCode: 201, body: e.rawPath });");
  const { FunctionUrl } = await lambda.send(new CreateFunctionUrlConfigCommand({ FunctionName, AuthType: "NONE" }));
  assert.equal((await lambda.send(new GetFunctionUrlConfigCommand({ FunctionName }))).FunctionUrl, FunctionUrl);
  assert.equal((await fetch(FunctionUrl)).status, 403);
  await lambda.send(new AddPermissionCommand({ FunctionName, StatementId: "public", Action: "lambda:InvokeFunctionUrl", Principal: "*", FunctionUrlAuthType: "NONE" }));
  const reply = await fetch(FunctionUrl + "x/y");
  assert.deepEqual([reply.status, await reply.text()], [201, "/x/y"]);
  const [statement] = JSON.parse((await lambda.send(new GetPolicyCommand({ FunctionName }))).Policy).Statement;
  assert.deepEqual(statement, {
    Sid: "public", Effect: "Allow", Principal: "*", Action: "lambda:InvokeFunctionUrl", Resource: FunctionArn,
    Condition: { StringEquals: { "lambda:FunctionUrlAuthType": "NONE" } } });
  await lambda.send(new RemovePermissionCommand({ FunctionName, StatementId: "public" }));
  await assert.rejects(lambda.send(new GetPolicyCommand({ FunctionName })), { name: "ResourceNotFoundException" });
  await lambda.send(new DeleteFunctionUrlConfigCommand({ FunctionName }));
  await assert.rejects(lambda.send(new GetFunctionUrlConfigCommand({ FunctionName })), { name: "ResourceNotFoundException" });
});

test("a layer brings its modules", async (t) => {
  const LayerName = unique();
  const ZipFile = execFileSync("python3", ["-c", PYTHON_ZIP.replace('"index.mjs"', '"nodejs/node_modules/mill/index.js"'), "module.exports = 'ground';"]);
  const layer = await lambda.send(new PublishLayerVersionCommand({ LayerName, Content: { ZipFile }, CompatibleRuntimes: ["nodejs20.x"] }));
  t.after(() => lambda.send(new DeleteLayerVersionCommand({ LayerName, VersionNumber: layer.Version })));
  assert.equal((await lambda.send(new GetLayerVersionCommand({ LayerName, VersionNumber: 1 }))).LayerVersionArn, layer.LayerVersionArn);
  assert.ok((await lambda.send(new ListLayersCommand({}))).Layers.some((l) => l.LayerName === LayerName));
  await lambda.send(new AddLayerVersionPermissionCommand({ LayerName, VersionNumber: 1, StatementId: "all", Action: "lambda:GetLayerVersion", Principal: "*" }));
  assert.match((await lambda.send(new GetLayerVersionPolicyCommand({ LayerName, VersionNumber: 1 }))).Policy, /"Sid":"all"/);
  const { FunctionName } = await made(t, "import { createRequire } from 'node:module'; const mill = createRequire('/')('mill'); export const handler = async () => mill;",
    { Layers: [layer.LayerVersionArn] });
  assert.equal(await answer(FunctionName), "ground");
  const got = await lambda.send(new GetFunctionCommand({ FunctionName }));
  assert.deepEqual(got.Configuration.Layers.map((l) => l.Arn), [layer.LayerVersionArn]);
});
