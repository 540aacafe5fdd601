package com.example.payments;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.avro.Schema;

/** The schemas of a registry that speaks Confluent's REST API. An id never changes its meaning, so each is fetched once. */
class SchemaRegistry {
  private static final Duration TIMEOUT = Duration.ofSeconds(5);
  private static final ObjectMapper JSON = new ObjectMapper();

  private final URI url;
  private final HttpClient http = HttpClient.newBuilder().connectTimeout(TIMEOUT).build();
  private final Map<Integer, Schema> known = new ConcurrentHashMap<>();

  SchemaRegistry(URI url) {
    this.url = url;
  }

  /** @throws UncheckedIOException if the registry does not answer, or knows no such schema */
  Schema schema(int id) {
    return known.computeIfAbsent(id, this::fetch);
  }

  private Schema fetch(int id) {
    HttpRequest request = HttpRequest.newBuilder(url.resolve("/schemas/ids/" + id)).timeout(TIMEOUT)
        .header("Accept", "application/vnd.schemaregistry.v1+json").build();
    try {
      HttpResponse<String> response = http.send(request, HttpResponse.BodyHandlers.ofString());
      if (response.statusCode() != 200) {
        throw new IOException("schema " + id + ": " + response.statusCode() + " " + response.body());
      }
      return new Schema.Parser().parse(JSON.readTree(response.body()).get("schema").asText());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted", e);
    }
  }
}
