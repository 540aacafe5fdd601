import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  CreateStreamCommand, DeleteStreamCommand, DescribeStreamSummaryCommand, GetRecordsCommand, GetShardIteratorCommand,
  KinesisClient, ListShardsCommand, MergeShardsCommand, PutRecordCommand, PutRecordsCommand, RegisterStreamConsumerCommand,
  SplitShardCommand, SubscribeToShardCommand, waitUntilStreamExists,
} from "@aws-sdk/client-kinesis";
import { eventually, settings, text, unique } from "./leat.js";

const kinesis = new KinesisClient(settings); // speaks HTTP/2 without TLS, as this SDK does for Kinesis
const StreamName = unique();
let StreamARN;

const summary = async () => (await kinesis.send(new DescribeStreamSummaryCommand({ StreamName }))).StreamDescriptionSummary;
const active = () => eventually(async () => (await summary()).StreamStatus === "ACTIVE");

before(async () => {
  await kinesis.send(new CreateStreamCommand({ StreamName, ShardCount: 2 }));
  await waitUntilStreamExists({ client: kinesis, maxWaitTime: 20, minDelay: 1 }, { StreamName });
  StreamARN = (await summary()).StreamARN;
});

after(async () => {
  await kinesis.send(new DeleteStreamCommand({ StreamName, EnforceConsumerDeletion: true }));
  kinesis.destroy();
});

test("records come back as they were put", async () => {
  const put = await kinesis.send(new PutRecordCommand({ StreamName, PartitionKey: "k", Data: Buffer.from("one"), ExplicitHashKey: "0" }));
  const { FailedRecordCount, Records } = await kinesis.send(new PutRecordsCommand({
    StreamName, Records: Array.from({ length: 100 }, (_, i) => ({ PartitionKey: "k", Data: Buffer.from(`${i}`), ExplicitHashKey: "0" })) }));
  assert.equal(FailedRecordCount, 0);
  const { ShardIterator } = await kinesis.send(new GetShardIteratorCommand({ StreamName, ShardId: put.ShardId, ShardIteratorType: "TRIM_HORIZON" }));
  const got = (await kinesis.send(new GetRecordsCommand({ ShardIterator }))).Records;
  assert.deepEqual(got.map((r) => text(r.Data)), ["one", ...Array.from({ length: 100 }, (_, i) => `${i}`)]);
  assert.deepEqual(got.map((r) => r.SequenceNumber), [put.SequenceNumber, ...Records.map((r) => r.SequenceNumber)]);
});

test("a consumer is pushed records over HTTP/2", async () => {
  const { Consumer } = await kinesis.send(new RegisterStreamConsumerCommand({ StreamARN, ConsumerName: "reader" }));
  const { EventStream } = await kinesis.send(new SubscribeToShardCommand({
    ConsumerARN: Consumer.ConsumerARN, ShardId: "shardId-000000000001", StartingPosition: { Type: "LATEST" } }));
  const put = await kinesis.send(new PutRecordCommand({ StreamName, PartitionKey: "k", Data: Buffer.from("pushed"), ExplicitHashKey: `${2n ** 127n}` }));
  for await (const { SubscribeToShardEvent: event } of EventStream) {
    if (event.Records.length === 0) continue;
    assert.deepEqual(event.Records.map((r) => [text(r.Data), r.SequenceNumber]), [["pushed", put.SequenceNumber]]);
    assert.ok(BigInt(event.ContinuationSequenceNumber) >= BigInt(put.SequenceNumber));
    break;
  }
});

test("shards split and merge", async () => {
  await kinesis.send(new SplitShardCommand({ StreamName, ShardToSplit: "shardId-000000000000", NewStartingHashKey: `${2n ** 126n}` }));
  await active();
  await kinesis.send(new MergeShardsCommand({ StreamName, ShardToMerge: "shardId-000000000002", AdjacentShardToMerge: "shardId-000000000003" }));
  await active();
  const { Shards } = await kinesis.send(new ListShardsCommand({ StreamName, ShardFilter: { Type: "AT_LATEST" } }));
  assert.deepEqual(Shards.map((s) => s.ShardId).sort(), ["shardId-000000000001", "shardId-000000000004"]);
});

test("errors have their names", async () => {
  await assert.rejects(kinesis.send(new DescribeStreamSummaryCommand({ StreamName: "missing" })), { name: "ResourceNotFoundException" });
  await assert.rejects(kinesis.send(new GetRecordsCommand({ ShardIterator: "nonsense" })), { name: "InvalidArgumentException" });
  await assert.rejects(kinesis.send(new CreateStreamCommand({ StreamName, ShardCount: 1 })), { name: "ResourceInUseException" });
});
