package dev.leat.jsonnode;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.amazonaws.services.schemaregistry.common.configs.GlueSchemaRegistryConfiguration;
import com.amazonaws.services.schemaregistry.utils.AWSSchemaRegistryConstants;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider;

class JsonNodeTest {
  static final UUID ID = new UUID(0, 1);
  static final String NODE = "\"schemaVersionId\":\"" + ID + "\"";
  static final JsonNodeFrame FRAME = new JsonNodeFrame();
  static final ObjectMapper MAPPER = new ObjectMapper();
  static final String EVENT = "{\"metadata\":{\"type\":\"Changed\"},\"body\":{\"name\":\"Zo\\u00eb\",\"balance\":1.50,\"newStatus\":\"APPROVED\"}}";
  static final String SCHEMA = "{\"$schema\":\"http://json-schema.org/draft-07/schema#\",\"type\":\"object\",\"required\":[\"metadata\",\"body\"],\"properties\":"
      + "{\"body\":{\"type\":\"object\",\"required\":[\"newStatus\"],\"properties\":{\"newStatus\":{\"enum\":[\"DRAFT\",\"APPROVED\"]}}}}}";

  @Test
  void theNodeIsAllThatIsAdded() {
    assertEquals(EVENT.replace("\"Changed\"}", "\"Changed\"," + NODE + "}"), FRAME.insert(EVENT, ID));
    assertEquals("{\"metadata\":{" + NODE + "}}", FRAME.insert("{\"metadata\":{}}", ID));
    assertEquals("{\"id\":\"" + ID + "\"}", new JsonNodeFrame("/id").insert("{}", ID));
  }

  @ParameterizedTest
  @ValueSource(strings = {EVENT, "{\"metadata\":{}}", "{\"a\":[{\"metadata\":{}}],\"metadata\":{\"m\":{\"schemaVersionId\":1}}}", "{\"metadata\":{\"n\":1e9,\"b\":\"}{,\\\"\"}}"})
  void whatIsTakenOutLeavesTheTextItWasPutInto(String text) {
    assertEquals(new JsonNodeFrame.Unframed(ID, text), FRAME.remove(FRAME.insert(text, ID)));
  }

  @Test
  void theNodeIsTakenOutWhereverItStands() {
    assertEquals("{\"metadata\":{\"a\":1}}", FRAME.remove("{\"metadata\":{" + NODE + ",\"a\":1}}").text());
    assertEquals("{\"metadata\":{\"a\":1,\"b\":2}}", FRAME.remove("{\"metadata\":{\"a\":1," + NODE + ",\"b\":2}}").text());
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "[]", "1", "{", "{}", "{\"metadata\":1}", "{\"metadata\":{\"a\":1,\"a\":2}}", "{\"metadata\":{}}x", "{\"metadata\":{\"x\":NaN}}"})
  void whatCannotHoldANodeIsRefused(String text) {
    assertThrows(IllegalArgumentException.class, () -> FRAME.insert(text, ID));
    assertThrows(IllegalArgumentException.class, () -> FRAME.remove(text));
  }

  @ParameterizedTest
  @ValueSource(strings = {"\"x\"", "7", "null", "\"1-1-1-1-1\""})
  void whatIsNoIdIsRefused(String value) {
    assertThrows(IllegalArgumentException.class, () -> FRAME.remove("{\"metadata\":{\"schemaVersionId\":" + value + "}}"));
  }

  static JsonNodeSerde serde() {
    return new JsonNodeSerde(DefaultCredentialsProvider.create(), new GlueSchemaRegistryConfiguration(Map.of(
        AWSSchemaRegistryConstants.AWS_REGION, "us-east-1",
        AWSSchemaRegistryConstants.AWS_ENDPOINT, System.getenv("AWS_ENDPOINT_URL"),
        AWSSchemaRegistryConstants.SCHEMA_AUTO_REGISTRATION_SETTING, "true")), FRAME);
  }

  @Test
  void eventsAreFramedCheckedAndReadBack() {
    String name = "java-" + UUID.randomUUID();
    String framed = serde().encode("events", name, SCHEMA, EVENT);
    assertEquals(EVENT, serde().decode("events", framed));
    assertTrue(FRAME.remove(framed).id().version() > 0);
    assertThrows(RuntimeException.class, () -> serde().encode("events", name, SCHEMA, EVENT.replace("APPROVED", "GONE")));
    assertThrows(RuntimeException.class, () -> serde().decode("events", framed.replace("APPROVED", "GONE")));
  }

  @Test
  void goReadsWhatJavaWritesAndTheReverse() throws Exception {
    String name = "java-" + UUID.randomUUID();
    String framed = serde().encode("events", name, SCHEMA, EVENT);
    JsonNode read = go(Map.of("op", "decode", "type", "JSON", "data", framed.getBytes(StandardCharsets.UTF_8)));
    assertEquals(EVENT, text(read.get("payload")));
    JsonNode written = go(Map.of("op", "encode", "type", "JSON", "format", "jsonnode", "schema", SCHEMA, "topic", name, "value", MAPPER.readTree(EVENT)));
    assertEquals(MAPPER.readTree(EVENT), MAPPER.readTree(serde().decode("events", text(written.get("data")))));
    assertEquals(FRAME.remove(framed).id(), FRAME.remove(text(written.get("data"))).id());
  }

  static String text(JsonNode base64) {
    return new String(Base64.getDecoder().decode(base64.asText()), StandardCharsets.UTF_8);
  }

  static JsonNode go(Map<String, ?> request) throws Exception {
    Process tool = new ProcessBuilder(System.getenv("SERDETOOL"), "-glue", System.getenv("AWS_ENDPOINT_URL")).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    try (var in = tool.outputWriter()) {
      in.write(MAPPER.writeValueAsString(request));
      in.newLine();
    }
    JsonNode reply = MAPPER.readTree(tool.inputReader());
    assertEquals(0, tool.waitFor());
    assertTrue(!reply.has("error"), reply::toString);
    return reply;
  }
}
