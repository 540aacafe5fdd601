package dev.leat.kcl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.leat.kcl.Application.Retrieval;
import java.math.BigInteger;
import java.net.URI;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.services.cloudwatch.CloudWatchClient;
import software.amazon.awssdk.services.dynamodb.DynamoDbClient;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.model.PutRecordsRequestEntry;
import software.amazon.awssdk.services.kinesis.model.Shard;

/** An application reads four shards through a split and a merge while records arrive. */
class ApplicationTest {
  static final URI ENDPOINT = URI.create(System.getenv("AWS_ENDPOINT_URL"));
  static final KinesisAsyncClient KINESIS = Application.at(ENDPOINT, KinesisAsyncClient.builder()).build();
  static final DynamoDbClient DYNAMO = Application.at(ENDPOINT, DynamoDbClient.builder()).build();
  static final CloudWatchClient METRICS = Application.at(ENDPOINT, CloudWatchClient.builder()).build();

  @ParameterizedTest
  @CsvSource({"POLLING, 2", "FAN_OUT, 1"})
  void everyRecordIsProcessedInOrderPerKeyThroughASplitAndAMerge(Retrieval retrieval, int workers) throws Exception {
    String stream = "t-" + UUID.randomUUID();
    String name = "app-" + UUID.randomUUID();
    KINESIS.createStream(b -> b.streamName(stream).shardCount(4)).join();
    KINESIS.waiter().waitUntilStreamExists(b -> b.streamName(stream)).join();
    Ledger ledger = new Ledger();
    List<Application> group = IntStream.range(0, workers).mapToObj(i -> new Application(ENDPOINT, name, stream, retrieval, ledger)).toList();
    try (Load load = new Load((keys, n) -> put(stream, keys, n))) {
      eventually(60, () -> read(ledger) == 4);
      split(stream, "shardId-000000000000");
      merge(stream, "shardId-000000000002", "shardId-000000000003");
      eventually(60, () -> read(ledger) == 7);
      load.close();
      eventually(30, () -> ledger.last().equals(load.last()));
    } finally {
      System.out.print(ledger.summary("KCL, " + retrieval + ", " + workers + " worker(s), a split and a merge"));
      for (Application worker : group) {
        worker.close();
      }
    }
    assertEquals(List.of(), List.copyOf(ledger.faults()));
    assertEquals(List.of(0, 2, 3), ledger.shards().keySet().stream().filter(ledger::hasEnded).map(ApplicationTest::number).toList());
    Map<String, String> checkpoints = checkpoints(name);
    for (int shard : List.of(1, 4, 5, 6)) {
      assertTrue(checkpoints.get(String.format("shardId-%012d", shard)).matches("[0-9]+"), checkpoints::toString);
    }
    assertEquals("clients", DYNAMO.listTagsOfResource(b -> b.resourceArn(DYNAMO.describeTable(t -> t.tableName(name)).table().tableArn())).tags().get(0).value());
    assertTrue(METRICS.listMetrics(b -> b.namespace(name)).metrics().stream().anyMatch(m -> m.metricName().equals("RecordsProcessed")));
  }

  private static void put(String stream, List<String> keys, long n) {
    List<PutRecordsRequestEntry> entries = keys.stream()
        .map(k -> PutRecordsRequestEntry.builder().partitionKey(k).data(SdkBytes.fromUtf8String(Long.toString(n))).build()).toList();
    var reply = KINESIS.putRecords(b -> b.streamName(stream).records(entries)).join();
    if (reply.failedRecordCount() != 0) {
      throw new IllegalStateException(reply.toString());
    }
  }

  /** From how many shards records were processed. */
  private static long read(Ledger ledger) {
    return ledger.shards().values().stream().filter(n -> n > 0).count();
  }

  /** The checkpoint of each shard, as the application's lease table has it. */
  private static Map<String, String> checkpoints(String table) {
    return DYNAMO.scanPaginator(b -> b.tableName(table)).items().stream()
        .collect(Collectors.toMap(i -> i.get("leaseKey").s(), i -> i.get("checkpoint").s()));
  }

  private static int number(String shard) {
    return Integer.parseInt(shard.substring("shardId-".length()));
  }

  private static void split(String stream, String shard) throws InterruptedException {
    Shard s = KINESIS.listShards(b -> b.streamName(stream)).join().shards().stream().filter(x -> x.shardId().equals(shard)).findFirst().orElseThrow();
    BigInteger middle = new BigInteger(s.hashKeyRange().startingHashKey()).add(new BigInteger(s.hashKeyRange().endingHashKey())).shiftRight(1);
    KINESIS.splitShard(b -> b.streamName(stream).shardToSplit(shard).newStartingHashKey(middle.toString())).join();
    active(stream);
  }

  private static void merge(String stream, String shard, String neighbour) throws InterruptedException {
    KINESIS.mergeShards(b -> b.streamName(stream).shardToMerge(shard).adjacentShardToMerge(neighbour)).join();
    active(stream);
  }

  private static void active(String stream) throws InterruptedException {
    eventually(10, () -> KINESIS.describeStreamSummary(b -> b.streamName(stream)).join().streamDescriptionSummary().streamStatusAsString().equals("ACTIVE"));
  }

  static void eventually(int seconds, BooleanSupplier condition) throws InterruptedException {
    long deadline = System.nanoTime() + seconds * 1_000_000_000L;
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() > deadline) {
        throw new AssertionError("not within " + seconds + " s");
      }
      Thread.sleep(50);
    }
  }
}
