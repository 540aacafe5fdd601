import assert from "node:assert/strict";
import { test } from "node:test";
import { Readable } from "node:stream";
import {
  CompleteMultipartUploadCommand, CopyObjectCommand, CreateBucketCommand, CreateMultipartUploadCommand, DeleteObjectsCommand, GetBucketRequestPaymentCommand,
  GetObjectCommand, HeadObjectCommand, ListObjectsV2Command, PutBucketLifecycleConfigurationCommand, PutObjectCommand, S3Client, UploadPartCommand,
} from "@aws-sdk/client-s3";
import { CreateTopicCommand, PublishBatchCommand, PublishCommand, SNSClient, SubscribeCommand } from "@aws-sdk/client-sns";
import {
  CreateQueueCommand, DeleteMessageBatchCommand, GetQueueAttributesCommand, GetQueueUrlCommand, ReceiveMessageCommand, SendMessageBatchCommand,
  SendMessageCommand, SQSClient,
} from "@aws-sdk/client-sqs";
import { settings, unique } from "./leat.js";

const sqs = new SQSClient(settings); // checks the MD5s of what it sends and receives
const sns = new SNSClient(settings);
const s3 = new S3Client({ ...settings, forcePathStyle: true });

async function queue(name = unique(), Attributes = {}) {
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: name, Attributes }));
  const got = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["QueueArn"] }));
  return { QueueUrl, arn: got.Attributes.QueueArn };
}

async function receive(QueueUrl, WaitTimeSeconds = 5) {
  const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds, MaxNumberOfMessages: 10, MessageAttributeNames: ["All"] }));
  return Messages;
}

test("messages come back as they were sent, until they are deleted", async () => {
  const { QueueUrl } = await queue();
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: "é", MessageAttributes: { a: { DataType: "Binary", BinaryValue: new Uint8Array([0, 1]) } } }));
  const [first] = await receive(QueueUrl);
  assert.equal(first.Body, "é");
  assert.deepEqual([...first.MessageAttributes.a.BinaryValue], [0, 1]);
  await sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries: [{ Id: "1", MessageBody: "x" }, { Id: "2", MessageBody: "y" }] }));
  const rest = await receive(QueueUrl);
  const { Successful } = await sqs.send(new DeleteMessageBatchCommand({
    QueueUrl, Entries: [first, ...rest].map((m, i) => ({ Id: `${i}`, ReceiptHandle: m.ReceiptHandle })) }));
  assert.equal(Successful.length, 3);
  await assert.rejects(sqs.send(new GetQueueUrlCommand({ QueueName: "missing" })), { name: /QueueDoesNotExist|NonExistentQueue/ });
});

test("a receive that waits is woken by the message", async () => {
  const { QueueUrl } = await queue();
  const waiting = receive(QueueUrl, 20);
  const began = Date.now();
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: "awake" }));
  assert.deepEqual((await waiting).map((m) => m.Body), ["awake"]);
  assert.ok(Date.now() - began < 15_000);
});

test("a topic delivers to a queue", async () => {
  const { QueueUrl, arn } = await queue();
  const { TopicArn } = await sns.send(new CreateTopicCommand({ Name: unique() }));
  await sns.send(new SubscribeCommand({ TopicArn, Protocol: "sqs", Endpoint: arn, Attributes: { RawMessageDelivery: "true" } }));
  await sns.send(new PublishCommand({ TopicArn, Message: "one", MessageAttributes: { k: { DataType: "String", StringValue: "v" } } }));
  const [got] = await receive(QueueUrl);
  assert.deepEqual([got.Body, got.MessageAttributes.k.StringValue], ["one", "v"]);
  const { Successful } = await sns.send(new PublishBatchCommand({ TopicArn, PublishBatchRequestEntries: [{ Id: "a", Message: "two" }] }));
  assert.equal(Successful[0].Id, "a");
  await assert.rejects(sns.send(new PublishCommand({ TopicArn: TopicArn + "x", Message: "lost" })), { name: "NotFoundException" });
});

test("objects come back as they were put", async () => {
  const Bucket = unique();
  await s3.send(new CreateBucketCommand({ Bucket }));
  const Body = Buffer.alloc(1 << 20, "leat");
  await s3.send(new PutObjectCommand({ Bucket, Key: "a/b", Body, Metadata: { who: "me" } }));
  const got = await s3.send(new GetObjectCommand({ Bucket, Key: "a/b" }));
  assert.ok(Body.equals(await got.Body.transformToByteArray()));
  assert.deepEqual(got.Metadata, { who: "me" });
  const listed = await s3.send(new ListObjectsV2Command({ Bucket, Delimiter: "/" }));
  assert.deepEqual(listed.CommonPrefixes, [{ Prefix: "a/" }]);
  await assert.rejects(s3.send(new GetObjectCommand({ Bucket, Key: "missing" })), { name: "NoSuchKey" });
});

test("streams are sent in chunks with their checksum behind them", async () => {
  const Bucket = unique();
  await s3.send(new CreateBucketCommand({ Bucket }));
  const parts = Array.from({ length: 20 }, (_, i) => Buffer.alloc(10_000, `part ${i} `));
  const ContentLength = 200_000;
  const put = await s3.send(new PutObjectCommand({ Bucket, Key: "stream", Body: Readable.from(parts), ContentLength, ChecksumAlgorithm: "CRC32" }));
  const head = await s3.send(new HeadObjectCommand({ Bucket, Key: "stream", ChecksumMode: "ENABLED" }));
  assert.deepEqual([head.ContentLength, head.ChecksumCRC32, head.ChecksumType], [ContentLength, put.ChecksumCRC32, "FULL_OBJECT"]);
  const got = await s3.send(new GetObjectCommand({ Bucket, Key: "stream" })); // the client checks the checksum
  assert.ok(Buffer.concat(parts).equals(await got.Body.transformToByteArray()));
});

test("parts make an object, and rules let objects expire", async () => {
  const Bucket = unique();
  await s3.send(new CreateBucketCommand({ Bucket }));
  assert.equal((await s3.send(new GetBucketRequestPaymentCommand({ Bucket }))).Payer, "BucketOwner");
  await s3.send(new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules: [
    { ID: "r", Status: "Enabled", Filter: { Prefix: "tmp/" }, Expiration: { Days: 3 } }] } }));
  const Key = "tmp/parts";
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key }));
  const bodies = [Buffer.alloc(5 << 20, "a"), Buffer.from("tail")];
  const Parts = [];
  for (const [i, Body] of bodies.entries()) {
    const { ETag, ChecksumCRC32 } = await s3.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: i + 1, Body }));
    Parts.push({ ETag, ChecksumCRC32, PartNumber: i + 1 });
  }
  const done = await s3.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }));
  assert.match(done.ETag, /-2"$/);
  assert.match(done.Expiration, /rule-id="r"/);
  const copy = await s3.send(new CopyObjectCommand({ Bucket, Key: "copy", CopySource: `${Bucket}/${Key}` }));
  assert.doesNotMatch(copy.CopyObjectResult.ETag, /-/);
  const gone = await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key }, { Key: "copy" }] } }));
  assert.deepEqual(gone.Deleted.map((d) => d.Key), [Key, "copy"]);
});
