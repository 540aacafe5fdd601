package dev.leat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.awscore.client.builder.AwsClientBuilder;
import software.amazon.awssdk.regions.Region;

/**
 * A Leat of a test's own: a file to copy into your tests.
 *
 * <pre>{@code
 * static LeatFixture leat;
 *
 * @BeforeAll static void start() { leat = LeatFixture.start(); }   // or startWith(Path.of("template.yaml"))
 * @AfterAll static void stop() { leat.close(); }
 *
 * SqsClient sqs = leat.client(SqsClient.builder());                // leat.outputs(), leat.registryUrl()
 * }</pre>
 *
 * The program is the one that LEAT_BIN names, else the {@code leat} on PATH. Nothing is kept.
 */
public final class LeatFixture implements AutoCloseable {
  /** Functions of a template are built before it is ready, the first time with what they need. */
  private static final long READY_SECONDS = 300;
  private static final long STOP_SECONDS = 30;
  private static final String TEXT = "\"((?:[^\"\\\\]|\\\\.)*)\"";
  private static final Pattern ESCAPE = Pattern.compile("\\\\(?:u([0-9a-fA-F]{4})|(.))");

  private final Process process;
  private final Thread hook;
  private final String ready;

  private LeatFixture(Process process, Thread hook, String ready) {
    this.process = process;
    this.hook = hook;
    this.ready = ready;
  }

  /** Runs a platform in memory on free ports. */
  public static LeatFixture start(String... flags) {
    List<String> command = new ArrayList<>(List.of(System.getenv().getOrDefault("LEAT_BIN", "leat"),
        "up", "--memory", "--json", "--addr", "127.0.0.1:0", "--registry-addr", "127.0.0.1:0"));
    command.addAll(List.of(flags));
    try {
      return run(command);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Runs a platform with a template deployed: a file, or the folder that holds it. */
  public static LeatFixture startWith(Path template) {
    return start(template.toString());
  }

  private static LeatFixture run(List<String> command) throws IOException {
    Path log = Files.createTempFile("leat", ".log");
    Process process = new ProcessBuilder(command).redirectError(log.toFile()).start();
    Thread hook = new Thread(process::destroyForcibly); // a run that is broken off leaves nothing behind
    Runtime.getRuntime().addShutdownHook(hook);
    ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor();
    try {
      timer.schedule(process::destroyForcibly, READY_SECONDS, TimeUnit.SECONDS);
      BufferedReader out = process.inputReader();
      String line = out.readLine();
      if (line == null || !line.startsWith("{\"ready\":true")) {
        process.destroyForcibly();
        throw new IllegalStateException("leat did not become ready: " + line + "\n" + Files.readString(log));
      }
      return new LeatFixture(process, hook, line);
    } finally {
      timer.shutdownNow();
      Files.delete(log);
    }
  }

  /** The address of all AWS APIs. */
  public URI url() {
    return URI.create(member("url"));
  }

  /** The address of the schema registry. */
  public URI registryUrl() {
    return URI.create(member("registryUrl"));
  }

  /** The outputs of the template. */
  public Map<String, String> outputs() {
    Map<String, String> outputs = new LinkedHashMap<>();
    Matcher object = Pattern.compile("\"outputs\":\\{((?:" + TEXT + "|[^}\"])*)}").matcher(ready);
    if (object.find()) {
      Matcher pair = Pattern.compile(TEXT + ":" + TEXT).matcher(object.group(1));
      while (pair.find()) {
        outputs.put(unescape(pair.group(1)), unescape(pair.group(2)));
      }
    }
    return outputs;
  }

  private String member(String name) {
    Matcher m = Pattern.compile("\"" + name + "\":" + TEXT).matcher(ready);
    if (!m.find()) {
      throw new IllegalStateException("no " + name + " in " + ready);
    }
    return unescape(m.group(1));
  }

  private static String unescape(String text) {
    return ESCAPE.matcher(text).replaceAll(m -> Matcher.quoteReplacement(m.group(1) == null ? m.group(2) : String.valueOf((char) Integer.parseInt(m.group(1), 16))));
  }

  /** Points a client at the platform. */
  public <B extends AwsClientBuilder<B, C>, C> C client(B builder) {
    return builder.endpointOverride(url()).region(Region.US_EAST_1)
        .credentialsProvider(StaticCredentialsProvider.create(AwsBasicCredentials.create("test", "test"))).build();
  }

  @Override
  public void close() {
    process.destroy();
    try {
      if (!process.waitFor(STOP_SECONDS, TimeUnit.SECONDS)) {
        process.destroyForcibly().waitFor();
      }
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
    Runtime.getRuntime().removeShutdownHook(hook);
  }
}
