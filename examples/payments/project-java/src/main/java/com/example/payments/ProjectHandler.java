package com.example.payments;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import com.amazonaws.services.lambda.runtime.events.KinesisEvent;
import com.amazonaws.services.lambda.runtime.events.StreamsEventResponse;
import com.amazonaws.services.lambda.runtime.events.StreamsEventResponse.BatchItemFailure;
import java.net.URI;
import java.util.List;
import software.amazon.awssdk.enhanced.dynamodb.DynamoDbEnhancedClient;

/** Keeps the read model: decodes each message of the stream and saves it in the table. */
public class ProjectHandler implements RequestHandler<KinesisEvent, StreamsEventResponse> {
  /** Wider than any sequence number of Kinesis, so that padded ones sort as numbers do. */
  private static final int SEQUENCE_DIGITS = 64;

  private final PaymentDecoder decoder;
  private final PaymentTable table;

  /** What the runtime calls: the environment says where things are. */
  public ProjectHandler() {
    this(new PaymentDecoder(new SchemaRegistry(URI.create(System.getenv("REGISTRY_URL")))::schema),
        new PaymentTable(DynamoDbEnhancedClient.create(), System.getenv("TABLE")));
  }

  ProjectHandler(PaymentDecoder decoder, PaymentTable table) {
    this.decoder = decoder;
    this.table = table;
  }

  /** Handles records in their order. The first that fails is reported: it and all behind it come again. */
  @Override
  public StreamsEventResponse handleRequest(KinesisEvent event, Context context) {
    for (KinesisEvent.KinesisEventRecord record : event.getRecords()) {
      String sequence = record.getKinesis().getSequenceNumber();
      try {
        Payment payment = decoder.decode(record.getKinesis().getData());
        payment.setShard(record.getEventID().substring(0, record.getEventID().indexOf(':')));
        payment.setSequence(position(sequence));
        table.save(payment);
      } catch (RuntimeException e) {
        context.getLogger().log("record " + record.getEventID() + ": " + e + " (" + e.getCause() + ")\n");
        return new StreamsEventResponse(List.of(new BatchItemFailure(sequence)));
      }
    }
    return new StreamsEventResponse(List.of());
  }

  /** A text that sorts as sequence numbers do; the consumer in Go writes the same, so that either can take over. */
  private static String position(String sequence) {
    return "0".repeat(SEQUENCE_DIGITS - sequence.length()) + sequence + ".000000";
  }
}
