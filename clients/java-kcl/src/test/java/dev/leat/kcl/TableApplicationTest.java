package dev.leat.kcl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.URI;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.dynamodb.DynamoDbClient;
import software.amazon.awssdk.services.dynamodb.model.AttributeValue;
import software.amazon.awssdk.services.dynamodb.model.BatchWriteItemRequest;
import software.amazon.awssdk.services.dynamodb.model.BillingMode;
import software.amazon.awssdk.services.dynamodb.model.KeyType;
import software.amazon.awssdk.services.dynamodb.model.ScalarAttributeType;
import software.amazon.awssdk.services.dynamodb.model.StreamViewType;
import software.amazon.awssdk.services.dynamodb.model.WriteRequest;

/**
 * An application follows a table while the shards of its stream are replaced. The
 * platform must replace them often: `leat up --table-shard-period 5s`.
 */
class TableApplicationTest {
  static final URI ENDPOINT = ApplicationTest.ENDPOINT;
  static final DynamoDbClient DYNAMO = ApplicationTest.DYNAMO;
  /** What BatchWriteItem takes in one call. */
  static final int BATCH = 25;

  @Test
  void everyChangeIsProcessedInOrderPerItemWhileShardsAreReplaced() throws Exception {
    String table = "t-" + UUID.randomUUID();
    String stream = DYNAMO.createTable(b -> b.tableName(table).billingMode(BillingMode.PAY_PER_REQUEST)
        .keySchema(k -> k.attributeName("id").keyType(KeyType.HASH))
        .attributeDefinitions(a -> a.attributeName("id").attributeType(ScalarAttributeType.S))
        .streamSpecification(s -> s.streamEnabled(true).streamViewType(StreamViewType.NEW_IMAGE))).tableDescription().latestStreamArn();
    DYNAMO.waiter().waitUntilTableExists(b -> b.tableName(table));
    Ledger ledger = new Ledger();
    var application = new TableApplication(ENDPOINT, Region.of(System.getenv("AWS_REGION")), "app-" + UUID.randomUUID(), stream, ledger);
    try (Load load = new Load((keys, n) -> put(table, keys, n))) {
      // Four shards are open at a time: these are three generations of them at least.
      ApplicationTest.eventually(75, () -> ledger.shards().keySet().stream().filter(ledger::hasEnded).count() >= 8);
      load.close();
      ApplicationTest.eventually(30, () -> ledger.last().equals(load.last()));
    } finally {
      System.out.print(ledger.summary("DynamoDB Streams Kinesis Adapter, shards replaced"));
      application.close();
    }
    assertEquals(List.of(), List.copyOf(ledger.faults()));
    assertTrue(ledger.shards().size() > 8);
  }

  private static void put(String table, List<String> keys, long n) {
    for (int i = 0; i < keys.size(); i += BATCH) {
      List<WriteRequest> writes = keys.subList(i, i + BATCH).stream().map(k -> WriteRequest.builder()
          .putRequest(p -> p.item(Map.of("id", AttributeValue.fromS(k), "n", AttributeValue.fromN(Long.toString(n))))).build()).toList();
      var reply = DYNAMO.batchWriteItem(BatchWriteItemRequest.builder().requestItems(Map.of(table, writes)).build());
      if (!reply.unprocessedItems().isEmpty()) {
        throw new IllegalStateException(reply.toString());
      }
    }
  }
}
