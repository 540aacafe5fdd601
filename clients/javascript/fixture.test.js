// The fixture that users copy into their tests.
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { DynamoDBClient, ListTablesCommand } from "@aws-sdk/client-dynamodb";
import { SQSClient, ReceiveMessageCommand, SendMessageCommand } from "@aws-sdk/client-sqs";
import { startLeat } from "./leat-fixture.js";

const TEMPLATE = `
Resources:
  Orders: {Type: AWS::SQS::Queue, Properties: {QueueName: orders}}
Outputs:
  Queue: {Value: !Ref Orders}
`;
let folder;
before(async () => (folder = await mkdtemp(join(tmpdir(), "leat-"))));
after(() => rm(folder, { recursive: true }));

async function template(name, text) {
  await writeFile(join(folder, name), text);
  return join(folder, name);
}

test("a platform runs until it is stopped", async () => {
  const leat = await startLeat();
  const tables = await new DynamoDBClient(leat.settings).send(new ListTablesCommand({}));
  assert.deepEqual(tables.TableNames, []);
  assert.deepEqual(await (await fetch(leat.registryURL + "/subjects")).json(), []);
  await leat.stop();
  await assert.rejects(fetch(leat.url + "/_leat/health"));
});

test("a template is deployed", async () => {
  const leat = await startLeat({ template: await template("template.yaml", TEMPLATE) });
  const sqs = new SQSClient(leat.settings);
  await sqs.send(new SendMessageCommand({ QueueUrl: leat.outputs.Queue, MessageBody: "an order" }));
  const got = await sqs.send(new ReceiveMessageCommand({ QueueUrl: leat.outputs.Queue }));
  assert.equal(got.Messages[0].Body, "an order");
  await leat.stop();
});

test("what cannot be deployed says why", async () => {
  const broken = await template("broken.yaml", TEMPLATE.replace("SQS::Queue,", "SQS::Nothing,"));
  await assert.rejects(startLeat({ template: broken }), /AWS::SQS::Nothing/);
});
