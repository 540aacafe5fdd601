package com.example.payments;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.IntFunction;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.DecoderFactory;

/**
 * Decodes messages by the schema that each names: a zero byte, the schema's id in
 * four bytes, and the value in Avro. Whatever version wrote a message, it is read
 * as the newest: fields that it lacks have their defaults.
 */
final class PaymentDecoder {
  private static final byte MAGIC = 0;
  private static final int HEADER = 5;
  private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'").withZone(ZoneOffset.UTC);
  private static final Schema READER = reader();

  private final IntFunction<Schema> writers;
  private final Map<Integer, GenericDatumReader<GenericRecord>> readers = new ConcurrentHashMap<>();

  /** @param writers the schema of an id */
  PaymentDecoder(IntFunction<Schema> writers) {
    this.writers = writers;
  }

  private static Schema reader() {
    try (InputStream in = PaymentDecoder.class.getResourceAsStream("/payment.avsc")) {
      return new Schema.Parser().parse(in);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** @throws IllegalArgumentException if the message is not a payment */
  Payment decode(ByteBuffer message) {
    ByteBuffer data = message.duplicate(); // big endian, as the id is
    if (data.remaining() < HEADER || data.get() != MAGIC) {
      throw new IllegalArgumentException("the message names no schema");
    }
    int id = data.getInt();
    byte[] value = new byte[data.remaining()];
    data.get(value);
    try {
      var reader = readers.computeIfAbsent(id, i -> new GenericDatumReader<>(writers.apply(i), READER));
      return payment(reader.read(null, DecoderFactory.get().binaryDecoder(value, null)));
    } catch (IOException | RuntimeException e) {
      throw new IllegalArgumentException("the message is not as schema " + id + " says", e);
    }
  }

  private static Payment payment(GenericRecord record) {
    Payment p = new Payment();
    p.setId(text(record, "id"));
    p.setAccount(text(record, "account"));
    p.setPayee(text(record, "payee"));
    p.setCurrency(text(record, "currency"));
    p.setReference(text(record, "reference"));
    long amount = (long) record.get("amount");
    p.setAmount(String.format("%d.%02d", amount / 100, amount % 100));
    p.setMadeAt(TIME.format(Instant.ofEpochMilli((long) record.get("madeAt"))));
    return p;
  }

  private static String text(GenericRecord record, String field) {
    return record.get(field).toString();
  }
}
