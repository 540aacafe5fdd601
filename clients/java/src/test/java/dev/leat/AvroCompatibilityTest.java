package dev.leat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.avro.SchemaCompatibility;
import org.apache.avro.SchemaCompatibility.SchemaCompatibilityResult;
import org.apache.avro.SchemaCompatibility.SchemaCompatibilityType;
import org.apache.avro.SchemaCompatibility.SchemaIncompatibilityType;
import org.junit.jupiter.api.Test;

/** Avro's own judgement on whether one schema reads what another wrote, beside the registry's. */
class AvroCompatibilityTest {
  static final String REGISTRY = System.getenv("LEAT_REGISTRY_URL");
  static final HttpClient HTTP = HttpClient.newHttpClient();
  static final ObjectMapper JSON = new ObjectMapper();
  static final int PAIRS = Integer.getInteger("pairs", 1_000);
  /** Of each judgement there must be so many: pairs that all agree for one reason prove little. */
  static final int ENOUGH = PAIRS / 4;

  @Test
  void theRegistryJudgesAsAvroDoes() throws Exception {
    List<String> disagreements = new ArrayList<>();
    Set<SchemaIncompatibilityType> reasons = EnumSet.noneOf(SchemaIncompatibilityType.class);
    int compatible = 0;
    for (int seed = 0; seed < PAIRS; seed++) {
      AvroPairs.Pair pair = AvroPairs.pair(seed);
      SchemaCompatibilityResult result = SchemaCompatibility.checkReaderWriterCompatibility(pair.reader(), pair.writer()).getResult();
      result.getIncompatibilities().forEach(i -> reasons.add(i.getType()));
      boolean avro = result.getCompatibility() == SchemaCompatibilityType.COMPATIBLE;
      String subject = Platform.unique();
      post("/subjects/" + subject + "/versions", pair.writer().toString());
      JsonNode verdict = post("/compatibility/subjects/" + subject + "/versions/latest?verbose=true", pair.reader().toString());
      if (avro != verdict.get("is_compatible").asBoolean()) {
        disagreements.add("seed " + seed + ": Avro says " + avro + ", the registry " + verdict + "\n  writer " + pair.writer() + "\n  reader " + pair.reader() + "\n");
      }
      compatible += avro ? 1 : 0;
    }
    System.out.printf("Avro compatibility: %d pairs, %d compatible, %d disagreements%n", PAIRS, compatible, disagreements.size());
    assertEquals(EnumSet.allOf(SchemaIncompatibilityType.class), reasons);
    assertEquals(List.of(), disagreements);
    assertTrue(compatible >= ENOUGH && compatible <= PAIRS - ENOUGH, compatible + " are compatible");
  }

  private static JsonNode post(String path, String schema) throws Exception {
    HttpResponse<String> reply = HTTP.send(HttpRequest.newBuilder(URI.create(REGISTRY + path)).header("Content-Type", "application/vnd.schemaregistry.v1+json")
        .POST(HttpRequest.BodyPublishers.ofString(JSON.writeValueAsString(Map.of("schema", schema)))).build(), HttpResponse.BodyHandlers.ofString());
    assertEquals(200, reply.statusCode(), reply::body);
    return JSON.readTree(reply.body());
  }
}
