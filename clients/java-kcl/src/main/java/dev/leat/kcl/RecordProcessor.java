package dev.leat.kcl;

import java.nio.charset.StandardCharsets;
import software.amazon.kinesis.exceptions.InvalidStateException;
import software.amazon.kinesis.exceptions.ShutdownException;
import software.amazon.kinesis.lifecycle.events.InitializationInput;
import software.amazon.kinesis.lifecycle.events.LeaseLostInput;
import software.amazon.kinesis.lifecycle.events.ProcessRecordsInput;
import software.amazon.kinesis.lifecycle.events.ShardEndedInput;
import software.amazon.kinesis.lifecycle.events.ShutdownRequestedInput;
import software.amazon.kinesis.processor.RecordProcessorCheckpointer;
import software.amazon.kinesis.processor.ShardRecordProcessor;

/** Processes one shard's records into a ledger, and checkpoints behind each batch. */
class RecordProcessor implements ShardRecordProcessor {
  private final Ledger ledger;
  private String shard;

  RecordProcessor(Ledger ledger) {
    this.ledger = ledger;
  }

  @Override
  public void initialize(InitializationInput input) {
    shard = input.shardId();
    ledger.begun(shard);
  }

  @Override
  public void processRecords(ProcessRecordsInput input) {
    input.records().forEach(r -> processed(r.partitionKey(), Long.parseLong(StandardCharsets.UTF_8.decode(r.data()).toString())));
    checkpoint(input.checkpointer());
  }

  /** Record number n of a key has been processed. */
  final void processed(String key, long n) {
    ledger.processed(shard, key, n);
  }

  @Override
  public void leaseLost(LeaseLostInput input) {
    // Another worker goes on at the last checkpoint.
  }

  @Override
  public void shardEnded(ShardEndedInput input) {
    ledger.ended(shard);
    checkpoint(input.checkpointer());
  }

  @Override
  public void shutdownRequested(ShutdownRequestedInput input) {
    checkpoint(input.checkpointer());
  }

  static void checkpoint(RecordProcessorCheckpointer checkpointer) {
    try {
      checkpointer.checkpoint();
    } catch (ShutdownException e) {
      // The lease is another worker's by now, which will see these records again.
    } catch (InvalidStateException e) {
      throw new IllegalStateException("the lease table is not usable", e);
    }
  }
}
