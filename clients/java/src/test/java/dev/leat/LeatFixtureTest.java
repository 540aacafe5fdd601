package dev.leat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import software.amazon.awssdk.services.sqs.SqsClient;

/** The fixture that users copy into their tests. */
class LeatFixtureTest {
  static final String TEMPLATE = """
      Resources:
        Orders: {Type: AWS::SQS::Queue, Properties: {QueueName: orders}}
      Outputs:
        Queue: {Value: !Ref Orders}
        Odd: {Value: 'a "b" \\ {<c>}'}
      """;

  static String get(URI url) throws IOException, InterruptedException {
    return HttpClient.newHttpClient().send(HttpRequest.newBuilder(url).build(), HttpResponse.BodyHandlers.ofString()).body();
  }

  @Test
  void platformsAreApartAndGoneWhenTheyEnd() throws Exception {
    URI url;
    try (LeatFixture one = LeatFixture.start(); LeatFixture other = LeatFixture.start()) {
      url = one.url();
      one.client(SqsClient.builder()).createQueue(b -> b.queueName("q"));
      assertEquals(1, one.client(SqsClient.builder()).listQueues().queueUrls().size());
      assertEquals(0, other.client(SqsClient.builder()).listQueues().queueUrls().size());
      assertEquals("[]", get(one.registryUrl().resolve("/subjects")));
    }
    assertThrows(ConnectException.class, () -> get(url.resolve("/_leat/health")));
  }

  @Test
  void aTemplateIsDeployed(@TempDir Path folder) throws Exception {
    Files.writeString(folder.resolve("template.yaml"), TEMPLATE);
    try (LeatFixture leat = LeatFixture.startWith(folder)) {
      SqsClient sqs = leat.client(SqsClient.builder());
      sqs.sendMessage(b -> b.queueUrl(leat.outputs().get("Queue")).messageBody("an order"));
      assertEquals("an order", sqs.receiveMessage(b -> b.queueUrl(leat.outputs().get("Queue"))).messages().get(0).body());
      assertEquals("a \"b\" \\ {<c>}", leat.outputs().get("Odd"));
    }
  }

  @Test
  void whatCannotBeDeployedSaysWhy(@TempDir Path folder) throws Exception {
    Files.writeString(folder.resolve("template.yaml"), TEMPLATE.replace("SQS::Queue", "SQS::Nothing"));
    String why = assertThrows(IllegalStateException.class, () -> LeatFixture.startWith(folder)).getMessage();
    assertTrue(why.contains("AWS::SQS::Nothing"), why);
  }
}
