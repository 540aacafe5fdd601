package dev.leat.kcl;

import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import software.amazon.awssdk.awscore.client.builder.AwsClientBuilder;
import software.amazon.awssdk.services.cloudwatch.CloudWatchAsyncClient;
import software.amazon.awssdk.services.dynamodb.DynamoDbAsyncClient;
import software.amazon.awssdk.services.dynamodb.model.BillingMode;
import software.amazon.awssdk.services.dynamodb.model.Tag;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.kinesis.common.ConfigsBuilder;
import software.amazon.kinesis.common.InitialPositionInStream;
import software.amazon.kinesis.common.InitialPositionInStreamExtended;
import software.amazon.kinesis.common.KinesisClientUtil;
import software.amazon.kinesis.common.StreamIdentifier;
import software.amazon.kinesis.coordinator.Scheduler;
import software.amazon.kinesis.leases.LeaseManagementConfig;
import software.amazon.kinesis.processor.SingleStreamTracker;
import software.amazon.kinesis.retrieval.polling.PollingConfig;

/**
 * A worker of a Kinesis Client Library application: it shares the shards of a
 * stream with its application's other workers through leases, which are in tables
 * of DynamoDB. Its metrics go to CloudWatch.
 */
public final class Application implements AutoCloseable {
  /** How records reach a worker: it asks for them, or they are pushed over HTTP/2. */
  public enum Retrieval { POLLING, FAN_OUT }

  private final KinesisAsyncClient kinesis;
  private final DynamoDbAsyncClient dynamo;
  private final CloudWatchAsyncClient cloudWatch;
  private final Scheduler scheduler;
  private final Thread thread;

  public Application(URI endpoint, String name, String stream, Retrieval retrieval, Ledger ledger) {
    kinesis = KinesisClientUtil.createKinesisAsyncClient(at(endpoint, KinesisAsyncClient.builder()));
    dynamo = at(endpoint, DynamoDbAsyncClient.builder()).build();
    cloudWatch = at(endpoint, CloudWatchAsyncClient.builder()).build();
    String worker = name + "-" + UUID.randomUUID();
    var tracker = new SingleStreamTracker(StreamIdentifier.singleStreamInstance(stream),
        InitialPositionInStreamExtended.newInitialPosition(InitialPositionInStream.TRIM_HORIZON));
    var configs = new ConfigsBuilder(tracker, name, kinesis, dynamo, cloudWatch, worker, () -> new RecordProcessor(ledger));
    var how = configs.retrievalConfig(); // fan-out, unless it is told otherwise
    if (retrieval == Retrieval.POLLING) {
      how.retrievalSpecificConfig(new PollingConfig(stream, kinesis).idleTimeBetweenReadsInMillis(200));
    }
    scheduler = new Scheduler(
        configs.checkpointConfig(),
        configs.coordinatorConfig().parentShardPollIntervalMillis(500).shardConsumerDispatchPollIntervalMillis(200),
        leases(configs),
        configs.lifecycleConfig(),
        configs.metricsConfig(),
        configs.processorConfig(),
        how);
    thread = new Thread(scheduler, worker);
    thread.start();
  }

  /** Leases that move fast, in tables with all that an application may ask of them. */
  static LeaseManagementConfig leases(ConfigsBuilder configs) {
    return configs.leaseManagementConfig().failoverTimeMillis(5_000).leaseAssignmentIntervalMillis(2_000L).shardSyncIntervalMillis(500)
        .leasesRecoveryAuditorExecutionFrequencyMillis(5_000).listShardsCacheAllowedAgeInSeconds(1)
        .billingMode(BillingMode.PAY_PER_REQUEST).leaseTablePitrEnabled(true).tags(List.of(Tag.builder().key("application").value("clients").build()));
  }

  static <B extends AwsClientBuilder<B, C>, C> B at(URI endpoint, B builder) {
    return builder.endpointOverride(endpoint);
  }

  /** Ends the worker: its leases are given up where its last checkpoints are. */
  @Override
  public void close() throws InterruptedException {
    scheduler.shutdown();
    thread.join(Duration.ofSeconds(30).toMillis());
    if (thread.isAlive()) {
      throw new IllegalStateException("the worker did not end");
    }
    kinesis.close();
    dynamo.close();
    cloudWatch.close();
  }
}
