package com.example.payments;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import org.apache.avro.Schema;
import org.apache.avro.SchemaBuilder;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.generic.GenericRecordBuilder;
import org.apache.avro.io.EncoderFactory;
import org.junit.jupiter.api.Test;

class PaymentDecoderTest {
  /** The schema before there were references. */
  static final Schema V1 = SchemaBuilder.record("Payment").namespace("com.example.payments").fields().requiredString("id")
      .requiredString("account").requiredString("payee").requiredLong("amount").requiredString("currency").requiredLong("madeAt").endRecord();
  static final GenericRecord RECORD = new GenericRecordBuilder(V1).set("id", "p-1").set("account", "a-1").set("payee", "b-1")
      .set("amount", 1205L).set("currency", "EUR").set("madeAt", 1_700_000_000_050L).build();

  final PaymentDecoder decoder = new PaymentDecoder(id -> {
    assertEquals(7, id);
    return V1;
  });

  static ByteBuffer message(int magic, int id) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.write(ByteBuffer.allocate(5).put((byte) magic).putInt(id).array());
    var encoder = EncoderFactory.get().binaryEncoder(out, null);
    new GenericDatumWriter<GenericRecord>(V1).write(RECORD, encoder);
    encoder.flush();
    return ByteBuffer.wrap(out.toByteArray());
  }

  @Test
  void oldMessagesAreReadAsNewOnes() throws IOException {
    Payment p = decoder.decode(message(0, 7));
    assertEquals("p-1", p.getId());
    assertEquals("12.05", p.getAmount());
    assertEquals("2023-11-14T22:13:20.050Z", p.getMadeAt());
    assertEquals("", p.getReference());
  }

  @Test
  void whatIsNoPaymentIsRefused() throws IOException {
    ByteBuffer whole = message(0, 7);
    assertThrows(IllegalArgumentException.class, () -> decoder.decode(message(1, 7)));
    assertThrows(IllegalArgumentException.class, () -> decoder.decode(ByteBuffer.allocate(4)));
    assertThrows(IllegalArgumentException.class, () -> decoder.decode(whole.slice(0, whole.limit() - 4)));
  }
}
