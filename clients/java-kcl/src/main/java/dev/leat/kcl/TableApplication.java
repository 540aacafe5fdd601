package dev.leat.kcl;

import com.amazonaws.services.dynamodbv2.streamsadapter.AmazonDynamoDBStreamsAdapterClient;
import com.amazonaws.services.dynamodbv2.streamsadapter.StreamsSchedulerFactory;
import com.amazonaws.services.dynamodbv2.streamsadapter.model.DynamoDBStreamsProcessRecordsInput;
import com.amazonaws.services.dynamodbv2.streamsadapter.polling.DynamoDBStreamsPollingConfig;
import com.amazonaws.services.dynamodbv2.streamsadapter.processor.DynamoDBStreamsShardRecordProcessor;
import java.net.URI;
import java.time.Duration;
import java.util.UUID;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.cloudwatch.CloudWatchAsyncClient;
import software.amazon.awssdk.services.dynamodb.DynamoDbAsyncClient;
import software.amazon.awssdk.services.dynamodb.streams.DynamoDbStreamsClient;
import software.amazon.kinesis.common.ConfigsBuilder;
import software.amazon.kinesis.common.InitialPositionInStream;
import software.amazon.kinesis.common.InitialPositionInStreamExtended;
import software.amazon.kinesis.coordinator.Scheduler;

/** A worker that follows the changes of a table by the DynamoDB Streams Kinesis Adapter. */
public final class TableApplication implements AutoCloseable {
  private final DynamoDbStreamsClient streams;
  private final DynamoDbAsyncClient dynamo;
  private final CloudWatchAsyncClient cloudWatch;
  private final Scheduler scheduler;
  private final Thread thread;

  public TableApplication(URI endpoint, Region region, String name, String streamArn, Ledger ledger) {
    streams = Application.at(endpoint, DynamoDbStreamsClient.builder()).region(region).build();
    dynamo = Application.at(endpoint, DynamoDbAsyncClient.builder()).build();
    cloudWatch = Application.at(endpoint, CloudWatchAsyncClient.builder()).build();
    var adapter = new AmazonDynamoDBStreamsAdapterClient(streams, region);
    String worker = name + "-" + UUID.randomUUID();
    var tracker = StreamsSchedulerFactory.createSingleStreamTracker(streamArn,
        InitialPositionInStreamExtended.newInitialPosition(InitialPositionInStream.TRIM_HORIZON));
    var configs = new ConfigsBuilder(tracker, name, adapter, dynamo, cloudWatch, worker, () -> new ChangeProcessor(ledger));
    var polling = new DynamoDBStreamsPollingConfig(adapter).idleTimeBetweenReadsInMillis(200);
    polling.maxRecords(1_000);
    var retrieval = configs.retrievalConfig();
    retrieval.retrievalSpecificConfig(polling);
    var coordination = configs.coordinatorConfig().parentShardPollIntervalMillis(500).shardConsumerDispatchPollIntervalMillis(200)
        .skipShardSyncAtWorkerInitializationIfLeasesExist(true);
    scheduler = StreamsSchedulerFactory.createScheduler(configs.checkpointConfig(), coordination, Application.leases(configs),
        configs.lifecycleConfig(), configs.metricsConfig(), configs.processorConfig(), retrieval, streams, region);
    thread = new Thread(scheduler, worker);
    thread.start();
  }

  @Override
  public void close() throws InterruptedException {
    scheduler.shutdown();
    thread.join(Duration.ofSeconds(30).toMillis());
    if (thread.isAlive()) {
      throw new IllegalStateException("the worker did not end");
    }
    streams.close();
    dynamo.close();
    cloudWatch.close();
  }

  /** Like its parent, but for changes of items: id is the key, n the number. */
  private static final class ChangeProcessor extends RecordProcessor implements DynamoDBStreamsShardRecordProcessor {
    ChangeProcessor(Ledger ledger) {
      super(ledger);
    }

    @Override
    public void processRecords(software.amazon.kinesis.lifecycle.events.ProcessRecordsInput input) {
      DynamoDBStreamsShardRecordProcessor.super.processRecords(input);
    }

    @Override
    public void processRecords(DynamoDBStreamsProcessRecordsInput input) {
      input.records().forEach(r -> {
        var item = r.getRecord().dynamodb().newImage();
        processed(item.get("id").s(), Long.parseLong(item.get("n").n()));
      });
      checkpoint(input.checkpointer());
    }
  }
}
