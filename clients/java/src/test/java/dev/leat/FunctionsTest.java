package dev.leat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.services.lambda.LambdaClient;
import software.amazon.awssdk.services.lambda.model.InvocationType;
import software.amazon.awssdk.services.lambda.model.LogType;
import software.amazon.awssdk.services.lambda.model.ResourceConflictException;
import software.amazon.awssdk.services.lambda.model.ResourceNotFoundException;

/** A function in Java, created and called through the SDK. */
class FunctionsTest {
  static final LambdaClient LAMBDA = Platform.client(LambdaClient.builder());
  static final ObjectMapper JSON = new ObjectMapper();
  static final String SOURCE = """
      import java.util.Map;

      public class Echo {
        public Map<String, Object> handle(Map<String, Object> event) {
          System.out.println("one line");
          if (event.containsKey("fail")) {
            throw new IllegalStateException("no good");
          }
          return Map.of("got", event, "mode", System.getenv("MODE"));
        }
      }
      """;

  static SdkBytes zip(Path folder) throws Exception {
    Path source = Files.writeString(folder.resolve("Echo.java"), SOURCE);
    assertEquals(0, ToolProvider.getSystemJavaCompiler().run(null, null, null, "-d", folder.toString(), source.toString()));
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (ZipOutputStream zip = new ZipOutputStream(out)) {
      zip.putNextEntry(new ZipEntry("Echo.class"));
      zip.write(Files.readAllBytes(folder.resolve("Echo.class")));
    }
    return SdkBytes.fromByteArray(out.toByteArray());
  }

  @Test
  void aJavaFunctionAnswersAndFailsAsJavaFunctionsDo(@TempDir Path folder) throws Exception {
    String name = Platform.unique();
    SdkBytes code = zip(folder);
    LAMBDA.createFunction(b -> b.functionName(name).runtime("java17").handler("Echo::handle").role("arn:aws:iam::000000000000:role/any")
        .code(c -> c.zipFile(code)).timeout(60).memorySize(512).environment(e -> e.variables(java.util.Map.of("MODE", "test"))));
    LAMBDA.waiter().waitUntilFunctionActiveV2(b -> b.functionName(name));
    var ok = LAMBDA.invoke(b -> b.functionName(name).payload(SdkBytes.fromUtf8String("{\"a\":[1,\"é\"]}")).logType(LogType.TAIL));
    assertEquals(JSON.readTree("{\"got\":{\"a\":[1,\"é\"]},\"mode\":\"test\"}"), JSON.readTree(ok.payload().asUtf8String()));
    String log = new String(Base64.getDecoder().decode(ok.logResult()), StandardCharsets.UTF_8);
    assertTrue(log.contains("one line\n") && log.contains("END RequestId: ") && log.contains("REPORT RequestId: "), log);
    var bad = LAMBDA.invoke(b -> b.functionName(name).payload(SdkBytes.fromUtf8String("{\"fail\":1}")));
    JsonNode error = JSON.readTree(bad.payload().asUtf8String());
    assertEquals("Unhandled", bad.functionError());
    assertEquals("java.lang.IllegalStateException: no good", error.get("errorType").asText() + ": " + error.get("errorMessage").asText());
    assertTrue(error.get("stackTrace").get(0).asText().startsWith("Echo.handle(Echo.java:"), error::toString);
    assertEquals(202, LAMBDA.invoke(b -> b.functionName(name).invocationType(InvocationType.EVENT).payload(SdkBytes.fromUtf8String("{}"))).statusCode());
    assertThrows(ResourceConflictException.class, () -> LAMBDA.createFunction(b -> b.functionName(name).runtime("java17").handler("Echo::handle")
        .role("arn:aws:iam::000000000000:role/any").code(c -> c.zipFile(code))));
    LAMBDA.deleteFunction(b -> b.functionName(name));
    assertThrows(ResourceNotFoundException.class, () -> LAMBDA.invoke(b -> b.functionName(name)));
  }
}
