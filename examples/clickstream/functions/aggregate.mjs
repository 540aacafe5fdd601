// Counts the clicks of each page in windows of a few seconds.
//
// The mapping has a tumbling window: what one invocation returns as its state comes
// with the next batch of the same shard and window, and the last invocation of a
// window is marked. So a count costs one write a window, not one a click.

import { BatchWriteItemCommand, DynamoDBClient } from "@aws-sdk/client-dynamodb";

const db = new DynamoDBClient({});
const table = process.env.WINDOWS_TABLE;
const maxBatch = 25; // of BatchWriteItem

export async function handler(event) {
  const state = count(event.state, event.Records);
  if (!event.isFinalInvokeForWindow && !event.isWindowTerminatedEarly) {
    return { state, batchItemFailures: [] };
  }
  await save(event.window, event.shardId, state);
  return { state: {}, batchItemFailures: [] };
}

// state: first is the sequence number of the window's first click, views the clicks by page.
function count(state, records) {
  const first = state.first ?? records[0]?.kinesis.sequenceNumber;
  const views = { ...state.views };
  for (const { kinesis } of records) {
    const { page } = JSON.parse(Buffer.from(kinesis.data, "base64"));
    views[page] = (views[page] ?? 0) + 1;
  }
  return { first, views };
}

// The key names shard and first click: what is saved again, after a failure, is the same item and no
// change, and a window that was closed early does not overwrite its first part.
async function save(window, shard, { first, views }) {
  const items = Object.entries(views).map(([page, n]) => ({
    PutRequest: {
      Item: {
        page: { S: page },
        part: { S: `${window.start}#${shard}#${first}` },
        views: { N: String(n) },
      },
    },
  }));
  for (let i = 0; i < items.length; i += maxBatch) {
    let left = { [table]: items.slice(i, i + maxBatch) };
    while (Object.keys(left).length > 0) {
      left = (await db.send(new BatchWriteItemCommand({ RequestItems: left }))).UnprocessedItems ?? {};
    }
  }
}
