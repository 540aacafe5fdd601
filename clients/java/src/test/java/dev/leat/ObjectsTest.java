package dev.leat;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.ByteArrayInputStream;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.ChecksumAlgorithm;
import software.amazon.awssdk.services.s3.model.NoSuchBucketException;
import software.amazon.awssdk.services.s3.model.NoSuchKeyException;
import software.amazon.awssdk.services.s3.model.S3Exception;
import software.amazon.awssdk.services.s3.model.S3Object;

/** Objects. The client sends its checksums behind chunked bodies. */
class ObjectsTest {
  static final S3Client S3 = S3Client.builder().endpointOverride(Platform.ENDPOINT).forcePathStyle(true).build();
  static final String BUCKET = Platform.unique();

  @BeforeAll
  static void create() {
    S3.createBucket(b -> b.bucket(BUCKET));
  }

  static byte[] random(int n) {
    byte[] data = new byte[n];
    new Random(n).nextBytes(data);
    return data;
  }

  @Test
  void objectsComeBackAsTheyWerePut() {
    byte[] data = random(1 << 20);
    String tag = S3.putObject(b -> b.bucket(BUCKET).key("a/b c+é").contentType("x/y").metadata(Map.of("who", "me")), RequestBody.fromBytes(data)).eTag();
    var got = S3.getObjectAsBytes(b -> b.bucket(BUCKET).key("a/b c+é"));
    assertArrayEquals(data, got.asByteArray());
    assertEquals(List.of(tag, "x/y", Map.of("who", "me")), List.of(got.response().eTag(), got.response().contentType(), got.response().metadata()));
    assertEquals(10, S3.getObjectAsBytes(b -> b.bucket(BUCKET).key("a/b c+é").range("bytes=5-14")).asByteArray().length);
    S3.putObject(b -> b.bucket(BUCKET).key("a/stream").checksumAlgorithm(ChecksumAlgorithm.SHA256),
        RequestBody.fromContentProvider(() -> new ByteArrayInputStream(data), "x/y")); // of a length the client does not know
    assertArrayEquals(data, S3.getObjectAsBytes(b -> b.bucket(BUCKET).key("a/stream")).asByteArray());
    var listed = S3.listObjectsV2Paginator(b -> b.bucket(BUCKET).prefix("a/").maxKeys(1)).contents().stream().map(S3Object::key).toList();
    assertEquals(List.of("a/b c+é", "a/stream"), listed);
    S3.deleteObject(b -> b.bucket(BUCKET).key("a/stream"));
    assertThrows(NoSuchKeyException.class, () -> S3.getObject(b -> b.bucket(BUCKET).key("a/stream")));
  }

  @Test
  void errorsHaveTheirTypes() {
    assertThrows(NoSuchBucketException.class, () -> S3.listObjectsV2(b -> b.bucket("missing-" + BUCKET)));
    // us-east-1 alone says yes to a second creation by the owner.
    S3.createBucket(b -> b.bucket(BUCKET));
    S3Exception e = assertThrows(S3Exception.class, () -> S3.putObject(b -> b.bucket(BUCKET).key("k").checksumCRC32("AAAAAA=="), RequestBody.fromString("text")));
    assertEquals(400, e.statusCode());
  }
}
