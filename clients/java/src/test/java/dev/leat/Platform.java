package dev.leat;

import java.net.URI;
import java.util.UUID;
import java.util.function.BooleanSupplier;
import software.amazon.awssdk.awscore.client.builder.AwsClientBuilder;

/** What the suites share: the platform's address, names, and patience. */
final class Platform {
  static final URI ENDPOINT = URI.create(System.getenv("AWS_ENDPOINT_URL"));

  private Platform() {}

  /** Points a client at the platform. Credentials and region come from the environment. */
  static <B extends AwsClientBuilder<B, C>, C> C client(B builder) {
    return builder.endpointOverride(ENDPOINT).build();
  }

  static String unique() {
    return "t-" + UUID.randomUUID().toString().substring(0, 13);
  }

  /** Looks until the condition holds; for what happens behind the scenes. */
  static void eventually(int seconds, BooleanSupplier condition) throws InterruptedException {
    long deadline = System.nanoTime() + seconds * 1_000_000_000L;
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() > deadline) {
        throw new AssertionError("not within " + seconds + " s");
      }
      Thread.sleep(50);
    }
  }
}
