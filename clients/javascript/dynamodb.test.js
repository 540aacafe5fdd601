import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { CreateTableCommand, DeleteTableCommand, DescribeTableCommand, DynamoDBClient, waitUntilTableExists } from "@aws-sdk/client-dynamodb";
import {
  BatchGetCommand, BatchWriteCommand, DeleteCommand, DynamoDBDocumentClient, GetCommand, PutCommand, QueryCommand, ScanCommand,
  TransactWriteCommand, UpdateCommand,
} from "@aws-sdk/lib-dynamodb";
import { settings, unique } from "./leat.js";

const client = new DynamoDBClient(settings);
const documents = DynamoDBDocumentClient.from(client);
const TableName = unique();
const send = (Command, input) => documents.send(new Command({ TableName, ...input }));

before(async () => {
  await client.send(new CreateTableCommand({
    TableName, BillingMode: "PAY_PER_REQUEST",
    AttributeDefinitions: [{ AttributeName: "user", AttributeType: "S" }, { AttributeName: "at", AttributeType: "N" }],
    KeySchema: [{ AttributeName: "user", KeyType: "HASH" }, { AttributeName: "at", KeyType: "RANGE" }] }));
  await waitUntilTableExists({ client, maxWaitTime: 20, minDelay: 1 }, { TableName });
});

after(async () => {
  await client.send(new DeleteTableCommand({ TableName }));
  client.destroy();
});

test("documents come back as they were put", async () => {
  const Item = { user: "u", at: 1, s: "é", list: [1, "x", null, { deep: true }], set: new Set(["a", "b"]), bytes: new Uint8Array([0, 255]) };
  await send(PutCommand, { Item });
  assert.deepEqual((await send(GetCommand, { Key: { user: "u", at: 1 }, ConsistentRead: true })).Item, Item);
});

test("updates answer with what they made, and keep conditions", async () => {
  const Key = { user: "v", at: 1 };
  const { Attributes } = await send(UpdateCommand, {
    Key, UpdateExpression: "SET n = if_not_exists(n, :zero) + :one", ExpressionAttributeValues: { ":zero": 0, ":one": 1 }, ReturnValues: "ALL_NEW" });
  assert.deepEqual(Attributes, { ...Key, n: 1 });
  await assert.rejects(send(DeleteCommand, { Key, ConditionExpression: "n = :n", ExpressionAttributeValues: { ":n": 9 } }), { name: "ConditionalCheckFailedException" });
  await assert.rejects(send(UpdateCommand, { Key, UpdateExpression: "SET nonsense" }), { name: "ValidationException" });
});

test("queries, scans and batches page through what is there", async () => {
  const items = Array.from({ length: 20 }, (_, at) => ({ user: "w", at }));
  await documents.send(new BatchWriteCommand({ RequestItems: { [TableName]: items.map((Item) => ({ PutRequest: { Item } })) } }));
  const query = { KeyConditionExpression: "#u = :u AND #a >= :a", ExpressionAttributeNames: { "#u": "user", "#a": "at" }, ExpressionAttributeValues: { ":u": "w", ":a": 5 } };
  const first = await send(QueryCommand, { ...query, Limit: 10 });
  const rest = await send(QueryCommand, { ...query, ExclusiveStartKey: first.LastEvaluatedKey });
  assert.deepEqual([...first.Items, ...rest.Items], items.slice(5));
  const got = await documents.send(new BatchGetCommand({ RequestItems: { [TableName]: { Keys: items.slice(0, 3) } } }));
  assert.equal(got.Responses[TableName].length, 3);
  const scan = await send(ScanCommand, { FilterExpression: "#u = :u", ExpressionAttributeNames: { "#u": "user" }, ExpressionAttributeValues: { ":u": "w" } });
  assert.equal(scan.Count, 20);
});

test("a transaction is all or nothing", async () => {
  const broken = documents.send(new TransactWriteCommand({ TransactItems: [
    { Put: { TableName, Item: { user: "x", at: 1 } } },
    { ConditionCheck: { TableName, Key: { user: "x", at: 2 }, ConditionExpression: "attribute_exists(#u)", ExpressionAttributeNames: { "#u": "user" } } } ] }));
  await assert.rejects(broken, (e) => e.name === "TransactionCanceledException" && e.CancellationReasons[1].Code === "ConditionalCheckFailed");
  assert.equal((await send(GetCommand, { Key: { user: "x", at: 1 } })).Item, undefined);
  await assert.rejects(client.send(new DescribeTableCommand({ TableName: "missing" })), { name: "ResourceNotFoundException" });
});
