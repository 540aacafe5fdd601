// Keeps the raw clicks: each batch becomes an object of JSON lines.

import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";

const s3 = new S3Client({});
const bucket = process.env.RAW_BUCKET;

export async function handler({ Records: records }) {
  const lines = records.map(({ kinesis }) => `${Buffer.from(kinesis.data, "base64")}\n`);
  await s3.send(new PutObjectCommand({
    Bucket: bucket,
    Key: key(records[0]),
    Body: lines.join(""),
    ContentType: "application/x-ndjson",
  }));
}

// The key names the first click. A batch that comes again begins with the same one and overwrites its
// first attempt; if it is shorter, the next object has the rest.
function key({ eventID, kinesis }) {
  const [shard, sequence] = eventID.split(":");
  const hour = new Date(kinesis.approximateArrivalTimestamp * 1000).toISOString().slice(0, 13);
  return `raw/${hour.replaceAll("-", "/").replace("T", "/")}/${shard}-${sequence}.ndjson`;
}
