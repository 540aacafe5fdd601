package dev.leat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.core.interceptor.Context;
import software.amazon.awssdk.core.interceptor.ExecutionAttributes;
import software.amazon.awssdk.core.interceptor.ExecutionInterceptor;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.model.ConsumerStatus;
import software.amazon.awssdk.services.kinesis.model.PutRecordsRequestEntry;
import software.amazon.awssdk.services.kinesis.model.Record;
import software.amazon.awssdk.services.kinesis.model.ResourceInUseException;
import software.amazon.awssdk.services.kinesis.model.ResourceNotFoundException;
import software.amazon.awssdk.services.kinesis.model.Shard;
import software.amazon.awssdk.services.kinesis.model.ShardFilterType;
import software.amazon.awssdk.services.kinesis.model.ShardIteratorType;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardEvent;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardResponseHandler;

/** The asynchronous client: HTTP/2 without TLS, bodies in CBOR. */
class KinesisTest {
  static final KinesisAsyncClient KINESIS = Platform.client(KinesisAsyncClient.builder());
  static final String STREAM = Platform.unique();

  @BeforeAll
  static void create() {
    KINESIS.createStream(b -> b.streamName(STREAM).shardCount(1)).join();
    KINESIS.waiter().waitUntilStreamExists(b -> b.streamName(STREAM)).join();
  }

  @AfterAll
  static void delete() {
    KINESIS.deleteStream(b -> b.streamName(STREAM).enforceConsumerDeletion(true)).join();
    KINESIS.close();
  }

  @Test
  void recordsComeBackAsTheyWerePut() {
    var entries = IntStream.range(0, 100)
        .mapToObj(i -> PutRecordsRequestEntry.builder().partitionKey("k").data(SdkBytes.fromByteArray(new byte[] {0, (byte) 255, (byte) i})).build())
        .toList();
    var put = KINESIS.putRecords(b -> b.streamName(STREAM).records(entries)).join();
    assertEquals(0, put.failedRecordCount());
    var first = put.records().get(0);
    String iterator = KINESIS.getShardIterator(b -> b.streamName(STREAM).shardId(first.shardId())
        .shardIteratorType(ShardIteratorType.AT_SEQUENCE_NUMBER).startingSequenceNumber(first.sequenceNumber())).join().shardIterator();
    List<Record> got = KINESIS.getRecords(b -> b.shardIterator(iterator)).join().records().subList(0, 100);
    assertEquals(entries.stream().map(PutRecordsRequestEntry::data).toList(), got.stream().map(Record::data).toList());
    assertEquals(put.records().stream().map(r -> r.sequenceNumber()).toList(), got.stream().map(Record::sequenceNumber).toList());
  }

  @Test
  void aConsumerIsPushedRecords() throws Exception {
    String stream = KINESIS.describeStreamSummary(b -> b.streamName(STREAM)).join().streamDescriptionSummary().streamARN();
    String consumer = KINESIS.registerStreamConsumer(b -> b.streamARN(stream).consumerName("reader")).join().consumer().consumerARN();
    Platform.eventually(20, () -> KINESIS.describeStreamConsumer(b -> b.consumerARN(consumer)).join()
        .consumerDescription().consumerStatus() == ConsumerStatus.ACTIVE);
    var subscribed = new CompletableFuture<Void>();
    var pushed = new CompletableFuture<Void>();
    var data = new CopyOnWriteArrayList<String>();
    var handler = SubscribeToShardResponseHandler.builder()
        .onResponse(r -> subscribed.complete(null))
        .onError(pushed::completeExceptionally)
        .subscriber(e -> {
          if (e instanceof SubscribeToShardEvent event) {
            event.records().forEach(r -> data.add(r.data().asUtf8String()));
            if (data.contains("pushed")) {
              pushed.complete(null);
            }
          }
        }).build();
    var subscription = KINESIS.subscribeToShard(b -> b.consumerARN(consumer).shardId("shardId-000000000000")
        .startingPosition(p -> p.type(ShardIteratorType.LATEST)), handler);
    subscribed.get(20, TimeUnit.SECONDS);
    KINESIS.putRecord(b -> b.streamName(STREAM).partitionKey("k").data(SdkBytes.fromUtf8String("pushed"))).join();
    pushed.get(20, TimeUnit.SECONDS);
    subscription.cancel(true);
    assertEquals(1, data.stream().filter("pushed"::equals).count());
  }

  @Test
  void bodiesTravelInCBOR() {
    var types = new CopyOnWriteArrayList<String>();
    try (var client = Platform.client(KinesisAsyncClient.builder().overrideConfiguration(o -> o.addExecutionInterceptor(new ExecutionInterceptor() {
      @Override
      public void afterTransmission(Context.AfterTransmission context, ExecutionAttributes attributes) {
        types.add(context.httpRequest().firstMatchingHeader("Content-Type").orElse("none"));
        types.add(context.httpResponse().firstMatchingHeader("Content-Type").orElse("none"));
      }
    })))) {
      var summary = client.describeStreamSummary(b -> b.streamName(STREAM)).join().streamDescriptionSummary();
      assertEquals(24, summary.retentionPeriodHours());
      assertTrue(Duration.between(summary.streamCreationTimestamp(), Instant.now()).abs().toMinutes() < 60, summary::toString);
    }
    assertEquals(List.of("application/x-amz-cbor-1.1", "application/x-amz-cbor-1.1"), types);
  }

  @Test
  void shardsSplitMergeAndKeepTheirLineage() {
    String stream = Platform.unique();
    KINESIS.createStream(b -> b.streamName(stream).shardCount(1)).join();
    KINESIS.waiter().waitUntilStreamExists(b -> b.streamName(stream)).join();
    KINESIS.splitShard(b -> b.streamName(stream).shardToSplit("shardId-000000000000").newStartingHashKey("170141183460469231731687303715884105728")).join();
    KINESIS.waiter().waitUntilStreamExists(b -> b.streamName(stream)).join();
    KINESIS.mergeShards(b -> b.streamName(stream).shardToMerge("shardId-000000000001").adjacentShardToMerge("shardId-000000000002")).join();
    KINESIS.waiter().waitUntilStreamExists(b -> b.streamName(stream)).join();
    var shards = KINESIS.listShards(b -> b.streamName(stream)).join().shards();
    assertEquals(Arrays.asList(null, "shardId-000000000000", "shardId-000000000000", "shardId-000000000001"), shards.stream().map(Shard::parentShardId).toList());
    assertEquals("shardId-000000000002", shards.get(3).adjacentParentShardId());
    var latest = KINESIS.listShards(b -> b.streamName(stream).shardFilter(f -> f.type(ShardFilterType.AT_LATEST))).join().shards();
    assertEquals(List.of("shardId-000000000003"), latest.stream().map(Shard::shardId).toList());
    KINESIS.deleteStream(b -> b.streamName(stream)).join();
  }

  @Test
  void errorsHaveTheirTypes() {
    var missing = assertThrows(CompletionException.class, () -> KINESIS.describeStreamSummary(b -> b.streamName("missing")).join());
    assertInstanceOf(ResourceNotFoundException.class, missing.getCause());
    var exists = assertThrows(CompletionException.class, () -> KINESIS.createStream(b -> b.streamName(STREAM).shardCount(1)).join());
    assertInstanceOf(ResourceInUseException.class, exists.getCause());
  }
}
