package dev.leat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.services.sns.SnsClient;
import software.amazon.awssdk.services.sns.model.NotFoundException;
import software.amazon.awssdk.services.sns.model.PublishBatchRequestEntry;
import software.amazon.awssdk.services.sqs.SqsClient;
import software.amazon.awssdk.services.sqs.model.DeleteMessageBatchRequestEntry;
import software.amazon.awssdk.services.sqs.model.Message;
import software.amazon.awssdk.services.sqs.model.MessageAttributeValue;
import software.amazon.awssdk.services.sqs.model.QueueAttributeName;
import software.amazon.awssdk.services.sqs.model.QueueDoesNotExistException;
import software.amazon.awssdk.services.sqs.model.SendMessageBatchRequestEntry;

/** Queues and topics. The client checks the MD5s of what it sends and receives. */
class MessagingTest {
  static final SqsClient SQS = Platform.client(SqsClient.builder());
  static final SnsClient SNS = Platform.client(SnsClient.builder());

  static List<Message> receive(String queue) {
    return SQS.receiveMessage(b -> b.queueUrl(queue).waitTimeSeconds(5).maxNumberOfMessages(10).messageAttributeNames("All")).messages();
  }

  @Test
  void messagesComeBackAsTheyWereSentUntilTheyAreDeleted() {
    String queue = SQS.createQueue(b -> b.queueName(Platform.unique())).queueUrl();
    SdkBytes bytes = SdkBytes.fromByteArray(new byte[] {0, 1});
    SQS.sendMessage(b -> b.queueUrl(queue).messageBody("é").messageAttributes(Map.of(
        "a", MessageAttributeValue.builder().dataType("Binary").binaryValue(bytes).build(),
        "n", MessageAttributeValue.builder().dataType("Number").stringValue("1.5").build())));
    Message first = receive(queue).get(0);
    assertEquals("é", first.body());
    assertEquals(bytes, first.messageAttributes().get("a").binaryValue());
    assertEquals("1.5", first.messageAttributes().get("n").stringValue());
    var sent = SQS.sendMessageBatch(b -> b.queueUrl(queue).entries(IntStream.range(0, 3)
        .mapToObj(i -> SendMessageBatchRequestEntry.builder().id("m" + i).messageBody("body " + i).build()).toList()));
    assertEquals(3, sent.successful().size());
    List<Message> rest = receive(queue);
    assertEquals(List.of("body 0", "body 1", "body 2"), rest.stream().map(Message::body).sorted().toList());
    var deleted = SQS.deleteMessageBatch(b -> b.queueUrl(queue).entries(rest.stream()
        .map(m -> DeleteMessageBatchRequestEntry.builder().id(m.messageId()).receiptHandle(m.receiptHandle()).build()).toList()));
    assertEquals(3, deleted.successful().size());
    assertThrows(QueueDoesNotExistException.class, () -> SQS.getQueueUrl(b -> b.queueName("missing")));
  }

  @Test
  void aTopicDeliversWhatItsFilterLetsThrough() {
    String queue = SQS.createQueue(b -> b.queueName(Platform.unique())).queueUrl();
    String queueArn = SQS.getQueueAttributes(b -> b.queueUrl(queue).attributeNames(QueueAttributeName.QUEUE_ARN)).attributes().get(QueueAttributeName.QUEUE_ARN);
    String topic = SNS.createTopic(b -> b.name(Platform.unique())).topicArn();
    SNS.subscribe(b -> b.topicArn(topic).protocol("sqs").endpoint(queueArn).attributes(Map.of("RawMessageDelivery", "true", "FilterPolicy", "{\"kind\":[\"wanted\"]}")));
    var published = SNS.publishBatch(b -> b.topicArn(topic).publishBatchRequestEntries(entry("one", "other"), entry("two", "wanted")));
    assertEquals(2, published.successful().size());
    List<Message> got = receive(queue);
    assertEquals(List.of("two"), got.stream().map(Message::body).toList());
    assertEquals("wanted", got.get(0).messageAttributes().get("kind").stringValue());
    assertTrue(assertThrows(NotFoundException.class, () -> SNS.publish(b -> b.topicArn(topic + "x").message("lost"))).getMessage().contains("does not exist"));
  }

  private static PublishBatchRequestEntry entry(String message, String kind) {
    return PublishBatchRequestEntry.builder().id(message).message(message).messageAttributes(Map.of("kind",
        software.amazon.awssdk.services.sns.model.MessageAttributeValue.builder().dataType("String").stringValue(kind).build())).build();
  }
}
