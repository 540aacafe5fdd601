// Follows the table of windows and keeps each page's total, counting every window once however often
// its change is delivered: the mark that it was counted and the new total are one transaction.

import { DynamoDBClient, TransactWriteItemsCommand } from "@aws-sdk/client-dynamodb";

const db = new DynamoDBClient({});
const { TOTALS_TABLE, COUNTED_TABLE } = process.env;
const rememberFor = 7 * 24 * 3600; // seconds; a table's stream forgets after one day

export async function handler(event) {
  for (const { dynamodb } of event.Records) {
    try {
      await add(dynamodb.NewImage);
    } catch (problem) {
      console.error("window not counted", dynamodb.SequenceNumber, problem);
      return { batchItemFailures: [{ itemIdentifier: dynamodb.SequenceNumber }] };
    }
  }
  return { batchItemFailures: [] };
}

async function add({ page, part, views }) {
  const forget = Math.floor(Date.now() / 1000) + rememberFor;
  try {
    await db.send(new TransactWriteItemsCommand({
      TransactItems: [
        {
          Put: {
            TableName: COUNTED_TABLE,
            Item: { window: { S: `${page.S}#${part.S}` }, forget: { N: String(forget) } },
            ConditionExpression: "attribute_not_exists(#w)",
            ExpressionAttributeNames: { "#w": "window" },
          },
        },
        {
          Update: {
            TableName: TOTALS_TABLE,
            Key: { page },
            UpdateExpression: "ADD #v :n",
            ExpressionAttributeNames: { "#v": "views" },
            ExpressionAttributeValues: { ":n": views },
          },
        },
      ],
    }));
  } catch (problem) {
    if (problem.CancellationReasons?.[0]?.Code !== "ConditionalCheckFailed") throw problem;
    // Counted before.
  }
}
