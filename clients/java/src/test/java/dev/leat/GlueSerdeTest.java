package dev.leat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.amazonaws.services.schemaregistry.deserializers.GlueSchemaRegistryKafkaDeserializer;
import com.amazonaws.services.schemaregistry.deserializers.avro.AWSKafkaAvroDeserializer;
import com.amazonaws.services.schemaregistry.serializers.GlueSchemaRegistryKafkaSerializer;
import com.amazonaws.services.schemaregistry.serializers.avro.AWSKafkaAvroSerializer;
import com.amazonaws.services.schemaregistry.serializers.json.JsonDataWithSchema;
import com.amazonaws.services.schemaregistry.utils.AWSSchemaRegistryConstants;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.HashMap;
import java.util.Map;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericRecord;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import software.amazon.awssdk.services.glue.model.DataFormat;

/** AWS's own schema registry serialisers, and interchange with the Go package serde. */
class GlueSerdeTest {
  static final ObjectMapper MAPPER = new ObjectMapper();
  static final String V1 = "{\"type\":\"record\",\"name\":\"Payment\",\"namespace\":\"bank\",\"fields\":[{\"name\":\"id\",\"type\":\"string\"},{\"name\":\"note\",\"type\":\"string\"}]}";
  static final String V2 = V1.replace("}]}", "},{\"name\":\"amount\",\"type\":\"int\",\"default\":7}]}");
  static final String BROKEN = V1.replace("}]}", "},{\"name\":\"amount\",\"type\":\"int\"}]}");

  static Map<String, Object> settings(String name, String compression) {
    Map<String, Object> s = new HashMap<>();
    s.put(AWSSchemaRegistryConstants.AWS_REGION, "us-east-1");
    s.put(AWSSchemaRegistryConstants.AWS_ENDPOINT, Platform.ENDPOINT.toString());
    s.put(AWSSchemaRegistryConstants.SCHEMA_AUTO_REGISTRATION_SETTING, "true");
    s.put(AWSSchemaRegistryConstants.SCHEMA_NAME, name);
    s.put(AWSSchemaRegistryConstants.COMPRESSION_TYPE, compression);
    s.put(AWSSchemaRegistryConstants.AVRO_RECORD_TYPE, "GENERIC_RECORD");
    return s;
  }

  static byte[] write(String name, String compression, GenericRecord record) {
    try (var serializer = new AWSKafkaAvroSerializer(settings(name, compression))) {
      serializer.configure(settings(name, compression), false);
      return serializer.serialize("topic", record);
    }
  }

  static GenericRecord read(String name, byte[] data) {
    try (var deserializer = new AWSKafkaAvroDeserializer(settings(name, "NONE"))) {
      deserializer.configure(settings(name, "NONE"), false);
      return (GenericRecord) deserializer.deserialize("topic", data);
    }
  }

  static GenericRecord payment(String schema) {
    GenericRecord r = new GenericData.Record(new Schema.Parser().parse(schema));
    r.put("id", "p-1");
    r.put("note", "n".repeat(500));
    return r;
  }

  @ParameterizedTest
  @ValueSource(strings = {"NONE", "ZLIB"})
  void javaAndGoReadEachOther(String compression) throws Exception {
    String name = Platform.unique();
    byte[] data = write(name, compression, payment(V1));
    assertEquals(compression.equals("ZLIB") ? 5 : 0, data[1]);
    assertEquals(payment(V1).toString(), read(name, data).toString());
    JsonNode got = go(Map.of("op", "decode", "type", "AVRO", "data", data));
    assertEquals(MAPPER.readTree(payment(V1).toString()), got.get("value"));
    JsonNode written = go(Map.of("op", "encode", "type", "AVRO", "format", "glue", "schema", V1, "topic", name, "compress", compression.equals("ZLIB"), "value", got.get("value")));
    assertEquals(payment(V1).toString(), read(name, written.get("data").binaryValue()).toString());
  }

  @ParameterizedTest
  @ValueSource(strings = {"NONE", "ZLIB"})
  void javaAndGoReadEachOthersJson(String compression) throws Exception {
    String name = Platform.unique();
    String schema = "{\"$schema\":\"http://json-schema.org/draft-07/schema#\",\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"string\"},\"amount\":{\"type\":\"integer\"}},\"required\":[\"id\"]}";
    String value = "{\"id\":\"p-1\",\"amount\":12}";
    Map<String, Object> settings = settings(name, compression);
    settings.put(AWSSchemaRegistryConstants.DATA_FORMAT, DataFormat.JSON.name());
    try (var serializer = new GlueSchemaRegistryKafkaSerializer(settings); var deserializer = new GlueSchemaRegistryKafkaDeserializer(settings)) {
      serializer.configure(settings, false);
      deserializer.configure(settings, false);
      byte[] data = serializer.serialize("topic", JsonDataWithSchema.builder(schema, value).build());
      assertEquals(compression.equals("ZLIB") ? 5 : 0, data[1]);
      assertEquals(MAPPER.readTree(value), go(Map.of("op", "decode", "type", "JSON", "data", data)).get("value"));
      JsonNode written = go(Map.of("op", "encode", "type", "JSON", "format", "glue", "schema", schema, "topic", name, "compress", compression.equals("ZLIB"), "value", MAPPER.readTree(value)));
      JsonDataWithSchema read = (JsonDataWithSchema) deserializer.deserialize("topic", written.get("data").binaryValue());
      assertEquals(MAPPER.readTree(value), MAPPER.readTree(read.getPayload()));
      assertThrows(RuntimeException.class, () -> serializer.serialize("topic", JsonDataWithSchema.builder(schema, "{\"amount\":1}").build()));
    }
  }

  @Test
  void aSchemaEvolvesButDoesNotBreak() {
    String name = Platform.unique();
    byte[] old = write(name, "NONE", payment(V1));
    GenericRecord wider = payment(V2);
    wider.put("amount", 12);
    assertEquals(12, read(name, write(name, "NONE", wider)).get("amount"));
    assertEquals("p-1", read(name, old).get("id").toString());
    GenericRecord broken = payment(BROKEN);
    broken.put("amount", 1);
    String other = Platform.unique();
    write(other, "NONE", payment(V1));
    Throwable why = assertThrows(RuntimeException.class, () -> write(other, "NONE", broken));
    while (why.getCause() != null) {
      why = why.getCause();
    }
    String last = why.toString();
    assertTrue(last.contains("evolution check failed"), last); // the library's words for a version in FAILURE
  }

  static JsonNode go(Map<String, ?> request) throws Exception {
    Process tool = new ProcessBuilder(System.getenv("SERDETOOL"), "-glue", Platform.ENDPOINT.toString()).redirectError(ProcessBuilder.Redirect.INHERIT).start();
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
