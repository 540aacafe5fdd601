package dev.leat.jsonnode;

import com.amazonaws.services.schemaregistry.common.Schema;
import com.amazonaws.services.schemaregistry.common.configs.GlueSchemaRegistryConfiguration;
import com.amazonaws.services.schemaregistry.deserializers.GlueSchemaRegistryDeserializer;
import com.amazonaws.services.schemaregistry.deserializers.GlueSchemaRegistryDeserializerImpl;
import com.amazonaws.services.schemaregistry.serializers.GlueSchemaRegistrySerializer;
import com.amazonaws.services.schemaregistry.serializers.GlueSchemaRegistrySerializerImpl;
import com.amazonaws.services.schemaregistry.utils.AWSSchemaRegistryConstants;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.UUID;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;

/**
 * Encodes and decodes JSON records whose schema id travels inside of them. AWS's
 * own library registers, finds and caches schemas and validates values; this class
 * moves the id from the header, which that library writes, into the JSON.
 */
public final class JsonNodeSerde {
  private static final int HEADER = 18; // version, compression, UUID
  private static final byte HEADER_VERSION = 3;
  private static final byte UNCOMPRESSED = 0;

  private final GlueSchemaRegistrySerializer serializer;
  private final GlueSchemaRegistryDeserializer deserializer;
  private final JsonNodeFrame frame;

  public JsonNodeSerde(AwsCredentialsProvider credentials, GlueSchemaRegistryConfiguration configuration, JsonNodeFrame frame) {
    if (configuration.getCompressionType() != AWSSchemaRegistryConstants.COMPRESSION.NONE) {
      throw new IllegalArgumentException("a JSON node is for records that stay readable: compression must be NONE");
    }
    serializer = new GlueSchemaRegistrySerializerImpl(credentials, configuration);
    deserializer = new GlueSchemaRegistryDeserializerImpl(credentials, configuration);
    this.frame = frame;
  }

  /** Validates a JSON text against a schema and gives it with the schema version's id inside. */
  public String encode(String transport, String schemaName, String schemaDefinition, String text) {
    byte[] framed = serializer.encode(transport, new Schema(schemaDefinition, "JSON", schemaName), utf8(text));
    ByteBuffer id = ByteBuffer.wrap(framed, 2, HEADER - 2);
    return frame.insert(text, new UUID(id.getLong(), id.getLong()));
  }

  /** Takes the id out of a text, and validates what is left against the writer's schema. */
  public String decode(String transport, String framed) {
    JsonNodeFrame.Unframed u = frame.remove(framed);
    byte[] text = utf8(u.text());
    byte[] data = ByteBuffer.allocate(HEADER + text.length).put(HEADER_VERSION).put(UNCOMPRESSED)
        .putLong(u.id().getMostSignificantBits()).putLong(u.id().getLeastSignificantBits()).put(text).array();
    Schema writer = deserializer.getSchema(data);
    if (!"JSON".equals(writer.getDataFormat())) {
      throw new IllegalArgumentException("schema version " + u.id() + " is " + writer.getDataFormat() + ", not JSON");
    }
    serializer.encode(transport, writer, text); // the library validates only what it writes
    return u.text();
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
