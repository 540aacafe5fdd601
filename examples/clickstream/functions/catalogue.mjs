// Is told by the bucket of each object of raw clicks, looks into it and notes what it holds.

import { DynamoDBClient, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { GetObjectCommand, S3Client } from "@aws-sdk/client-s3";

const s3 = new S3Client({});
const db = new DynamoDBClient({});
const table = process.env.CATALOGUE_TABLE;

export async function handler(event) {
  for (const { s3: { bucket, object } } of event.Records) {
    const key = decodeURIComponent(object.key.replaceAll("+", " "));
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket.name, Key: key }));
    const text = await Body.transformToString();
    await db.send(new PutItemCommand({
      TableName: table,
      Item: {
        key: { S: key },
        bytes: { N: String(Buffer.byteLength(text)) },
        clicks: { N: String(text.split("\n").length - 1) },
      },
    }));
  }
}
